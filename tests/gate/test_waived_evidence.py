"""A claim that an environment waives costs it nothing: neither a statement nor a POST that only this claim needs."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from rehearsal.deployment.app import build
from rehearsal.deployment.plan import INSERT_OLD, Plan
from rehearsal.deployment.start import Deployment, deployed
from rehearsal.servers.binaries import find_binaries
from rehearsal.servers.http import serving
from rehearsal.servers.postgres import running
from tests.support.endings import stored
from tests.support.gates import entry, run_gate, run_harness, run_pytest, write_environments
from tests.support.server_log import LOGS_STATEMENTS, logged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.plan import Connection, Insert, Stored, Wanted
    from rehearsal.servers.postgres import Postgres

REASON = "somebody else looks after it"
WATCHED = "app_leaves_the_token_to_postgres"
# Claims that alone need some evidence, and a part of the statements that gather it.
STATEMENTS = {
    "the watch": ((WATCHED,), "pg_stat_get_activity"),
    "the scan": (
        tuple(f"stored_tokens_are_{what}" for what in ("distinct", "not_null", "version_4", "random")),
        "get_bit(b,",
    ),
    "the default": (("default_is_a_database_v4_generator",), "with made as materialized"),
    "the sequence": (("id_sequence_is_not_behind",), "last_value"),
}


@pytest.fixture(scope="module")
def talkative() -> Iterator[Postgres]:
    """A Postgres of this module's own that logs every statement."""
    with running(find_binaries(), *LOGS_STATEMENTS) as server:
        yield server


def told(server: Postgres, deployment: Deployment) -> str:
    """All that gates have told a deployment's database so far."""
    name = urlsplit(deployment.database).path.lstrip("/")
    return "\n".join(each.text for each in logged(server, name, "chatbots-smoke/"))


@pytest.mark.parametrize("evidence", STATEMENTS)
def test_no_statement_is_sent_for_it(tmp_path: Path, talkative: Postgres, evidence: str) -> None:
    """By the server's own log; all else is asked as ever."""
    claims, part = STATEMENTS[evidence]
    with deployed(talkative) as deployment:
        run = run_gate(tmp_path, [deployment], waive=dict.fromkeys(claims, REASON), probes=[])
        said = told(talkative, deployment)
    assert run.exit_code == 0, run.out
    assert {run.check(claim)["outcome"] for claim in claims} == {"waived"}
    assert [name for name, (_, of) in STATEMENTS.items() if of not in said] == [evidence]
    assert part not in said


def test_what_another_claim_needs_is_asked(tmp_path: Path, talkative: Postgres) -> None:
    """One of four that look at the scan is waived: the others are judged."""
    with deployed(talkative) as deployment:
        run = run_gate(tmp_path, [deployment], waive={"stored_tokens_are_random": REASON})
        said = told(talkative, deployment)
    assert run.exit_code == 0, run.out
    assert all(part in said for _, part in STATEMENTS.values())
    assert run.check("stored_tokens_are_distinct")["outcome"] == "pass"


@pytest.mark.parametrize(
    ("claim", "posts"), [("client_cannot_choose_the_token", 21), ("same_payload_makes_two", 20), ("column_is_uuid", 22)]
)
def test_no_probe_is_sent_for_it(tmp_path: Path, healthy: Deployment, claim: str, posts: int) -> None:
    """Its POST, or its two, stay away."""
    run = run_gate(tmp_path, [healthy], waive={claim: REASON})
    assert run.exit_code == 0, run.out
    assert run.verdict["environments"][0]["rows_removed"] == posts


def test_an_environment_that_waives_all_that_is_asked_is_left_alone(
    tmp_path: Path, healthy_pair: list[Deployment]
) -> None:
    """The other one is examined, and the history names only that."""
    first, second = healthy_pair
    before = stored(first.database)
    own = {first.name: entry(first, waive={"tokens_are_distinct": REASON}), second.name: entry(second)}
    file = write_environments(tmp_path / "e.yaml", {}, **own)
    names = ["--env", first.name, "--env", second.name]
    run = run_pytest(
        tmp_path / "report", "--environments", str(file), *names, "-k", "tokens_are_distinct and not stored"
    )
    assert run.check("tokens_are_distinct", first.name)["outcome"] == "waived", run.out
    assert run.check("tokens_are_distinct", second.name)["outcome"] == "pass"
    assert [environment["posts"] for environment in run.verdict["environments"]] == [0, 19]
    assert stored(first.database) == before
    assert f'"{first.name}"' not in (run.report_dir / "history.jsonl").read_text(encoding="utf-8").splitlines()[0]


def test_what_another_environment_compares_with_is_sent_all_the_same(
    tmp_path: Path, healthy_pair: list[Deployment]
) -> None:
    """The claim of the second is about the tokens of the first, whatever that one waives."""
    claim = "tokens_differ_between_environments"
    first, second = healthy_pair
    first.settings["waive"] = {claim: REASON}
    try:
        run = run_gate(tmp_path, healthy_pair, "-k", claim)
    finally:
        del first.settings["waive"]
    assert run.check(claim, first.name)["outcome"] == "waived", run.out
    assert run.check(claim, second.name)["outcome"] == "pass"


def test_who_waives_the_watch_waits_for_another_one_that_is_watched(tmp_path: Path, postgres: Postgres) -> None:
    """On one database the POSTs of both would be seen by the one watch; the app that waives makes every token."""
    production = Plan(insert_sql=INSERT_OLD, autocommit=True)

    @production.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        return await insert(connection, replace(wanted, token=str(uuid.uuid4())))

    with (
        deployed(postgres, variant="statements_are_not_counted") as preview,
        serving(build(production, preview.database)) as url,
    ):
        waives = Deployment("production", url, preview.database, preview.revision, {"waive": {WATCHED: REASON}})
        run = run_gate(tmp_path, [preview, waives])
    assert run.check(WATCHED, "production")["outcome"] == "waived", run.out
    assert run.check(WATCHED, "preview")["outcome"] == "pass", run.out
    shared = "preview and production share one database: their POSTs were sent one environment after the other"
    assert [shared in environment["notes"] for environment in run.verdict["environments"]] == [True, True]


def test_a_plan_leaves_it_out(tmp_path: Path, healthy: Deployment) -> None:
    """It says what a run would send."""

    def planned(**settings: object) -> str:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, **settings))
        done = run_harness("plan", "--sql", "--environments", str(file))
        assert done.exit_code == 0, done.err
        return done.out.partition("  1. ")[2]

    whole, without = planned(), planned(waive={WATCHED: REASON})
    assert "pg_stat_activity" in whole
    assert "pg_stat_activity" not in without
    assert "WRITES" in without
