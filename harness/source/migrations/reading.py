"""Reads what migrations and schema files of a checkout say of the token column.

The migrations are replayed in their order, which leaves the column in its last state. Schema files (of ORMs, and dumps)
declare one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from msgspec.structs import replace

from harness.errors import NotCovered
from harness.source.checkout import INSTALL, SOURCE, Place
from harness.source.javascript.program import opened
from harness.source.javascript.syntax import is_installed
from harness.source.migrations.checkers import Migrated, TokenInSource, is_right
from harness.source.migrations.fragments import values_of
from harness.source.migrations.ordering import MigrationHistory, find_scripts
from harness.source.migrations.orm import Wanted, read_declarations
from harness.source.migrations.programs import read_program
from harness.source.sql.catalog import Catalog, Table
from harness.source.sql.columns import Declared, Unclear
from harness.source.sql.parser import mentions, read_sql
from harness.source.sql.replay import Replay

if TYPE_CHECKING:
    from harness.source.checkout import Checkout, SourceFile
    from harness.source.javascript.program import Program
    from harness.source.javascript.values import Values
    from harness.source.sql.parser import Statement

_DDL = re.compile(r"(?i)\b(?:alter|create)\s+(?:unlogged\s+)?table\b|\bselect\b[^;]*\binto\b|\bdo\s+\$")


@lru_cache(maxsize=8)  # several environments may name one checkout
def read_token(checkout: Checkout, table: str, token: str) -> TokenInSource:
    """Read what a checkout says of a column.

    Args:
        checkout: its files.
        table: the table in the database, `schema.table` where needed.
        token: the column.

    Raises:
        NotCovered: what parses SQL and code is not installed.
    """
    if find_spec("postgast") is None or not is_installed():
        raise NotCovered("what parses SQL and code is not installed", INSTALL)
    with opened(checkout.of(*SOURCE), checkout.settings) as program:
        return _read_token(program, checkout, Wanted(table, token))


def _read_token(program: Program, checkout: Checkout, wanted: Wanted) -> TokenInSource:
    scripts = find_scripts(checkout)
    reader = _Reader(checkout, wanted, values_of(program))
    histories = [read for history in scripts.histories if (read := reader.history(history)) is not None]
    loose = [(file, read) for file in scripts.loose if (read := reader.loose(file)) is not None]
    migrated, others, snapshots = _put_together(reader, histories, loose)
    declared = [*read_declarations(checkout, wanted, program), *snapshots]
    mentioned = any(mentions(file.text, wanted.table.rpartition(".")[2]) for file in checkout.files)
    return TokenInSource(
        wanted.table,
        wanted.token,
        migrated,
        tuple(others),
        tuple(declared),
        mentioned or bool(declared),
        checkout.foreign_migrations if migrated is None else (),
        "" if scripts.histories or not any("@supabase/" in file.text for file in checkout.files) else "Supabase",
        checkout.not_read,
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """The statements of a history, or of a file that stands by itself, and what they lead to."""

    folder: str
    statements: tuple[tuple[Statement | Unclear, ...], ...]
    migrated: Migrated

    def alters(self, token: str) -> bool:
        """Whether a statement changes the column, rather than the table being made with it."""
        known = [s for statements in self.statements for s in statements if not isinstance(s, Unclear)]
        return any(_alters(statement, token) for statement in known)


@dataclass(frozen=True, slots=True)
class _Reader:
    checkout: Checkout
    wanted: Wanted
    values: Values

    @property
    def names(self) -> tuple[str, str]:
        return self.wanted.table.rpartition(".")[2], self.wanted.token

    def history(self, history: MigrationHistory) -> _Read | None:
        """What a history leads to; None where it names neither the table nor the column."""
        if not any(mentions(file.text, *self.names) for file in history.files) and not history.left_out:
            return None
        sql = {file.path: file for file in self.checkout.of(".sql")}
        by_path: dict[str, tuple[Statement | Unclear, ...]] = {}
        used: set[str] = set()
        for file in history.files:
            if file.suffix == ".sql":
                by_path[file.path] = tuple(read_sql(file.path, file.text))
            else:
                statements, reads = read_program(self.values, file, self.names, sql)
                by_path[file.path], used = tuple(statements), used | reads
        kept = tuple(statements for path, statements in by_path.items() if path not in used)
        if not history.ordered:
            kept = tuple(sorted(kept, key=lambda statements: not _makes_table(statements, self.names[0])))
        migrated = self.replay(kept, (history.folder or ".",))
        unread = [
            f"{path} ({why})"
            for path, why in self.checkout.unread
            if path.startswith(history.folder + "/") and path.endswith((".sql", *SOURCE))
        ]
        left = tuple(path for path in history.left_out if path in sql and mentions(sql[path].text, *self.names))
        migrated = replace(migrated, unread=tuple(unread), left_out=left)
        if not _says_something(migrated) and not left and not mentions_column(kept, self.names):
            return None
        return _Read(history.folder or ".", kept, migrated)

    def loose(self, file: SourceFile) -> _Read | None:
        """What a file that stands by itself leads to; None where it says nothing of the column."""
        if not mentions(file.text, self.names[0]) or not mentions(file.text, self.names[1]):
            return None
        if file.suffix == ".sql":
            statements = read_sql(file.path, file.text)
        elif _DDL.search(file.text):
            statements, _ = read_program(self.values, file, self.names, {})
        else:
            return None
        migrated = self.replay((tuple(statements),), (file.path,))
        return _Read(file.path, (tuple(statements),), migrated) if _says_something(migrated) else None

    def replay(self, files: tuple[tuple[Statement | Unclear, ...], ...], folders: tuple[str, ...]) -> Migrated:
        """Replay the statements of files, in this order."""
        replay = Replay(self.names)
        for statements in files:
            replay.run(statements)
        # A catalog that knows neither table nor column says nothing, where another one does.
        heard = [catalog for catalog in replay.catalogs if _is_heard(catalog, self.wanted)] or replay.catalogs
        tables = [_table_of(catalog, self.wanted) for catalog in heard]
        columns = tuple(dict.fromkeys(t.columns.get(self.wanted.token) if t is not None else None for t in tables))
        there = [table for table in tables if table is not None]
        several = sorted({schema for catalog in heard for schema, name in catalog.tables if name == self.names[0]})
        if not there and len(several) > 1:
            said = f"there is a table of that name in {', '.join(several)}: name one in `table`"
            replay.unclear.append(Unclear(Place(folders[0], 1, self.wanted.table), said))
        gone = [at for catalog in replay.catalogs for (_, name), at in catalog.gone.items() if name == self.names[0]]
        refused = [
            said for catalog in replay.catalogs for said in catalog.refused if mentions(said.place.text, self.names[0])
        ]
        return Migrated(
            folders,
            columns,
            gone[-1] if gone and None in columns and not there else None,
            tuple(dict.fromkeys(note for table in there for note in table.notes)),
            tuple(dict.fromkeys([*refused, *(said for table in there for said in table.refused)])),
            tuple(replay.unclear),
            complete=bool(there) and all(table.complete for table in there),
        )


def _table_of(catalog: Catalog, wanted: Wanted) -> Table | None:
    """The table that is meant: in its schema, or else in public, or else the only one of that name."""
    schema, _, name = wanted.table.rpartition(".")
    found = {key[0]: table for key, table in catalog.tables.items() if key[1] == name}
    if schema:
        # A search path that is set elsewhere, or a placeholder of the tool, may lead to that schema.
        return found.get(schema) or (found.get("public", found.get("placeholder")) if len(found) == 1 else None)
    if "public" in found:
        return found["public"]
    return next(iter(found.values())) if len(found) == 1 else None


def _is_heard(catalog: Catalog, wanted: Wanted) -> bool:
    table = _table_of(catalog, wanted)
    if table is None:
        return any(name == wanted.table.rpartition(".")[2] for _, name in catalog.gone)
    return table.complete or wanted.token in table.columns


def _says_something(migrated: Migrated) -> bool:
    has_column = any(column is not None for column in migrated.columns)
    return has_column or bool(migrated.unclear or migrated.at or migrated.notes or migrated.refused)


def mentions_column(files: tuple[tuple[Statement | Unclear, ...], ...], names: tuple[str, str]) -> bool:
    """Whether a statement names table and column."""
    texts = (s.place.text if isinstance(s, Unclear) else s.text for statements in files for s in statements)
    return any(mentions(text, names[0]) and mentions(text, names[1]) for text in texts)


def _makes_table(statements: tuple[Statement | Unclear, ...], table: str) -> bool:
    return any(
        statement.node.create_stmt.relation.relname == table
        for statement in statements
        if not isinstance(statement, Unclear)
    )


def _alters(statement: Statement, token: str) -> bool:
    kind = statement.node.WhichOneof("node")
    if kind != "alter_table_stmt":
        return kind in ("do_stmt", "rename_stmt") and mentions(statement.text, token)
    commands = [command.alter_table_cmd for command in statement.node.alter_table_stmt.cmds]
    return any(token in (c.name, getattr(c, "def").column_def.colname) for c in commands)


def _put_together(
    reader: _Reader, histories: list[_Read], loose: list[tuple[SourceFile, _Read]]
) -> tuple[Migrated | None, list[Migrated], list[Declared]]:
    """The history that counts, others that contradict it, and files that stand by themselves as declarations."""
    if not histories:  # one file that makes and alters is a history by itself
        histories = [read for _, read in loose if read.migrated.complete and read.alters(reader.wanted.token)]
        loose = [(file, read) for file, read in loose if read not in histories]
    snapshots = [read for _, read in loose if read.migrated.complete]
    changes = [read for _, read in loose if not read.migrated.complete]
    makers = [read for read in histories if read.migrated.complete]
    alterers = [read for read in histories if not read.migrated.complete]
    last: Migrated | None = None
    others: list[Migrated] = []
    if makers:
        last = _joined(reader, [makers[0], *alterers]) if alterers else makers[0].migrated
        others = [maker.migrated for maker in makers[1:]]
    elif alterers or changes:
        steps = alterers or changes
        last = _joined(reader, steps)
        if len(snapshots) == 1:  # the table is made there, and altered by migrations
            based = _joined(reader, [snapshots[0], *steps])
            if not based.refused or last.refused:
                last, snapshots = based, [read for read in snapshots if is_right(read.migrated)]
    if last is not None and not is_right(last) and makers and changes:
        last = _joined(reader, [makers[0], *alterers, *changes])
    return last, others, [declared for read in snapshots for declared in _as_declared(read)]


def _joined(reader: _Reader, reads: list[_Read]) -> Migrated:
    if len(reads) == 1:
        return reads[0].migrated
    files = tuple(statements for read in reads for statements in read.statements)
    replayed = reader.replay(files, tuple(read.folder for read in reads))
    return replace(
        replayed,
        unread=tuple(said for read in reads for said in read.migrated.unread),
        left_out=tuple(path for read in reads for path in read.migrated.left_out),
    )


def _as_declared(read: _Read) -> list[Declared]:
    return [
        Declared(column.type_at, column)
        for column in read.migrated.columns
        if column is not None and column.type_at is not None
    ]
