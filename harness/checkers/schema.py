"""Pure judgements of what the catalog says: table facts in, offending items out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.postgres import comments

if TYPE_CHECKING:
    from harness.postgres.rows import SequenceState
    from harness.postgres.table import Index, TableFacts


def without_comments(source: str) -> str:
    """A function's source without its comments, each run of blanks as one; strings stay."""
    return re.sub(r"\s+", " ", comments.without_comments(source, in_dollars=True)).strip()


def uses(source: str, column: str) -> bool:
    """Whether a function's source names a column, for more than whether it is NULL or changes."""
    named = rf'(?i)(?<!\w)"?{re.escape(column)}"?(?!\w)'
    bare = re.sub(rf"{named} is (?:not )?(?:null\b|distinct from old ?\.{named[4:]})", "", without_comments(source))
    return re.search(named, bare) is not None


def is_unique_by(index: Index) -> bool:
    """Whether this index alone guarantees, now and for every row, that no token is stored twice (pg_index)."""
    return not shortcomings(index)


def shortcomings(index: Index) -> list[str]:
    """Why an index does not guarantee it, one word each."""
    reasons = {
        "not unique": not index.unique,
        "invalid": not index.valid,
        "not ready": not index.ready,
        "being dropped": not index.live,
        "deferrable": index.unique and not index.immediate,
        "of several columns": index.key_columns != 1,
        "partial": index.partial,
        "on an expression": index.expressions or (index.key_columns == 1 and not index.leads_with_token),
    }
    return [reason for reason, holds in reasons.items() if holds]


def extraordinary(facts: TableFacts) -> list[str]:
    """In what way the table is not an ordinary permanent one."""
    kinds = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}
    found = [kinds[facts.relkind]] if facts.relkind in kinds else []
    if facts.relpersistence == "u":
        found.append("unlogged: a crash empties it")
    if facts.relpersistence == "t":
        found.append("temporary")
    if facts.is_partition_of:
        found.append(f"only a partition of {facts.is_partition_of}")
    if facts.children:
        found.append(f"inherited by {', '.join(facts.children)}: its unique index does not reach their rows")
    if facts.parents and facts.token_inherited:
        found.append(f"inherits its token column from {', '.join(facts.parents)}: no index spans both")
    return found


def is_behind(sequence: SequenceState) -> bool:
    """Whether the next id of the sequence lies at or before an id that is stored."""
    if sequence.extreme_id is None:
        return False
    if sequence.increment > 0:
        return sequence.next_id <= sequence.extreme_id
    return sequence.next_id >= sequence.extreme_id
