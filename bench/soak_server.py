"""Answers every POST at once with a new id and a new version 4 UUID; prints its URL. For `bench.soak`."""

from __future__ import annotations

import asyncio
import itertools
from uuid import uuid4

_IDS = itertools.count(1)


class Created(asyncio.Protocol):
    """One connection; requests come one after another, with a Content-Length or without a body."""

    def __init__(self) -> None:
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            head = self._got[:end].lower()
            _, _, rest = head.partition(b"content-length:")
            whole = end + 4 + int(rest.split(b"\r\n", 1)[0] or 0)
            if len(self._got) < whole:
                return
            self._got = self._got[whole:]
            if head.startswith(b"get"):
                self._answer(b"200 OK", b"{}")
            else:
                self._answer(b"201 Created", b'{"id": %d, "public_token": "%s"}' % (next(_IDS), str(uuid4()).encode()))

    def _answer(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)


async def main() -> None:
    """Serve until somebody ends it."""
    server = await asyncio.get_running_loop().create_server(Created, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
