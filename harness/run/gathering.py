"""What an examination is made of: kinds of evidence, how each is gathered, and what is known of an environment.

Which kinds there are stands in `harness.run.evidence`.
"""

from __future__ import annotations

import time
from enum import IntEnum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, cast

from msgspec import Struct, field

from harness.errors import NotCovered, Unavailable, attempted, demanded
from harness.postgres.parts import read_part

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from harness.configuration.models import Environment
    from harness.history.attempt import Attempt
    from harness.history.writing import Ledger
    from harness.http.client import Client
    from harness.postgres.connection import Connection
    from harness.postgres.identifiers import Names
    from harness.postgres.inserts import Sightings
    from harness.postgres.watching import Watch
    from harness.progress import Progress
    from harness.run.database_turns import DatabaseTurns
    from harness.run.source_reading import SourceReading

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
NOT_ASKED = NotCovered("no selected check asked for it", "select a check that does")


class Phase(IntEnum):
    """When a kind of evidence is gathered: phases follow each other so that none disturbs the next."""

    READY = 1
    """The deployment is asked whether it serves."""
    POSTS = 2
    SERVED = 3
    """After the POSTs, fresh connections are asked what they serve."""
    DATABASE = 4
    """Statements that cost little, all in one transaction."""
    SCAN = 5
    """In the same transaction, what reads every row."""
    MIGRATION = 6
    """What a migration would meet: asked of the database alone."""
    SOURCE = 7
    """A checkout of the app, read when a check looks at it: nothing is asked of the deployment for it."""


class Step(NamedTuple):
    """A request or a statement of a run, in words; `until` says how often it is sent, and `purpose` what for."""

    does: str
    until: str
    mutates: bool = False
    purpose: str = ""


class Planned(NamedTuple):
    """What a kind of evidence needs in order to say beforehand what it would send."""

    environment: Environment
    names: Names


def _nothing(_: Planned) -> Iterable[Step]:
    return ()


class Evidence(Struct, Generic[T_co], frozen=True, eq=False):
    """One kind of evidence, declared once.

    Attributes:
        name: of the kind, and of the fixture that hands it out.
        says: what it is, in a sentence.
        asked_of: whom, as the table of claims has it.
        phase: when it is gathered.
        read: gathers it; raises CouldNotTell or NotCovered where it cannot, or psycopg.Error.
        needs: the kinds that are gathered with it.
        explain: the steps that gathering it takes.
        hand_out: what a check is handed of an examination; raises where it is missing.
    """

    name: str
    says: str
    asked_of: str
    phase: Phase
    read: Callable[[Gathering], T_co]
    hand_out: Callable[[Examination], object]
    needs: tuple[Evidence[object], ...] = ()
    explain: Callable[[Planned], Iterable[Step]] = _nothing


class Examination(Struct):
    """What is known of one environment. Each part is its value, or why there is none.

    `sent` are the POSTs that have to be cleaned up, whether or not there is a history to judge; `otherwise` stands in
    the place of what was not gathered. `database` tells its database from those of others, "" where nobody looked.
    """

    environment: Environment
    sources: SourceReading
    otherwise: Unavailable = NOT_ASKED
    sent: Sequence[Attempt] = ()
    database: str = ""
    began_s: float = field(default_factory=time.monotonic)
    took_s: float = 0.0
    _parts: dict[Evidence[object], object] = field(default_factory=dict)

    def of(self, kind: Evidence[T]) -> T | Unavailable:
        """A part, or why it is missing."""
        # Only `put` fills the dictionary, with a value of the kind's own type.
        return cast("T | Unavailable", self._parts.get(kind, self.otherwise))

    def put(self, kind: Evidence[T], part: T | Unavailable) -> None:
        """Keep a part."""
        self._parts[kind] = part


def _nobody() -> None:
    """Nobody waits for it."""


class RunRequest(NamedTuple):
    """What a run asks of an environment.

    Attributes:
        run: its id.
        needs: what is gathered there.
        revision: that is waited for.
        read_only: whether no POST is sent.
        stop: when set, nothing is waited for.
        turns: for its POSTs, where those of an environment are watched and may not meet those of another one.
        posted: called when its POSTs have been sent, or are not going to be.
    """

    run: str
    needs: frozenset[Evidence[object]]
    revision: str | None
    read_only: bool
    stop: threading.Event
    turns: DatabaseTurns | None
    posted: Callable[[], None] = _nobody

    def needs_of(self, *phases: Phase) -> list[Evidence[object]]:
        """The kinds that are gathered in these phases, in no particular order."""
        return [kind for kind in self.needs if kind.phase in phases]


class Gathering(Struct):
    """An examination while it is under way: what is known so far, and whatever is needed to ask for more.

    Attributes:
        known: what has been gathered.
        client: speaks to the deployment.
        request: what is wanted.
        ledger: where POSTs are written down before they leave.
        first: the number of the first attempt on this environment.
        progress: told what is under way.
        connecting: to the database, begun before the POSTs are sent; None where nothing is asked of it.
        watching: opens what watches the statements there; None where nothing is watched.
        reading: the connection, while a transaction is open in it.
        sightings: the statements that Postgres showed during the POSTs; None where nobody was to look.
    """

    known: Examination
    client: Client
    request: RunRequest
    ledger: Ledger
    first: int
    progress: Progress
    connecting: Future[Connection] | None = None
    watching: Future[Watch] | None = None
    reading: Connection | None = None
    sightings: Sightings | None = None

    @property
    def environment(self) -> Environment:
        """The environment that is examined."""
        return self.known.environment

    @property
    def connection(self) -> Connection:
        """The connection to its database, in the phases that have one."""
        assert self.reading is not None
        return self.reading

    def of(self, kind: Evidence[T]) -> T:
        """A part that was gathered before.

        Raises:
            CouldNotTell, NotCovered: it is missing.
        """
        return demanded(self.known.of(kind))

    def gather(self, kind: Evidence[object]) -> None:
        """Gather one kind; why it cannot be had is kept in its place, so that one missing part never hides another."""
        self.known.put(kind, attempted(lambda: kind.read(self)))

    def read(self, kind: Evidence[object]) -> None:
        """Gather one kind in the transaction that is open; where it fails, the rest gets a new one."""
        database = self.environment.database
        assert database is not None  # there is a connection
        self.known.put(kind, read_part(self.connection, database, lambda: kind.read(self)))
