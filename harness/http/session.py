"""A session of requests whose answers are bounded: heads, cookies, time."""

from __future__ import annotations

import http.client
import io
import ssl
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from harness.configuration.models import is_loopback
from harness.http.deadline import under_way_here

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from harness.http.deadline import Budget
LARGEST_HEAD = 128 * 1024  # bytes of status and headers; http.client alone would hold a hundred headers of 64 KiB
LARGEST_COOKIE = 4096  # bytes, and so many of them: what RFC 6265 section 6.1 asks of a browser
MOST_COOKIES = 50


def judging_alike(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context judge certificates as curl does, whichever Python it is of.

    From 3.13 on Python refuses what RFC 5280 asks of authorities and browsers do without, such as a certificate without
    an Authority Key Identifier; and only from then on it takes an authority that was named although another issued it.
    """
    context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class _Watched:
    """Makes a urllib3 connection known to the budget of the thread that uses it; sends head and body in one write."""

    _held: list[bytes] | None = None  # of a request, while it is made

    def request(self, *args: Any, **kwargs: Any) -> None:
        budget: Budget | None = getattr(under_way_here, "budget", None)
        if budget is not None:
            budget.watch(self)  # type: ignore[arg-type]  # mixed into connections only
        held = self._held = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._held = None
        self.send(b"".join(held))

    def connect(self) -> None:
        """Connect; if resolving the name alone has used up the budget, nothing is sent any more."""
        super().connect()  # type: ignore[misc]
        budget: Budget | None = getattr(under_way_here, "budget", None)
        if budget is not None and budget.spent:
            self.close()  # type: ignore[attr-defined]
            raise TimeoutError("the time was up before the request could be sent")

    def send(self, data: Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        budget: Budget | None = getattr(under_way_here, "budget", None)
        if budget is not None:
            budget.wait_before(self)  # type: ignore[arg-type]  # mixed into connections only
            if self.sock is None:  # type: ignore[attr-defined]
                self.connect()  # as http.client would do now
            budget.sent = True
        super().send(data)  # type: ignore[misc]

    def getresponse(self) -> Any:
        budget: Budget | None = getattr(under_way_here, "budget", None)
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("ssl_context") is None:
            kwargs["ssl_context"] = judging_alike(create_urllib3_context())
        super().__init__(*args, **kwargs)


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
        if cookie.secure and is_loopback(cookie.domain.strip(".").removesuffix(".local").strip("[]")):
            # Browsers and curl send it over http to this machine, which is a secure context (W3C Secure Contexts 3.1).
            cookie.secure = False
        fits = len(cookie.name) + len(cookie.value or "") <= LARGEST_COOKIE
        if fits and (len(self) < MOST_COOKIES or place in ((c.domain, c.path, c.name) for c in self)):
            return super().set_cookie(cookie, *args, **kwargs)
        return None


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.cookies: RequestsCookieJar = _Cookies()
        self._asked, self._sent = "", ""  # the last URL, as it was asked for and as it was sent

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """What requests makes of it, with no more work than a request here needs.

        None brings parameters, files, hooks or credentials in its URL; and POST after POST goes to one URL.
        """
        prepared, url = requests.PreparedRequest(), str(request.url)
        prepared.prepare_method(request.method)
        if url != self._asked:
            prepared.prepare_url(url, None)
            self._asked, self._sent = url, str(prepared.url)
        prepared.url = self._sent
        prepared.prepare_headers({**self.headers, **request.headers})
        # Of a copy: making the header forgets cookies that have expired, and they are still masked.
        prepared.prepare_cookies(self.cookies.copy() if len(self.cookies) else self.cookies)
        prepared.prepare_body(None, None, request.json)
        return prepared

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
