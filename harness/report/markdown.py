"""The verdict as Markdown, for a job's summary: what is wrong and what to do, and everything else to be unfolded.

Whatever a server sent stands in code spans, where no markup is read.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from harness.report.deliverables import WORDS as DELIVERABLE_WORDS
from harness.report.deliverables import not_selected
from harness.report.story import story_lines
from harness.report.summary import (
    CONCLUSIONS,
    PROVED,
    WORDS,
    advised,
    by_reason,
    covered,
    posts_in_words,
    statements_in_words,
    to_do,
)
from harness.report.together import by_environment, found_together
from harness.text import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.report.together import Found
    from harness.report.verdict import CheckResult, EnvironmentVerdict, Verdict

MOST_BYTES = 1024 * 1024 - 1
"""GitHub shows no summary of a step that is larger than 1 MiB."""
SHOWN_ROWS = 50
_CUT = "\n**Cut here**: a job's summary may have 1 MiB. `verdict.json` and `report.html` of the report have the rest.\n"
_FOLD, _UNFOLD = "<details", "</details>"


def markdown(verdict: Verdict) -> str:
    """The summary: verdict, deliverables, what to do and what failed, then everything else in <details>."""
    out = [
        f"## chatbots smoke: {CONCLUSIONS[verdict.verdict]}",
        "",
        f"Exit {verdict.exit_code}: {advised(verdict)}. Run `{verdict.run}`, {verdict.started_at}.",
        "",
    ]
    if verdict.error:
        out += [_code(verdict.error), ""]
    out += _deliverables(verdict)
    if verdict.watch is not None:
        out += [*(f"- {_code(line.strip())}" for line in story_lines(verdict.watch)), ""]
    out += [f"{said}.", ""] if (said := covered(verdict)) else []
    out += [f"- **to do**: {f'[{where}] ' if where else ''}{_code(text)}" for where, text in to_do(verdict)]
    out += _left_behind(verdict)
    for found in found_together(verdict, "fail"):
        out += _paragraph(found)
    out.append("")
    unknown = (_paragraph(found) for found in found_together(verdict, "unknown"))
    out += _folded("Could not tell", unknown, opened=verdict.verdict == "unknown")
    out += _folded("Waived and not covered", _not_asked(verdict))
    for environment in verdict.environments:
        out += _folded(f"{environment.name}: {CONCLUSIONS[environment.verdict]}", [_claims(verdict, environment)])
    if verdict.left_out:
        selected = ", ".join(not_selected(verdict.checks, verdict.left_out))
        out += _folded("Not selected", [[f"Not selected: {selected}"]])
    return within("\n".join(out).rstrip("\n") + "\n", MOST_BYTES)


def within(text: str, most: int) -> str:
    """A summary of at most so many bytes: cut at the end of a line, unfolded parts closed, with a line that says so.

    It is "" where not even that line has room.
    """
    if len(text.encode()) <= most:
        return text
    room = most - len(f"{_UNFOLD}{_CUT}".encode()) - 1
    kept: list[str] = []
    for line in text.splitlines(keepends=True):
        room -= len(line.encode())
        if room < 0:
            break
        kept.append(line)
    if not kept:
        return ""
    opened = sum(line.startswith(_FOLD) for line in kept) > sum(line.startswith(_UNFOLD) for line in kept)
    return f"{''.join(kept)}{_UNFOLD if opened else ''}{_CUT}"


def _deliverables(verdict: Verdict) -> list[str]:
    if not verdict.deliverables:
        return []
    rows = [
        f"| {each.environment} | {DELIVERABLE_WORDS[each.id]} | {PROVED[each.outcome]} |"
        for each in verdict.deliverables
    ]
    return ["| environment | deliverable | |", "|---|---|---|", *rows, ""]


def _left_behind(verdict: Verdict) -> list[str]:
    """The first rows that may be left; `verdict.json` lists them all."""
    if not verdict.left_behind:
        return []
    rows = [f"- {row.environment} `{row.name}`: {_code(row.reason)}" for row in verdict.left_behind[:SHOWN_ROWS]]
    more = len(verdict.left_behind) - len(rows)
    rows += [f"- and {more} more, listed in `verdict.json`"] if more else []
    return ["", "### May be left behind", "", *rows]


def _folded(title: str, parts: Iterable[Iterable[str]], *, opened: bool = False) -> list[str]:
    """Something to be unfolded, or folded where it is `opened`; nothing where it is empty."""
    inside = [line for part in parts for line in part]
    return (
        [f"{_FOLD}{' open' if opened else ''}><summary>{escape(title)}</summary>", "", *inside, "", _UNFOLD, ""]
        if inside
        else []
    )


def _claims(verdict: Verdict, environment: EnvironmentVerdict) -> Iterator[str]:
    """Every claim on an environment, what its POSTs prove, and what is unusual there."""
    yield from ("| claim | outcome |", "|---|---|")
    for result in verdict.checks:
        if result.environment == environment.name:
            yield f"| {result.claim} | {WORDS[result.outcome]} |"
    yield ""
    yield f"- {_code(environment.url)}"
    if environment.posts:
        yield f"- {posts_in_words(environment)} Rows removed: {environment.rows_removed}."
    if environment.statements is not None:
        yield f"- {statements_in_words(environment.statements)}"
    yield from (f"- note: {_code(note)}" for note in environment.notes)


def _not_asked(verdict: Verdict) -> Iterator[list[str]]:
    for outcome in ("waived", "not_covered"):
        for alike in by_reason(verdict.checks, outcome):
            yield _reason(alike)


def _reason(alike: Sequence[CheckResult]) -> list[str]:
    """Claims that one reason kept from being judged, with that reason."""
    first = alike[0]
    claims: dict[str, list[str]] = {}
    for result in alike:
        claims.setdefault(result.claim, []).append(result.environment)
    told = [f"**{WORDS[first.outcome]}: {claim}** [{', '.join(where)}]  " for claim, where in claims.items()]
    return ["", *told, "", f"- cause: {_code(first.cause)}", f"- remedy: {_code(first.remedy)}"]


def _paragraph(found: Found) -> Iterator[str]:
    """Claims that do not hold for one reason, which is told once, on all environments on which that was seen."""
    for results in found.claims.values():
        first = results[0]
        where = ", ".join(result.environment for result in results)
        yield from ("", f"**{WORDS[first.outcome]}: {first.claim}** [{where}]", "")
        want = by_environment({result.environment: [result.want] for result in results if result.want})
        have = by_environment({result.environment: result.have for result in results})
        yield from (f"- want: {_code(text)}" for text in want)
        yield from (f"- have: {_code(text)}" for text in have)
    causes = by_environment({name: [cause] for name, cause in found.causes.items()})
    yield from (f"- cause: {_code(text)}" for text in causes)
    yield f"- remedy: {_code(found.remedy)}"


def _code(text: str) -> str:
    """A code span that the text cannot end (CommonMark: a longer run of backticks than any inside)."""
    text = sentence(text)
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}"
