"""What may be sent for a field of a body: a value that fits its type, or why none is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.redaction.credentials import credentials_of_payload, is_credential
from harness.source.spelling import snake

if TYPE_CHECKING:
    from harness.source.checkout import Place

TEXT = "smoke"
MOMENT = "2030-01-01T00:00:00Z"
_NUMBERS = re.compile(r"int|serial|numeric|decimal|real|double|float|number")
_TEXTS = re.compile(r"text|varchar|char|citext|string|bpchar|name")


@dataclass(frozen=True, slots=True)
class Unknown:
    """That no value is known; `why` says what would have to stand there."""

    why: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a body.

    `sample` is a JSON value that the app should take, or `Unknown`. `longest` is how many characters it may have.
    """

    name: str
    required: bool
    sample: object
    place: Place
    longest: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether any text may be sent for it."""
        return isinstance(self.sample, str) and self.sample.startswith(TEXT) and "@" not in self.sample


@dataclass(frozen=True, slots=True)
class Body:
    """What a route wants: its fields, where that stands, and what keeps it from being certain ("" where nothing)."""

    fields: tuple[Field, ...]
    place: Place
    doubt: str = ""

    def field(self, name: str) -> Field | None:
        """The field of a name."""
        return next((field for field in self.fields if field.name == name), None)


def of_type(type_: str) -> object:
    """A value for a column, by its type in Postgres or in TypeScript."""
    said = type_.lower()
    if said.endswith("[]") or said.startswith("array<"):
        return []
    if said.startswith("bool"):
        return False
    if _TEXTS.match(said):
        return TEXT
    if _NUMBERS.search(said) and "interval" not in said and "point" not in said:
        return 1
    if said.startswith(("json", "record<")) or said == "object":
        return {}
    if said.startswith(("timestamp", "date")):
        return MOMENT
    return Unknown(f"a value of type {type_}" if type_ else "a value")


def for_name(name: str, sample: object) -> object:
    """The sample, unless the field's name says that no made-up value will do."""
    words = snake(name).split("_")
    if isinstance(sample, (str, int)) and not isinstance(sample, bool):
        if is_credential(name) if isinstance(sample, str) else any(credentials_of_payload({name: sample})):
            return Unknown("a credential: write ${VARIABLE}, never the value")
        if len(words) > 1 and words[-1] in ("id", "ids", "uuid"):
            return Unknown(f"the id of a {' '.join(words[:-1])} that exists there")
    return sample
