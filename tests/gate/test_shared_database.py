"""Preview and production on one database: each is judged by its own statements."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rehearsal.deployment.app import build
from rehearsal.deployment.plan import INSERT_OLD, Plan
from rehearsal.deployment.start import Deployment, deployed
from rehearsal.servers.http import serving
from tests.support.gates import run_gate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.plan import Connection, Insert, Stored, Wanted
    from rehearsal.servers.postgres import Postgres

CLAIM = "app_leaves_the_token_to_postgres"


def makes_the_token() -> Plan:
    """An app that fills the column by itself, with a version 4 UUID."""
    plan = Plan(insert_sql=INSERT_OLD)

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        return await insert(connection, replace(wanted, token=str(uuid.uuid4())))

    return plan


@contextmanager
def pair(postgres: Postgres, production: Plan, *, counted: bool) -> Iterator[list[Deployment]]:
    """A healthy preview, and another app on the same database."""
    with deployed(postgres) as preview:
        if not counted:
            name = preview.database.partition("@/")[2].partition("?")[0]
            postgres.run(name, ["drop extension if exists pg_stat_statements"])
        with serving(build(production, preview.database)) as url:
            yield [preview, Deployment("production", url, preview.database, preview.revision, {})]


@pytest.mark.parametrize("counted", [True, False])
def test_only_the_one_that_makes_tokens_fails(postgres: Postgres, tmp_path: Path, counted: bool) -> None:
    """Its statements are never taken for those of the other, and the verdict notes that both use one database."""
    production = makes_the_token()
    production.autocommit = True
    with pair(postgres, production, counted=counted) as deployments:
        run = run_gate(tmp_path, deployments)
    assert run.check(CLAIM, "production")["outcome"] == "fail", run.out
    assert run.check(CLAIM, "preview")["outcome"] != "fail", run.out
    assert run.exit_code == 1
    notes = [note for environment in run.verdict["environments"] for note in environment["notes"]]
    shared = "preview and production share one database: their POSTs were sent one environment after the other"
    assert notes.count(shared) == 2


def test_two_healthy_ones_pass(postgres: Postgres, tmp_path: Path) -> None:
    """Each accounts for its own POSTs."""
    with pair(postgres, Plan(), counted=True) as deployments:
        run = run_gate(tmp_path, deployments)
    assert run.exit_code == 0, run.out
    assert run.check(CLAIM, "preview")["outcome"] == run.check(CLAIM, "production")["outcome"] == "pass"
