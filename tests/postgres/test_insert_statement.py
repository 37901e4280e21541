"""Who makes the token, read from INSERT statements and judged from what Postgres shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from harness.checkers.rows import maker_observed
from harness.postgres.insert_statement import maker_of_token
from harness.postgres.inserts import ObservedInserts
from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from rehearsal.faults.tokens import stores
from tests.support.gates import run_gate

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.plan import Plan
    from rehearsal.servers.postgres import Postgres


@pytest.mark.parametrize(
    "statement",
    [
        "insert into chatbots (name, require_auth) values ($1, $2) returning id, public_token",
        'INSERT INTO "public"."chatbots" ("name") VALUES ($1)',
        'insert into "chatbots" ("id", "name", "public_token") values (default, $1, default) returning "id"',
        "insert into chatbots (name, public_token) values ($1, gen_random_uuid())",
        "insert into chatbots (name, public_token) values ($1, public.uuid_generate_v4()::uuid)",
        "/* route: create */ insert into chatbots as c (name) -- all\n values ('a, (b)')",
        "INSERT INTO chatbots (name, public_token) VALUES (coalesce($1, 'x, y)'), DEFAULT)",
        "with made as (insert into chatbots (name) values ($1) returning id) select id from made",
    ],
)
def test_statement_leaves_the_token_to_the_database(statement: str) -> None:
    """The column is not named, or DEFAULT or a generator of the database is said for it."""
    assert maker_of_token(statement, "chatbots", "public_token") == "database"


@pytest.mark.parametrize(
    "statement",
    [
        "insert into chatbots (name, public_token) values ($1, $2)",
        'INSERT INTO chatbots ("public_token", name) VALUES ($1::uuid, $2)',
        "insert into public.chatbots (name, public_token, require_auth) values ('it''s', 'k3x9ab', false)",
        "insert into chatbots (name, public_token) values ($1, cast($2 as uuid))",
        "insert into chatbots (name, public_token) values ($1, null)",
    ],
)
def test_statement_gives_the_token_a_value(statement: str) -> None:
    """A parameter, a literal or NULL stands for the token."""
    assert maker_of_token(statement, "chatbots", "public_token") == "app"


@pytest.mark.parametrize(
    "statement",
    [
        "insert into other (name, public_token) values ($1, $2)",
        "insert into chatbots select * from imported",
        "insert into chatbots values ($1, $2, $3)",
        "insert into chatbots (name, public_token) values ($1, coalesce($2, gen_random_uuid()))",
        "insert into chatbots (name, public_token) values ($1, $",
        'insert into "Chatbots" (name, public_token) values ($1, $2)',
        "select 'insert into chatbots'",
        "",
    ],
)
def test_statement_says_nothing(statement: str) -> None:
    """Another table, another form, or cut off: no conclusion is drawn."""
    assert maker_of_token(statement, "chatbots", "public_token") is None


def test_names_in_mixed_case_are_told_apart() -> None:
    """Quoted names keep their case, as in the catalog."""
    statement = 'INSERT INTO "app"."Chatbot" ("name","publicToken") VALUES ($1,$2)'
    assert maker_of_token(statement, "Chatbot", "publicToken") == "app"
    assert maker_of_token(statement, "chatbot", "publicToken") is None


@pytest.mark.parametrize(
    ("counted", "by_database", "by_app", "maker"),
    [
        (True, 19, 0, "database"),
        (True, 40, 7, "database"),  # somebody imports meanwhile
        (True, 0, 19, "app"),
        (True, 12, 7, "app"),  # an old instance answers a part
        (True, 3, 2, None),  # fewer than were acknowledged: another statement stored them
        (False, 5, 0, "database"),
        (False, 0, 1, "app"),
        (False, 2, 1, None),
        (False, 0, 0, None),
    ],
)
def test_who_made_nineteen_tokens(counted: bool, by_database: int, by_app: int, maker: str | None) -> None:
    """Counts decide where they account for every POST; last statements decide where they agree."""
    assert maker_observed(ObservedInserts(counted, by_database, by_app, ()), 19) == maker


def makes_a_good_token_in_a_transaction(plan: Plan) -> None:
    """The last statement of each connection is a COMMIT; only counted statements show the INSERT."""
    stores(plan, lambda: str(uuid4()))
    if plan.counts_statements:
        plan.statements.append("create extension pg_stat_statements")


def test_counted_statements_are_certain(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pg_stat_statements an app is caught that makes a good token in a transaction; without, nothing is said."""
    fault = Fault("", "", "", {}, 1, makes_a_good_token_in_a_transaction)
    monkeypatch.setitem(FAULTS, "makes_a_good_token_in_a_transaction", fault)
    with deployed(postgres, "makes_a_good_token_in_a_transaction") as deployment:
        check = run_gate(tmp_path, [deployment]).check("app_leaves_the_token_to_postgres")
    if postgres.counts_statements:
        assert check["outcome"] == "fail"
        assert "public_token" in check["have"][0]
    else:
        assert check["outcome"] == "not_covered"
        assert "pg_stat_statements" in check["remedy"]
