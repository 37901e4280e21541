"""What checks are handed: each kind of evidence under its own name, and what the configuration says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import demanded, if_available
from harness.pytest_plugin.evidence import fixture_of
from harness.pytest_plugin.state import demand_gate
from harness.run.evidence import HISTORY, KINDS, ROWS, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.history.history import History
    from harness.run.gathering import Examination


def _created_status(known: Examination) -> int:
    """What a POST must answer. A saved history says it by what it has acknowledged."""
    history = if_available(known.of(HISTORY))
    answered = history.acknowledged[0].status if history is not None and history.acknowledged else None
    return answered or known.environment.api.status


def _in_recovery(known: Examination) -> bool:
    """Whether the database that is read is a replica, as far as that is known."""
    facts = if_available(known.of(TABLE))
    return facts is not None and facts.in_recovery


def _labels(known: Examination) -> dict[str, list[str]]:
    """For each POST's name, what its row's label column may hold."""
    return {a.name: known.environment.labels_for(a.name) for a in demanded(known.of(HISTORY)).sent}


PARTS: dict[str, Callable[[Examination], object]] = {
    **{kind.name: kind.hand_out for kind in KINDS},
    "latency_p95_ms": lambda known: known.environment.latency_p95_ms,
    "token_column": lambda known: known.environment.table.token,
    "created_status": _created_status,
    "acknowledged": lambda known: if_available(known.of(HISTORY)),
    "in_recovery": _in_recovery,
    "own_rows": lambda known: len(if_available(known.of(ROWS)) or ()),
    "legacy_until": lambda known: known.environment.stored.legacy_until,
    "labels": _labels,
}
"""What a check may be handed of an examination, by the name of its argument. What is missing raises why.

`latency_p95_ms` and `legacy_until` are None where they are not configured, `acknowledged` where no POST was sent;
`own_rows` counts the rows of this run as far as they were looked for.
"""

globals().update({name: fixture_of(name, part) for name, part in PARTS.items()})


@pytest.fixture
def examination(environment: str, pytestconfig: pytest.Config) -> Examination:
    """What is known of the environment; waits for it."""
    return demand_gate(pytestconfig).examination(environment)


@pytest.fixture
def revision(pytestconfig: pytest.Config) -> str | None:
    """The revision of `--revision`."""
    value: str | None = pytestconfig.getoption("--revision")
    return value


@pytest.fixture
def other_histories(environment: str, pytestconfig: pytest.Config) -> list[History]:
    """The POSTs of the run on the other environments."""
    return demand_gate(pytestconfig).other_histories(environment)
