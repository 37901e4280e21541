"""Waiting until a deployment serves, on real servers: what is waited for, what ends the wait, and what is said then."""

import email.utils
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import CouldNotTell
from harness.history.revision import ServedRevision
from harness.http import readiness
from harness.http.readiness import FINAL_TRIES, FRESH_CONNECTIONS, Readiness, revisions_now, wait_until_ready
from tests.support.clients import RUN, client_of
from tests.support.clocks import Clock, pausing_in_no_time
from tests.support.servers import Request, certificate, in_turn, refusing, serving

AMPLE_S = 60  # a budget that is not used up where the outcome is right
NEW = "0b7e6f0e7c354b8e9d2f6a4c8f3a1b20deadbeef"
OLD = "1111111111111111111111111111111111111111"

Answer = Callable[[Request], bool | None]


def page(status: str = "200 OK", document: Any = None, *headers: str) -> Answer:
    """Answer with a JSON page."""

    def answer(request: Request) -> bool:
        request.answer(status, json.dumps(document).encode(), *headers)
        return True

    return answer


def wait(
    url: str, revision: str | None = None, stop: threading.Event | None = None, timeout_s: float = AMPLE_S, **of: Any
) -> Readiness:
    """Wait for a deployment whose page names its revision at `build.commit`."""
    ready = {"path": "/healthz", "timeout_s": timeout_s, "revision": "build.commit", **of}
    return wait_until_ready(client_of(url, ready=ready), revision, stop or threading.Event())


@pytest.fixture
def pauses_in_no_time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A budget is used up by what is waited, however busy this machine is."""
    return pausing_in_no_time(monkeypatch)


def unavailable(url: str, timeout_s: float = 0.5, **of: Any) -> CouldNotTell:
    """Why it could not be told, with the server's URL as URL."""
    with pytest.raises(CouldNotTell) as caught:
        wait(url, timeout_s=timeout_s, **of)
    return CouldNotTell(caught.value.cause.replace(url, "URL"), caught.value.remedy)


# --- becoming ready ---------------------------------------------------------------------------------------------------


def test_a_deployment_that_serves_is_ready_at_once() -> None:
    """One GET of the configured path, which names the harness and the run."""
    with serving(page()) as server:
        ready = wait(server.url, revision=None)
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", "/healthz")
    assert request.headers["user-agent"].startswith("chatbots-smoke/")
    assert RUN in request.headers["user-agent"]
    assert ready.revision is None
    assert ready.waited_s >= 0


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "299 x"])
def test_any_2xx_is_ready(status: str) -> None:
    """Health pages differ."""
    with serving(page(status)) as server:
        assert wait(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "not_yet",
    [
        page("503 Service Unavailable"),
        page("502 Bad Gateway"),
        page("500 Internal Server Error"),
        page("404 Not Found"),
        page("429 Too Many Requests"),
        page("302 Found", None, "Location: /starting"),
        lambda r: r.reset(),
        lambda r: None,
        lambda r: r.send(b"garbage\r\n\r\n"),
        lambda r: r.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
    ],
    ids=["503", "502", "500", "404", "429", "302", "reset", "closed", "garbage", "cut"],
)
def test_what_passes_is_waited_for(not_yet: Answer) -> None:
    """A GET may be repeated, each time on a connection of its own."""
    with serving(in_turn(not_yet, not_yet, page())) as server:
        assert wait(server.url)
    assert (len(server.requests), server.connections) == (3, 3)


def test_refused_connections_are_waited_for() -> None:
    """Nothing listens until the deployment has started."""
    with serving(page(), refuses_for_s=0.5) as server:
        assert wait(server.url)
    assert len(server.requests) == 1


# --- what does not get better by waiting ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed", "410 Gone", "400 Bad Request"])
def test_a_page_that_is_not_there_is_told_after_a_few_tries(status: str) -> None:
    """It answers so from the first try on: the path is wrong, and a minute does not change that."""
    began = time.monotonic()
    with serving(page(status)) as server:
        told = unavailable(server.url, timeout_s=AMPLE_S)
    assert len(server.requests) == FINAL_TRIES
    assert time.monotonic() - began < AMPLE_S / 2
    assert told.cause == f"GET URL/healthz was not ready in {FINAL_TRIES} tries: it answered {status[:3]}"
    assert told.remedy.startswith("set ready.path to a page that answers 2xx")


