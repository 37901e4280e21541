"""Pure judgements of what the catalog says: table facts in, offending items out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.errors import CouldNotTell

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


def overriding(facts: TableFacts) -> list[str]:
    """Triggers, rules and generated columns that decide the token instead of the column's default."""
    sets = _assignment_to(facts.token_column)
    found = [
        f"trigger {t.name} calls {t.function}, which sets {facts.token_column}"
        for t in facts.triggers
        if (t.before_insert or t.instead_of) and _sets_on_insert(_without_comments(t.source), sets)
    ]
    updates = re.compile(rf'(?i)\bupdate\b[^;]*\bset\b[^;]*(?<![\w.])"?{re.escape(facts.token_column)}"?(?!\w)')
    found += [
        f"rule {rule.name} rewrites INSERT"
        for rule in facts.insert_rules
        if rule.instead or updates.search(rule.definition)
    ]
    if facts.token_generated:
        found.append(f"column {facts.token_column} is GENERATED ALWAYS AS")
    return found


def demand_readable_triggers(facts: TableFacts) -> None:
    """Refuse to call a trigger harmless that hands the whole row to another function.

    Raises:
        CouldNotTell: the cause names the triggers.
    """
    opaque = [
        f"{t.name} ({t.function})"
        for t in facts.triggers
        if t.before_insert and _HANDS_ON.search(_without_comments(t.source))
    ]
    if opaque:
        raise CouldNotTell(
            f"a trigger before INSERT lets another function make the row: {', '.join(opaque)}",
            "look whether that function sets the token, and let the trigger set its columns by name",
        )


# NEW as a whole, assigned or returned from a call; the functions of Postgres itself name the fields that they set.
_HANDS_ON = re.compile(
    r"(?i)(?:(?:^|;|\b(?:begin|then|else|loop)\b) ?new ?:?=|\breturn\b) ?"
    r'(?!(?:pg_catalog\.)?(?:jsonb?_)?populate_record\b)[\w."]+ ?\('
)


def _sets_on_insert(source: str, sets: re.Pattern[str]) -> bool:
    """Whether a source sets what `sets` finds when a row is inserted, and to something else than it was.

    Not counted: what stands behind a test for TG_OP = 'UPDATE', a value taken from OLD, and a value for where there is
    none (COALESCE, IF .. IS NULL), since the default is in place before a trigger runs.
    """
    for match in sets.finditer(source):
        operations = re.findall(r"(?i)\btg_op ?= ?'(\w+)'", source[: match.start()])
        if operations and operations[-1].upper() == "UPDATE":
            continue
        before = source[: match.start() + match[0].lower().find("new")].rstrip()
        if re.search(r'(?i)\bif new ?\. ?[\w"]+ is null then$', before):
            continue
        if re.match(r"(?i) ?(?:old\b|coalesce ?\( ?new ?\.)", source[match.end() :]):
            continue
        return True
    return False


def _assignment_to(column: str) -> re.Pattern[str]:
    """What sets a column of NEW in PL/pgSQL (or of TD["new"] in PL/Python), in a source whose blanks are single.

    An assignment (`=` is one only where a statement begins, elsewhere it compares), a target of INTO, or a whole NEW
    that is made from a record which names the column.
    """
    field = rf'\bnew ?\. ?"?{re.escape(column)}"?(?!\w)'
    key = rf"""["']{re.escape(column)}(?!\w)"""
    begins = r"(?:^|;|\b(?:begin|then|else|loop)\b) ?"
    return re.compile(
        rf"(?i){field} ?:=|{begins}{field} ?=(?!=)|"
        rf'(?<!insert )\binto (?:strict )?(?:[\w."]+ ?, ?)*{field}|'
        rf"(?:{begins}new ?:?=|\breturn\b)[^;]*{key}|{key}[^;]*\binto (?:strict )?new\b(?! ?\.)|"
        rf"""\[["']new["']\] ?\[{key}["']\] ?=(?!=)"""
    )


def _without_comments(source: str) -> str:
    """A function's source without its comments, each run of blanks as one; strings stay."""
    bare = re.sub(r"(?s)('(?:[^']|'')*')|--[^\n]*|/\*.*?\*/", lambda match: match[1] or " ", source)
    return re.sub(r"\s+", " ", bare).strip()


def uses(source: str, column: str) -> bool:
    """Whether a function's source names a column, for more than whether it is NULL or changes."""
    named = rf'(?i)(?<!\w)"?{re.escape(column)}"?(?!\w)'
    bare = re.sub(rf"{named} is (?:not )?(?:null\b|distinct from old ?\.{named[4:]})", "", _without_comments(source))
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
