"""Causes do not hide one another: each situation once more, on a table that also holds a short token."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.preflights import first_error, of_the_table, plain, predicted, standing
from tests.support.situations import BASE, HOLDS_UUIDS, ONE, SITUATIONS, Situation

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres

SHORT = "; insert into chatbots (name, public_token) values ('of before', 'abc123')"
BESIDE = [
    replace(situation, rows=HOLDS_UUIDS + SHORT)
    for situation in SITUATIONS
    if situation.base == BASE and situation.rows == HOLDS_UUIDS and situation.type in ("varchar(64)", "text")
    if "delete from chatbots" not in situation.ddl
]


@pytest.mark.parametrize("situation", BESIDE, ids=lambda situation: situation.name)
def test_each_cause_is_predicted_beside_another(postgres: Postgres, situation: Situation) -> None:
    """What is predicted is the causes of both, and what the migration ends in first is one of them."""
    try:
        with standing(postgres, situation) as database:
            found = {cause.state for cause in of_the_table(postgres, predicted(postgres.dsn(database)))}
            with psycopg.connect(postgres.dsn(database), autocommit=True) as connection:
                error = first_error(connection, plain(postgres))
    except psycopg.errors.IntegrityError:
        pytest.skip("this table does not take the short token")
    except psycopg.errors.FeatureNotSupported as missing:
        pytest.skip(str(missing).splitlines()[0])
    assert error is not None
    assert error.sqlstate in found
    assert found == situation.states | {"22P02"}


@pytest.mark.parametrize("kept", ["view", "refers", "index_pattern_ops", "check_length"])
def test_each_is_seen_alone_when_the_others_are_mended(postgres: Postgres, kept: str) -> None:
    """A table with four causes: take away all but one, and it is this one that is predicted and observed."""
    makes = {
        "view": ("create view shown as select public_token from chatbots", "drop view shown", "0A000"),
        "refers": (
            "create table links (token text references chatbots (public_token))",
            "drop table links",
            "42804",
        ),
        "index_pattern_ops": (
            "create index another on chatbots (public_token text_pattern_ops)",
            "drop index another",
            "42804",
        ),
        "check_length": (
            "alter table chatbots add constraint shape check (length(public_token) > 5)",
            "alter table chatbots drop constraint shape",
            "42883",
        ),
    }
    same = f"insert into chatbots (name, public_token) values ('x', '{ONE.upper()}')"
    situation = Situation("all", (same, *(made for made, _, _ in makes.values())), type="text")
    with standing(postgres, situation) as database:
        dsn = postgres.dsn(database)
        found = {cause.state for cause in of_the_table(postgres, predicted(dsn))}
        assert found == {"0A000", "42804", "42883", "23505"}
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("delete from chatbots where name = 'x'")
            for name, (_, mend, _) in makes.items():
                if name != kept:
                    connection.execute(mend.encode())
            found = {cause.state for cause in of_the_table(postgres, predicted(dsn))}
            error = first_error(connection, plain(postgres))
    assert error is not None
    assert found == {makes[kept][2]} == {error.sqlstate}
