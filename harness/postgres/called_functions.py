"""Follows the functions that statements call: one of them may store the row, or make its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.postgres.statement_reading import DEEPEST_CALL, read_function, read_statement
from harness.postgres.token_writes import GENERATORS, UNCLEAR, Reading, Target, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.postgres.connection import Connection

MOST_FUNCTIONS = 50  # that are read at once
MOST_CHARACTERS = 100_000  # of one of them
# Those that are too many or too long come without a definition.
_FUNCTIONS = """
SELECT proname, nspname, lanname, coalesce(proargnames, '{}'),
       CASE WHEN number <= %(most)s AND length(prosrc) <= %(characters)s THEN pg_get_functiondef(oid) END
FROM (
  SELECT p.oid, p.proname, n.nspname, l.lanname, p.proargnames, p.prosrc, row_number() OVER (ORDER BY p.oid) AS number
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
  WHERE p.proname = ANY (%(names)s::text[]) AND p.prokind IN ('f', 'p') AND l.lanname NOT IN ('c', 'internal')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
) AS called
LIMIT 1000
"""


class Functions:
    """The functions that statements call, looked up in the catalog one level of calls at a time."""

    def __init__(self, connection: Connection, targets: Sequence[Target]) -> None:
        self._connection = connection
        self._targets = targets
        self._known: dict[str, list[tuple[str, Reading]]] = {}

    def followed(self, statements: Iterable[str]) -> dict[str, Reading]:
        """What each statement does, by itself and by the functions that it calls."""
        readings = {text: read_statement(text, *self._targets) for text in statements}
        level: Iterable[Reading] = readings.values()
        for _ in range(DEEPEST_CALL):
            level = self._look_up({name for reading in level for _, name in reading.calls})
        # A caller that passes the database's own generator on is told from one that passes its own value by nobody.
        return {
            text: self._with_calls(reading, 0, given=any(name in text.lower() for name in GENERATORS))
            for text, reading in readings.items()
        }

    def _with_calls(self, reading: Reading, depth: int, *, given: bool) -> Reading:
        of = [reading]
        for schema, name in reading.calls:
            for found_in, function in self._known.get(name, ()):
                if schema not in ("", found_in):
                    continue
                below = UNCLEAR if depth == DEEPEST_CALL else self._with_calls(function, depth + 1, given=given)
                of.append(below._replace(writer="unclear") if given and below.writer == "app" else below)
        return together(of) if len(of) > 1 else reading

    def _look_up(self, names: set[str]) -> list[Reading]:
        """Read the functions of these names that are not known yet."""
        new = sorted(names - set(self._known))
        if not new:
            return []
        self._known |= {name: [] for name in new}
        given = {"names": new, "most": MOST_FUNCTIONS, "characters": MOST_CHARACTERS}
        found = []
        for name, schema, language, arguments, definition in self._connection.execute(_FUNCTIONS, given).fetchall():
            parameters = frozenset(arguments) - {""}
            read = UNCLEAR if definition is None else read_function(definition, language, parameters, *self._targets)
            self._known[name].append((schema, read))
            found.append(read)
        return found
