"""One POST by way of locust's FastHttpUser: sent once whatever happens, bounded in time and in what is read.

geventhttpclient sends a request again on another connection in some of its versions and for some requests. Here each
exchange is given one connection; a second one that is asked for ends it instead.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import certifi
import gevent
import urllib3
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.response import HTTPParseError
from requests.structures import CaseInsensitiveDict

from harness.exchange import LARGEST_BODY, LARGEST_HEAD, Reply
from harness.history import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geventhttpclient.connectionpool import ConnectionPool
    from geventhttpclient.url import URL
    from locust.contrib.fasthttp import LocustUserAgent

LONGEST_IDLE_S = 2.0  # servers close a connection that idles for 4 s or more, and a POST may cross with that
EVERY_STATUS = frozenset(range(100, 1000))  # what a status means is `harness.answers` to say
_CHUNKED = 8  # how many times its length a body may take up as chunks of a few bytes


class TimeUp(BaseException):
    """The time for an exchange is over. Nothing on the way takes it for an error of the connection."""


class _NotConnected(Exception):
    def __init__(self, problem: Problem, said: str) -> None:
        super().__init__(said)
        self.problem = problem


class _Twice(Exception):
    """A request would be sent a second time."""


class _TooMuch(Exception):
    """More came than is read."""


class _Bounded:
    """A socket that is read no further than `left` bytes."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.left = LARGEST_HEAD
        self.used_s = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def recv(self, size: int) -> bytes:
        data: bytes = self.inner.recv(size)
        self.left -= len(data)
        self.used_s = time.monotonic()
        if self.left < 0:
            raise _TooMuch
        return data


class OneEach(HTTPClientPool):
    """Connections to one deployment of one user; each exchange gets one of them."""

    def __init__(self, timeout_s: float, context: Callable[[], ssl.SSLContext]) -> None:
        super().__init__(
            concurrency=1,
            connection_timeout=timeout_s,
            network_timeout=timeout_s,
            ssl_context_factory=lambda **_: context(),
        )
        self._taken: _Bounded | None = None

    def get_client(self, url: str | URL) -> HTTPClient:
        """The client for a URL, its connections watched."""
        client = super().get_client(url)
        pool = client._connection_pool  # there is no public way to it
        if "get_socket" not in vars(pool):
            unwatched = pool.get_socket
            pool.get_socket = lambda: self._take(pool, unwatched)  # type: ignore[method-assign]
        return client

    def begin(self) -> None:
        """A new exchange, which may take a connection."""
        self._taken = None

    def read_body(self) -> None:
        """The head of the answer is there; so much more may follow."""
        if self._taken is not None:
            self._taken.left = _CHUNKED * LARGEST_BODY

    def _take(self, pool: ConnectionPool, unwatched: Callable[[], Any]) -> _Bounded:
        if self._taken is not None:
            raise _Twice("the connection was lost, and nothing is sent a second time")
        try:
            held = unwatched()
            while isinstance(held, _Bounded) and time.monotonic() - held.used_s > LONGEST_IDLE_S:
                pool.release_socket(held)
                held = unwatched()
        except (OSError, RuntimeError) as error:
            raise _not_connected(error) from error
        self._taken = held if isinstance(held, _Bounded) else _Bounded(held)
        self._taken.left = LARGEST_HEAD
        return self._taken


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificates against the authorities in a PEM file, or else the public ones (certifi)."""
    return ssl.create_default_context(cafile=str(ca_file) if ca_file is not None else certifi.where())


def _not_connected(error: OSError | RuntimeError) -> _NotConnected:
    said = f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
    if isinstance(error, ssl.SSLError):
        return _NotConnected(Problem.TLS, f"TLS failed: {type(error).__name__}: {error}")
    if isinstance(error, (socket.gaierror, RuntimeError, UnicodeError)):
        return _NotConnected(Problem.UNRESOLVED, f"host not found: {said}")
    if isinstance(error, TimeoutError):
        return _NotConnected(Problem.TIMED_OUT, "no answer within the time-out")
    return _NotConnected(Problem.REFUSED, f"no connection: {said}")


def post(
    agent: LocustUserAgent, pool: OneEach, url: str, body: bytes, headers: dict[str, str], *, timeout_s: float
) -> Reply:
    """Send one POST and read its answer within `timeout_s`; `pool` is the agent's. Every ending is a `Reply`."""
    reply = Reply(started_s=time.monotonic())
    pool.begin()
    try:
        with gevent.Timeout(timeout_s, TimeUp):
            _read(agent, pool, url, body, headers, reply)
    except TimeUp:
        reply.problem = Problem.TIMED_OUT
        said = f" (the status was {reply.status})" if reply.status is not None else ""
        reply.error = f"no whole answer within {timeout_s:g} s{said}"
    except Exception as error:  # whatever a hostile server provokes is an outcome of this POST
        reply.problem, reply.error = _sorted(getattr(error, "original", None) or error, reply)
    reply.ended_s = time.monotonic()
    if reply.problem is not None:
        pool.close()  # whatever state its connection is in
    return reply


def _read(agent: LocustUserAgent, pool: OneEach, url: str, body: bytes, headers: dict[str, str], reply: Reply) -> None:
    answer = agent.urlopen(url, "POST", headers=headers, payload=body, max_retries=0, max_redirects=0)
    reply.status = answer.status_code
    reply.headers = CaseInsensitiveDict(answer.headers.items())
    pool.read_body()
    read = bytearray()
    while piece := answer.stream.read(65536):
        read += piece
        if len(read) > LARGEST_BODY:
            break
    answer.release()
    encoding = reply.headers.get("Content-Encoding", "identity")
    reply.body = bytes(read) if encoding.lower() == "identity" else _decoded(bytes(read), encoding)
    if max(len(read), len(reply.body)) > LARGEST_BODY:
        reply.problem = Problem.TOO_LARGE
        reply.error = f"{reply.status} with a body of more than {LARGEST_BODY // 1024} KiB"
        reply.body = reply.body[:LARGEST_BODY]


def _decoded(read: bytes, encoding: str) -> bytes:
    """As the gate decodes it: by urllib3, and not much further than is kept."""
    answer = urllib3.HTTPResponse(io.BytesIO(read), {"Content-Encoding": encoding}, preload_content=False)
    body = bytearray()
    for piece in answer.stream(65536, decode_content=True):
        body += piece
        if len(body) > LARGEST_BODY:
            break
    return bytes(body)


def _sorted(error: BaseException, reply: Reply) -> tuple[Problem, str]:
    """Which ending an exception stands for."""
    if isinstance(error, _NotConnected):
        return error.problem, str(error)
    if isinstance(error, urllib3.exceptions.DecodeError):
        return Problem.NOT_JSON, "the body is not encoded as its Content-Encoding says"
    if isinstance(error, _TooMuch):
        if reply.status is None:
            return Problem.NO_ANSWER, f"the connection was lost: got more than {LARGEST_HEAD // 1024} KiB of headers"
        return Problem.TOO_LARGE, f"{reply.status} with a body of more than {LARGEST_BODY // 1024} KiB"
    if isinstance(error, TimeoutError):
        return Problem.TIMED_OUT, "no answer within the time-out"
    if reply.status is not None:
        return Problem.CUT, "the answer ended before its announced end"
    if isinstance(error, HTTPParseError):
        return Problem.NO_ANSWER, f"the connection was lost: {error}"
    return (
        Problem.NO_ANSWER,
        f"the connection was lost: {type(error).__name__}: {getattr(error, 'strerror', None) or error}",
    )
