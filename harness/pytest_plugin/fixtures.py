"""What checks are handed: each kind of evidence under its own name, and what the configuration says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import if_available
from harness.pytest_plugin.evidence import fixture_of
from harness.pytest_plugin.state import demand_gate
from harness.run.evidence import HISTORY, KINDS, ROWS, TABLE

if TYPE_CHECKING:
    from harness.history.history import History
    from harness.run.gathering import Examination

globals().update({kind.name: fixture_of(kind) for kind in KINDS})


@pytest.fixture
def examination(environment: str, request: pytest.FixtureRequest) -> Examination:
    """What is known of the environment; waits for it."""
    return demand_gate(request.config).examination(environment)


@pytest.fixture
def revision(request: pytest.FixtureRequest) -> str | None:
    """The revision of `--revision`."""
    value: str | None = request.config.getoption("--revision")
    return value


@pytest.fixture
def latency_p95_ms(examination: Examination) -> float | None:
    """The environment's latency budget, None where it has none."""
    return examination.environment.latency_p95_ms


@pytest.fixture
def token_column(examination: Examination) -> str:
    """The name of the token column, as it is configured."""
    return examination.environment.table.token


@pytest.fixture
def created_status(examination: Examination) -> int:
    """What a POST must answer. A saved history says it by what it has acknowledged."""
    history = if_available(examination.of(HISTORY))
    answered = history.acknowledged[0].status if history is not None and history.acknowledged else None
    return answered or examination.environment.api.status


@pytest.fixture
def acknowledged(examination: Examination) -> History | None:
    """The history where POSTs were sent; None in a run that sends none."""
    return if_available(examination.of(HISTORY))


@pytest.fixture
def in_recovery(examination: Examination) -> bool:
    """Whether the database that is read is a replica, as far as that is known."""
    facts = if_available(examination.of(TABLE))
    return facts is not None and facts.in_recovery


@pytest.fixture
def own_rows(examination: Examination) -> int:
    """How many rows of this run are stored, as far as they were looked for."""
    return len(if_available(examination.of(ROWS)) or ())


@pytest.fixture
def legacy_until(examination: Examination) -> int | None:
    """The last id of the rows that were stored before the migration, None where that is not configured."""
    return examination.environment.stored.legacy_until


@pytest.fixture
def other_histories(environment: str, request: pytest.FixtureRequest) -> list[History]:
    """The POSTs of the run on the other environments."""
    return demand_gate(request.config).other_histories(environment)


@pytest.fixture
def labels(examination: Examination, history: History) -> dict[str, list[str]]:
    """For each POST's name, what its row's label column may hold."""
    return {a.name: examination.environment.labels_for(a.name) for a in history.sent}
