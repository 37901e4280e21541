"""A scan of every stored token.

It reads the heap. A query for duplicates is otherwise planned on the unique index, and an index that misses rows
would answer that there are none.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, LiteralString, NamedTuple

from psycopg import sql
from pydantic import SecretStr

from harness.errors import CouldNotTell
from harness.history.token_sample import Sample
from harness.postgres.id_types import INTEGERS
from harness.postgres.identifiers import as_text, as_uuid
from harness.postgres.uuid_v4 import is_uuid_text, is_version_4
from harness.redaction.row_values import masked_token, shown_id

if TYPE_CHECKING:
    from harness.postgres.connection import Connection
    from harness.postgres.identifiers import Names
    from harness.postgres.table import TableFacts
    from harness.progress import Progress

EXAMPLES = 10
IDS_OF_ONE = 3  # rows of one token that are named


class Ages(NamedTuple):
    """Which rows hold the tokens of other versions, by their integer ids.

    `accepted` counts those of rows up to `stored.legacy_until`. Of the others, `last_id` is the highest id, None where
    there is none. `first_version_4_id` is the lowest id whose token is of version 4.
    """

    accepted: int
    last_id: int | None
    first_version_4_id: int | None

    @property
    def all_before_the_first_version_4(self) -> bool:
        """Whether rows with other tokens were stored before the first row of version 4, and none since."""
        first = self.first_version_4_id
        return self.last_id is not None and first is not None and self.last_id < first


class StoredTokens(NamedTuple):
    """The scan of the whole table: counts, and examples of what is wrong.

    `index_nodes` names the plan nodes that read an index instead of the heap; the counts prove nothing unless empty.
    `surplus` is the number of tokens beyond the first of their value, and `repeated_tokens` that of such values.
    `repeated_ids` are ids of rows of each in `repeated`. A token opens somebody's chatbot, and an id may be a mail
    address: tokens in `repeated` are masked, ids that may name somebody everywhere, and a traceback shows none.
    `not_version_4` leaves out what `stored.legacy_until` accepts; `other_versions` has examples as (id, token). `ages`
    is None where all tokens are of version 4, and where ids are no integers; `update` gives new tokens to those rows.
    """

    rows: int
    tokens: int
    surplus: int
    not_version_4: int
    index_nodes: tuple[str, ...]
    repeated: tuple[tuple[str, int], ...]
    other_versions: tuple[tuple[str, SecretStr], ...]
    sample: Sample
    ages: Ages | None = None
    update: str = ""
    repeated_tokens: int = 0
    repeated_ids: tuple[tuple[str, ...], ...] = ()

    @property
    def nulls(self) -> int:
        """Rows without a token."""
        return self.rows - self.tokens


# Equal tokens have equal hashes, so as many hashes as tokens proves that all differ; fewer is looked into exactly.
_HASH_OF_UUID: LiteralString = "uuid_hash_extended({token}, 0)"
_HASH_OF_TEXT: LiteralString = 'hashtextextended({text} COLLATE "C", 0)'
FROM_THE_HEAP: LiteralString = (
    "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off"
)

# Two processes count at once, and one of them is the session's own: a second worker would begin and find nothing to do.
# As texts: a cast to a number may be one that somebody has made in this database.
_ONE_WORKER: LiteralString = (
    "SELECT set_config('max_parallel_workers', '1', true) WHERE current_setting('max_parallel_workers') <> '0'"
)
SCAN_SETTINGS: LiteralString = FROM_THE_HEAP + "; " + _ONE_WORKER


class Shape(StrEnum):
    """How the counts are made. `count(DISTINCT ..)` has no parallel plan, but two of them beside each other have.

    `APART` reads the whole table twice: one process counts distinct hashes while another one counts versions. `HALVES`
    counts all of the lower and of the upper half of all UUIDs: each process reads the whole table, and sorts its part.
    """

    ONE_PIECE = "one piece"
    APART = "apart"
    HALVES = "halves"


class PlannedScan(NamedTuple):
    """A scan, its shape, the types of its plan's nodes, and how many rows it will about read."""

    query: sql.Composed
    shape: Shape
    nodes: tuple[str, ...]
    rows: int


# The middle of all UUIDs in Postgres' order, which compares bytes: equal tokens are on the same side of it.
_MIDDLE: LiteralString = "'80000000-0000-0000-0000-000000000000'::uuid"


