"""What a check says when it does not pass: the wording that terminal, reports and `verdict.json` share."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from harness.text import SHOWN_SENTENCE, Shown, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_ITEMS = 8


class Finding(NamedTuple):
    """In what way a claim was seen broken; the claim itself stands once, in the docstring of its check.

    `have` holds the offending items, the other fields are sentences; all are bounded and printable.
    """

    want: Shown
    have: tuple[Shown, ...]
    cause: Shown
    remedy: Shown

    def __str__(self) -> str:
        have = "\n        ".join(self.have)
        return f"  want: {self.want}\n  have: {have}\n  cause: {self.cause}\n  remedy: {self.remedy}"


# pytest's assertion rewriting keeps only the text of an assertion's message. The message expression is evaluated only
# when the assertion fails, directly before it raises, so the last finding that was worded is the one that failed.
_worded: ContextVar[Finding | None] = ContextVar("worded", default=None)


def finding(
    *,
    want: str,
    have: Iterable[object] | object,
    cause: str,
    remedy: str,
    total: int | None = None,
    of: str = "",
) -> Finding:
    """Word a failure.

    Args:
        want: what was wanted.
        have: the offending items, or some of them.
        cause: the usual cause.
        remedy: what to do.
        total: how many items offend, where `have` holds only some of them.
        of: what they are some of, such as "400 rows"; then the total is said however few they are.
    """
    items = list(have) if isinstance(have, (list, tuple, set, frozenset)) else [have]
    shown = [printable(item) for item in items[:SHOWN_ITEMS]]
    total = len(items) if total is None else total
    if total > len(shown):
        shown.append(printable(f"and {total - len(shown)} more: {total}{f' of {of}' if of else ''} in all"))
    elif of:
        shown.append(printable(f"{total} of {of} in all"))
    said = (printable(text, limit=SHOWN_SENTENCE) for text in (want, cause, remedy))
    worded = Finding(next(said), tuple(shown), next(said), next(said))
    _worded.set(worded)
    return worded


def last_finding() -> Finding | None:
    """Take the finding that was worded last; None if none was since the last call."""
    worded = _worded.get()
    _worded.set(None)
    return worded
