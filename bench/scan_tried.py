"""What was tried on the scan of the stored tokens

`kept` is in the gate, for so many rows; the others answer the same question, or a part of it that is named. `alone` is
the least that a part of it costs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from bench.measuring import in_turns, ratio, shown
from bench.results import table as as_table
from bench.scan import ALONE, FLOOR, GROUP_BY
from bench.tables import SIZES, table, within_transaction
from harness.configuration.models import Table
from harness.postgres.connection import reading
from harness.postgres.table import read_facts
from harness.postgres.token_scan import (
    FEWEST_FOR_HALVES,
    FEWEST_FOR_PARTS,
    FROM_THE_HEAP,
    LARGEST_FOR_HALVES,
    SCAN_SETTINGS,
    Shape,
    halves_query,
    hashes_query,
    scan_query,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts

GROUPED = "GROUP BY, heap"
HASH = "uuid_hash_extended(public_token, 0)"
PASSES = 8
BUCKET_BITS = 24
MOST_ROUNDS = 1  # of the largest table: a round takes half a minute


def measure(rounds: int) -> str:
    """A table of medians and ratios for each size."""
    parts = []
    for rows in SIZES:
        largest = rows == SIZES[-1]
        turns = min(rounds, MOST_ROUNDS) if largest else rounds
        with table(rows) as connection:
            with reading(connection):
                facts = read_facts(connection, Table())
            variants = _variants(connection, facts, rows)
            if not largest:
                variants |= _far_behind(connection)
            if rows < FEWEST_FOR_HALVES:
                variants |= _of_few(connection, facts)
            timings = in_turns(variants, turns, warm_up=not largest)
        floor, group_by = timings["floor"].wall_s, timings[GROUPED].wall_s
        lines = [
            [
                name,
                shown([1000 * s for s in timing.wall_s], "ms", 1 if rows < FEWEST_FOR_HALVES else 0),
                ratio(timing.wall_s, floor),
                ratio(timing.wall_s, group_by),
            ]
            for name, timing in timings.items()
        ]
        head = [f"{rows:,} rows, rounds: {turns}", "time", "over the floor", f"over {GROUPED}"]
        parts.append(as_table(head, lines))
    return "\n\n".join(parts)


def _variants(connection: Connection, facts: TableFacts, rows: int) -> dict[str, Callable[[], object]]:
    version_4 = _version_4(facts)
    share = LARGEST_FOR_HALVES / rows
    heap = [FROM_THE_HEAP, ALONE]

    def told(*statements: str) -> Callable[[], object]:
        return lambda: within_transaction(connection, statements)

    distinct = f"SELECT count(DISTINCT {HASH}) FROM chatbots"
    quarters = " UNION ALL ".join(f"{distinct} WHERE public_token {where}" for where in _quarters())
    return {
        "floor": told(*heap, FLOOR),
        GROUPED: told(FROM_THE_HEAP, GROUP_BY),
        f"kept from {FEWEST_FOR_HALVES:,}: counts by halves, one worker": _counts(connection, facts, Shape.HALVES),
        f"kept from {FEWEST_FOR_PARTS:,}: distinct and versions apart, one worker": _counts(
            connection, facts, Shape.APART
        ),
        "kept below: counts in one piece": _counts(connection, facts, Shape.ONE_PIECE),
        "count(DISTINCT hash) alone": told(*heap, distinct),
        "the same, split in four for workers": told(FROM_THE_HEAP, quarters),
        "version alone": told(*heap, f"SELECT count(*) FILTER (WHERE NOT ({version_4})) FROM chatbots"),
        "version alone, uuid_send() once": told(
            *heap,
            "SELECT count(*) FILTER (WHERE NOT (get_byte(b, 6) & 240 = 64 AND get_byte(b, 8) & 192 = 128)) "
            "FROM (SELECT uuid_send(public_token) AS b FROM chatbots OFFSET 0) AS sent",
        ),
        "a sample of 1 % first, which finds one pair in 10,000": told(
            *heap, f"SELECT count(public_token) - count(DISTINCT {HASH}) FROM chatbots TABLESAMPLE SYSTEM (1)"
        ),
        "kept: sampled halves as hashes": told(FROM_THE_HEAP, hashes_query(facts, share=share).as_string()),
        "sampled halves as bytes": told(FROM_THE_HEAP, halves_query(facts, share=share).as_string()),
    }


def _far_behind(connection: Connection) -> dict[str, Callable[[], object]]:
    """What takes one and a half times what is kept, or more, of a million rows: nobody has to wait for ten."""

    def told(*statements: str) -> Callable[[], object]:
        return lambda: within_transaction(connection, statements)

    heap = [FROM_THE_HEAP, ALONE]
    distinct = f"SELECT count(DISTINCT {HASH}) FROM chatbots"
    each = [f"{distinct} WHERE {HASH} & {PASSES - 1} = {number}" for number in range(PASSES)]
    buckets = f"SELECT {HASH} >> {64 - BUCKET_BITS} AS b FROM chatbots GROUP BY 1 HAVING count(*) > 1"
    return {
        f"{PASSES} passes over a part of the hashes each": told(*heap, *each),
        "hash aggregate of hashes": told(*heap, f"SELECT count(*) FROM (SELECT {HASH} FROM chatbots GROUP BY 1) AS g"),
        "sorted hashes beside their neighbour": told(
            *heap,
            f"SELECT count(*) FROM (SELECT {HASH} AS h, lag({HASH}) OVER (ORDER BY {HASH}) AS l FROM chatbots) AS s "
            "WHERE h = l",
        ),
        f"radix: {BUCKET_BITS} bits counted, first of two passes": told(
            *heap, f"SELECT count(*) FROM ({buckets}) AS b"
        ),
        "8-byte hashes to the client by COPY, looked at no further": lambda: _copied(connection),
    }


def _counts(connection: Connection, facts: TableFacts, shape: Shape) -> Callable[[], object]:
    return lambda: within_transaction(connection, [SCAN_SETTINGS, scan_query(facts, shape).as_string()])


def _of_few(connection: Connection, facts: TableFacts) -> dict[str, Callable[[], object]]:
    """What was tried where everything fits into work_mem, and a worker takes a fifth of the time to begin."""

    def told(*statements: str) -> Callable[[], object]:
        return lambda: within_transaction(connection, [FROM_THE_HEAP, *statements])

    halves = " + ".join(f"count(DISTINCT {HASH}) FILTER (WHERE {HASH} {side} 0)" for side in ("<", ">="))
    return {
        "counts by halves, two workers": told(scan_query(facts, Shape.HALVES).as_string()),
        "distinct and versions apart, two workers": told(scan_query(facts, Shape.APART).as_string()),
        "count(DISTINCT hash) alone, work_mem 64 MB": told(
            ALONE, "SET LOCAL work_mem = '64MB'", f"SELECT count(DISTINCT {HASH}) FROM chatbots"
        ),
        "count(DISTINCT hash of 4 bytes) alone, of which some are equal": told(
            ALONE, "SELECT count(DISTINCT uuid_hash(public_token)) FROM chatbots"
        ),
        "count(DISTINCT public_token) alone": told(ALONE, "SELECT count(DISTINCT public_token) FROM chatbots"),
        "two sorts of half of the hashes each, alone": told(ALONE, f"SELECT {halves} FROM chatbots"),
        "hashes alone, not compared": told(ALONE, f"SELECT max({HASH}) FROM chatbots"),
        "floor by one worker more": told(
            "SET LOCAL max_parallel_workers_per_gather = 1",
            "SET LOCAL parallel_setup_cost = 0",
            "SET LOCAL min_parallel_table_scan_size = 0",
            FLOOR,
        ),
    }


def _version_4(facts: TableFacts) -> str:
    """The condition as the scan has it."""
    return scan_query(facts).as_string().partition("FILTER (WHERE NOT (")[2].rpartition(")) AS others")[0]


def _quarters() -> list[str]:
    edges = [f"'{digit}0000000-0000-0000-0000-000000000000'" for digit in "48c"]
    between = [f">= {low} AND public_token < {high}" for low, high in pairwise(edges)]
    return [f"< {edges[0]}", *between, f">= {edges[-1]}"]


def _copied(connection: Connection) -> None:
    connection.execute("BEGIN READ ONLY")
    try:
        with connection.cursor().copy(f"COPY (SELECT {HASH} FROM chatbots) TO STDOUT (FORMAT binary)".encode()) as copy:
            for _ in copy:
                pass
    finally:
        connection.execute("ROLLBACK")
