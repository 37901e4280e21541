"""The records of a history as types: docs/history.md describes them, and every reader decodes them by these.

Each kind has a brief form, with what judging needs of the usual record, and a whole one. Types are exact: no text is
taken for a list, no number for a text. Fields that are not here are of a later version, and are passed over.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from harness.history.attempt import Attempt, Outcome, Phase
from harness.history.problem import Problem

R = TypeVar("R", bound=msgspec.Struct)


Number = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[float, Meta(ge=-1e15, le=1e15)]
Status = Annotated[int, Meta(ge=100, le=999)]


class Soak(msgspec.Struct):
    """How much a soak was to send."""

    attempts: Number


class Place(msgspec.Struct):
    """Where the POSTs of a run go."""

    url: str
    database: str | None = None
    table: dict[str, str | None] | None = None
    soak: Soak | None = None


class WholeRun(msgspec.Struct, tag_field="record", tag="run"):
    """The first record."""

    format: Literal[1]
    run: Annotated[str, Meta(pattern=r"\A[0-9A-Za-z][0-9A-Za-z._-]{0,99}\Z")]
    environments: dict[str, Place]


class Run(msgspec.Struct, tag_field="record", tag="run"):
    """The first record, as far as judging needs it."""

    format: Literal[1]
    environments: dict[str, dict[str, Any]]


class Intent(msgspec.Struct, tag_field="record", tag="intent", gc=False):
    """A POST is about to leave."""

    environment: str
    n: Number
    name: str
    phase: Phase


class WholeIntent(Intent, tag_field="record", tag="intent", gc=False):
    """With what only clean-up needs."""

    labels: list[str]
    at: str | None = None

    @property
    def left_at(self) -> datetime | None:
        """When it was about to leave.

        Raises:
            ValueError: that is no time, or one without a zone.
        """
        if self.at is None:
            return None
        try:
            at = datetime.fromisoformat(self.at)
        except ValueError:
            raise ValueError(f"at: {self.at!r} is not a time in the format of RFC 3339") from None
        if at.tzinfo is None:
            raise ValueError(f"at: {self.at!r} has no time zone")
        return at


class AttemptRecord(msgspec.Struct, tag_field="record", tag="attempt", gc=False):
    """A POST has ended."""

    environment: str
    n: Number
    name: str
    phase: Phase
    outcome: Outcome
    started_s: Seconds
    ended_s: Seconds
    problem: Problem | None = None
    status: Status | None = None
    id: str | None = None
    token: str | None = None

    @property
    def attempt(self) -> Attempt:
        """The attempt that it records."""
        fields: dict[str, Any] = {field: getattr(self, field, "") for field in Attempt.__struct_fields__}
        return Attempt(**fields)


class WholeAttempt(AttemptRecord, tag_field="record", tag="attempt", gc=False):
    """With what is only kept of an attempt that is not as usual."""

    evidence: str = ""
    error: str = ""


class UsualAttempt(AttemptRecord, tag_field="record", tag="attempt", gc=False, kw_only=True):
    """One that was answered as it should be."""

    outcome: Literal["ok"]
    problem: None = None
    status: Literal[201]


class Database(msgspec.Struct, tag_field="record", tag="database"):
    """Where rows are about to be stored."""


class WholeDatabase(Database, tag_field="record", tag="database"):
    """With its identity."""

    identity: str


class CutShort(msgspec.Struct, tag_field="record", tag="cut_short"):
    """Why the POSTs after number `n` were not sent; `absent`: its row is not in the database that was named before.

    `found`: it is there, and told by its id and token alone.
    """

    n: Number
    cause: str
    remedy: str
    absent: bool
    found: bool = False


class Row(msgspec.Struct, tag_field="record", tag="row"):
    """A row that is about to be removed."""


class WholeRow(Row, tag_field="record", tag="row"):
    """With what it is told by."""

    id: str
    label: str


class Removed(msgspec.Struct, tag_field="record", tag="removed"):
    """A row that is gone."""


class WholeRemoved(WholeRow, tag_field="record", tag="removed"):
    """With what it was told by."""


WHOLE: dict[str, type[msgspec.Struct]] = {
    "intent": WholeIntent,
    "attempt": WholeAttempt,
    "database": WholeDatabase,
    "cut_short": CutShort,
    "row": WholeRow,
    "removed": WholeRemoved,
}
"""The records after the first. A kind that is not here is of a later version, and is passed over."""

# What msgspec says: (pattern, the same in words).
_SAID = (
    (r"Object missing required field `(?P<field>\w+)`", "Field required"),
    (r"Invalid enum value (?P<value>.+)", "Input should be one that this version knows, not {value}"),
    (r"Expected `float`, got .*", "Input should be a valid number"),
    (r"(?P<said>.*)", "{said}"),
)


def converted(record: dict[str, Any], kind: type[R]) -> R:
    """A record that was parsed already, as its type; half a surrogate pair in a text is none to msgspec's own parser.

    Raises:
        ValueError: a field is missing, or not as it should be; the message names it.
    """
    try:
        return msgspec.convert(record, kind)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$.")
        for pattern, words in _SAID:
            if match := re.fullmatch(pattern, said):
                found = match.groupdict()
                where = ".".join(filter(None, (place.rstrip("`"), found.get("field"))))
                raise ValueError(f"{where}: {words.format(**found)}") from None
        raise
