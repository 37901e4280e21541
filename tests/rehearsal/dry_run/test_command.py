"""`python -m rehearsal --schema-of DSN --migration FILE`: what a migration would do to a real table."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.dry_run.squawk import find_squawk
from rehearsal.servers.postgres import SUPERUSER
from tests.support.gates import ROOT, clean_environment
from tests.support.migrations import (
    GATE,
    PLAIN,
    SAFE,
    command_lines,
    real_database,
    rehearse,
    whole_gate,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres


PATIENCE_S = 60  # only bounds a failure


def failure(err: str) -> str:
    """What is said of a failure, from its first line on."""
    at = err.find("THE MIGRATION FAILS")
    assert at >= 0, err
    return err[at:]


def asking(query: str) -> list[str]:
    """A command that prints the first row of a query on the rehearsed database."""
    code = (
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['PREVIEW_POSTGRES_URL']) as c:\n"
        f"    print(*c.execute({query!r}).fetchone())"
    )
    return ["--", sys.executable, "-c", code]


# --- as a whole -------------------------------------------------------------------------------------------------------


def test_plain_cast_fails_on_short_tokens_and_says_all_about_it(postgres: Postgres, tmp_path: Path) -> None:
    """SQLSTATE, the statement with its lines, how many tokens and which, what has changed, what to do; exit code 1."""
    run = rehearse(real_database(postgres), tmp_path, f"-- first\n{PLAIN}", "--", sys.executable, "-c", "print('ran')")
    told = failure(run.err)
    assert run.exit_code == 1
    assert run.out == ""  # the command was not run
    assert "at line 2, after" in told
    assert "SQLSTATE 22P02" in told
    assert 'invalid input syntax for type uuid: "' in told
    assert "     4 |     alter column public_token type uuid using public_token::uuid," in told
    assert "rows: 50 of the 50 tokens here are no UUID, such as " in told
    assert "changed: nothing" in told
    assert "remedy: decide what becomes of tokens that are no UUID" in told


def test_safe_one_passes_and_so_does_the_whole_gate(postgres: Postgres, tmp_path: Path) -> None:
    """The real command verifies both deployments of the reference app on the migrated table."""
    run = rehearse(real_database(postgres), tmp_path, SAFE, *whole_gate(tmp_path))
    assert run.exit_code == 0, run.out + run.err
    assert "production: PASS" in run.out
    assert "preview: PASS" in run.out
    assert re.search(r"migration\.sql: 8 statements in [\d.,]+ ms, on all rows", run.err)
    assert re.search(r"lock: ACCESS EXCLUSIVE on public\.chatbots, which stops readers and writers: at most ", run.err)


def test_gate_sees_what_a_migration_that_went_through_has_left_undone(postgres: Postgres, tmp_path: Path) -> None:
    """A column without a default passes the rehearsal's first half; the exit code of the second is the command's."""
    undone = SAFE[: SAFE.index("do $$")] + "commit;"
    arguments = ["--env", "preview", "--report-dir", str(tmp_path / "report")]
    run = rehearse(real_database(postgres), tmp_path, undone, *GATE, *arguments)
    assert run.exit_code == 1, run.out + run.err
    assert "preview: FAIL" in run.out
    assert "THE MIGRATION FAILS" not in run.err


def test_nothing_of_the_real_table_moves(postgres: Postgres, tmp_path: Path) -> None:
    """Neither a migration that fails nor one that passes changes its source."""
    dsn = real_database(postgres)
    query = "select md5(string_agg(t::text, ',' order by id)), min(pg_typeof(public_token)::text) from chatbots t"
    with psycopg.connect(dsn) as connection:
        before = connection.execute(query).fetchone()
    assert rehearse(dsn, tmp_path, PLAIN).exit_code == 1
    assert rehearse(dsn, tmp_path, SAFE).exit_code == 0
    with psycopg.connect(dsn) as connection:
        assert connection.execute(query).fetchone() == before


# --- what stands in the way -------------------------------------------------------------------------------------------

UUIDS = "update chatbots set public_token = gen_random_uuid()::text"
TEXT = (
    "alter table chatbots alter public_token type text"  # of a varchar Postgres keeps expressions with ::text in them
)
IN_WAY = {
    "view": (["create view shared as select public_token from chatbots"], "0A000"),
    "policy": (["create policy own on chatbots using (public_token <> '')"], "0A000"),
    "trigger": (
        [
            "create function f() returns trigger language plpgsql as $$ begin return new; end $$",
            "create trigger t after update of public_token on chatbots for each row execute function f()",
        ],
        "0A000",
    ),
    "foreign key": (
        ["create table links (token varchar(64) references chatbots (public_token))"],
        "42804",
    ),
    "foreign key of the token": (
        [
            "create table tokens (token varchar(64) primary key)",
            "insert into tokens select public_token from chatbots",
            "alter table chatbots add foreign key (public_token) references tokens (token)",
        ],
        "42804",
    ),
    "check": ([TEXT, "alter table chatbots add check (length(public_token) > 3)"], "42883"),
    "expression index": ([TEXT, "create index on chatbots (lower(public_token))"], "42883"),
    "partial index": ([TEXT, "create index on chatbots (id) where public_token <> 'x'"], "42883"),
    "generated column": (
        ["alter table chatbots add link text generated always as ('/c/' || public_token) stored"],
        "0A000",
    ),
}


@pytest.mark.parametrize("name", IN_WAY)
def test_what_depends_on_the_column_is_in_the_copy(postgres: Postgres, tmp_path: Path, name: str) -> None:
    """Each is rebuilt from the dump and raises what it would raise for real; without it the migration passes."""
    statements, sqlstate = IN_WAY[name]
    run = rehearse(real_database(postgres, [UUIDS, *statements]), tmp_path, PLAIN)
    assert run.exit_code == 1, run.err
    assert f"SQLSTATE {sqlstate}" in failure(run.err)
    assert "remedy: " in run.err
    assert "not made here" not in run.err


def test_without_anything_in_the_way_the_plain_one_passes(postgres: Postgres, tmp_path: Path) -> None:
    """What is stored as UUIDs is cast."""
    run = rehearse(real_database(postgres, [UUIDS]), tmp_path, PLAIN, *asking("select count(*) from chatbots"))
    assert run.exit_code == 0, run.err
    assert run.out == "50\n"


def test_tokens_that_are_one_uuid_in_two_cases_are_named(postgres: Postgres, tmp_path: Path) -> None:
    """23505 of the unique index, with its detail and the tokens."""
    twice = [
        UUIDS,
        "update chatbots set public_token = upper((select public_token from chatbots where id = 1)) where id = 2",
    ]
    run = rehearse(real_database(postgres, twice), tmp_path, PLAIN)
    assert run.exit_code == 1
    told = failure(run.err)
    assert "SQLSTATE 23505" in told
    assert re.search(r"detail: Key \(public_token\)=\(.{3}\.\.\. \(36 characters\)\) ", told)
    assert "rows: 2 of the 50 tokens here are one value in several rows, case aside, such as " in told


def test_nulls_are_counted(postgres: Postgres, tmp_path: Path) -> None:
    """23502, and how many rows."""
    some = [
        UUIDS,
        "alter table chatbots alter public_token drop not null",
        "update chatbots set public_token = null where id < 4",
    ]
    run = rehearse(
        real_database(postgres, some), tmp_path, f"{PLAIN}alter table chatbots alter public_token set not null"
    )
    assert run.exit_code == 1
    assert "SQLSTATE 23502" in failure(run.err)
    assert "rows: 3 of the 50 tokens here are NULL" in run.err
    assert "changed: what stands in line 1 stays" in run.err


# --- transactions and time-outs ---------------------------------------------------------------------------------------


def test_transaction_of_its_own_is_rolled_back_as_a_whole(postgres: Postgres, tmp_path: Path) -> None:
    """What was committed before its BEGIN stays, what stands in it does not; both are said by line."""
    migration = f"create table a ();\nbegin;\ncreate table b ();\n{PLAIN}commit;\n"
    run = rehearse(real_database(postgres), tmp_path, migration)
    assert run.exit_code == 1
    assert "at line 4" in failure(run.err)
    assert "changed: what stands in line 1 stays; rolled back: lines 2, 3" in run.err


def test_file_that_ends_inside_of_a_transaction_fails(postgres: Postgres, tmp_path: Path) -> None:
    """psql would leave and keep nothing of it."""
    run = rehearse(real_database(postgres, [UUIDS]), tmp_path, f"begin;\n{PLAIN}")
    assert run.exit_code == 1
    assert "the file ends inside of a transaction: nothing of it is kept" in failure(run.err)
    assert "changed: nothing; rolled back: lines 1, 2" in run.err
    assert "SQLSTATE none" not in run.err


def test_time_outs_are_those_of_the_file(postgres: Postgres, tmp_path: Path) -> None:
    """A statement_timeout ends what lasts longer, a lock_timeout is in force where it was set."""
    run = rehearse(real_database(postgres), tmp_path, "set statement_timeout = '50ms';\nselect pg_sleep(30);")
    assert run.exit_code == 1
    assert "at line 2" in failure(run.err)
    assert "SQLSTATE 57014" in run.err

    checks = "do $$ begin assert current_setting('lock_timeout') = '3s'; end $$;"
    run = rehearse(real_database(postgres), tmp_path, f"begin;\nset local lock_timeout = '3s';\n{checks}\ncommit;")
    assert run.exit_code == 0, run.err


def test_lock_timeout_is_honoured(postgres: Postgres, tmp_path: Path) -> None:
    """A second session on the throwaway server holds the table: the statement ends with 55P03."""
    wait = (
        "do $$ begin while not exists (select from pg_locks where relation = 'chatbots'::regclass"
        " and pid <> pg_backend_pid() and mode = 'AccessShareLock') loop perform pg_sleep(0.01); end loop; end $$"
    )
    file = tmp_path / "migration.sql"
    file.write_text(f"set lock_timeout = '50ms';\n{wait};\n{PLAIN}", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "rehearsal", "--schema-of", real_database(postgres), "--migration", str(file)],
        cwd=ROOT,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        other = psycopg.connect(f"postgresql://app@/rehearsed?host={throwaway(process.pid)}&port=5432")
        other.execute("lock table chatbots in access share mode")
        assert process.stderr is not None
        err = process.stderr.read()
        other.close()  # its server has gone
    assert process.returncode == 1
    assert "at line 3" in failure(err), err
    assert "SQLSTATE 55P03" in failure(err)


def throwaway(pid: int) -> str:
    """The directory of the server on which a rehearsal has begun to migrate, which a title of a process tells."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        lines = command_lines(pid)
        if any("app rehearsed" in line and " DO" in line for line in lines):
            return next(found[0] for line in lines if (found := re.search(r"/\S*/rehearsal-\w{8}", line)))
        time.sleep(0.02)
    raise AssertionError("no migration has begun")


