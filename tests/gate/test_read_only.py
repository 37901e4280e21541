"""`--read-only` sends no POST and no write: what the server's log, its rows and the deployment itself say of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from rehearsal.servers.binaries import find_binaries
from rehearsal.servers.postgres import SUPERUSER, running
from tests.support.gates import READY, run_gate
from tests.support.server_log import (
    LOGS_STATEMENTS,
    Told,
    called_by,
    logged,
    more_than_reading,
    outside_of_read_only,
    statements_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from rehearsal.deployment.plan import Plan
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

GATE = "chatbots-smoke/"
# Functions of the gate's own statements that Postgres calls volatile, and that write nothing nevertheless.
# set_config() is local to the transaction here, as SET LOCAL is.
VOLATILE = {"pg_is_in_recovery", "pg_partition_tree", "set_config"}
GENERATORS = {"uuid_generate_v4", "gen_random_uuid"}


@pytest.fixture(scope="module")
def talkative() -> Iterator[Postgres]:
    """A Postgres of this module's own that logs every statement: nobody else moves its transaction ids."""
    with running(find_binaries(), *LOGS_STATEMENTS) as server:
        yield server


def name_of(deployment: Deployment) -> str:
    """The name of its database."""
    return urlsplit(deployment.database).path.lstrip("/")


def told_to(server: Postgres, deployment: Deployment) -> list[Told]:
    """What gates have sent to a deployment's database so far."""
    return logged(server, name_of(deployment), GATE)


def state(server: Postgres, deployment: Deployment) -> dict[str, list[tuple[Any, ...]]]:
    """All that a write or a row lock would have changed: each row and its system columns, sequences, the next xid."""
    with psycopg.connect(server.dsn(name_of(deployment), SUPERUSER), autocommit=True) as connection:
        kinds = "select oid::regclass::text, relkind from pg_class where relnamespace = 'public'::regnamespace"
        found: dict[str, list[tuple[Any, ...]]] = {"relations": connection.execute(f"{kinds} order by 1").fetchall()}
        for relation, kind in found["relations"]:
            if kind == "r":
                rows = f"select xmin, xmax, ctid, stored.* from {relation} stored order by ctid"
                found[relation] = connection.execute(rows.encode()).fetchall()
            elif kind == "S":
                found[relation] = connection.execute(f"select * from {relation}".encode()).fetchall()
        found["next xid"] = connection.execute("select pg_snapshot_xmax(pg_current_snapshot())::text").fetchall()
    return found


# --- the database -----------------------------------------------------------------------------------------------------


def test_server_was_told_nothing_but_to_read(tmp_path: Path, talkative: Postgres) -> None:
    """Every statement of the gate reads, inside a READ ONLY transaction, and not one row, sequence or xid has moved.

    The same eyes see the DELETE of a run that sends POSTs, and see it outside of those transactions.
    """
    with deployed(talkative, variant="statements_are_counted") as deployment:
        before = state(talkative, deployment)
        (tmp_path / "read_only").mkdir()
        run = run_gate(
            tmp_path / "read_only", [deployment], "--read-only", "--revision", deployment.revision, ready=READY
        )
        after = state(talkative, deployment)
        told = told_to(talkative, deployment)
        assert run.exit_code == 0, run.out
        assert run.check("stored_tokens_are_distinct")["outcome"] == "pass"
        assert run.check("id_sequence_is_not_behind")["outcome"] == "pass"

        (tmp_path / "full").mkdir()
        full = run_gate(tmp_path / "full", [deployment])
        assert full.exit_code == 0, full.out
        told_in_full = told_to(talkative, deployment)[len(told) :]
        moved = state(talkative, deployment)
        volatile = volatile_functions(talkative, deployment, told)

    assert [each for each in told if each.error] == []
    assert {each.text: found for each in told if (found := more_than_reading(each.text))} == {}
    assert outside_of_read_only(told) == []
    assert [each for each in told if each.wrote] == []
    assert volatile <= VOLATILE | GENERATORS
    assert after == before

    for part in ("jsonb_build_object(", "last_value", "generate_series(", "explain (format json)", "get_bit(b,"):
        assert any(part in each.text for each in told), part
    assert volatile & GENERATORS  # the default was evaluated, and the catalog says of its generator that it is volatile
    assert len(before["chatbots"]) >= len(before["chatbots_legacy_tokens"]) == 50
    writing = {word for each in told_in_full for word in more_than_reading(each.text)}
    assert writing == {"kind", "read write", "delete"}
    assert [text.split()[0] for text in outside_of_read_only(told_in_full) if not text.startswith("set local")] == [
        *("begin", "delete", "commit")
    ]
    assert [each.text for each in told_in_full if each.wrote] == ["commit"]
    assert {part for part in moved if moved[part] != after[part]} >= {"chatbots_id_seq", "next xid"}


def volatile_functions(server: Postgres, deployment: Deployment, told: list[Told]) -> set[str]:
    """Those functions that were called and that Postgres does not promise to change nothing (pg_proc.provolatile)."""
    query = "select distinct proname from pg_proc where provolatile = 'v' and proname = any(%s)"
    with psycopg.connect(server.dsn(name_of(deployment), SUPERUSER)) as connection:
        return {name for (name,) in connection.execute(query, [list(called_by(told))])}


def test_default_that_writes_is_kept_from_it(tmp_path: Path, talkative: Postgres) -> None:
    """A default that takes numbers from a sequence is not evaluated, and the sequence stands."""
    with deployed(talkative, "default_counts_up") as deployment:
        before = state(talkative, deployment)
        run = run_gate(tmp_path, [deployment], "--read-only")
        after = state(talkative, deployment)
        told = told_to(talkative, deployment)
    assert run.check("default_is_a_database_v4_generator")["outcome"] == "fail"
    assert [each.error for each in told if each.error] == []
    assert not any("next_uuid(" in each.text for each in told)
    assert outside_of_read_only(told) == []
    assert "token_counter" in after
    assert after == before


