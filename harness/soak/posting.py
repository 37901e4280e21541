"""One POST by way of locust's FastHttpUser: sent once whatever happens, bounded in time and in what is read.

geventhttpclient sends a request again on another connection in some of its versions and for some requests. Here each
exchange is given one connection; a second one that is asked for ends it instead. Its parser would take what comes
behind an answer for more of it: here it is given the bytes of one answer and no more.

A connection is used again only where nothing has come on it since its answer ended, not even its end, and only within
`LONGEST_IDLE_S`. Each user of a soak waits exactly users / rate seconds between its POSTs, often a round number, as are
the times after which servers close an idle connection: a POST would cross with that again and again, not once in a
while, and be lost for no fault of the app.
"""

from __future__ import annotations

import io
import re
import select
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import certifi
import gevent
import urllib3
from gevent.monkey import get_original
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from requests.structures import CaseInsensitiveDict

from harness.http.failures import LARGEST_BODY, Failed, Failure, described, meaning, out_of_time
from harness.http.reply import Reply
from harness.http.session import LARGEST_HEAD, judging_alike

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geventhttpclient.connectionpool import ConnectionPool
    from geventhttpclient.response import HTTPResponse
    from geventhttpclient.url import URL
    from locust.contrib.fasthttp import LocustUserAgent

LONGEST_IDLE_S = 0.5  # servers close a connection that idles for 1 s or more, and a POST may cross with that
EVERY_STATUS = frozenset(range(100, 1000))  # what a status means is `harness.http.created` to say
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9][0-9]\s")
_CHUNKED = 8  # how many times its length a body may take up as chunks of a few bytes


class TimeUp(BaseException):
    """The time for an exchange is over. Nothing on the way takes it for an error of the connection."""


class _Twice(Exception):
    """A request would be sent a second time."""


class _TooMuch(Exception):
    """More came than is read."""


class _Bounded:
    """A socket that is read no further than `left` bytes, and that gives the parser one answer and nothing behind it.

    Heads, and the lines between chunks, are given line by line: either ends with a line. Of a body, no more is given
    than the parser expects of it. What has come besides waits in `_unread`, for good where the answer is over. Interim
    answers are passed over: the library takes their end for that of the exchange, and loses a body that comes later.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.left = LARGEST_HEAD
        self.used_s = time.monotonic()
        self.ended = False
        self._unread = bytearray()
        self._body: HTTPResponse | None = None
        self._in_lines = True
        self._at_head = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def begin(self) -> None:
        """The next that is read is the head of an answer."""
        self.left, self._body, self._in_lines, self._at_head = LARGEST_HEAD, None, True, True

    def begin_body(self, answer: HTTPResponse, chunked: bool) -> None:
        """The head has been read, by this parser; so much more may follow."""
        self.left, self._body, self._in_lines = _CHUNKED * LARGEST_BODY, answer, chunked

    def recv(self, size: int) -> bytes:
        """The next bytes of the answer; none where the connection has ended."""
        # Of a chunk, it is what is left of that; in a line that is not whole it would be part of a number.
        expected = self._body.get_remaining_content_length() if self._body is not None else 0
        if expected or not self._in_lines:
            if not self._unread:
                self._read(size)
            return self._take(min(expected or size, len(self._unread)))
        line = self._line(size)
        while self._at_head and _INTERIM.match(line):
            while line.strip():
                line = self._line(size)
            line = self._line(size)
        self._at_head = False
        return line

    def _line(self, size: int) -> bytes:
        while not (length := self._unread.find(b"\n") + 1) and not self.ended:
            self._read(size)
        return self._take(length or len(self._unread))

    def _take(self, length: int) -> bytes:
        data = bytes(self._unread[:length])
        del self._unread[:length]
        return data

    def _read(self, size: int) -> None:
        if self._body is not None:
            gevent.sleep(0)  # a large body of tiny chunks would keep all others, and its own time-out, waiting
        data: bytes = self.inner.recv(size)
        self.left -= len(data)
        self.used_s = time.monotonic()
        self.ended = not data
        if self.left < 0:
            raise _TooMuch
        self._unread += data

    def usable(self) -> bool:
        """Whether the next request may be sent on it. If anything can be read, it is its end, or out of turn."""
        if self._unread or time.monotonic() - self.used_s > LONGEST_IDLE_S:
            return False
        if isinstance(self.inner, ssl.SSLSocket) and self.inner.pending():
            return False
        poll = get_original("select", "poll")()  # that of gevent lets others run
        poll.register(self.inner.fileno(), select.POLLIN)
        return not poll.poll(0)


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

    def begin_body(self, answer: HTTPResponse, chunked: bool) -> None:
        """The head of the answer is there."""
        if self._taken is not None:
            self._taken.begin_body(answer, chunked)

    @property
    def ended(self) -> bool:
        """Whether the connection of this exchange has come to its end."""
        return self._taken is not None and self._taken.ended

    def _take(self, pool: ConnectionPool, unwatched: Callable[[], Any]) -> _Bounded:
        if self._taken is not None:
            raise _Twice("nothing is sent a second time")
        try:
            held = unwatched()
            while isinstance(held, _Bounded) and not held.usable():
                pool.release_socket(held)
                held = unwatched()
        except (OSError, RuntimeError) as error:
            raise _not_connected(error) from error
        self._taken = held if isinstance(held, _Bounded) else _Bounded(held)
        self._taken.begin()
        return self._taken


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificates against the authorities in a PEM file, or else the public ones (certifi)."""
    return judging_alike(ssl.create_default_context(cafile=str(ca_file) if ca_file is not None else certifi.where()))


