"""`--traffic N`: what users would have met while a migration runs, and the lock that kept them waiting."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from rehearsal.dry_run.posting import posting
from tests.support.gates import ROOT
from tests.support.migrations import real_database, rehearse, run_rehearsal
from tests.support.servers import Request, serving

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

EXAMPLES = ROOT / "examples" / "migrations"
PLAIN = (EXAMPLES / "public_token_uuid.sql").read_text(encoding="utf-8")
SAFE = (EXAMPLES / "public_token_uuid_safe.sql").read_text(encoding="utf-8")
UUIDS = "update chatbots set public_token = gen_random_uuid()::text"
RATE = 20
# The lock lasts for a second, so that POSTs come in while it is held, however busy the machine is.
LOCKED = "begin;\nalter table chatbots add column a int;\nselect pg_sleep(1);\ncommit;\n"


def met(dsn: str, folder: Path, migration: str, exit_code: int = 0) -> dict[str, Any]:
    """What the report says of the POSTs, and what was said."""
    file = folder / "report.json"
    words = ("--traffic", str(RATE), "--report", str(file))
    run = rehearse(dsn, folder, migration, *words)
    assert run.exit_code == exit_code, run.err
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["traffic"]
    assert [phase["name"] for phase in found["phases"]] == ["before", "meanwhile", "after"]
    return {**found, **{phase["name"]: phase for phase in found["phases"]}, "err": run.err}


def test_posts_wait_for_the_lock_that_is_named(postgres: Postgres, tmp_path: Path) -> None:
    """Its table, its mode and the line that took it; nobody waits before and after."""
    found = met(real_database(postgres), tmp_path, LOCKED)
    assert found["before"]["posts"] >= RATE
    assert (found["before"]["failed"], found["before"]["waited"]) == (0, 0)
    assert found["meanwhile"]["waited"] > 1
    assert found["meanwhile"]["failed"] == 0
    assert found["meanwhile"]["slowest_ms"] > 500
    lock = found["lock"]
    assert (lock["table"], lock["mode"], lock["line"]) == ("public.chatbots", "ACCESS EXCLUSIVE", 2)
    assert lock["statement"] == "alter table chatbots add column a int"
    assert "they waited for ACCESS EXCLUSIVE on public.chatbots, taken by line 2: alter table chatbots" in found["err"]


def test_the_plain_migration_fails_and_the_old_code_serves_on(postgres: Postgres, tmp_path: Path) -> None:
    """On short tokens nothing is changed: POSTs are answered as before, also after it."""
    if not postgres.has_uuid_ossp:
        pytest.skip("the plain migration needs uuid-ossp")
    dsn = real_database(postgres)
    found = met(dsn, tmp_path, PLAIN, exit_code=1)
    assert found["failure"].startswith("line 7: 22P02: invalid input syntax for type uuid: ")
    assert re.fullmatch("tokens of [678] characters", found["tokens"])
    assert found["after"]["posts"] >= RATE
    assert (found["meanwhile"]["failed"], found["after"]["failed"]) == (0, 0)
    with psycopg.connect(dsn) as connection:
        tokens = [token for (token,) in connection.execute("select public_token from chatbots")]
    assert not [token for token in tokens if token in found["failure"]]


def test_the_safe_migration_fails_nobody_until_its_swap(postgres: Postgres, tmp_path: Path) -> None:
    """From then on the old code sends what is no uuid, until the new code is deployed; that is said of it."""
    found = met(real_database(postgres), tmp_path, SAFE)
    assert found["failure"] is None
    assert found["after"]["failed"] == found["after"]["posts"] >= RATE
    assert found["after"]["causes"] == {"500, 22P02": found["after"]["posts"]}
    assert "after it, until the new code is deployed: " in found["err"]
    assert "500, 22P02: the app sends its own token, which is not a UUID" in found["err"]


def test_an_app_that_sends_uuids_goes_on(postgres: Postgres, tmp_path: Path) -> None:
    """Where all stored tokens are UUIDs the app sends such ones, which a uuid column takes."""
    found = met(real_database(postgres, [UUIDS]), tmp_path, SAFE)
    assert found["tokens"] == "UUIDs"
    assert [phase["failed"] for phase in found["phases"]] == [0, 0, 0]


def test_a_migration_that_only_fails_while_it_is_used_is_told(postgres: Postgres, tmp_path: Path) -> None:
    """Alone it passes, which stays the outcome: the row of a POST made meanwhile is in its way."""
    migration = (
        "alter table chatbots add check (name not like 'traffic-%') not valid;\n"
        "alter table chatbots drop constraint chatbots_name_check;\n"
        "alter table chatbots add constraint none_meanwhile check (name not like 'traffic-%');\n"
    )
    found = met(real_database(postgres), tmp_path, migration)
    assert found["failure"].startswith("line 3: 23514: ")
    assert "with POSTs THE MIGRATION FAILS: line 3: 23514" in found["err"]


@pytest.mark.parametrize("rate", ["0", "101", "-1", "many", "2.5"])
def test_a_rate_that_cannot_be_is_refused(tmp_path: Path, rate: str) -> None:
    """Exit 2, before anything is read."""
    run = rehearse("postgresql://nobody@127.0.0.1:1/none", tmp_path, LOCKED, "--traffic", rate)
    assert run.exit_code == 2
    assert "POSTs a second, from 1 to 100" in run.err


def test_it_goes_with_a_migration_only(tmp_path: Path) -> None:
    """Exit 2."""
    run = run_rehearsal("--traffic", "5", "--", sys.executable, "-c", "")
    assert run.exit_code == 2
    assert "--traffic goes with --schema-of" in run.err


def test_an_app_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A POST ends when its time is over, no more than some are under way, and what was not sent is counted."""

    def hangs(request: Request) -> None:
        request.server.closed.wait(10)

    monkeypatch.setattr("rehearsal.dry_run.posting.PATIENCE_S", 1)
    monkeypatch.setattr("rehearsal.dry_run.posting.MOST_UNDER_WAY", 3)
    with serving(hangs) as server, posting(server.url, 50) as sender:
        sender.wait_for(2)
    assert sender.withheld > 0
    assert {post.failure for post in sender.posts} == {"no answer (TimeoutError)"}