def test_warning_of_postgres_is_passed_on(postgres: Postgres, tmp_path: Path) -> None:
    """SET LOCAL outside of a transaction sets nothing, and only a warning says so."""
    run = rehearse(real_database(postgres, [UUIDS]), tmp_path, f"set local lock_timeout = '3s';\n{PLAIN}")
    assert run.exit_code == 0
    assert "said by Postgres: WARNING 25P01: SET LOCAL can only be used in transaction blocks" in run.err


def test_index_is_built_concurrently(postgres: Postgres, tmp_path: Path) -> None:
    """Outside of a transaction it is, inside of one it is refused as for real, and an invalid one is named."""
    index = "create unique index concurrently one on chatbots ((true));"
    concurrently = "create unique index concurrently fine on chatbots (id, name);\n"
    run = rehearse(real_database(postgres), tmp_path, concurrently)
    assert run.exit_code == 0, run.err
    assert "ACCESS EXCLUSIVE" not in run.err
    run = rehearse(real_database(postgres), tmp_path, f"begin;\n{concurrently}commit;")
    assert "SQLSTATE 25001" in failure(run.err)
    run = rehearse(real_database(postgres), tmp_path, index)
    assert "SQLSTATE 23505" in failure(run.err)
    assert "changed: nothing; an invalid index is left: one" in run.err


