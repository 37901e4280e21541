"""The first POST goes alone: the others are sent once its row was found where rows are to be removed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from rehearsal.deployment.replies import error
from rehearsal.deployment.start import Deployment, deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from tests.support.gates import Run, entry, run_gate, run_harness, write_environments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from rehearsal.deployment.plan import Connection, Create, Insert, Plan, Stored, Wanted
    from rehearsal.servers.postgres import Postgres


def stored(deployment: Deployment) -> list[str]:
    """The names of our rows in a deployment's database."""
    with psycopg.connect(deployment.database) as connection:
        rows = connection.execute("select name from chatbots where name like 'smoke%' order by id")
        return [name for (name,) in rows]


@pytest.fixture
def two(postgres: Postgres) -> Iterator[tuple[Deployment, Deployment]]:
    """Two deployments, each with a database of its own."""
    with deployed(postgres) as app, deployed(postgres, name="other") as other:
        yield app, other


def broken(monkeypatch: pytest.MonkeyPatch, breaks: Callable[[Plan], None]) -> str:
    """The name of a fault that is in the catalogue for the time of a test."""
    monkeypatch.setitem(FAULTS, breaks.__name__, Fault("", "", "", {}, 1, breaks))
    return breaks.__name__


def left(run: Run) -> list[str]:
    """The names of the rows that a run says it may have left behind."""
    return [row["name"] for row in run.verdict["left_behind"]]


# --- a database that is not the deployment's --------------------------------------------------------------------------


def test_a_wrong_database_costs_one_row(tmp_path: Path, two: tuple[Deployment, Deployment]) -> None:
    """One POST is sent, its row is listed, and every claim that needs POSTs or rows says why it could not be asked."""
    app, other = two
    run = run_gate(tmp_path, [app], database=other.database)
    assert run.exit_code == 75, run.out
    assert (len(stored(app)), len(stored(other))) == (1, 0)
    assert left(run) == stored(app)
    assert run.verdict["environments"][0]["posts"] == 1
    check = run.check("every_post_answers_201")
    assert check["outcome"] == "unknown"
    assert check["cause"].startswith(f"the row of the first POST ({stored(app)[0]}, id ")
    assert ") is not in table public.chatbots of database " in check["cause"]
    assert check["cause"].endswith("; the other POSTs were not sent")
    assert check["remedy"].startswith(
        "check database and table of this environment; then remove the row with chatbots-smoke"
    )
    for claim in ("tokens_are_distinct", "posts_at_once_answer_201", "client_cannot_choose_the_token"):
        assert run.check(claim)["cause"] == check["cause"]
    assert run.check("column_is_uuid")["outcome"] == "unknown"


def test_the_row_is_removed_with_the_right_database(tmp_path: Path, two: tuple[Deployment, Deployment]) -> None:
    """The command takes it although the history names another one, says so, and finds nothing a second time."""
    app, other = two
    history = run_gate(tmp_path, [app], database=other.database).report_dir / "history.jsonl"
    first, second = (cleaned(tmp_path, history, entry(app)) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0), first.out + first.err + second.out + second.err
    assert "1 rows removed, 0 may be left behind" in first.out
    assert "  the run did not find its row in " in first.out
    assert "; it was looked for in " in first.out
    assert "0 rows removed, 0 may be left behind" in second.out
    assert stored(app) == []
    third = cleaned(tmp_path, history, entry(other, url=app.url))
    assert third.exit_code == 76
    assert "this is not the database that the run stored its rows in" in third.out


def test_another_url_is_refused_all_the_same(tmp_path: Path, two: tuple[Deployment, Deployment]) -> None:
    """Only the database may be another one."""
    app, other = two
    history = run_gate(tmp_path, [app], database=other.database).report_dir / "history.jsonl"
    done = cleaned(tmp_path, history, entry(app, url=other.url))
    assert done.exit_code == 4
    assert "environments.preview.url is now" in done.err
    assert len(stored(app)) == 1


