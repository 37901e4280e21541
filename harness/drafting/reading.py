"""Reads a checkout and a database, and puts together what both say."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import psycopg

from harness.configuration.loading import ConfigurationError
from harness.drafting.choosing import choose, identifier_of
from harness.drafting.draft import NOT_READ, WANTED, Draft
from harness.drafting.refusing import without_what_is_refused
from harness.drafting.variables import secret
from harness.errors import CouldNotTell, NotCovered, demanded
from harness.postgres.all_tables import list_tables
from harness.postgres.connection import connect_once, limited, reading
from harness.postgres.failures import translated
from harness.postgres.parts import read_part
from harness.source.checkout import INSTALL, SOURCE, read_checkout
from harness.source.javascript.program import opened
from harness.source.javascript.syntax import is_installed
from harness.source.migrations.tables import SourceColumn, SourceTable, read_tables
from harness.source.routes.facts import Doubt, Known
from harness.source.routes.reading import read_app
from harness.source.routes.samples import Unknown, for_name, of_type
from harness.source.spelling import plain
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.drafting.variables import Given
    from harness.postgres.all_tables import ListedTable
    from harness.source.checkout import Checkout
    from harness.source.javascript.program import Program
    from harness.source.routes.facts import Fact

_READERS = ("pathspec", "postgast")  # beside what parses source
Choice = tuple[SourceTable, SourceColumn]


def read_draft(source: Path | None, url: Given | None, database: Given | None) -> Draft:
    """What is drafted from what is given.

    Raises:
        ConfigurationError: `source` is not a directory, or what reads it is not installed.
        CouldNotTell: the checkout or the database could not be read.
    """
    checkout = _checkout(source) if source is not None else None
    listed = _listed(database) if database is not None else None
    return draft_of(checkout, listed, url, database)


def draft_of(
    checkout: Checkout | None, listed: list[SourceTable] | None, url: Given | None = None, database: Given | None = None
) -> Draft:
    """What is drafted from a checkout, and from the tables that `database` has.

    Raises:
        CouldNotTell: code is nested too deeply to be read.
    """
    found: dict[str, Fact] | None = None
    if checkout is None:
        choice: Choice | Doubt = choose(listed) if listed is not None else Doubt(NOT_READ)
    else:
        try:
            with opened(checkout.of(*SOURCE), checkout.settings) as program:
                choice = _together(listed, read_tables(checkout, program))
                found = _of_app(checkout, program, choice)
        except RecursionError:
            raise CouldNotTell(
                f"{checkout.root} holds code that is nested too deeply to be read",
                "leave out --source, and write the keys by hand",
            ) from None
    facts = _facts(choice, found, database)
    refused = without_what_is_refused(facts, *([url.value] if url is not None and url.value else []))
    return Draft(refused, url, database, tuple(_notes(choice)))


# --- the checkout -----------------------------------------------------------------------------------------------------


def _checkout(source: Path) -> Checkout:
    if not is_installed() or any(find_spec(reader) is None for reader in _READERS):
        raise ConfigurationError(f"--source: what reads source is not installed: {INSTALL}")
    if not source.is_dir():
        raise ConfigurationError(f"--source: {source} is not a directory. Name a checkout of the app.")
    try:
        return read_checkout(source)
    except NotCovered as nothing:
        raise ConfigurationError(f"--source: {nothing.cause}. {nothing.remedy}.") from None


def _of_app(checkout: Checkout, program: Program, choice: Choice | Doubt) -> dict[str, Fact]:
    if isinstance(choice, Doubt):
        return {}
    table, token = choice
    identifier = identifier_of(table)
    return read_app(checkout, program, table, token, None if isinstance(identifier, Doubt) else identifier).facts


def _together(listed: list[SourceTable] | None, declared: list[SourceTable]) -> Choice | Doubt:
    """The table that both the database and the checkout know, with the database's names and the checkout's keys."""
    by_source = choose(declared)
    if listed is None:
        return by_source
    by_database = choose(listed)
    if not isinstance(by_source, Doubt):
        found = _same(by_source, listed)
        if found is not None:
            return found
        if isinstance(by_database, Doubt):
            return Doubt(f"the checkout has {_shown(by_source)}, which is not in this database; {by_database.why}")
        return Doubt(f"the checkout has {_shown(by_source)}, the database {_shown(by_database)}")
    if isinstance(by_database, Doubt):
        return by_database
    table, token = by_database
    return _keyed(table, declared), token


def _same(choice: Choice, listed: list[SourceTable]) -> Choice | None:
    """What the database has of the name that the checkout gives, if that is one table."""
    wanted, token = choice
    bare = plain(_bare(wanted))
    named = [table for table in listed if plain(_bare(table)) == bare]
    named = [table for table in named if "." not in table.name] or named
    if len(named) != 1:
        return None
    table = _keyed(named[0], [wanted])
    column = next((c for c in table.columns if plain(c.name) == plain(token.name or token.key)), None)
    return (table, column) if column is not None else None


def _keyed(table: SourceTable, declared: Sequence[SourceTable]) -> SourceTable:
    same = [one for one in declared if plain(_bare(one)) == plain(_bare(table))]
    if len(same) != 1:
        return table
    known = {plain(column.name or column.key): column for column in same[0].columns}
    columns = tuple(
        replace(column, key=of.key, place=of.place) if (of := known.get(plain(column.name))) is not None else column
        for column in table.columns
    )
    return replace(table, columns=columns, place=same[0].place)


def _bare(table: SourceTable) -> str:
    return table.name.rpartition(".")[2]


def _shown(choice: Choice) -> str:
    return printable(f"{choice[0].name}.{choice[1].name}", 200)


# --- the database -----------------------------------------------------------------------------------------------------


def _listed(database: Given) -> list[SourceTable]:
    dsn, schema = secret(database)
    try:
        connected = connect_once(dsn)  # somebody waits at a terminal: a closed port is told at once
    except psycopg.Error as error:
        raise translated(error, dsn) from None
    with closing(connected) as connection, limited(connection, connection.budget_s), reading(connection):
        found = demanded(read_part(connection, dsn, lambda: list_tables(connection)))
    return [_of_listed(table, schema) for table in found]


def _of_listed(table: ListedTable, schema: str) -> SourceTable:
    """The table by the name that leads to it: `schema` of the database's URL qualifies a bare one."""
    is_bare = table.is_found if not schema else _part(table.schema) == schema
    parts = (table.name,) if is_bare else (table.schema, table.name)
    columns = tuple(SourceColumn(c.name, "", c.type, c.not_null, c.filled, c.primary, None) for c in table.columns)
    return SourceTable(".".join(_part(part) for part in parts), columns, None)