def _not_connected(error: OSError | RuntimeError) -> Failed:
    if isinstance(error, ssl.SSLError):
        return Failed(Failure.TLS, f"{type(error).__name__}: {error}")
    if isinstance(error, (socket.gaierror, RuntimeError, UnicodeError)):
        return Failed(Failure.UNRESOLVED, described(error))
    return Failed(
        Failure.SOCKET_TIMED_OUT if isinstance(error, TimeoutError) else Failure.NOT_CONNECTED, described(error)
    )


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
        reply.problem, reply.error = out_of_time(timeout_s, reply.status)
    except Exception as error:  # whatever a hostile server provokes is an outcome of this POST
        failed = _failed(getattr(error, "original", None) or error, begun=reply.status is not None, ended=pool.ended)
        reply.problem, reply.error = meaning(failed, reply.status)
    reply.ended_s = time.monotonic()
    if reply.problem is not None:
        pool.close()  # whatever state its connection is in
    return reply


def _read(agent: LocustUserAgent, pool: OneEach, url: str, body: bytes, headers: dict[str, str], reply: Reply) -> None:
    answer = agent.urlopen(url, "POST", headers=headers, payload=body, max_retries=0, max_redirects=0)
    reply.status = answer.status_code
    reply.headers = CaseInsensitiveDict(answer.headers.items())
    pool.begin_body(answer.stream, "chunked" in reply.headers.get("Transfer-Encoding", "").lower())
    read = bytearray()
    while piece := answer.stream.read(65536):
        read += piece
        if len(read) > LARGEST_BODY:
            break
    answer.release()
    encoding = reply.headers.get("Content-Encoding", "identity")
    reply.body = bytes(read) if encoding.lower() == "identity" else _decoded(bytes(read), encoding)
    if max(len(read), len(reply.body)) > LARGEST_BODY:
        reply.problem, reply.error = meaning(Failed(Failure.TOO_LARGE), reply.status)
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


def _failed(error: BaseException, *, begun: bool, ended: bool) -> Failed:
    """What an exception of geventhttpclient stands for.

    Args:
        error: the exception.
        begun: whether the head of an answer had been read.
        ended: whether the connection has come to its end.
    """
    if isinstance(error, Failed):
        return error
    if isinstance(error, urllib3.exceptions.DecodeError):
        return Failed(Failure.NOT_DECODED)
    if isinstance(error, _TooMuch):
        return Failed(
            Failure.TOO_LARGE if begun else Failure.LOST, f"got more than {LARGEST_HEAD // 1024} KiB of headers"
        )
    if isinstance(error, TimeoutError):
        return Failed(Failure.SOCKET_TIMED_OUT)
    return Failed(Failure.LOST, _lost(error, ended))


def _lost(error: BaseException, ended: bool) -> str:
    if isinstance(error, _Twice):
        return str(error)
    if isinstance(error, HTTPConnectionClosed) and isinstance(error.__context__, OSError):
        error = error.__context__  # a reset
    elif isinstance(error, HTTPConnectionClosed):
        return "RemoteDisconnected: Remote end closed connection without response"
    elif isinstance(error, HTTPParseError):
        return "it was closed before the end of the headers" if ended else "the answer is not HTTP"
    return described(error)
