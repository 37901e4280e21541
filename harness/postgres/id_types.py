"""What a column for ids may hold, by its type as format_type() prints it."""

from __future__ import annotations

from uuid import UUID

from harness.patterns import lazily
from harness.text import is_blank

INTEGERS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
"""The integer types of Postgres, each with its largest value; the smallest one is one further from zero."""
_INTEGER = lazily(r"0|-?[1-9][0-9]{0,18}")


def is_of_type(id_: str, type_: str) -> bool:
    """Whether a column of this type may hold an id, as Postgres prints it."""
    if type_ in INTEGERS:
        return _INTEGER.fullmatch(id_) is not None and -INTEGERS[type_] - 1 <= int(id_) <= INTEGERS[type_]
    if type_ == "uuid":
        try:
            return str(UUID(id_)) == id_
        except ValueError:
            return False
    return not is_blank(id_)
