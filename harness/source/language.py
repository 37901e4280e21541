"""What a front end for a programming language hands on: chains of calls, their arguments, and what those are worth.

JavaScript's front end is `harness.source.javascript`. It parses files into nodes, knows what names stand for and walks
its own trees; what it meets, it hands on in the form that is said here. What reads the calls of a library in this form,
as `harness.source.migrations.knex` does, knows no grammar, and would read the calls of another language as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.source.checkout import Place


@dataclass(frozen=True, slots=True)
class Opaque:
    """Code whose value is not known from reading it; its text in one line."""

    code: str


class Expression(Protocol):
    """A piece of code that stands for a value."""

    def text(self) -> str | None:
        """The text that it makes, None where that is not known."""

    def value(self) -> object:
        """Its value: a text, a number, True, False, None, a list, a dict, what a library makes, or `Opaque`."""

    def function(self) -> Function | None:
        """The function of the app that it is, None where it is none."""


class Function(Protocol):
    """A function that is handed to a call."""

    @property
    def parameters(self) -> Sequence[str]:
        """The names of its parameters."""

    def calls(self) -> Sequence[Sequence[Link]]:
        """The outermost calls in it, in the order of the text."""


class Link(Protocol):
    """One part of a chain such as `knex.schema.alterTable(..)`."""

    @property
    def name(self) -> str:
        """Of what is called, or is asked for."""

    @property
    def args(self) -> Sequence[Expression] | None:
        """What it is given, None where it is not called."""

    @property
    def place(self) -> Place:
        """Where the chain begins, with all of it as far as this part in one line."""