def test_part_that_takes_it_back_is_left_out(postgres: Postgres, tmp_path: Path) -> None:
    """Files of dbmate hold both ways; what stands under migrate:up is one transaction unless it says otherwise."""
    both = (
        f"-- migrate:up\n{SAFE.replace('begin;', '').replace('commit;', '')}\n-- migrate:down\ndrop table chatbots;\n"
    )
    run = rehearse(real_database(postgres), tmp_path, both, *asking("select count(*) from chatbots_legacy_tokens"))
    assert run.exit_code == 0, run.err
    assert run.out == "50\n"
    assert re.search(r"from line \d+ on .* takes the migration back: it is not run", run.err)
    assert "in one transaction" in run.err


@pytest.mark.parametrize(
    ("migration", "line", "sqlstate"),
    [
        ("select 1;\nalter tabel chatbots;\nselect 2;", 2, "42601"),
        ("select 1;\nselect\n  *\nfrom nowhere;", 4, "42P01"),
        ("select 1;\nselect 'no end", 2, "42601"),
        ("alter table chatbots rename to bots;\ndrop table bots, chatbots", 2, "42P01"),
    ],
)
def test_line_is_the_one_that_postgres_points_to(
    postgres: Postgres, tmp_path: Path, migration: str, line: int, sqlstate: str
) -> None:
    """In the file, from 1."""
    run = rehearse(real_database(postgres), tmp_path, migration)
    assert run.exit_code == 1
    assert f"THE MIGRATION FAILS at line {line}, after" in run.err
    assert f"SQLSTATE {sqlstate}" in run.err


