"""Speaks to one deployment: logs in once, reads pages, and sends each POST exactly once."""

from __future__ import annotations

import re
import secrets
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from requests import PreparedRequest
from requests.cookies import RequestsCookieJar, get_cookie_header

from harness import __version__
from harness.configuration.models import is_loopback
from harness.errors import CouldNotTell
from harness.history.attempt import Attempt, Phase
from harness.history.problem import Problem
from harness.http.created import read_created, replay_of
from harness.http.exchange import exchange
from harness.http.reply import Reply
from harness.http.session import new_session
from harness.patterns import lazily
from harness.redaction.redactor import MASK
from harness.redaction.spellings import SHORTEST_PLAIN
from harness.text import is_blank, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from harness.configuration.models import Environment
    from harness.redaction.redactor import Redactor

_DOMAIN = r"(?i);\s{0,9}domain=\s{0,9}([^;,\s]{1,253})"
_SECURE = r"(?i);\s{0,9}secure\b"
_BY_CHANCE = lazily(r"-?[0-9]+|(?i:[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12})")
EVIDENCE = 2000  # characters of a body that the history keeps; twice as many tell what is to be masked
_WRONG_ACCOUNT = ("check user and password in login.json, and that the account still exists", "login.json")
_WRONG_FIELDS = ("check which fields the login wants in login.json, and login.path", "login.json")
_WRONG_PATH = ("set login.path to the route that the API's login POSTs to", "login.path")
_OF_LOGINS = {
    **dict.fromkeys((401, 403), _WRONG_ACCOUNT),
    **dict.fromkeys((400, 422), _WRONG_FIELDS),
    **dict.fromkeys((404, 405), _WRONG_PATH),
}
"""What to do about a login that is refused, and the key that is wrong, by its status."""
MOST_MASKED = 64  # cookies beside the login's that are masked everywhere; more only in the answer that sets them


