"""Reads statements as Postgres shows them: who gives the token of a new row its value?

The INSERT that almost every app sends is read by itself; any other statement by Postgres' own parser, where it is
installed. Without it, a statement that may write the token is unclear, never harmless.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.postgres.comments import without_comments
from harness.postgres.token_writes import MOST_READ, NOTHING, UNCLEAR, read_unparsed, read_usual, together

if TYPE_CHECKING:
    from harness.postgres.token_writes import Reading, Target

DEEPEST_CALL = 3  # functions that call each other, followed from a statement or a trigger


def read_statement(text: str, *targets: Target) -> Reading:
    """Who makes the token in a statement.

    Args:
        text: the statement, which Postgres may have cut off; no more than `MOST_READ` characters of it are read.
        targets: the table, and by another name of the token the views that have one.
    """
    bare = without_comments(text[:MOST_READ]).strip()
    usual = [read_usual(bare, target) for target in targets]
    whole = [reading for reading in usual if reading is not None and reading.inserts]
    if whole:  # an INSERT that was understood, and stores its row in nothing else
        return together(whole)
    return together(
        reading if reading is not None else _parsed(bare, target)
        for reading, target in zip(usual, targets, strict=True)
    )


def _parsed(bare: str, target: Target) -> Reading:
    read = parsed_text(bare, target)
    return read if read is not None else read_unparsed(bare, target)


def read_function(definition: str, language: str, parameters: frozenset[str], *targets: Target) -> Reading:
    """Who makes the token in a function.

    Args:
        definition: its CREATE FUNCTION.
        language: as pg_language calls it.
        parameters: their names; what a caller hands over is the app's.
        targets: as of `read_statement`.
    """
    return together(_function(definition, language, parameters, target) for target in targets)


def _function(definition: str, language: str, parameters: frozenset[str], target: Target) -> Reading:
    read = parsed_function(definition, language, parameters, target)
    if read is not None:
        return read
    folded = definition.lower()
    return UNCLEAR if any(name.lower() in folded for name in target.names) else NOTHING


def parsed_text(text: str, target: Target) -> Reading | None:
    """What Postgres' own parser makes of a text of statements; None where it is not installed, or cannot read it."""
    if not is_parser_installed():
        return None
    from harness.postgres.statement_parser import parsed  # no other statement pays for its import

    return parsed(text, target)


def parsed_function(definition: str, language: str, parameters: frozenset[str], target: Target) -> Reading | None:
    """What Postgres' own parser makes of a function, as `read_function`; None as `parsed_text`."""
    if not is_parser_installed():
        return None
    from harness.postgres.statement_parser import body_of

    # Without comments: the parser takes quadratic time for those that are not closed.
    return body_of(without_comments(definition, in_dollars=True), language, parameters, target)


@cache
def is_parser_installed() -> bool:
    """Whether Postgres' own parser is here."""
    return find_spec("postgast") is not None
