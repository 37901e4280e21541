"""What to do after a run: each thing once, the most urgent first, and what decides about the release."""

from __future__ import annotations

from typing import Any

import pytest

from harness.report.actions import Ended, SetUp, actions
from harness.report.verdict import Action, CheckResult
from tests.support.verdicts import check, row_left

FULL: dict[str, Any] = {"kind": "deployment", "scope": "full"}


def kinds(of: list[Action]) -> list[str]:
    return [action.kind for action in of]


def test_all_holds_is_a_release() -> None:
    """On both environments."""
    (one,) = actions(Ended(0, **FULL), [check("pass"), check("pass", environment="production")], [], {})
    assert (one.kind, one.environments, one.text) == ("release", ["preview", "production"], "release")


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        (Ended(0, "deployment", "partial", ["a"]), "hold"),
        (Ended(76, "deployment", "partial"), "hold"),
        (Ended(0, "deployment", "full", trial=True), "hold"),
        (Ended(0, "preflight", "full"), "migrate"),
        (Ended(0, "preflight", "partial", ["a"]), "hold"),
        (Ended(2, "deployment", "full"), "hold"),
        (Ended(3, "deployment", "full"), "hold"),
        (Ended(4, "deployment", "full", error="FILE: is empty."), "configure"),
        (Ended(5, "deployment", "full"), "hold"),
        (Ended(99, "deployment", "full"), "hold"),
    ],
)
def test_what_is_no_release_advises_none(ended: Ended, kind: str) -> None:
    """Part of the checks, a trial, a moment before the migration, and every other ending."""
    assert kinds(actions(ended, [check("pass")], [], {})) == [kind]


def test_the_most_urgent_comes_first_and_each_once() -> None:
    """A seen failure before what could not be told; what is to be cleaned up last."""
    unknown = [check("unknown", id=f"check_{n}", environment=name) for n in range(3) for name in ("preview", "b")]
    found = actions(Ended(1, **FULL), [*unknown, check("fail", id="x")], [row_left(remedy="delete it")], {})
    assert kinds(found) == ["roll_back", "fix_setup", "clean_up"]
    assert found[1].environments == ["preview", "b"]
    assert found[1].claims == ["check_0", "check_1", "check_2"]


def test_what_is_told_elsewhere_is_no_action() -> None:
    """A claim that another one bars adds nothing to do."""
    barred = check("unknown", id="a", remedy="fix what every_post_answers_201 reports, and run again")
    assert kinds(actions(Ended(1, **FULL), [barred, check("fail")], [], {})) == ["roll_back"]


def test_stored_rows_are_mended_and_not_rolled_back() -> None:
    """Unless something else is broken as well."""
    data = check("fail", id="stored_tokens_are_version_4", remedy="UPDATE")
    (one,) = actions(Ended(1, **FULL), [data], [], {})
    assert (one.kind, one.text) == ("mend_data", "UPDATE; rolling back does not fix stored rows")
    assert kinds(actions(Ended(1, **FULL), [data, check("fail")], [], {})) == ["roll_back", "mend_data"]


def test_a_key_that_explains_failures_is_configured() -> None:
    """In the place of a roll-back, for the claims that it explains."""
    set_up = {"preview": SetUp("set api.create", frozenset({"tokens_are_distinct"}))}
    one, asking = actions(Ended(1, **FULL), [check("fail")], [], set_up)
    assert (one.kind, one.text) == ("configure", "set api.create")
    assert asking.text == "run chatbots-smoke doctor --env preview"
    assert kinds(actions(Ended(1, **FULL), [check("fail", id="other")], [], set_up)) == ["roll_back"]


@pytest.mark.parametrize(
    ("results", "names"),
    [
        ([check("unknown"), check("unknown", environment="b c", id="x")], "--env preview --env 'b c'"),
        ([check("pass"), check("unknown", environment="b")], "--env b"),
        ([check("fail")], ""),
        ([check("unknown", remedy="run again")], ""),
        ([check("unknown", id="source_insert", environment="")], ""),
        ([check("unknown", remedy="fix what every_post_answers_201 reports, and run again")], ""),
    ],
)
def test_who_says_what_to_write_is_named_once(results: list[CheckResult], names: str) -> None:
    """For the environments that may be described wrongly; not for what is broken, or passes by itself."""
    told = [a for a in actions(Ended(75, **FULL), results, [], {}) if "doctor" in a.text]
    assert [a.text for a in told] == ([f"run chatbots-smoke doctor {names}"] if names else [])
    before = Ended(75, "preflight", "full")
    assert not [a for a in actions(before, results, [], {}) if "doctor" in a.text]
