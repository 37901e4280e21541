"""What leads to a table, or changes what an INSERT stores there, is read; of a table that has none it is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import psycopg
import pytest
from pydantic import SecretStr

from harness.configuration.models import Table
from harness.postgres.connection import connect_once, reading
from harness.postgres.table import read_facts
from harness.postgres.table_queries import SURROUNDINGS

if TYPE_CHECKING:
    from harness.postgres.table import TableFacts
    from rehearsal.deployment.start import Deployment

FUNCTION = "create function f() returns trigger language plpgsql as 'begin return new; end'"
TRIGGER = "create trigger t before insert on chatbots for each row execute function f()"
VIEW = "create view bots as select id, name, public_token as token from chatbots"
# what is made around the table, and what is then seen of it: (triggers, rules, own defaults, leading, called functions)
SURROUNDINGS_OF = {
    "trigger": ([FUNCTION, TRIGGER], (1, 0, 0, 0, 1)),
    "trigger of an UPDATE": ([FUNCTION, TRIGGER.replace("insert", "update")], (1, 0, 0, 0, 0)),
    "disabled trigger": ([FUNCTION, TRIGGER, "alter table chatbots disable trigger t"], (0, 0, 0, 0, 0)),
    "constraint trigger": (
        [FUNCTION, "create constraint trigger t after insert on chatbots deferrable for each row execute function f()"],
        (1, 0, 0, 0, 1),
    ),
    "rule": (["create rule r as on insert to chatbots do also notify chatbots"], (0, 1, 0, 0, 0)),
    "view": ([VIEW], (0, 0, 0, 1, 0)),
    "view with a default": (
        [VIEW, "alter view bots alter token set default '3a7e0c52-43b5-4a3c-9d0e-0f9b8f6a1c11'"],
        (0, 0, 1, 1, 0),
    ),
    "view of a view": ([VIEW, "create view b as select token as t from bots"], (0, 0, 0, 2, 0)),
    "view with a rule": (
        [VIEW, "create rule r as on insert to bots do instead insert into chatbots (name) values (new.name)"],
        (0, 1, 0, 1, 0),
    ),
    "view with a trigger": (
        [VIEW, FUNCTION, "create trigger t instead of insert on bots for each row execute function f()"],
        (1, 0, 0, 1, 1),
    ),
    "partitions": (
        [
            "drop table chatbots cascade",
            "create table chatbots (id int, name text, public_token uuid) partition by list (id)",
            "alter table chatbots alter public_token set default gen_random_uuid()",
            "create table one partition of chatbots for values in (1)",
            "alter table one alter public_token set default '3a7e0c52-43b5-4a3c-9d0e-0f9b8f6a1c11'",
        ],
        (0, 0, 1, 1, 0),
    ),
}
NOTHING_AROUND = {
    "as the change leaves it": [],
    "foreign keys": ["create table notes (chatbot int references chatbots, parent int)"],
    "another table's": [
        FUNCTION,
        "create table other (id int)",
        "create trigger t before insert on other for each row execute function f()",
        "create view others as select * from other",
        "create rule r as on insert to other do also notify chatbots",
    ],
}


def read(deployment: Deployment, statements: list[str]) -> tuple[TableFacts, list[object]]:
    """The facts about the table once statements were run, and each statement that asked for them."""
    with psycopg.connect(deployment.database, autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement.encode())
    with connect_once(SecretStr(deployment.database)) as connection, reading(connection):
        with patch.object(connection, "execute", wraps=connection.execute) as execute:
            facts = read_facts(connection, Table())
        return facts, [call.args[0] for call in execute.call_args_list]


@pytest.mark.parametrize("what", SURROUNDINGS_OF)
def test_what_an_insert_meets_is_read(healthy: Deployment, what: str) -> None:
    """Whatever makes a table's INSERTs other than plain ones is found, and the table's own facts with it."""
    statements, expected = SURROUNDINGS_OF[what]
    facts, asked = read(healthy, statements)
    around = (facts.triggers, facts.insert_rules, facts.own_defaults, facts.leading, facts.called)
    assert tuple(map(len, around)) == expected
    assert SURROUNDINGS in asked
    assert facts.token_type == "uuid"
    assert facts.default is not None


@pytest.mark.parametrize("what", NOTHING_AROUND)
def test_a_plain_table_is_read_in_one_statement(healthy: Deployment, what: str) -> None:
    """Most tables have nothing of the kind, and every run would pay for planning the question."""
    facts, asked = read(healthy, NOTHING_AROUND[what])
    assert len(asked) == 1
    assert (facts.triggers, facts.insert_rules, facts.own_defaults, facts.leading, facts.called) == ((), (), (), (), ())
