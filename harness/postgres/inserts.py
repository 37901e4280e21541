"""Learns from Postgres which statements gave the tokens of a run their values.

An app that makes a good version 4 UUID itself passes every test of form; only its statement tells. Two views of
Postgres show statements: `pg_stat_activity` the current or last one of each connection, which is looked at again and
again while the POSTs run (`watching`), and `pg_stat_statements`, where it is loaded, how often each was run, so that a
count before the POSTs and one after say which ones stored their rows. Both show other roles' statements only to members
of pg_read_all_stats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.postgres.called_functions import Functions
from harness.postgres.identifiers import in_sql
from harness.postgres.literals import without_literals
from harness.postgres.table import parts_of
from harness.postgres.targets import targets_of
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts
    from harness.postgres.token_writes import Writer

_SHOWN = 3


class Sightings(NamedTuple):
    """What was seen in `pg_stat_activity` while the POSTs ran.

    Attributes:
        statements: each statement with the times (seconds on the run's clock) at which an execution of it was first
            seen.
        looks: how often the view was read.
        took_s: how long all of it took.
        calls: how often each statement of `pg_stat_statements` was run between the first POST and the last; None where
            it does not count.
        obstacle: why nobody looked; "" where somebody did.
    """

    statements: Mapping[str, tuple[float, ...]] = {}
    looks: int = 0
    took_s: float = 0.0
    calls: Mapping[str, int] | None = None
    obstacle: str = ""


class ObservedInserts(NamedTuple):
    """Statements that store rows of the table or write their tokens, between the first POST of a run and its last.

    Attributes:
        counted: how many INSERTs Postgres counted; None where it counts none.
        by_database: how many executions left the token to Postgres.
        by_app: how many gave it a value.
        updates: how many of these store no row: another client may be editing its chatbots.
        unclear: how many could not be understood.
        given: statements that give the token a value, without literals.
        not_understood: statements that could not be understood, without literals.
        seen_s: when an execution that stores a row was first seen in `pg_stat_activity`, each.
        looks: how often that was looked at.
        took_s: how long all of it took.
        cause: why nothing was seen; "" where something was.
        remedy: what would let it be seen.
    """

    counted: int | None = None
    by_database: int = 0
    by_app: int = 0
    updates: int = 0
    unclear: int = 0
    given: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    seen_s: tuple[float, ...] = ()
    looks: int = 0
    took_s: float = 0.0
    cause: str = ""
    remedy: str = ""


# --- what they do -----------------------------------------------------------------------------------------------------


def observed_inserts(connection: Connection, facts: TableFacts, seen: Sightings) -> ObservedInserts:
    """Read what was seen, inside the caller's transaction."""
    children = [parts_of(child) for child in facts.children]
    heirs = frozenset((child[-2] if len(child) > 1 else facts.schema, child[-1]) for child in children)
    counts: dict[str, int] = {text: len(times) for text, times in seen.statements.items()}
    readings = Functions(connection, [*targets_of(facts, heirs=heirs)]).followed({**counts, **(seen.calls or {})})
    of = {writer: [text for text, reading in readings.items() if reading.writer == writer] for writer in _WRITERS}
    most = {writer: max(_executions(texts, counts), _executions(texts, seen.calls)) for writer, texts in of.items()}
    updates = [text for text in of["app"] if not readings[text].inserts]
    inserts = [text for text, reading in readings.items() if reading.inserts]
    found = ObservedInserts(
        counted=None if seen.calls is None else _executions(inserts, seen.calls),
        by_database=most["database"],
        by_app=most["app"],
        updates=max(_executions(updates, counts), _executions(updates, seen.calls)),
        unclear=most["unclear"],
        given=_shown(of["app"], seen.calls),
        not_understood=_shown(of["unclear"], seen.calls),
        seen_s=tuple(sorted(t for text, times in seen.statements.items() if readings[text].inserts for t in times)),
        looks=seen.looks,
        took_s=seen.took_s,
    )
    if found.by_database or found.by_app or found.unclear:
        return found
    cause, remedy = _why_unseen(connection, seen)
    return found._replace(cause=cause, remedy=remedy)


_WRITERS: tuple[Writer, ...] = ("database", "app", "unclear")


def _executions(texts: Iterable[str], of: Mapping[str, int] | None) -> int:
    """How many executions of some statements were seen, or counted: those seen are counted too, in other words."""
    return sum((of or {}).get(text, 0) for text in texts)


def _shown(texts: Iterable[str], calls: Mapping[str, int] | None) -> tuple[str, ...]:
    counted = [text for text in texts if text in (calls or {})]
    return tuple(
        printable(text, 300) for text in sorted({without_literals(text) for text in counted or texts})[:_SHOWN]
    )


# --- why nothing was seen ---------------------------------------------------------------------------------------------

_SURROUNDINGS = """
SELECT current_user, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
       EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements'),
       current_setting('track_activities') = 'on',
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query_start IS NULL
          AND query = '<insufficient privilege>')
"""


class Visibility(NamedTuple):
    """What of the statements of other sessions a role may see.

    Attributes:
        role: the role.
        reads_all: whether it is a member of pg_read_all_stats.
        installed: whether pg_stat_statements is created in this database.
        tracks: whether Postgres shows statements at all.
        hidden: how many sessions of this database hide theirs from it.
    """

    role: str
    reads_all: bool
    installed: bool
    tracks: bool
    hidden: int

    def obstacle(self) -> tuple[str, str]:
        """What keeps all statements from being seen, and what to do; "" where nothing does."""
        if not self.tracks:
            return "track_activities is off, so Postgres shows no statement", f"SET track_activities = on; {_WAIVE}"
        if not self.reads_all and self.hidden:
            cause = f"the role in `database` may not see the statements of {self.hidden} other sessions"
            return cause, f"use the app's own role, or GRANT pg_read_all_stats TO {in_sql(self.role)}; {_WAIVE}"
        return "", ""


NOT_LOADED = "add pg_stat_statements to shared_preload_libraries and restart Postgres"
_WAIVE = "or waive the claim, with the reason, by `waive: {app_leaves_the_token_to_postgres: ..}`"


def visibility(connection: Connection) -> Visibility:
    """What this role may see, inside the caller's transaction. Raises psycopg.Error."""
    row = connection.execute(_SURROUNDINGS).fetchone()
    assert row is not None  # a SELECT without FROM
    return Visibility(*row)


def _why_unseen(connection: Connection, seen: Sightings) -> tuple[str, str]:
    """Why no statement of the deployment was seen, and what would show it here."""
    visible = visibility(connection)
    cause, remedy = visible.obstacle()
    if cause:
        return cause, remedy
    if seen.obstacle:
        return (f"pg_stat_activity was not watched during the POSTs: {seen.obstacle}", f"run again; {_WAIVE}")
    looked = f"no statement that stores a chatbot was seen in {seen.looks} looks at pg_stat_activity"
    if visible.installed and seen.calls is None:
        return f"{looked}, and pg_stat_statements is created but not loaded", f"{NOT_LOADED}; {_WAIVE}"
    if visible.installed:
        return (
            f"{looked}, nor counted in pg_stat_statements",
            f"set pg_stat_statements.track to top, raise pg_stat_statements.max, or send more POSTs; {_WAIVE}",
        )
    return (
        looked,
        (
            "add pg_stat_statements to shared_preload_libraries, restart Postgres, and CREATE EXTENSION "
            f"pg_stat_statements in this database; or send more POSTs; {_WAIVE}"
        ),
    )
