"""How outcomes become a verdict and an exit code, in every combination of the contract, and the model of both."""

import itertools
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from harness.report.verdict import (
    CheckResult,
    EnvironmentVerdict,
    ExitCode,
    LeftBehind,
    Verdict,
    conclude,
    exit_code,
    worst,
)
from tests.support.verdicts import row_left

LEFT = [row_left(id="7", reason="cleanup: keep")]


def result(outcome: str, id_: str = "tokens_are_distinct") -> CheckResult:
    return CheckResult.model_validate({"id": id_, "environment": "preview", "outcome": outcome, "claim": "a claim"})


def results(*outcomes: str) -> list[CheckResult]:
    return [result(outcome, f"check_{n}") for n, outcome in enumerate(outcomes)]


# --- conclude ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "want"),
    [
        ((), "unknown"),
        (("pass",), "pass"),
        (("fail",), "fail"),
        (("unknown",), "unknown"),
        (("not_covered",), "unknown"),
        (("not_covered", "not_covered"), "unknown"),
        (("pass", "not_covered"), "pass"),
        (("pass", "unknown"), "unknown"),
        (("pass", "fail"), "fail"),
        (("fail", "unknown"), "fail"),
        (("fail", "not_covered"), "fail"),
        (("unknown", "not_covered"), "unknown"),
        (("pass", "unknown", "not_covered"), "unknown"),
        (("pass", "fail", "unknown", "not_covered"), "fail"),
    ],
)
@pytest.mark.parametrize("complete", [True, False], ids=["complete", "ended early"])
def test_outcomes_add_up_to_a_verdict(outcomes: tuple[str, ...], want: str, complete: bool) -> None:
    """A seen failure wins, then what could not be told; nothing checked is not a pass; the order does not matter."""
    if not complete and want == "pass":
        want = "unknown"
    for order in itertools.permutations(outcomes):
        assert conclude(results(*order), complete=complete) == want


def test_that_it_answers_is_not_enough_where_more_was_asked() -> None:
    """A deployment of which nothing could be asked but that it serves is not verified."""
    serves = [result("pass", "deployment_answers"), result("pass", "revision_is_the_one_deployed")]
    assert conclude(serves) == "pass"  # the run was narrowed to these
    assert conclude([*serves, result("not_covered")]) == "unknown"
    assert conclude([*serves, result("not_covered"), result("pass", "column_is_uuid")]) == "pass"


def test_a_revision_that_is_not_covered_does_not_bar_a_pass() -> None:
    """Not every deployment names one."""
    assert conclude([result("pass", "deployment_answers"), result("not_covered", "revision_is_the_one_deployed")]) == (
        "pass"
    )


# --- worst ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "want"),
    [
        ([], "unknown"),
        (["pass"], "pass"),
        (["pass", "pass"], "pass"),
        (["pass", "unknown"], "unknown"),
        (["pass", "fail"], "fail"),
        (["unknown", "fail"], "fail"),
        (["unknown", "unknown"], "unknown"),
        (["pass", "unknown", "fail"], "fail"),
    ],
)
def test_a_run_is_as_bad_as_its_worst_environment(verdicts: list[Any], want: str) -> None:
    """And a run without environments could not tell."""
    for order in itertools.permutations(verdicts):
        assert worst(order) == want


# --- exit codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pytest_status", [0, 1])
@pytest.mark.parametrize(
    ("verdict", "left", "want"),
    [
        ("pass", [], 0),
        ("pass", LEFT, 76),
        ("fail", [], 1),
        ("fail", LEFT, 1),
        ("unknown", [], 75),
        ("unknown", LEFT, 75),
    ],
)
def test_the_exit_code_is_that_of_the_contract(
    pytest_status: int, verdict: Any, left: list[LeftBehind], want: int
) -> None:
    """A seen failure wins over 75, 75 over 76; whether pytest called it a failure does not matter."""
    assert exit_code(verdict, left, pytest_status) == want


@pytest.mark.parametrize("pytest_status", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("verdict", ["pass", "fail", "unknown"])
@pytest.mark.parametrize("left", [[], LEFT], ids=["clean", "left"])
def test_pytests_own_codes_stay(pytest_status: int, verdict: Any, left: list[LeftBehind]) -> None:
    """Interrupted, internal error, usage, nothing collected."""
    assert exit_code(verdict, left, pytest_status) == pytest_status


def test_nothing_checked_is_75() -> None:
    """An all-skipped run exits 0 with pytest alone."""
    assert exit_code(worst([conclude([])]), [], 0) == 75
    assert exit_code(worst([conclude(results("not_covered"))]), [], 0) == 75


def test_the_codes_have_the_contracts_numbers() -> None:
    """Other people's scripts depend on them."""
    assert {code.name: int(code) for code in ExitCode} == {
        "RELEASE": 0,
        "ROLL_BACK": 1,
        "INTERRUPTED": 2,
        "INTERNAL_ERROR": 3,
        "USAGE": 4,
        "NOTHING_COLLECTED": 5,
        "COULD_NOT_TELL": 75,
        "LEFT_BEHIND": 76,
    }


# --- the model --------------------------------------------------------------------------------------------------------


def verdict(**but: Any) -> Verdict:
    return Verdict(
        **{
            "verdict": "fail",
            "exit_code": 1,
            "run": "r",
            "started_at": "2025-01-01T00:00:00+00:00",
            "duration_s": 1.5,
            "environments": [EnvironmentVerdict(name="preview", url="http://h", verdict="fail")],
            "checks": [result("fail")],
            "left_behind": LEFT,
            **but,
        }
    )


def test_verdict_json_has_the_contracts_keys() -> None:
    """`schema` among them, which pydantic itself would shadow."""
    document = json.loads(verdict().model_dump_json(by_alias=True))
    assert document["schema"] == "chatbots-smoke/verdict/1"
    assert {"schema", "verdict", "exit_code", "run", "environments", "checks", "left_behind"} <= document.keys()
    assert {"id", "environment", "outcome", "claim", "want", "have", "cause", "remedy"} == document["checks"][0].keys()
    assert "schema_" not in document


def test_verdict_json_keeps_to_its_published_schema() -> None:
    """As a validator of JSON Schema reads it, and it can be read back."""
    schema = Verdict.model_json_schema(by_alias=True)
    Draft202012Validator.check_schema(schema)
    text = verdict().model_dump_json(by_alias=True)
    assert list(Draft202012Validator(schema).iter_errors(json.loads(text))) == []
    assert Verdict.model_validate_json(text) == verdict()


@pytest.mark.parametrize("but", [{"verdict": "maybe"}, {"schema": "another/1"}, {"more": 1}, {"exit_code": "x"}])
def test_another_document_is_no_verdict(but: dict[str, Any]) -> None:
    """Outcomes, schema and keys are those of the contract."""
    with pytest.raises(ValidationError):
        verdict(**but)


def test_hostile_text_survives_the_round_trip() -> None:
    """Controls are spelt out as soon as a result holds them."""
    check = CheckResult.model_validate({**result("fail").model_dump(), "have": ["\x1b[2J\u2028 \x00"]})
    assert check.have == ["\\x1b[2J\\u2028 \\x00"]
    assert Verdict.model_validate_json(verdict(checks=[check]).model_dump_json(by_alias=True)).checks == [check]
