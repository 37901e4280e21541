"""What the catalog says about the table, its token column, and everything that decides what an INSERT stores there.

One statement, one round trip; a second one only where something leads to the table, or changes what an INSERT stores
there. Its parts are named tuples: every run pays for their definition, and that of a dataclass takes eight times as
long.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from harness.errors import CouldNotTell
from harness.postgres.default_reading import read_default
from harness.postgres.table_queries import FACTS, NAMESAKES, SURROUNDINGS, TABLES
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.configuration.models import Table
    from harness.postgres.column_default import Default
    from harness.postgres.connection import Connection


class Index(NamedTuple):
    """An index whose first key column is the token column, or whose expressions use it (pg_index)."""

    name: str
    definition: str
    unique: bool
    valid: bool
    ready: bool
    live: bool
    immediate: bool
    key_columns: int
    leads_with_token: bool
    partial: bool
    expressions: bool


class OwnDefault(NamedTuple):
    """A default for the token that a partition, or a view that takes INSERTs, has of its own (pg_attrdef).

    Attributes:
        relation: the first relation that has it, by name.
        relkind: of that one.
        relations: how many have the same one.
        default: it.
    """

    relation: str
    relkind: str
    relations: int
    default: Default


class Leading(NamedTuple):
    """A partition of the table, or a view that shows it; `token` is its name for the token, "" where it has none."""

    schema: str
    name: str
    token: str


class Trigger(NamedTuple):
    """An enabled trigger that users made (pg_trigger), of the table or of what leads to it.

    Attributes:
        name: of the trigger.
        before_insert: fires before each row is stored.
        instead_of: fires instead of the INSERT, on a view.
        function: the function that it calls, with the types of its arguments.
        source: of that function, no more than `MOST_READ` characters of it.
        after_insert: fires after an INSERT, at once or deferred.
        relation: the partition or view whose trigger it is; "" for the table itself.
        language: of the function.
        token: what the token is called there; "" where it has the table's name for it, or none.
    """

    name: str
    before_insert: bool
    instead_of: bool
    function: str
    source: str
    after_insert: bool = False
    relation: str = ""
    language: str = "plpgsql"
    token: str = ""


class CalledFunction(NamedTuple):
    """A function that a trigger on INSERT calls, or that such a function names (pg_proc).

    Attributes:
        function: with the types of its arguments.
        schema: of it.
        name: of it.
        language: of it.
        arguments: their names.
        definition: CREATE FUNCTION; "" where it is longer than `MOST_READ` characters.
    """

    function: str
    schema: str
    name: str
    language: str
    arguments: tuple[str, ...]
    definition: str


class Rule(NamedTuple):
    """An enabled rule on INSERT (pg_rewrite); `instead` says that it replaces the INSERT.

    `relation` is the view or partition whose rule it is, "" for the table itself; `definition` is "" where it is longer
    than `MOST_READ` characters; `token` as of a trigger.
    """

    name: str
    instead: bool
    definition: str
    relation: str = ""
    token: str = ""


class Sequence(NamedTuple):
    """The sequence that fills the id column (pg_sequence). `name` is quoted as Postgres needs it."""

    name: str
    increment: int
    readable: bool


class TableFacts(NamedTuple):
    """Everything that the catalog says; the fields are named as in the catalog where it has a name for them."""

    schema: str
    name: str
    relkind: str
    relpersistence: str
    is_partition_of: str
    children: tuple[str, ...]
    parents: tuple[str, ...]
    in_recovery: bool
    server_version: int
    id_column: str
    id_type: str
    label_column: str
    token_column: str
    token_type: str
    token_not_null: bool
    token_not_null_is_validated: bool
    token_generated: str
    token_inherited: bool
    default: Default | None
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]
    insert_rules: tuple[Rule, ...]
    sequence: Sequence | None
    columns: tuple[str, ...] = ()
    own_defaults: tuple[OwnDefault, ...] = ()
    leading: tuple[Leading, ...] = ()
    called: tuple[CalledFunction, ...] = ()
    label_type: str = "text"

    @property
    def identifier(self) -> sql.Identifier:
        """The table, schema-qualified and quoted."""
        return sql.Identifier(self.schema, self.name)

    @property
    def in_sql(self) -> str:
        """The table as it can be pasted into SQL."""
        return self.identifier.as_string()

    @property
    def token_in_sql(self) -> str:
        """The token column as it can be pasted into SQL."""
        return sql.Identifier(self.token_column).as_string()

    @property
    def shown(self) -> str:
        """schema.table"""
        return f"{self.schema}.{self.name}"


def read_facts(connection: Connection, table: Table) -> TableFacts:
    """Ask the catalog, inside the caller's transaction.

    Raises:
        CouldNotTell: the table or a column of it is not there.
        psycopg.Error: the caller words it.
    """
    columns = {"id": table.id, "label": table.label, "token": table.token}
    found = connection.execute(FACTS, {"candidates": candidates(connection, table), **columns}).fetchone()
    facts: dict[str, Any] = found[0] if found else {}
    if facts.get("relation") is None:
        raise _no_table(connection, table)
    _demand_columns(facts, table)
    around: dict[str, Any] = {}
    if facts["surrounded"]:
        where = {"oid": facts["oid"], "number": facts["token"]["number"]}
        seen = connection.execute(SURROUNDINGS, where).fetchone()
        around = seen[0] if seen else {}
    default, sequence = facts["default"], facts["sequence"]
    token = facts["token"]
    relation: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts["relation"].items()}
    return TableFacts(
        **relation,
        in_recovery=facts["in_recovery"],
        server_version=facts["server_version"],
        id_column=facts["id"]["column"],
        id_type=facts["id"]["type"],
        label_column=facts["label"]["column"],
        label_type=facts["label"]["type"],
        token_column=token["column"],
        token_type=token["type"],
        token_not_null=token["not_null"],
        token_not_null_is_validated=token["not_null_is_validated"],
        token_generated=token["generated"],
        token_inherited=token["inherited"],
        default=default and read_default(connection, default),
        indexes=tuple(Index(**i) for i in facts["indexes"]),
        triggers=tuple(Trigger(**t) for t in around.get("triggers", ())),
        insert_rules=tuple(Rule(**r) for r in around.get("insert_rules", ())),
        sequence=sequence and Sequence(**sequence),
        columns=tuple(facts["columns"]),
        own_defaults=tuple(
            OwnDefault(**{**own, "default": read_default(connection, own["default"])})
            for own in around.get("own_defaults", ())
        ),
        leading=tuple(Leading(**each) for each in around.get("leading", ())),
        called=tuple(
            CalledFunction(**{**each, "arguments": tuple(each["arguments"])}) for each in around.get("called", ())
        ),
    )


def _no_table(connection: Connection, table: Table) -> CouldNotTell:
    bare = parts_of(table.name)[-1]
    said = connection.execute(NAMESAKES, {"bare": bare}).fetchone()
    path, namesakes = connection.search_path.schemas, said[0] if said else []
    others = [row[0] for row in connection.execute(TABLES).fetchall()]
    near = namesakes or nearest(bare, {parts_of(name)[-1]: name for name in others})
    known = f"; there is {', '.join(map(printable, near))}" if near else "" if others else "; it has no table at all"
    check = "check table.name (schema.table where it is outside the search_path) and which database the URL names"
    return CouldNotTell(
        f"there is no table {table.name} in this database (search_path: {', '.join(path) or 'empty'}{known})",
        f"set table.name: {printable(near[0])}; or check which database the URL names" if len(near) == 1 else check,
        "table.name" if others else "database",
    )


def _demand_columns(facts: dict[str, Any], table: Table) -> None:
    for role in ("id", "label", "token"):
        if facts.get(role) is None:
            columns, wanted = facts.get("columns") or [], getattr(table, role)
            near = nearest(wanted, {column: column for column in columns})
            write = f"set table.{role}: {printable(near[0])}" if near else f"check table.{role}"
            raise CouldNotTell(
                f"table {table.name} has no column {wanted}; it has {', '.join(map(printable, columns))}",
                f"{write}; if the name is right, the migration has not run in this database",
                f"table.{role}",
            )


def nearest(wanted: str, known: Mapping[str, str]) -> list[str]:
    """The one of these that a name was probably meant to be, in a list; an empty one where none is near.

    Args:
        wanted: the name.
        known: names that there are, each with what to write for it.
    """
    alike = [name for name in known if bare_name(name) == bare_name(wanted)]
    near = alike or difflib.get_close_matches(wanted, known, n=1, cutoff=0.7)
    return [known[near[0]]] if len(near) == 1 else []


def bare_name(name: str) -> str:
    """A name without what tells snake_case from camelCase."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def candidates(connection: Connection, table: Table) -> list[str]:
    """What the table's name may mean on the connection's own search_path, best first, for to_regclass().

    As it is written and in lower case; a name without a schema in each schema of that path.
    """
    parts = parts_of(table.name)
    schemas = [[schema] for schema in connection.search_path.searched] if len(parts) == 1 else [[]]
    spelled = [parts, [part.lower() for part in parts]]
    return [".".join(_quoted(part) for part in [*schema, *name]) for name in spelled for schema in schemas]


def parts_of(name: str) -> list[str]:
    """schema.table in its parts; a quoted part keeps its dots, and a quote that is doubled in it."""
    parts, quoted, before = [""], False, ""
    for character in name:
        if character == '"':
            quoted = not quoted
            if quoted and before == '"':
                parts[-1] += '"'
        elif character == "." and not quoted:
            parts.append("")
        else:
            parts[-1] += character
        before = character
    return parts


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'
