"""Statements and functions are somebody's texts: reading them is linear, and breaks down on none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from harness.postgres import called_functions, token_writes
from harness.postgres.comments import without_comments
from harness.postgres.literals import without_literals
from harness.postgres.statement_reading import read_function, read_statement
from harness.postgres.token_writes import Target
from tests.support.hostile_texts import JUMBLED, jumbles, slowest

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = Target("public", "chatbots", "public_token", ("id", "name", "public_token"))


def read_as_a_statement(text: str) -> object:
    """As a session showed it."""
    return read_statement(text, TARGET)


def read_as_plpgsql(text: str) -> object:
    """As the body of a trigger's function, as pg_get_functiondef prints it."""
    definition = f"CREATE FUNCTION f()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function$\nbegin {text} end $function$"
    return read_function(definition, "plpgsql", frozenset({"a"}), TARGET)


def read_as_sql(text: str) -> object:
    """As the body of a function in SQL."""
    definition = f"CREATE FUNCTION f()\n RETURNS uuid\n LANGUAGE sql\nAS $function${text}$function$"
    return read_function(definition, "sql", frozenset({"a"}), TARGET)


READERS: dict[str, tuple[Callable[[str], object], int]] = {
    "statement": (read_as_a_statement, token_writes.MOST_READ),
    "shown statement": (without_literals, 100_000),
    "comments": (without_comments, 100_000),
    "function in PL/pgSQL": (read_as_plpgsql, called_functions.MOST_CHARACTERS),
    "function in SQL": (read_as_sql, called_functions.MOST_CHARACTERS),
}


@pytest.mark.parametrize(("read", "size"), READERS.values(), ids=READERS)
def test_reading_is_linear(read: Callable[[str], object], size: int) -> None:
    """The longest text that is read of each kind, whatever it is made of."""
    assert slowest(read, size) == {}


@given(text=jumbles)
@JUMBLED
def test_no_text_breaks_the_reading_down(text: str) -> None:
    """Each reader takes it, or says that it cannot read it; none raises."""
    for read, _ in READERS.values():
        assert read(text) is not None
