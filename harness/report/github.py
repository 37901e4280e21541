"""The verdict as annotations of GitHub Actions: what is wrong, beside the job's log and the commit.

A workflow command is one line, `::error title=T::M` (GitHub, "Workflow commands"). Its title and message come from the
verdict, whose secrets are masked; line breaks and percent signs in them are encoded, and colons and commas of the title
besides, so that nothing which a server sent ends a line, or begins a command of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.summary import CONCLUSIONS, advised, by_reason
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.report.verdict import CheckResult, LeftBehind, Verdict

MOST = 10  # of one level: GitHub shows no more errors, and no more warnings, of one step
_SHOWN_ITEMS = 3
_SHOWN_CHARACTERS = 400  # of each part of a message; the whole stands in the job's summary
_ELSEWHERE = "see the job's summary, or verdict.json in the report"


def commands(verdict: Verdict) -> Iterator[str]:
    """An error for each seen failure and for each reason that barred claims, and a warning for rows left behind.

    An error is also what ended the run before it could ask. A notice says what is waived, and why. Where all
    claims hold there is none of them.
    """
    errors = [
        (f"[{result.environment}] {result.claim}", _reasons(result))
        for result in verdict.checks
        if result.outcome == "fail"
    ]
    errors += [
        _of_reason(alike)
        for name in dict.fromkeys(result.environment for result in verdict.checks)
        for alike in by_reason([result for result in verdict.checks if result.environment == name], "unknown")
    ]
    warnings = [_of_rows(verdict.left_behind)] if verdict.left_behind else []
    title = f"chatbots smoke: {CONCLUSIONS[verdict.verdict]}"
    if verdict.error:
        errors.insert(0, (title, f"{_lines(verdict.error)}\n{_exit(verdict)}"))
    elif verdict.verdict != "pass" and not errors and not warnings:
        errors.append((title, _exit(verdict)))
    yield from _bounded("error", errors)
    yield from _bounded("warning", warnings)
    yield from _bounded("notice", _waived(verdict))


def _waived(verdict: Verdict) -> list[tuple[str, str]]:
    """Claims that somebody chose not to have judged, by reason."""
    alike_of_all = [
        alike
        for name in dict.fromkeys(result.environment for result in verdict.checks)
        for alike in by_reason([result for result in verdict.checks if result.environment == name], "waived")
    ]
    return [
        (
            f"[{alike[0].environment}] waived: {alike[0].claim}" + (f" (and {len(alike) - 1} more)" * (len(alike) > 1)),
            "\n".join([*_shown("reason", [alike[0].cause]), f"claims: {', '.join(result.id for result in alike)}"]),
        )
        for alike in alike_of_all
    ]


def _lines(text: str) -> str:
    return "\n".join(map(_one_line, text.splitlines()[:_SHOWN_ITEMS]))


def _exit(verdict: Verdict) -> str:
    return f"exit {verdict.exit_code}: {advised(verdict)}"


def _of_reason(alike: Sequence[CheckResult]) -> tuple[str, str]:
    """Claims that one reason kept from being asked: one annotation."""
    first, *others = alike
    title = f"[{first.environment}] could not tell: {first.claim}"
    if not others:
        return title, _reasons(first)
    return f"{title} (and {len(others)} more)", f"{_reasons(first)}\nclaims: {', '.join(result.id for result in alike)}"


def _of_rows(left: Sequence[LeftBehind]) -> tuple[str, str]:
    names = [f"{row.environment} {row.name}: {row.reason}" for row in left]
    return f"rows of this run may be left behind: {len(left)}", "\n".join(_shown("row", names))


def _reasons(result: CheckResult) -> str:
    parts = [*_shown("want", [result.want] if result.want else []), *_shown("have", result.have)]
    return "\n".join([*parts, *_shown("cause", [result.cause]), *_shown("remedy", [result.remedy])])


def _shown(label: str, texts: Sequence[str]) -> Iterator[str]:
    """A line for each of the first few, and one that says that there are more."""
    yield from (f"{label}: {printable(text, _SHOWN_CHARACTERS)}" for text in texts[:_SHOWN_ITEMS])
    if len(texts) > _SHOWN_ITEMS:
        yield f"{label}: and more, {_ELSEWHERE}"


def _bounded(level: str, of: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The commands, at most `MOST`; where there are more, the last one says which were left out."""
    shown = of if len(of) <= MOST else of[: MOST - 1]
    yield from (_command(level, title, message) for title, message in shown)
    if len(shown) < len(of):
        rest = [title for title, _ in of[len(shown) :]]
        yield _command(level, f"and {len(rest)} more", "\n".join([*rest[:MOST], _ELSEWHERE]))


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(_one_line(title))}::{_data(message)}"


def _one_line(text: str) -> str:
    return printable(text, _SHOWN_CHARACTERS)


def _data(text: str) -> str:
    """As the runner decodes the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As the runner decodes a property of a command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
