"""What a check says when it does not pass: the wording that terminal, reports and `verdict.json` share."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SHOWN_ITEMS = 8
SHOWN_CHARACTERS = 600
SHOWN_SENTENCE = 1200
LONGEST_LINE = 20_000  # of a traceback


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim that was asked and seen broken.

    `have` holds the offending items, the other fields are sentences; all are bounded and printable.
    """

    claim: str
    want: str
    have: tuple[str, ...]
    cause: str
    remedy: str

    def __str__(self) -> str:
        have = "\n        ".join(self.have)
        return f"{self.claim}\n  want: {self.want}\n  have: {have}\n  cause: {self.cause}\n  remedy: {self.remedy}"


class CouldNotTell(Exception):
    """A claim could not be asked. Neither holds nor broken: a gate holds the release and mends the run.

    `cause` says what stood in the way and where; `remedy` says what to do about it.
    """

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"could not tell: {cause}; {remedy}")
        self.cause = cause
        self.remedy = remedy


class NotCovered(Exception):
    """A claim that this run was told not to ask (`database: null`, `--read-only`). The verdict names it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


# pytest's assertion rewriting keeps only the text of an assertion's message. The message expression is evaluated only
# when the assertion fails, directly before it raises, so the last finding that was worded is the one that failed.
_worded: ContextVar[Finding | None] = ContextVar("worded", default=None)


def finding(*, claim: str, want: str, have: Iterable[object] | object, cause: str, remedy: str) -> Finding:
    """Word a failure: the claim, what was wanted, the offending items, the usual cause and what to do."""
    items = list(have) if isinstance(have, (list, tuple, set, frozenset)) else [have]
    shown = [printable(item) for item in items[:SHOWN_ITEMS]]
    if len(items) > SHOWN_ITEMS:
        shown.append(f"and {len(items) - SHOWN_ITEMS} more")
    want, cause, remedy = (printable(text, limit=SHOWN_SENTENCE) for text in (want, cause, remedy))
    worded = Finding(claim=claim, want=want, have=tuple(shown), cause=cause, remedy=remedy)
    _worded.set(worded)
    return worded


def last_finding() -> Finding | None:
    """Take the finding that was worded last; None if none was since the last call."""
    worded = _worded.get()
    _worded.set(None)
    return worded


# What a CI's log reader obeys: `::error::` at a line's start, blanks aside, and `##[error]`, `##vso[..]` anywhere.
_COMMAND = re.compile(r"^ *:(?=:)|#(?=#(?:\[|vso\[|teamcity\[))", re.IGNORECASE)
# Printable to Python, yet seen by nobody: letters and marks that are Unicode's Default_Ignorable_Code_Point, and the
# blank of Braille. Two tokens could look alike and not be so.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


# How a process masks secrets; the command that knows them says so once.
_mask: Callable[[str], str] = str


def mask_before_cutting(mask: Callable[[str], str]) -> None:
    """Let `printable` mask what it is given, in this process from now on: half a secret is not recognised later."""
    global _mask
    _mask = mask


def printable(item: object, limit: int = SHOWN_CHARACTERS) -> str:
    """One line of plain text, masked: what a server sent can move no cursor, start no line, and command no CI."""
    text = _mask(str(item))
    return in_one_line(text) if len(text) <= limit else f"{in_one_line(text[:limit])}... ({len(text)} characters)"


def in_one_line(text: str) -> str:
    """A whole text as `printable` would have it, but not masked: to be compared."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)
    shown = _INVISIBLE.sub(lambda match: _escaped(match[0]), shown)
    return _COMMAND.sub(lambda match: f"{match[0][:-1]}\\x{ord(match[0][-1]):02x}", shown)


def printable_lines(text: str) -> str:
    """A text of our own lines, such as a traceback, in which what a server sent may stand: each line printable."""
    return "\n".join(printable(line, LONGEST_LINE) for line in text.split("\n"))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()
