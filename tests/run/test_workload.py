"""The POSTs of a run, sent to real servers: each once, under a name of its own that was on disk before."""

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.checkers.history import largest_overlap
from harness.history.attempt import attempt_name
from harness.history.history import History
from harness.history.problem import Problem
from harness.history.reading import read
from harness.history.writing import Ledger
from harness.run.workload import post_all
from tests.support.clients import RUN, client_of
from tests.support.histories import TOKENS
from tests.support.servers import Request, Server, certificate, creating, in_turn, refusing, serving

Answer = Callable[[Request], bool | None]


def for_posts(answer: Answer) -> Answer:
    """Answer GET with 200, and POST so."""
    return lambda request: creating(request) if request.method == "GET" else answer(request)


def sent(
    url: str,
    file: Path,
    first: int = 1,
    stop: threading.Event | None = None,
    *,
    posts: int = 3,
    burst: int = 4,
    **of: Any,
) -> History:
    """The history of a workload, which the file must tell as well."""
    ledger = Ledger(file)
    ledger.run(RUN, {"preview": {"url": url}})
    of = {"api": {"timeout_s": 20}, "probes": [], **of}
    client = client_of(url, posts=posts, burst=burst, **of)
    history = post_all(client, ledger, RUN, first, stop or threading.Event())
    ledger.close()
    on_disk = read(file)[1]["preview"].history
    assert on_disk.attempts[: len(history.attempts)] == history.attempts
    return history


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the history is written."""
    return tmp_path / "history.jsonl"


def names_of(server: Server) -> list[str]:
    """The names that arrived, in their order."""
    return [json.loads(request.body)["name"] for request in server.of("POST")]


def test_each_name_is_sent_once(file: Path) -> None:
    """First those of the sequence in their order, then those of the burst, numbered from the first on."""
    with serving(creating) as server:
        history = sent(server.url, file, first=20)
    names = [attempt_name(RUN, n) for n in range(20, 27)]
    assert [a.name for a in history.attempts] == names
    assert [a.n for a in history.attempts] == list(range(20, 27))
    assert [a.phase for a in history.attempts] == ["sequence"] * 3 + ["burst"] * 4
    assert names_of(server)[:3] == names[:3]
    assert sorted(names_of(server)) == sorted(names)
    assert history.acknowledged == history.attempts
    assert len({a.token for a in history.attempts}) == 7


def test_each_post_says_who_sends_it(file: Path) -> None:
    """Configured payload and headers, the run in User-Agent, the name as request id, and a trace of its own."""
    of: dict[str, Any] = {
        "headers": {"X-Api-Key": "k3y-of-ours"},
        "api": {"create": "/v2/bots", "payload": {"bot": {"title": "Bot {name}"}, "plan": 1}},
    }
    with serving(creating) as server:
        sent(server.url, file, **of)
    for request in server.of("POST"):
        assert request.target == "/v2/bots"
        title = json.loads(request.body)
        name = title["bot"]["title"].removeprefix("Bot ")
        assert title == {"bot": {"title": f"Bot {name}"}, "plan": 1}
        assert request.headers["x-request-id"] == name
        assert request.headers["x-api-key"] == "k3y-of-ours"
        assert request.headers["content-type"] == "application/json"
        assert RUN in request.headers["user-agent"]
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", request.headers["traceparent"])
    assert len({request.headers["traceparent"] for request in server.of("POST")}) == 7


def test_a_name_is_on_disk_before_its_post_arrives(file: Path) -> None:
    """The server itself looks, with the labels that its row may have: a killed run can be cleaned up."""
    known: list[bool] = []

    def look(request: Request) -> bool | None:
        name = json.loads(request.body)["name"]
        intents = [json.loads(line) for line in file.read_bytes().splitlines()]
        known.append(any(r["record"] == "intent" and r["name"] == name and name in r["labels"] for r in intents))
        return creating(request)

    with serving(for_posts(look)) as server:
        sent(server.url, file)
    assert known == [True] * 7


def test_the_burst_is_in_flight_together(file: Path) -> None:
    """No POST of it is answered before all have arrived; the measured overlap says the same."""
    together = threading.Barrier(8)

    def hold(request: Request) -> bool | None:
        if json.loads(request.body)["name"] != attempt_name(RUN, 1):
            together.wait(20)
        return creating(request)

    with serving(for_posts(hold)) as server:
        history = sent(server.url, file, posts=1, burst=8)
    assert [a.outcome for a in history.attempts] == ["ok"] * 9
    assert largest_overlap(history.phase("burst")) == 8
    assert largest_overlap(history.phase("sequence")) == 1


def test_connections_of_the_burst_are_opened_for_it_alone(file: Path) -> None:
    """Those of the sequence share one; each of the burst has one of its own, and no other request goes on it."""
    with serving(creating) as server:
        sent(server.url, file, posts=3, burst=4)
    assert (len(server.of("GET")), len(server.of("POST")), server.connections) == (0, 7, 5)
    assert sorted(request.number for request in server.of("POST")) == [1, 1, 1, 1, 1, 2, 3]


def closing(request: Request) -> bool:
    """Answer and close, as gunicorn's sync workers do."""
    request.answer("201 Created", b'{"id": 1, "public_token": "%s"}' % TOKENS[0].encode(), "Connection: close")
    return False


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("answer", [closing, creating], ids=["which close", "which keep"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
def test_few_workers_are_not_held_up(
    file: Path, workers: int, answer: Answer, encrypted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that has taken a connection takes no other: what it does not take now is sent when it does."""
    monkeypatch.setattr("harness.run.start_line.LONGEST_WAIT_S", 3600)

    def in_a_while(request: Request) -> bool | None:
        time.sleep(0.1)  # on a busy machine a POST would else be answered before the next thread has its turn
        return answer(request)

    with certificate() as (tls, ca_file), serving(in_a_while, tls if encrypted else None, workers=workers) as server:
        of: dict[str, Any] = {"ca_file": ca_file} if encrypted else {}
        history = sent(server.url, file, posts=2, burst=12, **of)
    assert [a.outcome for a in history.attempts] == ["ok"] * 14
    together = largest_overlap(history.phase("burst"))
    assert together >= 1 if encrypted else together > workers  # a handshake wants a worker, a connection does not


def test_eight_posts_go_on_one_connection(file: Path) -> None:
    """Then another one is opened, which may reach another instance."""
    with serving(creating) as server:
        sent(server.url, file, posts=20, burst=0)
    assert [request.number for request in server.of("POST")] == [*range(1, 9), *range(1, 9), *range(1, 5)]


def test_a_connection_on_which_something_failed_is_not_used_again(file: Path) -> None:
    """What answered an error may close it, or be what is broken."""

    def answer(request: Request) -> bool:
        if len(request.server.of("POST")) == 2:
            request.answer("500 Oops")
            return True
        return creating(request)

    with serving(for_posts(answer)) as server:
        sent(server.url, file, posts=4, burst=0)
    assert [request.number for request in server.of("POST")] == [1, 2, 1, 2]


def test_a_connection_that_was_idle_is_not_used_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the row of the first POST was looked for, the server may have closed it."""
    monkeypatch.setattr("harness.run.workload.LONGEST_IDLE_S", 0.2)
    ledger = Ledger(file)
    ledger.run(RUN, {"preview": {"url": "http://h"}})
    with serving(creating) as server:
        client = client_of(server.url, posts=3, burst=0, probes=[])
        post_all(client, ledger, RUN, 1, threading.Event(), why_no_more=lambda _: time.sleep(0.3))
    ledger.close()
    assert [request.number for request in server.of("POST")] == [1, 1, 2]


def test_what_fails_from_the_sixth_post_on_a_connection_is_seen(file: Path) -> None:
    """By default: a prepared plan is made generic after five executions."""

    def answer(request: Request) -> bool:
        if request.number > 5:
            request.answer("500 Oops", b"cached plan must not change result type")
            return True
        return creating(request)

    with serving(for_posts(answer)) as server:
        posts = client_of(server.url).environment.posts
        history = sent(server.url, file, posts=posts, burst=0)
    assert posts == 8
    assert [a.n for a in history.attempts if a.outcome == "fail"] == [6]


@pytest.mark.parametrize(("posts", "burst"), [(1, 0), (1, 1), (5, 0), (2, 32)])
def test_posts_and_burst_are_as_configured(file: Path, posts: int, burst: int) -> None:
    """A burst of none sends none."""
    with serving(creating) as server:
        history = sent(server.url, file, posts=posts, burst=burst)
    assert (len(history.phase("sequence").attempts), len(history.phase("burst").attempts)) == (posts, burst)
    assert len(server.of("POST")) == posts + burst


@pytest.mark.parametrize(
    ("answer", "outcome", "problem"),
    [
        (lambda r: r.reset(), "unknown", Problem.NO_ANSWER),
        (lambda r: None, "unknown", Problem.NO_ANSWER),
        (lambda r: r.send(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{"), "unknown", Problem.CUT),
        (lambda r: r.answer("500 Oops", b"duplicate key"), "fail", Problem.WRONG_STATUS),
        (lambda r: r.answer("503 Busy", b"", "Retry-After: 0"), "fail", Problem.WRONG_STATUS),
        (lambda r: r.answer("307 Again", b"", "Location: /api/chatbots"), "fail", Problem.REDIRECTED),
        (lambda r: r.answer("429 Slow", b"", "Retry-After: 0"), "fail", Problem.RATE_LIMITED),
        (lambda r: r.answer("408 Request Timeout"), "fail", Problem.WRONG_STATUS),
        (lambda r: r.answer("200 OK", b"<html>"), "fail", Problem.PLACEHOLDER_PAGE),
        (lambda r: r.answer("201 Created", b"x" * 2_000_000), "fail", Problem.TOO_LARGE),
        (lambda r: r.created({"id": 1}), "fail", Problem.FIELD_MISSING),
    ],
    ids=["reset", "closed", "cut", "500", "503", "307", "429", "408", "200", "too large", "no token"],
)
def test_a_post_is_never_repeated(file: Path, answer: Answer, outcome: str, problem: Problem) -> None:
    """However it ends, each name arrived once, and the history says how."""
    with serving(for_posts(answer)) as server:
        history = sent(server.url, file)
    assert sorted(names_of(server)) == sorted(a.name for a in history.attempts)
    assert {(a.outcome, a.problem) for a in history.attempts} == {(outcome, problem)}
    assert all(a.error for a in history.attempts)


def test_posts_that_never_left_say_so(file: Path) -> None:
    """No row can be stored by them."""
    with refusing() as url:
        history = sent(url, file, posts=1, burst=2)
    assert {a.problem for a in history.attempts} == {Problem.REFUSED}
    assert not any(a.may_have_stored for a in history.attempts)


def test_a_post_without_an_answer_ends_with_its_budget(file: Path) -> None:
    """api.timeout_s is for the whole of it."""
    with serving(for_posts(lambda request: request.trickle(b"H"))) as server:
        history = sent(server.url, file, posts=1, burst=3, api={"timeout_s": 2})
    assert {a.error for a in history.attempts} == {"no whole answer within 2 s"}
    assert len(server.of("POST")) == 4


def test_a_stopped_run_sends_nothing_more(file: Path) -> None:
    """Ctrl-C between two POSTs: what was sent is told, and no burst follows."""
    stop = threading.Event()

    def answer(request: Request) -> bool | None:
        if len(request.server.of("POST")) == 2:
            stop.set()
        return creating(request)

    with serving(answer) as server:
        history = sent(server.url, file, stop=stop, posts=5)
    assert [a.n for a in history.attempts] == [1, 2]
    assert len(server.of("POST")) == 2


def test_a_run_that_is_stopped_before_its_burst_sends_none_of_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While connections are opened; its intents are on disk, and nothing arrived."""
    stop = threading.Event()
    intend = Ledger.intend

    def stopped(ledger: Ledger, environment: str, attempts: Any) -> None:
        intend(ledger, environment, attempts)
        if len(attempts) == 4:
            stop.set()

    monkeypatch.setattr(Ledger, "intend", stopped)
    with serving(creating) as server:
        history = sent(server.url, file, stop=stop, posts=1, burst=4)
    assert [a.n for a in history.attempts] == [1]
    assert len(server.of("POST")) == 1
    assert len(read(file)[1]["preview"].attempts) == 5


def test_secrets_that_a_server_gives_back_are_masked(file: Path) -> None:
    """In evidence, errors and on disk."""
    canary = "c4n4ry-s3cret"

    def echo(request: Request) -> None:
        request.answer("302 Found", request.headers["x-api-key"].encode(), f"Location: /x?key={canary}")

    with serving(for_posts(echo)) as server:
        history = sent(server.url, file, headers={"X-Api-Key": canary})
    assert {(a.evidence, a.error) for a in history.attempts} == {("***", "302: redirected to /x?key=***, want 201")}
    assert canary not in file.read_text(encoding="utf-8")


def test_evidence_is_bounded(file: Path) -> None:
    """The beginning of a large error page says enough."""
    with serving(for_posts(lambda r: r.answer("500 Oops", b"\xff" + b"x" * 500_000))) as server:
        history = sent(server.url, file, posts=1, burst=0)
    assert history.attempts[0].evidence.startswith("\ufffdxxx")
    assert len(history.attempts[0].evidence) <= 2_000


def test_a_deployment_that_recovers_is_told_as_it_was(file: Path) -> None:
    """A failure stays in the history although the next POST is answered."""
    with serving(for_posts(in_turn(lambda r: r.answer("500 Oops"), creating))) as server:
        history = sent(server.url, file, posts=3, burst=0)
    assert [a.status for a in history.attempts] == [500, 201, 201]


def test_one_of_a_burst_that_cannot_be_sent_holds_up_no_other(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for: the others would time out for want of it."""
    monkeypatch.setattr("harness.run.start_line.LONGEST_WAIT_S", 3600)

    def unmade(name: str, *, token: str | None = None) -> Any:
        return {"name": {name} if name == attempt_name(RUN, 2) else name}  # json has no sets

    monkeypatch.setattr(
        "harness.configuration.models.Environment.payload_for", lambda _, name, *, token=None: unmade(name)
    )
    with serving(creating) as server:
        history = sent(server.url, file, posts=1, burst=4)
    assert [a.outcome for a in history.attempts] == ["ok", "unknown", "ok", "ok", "ok"]
    assert len(server.of("POST")) == 4
