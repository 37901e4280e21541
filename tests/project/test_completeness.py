"""The catalogue and the checks measure each other: no fault without a check, no check without a fault of its own."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import harness.claims
from harness.claims import as_reported, claims, is_told_elsewhere
from rehearsal.deployment.variants import VARIANTS
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import CLAIMS
from rehearsal.servers.programs import OPTIONAL
from tests.support.gates import ROOT


def checks() -> dict[str, str]:
    """Why each claim is asked in its way, by the id of its check: those that are asked of a deployment.

    What is claimed of source no deployment can break; the apps under `tests/source/samples` do
    (`tests/source/test_gate.py`).
    What is claimed before a migration is broken by `tests/support/situations.py`.
    """
    return {claim.id: claim.why for claim in claims(ROOT / "checks") if claim.kind == "deployment"}


def test_catalogue_speaks_of_all_checks_and_no_others() -> None:
    """The claims that faults name are the ids of the checks."""
    assert set(CLAIMS) == set(checks())


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_caught_by_a_check(fault: str) -> None:
    """At least one claim does not hold of it."""
    assert FAULTS[fault].catches


@pytest.mark.parametrize("check", sorted(checks()))
def test_check_catches_what_no_other_check_does(check: str) -> None:
    """There is a fault that this check alone catches, or its docstring says why it stays."""
    alone = [fault.name for fault in FAULTS.values() if set(fault.catches) == {check}]
    assert alone or "It stays although" in checks()[check]


def test_catalogue_is_of_the_promised_size() -> None:
    """At least 60 faults."""
    assert len(FAULTS) >= 60


def test_published_table_is_of_this_catalogue() -> None:
    """`docs/detection.md` has a row for each fault and variant, and reports no miss and no false alarm.

    Those that need a program may be missing on either side: here, or where the table was written.
    """
    text = (ROOT / "docs" / "detection.md").read_text(encoding="utf-8")
    faults, variants = (names_in(part) for part in text.split("\n## Healthy variants\n"))
    for published, entries in ((faults, FAULTS), (variants, VARIANTS)):
        assert without_optional(published) == without_optional(entries), "run make selftest"
    assert f"Caught: {len(faults)} of {len(faults)} faults. False alarms: 0 in {len(variants)}" in text


def names_in(text: str) -> list[str]:
    """The first cell of each row of a table, without its head."""
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if row not in ("fault", "variant")]


def without_optional(names: Iterable[str]) -> list[str]:
    """Those that are in every catalogue, whatever is installed."""
    return [name for name in names if name not in OPTIONAL]


def test_ids_that_the_harness_names_are_those_of_checks() -> None:
    """Each stands once, in `harness.claims`."""
    named = {value for name, value in vars(harness.claims).items() if name.isupper() and isinstance(value, str)}
    assert named
    assert named <= {claim.id for claim in claims(ROOT / "checks")}


def test_remedies_refer_to_claims_in_one_way_only() -> None:
    """By `as_reported`, whose callers see to it that the claim has something to say."""
    files = [*(ROOT / "harness").rglob("*.py"), *(ROOT / "checks").glob("*.py")]
    assert [file.name for file in files if "fix what {" in file.read_text(encoding="utf-8")] == ["claims.py"]
    assert is_told_elsewhere(as_reported("column_is_uuid"))
    assert not is_told_elsewhere("fix the certificate")
