"""The database: whether it is reached, holds the table, and lets the role do what a run does there. It only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import psycopg

from harness.doctor.answers import Answer, in_the_way, ok, settings_in, wrong
from harness.errors import CouldNotTell, Unavailable
from harness.postgres.connection import connect, identity_of, limited, located, reading
from harness.postgres.deletion import Rights, rights
from harness.postgres.failures import translated
from harness.postgres.inserts import NOT_LOADED, visibility
from harness.postgres.parts import read_part
from harness.postgres.rows import read_sequence
from harness.postgres.statement_counts import counted_calls
from harness.postgres.table import bare_name, read_facts
from harness.run.posting import missing_rights
from harness.text import printable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from harness.configuration.models import Environment
    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts

CONNECTION, TABLE, RIGHTS, SEQUENCE = "connection", "table", "rights", "id sequence"
STATEMENTS, PRIMARY, CLEAN_UP = "app's statements", "primary", "clean-up"
ONCE_S = 5.0  # for one try to connect; a run tries for twice as long
_CLAIM = "app_leaves_the_token_to_postgres"


class Found(NamedTuple):
    """What was learnt of a database; `identity` tells it from every other one, "" where nobody knows."""

    answers: list[Answer]
    identity: str = ""


def ask_database(environment: Environment, stop: threading.Event, *, wait: bool) -> Found:
    """Ask all that a run needs of the database, in one READ ONLY transaction."""
    if environment.database is None:
        return Found(_without_database(environment))
    try:
        with (
            connect(
                environment.database, stop, environment.statement_timeout_s, once_s=None if wait else ONCE_S
            ) as connection,
            limited(connection, connection.budget_s, stop),
            reading(connection),
        ):
            where = printable(located(environment.database))
            reached = ok(CONNECTION, f"{where} accepts the role in database{_through(connection)}", "database")
            answers = [reached, *_Asking(environment, connection).all()]
            return Found(answers, identity_of(connection))
    except psycopg.Error as error:
        return Found([in_the_way(CONNECTION, translated(error, environment.database), "database")])
    except CouldNotTell as why:
        return Found([in_the_way(CONNECTION, why, "database")])


def _through(connection: Connection) -> str:
    """That a pooler hands sessions on: the process that it named is not the one that answers."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    pooled = row is not None and row[0] != connection.info.backend_pid
    return ", through a pooler, which is fine" if pooled else ""


def _without_database(environment: Environment) -> list[Answer]:
    said = "null: nothing about the database is claimed, and a verdict says so"
    answers = [ok("database", said, "database")]
    if environment.cleanup == "database":
        answers.append(
            wrong(
                CLEAN_UP,
                "cleanup: database, and there is no database: the rows of a run would stay",
                "set database to its URL; or set cleanup to api, and api.delete to the route that deletes one",
                "cleanup",
            )
        )
    return answers


class _Asking:
    """The questions to a database, in the transaction that is open."""

    def __init__(self, environment: Environment, connection: Connection) -> None:
        assert environment.database is not None  # it is asked
        self.environment, self.connection, self.dsn = environment, connection, environment.database

    def all(self) -> list[Answer]:
        """What there is to say; without the table nothing of it."""
        facts = read_part(self.connection, self.dsn, lambda: read_facts(self.connection, self.environment.table))
        if isinstance(facts, Unavailable):
            return [self._no_table(facts)]
        columns = ", ".join(map(printable, (facts.id_column, facts.label_column, facts.token_column)))
        found = [ok(TABLE, f"{printable(facts.shown)} has the columns {columns}", "table"), self._primary(facts)]
        has = read_part(self.connection, self.dsn, lambda: rights(self.connection, facts))
        if isinstance(has, Rights):
            found += self._rights(has, facts)
            found += self._part(SEQUENCE, lambda: self._sequence(facts)) if has.reads else []
        else:
            found += [self._missing(RIGHTS, has)]
        return [*found, *self._part(STATEMENTS, self._statements)]

    def _part(self, step: str, ask: Callable[[], list[Answer]]) -> list[Answer]:
        answers = read_part(self.connection, self.dsn, ask)
        return [self._missing(step, answers)] if isinstance(answers, Unavailable) else answers

    @staticmethod
    def _missing(step: str, why: Unavailable) -> Answer:
        assert isinstance(why, CouldNotTell)  # nothing here is left out by choice
        return in_the_way(step, why, "database")

    def _no_table(self, why: Unavailable) -> Answer:
        assert isinstance(why, CouldNotTell)  # the table is asked for
        settings = settings_in(why.remedy)
        alike = {key: name for key, name in settings.items() if self._is_alike(key, name)}
        return in_the_way(TABLE, why, "table", alike)

    def _is_alike(self, key: str, name: str) -> bool:
        """Whether a name differs from the one that is configured by its schema, or its way to part words, alone."""
        configured = str(getattr(self.environment.table, key.partition(".")[2], ""))
        return bare_name(name.rpartition(".")[2]) == bare_name(configured.rpartition(".")[2])

    def _primary(self, facts: TableFacts) -> Answer:
        if not facts.in_recovery:
            return ok(PRIMARY, "the database takes writes: it is not a replica", "database")
        said = "the database is a replica (pg_is_in_recovery), which lags behind and can only be read"
        return wrong(PRIMARY, said, "set database to the URL of the primary that the deployment writes to", "database")

    def _rights(self, has: Rights, facts: TableFacts) -> list[Answer]:
        deletes = self.environment.cleanup == "database"
        lacking = [*missing_rights(has, facts, deletes=deletes)]
        if lacking:
            return [in_the_way(RIGHTS, why, "database") for why in lacking]
        may = "read and delete" if deletes else "read"
        return [ok(RIGHTS, f"the role may {may} rows, and no row-level security hides any", "database")]

    def _sequence(self, facts: TableFacts) -> list[Answer]:
        if read_sequence(self.connection, facts) is None:
            return [ok(SEQUENCE, "ids come from no sequence", "database")]
        return [ok(SEQUENCE, "the role may read it", "database")]

    def _statements(self) -> list[Answer]:
        if reason := self.environment.waive.get(_CLAIM):
            return [ok(STATEMENTS, f"waived: {printable(reason)}", "waive")]
        cause, remedy = visibility(self.connection).obstacle()
        if cause:
            return [wrong(STATEMENTS, cause, remedy, "database")]
        if counted_calls(self.connection) is not None:
            return [
                ok(STATEMENTS, "no session hides them from the role, and pg_stat_statements counts them", "database")
            ]
        said = (
            "no session hides them from the role; optional: pg_stat_statements also counts those that no look sees "
            f"({NOT_LOADED})"
        )
        return [ok(STATEMENTS, said, "database")]
