"""The deadline of one exchange: a watch that ends whatever socket it waits on."""

from __future__ import annotations

import math
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.connection import HTTPConnection

    from harness.http.reply import Reply
under_way_here = threading.local()  # `budget`: that of the exchange which this thread is in


class _Watch:
    """Spends each budget when its time is up. One thread for all: a timer of its own costs each exchange a thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way: set[Budget] = set()
        self._wakes_s = math.inf  # the reading of time.monotonic() that the thread sleeps until
        self._thread: threading.Thread | None = None

    def begin(self, budget: Budget) -> None:
        """Watch over a budget."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._spend_in_time, name="exchanges in time", daemon=True)
                self._thread.start()
            self._under_way.add(budget)
            if budget.until_s < self._wakes_s:
                self._changed.notify()

    def end(self, budget: Budget) -> None:
        """Let it go."""
        with self._changed:
            self._under_way.discard(budget)

    def all(self) -> list[Budget]:
        """Those of the exchanges that are under way."""
        with self._changed:
            return list(self._under_way)

    def _spend_in_time(self) -> None:
        while True:
            with self._changed:
                self._wakes_s = min((b.until_s for b in self._under_way), default=math.inf)
                left_s = self._wakes_s - time.monotonic()
                if left_s > 0:
                    self._changed.wait(None if left_s == math.inf else min(left_s, threading.TIMEOUT_MAX))
                now_s = time.monotonic()
                spent = {b for b in self._under_way if b.until_s <= now_s}
                self._under_way -= spent
            for budget in spent:
                with suppress(Exception):  # the others have this thread only
                    budget.spend()


_watch = _Watch()


def abandon_exchanges() -> None:
    """End every exchange of this process now, as if its time were up: nobody wants to know any more how it ends."""
    for budget in _watch.all():
        budget.spend()


class Budget:
    """Knows the socket of the exchange under way in this thread, and shuts it down when the time is up."""

    def __init__(self, seconds: float, reply: Reply, hold: Callable[[], None] | None) -> None:
        self._seconds = seconds
        self._reply = reply
        self._hold = hold
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._over = False
        self.spent = False
        self.sent = False  # whether a byte of the request may have left
        self.until_s = time.monotonic() + seconds

    def __enter__(self) -> Budget:
        under_way_here.budget = self
        _watch.begin(self)
        return self

    def __exit__(self, *_: object) -> None:
        under_way_here.budget = None
        _watch.end(self)
        with self._lock:  # a socket that went back to its pool is not ours to shut down
            self._over = True

    def wait_before(self, connection: HTTPConnection) -> None:
        """Before the first bytes leave: open the connection, and wait to be let go. The time begins then."""
        if self._hold is None:
            return
        hold, self._hold = self._hold, None
        if connection.sock is None:
            connection.connect()
        self.until_s = math.inf
        hold()
        if not connection.is_connected:  # the server closed it meanwhile; http.client's own close() forgets the request
            connection.sock.close()
            connection.sock = None
            connection.connect()
        self._reply.started_s = time.monotonic()
        self.until_s = self._reply.started_s + self._seconds
        _watch.begin(self)

    def watch(self, connection: HTTPConnection) -> None:
        """This is the connection of the exchange."""
        self._connection = connection

    def keep_socket(self) -> None:
        """http.client forgets its socket when the answer closes the connection; the answer is still being read."""
        if self._connection is not None:
            self._socket = self._connection.sock

    def spend(self) -> None:
        """Shut the socket down, whatever the exchange is doing."""
        with self._lock:
            if self._over:
                return
            self.spent = True
            held = self._socket or (self._connection.sock if self._connection is not None else None)
            if held is not None:
                with suppress(OSError):
                    # below TLS: an SSLSocket's own method would forget its state
                    socket.socket.shutdown(held, socket.SHUT_RDWR)