@pytest.mark.parametrize("arguments", [("--read-only",), ()], ids=["read_only", "full"])
def test_default_that_acts_beyond_its_transaction_is_not_called(
    tmp_path: Path, talkative: Postgres, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """READ ONLY holds back no connection of its own: only the INSERTs of the app have called it, and it is shown."""

    def acts(plan: Plan) -> None:
        database = f"host={talkative.directory} port=5432 user={SUPERUSER} dbname="
        plan.statements += [
            "create extension dblink",
            "create table calls (number int)",
            (
                "create function new_token() returns uuid language plpgsql security definer as $$ begin"
                f" perform dblink_exec('{database}' || current_database(), 'insert into calls values (1)');"
                " raise log 'new_token() was called'; return gen_random_uuid(); end $$"
            ),
            "alter table chatbots alter column public_token set default new_token()",
        ]

    monkeypatch.setitem(FAULTS, "acts", Fault("", "", "", {}, 0, acts))
    with deployed(talkative, "acts") as deployment:
        run = run_gate(tmp_path, [deployment], *arguments)
        with psycopg.connect(talkative.dsn(name_of(deployment), SUPERUSER)) as connection:
            (calls,) = connection.execute("select count(*) from calls").fetchone() or (None,)
        told = told_to(talkative, deployment)
    assert calls == (0 if arguments else 22), run.out
    assert not any("new_token()" in each.text for each in told)
    assert [each.error for each in told if each.error] == []
    assert run.exit_code == 75, run.out
    check = run.check("default_is_a_database_v4_generator")
    assert check["outcome"] == "unknown"
    assert "perform dblink_exec('…' || current_database(), '…')" in check["cause"]
    assert "SET DEFAULT gen_random_uuid()" in check["remedy"]


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("WITH gone AS (DELETE FROM chatbots RETURNING 1) SELECT 1", {"delete"}),
        ("SELECT nextval('chatbots_id_seq')", {"nextval"}),
        ("SELECT pg_catalog.setval('chatbots_id_seq', 1)", {"setval"}),
        ("SELECT * INTO copies FROM chatbots", {"into"}),
        ("SELECT id FROM chatbots FOR UPDATE", {"update"}),
        ("SELECT id FROM chatbots FOR KEY SHARE", {"for key share"}),
        ("EXPLAIN (ANALYZE) UPDATE chatbots SET name = ''", {"analyze", "update", "kind"}),
        ("EXPLAIN (FORMAT JSON, ANALYZE) SELECT 1", {"analyze", "kind"}),
        ("LOCK TABLE chatbots IN SHARE MODE", {"lock", "kind"}),
        ("COPY chatbots TO STDOUT", {"copy", "kind"}),
        ("SET lock_timeout = '5s'", {"kind"}),
        ("SET LOCAL transaction_read_only = off", {"kind"}),
        ("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {"read write", "kind"}),
        ("do $$ begin perform 1; end $$", {"kind"}),
        ('fastpath function call: "nextval" (OID 1574)', {"nextval", "kind"}),
        ("SELECT 'DELETE; UPDATE', attisdropped FROM pg_attribute", set()),
    ],
)
def test_more_than_reading_is_seen_wherever_it_stands(sent: str, found: set[str]) -> None:
    """Behind WITH, in EXPLAIN, in a locking clause, in a message that is no statement; but not in a literal."""
    assert set().union(*map(more_than_reading, statements_of(sent))) == found


def test_transactions_are_told_apart() -> None:
    """What is sent before, between and after READ ONLY transactions, and by another session meanwhile."""
    read_only = "begin isolation level read committed read only"
    told = [Told("a", t, False) for t in ("select 1", read_only, "select 2", "rollback", "select 3")]
    assert outside_of_read_only(told) == ["select 1", "select 3"]
    assert outside_of_read_only([Told("a", read_only, False), Told("b", "select 4", False)]) == ["select 4"]


# --- the deployment ---------------------------------------------------------------------------------------------------


def test_deployment_is_only_asked_for_its_page(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the login is sent, whatever is configured; the same ears hear all POSTs and DELETEs of a full run."""
    heard: list[tuple[str, str]] = []

    def listens(plan: Plan) -> None:
        plan.login = ("smoke", "rehearsal-password")

        @plan.around_app
        async def app(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
            heard.append((scope["method"], scope["path"]))
            await app(scope, receive, send)

    monkeypatch.setitem(FAULTS, "listens", Fault("", "", "", {}, 0, listens))
    configured: dict[str, Any] = {
        "login": {"path": "/login", "json": {"user": "smoke", "password": "rehearsal-password"}},
        "probes": ["chosen_token", "same_payload"],
        "cleanup": "api",
        "api": {"delete": "/api/chatbots/{id}"},
        "ready": READY,
    }
    with deployed(postgres, "listens") as deployment:
        (tmp_path / "read_only").mkdir()
        run = run_gate(
            tmp_path / "read_only", [deployment], "--read-only", "--revision", deployment.revision, **configured
        )
        asked, heard[:] = heard.copy(), []
        (tmp_path / "full").mkdir()
        full = run_gate(tmp_path / "full", [deployment], **configured)
    assert run.exit_code == 0, run.out
    assert len(asked) > 1
    assert set(asked) == {("GET", "/")}
    assert run.verdict["environments"][0]["posts"] == 0
    assert full.exit_code == 0, full.out
    assert heard.count(("POST", "/login")) == 1
    assert heard.count(("POST", "/api/chatbots")) == 22
    assert sum(method == "DELETE" for method, _ in heard) == 22
