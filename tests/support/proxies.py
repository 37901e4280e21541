"""A proxy on loopback in front of Postgres, which loses its connections at one chosen request.

It knows as much of the protocol as it takes to count requests: a start-up packet, or a message that Postgres answers
with ReadyForQuery (a simple Query, or the Sync that ends an extended one). See the Postgres documentation, "Message
Formats".
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.postgres import Postgres

When = Literal["before", "after"]
_ASKS = b"QS"  # the types of messages that are answered with ReadyForQuery
_READY = b"Z"
_WATCHES = b"pg_stat_get_activity"  # how often a gate looks there depends on the clock: such requests are not counted


@dataclass(slots=True)
class Cutter:
    """The proxy. Requests are counted from 1 over all of its connections, in the order in which they arrive.

    Args:
        target: the path of Postgres' socket.
        cut_at: the request at which the connection is lost; 0 for none.
        when: before Postgres gets the request, or after Postgres has done it and before its answer comes back.
        for_good: whether nothing listens any more from then on.
        port: where to listen; 0 for any that is free.
    """

    target: str
    cut_at: int = 0
    when: When = "before"
    for_good: bool = False
    requests: list[str] = field(default_factory=list)
    port: int = 0
    _listener: socket.socket = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = int(self._listener.getsockname()[1])

    def dsn(self, database: str) -> str:
        """The address of a database by way of the proxy, which is no server for TLS or GSSAPI."""
        return f"postgresql://app@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    def serve(self) -> None:
        """Take connections until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.target)
                self._open += [client, server]
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def close(self) -> None:
        """Refuse whatever comes, and lose what is there."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for held in self._open:
            _lose(held)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """What the client sends, message by message; a thread of its own carries back what is answered."""
        hold = threading.Event()  # from then on the client hears nothing
        answered = threading.Event()
        back = threading.Thread(target=_carry_back, args=(server, client, hold, answered), daemon=True)
        back.start()
        with suppress(OSError, EOFError):
            kind, message = b"", _read_packet(client, b"")
            while True:
                asks = (not kind or kind in _ASKS) and _WATCHES not in message
                if asks and self._is_the_one(kind.decode() + _shown(message)):
                    if self.when == "after":
                        answered.clear()
                        hold.set()
                        server.sendall(message)
                        answered.wait(30)
                    if self.for_good:
                        self.close()
                    break
                server.sendall(message)
                kind = _read(client, 1)
                message = _read_packet(client, kind)
        _lose(client)
        _lose(server)

    def _is_the_one(self, request: str) -> bool:
        with self._lock:
            self.requests.append(request)
            return len(self.requests) == self.cut_at


def _shown(message: bytes) -> str:
    return message[5:85].decode("utf-8", "replace")


def _read(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        received = source.recv(size - len(data))
        if not received:
            raise EOFError
        data += received
    return data


def _read_packet(source: socket.socket, kind: bytes) -> bytes:
    length = _read(source, 4)
    return kind + length + _read(source, struct.unpack("!i", length)[0] - 4)


def _carry_back(server: socket.socket, client: socket.socket, hold: threading.Event, answered: threading.Event) -> None:
    with suppress(OSError, EOFError):
        while True:
            kind = _read(server, 1)
            message = _read_packet(server, kind)
            if kind == _READY:
                answered.set()
            if not hold.is_set():
                client.sendall(message)
    answered.set()
    _lose(client)


def _lose(held: socket.socket) -> None:
    with suppress(OSError):
        held.shutdown(socket.SHUT_RDWR)
    held.close()


@contextmanager
def cutting(
    postgres: Postgres, cut_at: int = 0, when: When = "before", *, for_good: bool = False, port: int = 0
) -> Iterator[Cutter]:
    """A proxy in front of a Postgres, for the time of the block."""
    cutter = Cutter(str(postgres.directory / ".s.PGSQL.5432"), cut_at, when, for_good, port=port)
    threading.Thread(target=cutter.serve, daemon=True).start()
    try:
        yield cutter
    finally:
        cutter.close()


# BackendKeyData, by which a client cancels: a pooler makes it up, since its sessions are handed on.
_KEY = re.compile(rb"K\x00\x00\x00\x0c(.{4})(.{4})", re.DOTALL)


@contextmanager
def pooling(postgres: Postgres) -> Iterator[int]:
    """The port of a proxy that names another process than the one that answers, as poolers do."""

    def forward(source: socket.socket, target: socket.socket, *, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                made_up = _KEY.sub(lambda found: b"K\x00\x00\x00\x0c\x00\x00\x00\x01" + found[2], data)
                target.sendall(made_up if answers else data)
            target.shutdown(socket.SHUT_RDWR)

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(postgres.directory / ".s.PGSQL.5432"))
                for ends, answers in (((client, server), False), ((server, client), True)):
                    threading.Thread(target=forward, args=ends, kwargs={"answers": answers}, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