def test_a_database_that_is_wrong_again_says_so(tmp_path: Path, postgres: Postgres) -> None:
    """The row stays listed."""
    with deployed(postgres) as app, deployed(postgres, name="a") as a, deployed(postgres, name="b") as b:
        history = run_gate(tmp_path, [app], database=a.database).report_dir / "history.jsonl"
        done = cleaned(tmp_path, history, entry(app, database=b.database))
        assert done.exit_code == 76
        assert "answered 201, but no row of this table has its name" in done.out
        assert cleaned(tmp_path, history, entry(app)).exit_code == 0
        assert stored(app) == []


def cleaned(folder: Path, history: Path, settings: dict[str, Any]) -> Run:
    file = write_environments(folder / "right.yaml", {}, preview=settings)
    return run_harness("cleanup", str(history), "--environments", str(file))


def test_judged_again_it_could_not_be_told_either(tmp_path: Path, two: tuple[Deployment, Deployment]) -> None:
    """One POST of nineteen proves nothing, whoever looks at the history."""
    app, other = two
    run = run_gate(tmp_path, [app], database=other.database)
    judged = run_harness("judge", str(run.report_dir / "history.jsonl"), "--json")
    assert judged.exit_code == 75, judged.out + judged.err
    check = next(c for c in json.loads(judged.out)["checks"] if c["id"] == "tokens_are_distinct")
    assert check["cause"] == run.check("tokens_are_distinct")["cause"]


# --- a column that does not hold the name -----------------------------------------------------------------------------

MORE_COLUMNS = ["alter table chatbots add column title text, add column settings jsonb, add column notes text"]


def storing(monkeypatch: pytest.MonkeyPatch, columns: str, values: str) -> str:
    """A fault: the app fills these columns with these values, in which `%(name)s` is the name that was sent."""

    def stores_elsewhere(plan: Plan) -> None:
        plan.statements += MORE_COLUMNS
        insert = f"insert into chatbots ({columns}, require_auth) values ({values}, %(require_auth)s)"
        plan.insert_sql = f"{insert} returning id, public_token"

    return broken(monkeypatch, stores_elsewhere)


