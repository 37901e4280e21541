"""Judgements of a preflight on facts by hand: what no test can make a server do at will."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from harness.errors import CouldNotTell, demanded
from harness.postgres.failures import translated
from harness.preflight import checkers as preflight_checkers
from harness.preflight.checkers import locks
from harness.preflight.dependents import pooler_between
from harness.preflight.facts import Holder, LockHolders
from harness.preflight.reading import in_part
from tests.support.preflights import of_the_table, predicted, standing
from tests.support.situations import OWN_FUNCTIONS, SITUATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.servers.postgres import Postgres
    from tests.support.situations import Situation

LOCK = Holder(
    transaction="3/12",
    pid=77,
    mode="AccessShareLock",
    relation="chatbots",
    user="app",
    application="report",
    state="active",
    backend="client backend",
    age_s=40.0,
    prepared="",
    against_wraparound=False,
    stayed=True,
)
VACUUM = replace(LOCK, user="", application="", mode="ShareUpdateExclusiveLock", backend="autovacuum worker")


def judged(*holders: Holder) -> list[str]:
    """What is said of locks."""
    return [str(cause) for cause in locks(LockHolders("chatbots", "smoke", holders))]


def test_long_query_is_named() -> None:
    """With what a person needs to find its session, once for all its locks."""
    said = ["process 77 of report, active: holds AccessShareLock on chatbots for 40 s (55P03)"]
    assert judged(LOCK) == said
    assert judged(replace(LOCK, mode="RowShareLock"), LOCK) == said
    assert judged(replace(LOCK, application="")) == [said[0].replace("report", "app")]


def test_passing_query_is_none() -> None:
    """It is young, and gone when it is looked at again."""
    assert judged(replace(LOCK, age_s=0.2, stayed=False)) == []
    assert judged(replace(LOCK, age_s=None, stayed=False)) == []


def test_autovacuum_gives_way_unless_it_prevents_wraparound() -> None:
    """It is cancelled for whoever waits; the one against wraparound is not."""
    assert judged(VACUUM) == []
    assert judged(replace(VACUUM, against_wraparound=True)) == [
        "process 77 is an autovacuum to prevent wraparound of chatbots, which does not give way (55P03)"
    ]


def test_background_process_that_may_not_be_looked_at_cannot_be_told() -> None:
    """It may be an autovacuum, and may prevent wraparound; a seen lock says more."""
    hidden = replace(VACUUM, backend="", state="", age_s=None)
    with pytest.raises(CouldNotTell) as unavailable:
        judged(hidden)
    assert "background process 77 holds ShareUpdateExclusiveLock on chatbots" in unavailable.value.cause
    assert 'GRANT pg_read_all_stats TO "smoke"' in unavailable.value.remedy
    assert judged(hidden, replace(LOCK, transaction="4/1")) != []
    assert judged(replace(hidden, stayed=False)) == []


@pytest.mark.parametrize(
    ("host", "port", "told", "answers", "want"),
    [
        ("db.example.com", 5432, 10, 10, ""),
        ("db.example.com", 5432, 10, 11, "another server process answers than the one that was connected"),
        ("ep-cool-1-pooler.example.com", 5432, 10, 10, "the host's name says so"),
        ("db.example.com", 6543, 10, 10, "port 6543 is usually one's"),
        ("db.example.com", 6432, 10, 10, "port 6432 is usually one's"),
    ],
)
def test_pooler_gives_itself_away(host: str, port: int, told: int, answers: int, want: str) -> None:
    """By the process that answers, or by how such hosts and ports are called."""
    assert pooler_between(host, port, told, answers) == want


def test_pooler_is_stated_only_where_it_is_known(postgres: Postgres) -> None:
    """A port or a host's name may be of anything."""
    with standing(postgres, SITUATIONS[0]) as database:
        known = predicted(postgres.dsn(database))

    def noted(pooler: str) -> str:
        catalog = replace(known.catalog, pooler=pooler)
        return "\n".join(preflight_checkers.notes(replace(known, catalog=catalog)))

    assert "a pooler may be in between (port 6543 is usually one's)" in noted(pooler_between("db", 6543, 10, 10))
    assert "a pooler is in between (another server process answers" in noted(pooler_between("db", 5432, 10, 11))
    assert "pooler" not in noted("").replace("pool right", "")


