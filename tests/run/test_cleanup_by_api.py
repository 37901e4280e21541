"""Clean-up through the app, where the answers are all that is known of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from rehearsal.deployment.replies import changed
from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from tests.support.gates import run_gate

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from starlette.requests import Request
    from starlette.responses import Response

    from rehearsal.deployment.plan import Create, Plan
    from rehearsal.servers.postgres import Postgres


def answers_one_id(plan: Plan) -> None:
    """Each POST is answered with the id of somebody else's chatbot."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return changed(await create(request), id=1)


def answers_dots(plan: Plan) -> None:
    """Each POST is answered with an id that leads to another path."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return changed(await create(request), id="..")


def names(database: str) -> list[str]:
    """All stored names."""
    with psycopg.connect(database) as connection:
        return [name for (name,) in connection.execute("select name from chatbots order by id")]


def test_id_that_came_twice_is_not_deleted(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a database to look it up in, it may be another row's: that row stays, and ours are listed."""
    for breaks in (answers_one_id, answers_dots):
        monkeypatch.setitem(FAULTS, breaks.__name__, Fault("", "", "", {}, 1, breaks))
        (folder := tmp_path / breaks.__name__).mkdir()
        with deployed(postgres, breaks.__name__) as deployment:
            before = names(deployment.database)
            run = run_gate(folder, [deployment], database=None, cleanup="api", api={"delete": "/api/chatbots/{id}"})
            after = names(deployment.database)
        assert after[: len(before)] == before
        assert {row["name"] for row in run.verdict["left_behind"]} == set(after[len(before) :])
        assert run.exit_code == 1, run.out
        assert run.check("ids_are_distinct")["outcome"] == "fail"
