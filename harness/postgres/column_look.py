"""One look at the token column and at the locks on its table: what a rollout changes, and who waits for it.

It takes no lock on the table, so that it never queues behind the migration that it looks at: the catalog is read as
rows, and the default by the function that it calls, since `pg_get_expr` locks the table in some versions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from harness.errors import CouldNotTell
from harness.postgres.connection import connect_once, limited, reading
from harness.postgres.failures import translated
from harness.postgres.rows import Row
from harness.text import printable

if TYPE_CHECKING:
    import threading

    from psycopg import sql
    from pydantic import SecretStr

    from harness.postgres.connection import Connection

MOST_HOLDERS = 4
LOOK_TIMEOUT_S = 5.0  # of the statement; it reads catalogs only
_SHOWN = 60  # characters of a name
# Reading rows locks the table against those alone who lock readers out: for no longer than this do we queue for it.
ROWS_WAIT = "SET LOCAL lock_timeout = '50ms'"

# A call that is written as one has funcformat 0; the others are casts, such as that to varchar(64).
# waitstart is there from 14 on; before, a statement that waits has waited since it began at the longest.
LOOK = """
WITH named AS (
  SELECT to_regclass(%(table)s)::oid AS oid, (SELECT oid FROM pg_database WHERE datname = current_database()) AS db,
    ':funcid ([0-9]+) :funcresulttype [0-9]+ :funcretset [a-z]+ :funcvariadic [a-z]+ :funcformat 0' AS calls
), locks AS (
  SELECT l.pid, l.mode, l.granted, (to_jsonb(l) ->> 'waitstart')::timestamptz AS since
  FROM pg_locks l JOIN named n ON l.locktype = 'relation' AND l.database = n.db AND l.relation = n.oid
  WHERE l.pid <> pg_backend_pid()
), waits AS (
  SELECT l.pid, extract(epoch FROM clock_timestamp() - coalesce(l.since, s.query_start))::float8 AS for_s
  FROM locks l LEFT JOIN pg_stat_activity s ON s.pid = l.pid WHERE NOT l.granted
), blocking AS (
  SELECT unnest(pg_blocking_pids(w.pid)) AS pid FROM (SELECT pid FROM waits ORDER BY for_s DESC NULLS LAST LIMIT 1) w
)
SELECT format_type(a.atttypid, a.atttypmod), coalesce(a.attnotnull, false),
  CASE WHEN d.adbin IS NULL THEN ''
       ELSE coalesce((SELECT p.proname || '()' FROM pg_proc p
                      WHERE p.oid = substring(d.adbin::text FROM n.calls)::oid), 'a constant') END,
  (SELECT count(*) FROM waits)::int, coalesce((SELECT max(for_s) FROM waits), 0)::float8,
  coalesce((SELECT json_agg(json_build_array(h.pid, h.mode, h.application_name, h.state, h.for_s, h.doing)) FROM (
    SELECT DISTINCT ON (l.pid) l.pid, l.mode, s.application_name, s.state,
      extract(epoch FROM clock_timestamp() - s.xact_start)::float8 AS for_s,
      upper(substring(s.query FROM '^[[:space:]]*([A-Za-z]{1,20}([[:space:]]+[A-Za-z]{1,20})?)')) AS doing
    FROM locks l LEFT JOIN pg_stat_activity s ON s.pid = l.pid
    WHERE l.granted AND (l.mode = 'AccessExclusiveLock' OR l.pid IN (SELECT pid FROM blocking))
    ORDER BY l.pid, l.mode = 'AccessExclusiveLock' DESC LIMIT 20) h), '[]'),
  extract(epoch FROM clock_timestamp())::float8
