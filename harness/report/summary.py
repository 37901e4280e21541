"""The verdict in words: for the terminal and, as Markdown, for a job's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.actions import TRIAL_HOLDS
from harness.report.deliverables import WORDS as DELIVERABLE_WORDS
from harness.report.deliverables import asked_of_all, not_selected
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
SHOWN_CLAIMS = 4  # of a deliverable that is not proved
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
    "mend_data": "mend the data: rolling back does not help",
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
    if verdict.exit_code == ExitCode.ROLL_BACK and verdict.kind == "deployment" and first and first != "roll_back":
        return _INSTEAD.get(first, "hold")
    if verdict.exit_code not in (ExitCode.RELEASE, ExitCode.LEFT_BEHIND):
        return advice(verdict.exit_code, verdict.kind)
    then = "; then clean up the rows that may be left" if verdict.left_behind else ""
    if verdict.scope == "partial":
        said = f"holds: {asked_of_all(verdict.checks, verdict.left_out)}{then}"
    elif verdict.trial and verdict.kind == "deployment":
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


def lines(verdict: Verdict) -> Iterator[tuple[Shown, str]]:
    """The terminal summary as (text, mood) pairs, mood being pass, fail, unknown, or "" for plain text."""
    return ((sentence(text), mood) for text, mood in _lines(verdict))


def _lines(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield from _proved(verdict)
    for environment in verdict.environments:
        results = [result for result in verdict.checks if result.environment == environment.name]
        yield f"{environment.name}  {environment.url}", "heading"
        reasons = [*by_reason(results, "not_covered"), *by_reason(results, "waived")]
        together = [result for alike in reasons if len(alike) > 1 for result in alike]
        for result in results:
            if result not in together:  # which are named once, with their reason, below
                yield f"  {WORDS[result.outcome]:<15}{result.claim}", result.outcome
        yield from _details(results)
        yield from _of_environment(environment)
        yield "", ""
    if verdict.left_out:
        yield f"not selected: {', '.join(not_selected(verdict.checks, verdict.left_out))}", ""
    for row in verdict.left_behind:
        id_ = f" (id {row.id})" if row.id else ""
        row_in_words = f"{row.environment} {row.name}{id_}: {row.reason}. {row.remedy}"
        yield f"may be left behind: {row_in_words}", "unknown"
    for line in verdict.error.splitlines():
        yield line, "unknown"
    for where, text in to_do(verdict):
        yield f"to do: {f'[{where}] ' if where else ''}{text}", ""
    yield (
        f"verdict: {CONCLUSIONS[verdict.verdict]} (exit {verdict.exit_code}: {advised(verdict)})",
        verdict.verdict,
    )


def _proved(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """What the run proves of the change, first of all."""
    widest = max((len(each.environment) for each in verdict.deliverables), default=0)
    for each in verdict.deliverables:
        why = f"{len(each.claims)} claim{'s'[: len(each.claims) != 1]}"
        if each.outcome != "pass":
            why = ", ".join(each.claims[:SHOWN_CLAIMS])
            why += f" and {len(each.claims) - SHOWN_CLAIMS} more" if len(each.claims) > SHOWN_CLAIMS else ""
        text = f"{each.environment:<{widest}}  {PROVED[each.outcome]:<15}{DELIVERABLE_WORDS[each.id]}  ({why})"
        yield text, "" if each.outcome in ("not_covered", "waived") else each.outcome
    if verdict.deliverables:
        yield "", ""


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


def _details(results: Sequence[CheckResult]) -> Iterator[tuple[str, str]]:
    """What a reader needs of the claims that do not hold, or could not be asked: each reason once."""
    for alike in (*by_reason(results, "waived"), *by_reason(results, "not_covered")):
        claims = ", ".join(result.id for result in alike)
        yield (
            f"  {WORDS[alike[0].outcome]}: {claims}: {alike[0].cause}; {alike[0].remedy}",
            "",
        )
    for alike in by_reason(results, "fail"):
        yield "", ""
        for result in alike:
            yield f"  FAILED [{result.environment}] {result.id}: {result.claim}", "fail"
            yield from _seen(result)
        yield from _reason(alike[0])
    for alike in by_reason(results, "unknown"):
        claims = ", ".join(result.id for result in alike)
        yield from (("", ""), (f"  COULD NOT TELL [{alike[0].environment}] {claims}", "unknown"))
        yield from _reason(alike[0])


def by_reason(results: Sequence[CheckResult], outcome: str) -> Iterator[list[CheckResult]]:
    """The results of an outcome, those of one reason (cause and remedy) together."""
    reasons: dict[tuple[str, str], list[CheckResult]] = {}
    for result in results:
        if result.outcome == outcome:
            reasons.setdefault((result.cause, result.remedy), []).append(result)
    yield from reasons.values()


def _seen(result: CheckResult) -> Iterator[tuple[str, str]]:
    if result.want:
        yield f"    want:   {result.want}", ""
    for number, item in enumerate(result.have):
        yield f"    {'have:' if number == 0 else '':<7} {item}", ""


def _reason(result: CheckResult) -> Iterator[tuple[str, str]]:
    yield f"    cause:  {result.cause}", ""
    yield f"    remedy: {result.remedy}", ""


def _of_environment(environment: EnvironmentVerdict) -> Iterator[tuple[str, str]]:
    if environment.posts:
        bound = ""
        if environment.failure_rate_bound is not None:
            bound = (
                f"; none failed, which bounds the rate of failing POSTs below "
                f"{per_cent(environment.failure_rate_bound)} (at 95 % confidence)"
            )
        removed = f"Rows removed: {environment.rows_removed}."
        yield f"  {environment.acknowledged} of {environment.posts} POSTs acknowledged{bound}. {removed}", ""
    if environment.statements is not None:
        yield f"  {_shown_statements(environment.statements)}", ""
    for note in environment.notes:
        yield f"  note: {note}", ""
    yield f"  {environment.name}: {CONCLUSIONS[environment.verdict]}", environment.verdict


def _shown_statements(statements: SeenStatements) -> str:
    """What Postgres showed, and what looking cost."""
    counted = f", {statements.counted} counted in pg_stat_statements" if statements.counted is not None else ""
    looked = f"{statements.looks} looks at pg_stat_activity took {statements.looks_ms:.0f} ms"
    return f"INSERT seen in {statements.seen} of {statements.posts} POSTs{counted}; {looked}."


def per_cent(share: float) -> str:
    """A share with two digits that matter; no more than are honest for counts of this size."""
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.2g} %"


def markdown(verdict: Verdict) -> str:
    """The summary for a job's page. Whatever a server sent stands in code spans, where no markup is read."""
    out = [
        f"## chatbots smoke: {CONCLUSIONS[verdict.verdict]}",
        "",
        f"Exit {verdict.exit_code}: {advised(verdict)}. Run `{verdict.run}`, {verdict.started_at}.",
        "",
    ]
    if verdict.error:
        out += [_code(verdict.error), ""]
    if verdict.deliverables:
        out += ["| environment | deliverable | |", "|---|---|---|"]
        out += [
            f"| {each.environment} | {DELIVERABLE_WORDS[each.id]} | {PROVED[each.outcome]} |"
            for each in verdict.deliverables
        ]
        out.append("")
    out += [f"{said}.", ""] if (said := covered(verdict)) else []
    todo = to_do(verdict)
    out += [f"- **to do**: {f'[{where}] ' if where else ''}{_code(text)}" for where, text in todo]
    out += [""] if todo else []
    for environment in verdict.environments:
        out += [f"### {environment.name}: {CONCLUSIONS[environment.verdict]}", "", "| claim | outcome |", "|---|---|"]
        results = [result for result in verdict.checks if result.environment == environment.name]
        out += [f"| {result.claim} | {WORDS[result.outcome]} |" for result in results]
        for outcome in ("fail", "unknown", "waived", "not_covered"):
            for alike in by_reason(results, outcome):
                out += _paragraph(alike)
        out.append("")
    if verdict.left_behind:
        out += ["### May be left behind", ""]
        out += [f"- {row.environment} `{row.name}`: {_code(row.reason)}" for row in verdict.left_behind]
    if verdict.left_out:
        out += ["", f"Not selected: {', '.join(not_selected(verdict.checks, verdict.left_out))}"]
    return "\n".join(out) + "\n"


def _paragraph(alike: Sequence[CheckResult]) -> Iterator[str]:
    """Claims that do not hold for one reason, which is told once."""
    for result in alike:
        yield from ("", f"**{WORDS[result.outcome]}: {result.claim}**", "")
        parts = [("want", result.want), *(("have", item) for item in result.have)]
        if result is alike[-1]:
            parts += [("cause", result.cause), ("remedy", result.remedy)]
        yield from (f"- {part}: {_code(text)}" for part, text in parts if text)


def _code(text: str) -> str:
    """A code span that the text cannot end (CommonMark: a longer run of backticks than any inside)."""
    text = sentence(text)
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}"
