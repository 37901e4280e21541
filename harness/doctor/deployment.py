"""The deployment: who answers at its URL, whether its ready page says that it serves, and whether the login works."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from harness.configuration.models import credentials_sent
from harness.doctor.answers import Answer, in_the_way, ok, settings_in, unknown, wrong
from harness.errors import CouldNotTell
from harness.history.in_front import MOST_READ, remedy_of
from harness.history.problem import Problem, remedy_for
from harness.http.client import Client
from harness.http.created import parse_json
from harness.http.elsewhere import values_of
from harness.http.readiness import LONGEST_ATTEMPT_S, in_front_of, revision_of, wait_until_ready, why_not_ready
from harness.text import printable

if TYPE_CHECKING:
    import threading

    from harness.configuration.models import Environment
    from harness.http.reply import Reply
    from harness.progress import Progress
    from harness.redaction.redactor import Redactor

URL, READY, LOGIN = "url", "ready page", "login"
USUAL_PAGES = ("/", "/healthz", "/health", "/api/health")
PATIENCE_S = 5.0  # for a page that is only tried
_REVISION = re.compile(r"[0-9a-f]{7,40}")
_NAMES_OF_REVISIONS = re.compile(r"(?i)revision|commit|sha|git|version|build")
# What servers answer to plain http on a port of TLS: nginx, Go, Apache, ..
_SPEAKS_TLS = re.compile(
    r"(?i)plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain"
)


class Asked(NamedTuple):
    """What was learnt, and whether a POST would reach the app."""

    answers: list[Answer]
    serves: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """How a deployment is asked: by whom, and whether it is waited for."""

    run: str
    redact: Redactor
    stop: threading.Event
    progress: Progress
    wait: bool

    def client(self, environment: Environment) -> Client:
        """A client of this environment."""
        return Client(environment, self.run, self.redact, 0.0)


def ask_deployment(environment: Environment, visit: Visit) -> Asked:
    """Ask url, ready page and login, in the order in which a run needs them."""
    client = visit.client(environment)
    if visit.wait:
        with suppress(CouldNotTell):  # one more answer says why
            wait_until_ready(client, None, visit.stop, visit.progress)
    reply = client.get(environment.ready.path, timeout_s=min(environment.ready.timeout_s, LONGEST_ATTEMPT_S))
    at_url = _at_url(environment, reply, visit)
    if at_url.outcome != "ok":
        return Asked([at_url], serves=False)
    ready = _ready(environment, reply, visit)
    answers = [at_url, *ready]
    if any(answer.outcome != "ok" for answer in ready):
        return Asked(answers, serves=False)
    login = _login(client)
    return Asked([*answers, login], serves=login.outcome == "ok")


# --- who answers ------------------------------------------------------------------------------------------------------


def _at_url(environment: Environment, reply: Reply, visit: Visit) -> Answer:
    url = environment.url_of(environment.ready.path)
    text = reply.body[:MOST_READ].decode("utf-8", "replace")
    plain = reply.problem in (Problem.NO_ANSWER, Problem.CUT) or _SPEAKS_TLS.search(text) or reply.status == 400
    if (reply.problem is Problem.TLS or plain) and (other := _by_other_scheme(environment, visit)):
        speaks = "speaks TLS" if other.startswith("https:") else "speaks no TLS"
        return wrong(URL, f"GET {url}: this port {speaks}", f"set url: {other}", "url", {"url": other})
    if reply.problem is not None and reply.problem is not Problem.TOO_LARGE:
        return _unreachable(url, reply, environment)
    if sign := in_front_of(reply):
        key = "headers" if "header" in remedy_of(sign) else "url"
        said = f"GET {url} was answered {reply.status}, in the deployment's place by {printable(sign)}"
        return unknown(URL, said, remedy_of(sign), key)
    how = " over TLS" if url.startswith("https:") else ""
    return ok(URL, f"GET {url} was answered {reply.status}{how}, and not by a page of a platform or a challenge", "url")


def _unreachable(url: str, reply: Reply, environment: Environment) -> Answer:
    said = f"GET {url}: {printable(reply.error)}"
    host = environment.origin
    if reply.problem is Problem.REFUSED:
        return unknown(
            URL, said, f"start the deployment, or set url to the host and port where it serves ({host})", "url"
        )
    if reply.problem in (Problem.TIMED_OUT, Problem.NO_ANSWER, Problem.CUT, Problem.NOT_JSON):
        fix = "check that this host may reach it (firewall, VPN); wait for a cold start with --wait"
        return unknown(URL, said, fix, "url")
    assert reply.problem is not None  # there was no whole answer
    remedy = remedy_for(reply.problem, reply.error)
    return unknown(URL, said, remedy, "ca_file" if "ca_file" in remedy else "url")


def _by_other_scheme(environment: Environment, visit: Visit) -> str:
    """The url with https in the place of http, or the other way round, if something answers there; else ""."""
    parts = urlsplit(environment.url)
    other = parts._replace(scheme="http" if parts.scheme == "https" else "https").geturl()
    if parts.scheme == "https" and any(credentials_sent(environment)):
        return ""  # nothing secret leaves in clear, least of all on a trial
    tried = environment.model_copy(update={"url": other})
    reply = visit.client(tried).get(environment.ready.path, timeout_s=PATIENCE_S)
    answered = reply.status is not None and reply.status != 400 and reply.problem in (None, Problem.TOO_LARGE)
    unverified = reply.problem is Problem.TLS and "certificate" in reply.error.lower()
    return other if answered or unverified else ""


# --- the ready page ---------------------------------------------------------------------------------------------------


def _ready(environment: Environment, reply: Reply, visit: Visit) -> list[Answer]:
    why = why_not_ready(environment, reply)
    if why is None:
        return [
            ok(READY, f"GET {environment.ready.path} answered {reply.status}", "ready.path"),
            *_revision(environment, reply),
        ]
    settings = settings_in(why.remedy)
    if settings:
        own = {key: value for key, value in settings.items() if key != "url" or same_host(value, environment)}
        key = next(iter(settings))
        return [wrong(READY, why.cause, why.remedy, key, own if own == settings else {})]
    if why.key == "ready.path":
        others = [path for path in USUAL_PAGES if path != environment.ready.path and _serves(environment, path, visit)]
        if others:
            fix = f"set ready.path: {others[0]}, which answers 2xx, or another page that does so when it serves"
            return [wrong(READY, why.cause, fix, "ready.path")]
    return [in_the_way(READY, why, "ready.path")]


def same_host(url: str, environment: Environment) -> bool:
    """Whether a URL leads to the host that the environment names: what a server says of another one is not believed."""
    return urlsplit(url).hostname == urlsplit(environment.origin).hostname


def _serves(environment: Environment, path: str, visit: Visit) -> bool:
    other = environment.model_copy(update={"ready": environment.ready.model_copy(update={"path": path})})
    return why_not_ready(other, visit.client(other).get(path, timeout_s=PATIENCE_S)) is None


def _revision(environment: Environment, reply: Reply) -> list[Answer]:
    """Whether the page names a revision where it should, and under which key it names one else."""
    wanted = environment.ready.revision
    if wanted is None:
        return []
    found = revision_of(environment, reply)
    if found:
        return [ok("revision", f"{wanted} of the ready page names {printable(found)}", "ready.revision")]
    said = f"the ready page has no {wanted} that names a revision"
    if other := _named_like_a_revision(reply):
        return [wrong("revision", said, f"set ready.revision: {other}", "ready.revision")]
    return [wrong("revision", said, "set ready.revision to the field of its JSON that does, or null", "ready.revision")]


def _named_like_a_revision(reply: Reply) -> str:
    """The field of a JSON page that is called like a revision and looks like one; "" where there is none."""
    try:
        document = parse_json(reply.body)
    except ValueError:
        return ""
    fields = [
        path
        for path, value in values_of(document)
        if isinstance(value, str) and _REVISION.fullmatch(value) and _NAMES_OF_REVISIONS.search(path)
    ]
    return fields[0] if fields else ""


# --- the login --------------------------------------------------------------------------------------------------------


def _login(client: Client) -> Answer:
    login = client.environment.login
    if login is None:
        return ok(LOGIN, "none is configured; only a POST shows whether one is needed (--post)", "login")
    try:
        client.login()
    except CouldNotTell as why:
        return in_the_way(LOGIN, why, "login", settings_in(why.remedy))
    return ok(LOGIN, f"POST {login.path} (sent, as a run does) set a cookie that POSTs will carry", "login")
