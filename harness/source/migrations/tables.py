"""Reads all tables of a checkout: as its migrations leave them, and as the schema files of its ORMs declare them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.errors import NotCovered
from harness.source.checkout import INSTALL
from harness.source.migrations.fragments import values_of
from harness.source.migrations.ordering import find_scripts
from harness.source.migrations.orm import Every, declarations
from harness.source.migrations.programs import read_program
from harness.source.spelling import plain, snake
from harness.source.sql.parser import read_sql
from harness.source.sql.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.source.checkout import Checkout, Place
    from harness.source.javascript.program import Program
    from harness.source.migrations.orm import Declaration
    from harness.source.sql.catalog import Catalog
    from harness.source.sql.columns import Column

_SERIAL = re.compile(r"(?:small|big)?serial\d?|serial\d")
# Signs in a declaration that the database or the ORM fills the column where the app says nothing.
_FILLED = re.compile(
    r"default|generat|serial|identity|increment|@updatedAt|CreateDate|UpdateDate|onUpdate", re.IGNORECASE
)
_PRIMARY = re.compile(r"primary_?key|@id\b|PrimaryGeneratedColumn|PrimaryColumn|PrimaryKey", re.IGNORECASE)
_MODEL = re.compile(r"^\s*model\s+(\w+)\s*\{", re.MULTILINE)
_MAKES_TABLES = re.compile(r"(?i)\bcreate\s+(?:unlogged\s+)?table\b|\bcreateTable\b")


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column: its name, what the app calls it ("" where no ORM says), and what an INSERT must know of it.

    `filled` says that an INSERT may leave it out. `name` is "" where an ORM makes it of the key by rules of its own.
    """

    name: str
    key: str
    type: str
    not_null: bool
    filled: bool
    primary: bool
    place: Place | None


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table: its name, `schema.name` outside of public, its columns in order, and what made or declares it."""

    name: str
    columns: tuple[SourceColumn, ...]
    place: Place | None

    def column(self, name: str) -> SourceColumn | None:
        """The column of a name in the database."""
        return next((column for column in self.columns if column.name == name), None)


def read_tables(checkout: Checkout, program: Program) -> list[SourceTable]:
    """All tables of a checkout; `program` is of its files of code.

    Where migrations and a schema file know one table, the migrations have the word on names, types and NOT NULL, and
    the schema file on what the app calls a column.

    Raises:
        NotCovered: what parses SQL is not installed.
    """
    if find_spec("postgast") is None:
        raise NotCovered("what parses SQL is not installed", INSTALL)
    declared = _declared(checkout, program)
    migrated = _migrated(checkout, program)
    found = [_named_by(table, declared) for table in migrated]
    known = {_bare(table.name) for table in migrated}
    return found + [table for names, table in declared if known.isdisjoint(map(_bare, names))]


# --- migrations -------------------------------------------------------------------------------------------------------


def _migrated(checkout: Checkout, program: Program) -> list[SourceTable]:
    scripts = find_scripts(checkout)
    values = values_of(program)
    sql = {file.path: file for file in checkout.of(".sql")}
    tables: dict[str, SourceTable] = {}
    makers = [file for file in scripts.loose if _MAKES_TABLES.search(file.text) and file.suffix == ".sql"]
    for files in [*([file] for file in makers), *(history.files for history in scripts.histories)]:
        replay = Replay(("", ""))
        for file in files:
            if file.suffix == ".sql":
                replay.run(read_sql(file.path, file.text))
            else:
                replay.run(read_program(values, file, (), sql)[0])
        tables |= {table.name: table for table in _tables_of(replay.catalogs[0])}
    return list(tables.values())


def _tables_of(catalog: Catalog) -> Iterable[SourceTable]:
    for (schema, name), table in catalog.tables.items():
        if not table.complete:  # altered by these, and made elsewhere
            continue
        columns = tuple(_of_migration(column, known) for column, known in table.columns.items())
        place = next((column.place for column in columns if column.place is not None), None)
        yield SourceTable(name if schema in ("public", "placeholder") else f"{schema}.{name}", columns, place)


def _of_migration(name: str, column: Column) -> SourceColumn:
    filled = column.default is not None or bool(column.unknown) or _SERIAL.fullmatch(column.type) is not None
    return SourceColumn(name, "", column.type, column.not_null, filled, column.primary, column.type_at)


# --- schema files -----------------------------------------------------------------------------------------------------


def _declared(checkout: Checkout, program: Program) -> list[tuple[tuple[str, ...], SourceTable]]:
    """Each table that schema files declare, with the names that it may have."""
    models = {name for file in checkout.of(".prisma") for name in _MODEL.findall(file.text)}
    groups: dict[tuple[str, tuple[str, ...]], list[SourceColumn]] = {}
    for said in declarations(checkout, Every(), program):
        if said.tables and not _is_relation(said, models):
            groups.setdefault((said.declared.place.path, said.tables), []).append(_of_declaration(said))
    return [
        (names, SourceTable(names[0] if len(names) == 1 else "", tuple(columns), columns[0].place))
        for (_, names), columns in groups.items()
    ]


def _is_relation(said: Declaration, models: set[str]) -> bool:
    """Whether a field of Prisma stands for rows of another model."""
    if not said.declared.place.path.endswith(".prisma"):
        return False
    words = said.declared.place.text.split()
    return len(words) > 1 and words[1].rstrip("?[]") in models


def _of_declaration(said: Declaration) -> SourceColumn:
    column, text = said.declared.column, said.declared.place.text
    is_known = said.name is not None or said.key == snake(said.key)
    return SourceColumn(
        (said.name or said.key) if is_known else "",
        said.key,
        column.type,
        column.not_null or _PRIMARY.search(text) is not None,
        column.default is not None or bool(column.by_the_app or column.unknown) or _FILLED.search(text) is not None,
        column.primary or _PRIMARY.search(text) is not None,
        said.declared.place,
    )


def _named_by(table: SourceTable, declared: list[tuple[tuple[str, ...], SourceTable]]) -> SourceTable:
    """The table with the names that the app has for its columns, where all schema files that declare it agree."""
    bare = _bare(table.name)
    keys: dict[str, set[str]] = {}
    for column in (column for names, one in declared if bare in map(_bare, names) for column in one.columns):
        keys.setdefault(plain(column.name or column.key), set()).add(column.key)
    agreed = {name: next(iter(said)) for name, said in keys.items() if len(said) == 1}
    return replace(table, columns=tuple(replace(c, key=agreed.get(plain(c.name), "")) for c in table.columns))


def _bare(name: str) -> str:
    """The plain name of a table without its schema."""
    return plain(name.rpartition(".")[2])
