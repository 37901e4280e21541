"""What a statement may name to store a row of the table: itself, its partitions, and the views that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.postgres.token_writes import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.postgres.table import TableFacts


def targets_of(
    facts: TableFacts, *, in_new: str = "", heirs: frozenset[tuple[str, str]] = frozenset()
) -> Iterator[Target]:
    """The table with all that leads to it, by each of the names that the token has there.

    Args:
        facts: of the table.
        in_new: as of `Target`.
        heirs: schemas and names of what inherits from the table, and so has its names.
    """
    own = facts.token_column
    for token in dict.fromkeys([own, *(each.token for each in facts.leading if each.token)]):
        leading = frozenset((each.schema, each.name) for each in facts.leading if (each.token or own) == token)
        if token == own:
            yield Target(facts.schema, facts.name, token, facts.columns, leading | heirs, in_new)
        else:
            schema, name = min(leading)
            yield Target(schema, name, token, (), leading, in_new)
