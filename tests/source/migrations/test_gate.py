"""The real gate on the migrations and schema files of a checkout: outcomes, messages and exit codes."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from harness.source.checkout import read_checkout
from harness.source.migrations.checkers import wrong_after_migrations
from harness.source.migrations.reading import read_token
from harness.source.sql.columns import makes_version_4
from tests.source.migrations.test_ordering import BACK, OLD, RIGHT
from tests.support.gates import ROOT, clean_environment, run_pytest, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gates import Run

NOWHERE = "http://127.0.0.1:9"
SCHEMA = 'export const chatbots = pgTable("chatbots", { publicToken: %s });\n'
UUID = 'uuid("public_token").defaultRandom()'


def gate(folder: Path, files: dict[str, str], *arguments: str, **settings: object) -> Run:
    """Run the checks of migrations and schema files, and no others, on a checkout of these files."""
    for path, text in files.items():
        (folder / "app" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "app" / path).write_text(text, encoding="utf-8")
    entry = {"url": NOWHERE, "database": None, **settings}
    file = write_environments(folder / "e.yaml", {}, preview=entry, production=entry)
    names = ["--env", "preview", "--env", "production", "--environments", str(file), "--source", str(folder / "app")]
    return run_pytest(folder / "report", *names, *(arguments or ("-k", "source_migration or source_schema")))


def test_right_migrations_are_released(tmp_path: Path) -> None:
    """Exit 0, without a word to the deployment."""
    files = {
        "migrations/1.sql": OLD,
        "migrations/2.sql": RIGHT,
        "s.ts": SCHEMA % 'uuid("public_token").defaultRandom()',
    }
    run = gate(tmp_path, files)
    assert run.exit_code == 0, run.out
    for name in ("preview", "production"):
        assert run.outcomes(name) == {"source_migration_leaves_a_uuid": "pass", "source_schema_agrees": "pass"}


def test_migrations_that_are_undone_are_rolled_back(tmp_path: Path) -> None:
    """Exit 1, with file, line and text of the last word, and what it leaves."""
    files = {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "migrations/10_undo_it.sql": "\n" + BACK}
    run = gate(tmp_path, files, "-k", "source_migration")
    assert run.exit_code == 1, run.out
    check = run.check("source_migration_leaves_a_uuid")
    assert check["outcome"] == "fail"
    assert check["have"] == [
        f"migrations/10_undo_it.sql:2: {BACK.strip().removesuffix(';')}",
        "which leaves chatbots.public_token with type text, no default",
    ]
    assert check["want"].startswith("a migration that leaves chatbots.public_token uuid DEFAULT gen_random_uuid()")
    assert "migrations/10_undo_it.sql:2" in run.out


def test_a_schema_file_that_disagrees_is_rolled_back(tmp_path: Path) -> None:
    """The migration is right, and the next one that is generated from the schema file would undo it."""
    files = {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "s.ts": SCHEMA % 'text("public_token")'}
    run = gate(tmp_path, files)
    assert run.exit_code == 1, run.out
    assert run.check("source_migration_leaves_a_uuid")["outcome"] == "pass"
    assert run.check("source_schema_agrees")["have"] == [
        's.ts:1: publicToken: text("public_token") (type text, no default)'
    ]


def test_names_are_those_of_the_environment(tmp_path: Path) -> None:
    """Table and column as `table` names them."""
    names = {"chatbots": "app.bots", "public_token": "share_id"}
    files = {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT}
    for old, new in names.items():
        files = {path: text.replace(old, new) for path, text in files.items()}
    table = {"name": "app.bots", "token": "share_id"}
    assert gate(tmp_path, files, "-k", "source_migration", table=table).exit_code == 0


def test_what_is_not_understood_holds(tmp_path: Path) -> None:
    """Exit 75, with Postgres' own message."""
    files = {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "migrations/3.sql": "ALTER TABLE chatbots ALTR x;"}
    run = gate(tmp_path, files, "-k", "source_migration")
    assert run.exit_code == 75, run.out
    check = run.check("source_migration_leaves_a_uuid")
    assert check["outcome"] == "unknown"
    assert "migrations/3.sql:1: ALTER TABLE chatbots ALTR x" in check["cause"]
    assert 'syntax error at or near "ALT' in check["cause"], "what Postgres quotes of a text is cut: it may be a value"


