"""What one run may have stored in one environment, which rows of it were seen, and which are gone."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct, field

from harness.errors import CouldNotTell
from harness.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic import SecretStr

    from harness.configuration.models import Environment
    from harness.history.attempt import Attempt
    from harness.history.writing import Ledger
    from harness.http.client import Client
    from harness.postgres.deletion import Found
    from harness.postgres.table import TableFacts

AT_ONCE = 10_000  # attempts that one statement looks for, and rows that one transaction deletes
_NO_DATABASE = CouldNotTell(
    "database: null: there is no database to delete from", "delete them by hand, or set cleanup: api and api.delete"
)


class Task(Struct):
    """What one run may have stored in one environment, and how to go about it.

    Args:
        client: speaks to the environment, logged in where it has a login, or to be logged in first (`login`).
        attempts: of one environment.
        labels: for each attempt's name, what its label column may hold.
        ledger: where ids are written before they are deleted.
        patience_s: how long to wait for the row of a POST that was not acknowledged.
        known: the rows (id, label) that an earlier clean-up found in this table, whether or not it removed them.
        gone: those of them that it removed.
        settled: names of POSTs that were sent so long ago that nobody is at work on them any more.
        identity: of the database that the run stored its rows in; None where that is not to be compared.
        elsewhere: whether rows are looked for in another database than the run's, which had none of them. Where they
            are found there, the history names it from then on.
        demand_ids: refuses the ids of `known`, by the type of the table's id column, before anything is removed.
        hurry: when set, nothing is waited for any more, whatever that leaves: its result is of no use any more.
        progress: told what is under way.
        cut_short: why no POST was sent after the first that was acknowledged, as far as that is known.
        facts: of the table, where it has just been looked at; the first sitting relies on them.
        looked: whether all attempts were looked for in this sitting.
    """

    client: Client
    attempts: Sequence[Attempt]
    labels: Mapping[str, Sequence[str]]
    ledger: Ledger
    patience_s: float
    login: bool = False
    known: frozenset[tuple[str, str]] = frozenset()
    gone: frozenset[tuple[str, str]] = frozenset()
    settled: frozenset[str] = frozenset()
    identity: str | None = None
    elsewhere: bool = False
    cut_short: CouldNotTell | None = None
    demand_ids: Callable[[str], None] | None = None
    hurry: threading.Event = field(default_factory=threading.Event)
    progress: Progress = field(default_factory=Progress)
    facts: TableFacts | None = None
    looked: bool = False
    _seen: dict[tuple[str, str], Found] = field(default_factory=dict)
    _there: set[tuple[str, str]] = field(default_factory=set)

    @property
    def environment(self) -> Environment:
        """The environment that is cleaned up."""
        return self.client.environment

    @property
    def database(self) -> SecretStr:
        """Its database. Raises CouldNotTell where it has none."""
        if self.environment.database is None:
            raise _NO_DATABASE
        return self.environment.database

    def see(self, found: Iterable[Found]) -> None:
        """Write down the rows that are about to be removed, each once."""
        new = [row for row in found if row.pair not in self._seen]
        self._seen |= {row.pair: row for row in new}
        self._there |= {row.pair for row in new}
        self._record("row", new)

    def settle(self, there: Iterable[Found], attempts: Sequence[Attempt] | None = None) -> None:
        """Write down which rows are gone: all of these attempts (or of all) that were ever seen, but those there."""
        looked_for = None if attempts is None else {a.name for a in attempts}
        ours = (p for p in self._there if looked_for is None or self._seen[p].attempt.name in looked_for)
        gone = {*ours} - {row.pair for row in there}
        self._there -= gone
        self._record("removed", [self._seen[pair] for pair in sorted(gone)])

    def _record(self, record: str, rows: Sequence[Found]) -> None:
        if rows:
            with suppress(OSError):  # a full disk must not keep rows in production: their names were written before
                self.ledger.rows(record, self.environment.name, [row.pair for row in rows])

    @property
    def removed(self) -> list[Found]:
        """The rows that were removed."""
        return [row for pair, row in self._seen.items() if pair not in self._there]

    @property
    def kept(self) -> list[Found]:
        """The rows that are still there, whatever was done."""
        return [row for pair, row in self._seen.items() if pair in self._there]

    @property
    def unseen(self) -> list[Attempt]:
        """The attempts of which no row was ever seen in this table."""
        return self._without_a_row({*self.known, *self._seen})

    @property
    def unaccounted(self) -> list[Attempt]:
        """The attempts of which this clean-up has seen no row, whatever an earlier one found."""
        return self._without_a_row(self._seen)

    def _without_a_row(self, rows: Iterable[tuple[str, str]]) -> list[Attempt]:
        """The attempts that none of these rows is of. Where several have one name, each takes a row of it."""
        ids: dict[str, set[str]] = {}
        for id_, label in rows:
            ids.setdefault(label, set()).add(id_)
        times = Counter(a.name for a in self.attempts)
        spare: dict[str, int] = {}
        found = []
        for a in self.attempts:
            own = set().union(*(ids.get(label, ()) for label in self.labels[a.name]))
            if not own:
                found.append(a)
            elif times[a.name] > 1 and a.id not in own:
                if a.name not in spare:
                    spare[a.name] = len(own - {of.id for of in self.attempts if of.name == a.name})
                if not spare[a.name]:
                    found.append(a)
                else:
                    spare[a.name] -= 1
        return found

    @property
    def turns(self) -> int:
        """How often a statement has to be repeated for all attempts."""
        return max(1, -(-len(self.attempts) // AT_ONCE))

    @property
    def to_look_for(self) -> Sequence[Attempt]:
        """All attempts; of very many, only those whose row may still come, once all were looked for."""
        return self.awaited if self.looked and len(self.attempts) > AT_ONCE else self.attempts

    @property
    def awaited(self) -> list[Attempt]:
        """The attempts whose row may still come: all that were not acknowledged, whatever their answer says."""
        return [a for a in self.unseen if a.outcome != "ok" and a.name not in self.settled]


def in_turns(attempts: Sequence[Attempt]) -> Iterator[Sequence[Attempt]]:
    """So many at a time that each statement is bounded, in its length and in how long it lasts."""
    return (attempts[first : first + AT_ONCE] for first in range(0, len(attempts), AT_ONCE))