def test_the_column_that_holds_the_name_is_named(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row is stored; it is found by its id and token, and a clean-up with the right label removes it."""
    with deployed(postgres, storing(monkeypatch, "name, title", "'', %(name)s")) as app:
        run = run_gate(tmp_path, [app])
        assert run.exit_code == 75, run.out
        assert run.verdict["environments"][0]["posts"] == 1
        check = run.check("rows_agree_with_answers")
        assert check["outcome"] == "unknown"
        assert check["cause"].endswith(
            ") was found by its id and token; its name is in column title, not in name; the other POSTs were not sent"
        )
        assert check["remedy"].startswith("set table.label: title, and run chatbots-smoke cleanup")
        assert len(left(run)) == 1
        history = run.report_dir / "history.jsonl"
        done = cleaned(tmp_path, history, entry(app, table={"label": "title"}))
        assert (done.exit_code, "1 rows removed, 0 may be left" in done.out) == (0, True), done.out + done.err
        right = run_gate(tmp_path, [app], "-k", "rows_agree", table={"label": "title"})
    assert right.exit_code == 0, right.out


@pytest.mark.parametrize(
    ("columns", "values", "said"),
    [
        ("name, settings", "'', jsonb_build_object('name', %(name)s::text)", "its name is inside column settings"),
        ("name", "upper(%(name)s)", "its name is changed in column name"),
        ("name", "'Bot ' || %(name)s", "its name is changed in column name"),
        ("name", "left(%(name)s, 24)", "its name is changed in column name"),
    ],
)
def test_a_name_that_is_stored_changed_is_no_failure(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, columns: str, values: str, said: str
) -> None:
    """Rows cannot be told by it, which says nothing against the deployment."""
    with deployed(postgres, storing(monkeypatch, columns, values)) as app:
        run = run_gate(tmp_path, [app])
    assert run.exit_code == 75, run.out
    assert run.verdict["environments"][0]["posts"] == 1
    assert said in run.check("rows_agree_with_answers")["cause"]
    assert "set cleanup to api or keep" in run.check("rows_agree_with_answers")["remedy"]


def test_an_app_that_drops_the_name_is_broken(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is found by id and token, and no column of it holds the name."""
    with deployed(postgres, storing(monkeypatch, "name, notes", "'a chatbot', 'Hello'")) as app:
        run = run_gate(tmp_path, [app])
        again = cleaned(tmp_path, run.report_dir / "history.jsonl", entry(app))
    assert run.exit_code == 1, run.out
    assert run.verdict["environments"][0]["posts"] == 1
    check = run.check("rows_agree_with_answers")
    assert check["outcome"] == "fail"
    (have,) = check["have"]
    assert have.startswith(f"the row of the first POST ({left(run)[0]}, id 51) was found by its id and token, and none")
    assert have.endswith(" of its columns holds the name that was sent (name, title, settings, notes)")
    assert "api.payload" in check["remedy"]
    (row,) = run.verdict["left_behind"]
    assert row["reason"].startswith("the row of the first POST")
    assert " was found by its id and token, and none of its columns holds the name" in row["reason"]
    assert row["remedy"].endswith("Without it the run cannot find its rows: delete this one by hand")
    assert again.exit_code == 76
    assert "delete this one by hand" in again.out
    assert "check database and table" not in again.out
    assert {o for c, o in run.outcomes("preview").items() if c != check["id"]} <= {"unknown", "pass", "not_covered"}


# --- the first POST is not as usual -----------------------------------------------------------------------------------


def test_a_first_post_that_fails_stops_nothing(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken deployment is seen broken with all POSTs; it is the first acknowledged one whose row is looked for."""

    def fails(plan: Plan) -> None:
        @plan.around_create
        async def create(request: Request, create: Create) -> Response:
            return error(500, "it is broken")

    with deployed(postgres, broken(monkeypatch, fails)) as app, deployed(postgres, name="other") as other:
        run = run_gate(tmp_path, [app], database=other.database)
    assert run.exit_code == 1, run.out
    assert run.verdict["environments"][0]["posts"] == 19


def test_what_was_seen_broken_before_still_counts(tmp_path: Path, postgres: Postgres) -> None:
    """The first POST answers 500, the second stores a row that is not found: broken, and no third one is sent."""
    fault = "first_post_answers_500"
    with deployed(postgres, fault) as app, deployed(postgres, name="other") as other:
        run = run_gate(tmp_path, [app], database=other.database)
        assert len(stored(app)) == 1
    assert run.exit_code == 1, run.out
    assert run.verdict["environments"][0]["posts"] == 2
    assert run.check("every_post_answers_201")["outcome"] == "fail"
    assert run.check("posts_at_once_answer_201")["outcome"] == "unknown"
    assert run.check("posts_at_once_answer_201")["cause"].endswith("; the other POSTs were not sent")


def test_a_row_that_comes_after_the_answer_is_waited_for(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that answers a moment before its transaction ends is asked like any other."""

    def commits_late(plan: Plan) -> None:
        @plan.around_insert
        async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
            row = await insert(connection, wanted)
            await connection.execute("update chatbots set name = 'not yet' where id = %s", [row.id])

            async def commit() -> None:
                await asyncio.sleep(0.3)
                async with await psycopg.AsyncConnection.connect(app.database, autocommit=True) as own:
                    await own.execute("update chatbots set name = %s where id = %s", [wanted.name, row.id])

            tasks.append(asyncio.create_task(commit()))
            return row

    tasks: list[asyncio.Task[None]] = []
    with deployed(postgres, broken(monkeypatch, commits_late)) as app:
        run = run_gate(tmp_path, [app], "-k", "every_post", posts=1, burst=0, probes=[])
        assert stored(app) == []
    assert run.exit_code == 0, run.out


@pytest.mark.parametrize("cleanup", ["api", "keep"])
def test_where_rows_are_not_removed_by_the_database_all_are_sent(
    tmp_path: Path, two: tuple[Deployment, Deployment], cleanup: str
) -> None:
    """A wrong database keeps none of them."""
    app, other = two
    api = {"delete": "/api/chatbots/{id}"}
    run = run_gate(tmp_path, [app], database=other.database, cleanup=cleanup, api=api, posts=2, burst=2, probes=[])
    assert run.verdict["environments"][0]["posts"] == 4