def test_migration_that_does_away_with_the_table_fails(postgres: Postgres, tmp_path: Path) -> None:
    """There is nothing left that the app could be run on."""
    run = rehearse(real_database(postgres), tmp_path, "alter table chatbots rename column public_token to token;")
    assert run.exit_code == 1
    assert "THE MIGRATION FAILS: after it public.chatbots has no public_token" in run.err


def test_roles_and_triggers_of_the_real_database_are_there(postgres: Postgres, tmp_path: Path) -> None:
    """A GRANT to a real role passes, a policy keeps its role, a trigger fires, and does not while rows are loaded."""
    role = f"team_{postgres.new_name('role')}"
    dsn = real_database(
        postgres,
        [
            f"create role {role}",
            f"create policy own on chatbots to {role} using (true)",
            "alter table chatbots add touched text",
            (
                "create function touch() returns trigger language plpgsql"
                " as $$ begin new.touched := 'yes'; return new; end $$"
            ),
            "create trigger touch before insert or update on chatbots for each row execute function touch()",
            "alter table chatbots enable always trigger touch",
        ],
        SUPERUSER,
    )
    migration = f"grant select on chatbots to {role};\nupdate chatbots set name = name where id <= 7;"
    policy = f"(select polroles = array['{role}'::regrole::oid] from pg_policy)"
    query = f"select count(*), count(touched), {policy} from chatbots"
    run = rehearse(dsn, tmp_path, migration, *asking(query))
    assert run.exit_code == 0, run.err
    assert run.out == "50 7 True\n"


# --- samples ----------------------------------------------------------------------------------------------------------


def test_few_bad_tokens_among_many_are_in_a_sample(postgres: Postgres, tmp_path: Path) -> None:
    """3 of 5,000, and a sample of 20; it is said that it is one."""
    many = [
        UUIDS,
        "insert into chatbots (name, public_token) select n::text, gen_random_uuid() from generate_series(51, 5000) n",
        "update chatbots set public_token = 'short' || id where id in (77, 2500, 4999)",
    ]
    dsn = real_database(postgres, many)
    run = rehearse(dsn, tmp_path, PLAIN, "--rows", "20")
    assert run.exit_code == 1
    assert "columns id and public_token of a sample of 20 of 5,000 rows of public.chatbots" in run.err
    assert "rows: 3 of the 20 tokens here are no UUID, such as sho... (9 characters), sho... (9 " in run.err
    run = rehearse(dsn, tmp_path, "select 1", "--rows", "all", *asking("select count(*), max(id) from chatbots"))
    assert run.exit_code == 0, run.err
    assert "of all 5,000 rows" in run.err
    assert run.out == "5000 5000\n"


def test_large_table_is_sampled_by_blocks(postgres: Postgres, tmp_path: Path) -> None:
    """One that is too large to be counted is estimated, and what is said is about."""
    large = [
        (
            "insert into chatbots (name, public_token)"
            " select repeat(md5(n::text), 20), 't' || n from generate_series(51, 90000) n"
        ),
        "analyze chatbots",
    ]
    run = rehearse(real_database(postgres, large), tmp_path, PLAIN, "--rows", "200")
    assert run.exit_code == 1
    assert re.search(r"of a sample of 200 of about \d\d,\d{3} rows", run.err)
    assert "rows: 200 of the 200 tokens here are no UUID" in run.err


