"""Whatever stands in front of pg_catalog for a role, the harness calls none of it: names resolve to Postgres' own."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from harness.configuration.models import Table
from harness.postgres.connection import connect_once, reading
from harness.postgres.table import read_facts
from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.servers.binaries import find_binaries
from rehearsal.servers.postgres import running
from tests.support.gates import READY, entry, run_gate, run_harness, write_environments
from tests.support.namesakes import called, trap
from tests.support.preflights import of_the_table, predicted, standing
from tests.support.server_log import LOGS_STATEMENTS
from tests.support.situations import SITUATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A Postgres of this module's own, whose log holds every warning."""
    with running(find_binaries(), *LOGS_STATEMENTS) as started:
        yield started


def name_of(deployment: Deployment) -> str:
    """The name of its database."""
    return urlsplit(deployment.database).path.lstrip("/")


def test_no_namesake_is_called_by_a_gate(tmp_path: Path, server: Postgres) -> None:
    """A full run, one that only reads, and the clean-up of one that kept its rows ask Postgres' own of everything."""
    with deployed(server, variant="statements_are_counted") as deployment:
        database = name_of(deployment)
        dsn = trap(server, database)
        runs: list[tuple[list[str], dict[str, Any]]] = [([], {}), (["--read-only"], {}), ([], {"cleanup": "keep"})]
        for arguments, kept in runs:
            folder = tmp_path / f"{len(arguments)}{len(kept)}"
            folder.mkdir()
            revision = ("--revision", deployment.revision)
            run = run_gate(folder, [deployment], *revision, *arguments, database=dsn, ready=READY, **kept)
            assert called(server, database) == set()
            assert run.exit_code == (76 if kept else 0), run.out
        history = folder / "report" / "history.jsonl"
        file = write_environments(tmp_path / "again.yaml", {}, preview=entry(deployment, database=dsn))
        done = run_harness("cleanup", str(history), "--environments", str(file))
        assert done.exit_code == 0, done.out + done.err
        assert called(server, database) == set()
        with psycopg.connect(deployment.database) as connection:
            assert connection.execute("select count(*) from chatbots where name like 'smoke-%'").fetchone() == (0,)


COLUMNS = {
    "varchar": ["alter table chatbots alter name type varchar(200)"],
    "domain": ["create domain titles as varchar(200)", "alter table chatbots alter name type titles"],
    "text for an id": [
        "drop table chatbots_legacy_tokens",
        "alter table chatbots alter id drop default",
        "alter table chatbots alter id type text using id::text",
        "alter table chatbots alter id set default 'c' || gen_random_uuid()",
    ],
    "token of another type": ["alter table chatbots alter public_token type varchar(36) using public_token::text"],
}


@pytest.mark.parametrize("what", COLUMNS)
def test_columns_of_any_type_are_compared_by_postgres_own(tmp_path: Path, server: Postgres, what: str) -> None:
    """Rows are found, read and removed where a column is of a type that has fewer operators, or of the role's own."""
    with deployed(server) as deployment:
        database = name_of(deployment)
        server.run(database, COLUMNS[what])
        dsn = trap(server, database, casts=False)
        run = run_gate(tmp_path, [deployment], database=dsn)
    assert called(server, database) == set()
    assert run.check("rows_agree_with_answers")["outcome"] == "pass", run.out
    assert run.check("stored_tokens_are_distinct")["outcome"] == "pass"
    assert run.verdict["left_behind"] == []


@pytest.mark.parametrize("fault", ["stores_row_twice", "new_code_on_the_old_schema", "app_still_makes_the_token"])
def test_what_is_wrong_is_found_without_a_namesake(tmp_path: Path, server: Postgres, fault: str) -> None:
    """The statements that name offenders are sent only where there are any."""
    with deployed(server, fault) as deployment:
        database = name_of(deployment)
        dsn = trap(server, database, casts=False)
        run = run_gate(tmp_path, [deployment], "--revision", deployment.revision, database=dsn, ready=READY)
    assert called(server, database) == set()
    alarms = {id_: outcome for id_, outcome in run.outcomes("preview").items() if outcome in ("fail", "unknown")}
    expected = dict(FAULTS[fault].catches)
    assert {id_ for id_, outcome in alarms.items() if outcome == "fail"} == {
        id_ for id_, outcome in expected.items() if outcome == "fail"
    } - {"tokens_differ_between_environments"}


BEFORE = ["short_token", "null", "same_in_upper_case", "view", "referred_to", "index_lower"]


@pytest.mark.parametrize("situation", [s for s in SITUATIONS if s.name in BEFORE], ids=lambda s: s.name)
def test_no_namesake_is_called_before_a_migration(server: Postgres, situation: Any) -> None:
    """A preflight predicts the same with namesakes around as without them."""
    with standing(server, situation) as database:
        before = [str(cause) for cause in of_the_table(server, predicted(server.dsn(database)))]
        dsn = trap(server, database)
        after = [str(cause) for cause in of_the_table(server, predicted(dsn))]
        seen = called(server, database)
    assert seen == set()
    assert after == before


@pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed: nothing is soaked here")
def test_no_namesake_is_called_by_a_soak(tmp_path: Path, server: Postgres) -> None:
    """What a soak stores is looked for, judged and removed by Postgres' own."""
    with deployed(server) as deployment:
        database = name_of(deployment)
        dsn = trap(server, database)
        soak = {"attempts": 30, "users": 3, "rate": 30}
        own = entry(deployment, database=dsn, soak=soak)
        file = write_environments(tmp_path / "environments.yaml", {}, preview=own)
        report = tmp_path / "report"
        run = run_harness("soak", "--environments", str(file), "--report-dir", str(report), report_dir=report)
    assert called(server, database) == set()
    assert run.exit_code == 0, run.out + run.err
    assert json.loads((report / "verdict.json").read_text(encoding="utf-8"))["left_behind"] == []


def test_temporary_tables_of_a_session_are_no_catalog(server: Postgres) -> None:
    """A pooler hands on sessions: what an app has left there does not hide the catalog."""
    with deployed(server) as deployment, connect_once(SecretStr(deployment.database)) as connection:
        for table in ("pg_class", "pg_attribute", "pg_index", "pg_namespace"):
            connection.execute(f"create temp table {table} (oid oid)".encode())
        with reading(connection):
            facts = read_facts(connection, Table())
        assert facts.shown == "public.chatbots"
        assert connection.execute("show search_path").fetchone() == ('"$user", public',)


OWN_NAMES = {
    "function of an index": [
        "create function plain(text) returns text language sql immutable as 'select lower($1)'",
        "create function bare(text) returns text language sql immutable as 'select plain($1)'",
        "create index on chatbots (bare(name))",
    ],
    "trigger of a DELETE": [
        "create table gone (n int)",
        "grant all on gone to public",
        "create function f() returns trigger as 'begin insert into gone values (1); return null; end' language plpgsql",
        "create trigger noted after delete on chatbots for each row execute function f()",
    ],
}


@pytest.mark.parametrize("what", OWN_NAMES)
def test_functions_of_the_table_find_what_they_name(tmp_path: Path, server: Postgres, what: str) -> None:
    """A function that Postgres runs for the table's sake names things by the role's search_path, and finds them."""
    with deployed(server) as deployment:
        server.run(name_of(deployment), OWN_NAMES[what], role="app")
        run = run_gate(tmp_path, [deployment], "--revision", deployment.revision, ready=READY)
    assert run.exit_code == 0, run.out