FROM named n LEFT JOIN pg_attribute a ON a.attrelid = n.oid AND a.attname = %(column)s AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that others wait for, or that holds the table alone (pg_locks, pg_stat_activity).

    `for_s` is how long its transaction has lasted, None where this role may not see it; `doing` are the first words of
    its statement, such as ALTER TABLE.
    """

    pid: int
    mode: str
    application: str
    state: str
    for_s: float | None
    doing: str

    @property
    def shown(self) -> str:
        """In words: who it is, what it does, and for how long."""
        lasts = f" for {self.for_s:.1f} s" if self.for_s is not None else ""
        idle = self.state == "idle in transaction"
        does = f"idle in transaction{lasts}" if idle else f"{self.doing or 'a statement that is not shown'}{lasts}"
        who = f" ({self.application})" if self.application else ""
        return f"pid {self.pid}{who}, {does}, {self.mode}"


@dataclass(frozen=True, slots=True)
class ColumnLook:
    """What one look found.

    Attributes:
        asked_s: when it was asked, and `answered_s` when it was answered: `time.monotonic()`, in seconds.
        answered_s: see `asked_s`.
        type: of the column (format_type), None where there is no such column or table.
        not_null: whether it is NOT NULL.
        default: the function that its default calls, such as gen_random_uuid(); "a constant", or "" for none.
        waiting: how many sessions wait for a lock on the table.
        longest_wait_s: for how long the longest of them has.
        holders: whom it waits for, and who holds the table alone.
        clock_ahead_s: how far the clock of the database is ahead of ours, give or take half of the look.
    """

    asked_s: float
    answered_s: float
    type: str | None
    not_null: bool
    default: str
    waiting: int = 0
    longest_wait_s: float = 0.0
    holders: tuple[Holder, ...] = ()
    clock_ahead_s: float = 0.0


class ColumnWatch:
    """Looks at one column as often as it is asked to, on a connection of its own, which is opened again when it ends.

    Args:
        dsn: of the database.
        table: the table, quoted and with its schema.
        column: the column as it is written in the catalog.
        stop: when set, nothing is waited for.
    """

    def __init__(self, dsn: SecretStr, table: str, column: str, stop: threading.Event) -> None:
        self._dsn, self._stop = dsn, stop
        self._names = {"table": table, "column": column}
        self._connection: Connection | None = None

    def look(self) -> ColumnLook:
        """One transaction that reads and leaves nothing.

        Raises:
            CouldNotTell: the database could not be asked.
        """
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect_once(self._dsn)
                self._connection.statement_timeout_s = LOOK_TIMEOUT_S
            return self._look(self._connection)
        except psycopg.Error as error:
            self.close()
            raise translated(error, self._dsn) from None
        except UnicodeError as error:
            raise CouldNotTell(f"the database URL cannot be used: {error}", "percent-encode it") from None

    def rows(self, query: sql.Composed, ids: list[str]) -> tuple[Row, ...] | None:
        """The rows of some ids; None while the table is locked, or where they cannot be read.

        Args:
            query: selects (id, label, token) for a list of ids.
            ids: the list, as text.
        """
        if self._connection is None or self._connection.closed:
            return None
        try:
            with limited(self._connection, 2 * LOOK_TIMEOUT_S, self._stop), reading(self._connection):
                self._connection.execute(ROWS_WAIT.encode())
                return tuple(Row(*row) for row in self._connection.execute(query, [ids]))
        except (psycopg.Error, UnicodeError):
            return None

    def _look(self, connection: Connection) -> ColumnLook:
        asked_s, asked_at = time.monotonic(), time.time()
        with limited(connection, 2 * LOOK_TIMEOUT_S, self._stop), reading(connection):
            row = connection.execute(LOOK.encode(), self._names).fetchone()
        answered_s, answered_at = time.monotonic(), time.time()
        assert row is not None  # `named` has one row
        type_, not_null, default, waiting, longest_wait_s, holders, clock = row
        return ColumnLook(
            asked_s,
            answered_s,
            printable(type_, _SHOWN) if type_ is not None else None,
            not_null,
            printable(default, _SHOWN),
            waiting,
            max(0.0, longest_wait_s),
            tuple(_holder(*each) for each in holders[:MOST_HOLDERS]),
            clock - (asked_at + answered_at) / 2,
        )

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _holder(
    pid: int, mode: str, application: str | None, state: str | None, for_s: float | None, doing: str | None
) -> Holder:
    said = " ".join((doing or "").split())
    return Holder(pid, mode, printable(application or "", _SHOWN), printable(state or "", _SHOWN), for_s, said)