def test_a_page_that_moved_is_told_after_a_few_tries() -> None:
    """https, www, another host or a trailing slash: the remedy is what to write."""
    with serving(page("301 Moved", None, "Location: https://www.example.com/healthz/")) as server:
        told = unavailable(server.url, timeout_s=AMPLE_S)
    assert len(server.requests) == FINAL_TRIES
    assert told.remedy == "set url: https://www.example.com, ready.path: /healthz/"


@pytest.mark.parametrize(
    "waking",
    [
        page("404 Not Found", {"status": "error", "code": 404, "message": "Application not found"}),
        page("404 Not Found", None, "x-render-routing: no-server"),
        in_turn(page("503 Service Unavailable"), page("404 Not Found")),
        in_turn(page("404 Not Found"), page("400 Bad Request"), page("404 Not Found")),
        page("429 Too Many Requests"),
        page("302 Found", None, "Location: /starting"),
    ],
    ids=["platform", "header", "503 first", "changes", "429", "302"],
)
def test_a_cold_start_is_waited_for(pauses_in_no_time: Clock, waking: Answer) -> None:
    """A platform answers 404 in the place of an app that it wakes, and an app may begin with something else."""
    with serving(in_turn(*[waking] * (FINAL_TRIES + 4), page())) as server:
        assert wait(server.url)
    assert len(server.requests) == FINAL_TRIES + 5


def test_a_release_that_is_waited_for_may_bring_the_page_along() -> None:
    """Until then the old one answers 404."""
    released = page("200 OK", {"build": {"commit": NEW}})
    with serving(in_turn(*[page("404 Not Found")] * (FINAL_TRIES + 1), released)) as server:
        assert wait(server.url, revision=NEW).revision == NEW


def test_what_answers_in_its_place_is_named(pauses_in_no_time: Clock) -> None:
    """At the end of the time, or at once where waiting cannot help."""
    with serving(page("404 Not Found", None, "x-vercel-error: DEPLOYMENT_NOT_FOUND")) as server:
        told = unavailable(server.url)
    assert "in its place by Vercel's page of a deployment that does not exist" in told.cause
    assert told.remedy.startswith("check url, and that this deployment is there")
    with serving(page("403 Forbidden", None, "cf-mitigated: challenge")) as server:
        told = unavailable(server.url)
    assert len(server.requests) == 1
    assert told.remedy.startswith("let the harness through")


# --- Retry-After ------------------------------------------------------------------------------------------------------


def _busy_for(seconds: float, retry_after: str) -> Answer:
    """503 with this Retry-After, until so many seconds after the first request."""
    first: list[float] = []

    def answer(request: Request) -> bool | None:
        first.append(time.monotonic())
        if time.monotonic() - first[0] < seconds:
            return page("503 Busy", None, f"Retry-After: {retry_after}")(request)
        return page()(request)

    return answer


def test_retry_after_is_honoured() -> None:
    """The second request comes when it was asked for; without it several would have come by then."""
    with serving(_busy_for(1.0, "2")) as server:
        assert wait(server.url)
    assert len(server.requests) == 2


@pytest.mark.parametrize("ahead_s", [3600, 10**9])
@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_a_long_retry_after_does_not_outlast_the_budget(pauses_in_no_time: Clock, ahead_s: int, as_date: bool) -> None:
    """There is one more attempt before the budget ends."""
    began_s = pauses_in_no_time.now_s
    value = email.utils.formatdate(time.time() + ahead_s, usegmt=True) if as_date else str(ahead_s)
    with serving(in_turn(page("503 Busy", None, f"Retry-After: {value}"), page())) as server:
        assert wait(server.url, timeout_s=1)
    assert len(server.requests) == 2
    assert pauses_in_no_time.now_s - began_s < 1


