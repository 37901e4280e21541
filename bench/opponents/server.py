"""A create route that costs next to nothing, so that what is measured is the client: no framework, no database.

    python server.py DELAY

POST answers 201 with an id and a token of version 4, so many seconds after it came. GET answers 200 and says how many
POSTs came since the last GET of /reset, and how many of them waited at the same time. Prints its URL; ends when its
standard input does.
"""

from __future__ import annotations

import asyncio
import sys
import uuid

DELAY_S = float(sys.argv[1])


class Count:
    """What came since the last reset."""

    posts = waiting = most = 0


class Created(asyncio.Protocol):
    """One connection, kept alive as long as the client wants it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin without a request."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.got = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request; bodies come with a Content-Length."""
        self.got += data
        while (end := self.got.find(b"\r\n\r\n")) >= 0:
            head = self.got[:end].lower()
            announced = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            whole = end + 4 + int(announced or 0)
            if len(self.got) < whole:
                return
            self.got = self.got[whole:]
            if not head.startswith(b"post"):
                self.say(b"200 OK", b'{"posts": %d, "most": %d}' % (Count.posts, Count.most))
                if head.startswith(b"get /reset"):
                    Count.posts = Count.most = 0
                continue
            Count.posts += 1
            Count.waiting += 1
            Count.most = max(Count.most, Count.waiting)
            if DELAY_S:
                asyncio.get_running_loop().call_later(DELAY_S, self.create, Count.posts)
            else:
                self.create(Count.posts)

    def create(self, number: int) -> None:
        """Answer a POST."""
        Count.waiting -= 1
        body = b'{"id": %d, "name": "x", "public_token": "%s", "require_auth": false}'
        self.say(b"201 Created", body % (number, str(uuid.uuid4()).encode()))

    def say(self, status: bytes, body: bytes) -> None:
        """Send an answer."""
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)


async def main() -> None:
    """Serve until whoever started it is gone."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Created, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
