"""What a watch saw: every POST, each look at the column, each answer about the revision. Story and claims read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.history.columnar import Tokens
from harness.history.problem import Problem
from harness.history.revision import same_revision
from harness.postgres.rows import is_uuid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.history.attempt import Attempt
    from harness.history.revision import ServedRevision
    from harness.postgres.column_look import ColumnLook

LONGEST_SHORT = 16  # characters of a token that the old code makes: 6 to 8, and a few more elsewhere
GONE, NULL = "no row", "NULL"  # what a row of the watch may be in the place of a token
SAMPLE_S = 1.0  # between two looks at the column, and between two questions for the revision

# Somebody refuses us and not the users: such a POST says nothing about the create route. What a user would meet as well
# (nothing listens, a placeholder in its place) is a failure here.
_ABOUT_US = frozenset(
    {
        Problem.UNAUTHORISED,
        Problem.FORBIDDEN,
        Problem.RATE_LIMITED,
        Problem.LOGIN_PAGE,
        Problem.OTHER_KEY,
        Problem.UNRESOLVED,
        Problem.TLS,
        Problem.NOT_RECORDED,
    }
)


@dataclass(frozen=True, slots=True)
class Served:
    """What fresh connections said that they serve: asked at `asked_s` on the clock of the run, all at one moment.

    `answered_s` is when the last of them had answered; 0 in a history that does not say it.
    """

    asked_s: float
    revisions: tuple[ServedRevision, ...]
    answered_s: float = 0.0

    @property
    def until_s(self) -> float:
        """When they had answered: what they serve may have changed while they were asked."""
        return max(self.asked_s, self.answered_s)

    @property
    def named(self) -> tuple[str, ...]:
        """The revisions that were named, each once, in order."""
        return tuple(sorted({each.revision for each in self.revisions if each.revision is not None}))

    @property
    def only(self) -> str | None:
        """The one revision that connections named; None where they differ, or none was named."""
        return self.named[0] if len(self.named) == 1 else None

    def is_everywhere(self, revision: str) -> bool:
        """Whether every connection answered, and named this revision."""
        return all(same_revision(each.revision, revision) for each in self.revisions)


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row of the watch that holds another token than it did: `was` at the look before, or in its answer."""

    name: str
    was: str
    now: str

    @property
    def is_replaced(self) -> bool:
        """Whether a short token gave way to a UUID, as a migration has it."""
        return len(self.was) <= LONGEST_SHORT and self.was not in (GONE, NULL) and is_uuid(self.now)

    @property
    def shown(self) -> str:
        """In words."""
        return f"{self.name}: {self.was} before, {self.now} now"


@dataclass(frozen=True, slots=True)
class RowLook:
    """One comparison: how many rows were found, and which of them changed. Seconds are on the clock of the run."""

    asked_s: float
    answered_s: float
    compared: int
    changes: tuple[RowChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """All that a watch saw. Seconds are on the clock of the run: monotonic, from its beginning on.

    Attributes:
        attempts: every POST, in the order in which they were sent.
        looks: at the column, in their order; none where there is no database to look into.
        served: what was served, in order; none where the ready page names no revision.
        began_s: when the first POST could be sent.
        ended_s: when the watch ended.
        rate: POSTs a second that were wanted.
        withheld: POSTs that were due and not sent, because too many were under way already.
        missed: why looks failed, in the order in which they did.
        token_column: the name of the column.
        row_looks: at the rows of acknowledged POSTs, in their order.
    """

    attempts: Sequence[Attempt]
    looks: Sequence[ColumnLook]
    served: Sequence[Served]
    began_s: float
    ended_s: float
    rate: float
    withheld: int = 0
    missed: tuple[str, ...] = ()
    token_column: str = "public_token"
    row_looks: Sequence[RowLook] = ()


def failed(attempt: Attempt) -> bool:
    """Whether a user would have met an error: answered wrongly, or not at all."""
    return attempt.outcome != "ok" and not about_us(attempt)


def about_us(attempt: Attempt) -> bool:
    """Whether it says nothing about the create route: a login, a limit or a name that only we meet."""
    return attempt.outcome != "ok" and attempt.problem in _ABOUT_US


def is_new(attempt: Attempt) -> bool:
    """Whether it was acknowledged with a version 4 UUID, as the change wants it."""
    return attempt.outcome == "ok" and attempt.token is not None and Tokens([attempt.token]).all_version_4


def is_short(attempt: Attempt) -> bool:
    """Whether it was acknowledged with a token as the old code makes them: of letters and digits, and no UUID."""
    token = attempt.token or ""
    plain = token.replace("-", "").replace("_", "")
    return attempt.outcome == "ok" and len(token) <= LONGEST_SHORT and plain.isascii() and plain.isalnum()
