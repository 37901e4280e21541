"""One HTTP exchange with requests: no retry, no redirect, bounded headers and body, a budget for all of it.

requests' own time-out is per socket read, so a server that trickles outlives it. Here a thread that watches over all
exchanges shuts the socket down when the budget is spent, whatever the exchange is doing: waiting for headers, inside a
body, or inside TLS.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from harness.history import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LARGEST_BODY = 1024 * 1024  # bytes, after decoding
LARGEST_HEAD = 128 * 1024  # bytes of status and headers; http.client alone would hold a hundred headers of 64 KiB
LARGEST_COOKIE = 4096  # bytes, and so many of them: what RFC 6265 section 6.1 asks of a browser
MOST_COOKIES = 50
_current = threading.local()


@dataclass(slots=True)
class Reply:
    """How an exchange ended. `problem` is None where a whole answer was read; then `status` is set.

    `started_s` and `ended_s` are readings of `time.monotonic()`.
    """

    started_s: float
    ended_s: float = 0.0
    problem: Problem | None = None
    error: str = ""
    status: int | None = None
    headers: CaseInsensitiveDict[str] = field(default_factory=CaseInsensitiveDict)
    body: bytes = b""


class Withheld(BaseException):
    """A request that was held back is not to be sent any more. It is no Exception: those are outcomes of a POST."""


class _Watch:
    """Spends each budget when its time is up. One thread for all: a timer of its own costs each exchange a thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way: set[_Budget] = set()
        self._wakes_s = math.inf  # the reading of time.monotonic() that the thread sleeps until
        self._thread: threading.Thread | None = None

    def begin(self, budget: _Budget) -> None:
        """Watch over a budget."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._spend_in_time, name="exchanges in time", daemon=True)
                self._thread.start()
            self._under_way.add(budget)
            if budget.until_s < self._wakes_s:
                self._changed.notify()

    def end(self, budget: _Budget) -> None:
        """Let it go."""
        with self._changed:
            self._under_way.discard(budget)

    def all(self) -> list[_Budget]:
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


class _Budget:
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
        self.until_s = time.monotonic() + seconds

    def __enter__(self) -> _Budget:
        _current.budget = self
        _watch.begin(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.budget = None
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


class _Watched:
    """Makes a urllib3 connection known to the budget of the thread that uses it."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        budget: _Budget | None = getattr(_current, "budget", None)
        if budget is not None:
            budget.watch(self)  # type: ignore[arg-type]  # mixed into connections only
        super().request(*args, **kwargs)  # type: ignore[misc]

    def connect(self) -> None:
        """Connect; if resolving the name alone has used up the budget, nothing is sent any more."""
        super().connect()  # type: ignore[misc]
        budget: _Budget | None = getattr(_current, "budget", None)
        if budget is not None and budget.spent:
            self.close()  # type: ignore[attr-defined]
            raise TimeoutError("the time was up before the request could be sent")

    def send(self, data: Any) -> None:
        budget: _Budget | None = getattr(_current, "budget", None)
        if budget is not None:
            budget.wait_before(self)  # type: ignore[arg-type]  # mixed into connections only
        super().send(data)  # type: ignore[misc]

    def getresponse(self) -> Any:
        budget: _Budget | None = getattr(_current, "budget", None)
        if budget is not None:
            budget.keep_socket()
        return super().getresponse()  # type: ignore[misc]


class _Lines(io.BufferedReader):
    """Reads what a server sends; the lines of a head are bounded together."""

    left: float = LARGEST_HEAD

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.left -= len(line)
        if self.left < 0:
            raise http.client.HTTPException(f"got more than {LARGEST_HEAD // 1024} KiB of headers")
        return line


