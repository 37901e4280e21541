"""Follows the functions that a statement calls: one of them may store the row, or make its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.postgres.token_writes import (
    GENERATORS,
    NOTHING,
    UNCLEAR,
    Reading,
    Target,
    is_parser_installed,
    read_statement,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.postgres.connection import Connection

MOST_FUNCTIONS = 50  # that are read
_DEEPEST_CALL = 3


class Functions:
    """The functions that statements call, read when one does."""

    def __init__(self, connection: Connection, target: Target) -> None:
        self._connection = connection
        self._target = target
        self._known: dict[str, list[tuple[str, Reading]]] = {}
        self._read = 0

    def followed(self, statement: str) -> Reading:
        """What a statement does, by itself and by the functions that it calls."""
        reading = read_statement(statement, self._target)
        # A caller that passes the database's own generator on is told from one that passes its own value by nobody.
        given = any(name in statement.lower() for name in GENERATORS)
        return self._with_calls(reading, 0, given=given)

    def _with_calls(self, reading: Reading, depth: int, *, given: bool) -> Reading:
        if not reading.calls:
            return reading
        of = [reading]
        for schema, name in reading.calls:
            for found_in, function in self._named(name):
                if schema not in ("", found_in):
                    continue
                below = UNCLEAR if depth == _DEEPEST_CALL else self._with_calls(function, depth + 1, given=given)
                of.append(below._replace(writer="unclear") if given and below.writer == "app" else below)
        return together(of)

    def _named(self, name: str) -> list[tuple[str, Reading]]:
        if name not in self._known:
            self._known[name] = [*self._look_for(name)]
        return self._known[name]

    def _look_for(self, name: str) -> Iterable[tuple[str, Reading]]:
        if self._read >= MOST_FUNCTIONS:
            return
        rows = self._connection.execute(
            "SELECT n.nspname, l.lanname, coalesce(p.proargnames, '{}'), pg_get_functiondef(p.oid) "
            "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang "
            "WHERE p.proname = %s AND p.prokind IN ('f', 'p') "
            "AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
            "AND l.lanname NOT IN ('c', 'internal') AND length(p.prosrc) < 100000 LIMIT 10",
            [name],
        ).fetchall()
        for schema, language, arguments, definition in rows:
            self._read += 1
            yield schema, self._read_function(language, frozenset(arguments) - {""}, definition)

    def _read_function(self, language: str, arguments: frozenset[str], definition: str) -> Reading:
        if is_parser_installed():
            from harness.postgres.statement_parser import body_of

            read = body_of(definition, language, arguments, self._target)
            if read is not None:
                return read
        folded = definition.lower()
        return UNCLEAR if any(name.lower() in folded for name in self._target.names) else NOTHING
