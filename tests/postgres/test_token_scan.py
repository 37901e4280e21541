"""The scan of all stored tokens on a real Postgres: the same counts in one piece, apart, and by halves."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from harness.configuration.models import Table
from harness.postgres.connection import connect, reading
from harness.postgres.table import read_facts
from harness.postgres.token_scan import SCAN_SETTINGS, Shape, hashes_query, planned_scan, scan_query, scan_tokens
from harness.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.postgres.connection import Connection
    from harness.postgres.token_scan import StoredTokens
    from rehearsal.servers.postgres import Postgres

PARALLEL = "set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0; set parallel_tuple_cost = 0"
SERIAL = "set max_parallel_workers_per_gather = 0"
EDGES = ["00000000-0000-4000-8000-000000000000", "7fffffff-ffff-4fff-bfff-fffffffffffe"]
EDGES += ["80000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff"]  # no half stands twice


@pytest.fixture(params=[Shape.ONE_PIECE, Shape.APART, Shape.HALVES])
def shape(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Shape:
    """The shape in which every table is scanned, however few rows it has."""
    wanted: Shape = request.param
    monkeypatch.setattr("harness.postgres.token_scan.FEWEST_FOR_PARTS", 0)
    monkeypatch.setattr("harness.postgres.token_scan.FEWEST_FOR_HALVES", 0 if wanted is Shape.HALVES else 1_000_000)
    return wanted


@pytest.fixture
def table(postgres: Postgres) -> Iterator[Connection]:
    """A session on a database with a table that holds nothing yet and guards nothing."""
    name = postgres.new_name("scanned")
    with connect(SecretStr(postgres.create_database(name))) as connection:
        connection.execute("create table chatbots (id serial primary key, name text, public_token uuid)")
        yield connection
    postgres.drop_database(name)


def scanned(connection: Connection, tokens: list[str | UUID | None], shape: Shape) -> StoredTokens:
    """What the scan finds where the table holds these tokens, and the server plans workers for all but one piece."""
    connection.execute("truncate chatbots")
    with connection.cursor() as cursor:
        cursor.executemany("insert into chatbots (public_token) values (%s)", [(token,) for token in tokens])
    connection.execute("analyze chatbots")
    connection.execute((SERIAL if shape is Shape.ONE_PIECE else PARALLEL).encode())
    with reading(connection):
        facts = read_facts(connection, Table())
        assert planned_scan(connection, facts).shape is shape
        progress = Progress()
        found = scan_tokens(connection, facts, progress)
        assert progress.what.startswith("scanning about ")
        return found


@pytest.mark.parametrize(
    ("parts", "halves", "wanted"), [(1_000, 1_000, Shape.ONE_PIECE), (1, 1_000, Shape.APART), (1, 1, Shape.HALVES)]
)
def test_the_shape_depends_on_the_rows(
    table: Connection, parts: int, halves: int, wanted: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small table is read once whatever the server plans: a worker takes longer to begin than it saves."""
    monkeypatch.setattr("harness.postgres.token_scan.FEWEST_FOR_PARTS", parts)
    monkeypatch.setattr("harness.postgres.token_scan.FEWEST_FOR_HALVES", halves)
    table.execute("insert into chatbots (public_token) select gen_random_uuid() from generate_series(1, 50)")
    table.execute("analyze chatbots")
    table.execute(PARALLEL)
    with reading(table):
        facts = read_facts(table, Table())
        planned = planned_scan(table, facts)
        plan = "".join(line for (line,) in table.execute(b"explain " + scan_query(facts, planned.shape).as_bytes()))
    assert planned.shape is wanted
    assert ("Parallel Append" in plan) == (wanted is not Shape.ONE_PIECE)


@pytest.mark.parametrize(("allowed", "left"), [(8, 1), (1, 1), (0, 0)])
def test_at_most_one_worker_begins(table: Connection, allowed: int, left: int) -> None:
    """And none where the server allows none; only for the transaction."""
    table.execute(f"set max_parallel_workers = {allowed}".encode())
    with reading(table):
        table.execute(SCAN_SETTINGS)
        assert table.execute("show max_parallel_workers").fetchone() == (str(left),)
    assert table.execute("show max_parallel_workers").fetchone() == (str(allowed),)


def test_every_token_is_counted_once(table: Connection, shape: Shape) -> None:
    """Of either side of the middle, on it, and NULL; what is stored twice and of another version is named."""
    others = ["80000000-0000-0000-0000-000000000000", "00000000-0000-1000-8000-000000000000"]
    twice = [EDGES[1], EDGES[2], EDGES[2]]
    found = scanned(table, [*EDGES, *others, *twice, None, None, *(uuid4() for _ in range(50))], shape)
    assert (found.rows, found.tokens, found.nulls, found.surplus, found.not_version_4) == (61, 59, 2, 3, 2)
    assert found.repeated == ((f"{str(EDGES[2])[:3]}…", 3), (f"{str(EDGES[1])[:3]}…", 2))
    assert sorted(token.get_secret_value() for _, token in found.other_versions) == sorted(others)
    assert not any(token in repr(found) for token in others)  # a traceback may show it
    assert found.repeated_tokens == 2
    assert [len(ids) for ids in found.repeated_ids] == [3, 2]
    assert (found.sample.tokens, found.sample.first_halves, found.sample.last_halves) == (54, 54, 54)
    assert found.index_nodes == ()


def test_halves_that_stand_twice_are_counted_exactly(table: Connection, shape: Shape) -> None:
    """A first and two last halves, of distinct tokens; what is of another version is left out, as is NULL."""
    first = ["11111111-1111-4111-8aaa-aaaaaaaaaaaa", "11111111-1111-4111-8bbb-bbbbbbbbbbbb"]
    last = ["22222222-2222-4222-8ccc-cccccccccccc", "33333333-3333-4333-8ccc-cccccccccccc"]
    last += ["44444444-4444-4444-8bbb-bbbbbbbbbbbb"]
    found = scanned(table, [*first, *last, "11111111-1111-1111-8aaa-aaaaaaaaaaaa", None], shape)
    assert (found.surplus, found.not_version_4) == (0, 1)
    assert (found.sample.tokens, found.sample.first_halves, found.sample.last_halves) == (5, 4, 3)


def test_halves_are_counted_by_two_workers_where_there_are_any(table: Connection) -> None:
    """The plan of the hashes has a Gather over two scans of the table."""
    table.execute(PARALLEL)
    with reading(table):
        facts = read_facts(table, Table())
        plan = "".join(line for (line,) in table.execute(b"explain " + hashes_query(facts).as_bytes()))
    assert "Gather" in plan
    assert plan.count("Seq Scan") == 2