def test_a_long_retry_after_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the budget would allow it."""
    monkeypatch.setattr(readiness, "LONGEST_PAUSE_S", 0.1)
    with serving(in_turn(page("503 Busy", None, "Retry-After: 3000"), page())) as server:
        assert wait(server.url, timeout_s=3600)
    assert len(server.requests) == 2


@pytest.mark.usefixtures("pauses_in_no_time")
@pytest.mark.parametrize(
    "value",
    ["0", "soon", "-5", "1.5", " ", ",", "Wed, 99 Nov 2020", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 4000, "Mon", "²"],
    ids=lambda value: repr(value[:32]),
)
def test_any_retry_after_is_survived(value: str) -> None:
    """Past dates mean now, nonsense means nothing, and neither ends the wait."""
    busy = page("503 Busy", None, f"Retry-After: {value}")
    with serving(in_turn(busy, page())) as server:
        assert wait(server.url, timeout_s=1)
    assert len(server.requests) == 2


# --- never ready ------------------------------------------------------------------------------------------------------


def demand_never_ready(answer: Answer, reason: str | tuple[str, ...], timeout_s: float) -> None:
    """The cause names what was asked, for how long, and the last reason; the remedy names the keys to check."""
    with serving(answer) as server:
        error = unavailable(server.url, timeout_s)
    before = f"GET URL/healthz was not ready within {timeout_s:g} s: "
    assert error.cause.startswith(before)
    assert error.cause.removeprefix(before).startswith(reason)
    assert (
        error.remedy == "wait for the deployment and run again; if it is up, check url, ready.path and ready.timeout_s"
    )
    assert server.of("POST") == []


@pytest.mark.usefixtures("pauses_in_no_time")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (page("503 Service Unavailable"), "it answered 503"),
        (page("302 Found", None, "Location: /login"), "it answered 302 to /login"),
        (page("302 Found"), "it answered 302 to nowhere"),
        (page("302 Found", None, "Location: /\x9b2J\x85"), r"it answered 302 to /\x9b2J\x85"),
        (lambda r: r.flood(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65536, 8), "200 with a body of more than 1024 KiB"),
        (lambda r: None, "the connection was lost: RemoteDisconnected"),
    ],
)
def test_never_ready_could_not_tell(answer: Answer, reason: str) -> None:
    """Whatever is answered until the budget ends."""
    demand_never_ready(answer, reason, timeout_s=0.5)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        # A silent one is given up by whoever looks first; one of which something comes only by the budget.
        (lambda r: r.trickle(b""), ("no whole answer within", "no answer within the time-out")),
        (lambda r: r.trickle(b"H"), "no whole answer within"),
    ],
)
def test_never_answered_could_not_tell(answer: Answer, reason: str | tuple[str, ...]) -> None:
    """The budget ends an answer that does not end, by the clock on the wall."""
    demand_never_ready(answer, reason, timeout_s=4)


@pytest.mark.usefixtures("pauses_in_no_time")
def test_nothing_that_listens_could_not_tell() -> None:
    """Refused until the end."""
    with refusing() as url:
        assert "no connection: ConnectionRefusedError" in unavailable(url).cause


@pytest.mark.usefixtures("pauses_in_no_time")
def test_an_unknown_host_could_not_tell() -> None:
    """Waited for too, since names appear with a deploy."""
    assert "host not found" in unavailable("http://nowhere.invalid").cause


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required"])
def test_a_missing_authorisation_ends_the_wait(status: str) -> None:
    """Waiting cannot help: one request, and the remedy is another."""
    with serving(page(status)) as server:
        error = unavailable(server.url, timeout_s=3600)
    assert error.cause == f"URL/healthz answered {status[:3]}: not authorised"
    assert error.remedy == "check headers and login, or let ready.path be a public page"
    assert len(server.requests) == 1


def test_a_wrong_certificate_ends_the_wait() -> None:
    """It does not mend itself."""
    with certificate() as (context, _), serving(page(), tls=context) as server:
        error = unavailable(server.url, timeout_s=3600)
    assert error.cause.startswith("URL/healthz: TLS failed: ")
    assert error.remedy.endswith("or name your own authority in ca_file")
    assert server.connections == 1


def test_a_stopped_run_stops_waiting() -> None:
    """Ctrl-C during a budget of an hour."""
    stop = threading.Event()

    def answer(request: Request) -> bool | None:
        stop.set()
        return page("503 Busy", None, "Retry-After: 9")(request)

    with serving(answer) as server, pytest.raises(CouldNotTell):
        wait(server.url, stop=stop, timeout_s=3600)
    assert len(server.requests) == 1


# --- revisions --------------------------------------------------------------------------------------------------------


def naming(revision: object) -> Answer:
    """A page that names a revision."""
    return page("200 OK", {"build": {"commit": revision}})


@pytest.mark.parametrize(("wanted", "named"), [(NEW, NEW), (NEW[:7], NEW), (NEW, NEW[:8]), (NEW.upper(), NEW)])
def test_a_revision_is_waited_for(wanted: str, named: str) -> None:
    """While the old one still serves; either side may abbreviate. What the page named is kept."""
    with serving(in_turn(naming(OLD), page("200 OK", {}), naming(named))) as server:
        ready = wait(server.url, wanted)
    assert ready.revision == named
    assert len(server.requests) == 3


@pytest.mark.usefixtures("pauses_in_no_time")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (naming(OLD), f"it serves revision {OLD}, want {NEW}"),
        (naming(None), f"it serves revision none, want {NEW}"),
        (naming(NEW[:6]), f"it serves revision {NEW[:6]}, want {NEW}"),
        (naming(["x"]), f"it serves revision ['x'], want {NEW}"),
        (naming("\x1b[2J"), rf"it serves revision \x1b[2J, want {NEW}"),
        (page("200 OK", {"build": "x"}), f"it serves revision none, want {NEW}"),
        (lambda r: r.answer("200 OK", b"<html>"), f"it serves revision none, want {NEW}"),
        (lambda r: r.answer("200 OK", b"[" * 100_000), f"it serves revision none, want {NEW}"),
    ],
    ids=["old", "null", "too short", "an array", "escapes", "not there", "HTML", "deep"],
)
def test_a_stale_revision_could_not_tell(answer: Answer, reason: str) -> None:
    """What is served is not what was deployed: nothing is posted to it."""
    with serving(answer) as server, pytest.raises(CouldNotTell) as caught:
        wait(server.url, NEW, timeout_s=0.5)
    assert caught.value.cause.endswith(f"was not ready within 0.5 s: {reason}")


def test_without_a_wanted_revision_any_is_taken() -> None:
    """And kept, for the end of the run to compare with."""
    with serving(naming(OLD)) as server:
        assert wait(server.url).revision == OLD
        assert wait(server.url, revision=None, path="/").revision == OLD


@pytest.mark.parametrize(("named", "kept"), [(7, "7"), ("\x1b]0;x\x07", r"\x1b]0;x\x07"), (None, None)])
def test_a_revision_is_kept_as_harmless_text(named: object, kept: str | None) -> None:
    """Whatever type it has."""
    with serving(naming(named)) as server:
        assert wait(server.url).revision == kept


def test_a_huge_revision_is_cut() -> None:
    """It goes into reports."""
    with serving(naming("x" * 100_000)) as server:
        assert len(wait(server.url).revision or "") < 300


def fresh(url: str) -> tuple[ServedRevision, ...]:
    """What fresh connections say."""
    return revisions_now(client_of(url, ready={"path": "/healthz", "revision": "build.commit"}, api={"timeout_s": 5}))


def test_fresh_connections_are_asked_for_their_revision() -> None:
    """Each answer came on a connection of its own."""
    with serving(naming(NEW)) as server:
        assert fresh(server.url) == (ServedRevision(NEW),) * FRESH_CONNECTIONS
    assert server.connections == FRESH_CONNECTIONS


def test_a_mixed_deployment_shows() -> None:
    """Half of the connections reach the old instance."""
    numbers = iter(range(FRESH_CONNECTIONS))
    with serving(lambda request: naming((OLD, NEW)[next(numbers) % 2])(request)) as server:
        named = [one.revision or "" for one in fresh(server.url)]
    assert sorted(named) == sorted([OLD, NEW] * (FRESH_CONNECTIONS // 2))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page("500 Oops"), "answered 500"),
        (page("200 OK", {}), ""),
        (lambda r: r.answer("200 OK", b"<html>"), ""),
        (lambda r: None, "the connection was lost: RemoteDisconnected"),
    ],
)
def test_a_connection_that_names_none_says_so(answer: Answer, said: str) -> None:
    """It is not taken for the wanted revision, and one without an answer says why."""
    with serving(answer) as server:
        for one in fresh(server.url):
            assert one.revision is None
            assert one.silent.startswith(said)
            assert bool(one.silent) is bool(said)