def _text(names: Names) -> sql.Composed:
    return as_text(sql.Identifier(names.token_column), names.token_type)


def _is_version_4(names: Names) -> sql.Composed:
    is_uuid = names.token_type == "uuid"
    return is_version_4(sql.Identifier(names.token_column) if is_uuid else _text(names), is_uuid=is_uuid)


def scan_query(names: Names, shape: Shape = Shape.ONE_PIECE) -> sql.Composed:
    """Selects (rows, tokens, tokens beyond the distinct hashes, tokens of another version), all counts."""
    is_uuid, token = names.token_type == "uuid", sql.Identifier(names.token_column)
    distinct = sql.SQL(
        "SELECT count(*) AS n, count({token}) AS tokens, count({token}) - count(DISTINCT {hashed}) AS surplus"
    ).format(
        token=token,
        hashed=sql.SQL(_HASH_OF_UUID if is_uuid else _HASH_OF_TEXT).format(token=token, text=_text(names)),
    )
    others = sql.SQL("count(*) FILTER (WHERE NOT ({})) AS others").format(_is_version_4(names))  # which NULL is not
    table = names.identifier
    if shape is Shape.APART:
        parts = sql.SQL(
            "{distinct}, 0::bigint AS others FROM {table} "
            "UNION ALL SELECT 0::bigint, 0::bigint, 0::bigint, {others} FROM {table}"
        ).format(distinct=distinct, others=others, table=table)
    else:
        counts = sql.SQL("{distinct}, {others} FROM {table}").format(distinct=distinct, others=others, table=table)
        if shape is Shape.ONE_PIECE:
            return counts
        parts = sql.SQL(
            "{counts} WHERE {token} < {middle} UNION ALL {counts} WHERE {token} >= {middle} OR {token} IS NULL"
        ).format(counts=counts, token=token, middle=sql.SQL(_MIDDLE))
    return sql.SQL(
        "SELECT sum(n)::bigint, sum(tokens)::bigint, sum(surplus)::bigint, sum(others)::bigint FROM ({}) AS parts"
    ).format(parts)


def scan_tokens(
    connection: Connection, facts: TableFacts, progress: Progress, legacy_until: int | None = None
) -> StoredTokens:
    """Count every stored token in one statement that reads the heap; name offenders only where there are any.

    Args:
        connection: inside a transaction.
        facts: of the table.
        progress: told what is under way.
        legacy_until: rows up to this id may hold a UUID of any version.
    """
    token = sql.Identifier(facts.token_column)
    id_ = as_text(sql.Identifier(facts.id_column), facts.id_type)
    names = {"token": token, "text": _text(facts), "id": id_, "table": facts.identifier}
    connection.execute(SCAN_SETTINGS)
    planned = planned_scan(connection, facts)
    scanning = f"scanning about {planned.rows:,} stored tokens"
    progress.now(scanning, "duplicates, NULLs and versions")
    counted = connection.execute(planned.query).fetchone()
    if counted is None:
        raise CouldNotTell(
            "the scan of the stored tokens returned no row", "run again; this is not expected of Postgres"
        )
    rows, tokens, surplus, others = counted
    repeated: tuple[tuple[str, int], ...] = ()
    repeated_tokens, repeated_ids = 0, list[tuple[str, ...]]()
    if surplus:
        query = sql.SQL(
            "SELECT {text}, count(*), count(*) OVER () FROM {table} WHERE {token} IS NOT NULL "
            "GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT {limit}"
        ).format(limit=sql.Literal(EXAMPLES), **names)
        found = connection.execute(query).fetchall()
        repeated = tuple((masked_token(text), number) for text, number, _ in found)
        repeated_tokens = found[0][2] if found else 0
        of_one = sql.SQL("SELECT {id} FROM {table} WHERE {text} = {wanted}::text LIMIT {limit}")
        for text, _, _ in found:
            query = of_one.format(wanted=sql.Literal(text), limit=sql.Literal(IDS_OF_ONE), **names)
            repeated_ids.append(tuple(shown_id(id_) for (id_,) in connection.execute(query)))
        surplus = surplus if repeated else 0  # two values may share a hash; only equal ones are duplicates
    other_versions: tuple[tuple[str, SecretStr], ...] = ()
    ages, update = None, ""
    if others:
        ages = _ages(connection, facts, legacy_until)
        wrong = _not_accepted(facts, legacy_until if ages is not None else None)
        query = sql.SQL("SELECT {id}, {text} FROM {table} WHERE {wrong} LIMIT {limit}").format(
            wrong=wrong, limit=sql.Literal(EXAMPLES), **names
        )
        other_versions = tuple((shown_id(id_), SecretStr(text)) for id_, text in connection.execute(query))
        update = sql.SQL("UPDATE {table} SET {token} = DEFAULT WHERE {wrong}").format(wrong=wrong, **names).as_string()
    progress.now(scanning, "halves and bits")
    sample = sample_tokens(connection, facts, rows, repeated=surplus > 0, mixed=others > 0)
    index_nodes = tuple(node for node in planned.nodes if "Index" in node)
    others -= ages.accepted if ages is not None else 0
    return StoredTokens(
        rows,
        tokens,
        surplus,
        others,
        index_nodes,
        repeated,
        other_versions,
        sample,
        ages,
        update if others else "",
        repeated_tokens,
        tuple(repeated_ids),
    )


