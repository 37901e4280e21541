"""Each fault of the rehearsal is caught by the checks that claim to catch it, and by no other.

A deployment with the fault is verified by the real command: two of them, preview and production, where the claim that
compares environments is one of those that catch it; else beside deployments with other faults, which is faster, and no
environment tells anything of another. `make selftest` runs the command on each fault alone.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from rehearsal.deployment.start import deployed
from rehearsal.deployment.variants import VARIANTS
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import ON_DEMAND
from tests.support.gates import ABOUT_SOURCE, NAMES, run_gate_for_revision, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run

MOST_TOGETHER = 6
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


def in_groups(names: Iterable[str]) -> list[tuple[str, ...]]:
    """So many at a time as one run may verify without being late for one of them."""
    left = [*names]
    count = -(-len(left) // MOST_TOGETHER)
    return [tuple(left[n::count]) for n in range(count)]


def beside_each_other(
    postgres: Postgres,
    folder: Path,
    faults: Sequence[str] = (),
    variants: Sequence[str] = (),
    *,
    compared: bool = False,
) -> Run:
    """Deploy each in an environment of its name, and run the gate on all. They are compared only if that is wanted."""
    folder.mkdir()
    with ExitStack() as stack:
        deployments = [stack.enter_context(deployed(postgres, fault, name=fault)) for fault in faults]
        deployments += [stack.enter_context(deployed(postgres, None, variant, variant)) for variant in variants]
        waived = {} if compared else {"waive": {COMPARES: "their faults differ"}}
        return run_gate_for_revision(folder, deployments, **waived)


def may_be_uncovered(name: str) -> set[str]:
    """The checks that may not be asked where this fault or variant is deployed."""
    return MAY_BE_UNCOVERED | UNCOVERED.get(name, set())


def told_of(run: Run, name: str) -> dict[str, str]:
    """The claims that were not found to hold in an environment."""
    return {claim: outcome for claim, outcome in run.outcomes(name).items() if outcome in ("fail", "unknown")}


@pytest.mark.parametrize("fault", [name for name, of in FAULTS.items() if of.catches.get(COMPARES) == "fail"])
def test_fault_is_caught_by_the_checks_that_claim_to(postgres: Postgres, tmp_path: Path, fault: str) -> None:
    """Exactly the named claims come out as named, every other one holds, and the exit code is the promised one."""
    expected = FAULTS[fault]
    run = verify(postgres, tmp_path / fault, fault=fault)
    for name in NAMES:
        assert told_of(run, name) == expected.catches, run.out
        assert not_covered(run.outcomes(name)) <= may_be_uncovered(fault), run.out
    assert run.exit_code == expected.exit_code, run.out
    assert run.verdict["exit_code"] == run.exit_code
    assert "Traceback" not in run.out + run.err


@pytest.mark.parametrize(
    "faults",
    [
        group
        for code in sorted({of.exit_code for of in FAULTS.values()})
        for comparing in (None, "unknown")
        for group in in_groups(
            name for name, of in FAULTS.items() if (of.exit_code, of.catches.get(COMPARES)) == (code, comparing)
        )
    ],
    ids=", ".join,
)
def test_faults_are_caught_beside_others(postgres: Postgres, tmp_path: Path, faults: tuple[str, ...]) -> None:
    """The same of each, and of the run; all of them end a run with the same exit code."""
    run = beside_each_other(postgres, tmp_path / "run", faults, compared=COMPARES in FAULTS[faults[0]].catches)
    assert {name: told_of(run, name) for name in faults} == {name: FAULTS[name].catches for name in faults}, run.out
    for name in faults:
        assert not_covered(run.outcomes(name)) <= may_be_uncovered(name), (name, run.out)
    assert run.exit_code == FAULTS[faults[0]].exit_code, run.out
    verdict = {1: "fail", 75: "unknown"}[run.exit_code]
    assert {of["name"]: of["verdict"] for of in run.verdict["environments"]} == dict.fromkeys(faults, verdict)
    assert run.verdict["exit_code"] == run.exit_code
    assert "Traceback" not in run.out + run.err


def test_two_healthy_deployments_raise_no_alarm(postgres: Postgres, tmp_path: Path) -> None:
    """Preview and production, side by side: every claim that a deployment is asked by default holds of both."""
    run = verify(postgres, tmp_path / "both")
    assert run.exit_code == 0, run.out
    for name in NAMES:
        assert not_covered(run.outcomes(name)) <= MAY_BE_UNCOVERED - {COMPARES}, run.out


@pytest.mark.parametrize("variants", in_groups(VARIANTS), ids=", ".join)
def test_healthy_variants_raise_no_alarm(postgres: Postgres, tmp_path: Path, variants: tuple[str, ...]) -> None:
    """Deployments that are unusual but right are released, and nothing of the run is left behind."""
    run = beside_each_other(postgres, tmp_path / "run", variants=variants)
    alarms = [c for c in run.verdict["checks"] if c["outcome"] in ("fail", "unknown")]
    assert alarms == [], run.out
    for name in variants:
        assert not_covered(run.outcomes(name)) <= may_be_uncovered(name), (name, run.out)
    assert {of["name"]: of["verdict"] for of in run.verdict["environments"]} == dict.fromkeys(variants, "pass")
    assert run.verdict["left_behind"] == []
    assert run.exit_code == 0, run.out
