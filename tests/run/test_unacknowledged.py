"""Whatever a POST was answered, its row is looked for, removed or listed: a status says nothing about storage.

One app stores the row of each POST, before or after it answers, and each POST is answered in another way.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest

from harness.history.problem import NEVER_SENT, Problem
from harness.history.writing import Ledger
from harness.progress import Progress
from harness.run.cleanup import CleanUp, clean_up, left_as_it_is
from harness.run.cleanup_task import Task
from rehearsal.deployment.start import deployed
from tests.support.cleanups import cleaned, store, stored, task_of
from tests.support.clients import client_of, environment
from tests.support.gates import entry, run_gate, run_harness, write_environments
from tests.support.histories import TOKENS, failed, ok, unanswered
from tests.support.servers import certificate, refusing, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.history.attempt import Attempt
    from harness.report.verdict import LeftBehind
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.servers import Request

STATUSES = (
    *(200, 202, 204, 207, 226, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409, 410, 411, 413, 415),
    *(418, 421, 422, 423, 424, 425, 428, 429, 431, 451, 460, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511),
    *(520, 521, 522, 523, 524, 525, 526, 530, 598, 599, 999),
)
JSON = "Content-Type: application/json"
AMPLE_S = 60.0


def with_status(status: int) -> Callable[[Request], object]:
    """Answers so, with a body that says what the app may say with a 201."""
    return lambda request: request.answer(f"{status} Said", b'{"error": "no"}', JSON, "Location: /elsewhere")


OTHERS: dict[str, Callable[[Request], object]] = {
    "without an id": lambda request: request.answer("201 Created", b'{"public_token": "t"}', JSON),
    "without a token": lambda request: request.answer("201 Created", b'{"name": "x"}', JSON),
    "a token under another key": lambda request: request.answer(
        "201 Created", f'{{"token": "{TOKENS[1]}"}}'.encode(), JSON
    ),
    "an empty body": lambda request: request.answer("201 Created"),
    "no JSON": lambda request: request.answer("201 Created", b"<html>hello</html>", "Content-Type: text/html"),
    "a body that ends too soon": lambda request: request.send(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"),
    "a head that ends too soon": lambda request: request.send(b"HTTP/1.1 201 Crea"),
    "no HTTP": lambda request: request.send(b"hello\r\n\r\n"),
    "an end": lambda request: None,
    "a reset": lambda request: request.reset(),
    "silence": lambda request: request.server.closed.wait(AMPLE_S),
    "a body that is too large": lambda request: request.answer("201 Created", b" " * 1_200_000, JSON),
    "a body that is not encoded": lambda request: request.answer("201 Created", b"x", JSON, "Content-Encoding: gzip"),
}
ANSWERS: dict[str, Callable[[Request], object]] = {**{str(s): with_status(s) for s in STATUSES}, **OTHERS}


@pytest.fixture(scope="module")
def attempts() -> list[Attempt]:
    """A POST for each answer, and how it ended."""

    def answer(request: Request) -> None:
        [*ANSWERS.values()][int(json.loads(request.body)["name"].rpartition("-")[2]) - 1](request)

    with serving(answer) as server, ThreadPoolExecutor(8) as pool:
        patient, hasty = (client_of(server.url, api={"timeout_s": timeout_s}) for timeout_s in (AMPLE_S, 1))

        def send(n: int) -> Attempt:
            return (hasty if [*ANSWERS][n - 1] == "silence" else patient).post_chatbot(n, f"smoke-r-{n}", "sequence")

        found = [*pool.map(send, range(1, len(ANSWERS) + 1))]
    assert not any(a.outcome == "ok" for a in found)
    return found


class Mode(NamedTuple):
    """How rows are removed, and whether there is a database to look into."""

    cleanup: str
    database: bool = True
    deletes: bool = True

    def settings(self, deployment: Deployment) -> dict[str, Any]:
        """Of an environment."""
        database = {"database": deployment.database} if self.database else {}
        return {"cleanup": self.cleanup, "api": {"delete": "/api/chatbots/{id}"}, **database}

    def answer(self, deployment: Deployment) -> Callable[[Request], bool]:
        """What the app answers to a DELETE."""

        def answer(request: Request) -> bool:
            if self.deletes:
                with psycopg.connect(deployment.database) as connection:
                    connection.execute("delete from chatbots where id::text = %s", [request.target.rpartition("/")[2]])
            request.answer("204 No Content" if self.deletes else "403 Forbidden")
            return True

        return answer


MODES = {
    "database": Mode("database"),
    "no database": Mode("database", database=False),
    "api": Mode("api"),
    "api that refuses": Mode("api", deletes=False),
    "api without a database": Mode("api", database=False),
    "keep": Mode("keep"),
    "keep without a database": Mode("keep", database=False),
}


def answers_of(names: set[str]) -> list[str]:
    """Which answers these are the names of POSTs of."""
    return [answer for n, answer in enumerate(ANSWERS, start=1) if f"smoke-r-{n}" in names]


def listed_after(
    deployment: Deployment, mode: Mode, folder: Path, attempts: Sequence[Attempt], late: Sequence[str] = ()
) -> list[LeftBehind]:
    """What a clean-up lists, while which rows of these names are stored as soon as it waits for them."""

    def store_late(said: str) -> None:
        if said.startswith("waiting"):
            store(deployment, *late)

    with serving(mode.answer(deployment)) as server, closing(Ledger(folder / "history.jsonl")) as ledger:
        client = client_of(server.url, **mode.settings(deployment))
        ledger.run("r", {"preview": {"url": server.url}})
        labels = {a.name: [a.name] for a in attempts}
        patience_s = AMPLE_S if late else 0.5
        return [*clean_up(Task(client, attempts, labels, ledger, patience_s, progress=Progress(said=store_late))).left]


@pytest.mark.parametrize("unanswered", [True, False], ids=["unanswered", "answered"])
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_what_is_left_is_listed(
    tmp_path: Path, healthy: Deployment, attempts: list[Attempt], mode: Mode, late: bool, unanswered: bool
) -> None:
    """Whatever the answer was, whenever the row came, and whoever removes rows; what was removed is not listed."""
    some = [a for a in attempts if a.unanswered is unanswered]
    names = [a.name for a in some]
    store(healthy, *([] if late else names))
    listed = {row.name for row in listed_after(healthy, mode, tmp_path, some, names if late else ())}
    left = {*stored(healthy)}
    assert answers_of(left - listed) == []
    if mode.database:
        assert answers_of(listed - left) == []
        assert bool(left) is (mode.cleanup == "keep" or not mode.deletes)
    else:
        assert listed == {*names}


def test_what_was_not_stored_is_not_listed(tmp_path: Path, healthy: Deployment, attempts: list[Attempt]) -> None:
    """Where nobody gave up waiting, and the table was looked into twice; one pause is enough for all."""
    refused = [a for a in attempts if not a.unanswered and not 200 <= (a.status or 0) < 300]
    assert len(refused) > 30
    for mode in ("database", "api", "keep"):
        began_s = time.monotonic()
        (folder := tmp_path / mode).mkdir()
        assert listed_after(healthy, MODES[mode], folder, refused) == []
        assert time.monotonic() - began_s < 0.5 * len(refused)


def test_a_pause_is_made_for_what_was_not_acknowledged_only(tmp_path: Path, healthy: Deployment) -> None:
    """A run in which every POST was acknowledged, or never left, is not kept waiting; else this would hang."""
    store(healthy, "smoke-r-1")
    never_sent = [unanswered(n, problem) for n, problem in enumerate(sorted(NEVER_SENT), start=2)]
    done = cleaned(healthy, tmp_path, [ok(1), ok(9), *never_sent], patience_s=3600)
    assert (done.removed, [row.name for row in done.left]) == (1, ["smoke-r-9"])


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("create rule keeps as on delete to chatbots do instead nothing", "DELETE did not remove it"),
        (
            """create function refuses() returns trigger language plpgsql as $$ begin raise sqlstate '42501'; end $$;
            create trigger refuses before delete on chatbots for each row execute function refuses()""",
            "this role may not delete from the table",
        ),
        (
            """create table notes (of int references chatbots);
            insert into notes select id from chatbots where name = 'smoke-r-1'""",
            "other rows refer to them",
        ),
    ],
    ids=["rule", "no right", "referred to"],
)
def test_a_row_that_was_seen_is_listed_with_its_id(
    tmp_path: Path, postgres: Postgres, statement: str, reason: str
) -> None:
    """A DELETE that is refused leaves it, whatever its POST was answered."""
    with deployed(postgres) as deployment:
        store(deployment, "smoke-r-1")
        postgres.run(deployment.database.rpartition("/")[2].partition("?")[0], [statement])
        done = cleaned(deployment, tmp_path, [failed(1, 404)])
        (left,) = done.left
        assert stored(deployment) == ["smoke-r-1"]
    assert left.id is not None
    assert left.reason.startswith(reason)


def test_the_second_of_two_posts_of_one_name_is_waited_for(tmp_path: Path, healthy: Deployment) -> None:
    """The row of the first one is not taken for it."""
    first = ok(1, phase="same_payload")
    second = failed(2, 409, name=first.name, phase="same_payload")
    task = task_of(healthy, tmp_path, [first, second], patience_s=AMPLE_S)
    store(healthy, first.name)
    task.progress.said = lambda said: store(healthy, first.name) if said.startswith("waiting") else None
    assert clean_up(task) == CleanUp(removed=2)
    task.ledger.close()
    assert stored(healthy) == []


def test_a_run_that_is_ended_lists_whatever_may_be_stored() -> None:
    """Nobody has looked; only what never left cannot be."""
    attempts = [ok(1), failed(2, 404), failed(3, 303), unanswered(4), unanswered(5, Problem.REFUSED)]
    left = left_as_it_is(environment("http://h"), attempts).left
    assert [row.name for row in left] == [f"smoke-r-{n}" for n in range(1, 5)]
    assert left[1].reason.startswith("answered 404, which does not say that nothing is stored; the run was ended")


# --- when a request has left -----------------------------------------------------------------------------------------


def test_a_connection_that_fails_after_the_post_left_may_have_stored() -> None:
    """The server has read it, and then speaks no TLS any more: that is not the failure of a handshake."""
    heard: list[bytes] = []

    def answer(request: Request) -> None:
        heard.append(request.body)
        os.write(request.connection.fileno(), b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with certificate() as (tls, authorities), serving(answer, tls) as server:
        attempt = client_of(server.url, ca_file=authorities).post_chatbot(1, "smoke-r-1", "sequence")
    assert len(heard) == 1
    assert (attempt.outcome, attempt.problem) == ("unknown", Problem.NO_ANSWER), attempt
    assert attempt.may_have_stored
    assert attempt.unanswered


@pytest.mark.parametrize(
    ("url", "problem"),
    [("https://127.0.0.1:{port}", Problem.TLS), ("http://no.such.host.invalid", Problem.UNRESOLVED)],
)
def test_a_post_that_never_left_stored_nothing(url: str, problem: Problem) -> None:
    """No certificate that is trusted, or no such host: not one byte of it was sent."""
    with certificate() as (tls, _), serving(lambda request: request.answer("200 OK"), tls) as server:
        client = client_of(url.format(port=server.url.rpartition(":")[2]))
        attempt = client.post_chatbot(1, "smoke-r-1", "sequence")
    assert (attempt.problem, attempt.may_have_stored) == (problem, False), attempt
    assert server.requests == []


def test_a_refused_connection_stored_nothing() -> None:
    """Also where the POST is held back until others are ready."""
    with refusing() as url:
        for hold in (None, lambda: None):
            attempt = client_of(url).post_chatbot(1, "smoke-r-1", "burst", hold=hold)
            assert (attempt.problem, attempt.may_have_stored) == (Problem.REFUSED, False), attempt


# --- the real commands ------------------------------------------------------------------------------------------------


class Storing:
    """An app that stores each chatbot in a table, and answers 520 to every POST; late, it stores it when told to."""

    def __init__(self, deployment: Deployment, *, late: bool) -> None:
        self.deployment, self.late = deployment, late
        self.names: list[str] = []

    def __call__(self, request: Request) -> bool:
        if request.method == "POST":
            self.names.append(json.loads(request.body)["name"])
            if not self.late:
                store(self.deployment, self.names[-1])
        request.answer("520 Unknown" if request.method == "POST" else "200 OK")
        return True

    def store(self) -> None:
        """Store all that was sent."""
        store(self.deployment, *self.names)


@pytest.mark.parametrize("mode", ["database", "keep"])
def test_a_gate_whose_posts_all_fail_leaves_nothing_unsaid(tmp_path: Path, healthy: Deployment, mode: str) -> None:
    """What came at once is removed or listed by the gate itself; what came after its end, by a clean-up."""
    app = Storing(healthy, late=False)
    with serving(app) as server:
        settings: dict[str, Any] = {"url": server.url, "posts": 2, "burst": 2, "probes": [], "cleanup": mode}
        run = run_gate(tmp_path, [healthy], "-k", "every_post", **settings)
        assert run.exit_code == 1, run.out
        left = {row["name"] for row in run.verdict["left_behind"] if row["id"]}
        assert left == {*stored(healthy)} == ({*app.names} if mode == "keep" else set())
        app.store()  # again, long after
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, url=server.url))
        done = run_harness("cleanup", str(run.report_dir / "history.jsonl"), "--environments", str(file))
    assert done.exit_code == 0, done.out + done.err
    assert f"{8 if mode == 'keep' else 4} rows removed, 0 may be left behind" in done.out
    assert stored(healthy) == []