class Client:
    """One deployment, used by many threads: each has its own session, all share the cookies of the login.

    Args:
        environment: what to speak to, and how.
        run: the run's id, named in the User-Agent.
        redact: masks secrets in everything that is kept; learns the cookies that the login sets.
        origin_s: the reading of `time.monotonic()` that attempts count their seconds from.
    """

    def __init__(self, environment: Environment, run: str, redact: Redactor, origin_s: float) -> None:
        self.environment = environment
        self._redact = redact
        self.origin_s = origin_s
        self._cookies = RequestsCookieJar()
        self._masked_cookies: set[str] = set()
        self._learning = threading.Lock()
        self._own = threading.local()
        self._headers = headers_of(environment, run)
        self._origin = environment.origin

    def session(self) -> requests.Session:
        """This thread's session."""
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = new_session(self.environment.ca_file)
            session.headers.clear()
            session.headers.update(self._headers)
            session.cookies.update(self._cookies)
        return session

    def renew_connection(self) -> None:
        """Close this thread's connection: the next request opens a new one, which may reach another instance."""
        self.session().close()

    def _exchange(self, method: str, path: str, timeout_s: float, **send: Any) -> Reply:
        return exchange(self.session(), method, self._origin + path, timeout_s=timeout_s, **send)

    def _learn(self, most: int | None) -> None:
        """Mask this thread's cookies everywhere from now on, as far as not so many are masked already; all of None."""
        with self._learning:
            room = None if most is None else max(0, most - len(self._masked_cookies))
            new = sorted(self._cookies_of(self.session()) - self._masked_cookies)[:room]
            self._redact.add(new)
            self._masked_cookies.update(new)

    def _cookies_of(self, session: requests.Session) -> set[str]:
        return {cookie.value for cookie in session.cookies if cookie.value}

    def _beyond(self, text: str) -> set[str]:
        """Cookies of this thread that stand in a text of its last answer and are not masked everywhere.

        Those that a create route sets are not: one of them may be the token that it has just made.
        """
        return {value for value in self._cookies_of(self.session()) - self._masked_cookies if value in text}

    def _masked(self, text: str) -> str:
        """A text of this thread's last answer."""
        return self._redact(text, self._beyond(text))

    def get(self, path: str, timeout_s: float) -> Reply:
        """One GET of a path; cookies that its answer sets are secrets."""
        reply = self._exchange("GET", path, timeout_s)
        self._learn(MOST_MASKED)
        return reply

    def delete(self, id_: str) -> Reply:
        """One DELETE of a chatbot by its id, at `api.delete`. An id that would lead to another path is not sent."""
        # Dot segments (RFC 3986 section 5.2.4), which quoting does not change; and a blank may be trimmed to nothing.
        if id_ in (".", "..") or is_blank(id_):
            return Reply(
                started_s=0.0, problem=Problem.NO_ANSWER, error="was not sent: such an id is not a path segment"
            )
        path = (self.environment.api.delete or "").replace("{id}", quote(id_, safe="", errors="replace"))
        return self._exchange("DELETE", path, self.environment.api.timeout_s)

    def login(self) -> None:
        """Send the configured login and keep its cookies.

        Raises:
            CouldNotTell: it was not answered with 2xx or a redirect, or set no cookie that POSTs would carry.
        """
        login = self.environment.login
        if login is None:
            return
        session = self.session()
        timeout_s = self.environment.api.timeout_s
        reply = self._exchange("POST", login.path, timeout_s, json=login.body.get_secret_value())
        self._learn(None)  # every request carries them
        answered = reply.error or f"answered {reply.status}"
        if reply.problem is not None or not 200 <= (reply.status or 0) < 400:
            remedy, key = _OF_LOGINS.get(reply.status or 0, ("check login.path and login.json of this environment", ""))
            raise CouldNotTell(f"the login at {login.path} {printable(self._masked(answered))}", remedy, key)
        if not self._are_sent(session.cookies):
            why, remedy = self._why_no_cookie_is_sent(reply.headers.get("Set-Cookie", ""))
            key = "url" if "set url" in remedy else "login.path"
            raise CouldNotTell(f"the login at {login.path} {printable(answered)} but {why}", remedy, key)
        self._cookies.update(session.cookies)

    def _are_sent(self, cookies: RequestsCookieJar) -> bool:
        """Whether a POST carries any of these cookies."""
        post = PreparedRequest()
        post.prepare(method="POST", url=self.environment.url_of(self.environment.api.create))
        return bool(get_cookie_header(cookies, post))  # type: ignore[no-untyped-call]  # requests has none for it

    def _why_no_cookie_is_sent(self, set_cookie: str) -> tuple[str, str]:
        """Why a POST carries no cookie of a login, and what to do; `set_cookie` holds those that it set."""
        url = urlsplit(self.environment.origin)
        host = (url.hostname or "").lower()
        domains = [domain.lower().lstrip(".") for domain in re.findall(_DOMAIN, set_cookie)]
        other = next((domain for domain in domains if domain != host and not host.endswith(f".{domain}")), None)
        if other is not None:
            shown = printable(self._masked(other))
            return f"set a cookie for {shown}, which is not the host of url ({host})", f"set url to a host of {shown}"
        if url.scheme == "http" and re.search(_SECURE, set_cookie) and not is_loopback(host):
            return "set a Secure cookie, which is not sent because url is http", f"set url: https://{url.netloc}"
        if set_cookie:
            return (
                "set no cookie that is sent to api.create: it is for another path, or has expired",
                "check login.path: is it the login of the API that api.create belongs to?",
            )
        return "set no cookie", "check login.path: is it the API's login?"

    def post_chatbot(
        self, n: int, name: str, phase: Phase, *, token: str | None = None, hold: Callable[[], None] | None = None
    ) -> Attempt:
        """Send one POST of this name, once; with a token, try to choose it. Never raises, but what `hold` raises.

        `hold` is that of `exchange`.
        """
        api = self.environment.api
        payload = self.environment.payload_for(name, token=token)
        headers = headers_of_post(name)
        reply = self._exchange("POST", api.create, api.timeout_s, headers=headers, json=payload, hold=hold)
        return self.attempt(n, name, phase, reply)

    def _unless_secret(self, value: str | None) -> str | None:
        """An id or a token as it is, since it is compared; but a route that hands out our own secret is not helped.

        A short secret may stand by chance within a number or a UUID, and is not one there.
        """
        if value is None:
            return None
        longest = self._redact.longest(value)
        by_chance = longest < SHORTEST_PLAIN and _BY_CHANCE.fullmatch(value) and self._redact(value) != MASK
        return MASK if longest and not by_chance else value

    def attempt(self, n: int, name: str, phase: Phase, reply: Reply) -> Attempt:
        """How a POST ended that this thread's cookies went along with, secrets masked."""
        reading = None
        if reply.problem is None:
            api = self.environment.api
            reading = read_created(
                reply.status or 0,
                reply.headers,
                reply.body,
                id_path=api.id,
                token_path=api.token,
                wanted=api.status,
                asked=(self._origin, api.create),
            )
        body = reply.body.decode("utf-8", "replace")
        cookies = self._beyond(body) - ({reading.id, reading.token} if reading is not None else set())
        kept: dict[str, Any] = {
            "n": n,
            "name": name,
            "phase": phase,
            "started_s": reply.started_s - self.origin_s,
            "ended_s": reply.ended_s - self.origin_s,
            "status": reply.status,
            "evidence": self._redact.part(body, 0, 2 * EVIDENCE, cookies)[:EVIDENCE],
        }
        if reading is None:
            answered = reply.problem in (Problem.TOO_LARGE, Problem.NOT_JSON)
            return Attempt(
                outcome="fail" if answered else "unknown",
                problem=reply.problem,
                error=printable(self._masked(reply.error)),
                **kept,
            )
        error = reading.error
        if reading.problem in (None, Problem.WRONG_STATUS):  # the errors of others end in what to set
            error = "; ".join(filter(None, (error, replay_of(reply.headers))))
        return Attempt(
            outcome="ok" if reading.problem is None else "fail",
            problem=reading.problem,
            id=self._unless_secret(reading.id),
            token=self._unless_secret(reading.token),
            error=printable(self._redact(error, cookies)),
            **kept,
        )


def headers_of(environment: Environment, run: str) -> dict[str, str]:
    """The headers that every request of a run carries, credentials in clear."""
    return {
        "User-Agent": f"chatbots-smoke/{__version__} (run {run})",
        "Accept": "application/json, */*;q=0.5",
        "Accept-Encoding": "identity",
        **environment.request_headers(),
    }


def headers_of_post(name: str) -> dict[str, str]:
    """The headers by which one POST is found in the logs of a deployment."""
    ids = secrets.token_hex(24)
    return {"X-Request-Id": name, "traceparent": f"00-{ids[:32]}-{ids[32:]}-01"}  # W3C Trace Context
