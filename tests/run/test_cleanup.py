"""Clean-up in the database: what is waited for, what is compared before, and what is never touched."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pydantic import SecretStr

from harness.configuration.models import Environment
from harness.history.problem import Problem
from harness.history.reading import read
from harness.postgres.connection import connect, identity_of, located, same_database
from harness.postgres.deletion import Found, find
from harness.run.cleanup import CleanUp
from rehearsal.deployment.start import Deployment, deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from rehearsal.servers.postgres import VERIFIER
from tests.support.cleanups import cleaned, store, stored
from tests.support.gates import entry, run_gate, run_harness, write_environments
from tests.support.histories import failed, ok, unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg import AsyncConnection

    from rehearsal.deployment.plan import Insert, Plan, Stored, Wanted
    from rehearsal.servers.postgres import Postgres

AMPLE_S = 60.0


@contextmanager
def storing_later(deployment: Deployment, name: str, when: Callable[[], bool]) -> Iterator[None]:
    """A transaction that has inserted a row and commits as soon as `when` says so, as a slow deployment does."""

    def commit(connection: psycopg.Connection[Any]) -> None:
        deadline = time.monotonic() + AMPLE_S
        while not when() and time.monotonic() < deadline:
            time.sleep(0.02)
        connection.commit()

    with psycopg.connect(deployment.database) as connection:
        connection.execute("insert into chatbots (name) values (%s)", [name])
        thread = threading.Thread(target=commit, args=(connection,))
        thread.start()
        yield
        thread.join()


# --- late rows --------------------------------------------------------------------------------------------------------


def test_a_late_row_is_waited_for(tmp_path: Path, healthy: Deployment) -> None:
    """Its POST had no answer and no row when the others were removed; it is removed as soon as it comes."""
    store(healthy, "smoke-r-1")
    with storing_later(healthy, "smoke-r-2", when=lambda: not stored(healthy, "smoke-r-1")):
        done = cleaned(healthy, tmp_path, [ok(1), unanswered(2)], patience_s=AMPLE_S)
    assert done == CleanUp(removed=2)
    assert stored(healthy) == []


def test_nothing_is_waited_for_that_cannot_come(tmp_path: Path, healthy: Deployment) -> None:
    """An acknowledgement ends the wait, and so does the row of a POST without one; else this would hang."""
    store(healthy, *(f"smoke-r-{n}" for n in range(1, 5)))
    refused = ok(4, outcome="unknown", problem=Problem.RATE_LIMITED, status=429, id=None, token=None)
    never_sent = unanswered(5, Problem.REFUSED)
    attempts = [ok(1), unanswered(2), failed(3), refused, never_sent]
    assert cleaned(healthy, tmp_path, attempts, patience_s=3600) == CleanUp(removed=4)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_gave_up_is_no_answer_of_the_app(tmp_path: Path, healthy: Deployment, status: int) -> None:
    """Behind it the app may still be at work."""
    with storing_later(healthy, "smoke-r-1", when=lambda: (tmp_path / "history.jsonl").exists()):
        done = cleaned(healthy, tmp_path, [failed(1, status)], patience_s=AMPLE_S)
    assert done == CleanUp(removed=1)


def test_what_did_not_come_is_listed_with_the_budget(tmp_path: Path, healthy: Deployment) -> None:
    """Whether it will is not known, and that is said."""
    (left,) = cleaned(healthy, tmp_path, [unanswered(1)], patience_s=0.2).left
    assert left.name == "smoke-r-1"
    assert left.reason == "had no answer, and no row came within 0.2 s: the deployment may still store it"
    assert left.remedy == "run chatbots-smoke cleanup HISTORY again later"


def test_who_is_in_a_hurry_waits_no_longer(tmp_path: Path, healthy: Deployment) -> None:
    """A second Ctrl-C ends the wait: what is there is removed, the rest listed; else this would hang."""
    store(healthy, "smoke-r-1")
    hurry = threading.Event()

    def waits() -> bool:
        said = tmp_path / "history.jsonl"
        return said.exists() and '"removed"' in said.read_text(encoding="utf-8")

    def interrupt() -> None:
        deadline = time.monotonic() + AMPLE_S
        while not waits() and time.monotonic() < deadline:
            time.sleep(0.02)
        hurry.set()

    threading.Thread(target=interrupt).start()
    done = cleaned(healthy, tmp_path, [ok(1), unanswered(2)], patience_s=3600, hurry=hurry)
    assert (done.removed, [row.name for row in done.left]) == (1, ["smoke-r-2"])


def stores_after_the_timeout(plan: Plan) -> None:
    """The INSERT comes so long after the request that its client has gone."""

    @plan.around_insert
    async def insert(connection: AsyncConnection, wanted: Wanted, insert: Insert) -> Stored:
        await asyncio.sleep(3)
        return await insert(connection, wanted)


def test_a_post_that_timed_out_is_removed_by_the_gate_itself(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app commits after the client has gone: nothing is left behind by the run that saw it fail."""
    fault = Fault("", "", "", {}, 1, stores_after_the_timeout)
    monkeypatch.setitem(FAULTS, "stores_after_the_timeout", fault)
    with deployed(postgres, "stores_after_the_timeout") as deployment:
        api = {"timeout_s": 1}
        run = run_gate(
            tmp_path, [deployment], "-k", "every_post", posts=2, burst=0, probes=[], api=api, late_rows_s=AMPLE_S
        )
        assert stored(deployment) == []
    assert run.exit_code == 1, run.out
    assert run.verdict["left_behind"] == []
    assert run.verdict["environments"][0]["rows_removed"] == 2


