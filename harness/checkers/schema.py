"""Pure judgements of what the catalog says: table facts in, offending items out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.postgres import comments

if TYPE_CHECKING:
    from harness.postgres.default import DefaultEvaluation
    from harness.postgres.rows import SequenceState
    from harness.postgres.table import Default, Function, Index, TableFacts

# The functions that make version 4 UUIDs, by identity: an extension owns them, and this is their C symbol.
_GENERATORS = {("uuid-ossp", "uuid_generate_v4"), ("pgcrypto", "pg_random_uuid"), ("pgcrypto", "gen_random_uuid")}
_BUILT_IN = {"gen_random_uuid": 130000, "uuidv4": 180000}  # and the server_version_num they came with
# One call without arguments, as pg_get_expr prints it; a cast around it changes the type, not what makes the value,
# unless it cuts the value short: a UUID has 36 characters.
_CALL = re.compile(
    r'(?P<cast>\()?(?:(?:"(?:[^"]|"")+"|\w+)\.)?(?P<name>"(?:[^"]|"")+"|\w+)\(\)'
    r"(?(cast)\)::[\w ]+(?:\((?:3[6-9]|[4-9]\d|\d{3,})\))?|)"
)


def wrong_default(default: Default | None, server_version: int) -> str | None:
    """What is wrong with a column's default as a generator of version 4 UUIDs; None where it is one.

    Built-in functions leave no pg_depend row, so an expression of their name without one is the built-in itself.
    """
    if default is None:
        return "no default"
    call = _CALL.fullmatch(default.expression)
    if not default.functions:
        since = _BUILT_IN.get(call["name"]) if call else None
        return None if since is not None and server_version >= since else f"default {default.expression}"
    if call and len(default.functions) == 1:
        function = default.functions[0]
        if (function.extension, function.source) in _GENERATORS and function.language in ("c", "internal"):
            return None
    made_by = ", ".join(f"{f.schema}.{f.name} ({_owner(f)})" for f in default.functions)
    return f"default {default.expression}, which calls {made_by}"


def wrong_evaluations(evaluation: DefaultEvaluation) -> list[str]:
    """What is wrong with the values that a default made, a sentence each."""
    found = []
    if evaluation.version_4 < evaluation.times:
        found.append(f"{evaluation.times - evaluation.version_4} are no version 4 UUIDs, such as {evaluation.example}")
    if evaluation.distinct < evaluation.times:
        found.append(f"only {evaluation.distinct} are distinct")
    return [f"of {evaluation.times} values that it evaluation {what}" for what in found]


def _owner(function: Function) -> str:
    return f"of extension {function.extension}" if function.extension else f"{function.language}, of no extension"


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
