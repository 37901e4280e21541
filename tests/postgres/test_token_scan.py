"""The scan of all stored tokens on a real Postgres: the same counts in one piece and split among workers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from harness.configuration.models import Table
from harness.postgres.connection import connect, reading
from harness.postgres.table import read_facts
from harness.postgres.token_scan import hashes_query, planned_scan, scan_query, scan_tokens
from harness.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.postgres.connection import Connection
    from harness.postgres.token_scan import StoredTokens
    from rehearsal.servers.postgres import Postgres

SPLIT = "set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0; set parallel_tuple_cost = 0"
WHOLE = "set max_parallel_workers_per_gather = 0"
EDGES = ["00000000-0000-4000-8000-000000000000", "7fffffff-ffff-4fff-bfff-fffffffffffe"]
EDGES += ["80000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff"]  # no half stands twice


@pytest.fixture(autouse=True)
def _however_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.postgres.token_scan.FEWEST_FOR_SPLIT", 0)


@pytest.fixture
def table(postgres: Postgres) -> Iterator[Connection]:
    """A session on a database with a table that holds nothing yet and guards nothing."""
    name = postgres.new_name("scanned")
    with connect(SecretStr(postgres.create_database(name))) as connection:
        connection.execute("create table chatbots (id serial primary key, name text, public_token uuid)")
        yield connection
    postgres.drop_database(name)


def scanned(connection: Connection, tokens: list[str | UUID | None], settings: str) -> StoredTokens:
    """What the scan finds where the table holds these tokens."""
    connection.execute("truncate chatbots")
    with connection.cursor() as cursor:
        cursor.executemany("insert into chatbots (public_token) values (%s)", [(token,) for token in tokens])
    connection.execute("analyze chatbots")
    connection.execute(settings.encode())
    with reading(connection):
        facts = read_facts(connection, Table())
        plan = "".join(line for (line,) in connection.execute(b"explain " + scan_query(facts, split=True).as_bytes()))
        assert ("Gather" in plan) == (settings == SPLIT)
        progress = Progress()
        found = scan_tokens(connection, facts, progress)
        assert progress.what.startswith("scanning about ")
        return found


def test_a_small_table_is_read_once(table: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the server plans: its workers take longer to begin than they save."""
    for fewest, split in [(1, True), (1_000_000, False)]:
        monkeypatch.setattr("harness.postgres.token_scan.FEWEST_FOR_SPLIT", fewest)
        scanned(table, [uuid4() for _ in range(50)], SPLIT)
        with reading(table):
            _, nodes, _ = planned_scan(table, read_facts(table, Table()))
        assert ("Append" in nodes) == split


@pytest.mark.parametrize("settings", [WHOLE, SPLIT])
def test_every_token_is_counted_once(table: Connection, settings: str) -> None:
    """Of either side of the middle, on it, and NULL; what is stored twice and of another version is named."""
    others = ["80000000-0000-0000-0000-000000000000", "00000000-0000-1000-8000-000000000000"]
    twice = [EDGES[1], EDGES[2], EDGES[2]]
    found = scanned(table, [*EDGES, *others, *twice, None, None, *(uuid4() for _ in range(50))], settings)
    assert (found.rows, found.tokens, found.nulls, found.surplus, found.not_version_4) == (61, 59, 2, 3, 2)
    assert found.repeated == ((f"{str(EDGES[2])[:3]}…", 3), (f"{str(EDGES[1])[:3]}…", 2))
    assert sorted(token.get_secret_value() for _, token in found.other_versions) == sorted(others)
    assert not any(token in repr(found) for token in others)  # a traceback may show it
    assert found.repeated_tokens == 2
    assert [len(ids) for ids in found.repeated_ids] == [3, 2]
    assert (found.sample.tokens, found.sample.first_halves, found.sample.last_halves) == (54, 54, 54)
    assert found.index_nodes == ()


@pytest.mark.parametrize("settings", [WHOLE, SPLIT])
def test_halves_that_stand_twice_are_counted_exactly(table: Connection, settings: str) -> None:
    """A first and two last halves, of distinct tokens; what is of another version is left out, as is NULL."""
    first = ["11111111-1111-4111-8aaa-aaaaaaaaaaaa", "11111111-1111-4111-8bbb-bbbbbbbbbbbb"]
    last = ["22222222-2222-4222-8ccc-cccccccccccc", "33333333-3333-4333-8ccc-cccccccccccc"]
    last += ["44444444-4444-4444-8bbb-bbbbbbbbbbbb"]
    found = scanned(table, [*first, *last, "11111111-1111-1111-8aaa-aaaaaaaaaaaa", None], settings)
    assert (found.surplus, found.not_version_4) == (0, 1)
    assert (found.sample.tokens, found.sample.first_halves, found.sample.last_halves) == (5, 4, 3)


def test_halves_are_counted_by_two_workers_where_there_are_any(table: Connection) -> None:
    """The plan of the hashes has a Gather over two scans of the table."""
    scanned(table, [*EDGES], SPLIT)
    with reading(table):
        facts = read_facts(table, Table())
        plan = "".join(line for (line,) in table.execute(b"explain " + hashes_query(facts).as_bytes()))
    assert "Gather" in plan
    assert plan.count("Seq Scan") == 2