def test_pooler_that_pools_statements_is_named() -> None:
    """Nothing is mended by reading that error and running again."""
    error = psycopg.errors.ProtocolViolation("transaction blocks not allowed in statement pooling mode")
    said = translated(error, SecretStr("postgresql://app@db/app"))
    assert "use the database's direct URL instead of the pooler's" in said.remedy


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("", "''"),
        ("abc", "'...' of 3 characters"),
        ("-", "'...' of 1 character"),
        ("abc123", "'abc...' of 6 characters"),
        (" abc1", "' ab...' of 5 characters"),
    ],
)
def test_token_is_shown_in_part(token: str, shown: str) -> None:
    """Its beginning and its length."""
    assert in_part(token) == shown


MISSED = {
    "refused_tokens": "short_token",
    "nulls": "null",
    "collisions": "same_in_upper_case",
    "dependents": "view",
    "foreign_keys": "refers",
    "definitions": "check_length",
}


@pytest.mark.parametrize("part", MISSED)
def test_cause_is_missed_without_the_part_that_looks_for_it(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """No other part would have found it: the predictions that are proved are those of this part."""
    situation = next(each for each in SITUATIONS if each.name == MISSED[part])
    with standing(postgres, situation) as database:
        known = predicted(postgres.dsn(database))
    assert {cause.state for cause in of_the_table(postgres, known)} >= situation.states
    blind: Callable[[object], list[object]] = lambda known: []  # noqa: E731
    monkeypatch.setattr(preflight_checkers, part, blind)
    assert not {cause.state for cause in of_the_table(postgres, known)} & situation.states


def test_check_that_calls_what_may_write_is_not_evaluated(postgres: Postgres) -> None:
    """It parses, and whether it holds is not told: a preflight does nothing but read."""
    situation = replace(
        SITUATIONS[0],
        ddl=(
            "create function fine(uuid) returns boolean language sql volatile as 'select true'",
            "create function fine(varchar) returns boolean language sql volatile as 'select true'",
            "alter table chatbots add constraint asks check (fine(public_token))",
        ),
    )
    with standing(postgres, situation) as database:
        known = predicted(postgres.dsn(database))
        [check] = demanded(known.checks)
        assert (check.name, check.refused) == ("asks", None)
        with pytest.raises(CouldNotTell, match="check asks calls a function that may do more than compute"):
            preflight_checkers.definitions(known)


def test_check_with_an_operator_that_may_write_is_not_evaluated(postgres: Postgres) -> None:
    """What an operator calls is no dependency of the check, but of the operator."""
    situation = replace(
        SITUATIONS[0],
        ddl=(
            "create function fine(text, int) returns boolean language sql volatile as 'select true'",
            "create function fine(uuid, int) returns boolean language sql volatile as 'select true'",
            "create operator === (leftarg = text, rightarg = int, function = fine)",
            "create operator === (leftarg = uuid, rightarg = int, function = fine)",
            "alter table chatbots add constraint asks check (public_token === 1)",
        ),
    )
    with standing(postgres, situation) as database:
        known = predicted(postgres.dsn(database))
        with pytest.raises(CouldNotTell, match="check asks calls a function that may do more than compute"):
            preflight_checkers.definitions(known)


@pytest.mark.parametrize("situation", OWN_FUNCTIONS, ids=lambda situation: situation.name)
def test_no_function_of_the_database_is_called(postgres: Postgres, situation: Situation) -> None:
    """Nor a built-in one that may act: what the CHECK or the index does is not told, and the server counted no call."""
    with standing(postgres, situation) as database:
        postgres.run("postgres", [f"alter database {database} set track_functions = 'all'"])
        known = predicted(postgres.dsn(database))
        with pytest.raises(CouldNotTell, match="calls a function that may do more than compute: it was not evaluated"):
            preflight_checkers.definitions(known)
        with psycopg.connect(postgres.dsn(database)) as connection:
            called = connection.execute("select funcname from pg_stat_user_functions where calls > 0").fetchall()
        assert called == []