def _not_accepted(names: Names, legacy_until: int | None) -> sql.Composed:
    """The condition on rows whose token is neither of version 4, nor a UUID of a row up to `legacy_until`."""
    other = sql.SQL("NOT ({})").format(_is_version_4(names))  # which NULL is not
    if legacy_until is None:
        return other
    later = sql.SQL("{} > {}").format(sql.Identifier(names.id_column), sql.Literal(legacy_until))
    if names.token_type == "uuid":
        return sql.SQL("{} AND {}").format(later, other)
    return sql.SQL("({} OR NOT ({})) AND {}").format(later, is_uuid_text(_text(names)), other)


def _ages(connection: Connection, facts: TableFacts, legacy_until: int | None) -> Ages | None:
    """Which rows hold tokens that are not of version 4; None where ids are no integers, and so tell no age."""
    if facts.id_type not in INTEGERS:
        return None
    version_4 = _is_version_4(facts)
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE NOT ({version_4}) AND NOT ({wrong})), max({id}) FILTER (WHERE {wrong}),"
        " min({id}) FILTER (WHERE {version_4}) FROM {table}"
    ).format(
        version_4=version_4,
        wrong=_not_accepted(facts, legacy_until),
        id=sql.Identifier(facts.id_column),
        table=facts.identifier,
    )
    found = connection.execute(query).fetchone()
    return None if found is None else Ages(*found)


def planned_scan(connection: Connection, names: Names) -> PlannedScan:
    """The scan that takes the server least time.

    It is in parts where there are enough rows and the server plans a worker for them; else that would only read the
    table twice. Halves are the faster way as soon as the hashes of all do not fit into work_mem.
    """
    scan = scan_query(names)
    nodes, rows = _nodes(connection, scan)
    if names.token_type == "uuid" and rows >= FEWEST_FOR_PARTS:
        shape = Shape.HALVES if rows >= FEWEST_FOR_HALVES else Shape.APART
        in_parts = scan_query(names, shape)
        nodes_of_parts, read = _nodes(connection, in_parts)
        if "Gather" in nodes_of_parts[: nodes_of_parts.index("Append")]:
            rows = read if shape is Shape.HALVES else read // 2  # of which each scan reads a half, or all
            return PlannedScan(in_parts, shape, nodes_of_parts, rows)
    return PlannedScan(scan, Shape.ONE_PIECE, nodes, rows)


FEWEST_FOR_PARTS = 75_000  # rows; of fewer, a worker takes about as long to begin as it saves
FEWEST_FOR_HALVES = 250_000
LARGEST_FOR_HALVES = 2_000_000  # tokens; beyond, halves are compared on a sample of about as many
ENOUGH_FOR_BITS = 20_000
_ONES = ", ".join(f"sum(get_bit(b, {bit ^ 7}))" for bit in range(128))  # it counts from the lowest bit of each byte


