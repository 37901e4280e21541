"""A deployment whose parts stop or restart in the middle of a run: the rows are removed, or every one is listed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from rehearsal.deployment.app import build
from rehearsal.deployment.plan import Plan
from rehearsal.deployment.start import deployed
from rehearsal.servers.binaries import find_binaries
from rehearsal.servers.http import serving
from rehearsal.servers.postgres import SUPERUSER, running
from tests.support.endings import going, names_of, stored, told
from tests.support.gates import entry, run_harness, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from rehearsal.deployment.plan import Create
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.endings import Going
    from tests.support.gates import Run

POSTS = 60


async def unhurried(request: Request, create: Create) -> Response:
    """Answers as ever, but so late that the POSTs are not over before the test has stopped what answers them."""
    await asyncio.sleep(0.05)
    return await create(request)


def begun(gate: Going, posts: int = 5) -> None:
    """Wait until so many POSTs were answered."""
    assert gate.wait_until(lambda: gate.records() >= 2 + 2 * posts), gate.ended()


def judge(run: Run, gate: Going, deployment: Deployment) -> None:
    """What is stored is listed, what is listed as removed is gone, and nothing broke down."""
    verdict = run.verdict
    said = f"exit {run.exit_code}\n{run.out}\n{run.err}"
    assert verdict["exit_code"] == run.exit_code
    assert "Traceback" not in run.out + run.err, said
    assert "the harness itself failed" not in run.out, said
    names = names_of(deployment.database, told(gate.history).run)
    assert names <= {row["name"] for row in verdict["left_behind"]}, said
    assert verdict["environments"][0]["rows_removed"] + len(names) <= verdict["environments"][0]["posts"], said


@pytest.mark.parametrize(
    ("cleanup", "with_database"), [("database", True), ("api", True), ("api", False)], ids=["database", "api", "blind"]
)
def test_app_that_stops(tmp_path: Path, healthy: Deployment, cleanup: str, with_database: bool) -> None:
    """Through the database the rows are removed nevertheless; through the app they are listed."""
    settings: dict[str, Any] = {"posts": POSTS, "burst": 4, "cleanup": cleanup}
    if cleanup == "api":
        settings["api"] = {"delete": "/api/chatbots/{id}"}
    if not with_database:
        settings["database"] = None
    file = tmp_path / "e.yaml"
    with ExitStack() as stack:
        plan = Plan()
        plan.around_create(unhurried)
        url = stack.enter_context(serving(build(plan, healthy.database)))
        write_environments(file, {}, preview=entry(healthy, **{**settings, "url": url}))
        with going(tmp_path, file) as gate:
            begun(gate)
            stack.close()
            run = gate.ended()
    judge(run, gate, healthy)
    # Refused connections are no answer of the deployment; one that is lost in the middle of a POST is a failure.
    assert run.exit_code in (1, 75), run.out
    assert run.outcomes("preview")["every_post_answers_201"] in ("fail", "unknown")
    names = names_of(healthy.database, told(gate.history).run)
    if cleanup == "database":
        assert not names, run.out
        assert run.verdict["environments"][0]["rows_removed"] >= 5
        return
    assert len(names) >= 5
    reasons = {row["reason"] for row in run.verdict["left_behind"] if row["name"] in names and row["id"]}
    assert all("no connection" in reason or "connection was lost" in reason for reason in reasons), reasons
    with serving(build(Plan(), healthy.database)) as url:
        # It serves at another address now, which the clean-up is told; the history must not keep it from its work.
        refused = run_harness("cleanup", str(gate.history), "--environments", str(_moved(file, healthy, settings, url)))
    assert refused.exit_code == 4, refused.out
    assert "Clean up with the configuration that the run had" in refused.err


def _moved(file: Path, deployment: Deployment, settings: dict[str, Any], url: str) -> Path:
    return write_environments(file, {}, preview=entry(deployment, **{**settings, "url": url}))


@pytest.mark.parametrize("again", [False, True], ids=["once", "again and again"])
def test_database_that_ends_all_sessions(tmp_path: Path, postgres: Postgres, healthy: Deployment, again: bool) -> None:
    """As in a failover: `pg_terminate_backend` of everybody, once or for as long as the POSTs last."""
    before = stored(healthy.database)
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, posts=POSTS, burst=4))
    query = (
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() and datname = %s"
    )
    name = psycopg.conninfo.conninfo_to_dict(healthy.database)["dbname"]
    with (
        psycopg.connect(postgres.dsn("postgres", SUPERUSER), autocommit=True) as connection,
        going(tmp_path, file) as gate,
    ):
        begun(gate)
        connection.execute(query, [name])
        while again and gate.wait_until(lambda: True) and len(told(gate.history).settled) < POSTS + 4:
            connection.execute(query, [name])
            time.sleep(0.05)
        run = gate.ended()
    judge(run, gate, healthy)
    assert run.exit_code in (0, 1, 75, 76), run.out
    assert stored(healthy.database) == before, run.out
    if run.exit_code == 1:  # the app answered 500 for want of its database, which a user would have seen too
        assert run.outcomes("preview")["every_post_answers_201"] == "fail"
        assert "57P01" in run.out or "SQLSTATE" in run.out, run.out
    broken = {id_ for id_, outcome in run.outcomes("preview").items() if outcome == "fail"}
    assert broken <= {"every_post_answers_201", "posts_at_once_answer_201", "same_payload_makes_two"}, run.out


def test_database_that_restarts(tmp_path: Path) -> None:
    """A backend is killed, so that Postgres ends all others and recovers: an immediate restart."""
    # Without synchronous_commit, as the rehearsal's Postgres runs otherwise, a restart loses what was acknowledged.
    with running(find_binaries(), "synchronous_commit=on") as server, deployed(server) as deployment:
        before = stored(deployment.database)
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment, posts=POSTS, burst=4))
        with going(tmp_path, file) as gate:
            begun(gate)
            with psycopg.connect(deployment.database) as connection:
                os.kill(connection.info.backend_pid, signal.SIGKILL)
            run = gate.ended()
        judge(run, gate, deployment)
        assert run.exit_code in (0, 1, 75, 76), run.out
        rows = stored(deployment.database)
        assert rows == before, run.out
        broken = {id_ for id_, outcome in run.outcomes("preview").items() if outcome == "fail"}
        assert broken <= {"every_post_answers_201", "posts_at_once_answer_201"}, run.out