def test_without_the_parsers_nothing_is_covered(tmp_path: Path) -> None:
    """As where the extra `source` is not installed."""
    code = (
        "import sys; sys.modules['postgast'] = None\n"
        "from pathlib import Path\nfrom harness.errors import NotCovered\n"
        "from harness.source.checkout import read_checkout\nfrom harness.source.migrations.reading import read_token\n"
        "try:\n    read_token(read_checkout(Path(sys.argv[1])), 'chatbots', 'public_token')\n"
        "except NotCovered as error:\n    print(error.cause, '|', error.remedy)\n"
    )
    (tmp_path / "1.sql").write_text(OLD, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )
    said = "what parses SQL and code is not installed | pip install 'chatbots-smoke[source]'"
    assert done.stdout.startswith(said), done.stderr


def test_the_rehearsals_own_migrations_are_right() -> None:
    """With uuid-ossp or without: both branches of its DO block leave an accepted default."""
    token = read_token(read_checkout(ROOT / "rehearsal"), "chatbots", "public_token")
    assert wrong_after_migrations(token) == []
    assert token.migrated is not None
    assert {column.default for column in token.migrated.columns if column} == {
        "uuid_generate_v4()",
        "gen_random_uuid()",
    }


@pytest.mark.parametrize(
    ("expression", "makes"),
    [
        ("gen_random_uuid()", True),
        ("uuid_generate_v4()", True),
        ("extensions.uuid_generate_v4()", True),
        ('"my schema"."uuid_generate_v4"()', True),
        ("pg_catalog.gen_random_uuid()", True),
        ("uuidv4()", True),
        ("((gen_random_uuid()))", True),
        ("gen_random_uuid()::uuid", True),
        ("CAST(gen_random_uuid() AS uuid)", True),
        ("gen_random_uuid()::text::uuid", True),
        ("gen_random_uuid()::varchar(36)::uuid", True),
        ("gen_random_uuid()::varchar(8)::uuid", False),
        ("gen_random_uuid()::text", False),
        ("uuid_generate_v1()", False),
        ("uuid_generate_v1mc()", False),
        ("uuidv7()", False),
        ("uuid_generate_v5(uuid_ns_url(), 'x')", False),
        ("gen_random_uuid(1)", False),
        ("md5(random()::text)::uuid", False),
        ("md5(gen_random_uuid()::text)::uuid", False),
        ("coalesce(gen_random_uuid(), gen_random_uuid())", False),
        ("'00000000-0000-4000-8000-000000000000'", False),
        ("'gen_random_uuid()'", False),
        ("gen_random_uuid", False),
        ("gen_random_uuid()[1]", False),
        ("gen_random_uuid(), gen_random_uuid()", False),
        ("", False),
        ("NULL", False),
        (") drop table x; --", False),
    ],
)
def test_generator_of_version_4(expression: str, makes: bool) -> None:
    """One call of a generator, whatever schema it is in, cast to uuid at most."""
    assert makes_version_4(expression) is makes


def test_three_hundred_migrations_are_folded_once(tmp_path: Path) -> None:
    """However many environments name them; how long that takes is printed."""
    (tmp_path / "migrations").mkdir()
    for number in range(300):
        table = f"CREATE TABLE t{number} (id bigserial PRIMARY KEY, name text NOT NULL DEFAULT 'x', at timestamptz);\n"
        index = f"CREATE INDEX ON t{number} (name);\nALTER TABLE t{number} ADD COLUMN more jsonb;\n"
        (tmp_path / "migrations" / f"{number}.sql").write_text(table + index, encoding="utf-8")
    (tmp_path / "migrations" / "300.sql").write_text(OLD, encoding="utf-8")
    (tmp_path / "migrations" / "301.sql").write_text(RIGHT, encoding="utf-8")
    checkout = read_checkout(tmp_path)
    began_s = time.process_time()
    token = read_token(checkout, "chatbots", "public_token")
    print(f"{time.process_time() - began_s:.3f} s")
    assert wrong_after_migrations(token) == []
    assert read_token(checkout, "chatbots", "public_token") is token