def sample_tokens(connection: Connection, facts: TableFacts, rows: int, *, repeated: bool, mixed: bool) -> Sample:
    """Count halves and bits of the stored tokens of version 4.

    Args:
        connection: inside a transaction.
        facts: of the table.
        rows: about how many there are.
        repeated: whether tokens are stored twice, so that distinct ones have to be counted.
        mixed: whether tokens of other versions are stored, which have to be left out.
    """
    share = LARGEST_FOR_HALVES / max(rows, 1)
    halves = None if repeated else connection.execute(hashes_query(facts, share=share, mixed=mixed)).fetchone()
    if halves is None or min(halves) != max(halves):  # two halves may share a hash; only equal ones collide
        halves = connection.execute(halves_query(facts, share=share, distinct=repeated)).fetchone()
    bits = connection.execute(bits_query(facts, share=ENOUGH_FOR_BITS / max(rows, 1))).fetchone()
    if halves is None or bits is None:
        return Sample(0, 0, 0)
    tokens, firsts, lasts = halves
    return Sample(tokens, firsts, lasts, bits_of=bits[0], ones=tuple(bits[1:]) if bits[0] else ())


def hashes_query(names: Names, *, share: float = 1.0, mixed: bool = False) -> sql.Composed:
    """Selects (tokens, distinct hashes of their first 8 bytes, of their last 8), which two workers count at once.

    Sorting integers is cheaper than sorting bytes. `mixed` leaves out what is not of version 4.
    """
    return sql.SQL(
        "SELECT sum(tokens)::bigint, sum(firsts)::bigint, sum(lasts)::bigint FROM "
        "(SELECT count(b) AS tokens, count(DISTINCT {first}) AS firsts, 0::bigint AS lasts FROM {source} "
        "UNION ALL SELECT 0::bigint, 0::bigint, count(DISTINCT {last}) FROM {source}) AS halves"
    ).format(
        first=sql.SQL("hashtextextended(encode(substring(b for 8), 'hex') COLLATE \"C\", 0)"),
        last=sql.SQL("hashtextextended(encode(substring(b from 9), 'hex') COLLATE \"C\", 0)"),
        source=_version_4_bytes(names, share, mixed=mixed),
    )


def halves_query(names: Names, *, share: float = 1.0, distinct: bool = False) -> sql.Composed:
    """Selects (tokens, distinct first 8 bytes, distinct last 8 bytes) of the tokens of version 4."""
    return sql.SQL(
        "SELECT {tokens}, count(DISTINCT substring(b for 8)), count(DISTINCT substring(b from 9)) FROM {source}"
    ).format(tokens=sql.SQL("count(DISTINCT b)" if distinct else "count(b)"), source=_version_4_bytes(names, share))


def bits_query(names: Names, *, share: float = 1.0) -> sql.Composed:
    """Selects (tokens, how many have bit 0 set, .. bit 127 set) of the tokens of version 4, bit 0 the highest."""
    return sql.SQL("SELECT count(b), {ones} FROM {source}").format(
        ones=sql.SQL(_ONES), source=_version_4_bytes(names, share)
    )


def _version_4_bytes(names: Names, share: float, *, mixed: bool = True) -> sql.Composed:
    token = sql.Identifier(names.token_column)
    sample = sql.SQL("TABLESAMPLE SYSTEM ({}) REPEATABLE (1)").format(sql.Literal(round(100 * share, 4)))
    is_uuid = names.token_type == "uuid"
    where = sql.SQL(" WHERE {}").format(_is_version_4(names))
    return sql.SQL("(SELECT uuid_send({uuid}) AS b FROM {table}{sample}{where}) AS version_4").format(
        uuid=token if is_uuid else as_uuid(_text(names)),
        table=names.identifier,
        sample=sql.SQL(" {}").format(sample) if share < 1 else sql.SQL(""),
        # Where all are of version 4, the planner is spared a condition that it believes next to no row to meet.
        where=where if mixed else sql.SQL(""),
    )


def _nodes(connection: Connection, query: sql.Composed) -> tuple[tuple[str, ...], int]:
    """The types of the nodes of a query's plan (EXPLAIN (FORMAT JSON), "Node Type"), and how many rows its scans emit.

    The root comes first. Rows are what the planner takes from the size of the table as it is now.
    """
    row = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) {}").format(query)).fetchone()
    assert row is not None  # a plan is one row
    document = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    found: list[str] = []
    rows = 0
    pending = [document[0]["Plan"]]
    while pending:
        node = pending.pop()
        found.append(node["Node Type"])
        if "Relation Name" in node:
            rows += round(node.get("Plan Rows", 0))
        pending.extend(node.get("Plans", []))
    return tuple(found), rows
