"""What a run proves of the change: which claims decide each deliverable, and how."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from harness.claims import DELIVERABLES, MAY_NOT_APPLY, ON_DEMAND, claims
from harness.report.deliverables import WORDS, asked_of_all, coverage, deliverables
from tests.support.gates import ROOT
from tests.support.verdicts import check

TOKEN = DELIVERABLES["token_is_made_by_postgres"]
REQUIRED = [claim for claim in TOKEN if claim not in ON_DEMAND]


def known(**but: Any) -> tuple[str, list[str]]:
    """What is known of the first deliverable where every claim of it holds but for these; None: it was not asked."""
    outcomes = {**dict.fromkeys(TOKEN, "pass"), **but}
    results = [check(outcome, id=id_) for id_, outcome in outcomes.items() if outcome is not None]
    found = deliverables("preview", results)
    assert [each.id for each in found] == list(DELIVERABLES)
    return found[0].outcome, found[0].claims


def test_each_claim_of_a_deliverable_is_claimed() -> None:
    """And each that is claimed of a deployment or a source belongs to one, but for those that only open the way."""
    there = {claim.id for claim in claims(ROOT / "checks") if claim.kind != "preflight"}
    named = [*chain(*DELIVERABLES.values())]
    assert len(named) == len(set(named))
    assert there - set(named) == {"deployment_answers", "revision_is_the_one_deployed", "latency_is_within_budget"}
    assert set(named) | ON_DEMAND | MAY_NOT_APPLY <= there
    assert WORDS.keys() == DELIVERABLES.keys()


def test_all_that_is_required_proves_it() -> None:
    """What is asked by choice, and what does not apply, need not be there."""
    assert known() == ("pass", list(TOKEN))
    assert known(client_cannot_choose_the_token=None)[0] == "pass"
    assert known(client_cannot_choose_the_token="not_covered")[0] == "pass"
    assert known(stored_tokens_are_random="not_covered")[0] == "pass"


@pytest.mark.parametrize("claim", REQUIRED)
def test_a_required_claim_that_nobody_asked_proves_nothing(claim: str) -> None:
    """Whichever it is."""
    assert known(**{claim: None}) == ("not_covered", [claim])


def test_an_app_whose_statements_were_not_seen_is_not_proved() -> None:
    """However many other claims hold: this one alone tells an app that makes good tokens itself."""
    assert known(app_leaves_the_token_to_postgres="not_covered") == (
        "not_covered",
        ["app_leaves_the_token_to_postgres"],
    )


def test_the_worst_decides_and_is_named() -> None:
    """A seen failure, then what could not be told, then what is waived, then what was not asked."""
    but: dict[str, Any] = {"column_is_uuid": None}
    assert known(**but)[0] == "not_covered"
    but["column_is_not_null"] = "waived"
    assert known(**but) == ("waived", ["column_is_not_null"])
    but["tokens_are_random"] = "unknown"
    assert known(**but) == ("unknown", ["tokens_are_random"])
    but["client_cannot_choose_the_token"] = "fail"
    assert known(**but) == ("fail", ["client_cannot_choose_the_token"])


def test_what_was_asked_is_counted() -> None:
    """Of each environment; what was not selected besides."""
    results = [check("pass", id="a"), check("pass", id="a", environment="b"), check("waived", id="c")]
    counts = coverage(results, ["d", "e"])
    assert (counts.asked, counts.pass_, counts.waived, counts.left_out) == (2, 2, 1, 2)
    assert asked_of_all(results, ["d", "e"]) == "1 claim of 4 asked"
