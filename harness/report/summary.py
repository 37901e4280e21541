"""The verdict in words: those that the terminal, the summary and the page share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.actions import OUTAGE, TRIAL_HOLDS
from harness.report.deliverables import asked_of_all
from harness.report.verdict import ExitCode
from harness.text import Shown, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.claims import Kind
    from harness.report.verdict import ActionKind, CheckResult, EnvironmentVerdict, SeenStatements, Verdict

WORDS = {
    "pass": "ok",
    "fail": "FAIL",
    "unknown": "could not tell",
    "not_covered": "not covered",
    "waived": "waived",
}
# What is known of a deliverable.
PROVED = {
    "pass": "proved",
    "fail": "BROKEN",
    "unknown": "could not tell",
    "not_covered": "not proved",
    "waived": "waived",
}
CONCLUSIONS = {"pass": "PASS", "fail": "FAIL", "unknown": "COULD NOT TELL"}
_ADVICE = {
    ExitCode.RELEASE: "release",
    ExitCode.ROLL_BACK: "roll back: the deployment is wrong",
    ExitCode.INTERRUPTED: "hold: the run was interrupted",
    ExitCode.INTERNAL_ERROR: "hold: the harness itself failed",
    ExitCode.USAGE: "hold: fix the command line or the configuration; nothing was sent",
    ExitCode.NOTHING_COLLECTED: "hold: no check was selected",
    ExitCode.COULD_NOT_TELL: "hold: fix the setup and run again",
    ExitCode.LEFT_BEHIND: "release, then clean up the rows that may be left",
}
_BEFORE: dict[Kind, dict[ExitCode, str]] = {
    "preflight": {
        ExitCode.RELEASE: "migrate: nothing that would stop the migration was found",
        ExitCode.ROLL_BACK: "hold the migration: it would fail, or leave the table wrong",
    },
    "source": {ExitCode.ROLL_BACK: "hold the deploy: the source is wrong"},
}
# Failures that rolling back does not mend.
_INSTEAD: dict[ActionKind, str] = {
    "configure": "fix the configuration and run again: a key of it explains the failures",
    "mend_data": "fix the data: rolling back does not help",
    "fix_setup": "hold: fix the setup and run again",
    "hold": "hold: fix the source and deploy it again",
}


def advice(code: int, kind: Kind = "deployment") -> str:
    """What a gate does with an exit code, after a deploy or before it."""
    if code not in set(ExitCode):
        return "hold"
    return _BEFORE.get(kind, {}).get(ExitCode(code)) or _ADVICE[ExitCode(code)]


def advised(verdict: Verdict) -> str:
    """What a gate does with this verdict. Of a part of the checks, or of a trial, it advises no release."""
    first = verdict.actions[0].kind if verdict.actions else None
    after_a_deploy = verdict.kind in ("deployment", "rollout")
    if verdict.exit_code == ExitCode.ROLL_BACK and after_a_deploy and first and first != "roll_back":
        return OUTAGE if any(action.text == OUTAGE for action in verdict.actions) else _INSTEAD.get(first, "hold")
    if verdict.exit_code not in (ExitCode.RELEASE, ExitCode.LEFT_BEHIND):
        return advice(verdict.exit_code, verdict.kind)
    then = "; then clean up the rows that may be left" if verdict.left_behind else ""
    if verdict.scope == "partial":
        said = f"holds: {asked_of_all(verdict.checks, verdict.left_out)}{then}"
    elif verdict.trial and after_a_deploy:
        said = f"{TRIAL_HOLDS}{then}"
    else:
        said = advice(verdict.exit_code, verdict.kind)
    waived = {result.id for result in verdict.checks if result.outcome == "waived"}
    return f"{said}; {len(waived)} claim{'s are' if len(waived) != 1 else ' is'} waived" if waived else said


def to_do(verdict: Verdict) -> list[tuple[str, Shown]]:
    """What to do beyond what the headline says, as (environments, text), the most urgent first."""
    headline = advised(verdict)
    return [
        (", ".join(action.environments), action.text)
        for number, action in enumerate(verdict.actions)
        if action.kind not in ("release", "migrate")
        and not (action.kind == "hold" and headline.startswith("hold") and (number == 0 or not action.claims))
        and not any(action.text in said for said in (headline, verdict.error))
    ]


def covered(verdict: Verdict) -> str:
    """How many claims were asked and what became of them, such as "22 claims asked: 22 ok; 3 waived"; "" of none."""
    of = verdict.coverage
    asked = [(of.pass_, WORDS["pass"]), (of.fail, WORDS["fail"]), (of.unknown, WORDS["unknown"])]
    others = [(of.waived, WORDS["waived"]), (of.not_covered, WORDS["not_covered"]), (of.left_out, "not selected")]
    if not of.asked and not any(number for number, _ in others):
        return ""
    said = ", ".join(f"{number} {word}" for number, word in asked if number)
    rest = [f"{number} {word}" for number, word in others if number]
    return "; ".join([f"{of.asked} claim{'s'[: of.asked != 1]} asked{f': {said}' if said else ''}", *rest])


def so_far(environment: str, results: Sequence[CheckResult]) -> Shown:
    """What is known of one environment while others are still examined, in one line."""
    failed = [result.id for result in results if result.outcome == "fail"]
    unavailable = [result.id for result in results if result.outcome == "unknown"]
    held = sum(result.outcome == "pass" for result in results)
    if failed:
        said = f"{CONCLUSIONS['fail']}: {', '.join(failed)}"
    elif unavailable:
        said = f"{CONCLUSIONS['unknown']} so far: {', '.join(unavailable)}"
    elif held:
        said = f"{CONCLUSIONS['pass']} so far: {held} claims hold"
    else:
        said = "no claim covered so far"
    return sentence(f"{environment}: {said}")


def by_reason(results: Sequence[CheckResult], outcome: str) -> Iterator[list[CheckResult]]:
    """The results of an outcome, those of one reason (cause and remedy) together."""
    reasons: dict[tuple[str, str], list[CheckResult]] = {}
    for result in results:
        if result.outcome == outcome:
            reasons.setdefault((result.cause, result.remedy), []).append(result)
    yield from reasons.values()


def posts_in_words(environment: EnvironmentVerdict) -> str:
    """How many POSTs were acknowledged, and what that proves at most of the rate at which they fail."""
    bound = ""
    if environment.failure_rate_bound is not None:
        bound = (
            f"; none failed, which bounds the rate of failing POSTs below "
            f"{per_cent(environment.failure_rate_bound)} (at 95 % confidence)"
        )
    return f"{environment.acknowledged} of {environment.posts} POSTs acknowledged{bound}."


def statements_in_words(statements: SeenStatements) -> str:
    """What Postgres showed, and what looking cost."""
    counted = f", {statements.counted} counted in pg_stat_statements" if statements.counted is not None else ""
    looked = f"{statements.looks} looks at pg_stat_activity took {statements.looks_ms:.0f} ms"
    return f"INSERT seen in {statements.seen} of {statements.posts} POSTs{counted}; {looked}."


def per_cent(share: float) -> str:
    """A share with two digits that matter; no more than are honest for counts of this size."""
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.2g} %"
