"""Every kind of evidence, declared once: its name, what it needs, how it is gathered, explained and handed out.

A check names a kind as its argument. Kinds stand in the order in which a person would ask: does it answer, what do the
POSTs say, what does the database say; checks are asked in that order too. To add a kind, write a function that reads
it, declare it here, and list it in `KINDS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from psycopg import sql

from harness.checkers.causes import REPLICA
from harness.checkers.rows import rows_of_another_table
from harness.errors import CouldNotTell, NotCovered, Unavailable, Waived, demanded, if_available
from harness.http.readiness import FRESH_CONNECTIONS, WAITING, Readiness, revisions_now, wait_until_ready
from harness.postgres.default import DefaultEvaluation, evaluate_default, evaluation_query
from harness.postgres.inserts import ObservedInserts, observed_inserts
from harness.postgres.rows import Row, SequenceState, read_rows, read_sequence, rows_query, sequence_query
from harness.postgres.table import TableFacts, read_facts
from harness.postgres.table_queries import FACTS, IN_WORDS
from harness.postgres.token_scan import (
    EXAMPLES,
    SCAN_SETTINGS,
    Shape,
    StoredTokens,
    bits_query,
    hashes_query,
    scan_query,
    scan_tokens,
)
from harness.postgres.watching import LOOK_IN_WORDS
from harness.run.gathering import Evidence, Phase, Step
from harness.run.posting import explain_posts, explain_probe, send_posts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.history.attempt import Attempt, Probe
    from harness.history.history import History
    from harness.history.revision import ServedRevision
    from harness.preflight.facts import LockHolders, Preflight
    from harness.run.gathering import Examination, Gathering, Planned

T = TypeVar("T")
ONE_TRANSACTION = "once, all in one transaction"


def _one_by_one(statements: Callable[[Planned], Iterable[str]]) -> Callable[[Planned], Iterator[Step]]:
    """Statements as steps of the transaction that reads."""
    return lambda planned: (Step(does, ONE_TRANSACTION) for does in statements(planned))


def _of_its_table(known: Examination, kind: Evidence[T]) -> T:
    """A part that was read from the table, if that is the table that the deployment fills.

    Raises:
        CouldNotTell: there is no such part; or POSTs were acknowledged and the table shows no trace of any, so that
            whatever it says is said of another deployment.
        NotCovered: it was not to be asked.
    """
    part = demanded(known.of(kind))
    history, rows = if_available(known.of(HISTORY)), if_available(known.of(ROWS))
    facts = if_available(known.of(TABLE))
    if history is not None and rows is not None and rows_of_another_table(history, rows):
        if facts is not None and facts.in_recovery:
            raise history.cut_short or CouldNotTell(
                f"none of {len(history.acknowledged)} acknowledged chatbots is in this table, and {REPLICA.cause}",
                REPLICA.remedy,
            )
        raise history.cut_short or CouldNotTell(
            f"none of {len(history.acknowledged)} acknowledged chatbots left a trace in this table, so it is not "
            "known to be the one that the deployment fills",
            "check database and table of this environment; if they are right, the create route stores nothing",
        )
    return part


# --- the deployment ---------------------------------------------------------------------------------------------------


def _read_readiness(at: Gathering) -> Readiness:
    at.progress.now(WAITING)
    return wait_until_ready(at.client, at.request.revision, at.request.stop, at.progress)


def _ready_page(planned: Planned) -> str:
    return f"GET {planned.environment.url_of(planned.environment.ready.path)}"


READINESS: Evidence[Readiness] = Evidence(
    name="readiness",
    says="When the deployment is ready.",
    asked_of="the ready page",
    phase=Phase.READY,
    read=_read_readiness,
    hand_out=lambda known: demanded(known.of(READINESS)),
    explain=lambda planned: [
        Step(_ready_page(planned), f"until it answers 2xx, for at most {planned.environment.ready.timeout_s:g} s")
    ],
)


def _read_served_revisions(at: Gathering) -> tuple[ServedRevision, ...]:
    at.of(READINESS)
    return revisions_now(at.client) if at.environment.ready.revision is not None else ()


def _explain_served_revisions(planned: Planned) -> Iterator[Step]:
    if planned.environment.ready.revision is not None:
        yield Step(_ready_page(planned), f"{FRESH_CONNECTIONS} times at once, each on a new connection")


SERVED_REVISIONS: Evidence[tuple[ServedRevision, ...]] = Evidence(
    name="served_revisions",
    says="The revision that several fresh connections name after the POSTs.",
    asked_of="fresh connections",
    phase=Phase.SERVED,
    needs=(READINESS,),
    read=_read_served_revisions,
    hand_out=lambda known: if_available(known.of(SERVED_REVISIONS)) or (),
    explain=_explain_served_revisions,
)


def _read_history(at: Gathering) -> History:
    if at.request.read_only:
        raise NotCovered("--read-only sends no POST", "run without --read-only to ask the create route")
    at.of(READINESS)
    return send_posts(at, [probe for probe in at.environment.probes_sent if PROBES[probe] in at.request.needs])


HISTORY: Evidence[History] = Evidence(
    name="history",
    says="All POSTs of the run on this environment.",
    asked_of="the POSTs",
    phase=Phase.POSTS,
    needs=(READINESS,),
    read=_read_history,
    hand_out=lambda known: demanded(known.of(HISTORY)),
    explain=explain_posts,
)


def _probe_of(known: Examination, probe: Probe) -> tuple[Attempt, ...]:
    """The POSTs of a probe: none where nothing was acknowledged before, or in a history that has none.

    Raises:
        NotCovered: this environment is sent none.
    """
    if probe not in known.environment.probes_sent:
        raise NotCovered("no probes are sent here", f"let probes name {probe}")
    return demanded(known.of(HISTORY)).probe(probe)


CHOSEN_TOKEN: Evidence[tuple[Attempt, ...]] = Evidence(
    name="chosen_token",
    says="The POST that tries to choose its token; sent if a check looks at it.",
    asked_of="a probe",
    phase=Phase.POSTS,
    needs=(HISTORY,),
    read=lambda at: at.of(HISTORY).probe("chosen_token"),
    hand_out=lambda known: _probe_of(known, "chosen_token"),
    explain=lambda planned: explain_probe(planned, "chosen_token"),
)
SAME_PAYLOAD: Evidence[tuple[Attempt, ...]] = Evidence(
    name="same_payload",
    says="The two POSTs that are alike; sent if a check looks at them.",
    asked_of="a probe",
    phase=Phase.POSTS,
    needs=(HISTORY,),
    read=lambda at: at.of(HISTORY).probe("same_payload"),
    hand_out=lambda known: _probe_of(known, "same_payload"),
    explain=lambda planned: explain_probe(planned, "same_payload"),
)
PROBES: dict[Probe, Evidence[object]] = {"chosen_token": CHOSEN_TOKEN, "same_payload": SAME_PAYLOAD}

# --- its database -----------------------------------------------------------------------------------------------------


def _table_statements() -> list[str]:
    more = "and only where there are any, SELECT the partitions, views, triggers and rules that an INSERT meets"
    return [f"{IN_WORDS}: {FACTS.strip().replace('%%', '%')}; {more}"]


TABLE: Evidence[TableFacts] = Evidence(
    name="facts",
    says="What the catalog says about the table.",
    asked_of="the catalog",
    phase=Phase.DATABASE,
    read=lambda at: read_facts(at.connection, at.environment.table),
    hand_out=lambda known: _of_its_table(known, TABLE),
    explain=_one_by_one(lambda _: _table_statements()),
)


def _read_rows(at: Gathering) -> tuple[Row, ...]:
    sent = at.of(HISTORY).sent
    labels = [label for a in sent for label in at.environment.labels_for(a.name)]
    tokens = [a.token for a in sent if a.token is not None]
    return read_rows(at.connection, at.of(TABLE), labels, tokens)


ROWS: Evidence[tuple[Row, ...]] = Evidence(
    name="rows",
    says="The stored rows of this run.",
    asked_of="the rows of the run",
    phase=Phase.DATABASE,
    needs=(HISTORY, TABLE),
    read=_read_rows,
    hand_out=lambda known: demanded(known.of(ROWS)),
    explain=_one_by_one(lambda planned: [rows_query(planned.names).as_string()]),
)
ROWS_IF_ANY: Evidence[tuple[Row, ...]] = Evidence(
    name="rows_if_any",
    says="The stored rows of this run; none if they could not be read.",
    asked_of="a probe",
    phase=Phase.DATABASE,
    needs=(ROWS,),
    read=lambda at: at.of(ROWS),
    hand_out=lambda known: if_available(known.of(ROWS)) or (),
)
SEQUENCE: Evidence[SequenceState | None] = Evidence(
    name="sequence",
    says="Where the id sequence stands; None if the role cannot read it.",
    asked_of="the sequence",
    phase=Phase.DATABASE,
    needs=(TABLE,),
    read=lambda at: read_sequence(at.connection, at.of(TABLE)),
    hand_out=lambda known: _of_its_table(known, SEQUENCE),
    explain=_one_by_one(
        lambda planned: [sequence_query(planned.names, f"(the sequence of {planned.names.id_column})").as_string()]
    ),
)


def _scan_statements(planned: Planned) -> list[str]:
    scan = scan_query(planned.names, Shape.HALVES).as_string()
    return [
        SCAN_SETTINGS,
        f"EXPLAIN (FORMAT JSON) {scan}",
        f"{scan}; and where it finds any, SELECT up to {EXAMPLES} offenders of each kind, and how old they are",
        hashes_query(planned.names).as_string(),
        bits_query(planned.names).as_string(),
    ]


STORED_TOKENS: Evidence[StoredTokens] = Evidence(
    name="stored",
    says="The scan of all stored tokens.",
    asked_of="all stored rows",
    phase=Phase.SCAN,
    needs=(TABLE,),
    read=lambda at: scan_tokens(at.connection, at.of(TABLE), at.progress, at.environment.stored.legacy_until),
    hand_out=lambda known: _of_its_table(known, STORED_TOKENS),
    explain=_one_by_one(_scan_statements),
)
DEFAULT_EVALUATION: Evidence[DefaultEvaluation] = Evidence(
    name="default_evaluation",
    says="What the column's default makes; None if it could not be evaluated.",
    asked_of="the catalog, and 10,000 evaluations",
    phase=Phase.DATABASE,
    needs=(TABLE,),
    read=lambda at: evaluate_default(at.connection, at.of(TABLE)),
    hand_out=lambda known: if_available(known.of(DEFAULT_EVALUATION)),
    explain=_one_by_one(lambda _: [evaluation_query(sql.SQL("(the default of the token column)")).as_string()]),
)


def _read_observed_inserts(at: Gathering) -> ObservedInserts:
    facts = at.of(TABLE)
    if at.sightings is None:
        raise CouldNotTell("the database was not watched while the POSTs were sent", "run again")
    return observed_inserts(at.connection, facts, at.sightings)


OBSERVED_INSERTS: Evidence[ObservedInserts] = Evidence(
    name="observed_inserts",
    says="The statements that Postgres showed during the POSTs.",
    asked_of="the app's statements",
    phase=Phase.DATABASE,
    needs=(HISTORY, TABLE),
    read=_read_observed_inserts,
    hand_out=lambda known: _of_its_table(known, OBSERVED_INSERTS),
    explain=lambda _: [
        Step(
            LOOK_IN_WORDS, "every 2 ms during the POSTs, every 10 ms where they are counted, on a connection of its own"
        ),
        Step("SELECT what pg_stat_statements counted, where it is loaded", "before the POSTs and after them"),
    ],
)

# --- the app's source, which is read when a check looks at it ---------------------------------------------------------


def _not_gathered(_: Gathering) -> object:
    raise AssertionError("an app's source is not part of an examination")


ANALYSIS: Evidence[object] = Evidence(
    name="analysis",
    says="What the app's source says of the token.",
    asked_of="the app's source",
    phase=Phase.SOURCE,
    read=_not_gathered,
    hand_out=lambda known: known.sources.analysis(known.environment),
)
TOKEN_IN_SOURCE: Evidence[object] = Evidence(
    name="token_in_source",
    says="What migrations and schema files of the app's source say of the token column.",
    asked_of="migrations and schema files",
    phase=Phase.SOURCE,
    read=_not_gathered,
    hand_out=lambda known: known.sources.token(known.environment),
)

# --- the database before the migration --------------------------------------------------------------------------------


def _look_before_migration(at: Gathering) -> tuple[LockHolders, Preflight | Unavailable]:
    from harness.preflight.reading import look  # a run after the deploy asks none of it

    at.progress.now("reading what the migration would meet")
    if at.environment.database is None:
        raise Waived("database: null", "give this environment its database URL")
    return look(at.environment, at.request.stop)


BEFORE_MIGRATION: Evidence[tuple[LockHolders, Preflight | Unavailable]] = Evidence(
    name="before_migration",
    says="What a preflight knows of the database, all in one transaction.",
    asked_of="the database, before the migration",
    phase=Phase.MIGRATION,
    read=_look_before_migration,
    hand_out=lambda known: demanded(known.of(BEFORE_MIGRATION)),
)
PREFLIGHT: Evidence[Preflight] = Evidence(
    name="preflight",
    says="What the migration would meet in the database.",
    asked_of="the database, before the migration",
    phase=Phase.MIGRATION,
    needs=(BEFORE_MIGRATION,),
    read=lambda at: demanded(at.of(BEFORE_MIGRATION)[1]),
    hand_out=lambda known: demanded(known.of(PREFLIGHT)),
)
LOCK_HOLDERS: Evidence[LockHolders] = Evidence(
    name="lock_holders",
    says="The transactions that hold a lock on the table.",
    asked_of="the database, before the migration",
    phase=Phase.MIGRATION,
    needs=(BEFORE_MIGRATION,),
    read=lambda at: at.of(BEFORE_MIGRATION)[0],
    hand_out=lambda known: demanded(known.of(LOCK_HOLDERS)),
)

KINDS: tuple[Evidence[object], ...] = (
    READINESS,
    SERVED_REVISIONS,
    HISTORY,
    CHOSEN_TOKEN,
    SAME_PAYLOAD,
    TABLE,
    ROWS_IF_ANY,
    ROWS,
    SEQUENCE,
    STORED_TOKENS,
    DEFAULT_EVALUATION,
    OBSERVED_INSERTS,
    ANALYSIS,
    TOKEN_IN_SOURCE,
    BEFORE_MIGRATION,
    PREFLIGHT,
    LOCK_HOLDERS,
)
BY_NAME = {kind.name: kind for kind in KINDS}


def all_needed(kinds: Iterable[Evidence[object]]) -> frozenset[Evidence[object]]:
    """These kinds and all that are gathered with them.

    Where POSTs are sent and the database is read, their rows are looked for: only then is it known that this table is
    the one that the deployment fills.
    """
    needed: set[Evidence[object]] = set()
    more = set(kinds)
    while more:
        needed |= more
        more = {other for kind in more for other in kind.needs} - needed
    reads = any(kind.phase in (Phase.DATABASE, Phase.SCAN) for kind in needed)
    return frozenset(needed | {ROWS, TABLE} if reads and HISTORY in needed else needed)


def in_order(kinds: Iterable[Evidence[object]]) -> list[Evidence[object]]:
    """These kinds in the order in which they are gathered: by phase, and each after those that it needs."""
    ordered: list[Evidence[object]] = []
    asked = sorted(kinds, key=lambda kind: (kind.phase, KINDS.index(kind)))

    def add(kind: Evidence[object]) -> None:
        if kind in asked and kind not in ordered:
            for needed in kind.needs:
                add(needed)
            ordered.append(kind)

    for kind in asked:
        add(kind)
    return ordered