# --- which database, which rows ---------------------------------------------------------------------------------------


def test_foreign_rows_stay(tmp_path: Path, healthy: Deployment) -> None:
    """A longer or a shorter name, another case, another run's, and an id that an answer gave for another row."""
    foreign = ["smoke-R-1", "smoke-r", "smoke-r-", "smoke-r-11", "smoke-s-1", "smoke-r-1 "]
    store(healthy, "smoke-r-1", *foreign)
    assert cleaned(healthy, tmp_path, [ok(1, id="1")]) == CleanUp(removed=1)
    assert sorted(stored(healthy)) == sorted(foreign)
    with psycopg.connect(healthy.database) as connection:
        assert connection.execute("select 1 from chatbots where id = 1").fetchone()


def test_a_row_that_an_earlier_clean_up_found_is_not_missed(tmp_path: Path, healthy: Deployment) -> None:
    """Killed between the DELETE and its record, it is gone all the same: nothing is left behind."""
    assert cleaned(healthy, tmp_path, [ok(1)]).left != ()
    assert cleaned(healthy, tmp_path, [ok(1)], known=frozenset({("1", "smoke-r-1")})) == CleanUp()


def test_rows_are_written_down_before_and_after(tmp_path: Path, healthy: Deployment) -> None:
    """Each with its id and label, once."""
    store(healthy, "smoke-r-1", "smoke-r-2")
    cleaned(healthy, tmp_path, [ok(1), ok(2)])
    lines = map(json.loads, (tmp_path / "history.jsonl").read_text().splitlines()[1:])
    assert [(line["record"], line["label"]) for line in lines] == [
        ("row", "smoke-r-1"),
        ("row", "smoke-r-2"),
        ("removed", "smoke-r-1"),
        ("removed", "smoke-r-2"),
    ]


