"""What checks are handed: each fixture waits for the examination that its evidence is a part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import CouldNotTell, NotCovered
from harness.pytest_plugin.state import demand_gate

if TYPE_CHECKING:
    from harness.history.history import History
    from harness.history.revision import ServedRevision
    from harness.http.readiness import Readiness
    from harness.postgres.default import DefaultEvaluation
    from harness.postgres.inserts import ObservedInserts
    from harness.postgres.rows import Row, SequenceState
    from harness.postgres.table import TableFacts
    from harness.postgres.token_scan import StoredTokens
    from harness.preflight.facts import LockHolders, Preflight
    from harness.run.examination import Examination
    from harness.source.checkout import Checkout
    from harness.source.evidence import Analysis
    from harness.source.migrations.checkers import TokenInSource


@pytest.fixture
def examination(environment: str, request: pytest.FixtureRequest) -> Examination:
    """What is known of the environment; waits for it."""
    return demand_gate(request.config).examination(environment)


def _had(part: Any) -> Any:
    if isinstance(part, (CouldNotTell, NotCovered)):
        raise part
    return part


@pytest.fixture
def readiness(examination: Examination) -> Readiness:
    """How the deployment became ready."""
    ready: Readiness = _had(examination.readiness)
    return ready


@pytest.fixture
def served_revisions(examination: Examination) -> tuple[ServedRevision, ...]:
    """What several fresh connections said after the POSTs that they serve."""
    return examination.served_revisions


@pytest.fixture
def revision(request: pytest.FixtureRequest) -> str | None:
    """The revision of `--revision`."""
    value: str | None = request.config.getoption("--revision")
    return value


@pytest.fixture
def history(examination: Examination) -> History:
    """All POSTs of the run on this environment."""
    sent: History = _had(examination.history)
    return sent


@pytest.fixture
def latency_p95_ms(examination: Examination) -> float | None:
    """The environment's latency budget, None where it has none."""
    return examination.environment.latency_p95_ms


@pytest.fixture
def acknowledged(examination: Examination) -> History | None:
    """The history where POSTs were sent; None in a run that sends none."""
    return None if isinstance(examination.history, (CouldNotTell, NotCovered)) else examination.history


@pytest.fixture
def other_histories(environment: str, request: pytest.FixtureRequest) -> list[History]:
    """The POSTs of the run on the other environments."""
    return demand_gate(request.config).other_histories(environment)


@pytest.fixture
def labels(examination: Examination, history: History) -> dict[str, list[str]]:
    """For each POST's name, what its row's label column may hold."""
    return {a.name: examination.environment.labels_for(a.name) for a in history.sent}


@pytest.fixture
def facts(examination: Examination) -> TableFacts:
    """What the catalog says about the table."""
    return examination.of_its_table(examination.facts)


@pytest.fixture
def rows(examination: Examination) -> tuple[Row, ...]:
    """The stored rows of this run."""
    found: tuple[Row, ...] = _had(examination.rows)
    return found


@pytest.fixture
def rows_if_any(examination: Examination) -> tuple[Row, ...]:
    """The stored rows of this run; none where they could not be read."""
    found = examination.rows
    return () if isinstance(found, (CouldNotTell, NotCovered)) else found


@pytest.fixture
def sequence(examination: Examination) -> SequenceState | None:
    """Where the id sequence stands; None where there is none to read."""
    return examination.of_its_table(examination.sequence)


@pytest.fixture
def stored(examination: Examination) -> StoredTokens:
    """The scan of all stored tokens."""
    return examination.of_its_table(examination.stored)


@pytest.fixture
def default_evaluation(examination: Examination) -> DefaultEvaluation | None:
    """What the column's default makes; None where it could not be evaluated."""
    return (
        None
        if isinstance(examination.default_evaluation, (CouldNotTell, NotCovered))
        else examination.default_evaluation
    )


@pytest.fixture
def observed_inserts(examination: Examination) -> ObservedInserts:
    """The INSERTs that Postgres showed during the POSTs."""
    return examination.of_its_table(examination.observed_inserts)


@pytest.fixture
def checkout(environment: str, request: pytest.FixtureRequest) -> Checkout:
    """The files of the app's source."""
    return demand_gate(request.config).checkout(environment)


@pytest.fixture
def token_in_source(environment: str, checkout: Checkout, request: pytest.FixtureRequest) -> TokenInSource:
    """What migrations and schema files of the app's source say of the token column."""
    from harness.source.migrations.reading import read_token  # most runs read no source

    table = next(e.table for e in demand_gate(request.config).environments if e.name == environment)
    return read_token(checkout, table.name, table.token)


@pytest.fixture
def lock_holders(examination: Examination) -> LockHolders:
    """The transactions that hold a lock on the table."""
    held: LockHolders = _had(examination.lock_holders)
    return held


@pytest.fixture
def preflight(examination: Examination) -> Preflight:
    """What the migration would meet in the database."""
    known: Preflight = _had(examination.preflight)
    return known


@pytest.fixture
def analysis(environment: str, request: pytest.FixtureRequest) -> Analysis:
    """What the app's source says of the token."""
    return demand_gate(request.config).analysis(environment)
