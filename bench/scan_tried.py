"""What was tried on the scan of the stored tokens

`kept` is in the gate; the others answer the same question, or a part of it that is named.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from bench.measuring import in_turns, ratio, shown
from bench.results import table as as_table
from bench.scan import ALONE, FLOOR
from bench.tables import SIZES, server, table, within_transaction
from harness.configuration.models import Table
from harness.postgres.connection import reading
from harness.postgres.table import read_facts
from harness.postgres.token_scan import FROM_THE_HEAP, LARGEST_FOR_HALVES, halves_query, hashes_query, scan_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts

HASH = "uuid_hash_extended(public_token, 0)"
PASSES = 8
BUCKET_BITS = 24
FEWEST_AT_MOST = 3  # rounds of the largest table: a round takes a minute


def measure(rounds: int) -> str:
    """A table of medians and ratios for each size."""
    parts = []
    with server() as postgres:
        for rows in SIZES[1:]:
            turns = rounds if rows < SIZES[-1] else min(rounds, FEWEST_AT_MOST)
            with table(postgres, rows) as connection:
                with reading(connection):
                    variants = _variants(connection, read_facts(connection, Table()), rows)
                timings = in_turns(variants, turns)
            floor = timings["floor"].wall_s
            lines = [
                [name, shown([1000 * s for s in timing.wall_s], "ms", 0), ratio(timing.wall_s, floor)]
                for name, timing in timings.items()
            ]
            head = [f"{rows:,} rows, {turns} rounds", "time", "over the floor"]
            parts.append(as_table(head, lines))
    return "\n\n".join(parts)


def _variants(connection: Connection, facts: TableFacts, rows: int) -> dict[str, Callable[[], object]]:
    one, version_4 = scan_query(facts).as_string(), _version_4(facts)
    share = LARGEST_FOR_HALVES / rows
    heap = [FROM_THE_HEAP, ALONE]

    def told(*statements: str) -> Callable[[], object]:
        return lambda: within_transaction(connection, statements)

    distinct = f"SELECT count(DISTINCT {HASH}) FROM chatbots"
    each = [f"{distinct} WHERE {HASH} & {PASSES - 1} = {number}" for number in range(PASSES)]
    quarters = " UNION ALL ".join(f"{distinct} WHERE public_token {where}" for where in _quarters())
    buckets = f"SELECT {HASH} >> {64 - BUCKET_BITS} AS b FROM chatbots GROUP BY 1 HAVING count(*) > 1"
    return {
        "floor": told(*heap, FLOOR),
        "kept: counts, split in two for workers": told(FROM_THE_HEAP, scan_query(facts, split=True).as_string()),
        "counts in one piece": told(*heap, one),
        "count(DISTINCT hash) alone": told(*heap, distinct),
        "the same, split in four for workers": told(FROM_THE_HEAP, quarters),
        "version alone": told(*heap, f"SELECT count(*) FILTER (WHERE NOT ({version_4})) FROM chatbots"),
        "version alone, uuid_send() once": told(
            *heap,
            "SELECT count(*) FILTER (WHERE NOT (get_byte(b, 6) & 240 = 64 AND get_byte(b, 8) & 192 = 128)) "
            "FROM (SELECT uuid_send(public_token) AS b FROM chatbots OFFSET 0) AS sent",
        ),
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
        "a sample of 1 % first, which finds one pair in 10,000": told(
            *heap, f"SELECT count(public_token) - count(DISTINCT {HASH}) FROM chatbots TABLESAMPLE SYSTEM (1)"
        ),
        "8-byte hashes to the client by COPY, looked at no further": lambda: _copied(connection),
        "kept: halves as hashes": told(FROM_THE_HEAP, hashes_query(facts, share=share).as_string()),
        "halves as bytes": told(FROM_THE_HEAP, halves_query(facts, share=share).as_string()),
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
