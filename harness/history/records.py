"""The records of a history as types: docs/history.md describes them, and every reader decodes them by these.

Each kind has a brief form, with what judging needs of the usual record, and a whole one.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeVar

import msgspec

from harness.history.attempt import Attempt, Outcome, Phase
from harness.history.problem import Problem

R = TypeVar("R", bound=msgspec.Struct)


class Run(msgspec.Struct, tag_field="record", tag="run"):
    """The first record, as far as judging needs it."""

    format: Literal[1]
    environments: dict[str, dict[str, Any]]


class Intent(msgspec.Struct, tag_field="record", tag="intent", gc=False):
    """A POST is about to leave."""

    environment: str
    n: int
    name: str
    phase: Phase


class WholeIntent(Intent, tag_field="record", tag="intent", gc=False):
    """With what only clean-up needs."""

    labels: list[str]
    at: str | None = None


class AttemptRecord(msgspec.Struct, tag_field="record", tag="attempt", gc=False):
    """A POST has ended."""

    environment: str
    n: int
    name: str
    phase: Phase
    outcome: Outcome
    started_s: float
    ended_s: float
    problem: Problem | None = None
    status: int | None = None
    id: str | None = None
    token: str | None = None

    @property
    def attempt(self) -> Attempt:
        """The attempt that it records."""
        fields: dict[str, Any] = {field: getattr(self, field, "") for field in Attempt.__slots__}
        return Attempt(**fields)


class WholeAttempt(AttemptRecord, tag_field="record", tag="attempt", gc=False):
    """With what is only kept of an attempt that is not as usual."""

    evidence: str = ""
    error: str = ""


class Database(msgspec.Struct, tag_field="record", tag="database"):
    """Where rows are about to be stored."""


class WholeDatabase(Database, tag_field="record", tag="database"):
    """With its identity."""

    identity: str


class CutShort(msgspec.Struct, tag_field="record", tag="cut_short"):
    """Why the POSTs after number `n` were not sent; `absent`: its row is not in the database that was named before.

    `found`: it is there, and told by its id and token alone.
    """

    n: int
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
                raise ValueError(f"{found.get('field') or place.rstrip('`')}: {words.format(**found)}") from None
        raise
