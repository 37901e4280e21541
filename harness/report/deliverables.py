"""What a run proves of the change: each deliverable by the claims that prove it, and how much was asked at all."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.claims import DELIVERABLES, MAY_NOT_APPLY, ON_DEMAND
from harness.report.verdict import Coverage, DeliverableVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.claims import Deliverable
    from harness.report.verdict import CheckOutcome, CheckResult

WORDS: dict[Deliverable, str] = {
    "token_is_made_by_postgres": "Postgres makes the token",
    "no_duplicate_key_error": "POSTs no longer end in a duplicate key error",
    "no_generator_in_source": "No generator is left in the source",
}


def deliverables(environment: str, results: Sequence[CheckResult]) -> list[DeliverableVerdict]:
    """What is known of each deliverable on one environment.

    Args:
        environment: its name.
        results: what was concluded of it; a claim without a result was not asked.
    """
    outcomes = {result.id: result.outcome for result in results}
    return [_deliverable(id_, environment, outcomes) for id_ in DELIVERABLES]


def _deliverable(id_: Deliverable, environment: str, outcomes: dict[str, CheckOutcome]) -> DeliverableVerdict:
    every = DELIVERABLES[id_]
    required = [claim for claim in every if claim not in ON_DEMAND] or every
    of: dict[CheckOutcome, list[str]] = {
        "fail": [claim for claim in every if outcomes.get(claim) == "fail"],
        "unknown": [claim for claim in every if outcomes.get(claim) == "unknown"],
        "waived": [claim for claim in required if outcomes.get(claim) == "waived"],
        "not_covered": [claim for claim in required if _is_not_proved(claim, outcomes)],
        "pass": [claim for claim in every if outcomes.get(claim) == "pass"],
    }
    outcome: CheckOutcome = next((each for each in ORDER if of[each]), "not_covered")
    return DeliverableVerdict(id=id_, environment=environment, outcome=outcome, claims=of[outcome])


def _is_not_proved(claim: str, outcomes: dict[str, CheckOutcome]) -> bool:
    """Whether nobody asked for a claim, or it was asked, not covered, and is one that applies everywhere."""
    return claim not in outcomes or (outcomes[claim] == "not_covered" and claim not in MAY_NOT_APPLY)


ORDER: tuple[CheckOutcome, ...] = ("fail", "unknown", "waived", "not_covered", "pass")
"""What decides a deliverable, the first that there is."""


def coverage(results: Sequence[CheckResult], left_out: Sequence[str]) -> Coverage:
    """How many claims came to which outcome."""
    counts = Counter(result.outcome for result in results)
    asked = counts["pass"] + counts["fail"] + counts["unknown"]
    return Coverage.model_validate({**counts, "asked": asked, "left_out": len(left_out)})


def asked_of_all(results: Sequence[CheckResult], left_out: Sequence[str]) -> str:
    """How many of the claims were asked, such as "1 claim of 31 asked, none of production"."""
    asked = {result.id for result in results if result.outcome in ("pass", "fail", "unknown")}
    known = {result.id for result in results} | {_parts(entry)[0] for entry in left_out}
    alone = left_alone(results, left_out)
    none = f", none of {' or '.join(alone)}" if alone else ""
    return f"{len(asked)} claim{'s'[: len(asked) != 1]} of {len(known)} asked{none}"


def of_one(check: str, environment: str) -> str:
    """The entry of `left_out` for a check that was asked of another environment, and not of this one."""
    return f"{check}[{environment}]"


def left_alone(results: Sequence[CheckResult], left_out: Sequence[str]) -> list[str]:
    """The environments that the run was told to verify, and of which no check was selected."""
    asked = {result.environment for result in results}
    named = dict.fromkeys(environment for _, environment in map(_parts, left_out) if environment)
    return [environment for environment in named if environment not in asked]


def not_selected(results: Sequence[CheckResult], left_out: Sequence[str]) -> list[str]:
    """What was left out, to be read: an environment that was left alone is named once, not once a check."""
    alone = left_alone(results, left_out)
    rest = [entry for entry in left_out if _parts(entry)[1] not in alone]
    return [*(f"{environment} (nothing was sent to it)" for environment in alone), *rest]


def _parts(entry: str) -> tuple[str, str]:
    """The check of an entry of `left_out`, and the environment, "" where no environment was asked."""
    check, _, environment = entry.partition("[")
    return check, environment.removesuffix("]")
