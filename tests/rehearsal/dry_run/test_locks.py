"""Which locks a migration takes of others, and for how long: told however short they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.migrations import real_database, rehearse

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "alter table chatbots add column a int",
            "ACCESS EXCLUSIVE on public.chatbots, which stops readers and writers",
        ),
        ("create index on chatbots (name)", "SHARE on public.chatbots, which stops writers"),
        (
            "create table a (id bigint references chatbots (id))",
            "SHARE ROW EXCLUSIVE on public.chatbots, which stops writers",
        ),
        ("begin; lock table chatbots in exclusive mode; commit", "EXCLUSIVE on public.chatbots, which stops writers"),
        ("create index concurrently on chatbots (name)", "none that stops others was seen"),
        ("update chatbots set name = name", "none that stops others was seen"),
    ],
)
def test_lock_is_told_however_short(postgres: Postgres, tmp_path: Path, statement: str, told: str) -> None:
    """Of the strongest mode, whom it stops; a statement of DDL that nobody was quick enough to see tells by itself."""
    run = rehearse(real_database(postgres), tmp_path, "set client_min_messages = error;\n" + statement)
    assert run.exit_code == 0, run.err
    assert [line.split("lock: ")[1].split(": at")[0] for line in run.err.splitlines() if "lock: " in line] == [told]
    assert "rehearsal holds" not in run.err


def test_lock_lasts_until_its_transaction_ends(postgres: Postgres, tmp_path: Path) -> None:
    """Not just as long as the statement that took it."""
    migration = "begin; alter table chatbots add column a int; select pg_sleep(0.3); commit; select pg_sleep(2)"
    file = tmp_path / "report.json"
    run = rehearse(real_database(postgres), tmp_path, migration, "--report", str(file))
    assert run.exit_code == 0, run.err
    document = json.loads(file.read_text())["migration"]
    ((held,),) = ([lock["at_most_ms"] for lock in document["locks"]],)
    assert 300 < held[0] < document["took_ms"] - 300  # of the two seconds after it, most are not counted