def _part(name: str) -> str:
    """A part of `table.name`: quoted where a dot or a quote in it would be taken for something else."""
    return '"' + name.replace('"', '""') + '"' if "." in name or '"' in name else name


# --- facts ------------------------------------------------------------------------------------------------------------


def _facts(choice: Choice | Doubt, found: dict[str, Fact] | None, database: Given | None) -> dict[str, Fact]:
    """The facts of both; `found` are those of the app, None where no checkout is given."""
    why = NOT_READ if found is None else "it is not known which route stores a row of which table"
    facts: dict[str, Fact] = {key: Doubt(why) for key in WANTED}
    if isinstance(choice, Doubt):
        facts |= dict.fromkeys(("table.name", "table.token"), choice)
        return facts
    table, token = choice
    at = f"the catalog of ${{{database.variable}}}" if database is not None else ""
    where = at or (table.place.place if table.place is not None else "")
    facts["table.name"] = Known(table.name, where)
    facts["table.token"] = Known(token.name, _column_at(token, at))
    identifier = identifier_of(table)
    known = None if isinstance(identifier, Doubt) else identifier
    facts["table.id"] = Known(known.name, _column_at(known, at)) if known is not None else identifier  # type: ignore[assignment]
    if found is None or "api.payload" not in found:
        facts |= _of_columns(table, token, where)
    return facts | (found or {})


def _column_at(column: SourceColumn, at: str) -> str:
    return at or (column.place.place if column.place is not None else "")


def _of_columns(table: SourceTable, token: SourceColumn, at: str) -> dict[str, Fact]:
    """What the table alone says of the payload: what an INSERT must name. Which fields the route wants is not known."""
    needed = [c for c in table.columns if c.not_null and not c.filled and c is not token]
    label = next(
        (c for c in table.columns if plain(c.name) in ("name", "title", "label") and of_type(c.type) == "smoke"), None
    )
    guess: dict[str, object] = {}
    for column in needed[:20]:
        sample = "{name}" if column is label else for_name(column.name, of_type(column.type))
        guess[column.name] = "?" if isinstance(sample, Unknown) else sample
    said = ", ".join(printable(name, 80) for name in guess) or "nothing"
    why = f"which fields the route wants is not known; an INSERT must name {said} ({at})"
    facts: dict[str, Fact] = {"api.payload": Doubt(why, guess or None)}
    facts["table.label"] = Doubt(
        "whether the name that is sent is stored in it is not known", label.name if label else None
    )
    return facts


def _notes(choice: Choice | Doubt) -> list[str]:
    if isinstance(choice, Doubt):
        return []
    table, token = choice
    needed = [printable(c.name, 80) for c in table.columns if c.not_null and not c.filled and c is not token]
    said = (
        f"{printable(table.name, 80)}.{printable(token.name, 80)} is of type {printable(token.type, 80) or 'unknown'}"
    )
    if token.type not in ("uuid", ""):
        said += ": this is the column before the migration"
    return [said, f"NOT NULL without a default: {', '.join(needed[:20]) or 'no column'}"]