def test_another_database_is_refused(tmp_path: Path, postgres: Postgres) -> None:
    """Same host, same table, same names, and yet not where the run stored its rows: nothing is deleted there."""
    with deployed(postgres, name="one") as one, deployed(postgres, name="two") as two:
        store(one, "smoke-r-1")
        store(two, "smoke-r-1")
        with connect(SecretStr(one.database)) as connection:
            identity = identity_of(connection)
        done = cleaned(two, tmp_path, [ok(1)], identity=identity)
        assert [row.reason for row in done.left] == [
            "this is not the database that the run stored its rows in (another system identifier or oid)"
        ]
        assert stored(two) == ["smoke-r-1"]
        assert cleaned(one, tmp_path, [ok(1)], identity=identity) == CleanUp(removed=1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("7/1", "7/1", True), ("7/1", "8/1", False), ("7/1", "7/2", False), ("/1", "7/1", True), ("/1", "7/2", False)],
)
def test_identities_are_compared_as_far_as_both_are_known(one: str, other: str, same: bool) -> None:
    """A role that may not read the system identifier knows the oid only."""
    assert same_database(one, other) is same


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://u:secret@db.example.com/shop", "db.example.com:5432/shop"),
        ("postgres://u:secret@db.example.com:6543/shop?sslmode=require", "db.example.com:6543/shop"),
        ("postgresql://u@/shop?host=%2Fvar%2Frun", "/var/run:5432/shop"),
        ("postgresql://u:secret@a:1,b:2/shop", "a,b:1,2/shop"),
        ("postgresql://u:secret@h", "h:5432/u"),
    ],
)
def test_where_a_database_is_is_no_secret(url: str, where: str) -> None:
    """What the history keeps of its URL."""
    database = Environment.model_validate({"name": "p", "url": "http://h", "database": url}).database
    assert database is not None
    assert located(database) == where


@pytest.mark.parametrize("protected", [True, False])
def test_no_row_is_made_that_could_not_be_removed(tmp_path: Path, postgres: Postgres, protected: bool) -> None:
    """Without the right to delete nothing is sent, whether or not the environment is protected."""
    with deployed(postgres) as deployment:
        name = deployment.database.rpartition("/")[2].partition("?")[0]
        postgres.run(name, ["grant select on chatbots, chatbots_id_seq to verifier"])
        reader = postgres.dsn(name, VERIFIER, "c4n4ry-pass")  # a user alone would be taken for a credential
        run = run_gate(tmp_path, [deployment], protected=protected, database=reader)
        stored_rows = stored(deployment)
    assert (run.exit_code, stored_rows) == (75, [])
    check = run.check("every_post_answers_201")
    assert check["cause"].startswith(
        "no POST was sent, because its row could not be removed: this role has no DELETE on"
    )
    assert check["remedy"].startswith('GRANT DELETE ON "public"."chatbots" TO "verifier"')


@pytest.mark.parametrize(
    ("statements", "cause", "remedy"),
    [
        pytest.param(["grant delete on chatbots to verifier"], "this role may not read", "GRANT SELECT ON", id="read"),
        pytest.param(
            [
                "grant select, delete on chatbots to verifier",
                "alter table chatbots enable row level security",
                "create policy of_a_tenant on chatbots using (name like 'tenant-%')",
            ],
            "row-level security of",
            "use a role that has BYPASSRLS",
            id="rls",
        ),
    ],
)
def test_rows_that_would_not_be_seen_are_not_made(
    tmp_path: Path, postgres: Postgres, statements: list[str], cause: str, remedy: str
) -> None:
    """That is known before the first POST."""
    with deployed(postgres) as deployment:
        name = deployment.database.rpartition("/")[2].partition("?")[0]
        postgres.run(name, statements)
        run = run_gate(tmp_path, [deployment], database=postgres.dsn(name, VERIFIER))
        assert stored(deployment) == []
    check = run.check("every_post_answers_201")
    assert (run.exit_code, check["outcome"]) == (75, "unknown"), run.out
    assert f"because its row could not be removed: {cause}" in check["cause"]
    assert check["remedy"].startswith(remedy)


# --- the command ------------------------------------------------------------------------------------------------------


def kept(folder: Path, deployment: Deployment) -> Path:
    """The history of a run that kept its rows."""
    run = run_gate(folder, [deployment], "-k", "every_post", posts=2, burst=0, probes=[], cleanup="keep")
    assert run.exit_code == 76, run.out
    write_environments(folder / "environments.yaml", {}, preview=entry(deployment))
    return run.report_dir / "history.jsonl"


