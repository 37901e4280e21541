"""Answers that faults give instead of the app's own, down to the ones that no framework would send."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

LOGIN_PAGE = """<!doctype html><html><head><title>Log in</title></head>
<body><form action="/login" method="post"><input name="user"><input name="password" type="password">
<button>Log in</button></form></body></html>"""


def body_of(response: Response) -> dict[str, Any]:
    """The JSON object of a response that the app has made."""
    body: dict[str, Any] = json.loads(bytes(response.body))
    return body


def changed(response: Response, **values: Any) -> Response:
    """The same response with other values in its JSON object. An answer that is not a 201 stays as it is."""
    if response.status_code != 201:
        return response
    return JSONResponse(body_of(response) | values, status_code=response.status_code)


def error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """A JSON error."""
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def page(html: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An HTML page."""
    return HTMLResponse(html, status_code=status, headers=headers)


def duplicate_key(request: Request) -> Response:
    """The answer of the original bug."""
    return error(
        500,
        'duplicate key value violates unique constraint "chatbots_public_token_key"'
        " DETAIL: Key (public_token)=(k3x9ab) already exists. (SQLSTATE 23505)",
    )


class Raw(Response):
    """Writes these pieces to the connection as they are, with a pause before each, and then drops it."""

    def __init__(self, pieces: Iterable[bytes] = (), pause_s: float = 0.0) -> None:
        super().__init__()
        self.pieces = pieces
        self.pause_s = pause_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["state"]["transport"]
        sent_anything = False
        for piece in self.pieces:
            await asyncio.sleep(self.pause_s)
            if transport.is_closing():
                break
            transport.write(piece)
            sent_anything = True
        if sent_anything:
            transport.close()  # what was written is delivered first
        else:
            # A lingering time of 0 makes the kernel send RST instead of FIN.
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        # uvicorn sends a 500 for an app that returns without an answer, unless it knows that the client is gone.
        while (await receive())["type"] != "http.disconnect":
            pass