class _Response(http.client.HTTPResponse):
    """Passes over every interim answer (RFC 9110 section 15.2); http.client itself knows 100 only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp: Any = _Lines(self.fp.detach())

    def begin(self) -> None:
        super().begin()
        if self.fp is not None:
            self.fp.left = float("inf")  # lines that separate chunks

    def _read_status(self) -> tuple[str, int, str]:
        self.fp.left = LARGEST_HEAD
        version, status, reason = super()._read_status()  # type: ignore[misc]  # the only place to do it in
        return version, http.HTTPStatus.CONTINUE if 102 <= status < 200 else status, reason


class _WatchedHTTP(_Watched, HTTPConnection):
    response_class = _Response


class _WatchedHTTPS(_Watched, HTTPSConnection):
    response_class = _Response


class _PoolHTTP(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTP


class _PoolHTTPS(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPS


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PoolHTTP, "https": _PoolHTTPS}


class _Cookies(RequestsCookieJar):
    """Keeps no more cookies than a browser: every request would send them back, and reports are searched for them."""

    def set_cookie(self, cookie: Any, *args: Any, **kwargs: Any) -> Any:
        place = (cookie.domain, cookie.path, cookie.name)
        fits = len(cookie.name) + len(cookie.value or "") <= LARGEST_COOKIE
        if fits and (len(self) < MOST_COOKIES or place in ((c.domain, c.path, c.name) for c in self)):
            return super().set_cookie(cookie, *args, **kwargs)
        return None


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.cookies: RequestsCookieJar = _Cookies()

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: even when it does not follow, requests reads a redirect's whole body and parses where it leads."""
        return None


def new_session(ca_file: Path | None = None) -> requests.Session:
    """A session that takes nothing from its surroundings (proxies, netrc) and never repeats a request.

    Certificates are always verified: against the authorities in `ca_file` (PEM), or else the public ones (certifi).
    """
    session = _Session()
    session.trust_env = False
    if ca_file is not None:
        session.verify = str(ca_file)
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(max_retries=0))
    return session


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    timeout_s: float,
    headers: dict[str, str] | None = None,
    json: Any = None,
    hold: Callable[[], None] | None = None,
) -> Reply:
    """Send one request and read its answer within `timeout_s`. Never raises: every ending is a `Reply`.

    `hold` is called when the request is made and its connection open, so that all that is left to do is to write; it
    returns when it may leave, and its time begins then, or raises `Withheld`, which alone comes through.
    """
    reply = Reply(started_s=time.monotonic())
    with _Budget(timeout_s, reply, hold) as budget:
        try:
            _read(session, method, url, reply, timeout_s=timeout_s, headers=headers, json=json)
        except Exception as error:  # whatever a hostile server provokes is an outcome of this POST
            reply.problem, reply.error = _sorted(error)
            if reply.problem is Problem.NO_ANSWER and reply.status is not None:
                reply.problem, reply.error = Problem.CUT, "the answer ended before its announced end"
        reply.ended_s = time.monotonic()
    if budget.spent:
        # A body without a length ends like a whole one when its socket is shut down.
        reply.problem = Problem.TIMED_OUT
        reply.error = f"no whole answer within {timeout_s:g} s" + (
            f" (the status was {reply.status})" if reply.status is not None else ""
        )
    return reply


def _read(session: requests.Session, method: str, url: str, reply: Reply, *, timeout_s: float, **send: Any) -> None:
    response = session.request(method, url, timeout=timeout_s, allow_redirects=False, stream=True, **send)
    try:
        reply.status = response.status_code
        reply.headers = response.headers
        body = bytearray()
        for chunk in response.raw.stream(65536, decode_content=True):
            body += chunk
            if len(body) > LARGEST_BODY:
                reply.problem = Problem.TOO_LARGE
                reply.error = f"{reply.status} with a body of more than {LARGEST_BODY // 1024} KiB"
                break
        del body[LARGEST_BODY:]
        reply.body = bytes(body)
    finally:
        response.close()


def _sorted(error: Exception) -> tuple[Problem, str]:
    """Which ending an exception stands for. Wrapped exceptions say it better than their wrappers."""
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
            return Problem.TLS, f"TLS failed: {_innermost(chain)}"
        if isinstance(cause, urllib3.exceptions.NameResolutionError):
            return Problem.UNRESOLVED, f"host not found: {_innermost(chain)}"
        if isinstance(cause, urllib3.exceptions.NewConnectionError):  # to urllib3 a kind of time-out
            return Problem.REFUSED, f"no connection: {_innermost(chain)}"
        if isinstance(cause, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
            return Problem.TIMED_OUT, "no answer within the time-out"
        if isinstance(cause, urllib3.exceptions.DecodeError):
            return Problem.NOT_JSON, "the body is not encoded as its Content-Encoding says"
    return Problem.NO_ANSWER, f"the connection was lost: {_innermost(chain)}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending = [error]
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
        pending.extend(item for item in inner if isinstance(item, BaseException))


def _innermost(chain: list[BaseException]) -> str:
    last = next((e for e in reversed(chain) if isinstance(e, OSError) and e.strerror), chain[-1])
    return f"{type(last).__name__}: {getattr(last, 'strerror', None) or last}"