def command(history: Path) -> Any:
    return run_harness("cleanup", str(history), "--environments", str(history.parent.parent / "environments.yaml"))


@pytest.mark.parametrize("key", ["url", "database"])
def test_the_command_refuses_another_environment(tmp_path: Path, postgres: Postgres, key: str) -> None:
    """The file has changed since: rows that are not looked for where they are would be reported as gone."""
    with deployed(postgres) as deployment, deployed(postgres, name="other") as other:
        history = kept(tmp_path, deployment)
        changed = {**entry(deployment), key: getattr(other, key)}
        write_environments(tmp_path / "environments.yaml", {}, preview=changed)
        done = command(history)
        assert done.exit_code == 4
        assert f"was written on {read(history)[1]['preview'].settings[key]}, but environments.preview.{key}" in done.err
        assert "Clean up with the configuration that the run had." in done.err
        assert len(stored(deployment)) == 2


def test_the_command_removes_once_and_says_so_twice(tmp_path: Path, healthy: Deployment) -> None:
    """A second time there is nothing left to do, and that is a good end."""
    history = kept(tmp_path, healthy)
    first, second = command(history), command(history)
    assert (first.exit_code, second.exit_code) == (0, 0), first.out + second.out
    assert "preview: 2 rows removed, 0 may be left behind" in first.out
    assert "preview: 0 rows removed, 0 may be left behind" in second.out


def test_a_post_of_long_ago_is_not_waited_for(tmp_path: Path, healthy: Deployment) -> None:
    """Within an hour it may still be stored, and is listed; after that nobody is at work on it any more."""
    for age, want in ((timedelta(minutes=50), 76), (timedelta(minutes=61), 0)):
        folder = tmp_path / str(want)
        folder.mkdir()
        history = kept(folder, healthy)
        lines = [json.loads(line) for line in history.read_text().splitlines()]
        lines = [line for line in lines if line["record"] != "attempt"]  # killed before any outcome was written
        for line in lines:
            if "at" in line:
                line["at"] = (datetime.now(UTC) - age).isoformat()
        history.write_text("".join(json.dumps(line) + "\n" for line in lines))
        with psycopg.connect(healthy.database) as connection:
            connection.execute("delete from chatbots where name like 'smoke-%%'")  # and none was ever stored
        settings = entry(healthy, late_rows_s=600)
        write_environments(folder / "environments.yaml", {}, preview=settings)  # 600 s of patience would hang
        done = command(history)
        assert done.exit_code == want, done.out + done.err
        assert ("no row came yet: the deployment may still store it" in done.out) is (want == 76)


def test_very_many_rows_are_removed_some_at_a_time(
    healthy: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No statement takes more than its share; what is gone, what never came and what may come are told apart."""
    monkeypatch.setattr("harness.run.cleanup_task.AT_ONCE", 3)
    statements: list[int] = []

    def counted(*of: Any) -> list[Found]:
        statements.append(len(of[2]))
        return find(*of)

    monkeypatch.setattr("harness.run.cleanup.find", counted)
    store(healthy, *(f"smoke-r-{n}" for n in range(1, 9)), "smoke-other-1")
    attempts = [*(ok(n, id=str(n), token="t") for n in range(1, 9)), unanswered(9), ok(10, id="10", token="t")]
    done = cleaned(healthy, tmp_path, attempts, patience_s=3)
    assert done.removed == 8
    assert [(row.name, row.reason.partition(",")[0]) for row in done.left] == [
        ("smoke-r-9", "had no answer"),
        ("smoke-r-10", "answered 201"),
    ]
    assert stored(healthy) == ["smoke-other-1"]
    assert statements[:4] == [3, 3, 3, 1]
    assert set(statements[4:]) == {1}
    recorded = read(tmp_path / "history.jsonl")[1]["preview"]
    assert len(recorded.rows) == len(recorded.removed) == 8
