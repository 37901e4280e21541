"""Why a claim could not be asked: could not tell, or not covered."""

from __future__ import annotations


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
