"""Each fault of the rehearsal is caught by the checks that claim to catch it, and by no other.

A deployment with the fault is verified by the real command; two of them, preview and production, where the claim that
compares environments is one of those that catch it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.deployment.variants import VARIANTS
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import ON_DEMAND
from tests.support.gates import ABOUT_SOURCE, NAMES, verify

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

COMPARES = "tokens_differ_between_environments"
# One environment is compared with no other. What Postgres shows depends on the app's transactions. Who has no latency
# budget is asked for none.
MAY_BE_UNCOVERED = {COMPARES, "app_leaves_the_token_to_postgres", *ON_DEMAND, *ABOUT_SOURCE}
UNCOVERED: dict[str, set[str]] = {
    "table_is_a_view": {"id_sequence_is_not_behind"},
    # nothing is stored but the rows of the run
    "empty_table": {f"stored_tokens_are_{claim}" for claim in ("distinct", "not_null", "version_4", "random")},
    "refuses_what_it_does_not_know": {"same_payload_makes_two"},
    # no stored token has the form whose randomness could be looked at
    "app_still_makes_the_token": {"stored_tokens_are_random"},
    "new_code_on_the_old_schema": {"stored_tokens_are_random"},
    "new_code_on_the_old_nullable_schema": {"stored_tokens_are_random"},
    "new_code_on_the_old_schema_with_an_empty_default": {"stored_tokens_are_random"},
}


def not_covered(outcomes: dict[str, str]) -> set[str]:
    """The checks that were not asked, but for those of the app's source, of which the rehearsal's app has none."""
    asked = {check: outcome for check, outcome in outcomes.items() if not check.startswith("source_")}
    return {check for check, outcome in asked.items() if outcome == "not_covered"}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_caught_by_the_checks_that_claim_to(postgres: Postgres, tmp_path: Path, fault: str) -> None:
    """Exactly the named claims come out as named, every other one holds, and the exit code is the promised one."""
    expected = FAULTS[fault]
    names = NAMES if COMPARES in expected.catches else NAMES[:1]
    run = verify(postgres, tmp_path / fault, fault=fault, names=names)
    for name in names:
        outcomes = run.outcomes(name)
        alarms = {check: outcome for check, outcome in outcomes.items() if outcome in ("fail", "unknown")}
        assert alarms == expected.catches, run.out
        assert not_covered(outcomes) <= MAY_BE_UNCOVERED | UNCOVERED.get(fault, set()), run.out
    assert run.exit_code == expected.exit_code, run.out
    assert run.verdict["exit_code"] == run.exit_code
    assert "Traceback" not in run.out + run.err


def test_two_healthy_deployments_raise_no_alarm(postgres: Postgres, tmp_path: Path) -> None:
    """Preview and production, side by side: every claim that a deployment is asked by default holds of both."""
    run = verify(postgres, tmp_path / "both")
    assert run.exit_code == 0, run.out
    for name in NAMES:
        assert not_covered(run.outcomes(name)) <= MAY_BE_UNCOVERED - {COMPARES}, run.out


@pytest.mark.parametrize("variant", VARIANTS)
def test_healthy_variant_raises_no_alarm(postgres: Postgres, tmp_path: Path, variant: str) -> None:
    """A deployment that is unusual but right is released, and nothing of the run is left behind."""
    run = verify(postgres, tmp_path / variant, variant=variant, names=NAMES[:1])
    alarms = [c for c in run.verdict["checks"] if c["outcome"] in ("fail", "unknown")]
    assert alarms == []
    assert not_covered(run.outcomes(NAMES[0])) <= MAY_BE_UNCOVERED | UNCOVERED.get(variant, set()), run.out
    assert run.verdict["left_behind"] == []
    assert run.exit_code == 0, run.out
