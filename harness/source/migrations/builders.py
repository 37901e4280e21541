"""The builders of migrations whose calls are read as SQL, and which calls are known to change no column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.migrations.knex import WITH_CALLBACK, knex
from harness.source.migrations.kysely import kysely
from harness.source.migrations.table_methods import table_methods

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.source.language import Function, Link
    from harness.source.migrations.definitions import Statements

BUILDERS: tuple[Callable[[Sequence[Link]], Statements | None], ...] = (knex, kysely, table_methods)

_OF_NO_COLUMN = re.compile(
    r"(?:create|add|drop|remove|rename|alter)"
    r"(?:Index|Indices|Indexes|Constraint|(?:Unique|Check|Exclusion|PrimaryKey|ForeignKey)(?:Constraint)?s?|Trigger|Policy)"
    r"(?:IfExists|IfNotExists|WithName)?"
)
_KNEX_OF_NO_COLUMN = re.compile(r"(?:drop)?(?:unique|index|foreign|primary|timestamps)|comment|check\w*", re.IGNORECASE)
_MAY_CHANGE = re.compile(r"(?i)alter|create(?!d)|drop|rename|modify|addcolumn")


def changes_no_column(links: Sequence[Link]) -> bool:
    """Whether a chain is known to make or drop nothing but indexes, constraints, triggers and the like."""
    known = False
    for link in links:
        callback = link.args[1].function() if link.args is not None and len(link.args) > 1 else None
        if link.args and _OF_NO_COLUMN.fullmatch(link.name):
            known = True
        elif link.name in WITH_CALLBACK and callback is not None:
            known, is_safe = _calls_of_no_column(callback)
            if not is_safe:
                return False
        elif link.name != "alterTable" and _MAY_CHANGE.search(link.name):
            return False
    return known


def _calls_of_no_column(callback: Function) -> tuple[bool, bool]:
    """Whether a callback of Knex calls anything on its table, and whether all that it calls changes no column."""
    names, calls = list(callback.parameters), callback.calls()
    return bool(names and calls), all(
        len(links) > 1 and [links[0].name] == names[:1] and _KNEX_OF_NO_COLUMN.fullmatch(links[1].name)
        for links in calls
    )
