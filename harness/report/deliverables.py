"""What a run proves of the change: each deliverable by the claims that prove it, and how much was asked at all."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.claims import DELIVERABLES, ON_DEMAND
from harness.report.verdict import Coverage, DeliverableVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.claims import Deliverable
    from harness.report.verdict import CheckOutcome, CheckResult, Scope

WORDS: dict[Deliverable, str] = {
    "token_is_made_by_postgres": "Postgres makes the token",
    "no_duplicate_key_error": "POSTs no longer end in a duplicate key error",
    "no_generator_in_source": "No generator is left in the source",
}


def deliverables(environment: str, results: Sequence[CheckResult], scope: Scope) -> list[DeliverableVerdict]:
    """What is known of each deliverable on one environment.

    Args:
        environment: its name.
        results: what was concluded of it.
        scope: of the run. In a full one a claim that is not covered does not apply; in a part it was not asked.
    """
    outcomes = {result.id: result.outcome for result in results}
    return [_deliverable(id_, environment, outcomes, scope) for id_ in DELIVERABLES]


def _deliverable(
    id_: Deliverable, environment: str, outcomes: dict[str, CheckOutcome], scope: Scope
) -> DeliverableVerdict:
    required = [claim for claim in DELIVERABLES[id_] if claim not in ON_DEMAND] or list(DELIVERABLES[id_])
    of: dict[str, list[str]] = {
        "fail": [claim for claim in DELIVERABLES[id_] if outcomes.get(claim) == "fail"],
        "unknown": [claim for claim in DELIVERABLES[id_] if outcomes.get(claim) == "unknown"],
        "waived": [claim for claim in required if outcomes.get(claim) == "waived"],
        "not_covered": [claim for claim in required if outcomes.get(claim, "not_covered") == "not_covered"],
        "pass": [claim for claim in DELIVERABLES[id_] if outcomes.get(claim) == "pass"],
    }
    if of["pass"] and scope == "full":
        of["not_covered"] = []
    outcome: CheckOutcome = next((each for each in ORDER if of[each]), "not_covered")
    return DeliverableVerdict(id=id_, environment=environment, outcome=outcome, claims=of[outcome])


ORDER: tuple[CheckOutcome, ...] = ("fail", "unknown", "waived", "not_covered", "pass")
"""What decides a deliverable, the first that there is."""


def coverage(results: Sequence[CheckResult], left_out: Sequence[str]) -> Coverage:
    """How many claims came to which outcome."""
    counts = Counter(result.outcome for result in results)
    asked = counts["pass"] + counts["fail"] + counts["unknown"]
    return Coverage.model_validate({**counts, "asked": asked, "left_out": len(left_out)})


def asked_of_all(results: Sequence[CheckResult], left_out: Sequence[str]) -> str:
    """How many of the claims were asked, such as "1 claim of 31 asked"."""
    asked = {result.id for result in results if result.outcome in ("pass", "fail", "unknown")}
    known = {result.id for result in results} | set(left_out)
    return f"{len(asked)} claim{'s'[: len(asked) != 1]} of {len(known)} asked"