# --- the report for programs ------------------------------------------------------------------------------------------


def test_report_says_the_same_to_programs(postgres: Postgres, tmp_path: Path) -> None:
    """For its owner alone, whether it fails, passes or could not be tried."""
    file = tmp_path / "report.json"
    dsn = real_database(postgres)
    failed = rehearse(dsn, tmp_path, PLAIN, "--report", str(file))
    assert failed.exit_code == 1
    document = json.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600
    assert (document["schema"], document["outcome"]) == ("chatbots-smoke/rehearsal/1", "failed")
    assert (document["source"]["table"], document["source"]["columns_read"]) == (
        "public.chatbots",
        ["id", "public_token"],
    )
    with psycopg.connect(dsn) as connection:
        tokens = [token for (token,) in connection.execute("select public_token from chatbots")]
    assert not [token for token in tokens if token in file.read_text() or token in failed.err]
    assert (document["failure"]["sqlstate"], document["failure"]["line"]) == ("22P02", 1)
    assert document["failure"]["rows"][0].startswith("50 of the 50 tokens here are no UUID")
    assert document["failure"]["changed"] == "nothing"

    assert rehearse(dsn, tmp_path, SAFE, "--report", str(file)).exit_code == 0
    document = json.loads(file.read_text())
    assert (document["outcome"], document["failure"], document["rows"]) == ("passed", None, 50)
    assert [statement["line"] for statement in document["migration"]["statements"]][:2] == [9, 10]

    assert rehearse(dsn, tmp_path, SAFE, "--report", str(file), "--table", "bots").exit_code == 75
    document = json.loads(file.read_text())
    assert document["outcome"] == "could not tell"
    assert "there is no table bots on the search_path" in document["error"]


def test_token_is_no_command_to_a_terminal(postgres: Postgres, tmp_path: Path) -> None:
    """What Postgres quotes of it is escaped."""
    hostile = ["update chatbots set public_token = E'\\x1b[2J\\n::error::' || id"]
    run = rehearse(real_database(postgres, hostile), tmp_path, PLAIN)
    assert run.exit_code == 1
    assert "\x1b" not in run.err
    assert re.search(r'have: invalid input syntax for type uuid: "\\x1b\[2\.\.\. \(\d+ characters\)"', run.err)


@pytest.mark.parametrize(
    ("partitions", "rows"),
    [([], 0), (["create table bots_1 partition of bots for values from ('2020-01-01') to ('2100-01-01')"], 40)],
    ids=["none", "one"],
)
def test_table_may_be_partitioned(postgres: Postgres, tmp_path: Path, partitions: list[str], rows: int) -> None:
    """Its rows are those of its partitions; without one it has none."""
    table = (
        "create table bots (id bigint generated always as identity, name text not null, public_token text not null,"
        " made timestamptz not null default now(), primary key (id, made)) partition by range (made)"
    )
    filled = f"insert into bots (name, public_token) select 'c', 'short' || n from generate_series(1, {rows}) n"
    dsn = real_database(postgres, [table, *partitions, filled])
    cast = "alter table bots alter public_token type uuid using public_token::uuid"
    run = rehearse(dsn, tmp_path, cast, "--table", "bots")
    assert f"of all {rows} rows of public.bots" in run.err
    assert run.exit_code == (1 if rows else 0), run.err
    if rows:
        assert f"rows: {rows} of the {rows} tokens here are no UUID" in run.err


# --- notes ------------------------------------------------------------------------------------------------------------


def test_squawk_is_a_note(postgres: Postgres, tmp_path: Path) -> None:
    """Where it is installed its warnings are listed, and change nothing; where it is not, one line says so."""
    run = rehearse(real_database(postgres, [UUIDS]), tmp_path, f"-- one\n\n{PLAIN}")
    assert run.exit_code == 0, run.err
    if find_squawk():
        assert "note: squawk, line 5: Changing a column type requires an `ACCESS EXCLUSIVE` lock" in run.err
    else:
        assert "note: squawk is not installed: pip install squawk-cli adds its warnings" in run.err


def test_squawk_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And no failure."""
    from rehearsal.dry_run import squawk

    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert squawk.squawked(tmp_path / "m.sql", 15, in_one_transaction=False) == [
        "squawk is not installed: pip install squawk-cli adds its warnings"
    ]
