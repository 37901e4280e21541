"""Judges a column's default by what the catalog says of it: is it a generator of version 4 UUIDs?

There are three answers. It is one where its text proves that its value is a known generator's. It is none where its
text proves that: nothing in it makes a value that cannot be guessed, or there is more to an expression than a
generator. What the text of a function does not prove is neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import CouldNotTell
from harness.postgres.default_text import called_alone, generator_of, origin_of
from harness.postgres.known_functions import symbol_of
from harness.postgres.sql_tokens import without_long_strings
from harness.text import printable

if TYPE_CHECKING:
    from harness.postgres.column_default import Default, Function
    from harness.postgres.default import DefaultEvaluation
    from harness.postgres.table import TableFacts

MOST_SHOWN = 300  # characters of an expression, or of a function


def wrong_default(default: Default | None) -> str | None:
    """What is wrong with a column's default as a generator of version 4 UUIDs; None where nothing is known to be."""
    if default is None:
        return "no default"
    if generator_of(default) is not None:
        constant = [f.shown for f in called_alone(default) if f.volatility == "i" and not f.built_in]
        if not constant:
            return None
        return f"{_said(default)}: {constant[0]} is IMMUTABLE, and may be called once for many rows"
    origin = origin_of(default)
    if origin.unclear or (origin.strong and _with_text(default)):
        return None
    return _said(default)


def unproven_default(default: Default | None) -> str | None:
    """Why it is not known whether a default is a generator, with the text of its functions; None where it is."""
    if default is None or wrong_default(default) is not None:
        return None
    if generator_of(default) is not None:
        stable = [f for f in called_alone(default) if f.volatility == "s"]
        if not stable:
            return None
        why = f"{stable[0].shown} is STABLE, and may be called once for many rows"
    else:
        why = origin_of(default).unclear or "it does more than return the value of a known generator"
    texts = [f"{f.shown}: {_text(f)}" for f in _with_text(default)]
    shown = f"{without_long_strings(default.expression, MOST_SHOWN)}{''.join(f'; {text}' for text in texts[:3])}"
    return f"{why} ({shown})"


def demand_proven(facts: TableFacts) -> None:
    """Refuse to call a default right or wrong by functions that are not called, and whose text proves neither.

    Raises:
        CouldNotTell: the cause shows their text, without its strings.
    """
    unproven = unproven_default(facts.default)
    if unproven is not None:
        raise CouldNotTell(
            f"it is not known what the default makes: {unproven}. Functions of this database are read, never called",
            f"ALTER TABLE {facts.in_sql} ALTER COLUMN {facts.token_in_sql} SET DEFAULT gen_random_uuid(); or read the "
            "function, and waive this claim with the reason",
        )


def wrong_evaluations(evaluation: DefaultEvaluation) -> list[str]:
    """What is wrong with the values that a default made, a sentence each."""
    found = []
    if evaluation.version_4 < evaluation.times:
        found.append(f"{evaluation.times - evaluation.version_4} are not version 4 UUIDs, such as {evaluation.example}")
    if evaluation.distinct < evaluation.times:
        found.append(f"only {evaluation.distinct} are distinct")
    return [f"of {evaluation.times} values that it makes {what}" for what in found]


def _said(default: Default) -> str:
    own = _own(default)
    calls = f", which calls {', '.join(map(_described, own))}" if own else ""
    return f"default {without_long_strings(default.expression, MOST_SHOWN)}{calls}"


def _own(default: Default) -> list[Function]:
    """The functions that Postgres does not bring."""
    return [f for f in default.functions if not f.built_in]


def _with_text(default: Default) -> list[Function]:
    """The functions that the default calls and that are no known compiled ones, nor in SQL by Postgres itself."""
    return [f for f in default.functions if symbol_of(f) is None and not (f.built_in and f.language == "sql")]


def _described(function: Function) -> str:
    owner = f"of extension {function.extension}" if function.extension else f"{function.language}, of no extension"
    return f"{printable(function.shown)} ({owner})"


def _text(function: Function) -> str:
    if function.language in ("c", "internal"):
        return f"{function.language}, of {function.library or 'Postgres'}"
    return f"{function.language}, {without_long_strings(function.source or function.definition, MOST_SHOWN)}"
