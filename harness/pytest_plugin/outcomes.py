"""What becomes of how a check ended: a result for the verdict, and a report that pytest's own plugins count alike."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from harness.claims import claim_of, id_of
from harness.errors import CouldNotTell, NotCovered, Waived
from harness.findings import last_finding
from harness.pytest_plugin.evidence import hand_over
from harness.pytest_plugin.fixtures import PARTS
from harness.pytest_plugin.state import gate_of
from harness.report.verdict import CheckResult, outcome_without
from harness.text import printable_lines, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.redaction.redactor import Redactor
    from harness.run.gate import Gate


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hand a check what it looks at. A claim that its environment waives is left as it is, whatever it came to."""
    gate = gate_of(item.config)
    if gate is None:
        return
    reason = waived_for(item, gate)
    if reason is not None:
        raise Waived.by_name(check_id(item), reason)
    hand_over(item, environment_of(item), gate.examination, PARTS)


def waived_for(item: pytest.Item, gate: Gate) -> str | None:
    """The reason for which its environment waives a claim; None where it does not."""
    name = environment_of(item)
    own = next((environment for environment in gate.settings.environments if environment.name == name), None)
    return own.waive.get(check_id(item)) if own is not None and own.waive else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None] | pytest.TestReport:
    """Sort an outcome: FAILED is asked and wrong, ERROR is could not tell, SKIPPED is not covered."""
    gate = gate_of(item.config)
    raised = call.excinfo
    if gate is not None:
        call.excinfo = _shortened(item, raised)
    try:
        report: pytest.TestReport = yield  # type: ignore[misc, assignment]  # pluggy's wrappers are not typed
    finally:
        call.excinfo = raised
    if gate is None:
        return report
    result = _sort_outcome(item, call, report)
    _mask_report(report, gate.settings.redact)
    if result is not None:
        gate.outcomes.record(result)
    return report


def _sort_outcome(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> CheckResult | None:
    """The result of a check, once it has one; the report is made to say the same.

    FAILED is asked and wrong, ERROR is could not tell, SKIPPED is not covered.
    """
    worded = last_finding()
    error = call.excinfo.value if call.excinfo is not None else None
    if error is None and report.when != "call":
        return None
    result = partial(CheckResult, id=check_id(item), environment=environment_of(item), claim=_claim(item))
    if error is None:
        return result(outcome="pass")
    traceback = "" if _shows_no_traceback(item) else f"{report.longrepr}\n"
    if isinstance(error, CouldNotTell):
        # JUnit and pytest call what fails outside of a test's own body an error, which is what this is.
        report.outcome, report.when = "failed", "setup"
        report.longrepr = f"{traceback}could not tell\n  cause: {error.cause}\n  remedy: {error.remedy}"
        return result(outcome="unknown", cause=error.cause, remedy=error.remedy)
    if isinstance(error, NotCovered):
        outcome = outcome_without(error)
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"{outcome.replace('_', ' ')}: {error.cause}")
        return result(outcome=outcome, cause=error.cause, remedy=error.remedy)
    if isinstance(error, AssertionError) and worded is not None:
        report.longrepr = f"{traceback}{_claim(item)}\n{worded}"
        have = list(worded.have)
        return result(outcome="fail", want=worded.want, have=have, cause=worded.cause, remedy=worded.remedy)
    if isinstance(error, Exception):
        report.when = "setup"
        said = sentence(f"the harness itself failed: {type(error).__name__}: {error}")
        return result(
            outcome="unknown", cause=said, remedy=sentence("run again with --tb=long and report what it says")
        )
    if report.failed:  # pytest.fail() of a plugin, such as a time-out, or an attempt to leave
        report.when = "setup"
        said = sentence(f"the check was ended from outside: {type(error).__name__}: {error}")
        return result(outcome="unknown", cause=said, remedy=sentence("run again without what ended it"))
    return None


def _shows_no_traceback(item: pytest.Item) -> bool:
    return bool(getattr(item.config.option, "tbstyle", "no") == "no")


def _shortened(
    item: pytest.Item, raised: pytest.ExceptionInfo[BaseException] | None
) -> pytest.ExceptionInfo[BaseException] | None:
    """Spare pytest a traceback that `_sort_outcome` puts words in the place of: it takes longer than the check did."""
    replaced = raised is not None and isinstance(raised.value, (CouldNotTell, NotCovered))
    if raised is None or not replaced or not _shows_no_traceback(item):
        return raised
    # Of what is skipped pytest asks no more than where that was.
    skipped = pytest.skip.Exception("")
    return pytest.ExceptionInfo.from_exc_info((type(skipped), skipped, raised.tb))


def _mask_report(report: pytest.TestReport, redact: Redactor) -> None:
    """Mask, and make harmless, what terminal, JUnit and any other plugin take from a report."""
    told = report.longrepr
    if isinstance(told, tuple):
        report.longrepr = (told[0], told[1], printable_lines(redact(told[2])))
    elif told is not None:
        report.longrepr = shown = printable_lines(redact(str(told)))
        redact.take_as_masked(shown)
    report.sections = [(title, printable_lines(redact(text))) for title, text in report.sections]


def check_id(item: pytest.Item) -> str:
    """The check's name in a verdict."""
    return id_of(str(getattr(item, "originalname", item.name)))


def environment_of(item: pytest.Item) -> str:
    """The environment that a check is asked of; "" where it is asked of none."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("environment", "")) if callspec is not None else ""


def _claim(item: pytest.Item) -> str:
    """The first line of the check's module: its claim in one sentence."""
    module = getattr(item, "module", None)
    return claim_of(getattr(module, "__doc__", None) or item.name)[0]
