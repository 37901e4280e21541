"""Serves an app on a free port of 127.0.0.1, from a thread, so that it ends with this process at the latest."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol


class ProtocolWithTransport(H11Protocol):
    """Lets a handler reach the connection itself, as `request.state.transport`, to answer what no framework would."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class AppDidNotStart(Exception):
    """The app failed while it was starting."""


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The app's URL, e.g. http://127.0.0.1:43210, for the time of the block. Raises AppDidNotStart."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    # asyncio sets it on sockets of its own making only. Without, the body of an answer may wait 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each connection inherits it
    config = uvicorn.Config(
        app,
        http=ProtocolWithTransport,
        ws="none",
        lifespan="on",
        loop="asyncio",
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,  # a fault may be sleeping
    )
    server = AnnouncingServer(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        server.settled.wait()
        if not server.started:
            raise AppDidNotStart("the app ended while it was starting")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class AnnouncingServer(uvicorn.Server):
    """uvicorn's server, which tells when it has started or failed to, so that nobody has to poll for it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()
