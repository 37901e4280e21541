"""What the routes of an app were found to say, as data: each with where it stands, or why it is not certain."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Known:
    """A value, and where it was read: `path:line`, or several of them."""

    value: object
    read_from: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """That a value is not certain, and why; `guess` is what it may be, None where there is not even that."""

    why: str
    guess: object = None


Fact = Known | Doubt


@dataclass(frozen=True, slots=True)
class AppFacts:
    """The facts by their keys in `environments.yaml`, such as `api.create`; what the app does not have is left out."""

    facts: dict[str, Fact] = field(default_factory=dict)
