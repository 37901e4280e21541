"""Small real servers on loopback. Each answers every request in one way, most of them hostile, and counts requests.

An answer is a function of a `Request`: it writes bytes to the request's socket, and returns True to keep the connection
open for another request. What goes on for long (`trickle`, `flood`) ends when the client goes, when the server is
closed, or after a bounded number of steps.
"""

from __future__ import annotations

import base64
import itertools
import json
import select
import socket
import ssl
import struct
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.histories import TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRICKLES_FOR_S = 60.0  # far longer than any budget of a test
_PAUSE_S = 0.05
_PATIENCE_S = 20.0  # for a client that says nothing


@dataclass(slots=True)
class Request:
    """One request that arrived, and the socket to answer on. `headers` have lower-case names."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket
    number: int  # on its connection, from 1
    server: Server

    def send(self, data: bytes) -> None:
        """Write bytes."""
        self.connection.sendall(data)

    def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        """Write a whole answer with its Content-Length."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def created(self, document: Any) -> bool:
        """Write a 201 with a JSON body, and keep the connection."""
        self.answer("201 Created", json.dumps(document).encode(), "Content-Type: application/json")
        return True

    def trickle(self, data: bytes) -> None:
        """Write the same few bytes again and again, slowly, for far longer than anybody waits."""
        for _ in range(round(TRICKLES_FOR_S / _PAUSE_S)):
            self.send(data)
            if self.server.closed.wait(_PAUSE_S) or self._is_given_up():
                return

    def _is_given_up(self) -> bool:
        """Whether the client has closed: what came after that would reset what it has not read yet."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.server.tls is None and not self.connection.recv(1, socket.MSG_PEEK)

    def flood(self, data: bytes, megabytes: int) -> None:
        """Write the same bytes as fast as they are taken, up to a limit."""
        for _ in range(megabytes * 1024 * 1024 // len(data)):
            if self.server.closed.is_set():
                return
            self.send(data)

    def reset(self) -> None:
        """Close so that the client receives a reset (RST) instead of an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


@dataclass(slots=True)
class Server:
    """What arrived at a server. `broken` holds exceptions of its answers that are not the client's going away."""

    answer: Callable[[Request], bool | None]
    listener: socket.socket
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    closed: threading.Event = field(default_factory=threading.Event)
    broken: list[BaseException] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}"

    def of(self, method: str) -> list[Request]:
        """The requests of a method, in the order of their arrival."""
        return [request for request in self.requests if request.method == method]

    def _accept(self, after_s: float) -> None:
        if after_s and self.closed.wait(after_s):
            return
        with suppress(OSError):  # closed before anybody came: accept() says the same
            self.listener.listen(128)
        while (connection := self._accepted()) is not None:
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        """As a blocking worker: one connection after the other, each to its end."""
        while (connection := self._accepted()) is not None:
            self._serve(connection)

    def _accepted(self) -> socket.socket | None:
        try:
            connection, _ = self.listener.accept()
        except OSError:  # closed
            return None
        with self._lock:
            self.connections += 1
            self._sockets.append(connection)
        connection.settimeout(_PATIENCE_S)
        return None if self.closed.is_set() else connection

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._sockets.append(connection)
            number = 1
            while (request := self._read(connection, number)) is not None:
                with self._lock:
                    self.requests.append(request)
                if not self.answer(request):
                    break
                number += 1
        except OSError:
            pass  # the client went away, as it should from a hostile server
        except BaseException as error:  # for `serving` to raise
            self.broken.append(error)
        finally:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _read(self, connection: socket.socket, number: int) -> Request | None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
            if not data[:1].isupper():  # not HTTP: a TLS handshake
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return None
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            body += connection.recv(65536)
        return Request(method, target, headers, body, connection, number, self)


@contextmanager
def serving(
    answer: Callable[[Request], bool | None],
    tls: ssl.SSLContext | None = None,
    *,
    refuses_for_s: float = 0.0,
    workers: int = 0,
) -> Iterator[Server]:
    """A server that answers so, as long as the block lasts; at first it may refuse connections for a while.

    Each connection has a thread of its own, or with `workers` one of so many, which serves it to its end.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        if not refuses_for_s:
            listener.listen(128)
        server = Server(answer, listener, tls)
        work, of = (server._work, ()) if workers else (server._accept, (refuses_for_s,))
        accepting = [threading.Thread(target=work, args=of, daemon=True) for _ in range(workers or 1)]
        for thread in accepting:
            thread.start()
        try:
            yield server
        finally:
            server.closed.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            listener.close()
            for connection in server._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in [*accepting, *server._threads]:
                thread.join(_PATIENCE_S)
        if server.broken:
            raise server.broken[0]


def creating(request: Request) -> bool:
    """Answer GET with 200 and POST as asked."""
    if request.method == "GET":
        request.answer("200 OK")
        return True
    number = len(request.server.of("POST"))
    return request.created({"id": number, "public_token": TOKENS[number % len(TOKENS)]})


def in_turn(*answers: Callable[[Request], bool | None]) -> Callable[[Request], bool | None]:
    """Answer the first request with the first of these, and so on; the last one answers all that follow."""
    numbers = itertools.count()

    def answer(request: Request) -> bool | None:
        return answers[min(next(numbers), len(answers) - 1)](request)

    return answer


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a port that is taken but does not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


# A self-signed certificate for 127.0.0.1 and its key, made for these tests alone; valid from 2020 to 2120.
_CERTIFICATE = """
MIIBWjCCAQCgAwIBAgIBATAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhsb29wYmFjazAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEw
MTAwMDAwMFowEzERMA8GA1UEAwwIbG9vcGJhY2swWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARj9PnJn1hkvuiYCSBn5XIOuhfW
v473fipUpdM65b4wkZ4OP7GWAdZqx60P/C8WMoA9pIDZp6QOdY+QyTsg2cYgo0MwQTAPBgNVHREECDAGhwR/AAABMA8GA1UdEwEB
/wQFMAMBAf8wHQYDVR0OBBYEFJo2HJM+auR3+azLLuQYcdOgfFIcMAoGCCqGSM49BAMCA0gAMEUCIA7LvqRIak6XWMtB8YrvWCAX
74qoxSUcl4/2ZyPwqBl0AiEA/3tzHpHMbtwxJVZ4kZHt2XDEbBjaAyanWuCkp8apk28=
"""
_KEY = """
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeKFW+b9+vFx2/8ol66mRqriSqwoFMTH7fN7wClxK91qhRANCAARj
9PnJn1hkvuiYCSBn5XIOuhfWv473fipUpdM65b4wkZ4OP7GWAdZqx60P/C8WMoA9pIDZp6QOdY+QyTsg2cYg
"""


@contextmanager
def certificate() -> Iterator[tuple[ssl.SSLContext, str]]:
    """A server's TLS context with a self-signed certificate, and its path for those who trust it."""
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "certificate.pem"
        key = ssl.DER_cert_to_PEM_cert(base64.b64decode(_KEY)).replace("CERTIFICATE", "PRIVATE KEY")
        chain.write_text(ssl.DER_cert_to_PEM_cert(base64.b64decode(_CERTIFICATE)) + key, encoding="ascii")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        yield context, str(chain)
