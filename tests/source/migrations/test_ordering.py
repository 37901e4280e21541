"""Where migrations are found and in which order they run, by tool; each case is a small checkout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from harness.errors import CouldNotTell
from harness.source.checkout import read_checkout
from harness.source.migrations.checkers import wrong_after_migrations
from harness.source.migrations.reading import read_token

if TYPE_CHECKING:
    from pathlib import Path

OLD = "CREATE TABLE chatbots (id bigserial PRIMARY KEY, name text NOT NULL, public_token varchar(8) NOT NULL);\n"
RIGHT = (
    "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING gen_random_uuid(),\n"
    "  ALTER COLUMN public_token SET DEFAULT gen_random_uuid();\n"
)
BACK = "ALTER TABLE chatbots ALTER COLUMN public_token DROP DEFAULT, ALTER COLUMN public_token TYPE text;\n"


def judge(root: Path, files: dict[str, str], table: str = "chatbots", token: str = "public_token") -> list[str]:
    """What is wrong after the migrations of a checkout of these files."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return wrong_after_migrations(read_token(read_checkout(root), table, token))


def journal(*tags: str) -> str:
    """Drizzle's meta/_journal.json."""
    return json.dumps({"version": "7", "entries": [{"idx": n, "tag": tag} for n, tag in enumerate(tags)]})


def ways(before: str, after: str) -> str:
    """A file of a tool that keeps both ways in one."""
    return f"{before}\n{RIGHT}\n{after}\n{BACK}"


HISTORIES: dict[str, dict[str, str]] = {
    "plain": {"migrations/0001_a.sql": OLD, "migrations/0002_b.sql": RIGHT},
    "ten_after_two": {"db/migrate/1_a.sql": OLD, "db/migrate/2_b.sql": BACK, "db/migrate/10_c.sql": RIGHT},
    "supabase": {"supabase/migrations/20240101000000_a.sql": OLD, "supabase/migrations/20250101000000_b.sql": RIGHT},
    "flyway": {"sql/V1__a.sql": OLD, "sql/V2__b.sql": BACK, "sql/V10__c.sql": RIGHT, "sql/U10__c.sql": BACK},
    "flyway_dotted": {"sql/V1.9__a.sql": OLD, "sql/V1.10__b.sql": RIGHT, "sql/V1.2__z.sql": "SELECT 1;"},
    "flyway_repeatable": {"sql/V1__a.sql": OLD, "sql/R__grants.sql": RIGHT, "sql/V2__b.sql": BACK},
    "dbmate": {"db/migrations/1_a.sql": OLD, "db/migrations/2_b.sql": ways("-- migrate:up", "-- migrate:down")},
    "dbmate_options": {
        "db/migrations/1_a.sql": "-- migrate:up transaction:false\n" + OLD,
        "db/migrations/2_b.sql": ways("-- migrate:up transaction:false", "-- migrate:down transaction:false"),
    },
    "goose": {"migrations/1_a.sql": OLD, "migrations/2_b.sql": ways("-- +goose Up", "-- +goose Down")},
    "sql_migrate": {"migrations/1_a.sql": OLD, "migrations/2_b.sql": ways("-- +migrate Up", "-- +migrate Down")},
    "node_pg_migrate_sql": {
        "migrations/1_a.sql": OLD,
        "migrations/2_b.sql": ways("-- Up Migration", "-- Down Migration"),
    },
    "by_hand": {"migrations/1_a.sql": OLD, "migrations/2_b.sql": ways("-- up", "-- down")},
    "golang_migrate": {
        "migrations/000001_a.up.sql": OLD,
        "migrations/000001_a.down.sql": "DROP TABLE chatbots;",
        "migrations/000002_b.up.sql": RIGHT,
        "migrations/000002_b.down.sql": BACK,
    },
    "diesel": {
        "migrations/2024-01-01-000000_a/up.sql": OLD,
        "migrations/2024-02-01-000000_b/up.sql": RIGHT,
        "migrations/2024-02-01-000000_b/down.sql": BACK,
    },
    "postgrator": {
        "migrations/001.do.a.sql": OLD, "migrations/002.do.b.sql": RIGHT, "migrations/002.undo.b.sql": BACK
    },
    "sqitch": {
        "sqitch.plan": "%project=app\n\nfirst 2024-01-01T00:00:00Z A <a@b>\nanother 2024-01-02T00:00:00Z A <a@b>\n",
        "deploy/first.sql": OLD, "deploy/another.sql": RIGHT, "revert/another.sql": BACK, "verify/another.sql": BACK,
    },
    "prisma": {
        "prisma/migrations/20240101000000_init/migration.sql": OLD,
        "prisma/migrations/20250101000000_uuid/migration.sql": RIGHT,
    },
    "drizzle": {
        "drizzle/0000_calm_wolf.sql": OLD.replace("text", "text"),
        "drizzle/0001_uuid.sql": RIGHT.replace(",\n  ", ";--> statement-breakpoint\nALTER TABLE chatbots "),
        "drizzle/meta/_journal.json": journal("0000_calm_wolf", "0001_uuid"),
    },
    "drizzle_journal_decides": {
        "drizzle/0000_a.sql": OLD, "drizzle/0001_b.sql": RIGHT, "drizzle/0002_c.sql": BACK,
        "drizzle/meta/_journal.json": journal("0000_a", "0002_c", "0001_b"),
    },
    "drizzle_without_semicolons": {
        "drizzle/0000_a.sql": OLD.strip(";\n") + "\n--> statement-breakpoint\n" + RIGHT,
    },
    "dates_with_dashes": {"migrations/2024-03-01-a.sql": OLD, "migrations/2024-12-01-b.sql": RIGHT},
    "nested_by_year": {"migrations/2024/1_a.sql": OLD, "migrations/2025/1_b.sql": RIGHT},
    "no_folder_of_migrations": {"db/001_init.sql": OLD, "db/002_uuid.sql": RIGHT},
    "base_elsewhere": {"db/init.sql": OLD, "migrations/0001_uuid.sql": RIGHT},
    "base_of_other_means": {"migrations/0001_uuid.sql": RIGHT},
    "one_loose_script": {"sql/init.sql": OLD, "sql/public_token_to_uuid.sql": RIGHT},
    "loose_script_beside_migrations": {"migrations/001_init.sql": OLD, "scripts/token_to_uuid.sql": RIGHT},
    "names_that_say_no_order": {"migrations/alter_token.sql": RIGHT, "migrations/create_chatbots.sql": OLD},
    "seeds_and_tests_are_aside": {
        "migrations/1_a.sql": OLD, "migrations/2_b.sql": RIGHT, "tests/migrations/9.sql": BACK, "db/seeds/1.sql": BACK,
    },
    "helpers_beside": {"migrations/1_a.sql": OLD, "migrations/2_b.sql": RIGHT, "migrations/rollback_all.sql": BACK},
    "other_app_of_a_monorepo": {
        "apps/web/migrations/1_a.sql": OLD, "apps/web/migrations/2_b.sql": RIGHT,
        "apps/users/migrations/1_a.sql": "CREATE TABLE users (public_token text);",
    },
    "meta_commands": {"migrations/1_a.sql": "\\set ON_ERROR_STOP on\n\\connect app\n" + OLD, "migrations/2.sql": RIGHT},
    "variables_of_psql": {"migrations/1_a.sql": OLD, "migrations/2.sql": "SET ROLE :owner;\n" + RIGHT},
    "placeholders_of_flyway": {
        "sql/V1__a.sql": OLD.replace("chatbots", "${schema}.chatbots"),
        "sql/V2__b.sql": RIGHT.replace("chatbots", "${schema}.chatbots"),
    },
    "dump_with_data": {
        "migrations/1_a.sql": OLD + "COPY chatbots (id, name) FROM stdin;\n1\tit's; alter table\n\\.\n",
        "migrations/2_b.sql": RIGHT,
    },
    "a_statement_that_is_none_of_ours": {"migrations/1_a.sql": OLD, "migrations/2.sql": RIGHT + "CREATE GIBBERISH x;"},
    "byte_order_mark": {"migrations/1_a.sql": "\ufeff" + OLD, "migrations/2_b.sql": RIGHT},
    "windows_line_ends": {"migrations/1.sql": OLD, "migrations/2.sql": ways("-- up", "-- down").replace("\n", "\r\n")},
    "a_remark_revert": {"migrations/1_a.sql": OLD + BACK, "migrations/2_b.sql": "-- revert\n" + RIGHT},
    "uuid_ossp_of_supabase": {
        "supabase/migrations/1_a.sql": OLD,
        "supabase/migrations/2_b.sql": RIGHT.replace("DEFAULT gen_random_uuid", "DEFAULT extensions.uuid_generate_v4"),
    },
}  # fmt: skip


@pytest.mark.parametrize("case", HISTORIES)
def test_history_leaves_a_uuid(case: str, tmp_path: Path) -> None:
    """Nothing is wrong with the last state, whatever the tool."""
    assert judge(tmp_path, HISTORIES[case]) == []


@pytest.mark.parametrize("case", sorted(set(HISTORIES) - {"base_of_other_means", "base_elsewhere", "one_loose_script"}))
def test_history_without_its_change_is_wrong(case: str, tmp_path: Path) -> None:
    """The same files, in which the change says nothing, leave the old column."""
    files = {path: text.replace("chatbots ALTER", "others ALTER") for path, text in HISTORIES[case].items()}
    files = {path: text.replace("_uuid()", "_nothing()") for path, text in files.items()}
    found = judge(tmp_path, files)
    assert "which leaves chatbots.public_token with type varchar(8), no default" in found


@pytest.mark.parametrize("case", [case for case in HISTORIES if "migrations/1_a.sql" in HISTORIES[case]])
def test_history_that_is_undone_later_is_wrong(case: str, tmp_path: Path) -> None:
    """A last migration that changes the column back is the last word, and is named."""
    found = judge(tmp_path, {**HISTORIES[case], "migrations/900_last.sql": "\n\n" + BACK})
    assert found == [
        f"migrations/900_last.sql:3: {BACK.strip().removesuffix(';')}",
        "which leaves chatbots.public_token with type text, no default",
    ]


@pytest.mark.parametrize("name", ["3_revert.sql", "3_rollback.sql", "3_undo_uuid.sql", "3_down.sql", "3_b.down_.sql"])
def test_a_migration_that_is_called_the_way_back_runs(name: str, tmp_path: Path) -> None:
    """It is a way back only where its way up stands beside it."""
    found = judge(tmp_path, {"migrations/1_a.sql": OLD, "migrations/2_b.sql": RIGHT, f"migrations/{name}": BACK})
    assert "which leaves chatbots.public_token with type text, no default" in found


@pytest.mark.parametrize("up", ["2_b-up.sql", "2_b_up.sql", "2_b.sql"])
def test_the_way_back_of_another_file_does_not_run(up: str, tmp_path: Path) -> None:
    """Named by db-migrate, or by hand."""
    down = "2_b_down.sql" if up == "2_b_up.sql" else "2_b-down.sql"
    assert judge(tmp_path, {"migrations/1_a.sql": OLD, f"migrations/{up}": RIGHT, f"migrations/{down}": BACK}) == []


def test_drizzle_does_not_run_what_is_not_in_its_journal(tmp_path: Path) -> None:
    """A migration that was written by hand beside the journal is no migration, and the finding says why."""
    files = {"drizzle/0000_a.sql": OLD, "drizzle/0001_b.sql": RIGHT, "drizzle/meta/_journal.json": journal("0000_a")}
    found = judge(tmp_path, files)
    assert found[-1] == "drizzle/0001_b.sql is not run: it is not in the journal or plan of its folder"
    assert found[0] == f"drizzle/0000_a.sql:1: {OLD.strip().removesuffix(';')};"


def test_what_is_created_in_vain_is_said(tmp_path: Path) -> None:
    """CREATE TABLE IF NOT EXISTS of a table that is there changes nothing, and the finding says so."""
    again = "CREATE TABLE IF NOT EXISTS chatbots (public_token uuid DEFAULT gen_random_uuid());"
    found = judge(tmp_path, {"migrations/1.sql": OLD, "migrations/2.sql": again})
    assert "which leaves chatbots.public_token with type varchar(8), no default" in found
    assert found[-1].startswith("migrations/2.sql:1: CREATE TABLE IF NOT EXISTS chatbots")
    assert found[-1].endswith("(does nothing, since the table is already there)")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (RIGHT.replace("DEFAULT gen_random_uuid()", "DEFAULT uuid_generate_v1()"), "default uuid_generate_v1()"),
        (RIGHT.replace("DEFAULT gen_random_uuid()", "DEFAULT uuidv7()"), "default uuidv7()"),
        (
            RIGHT.replace("DEFAULT gen_random_uuid()", "DEFAULT md5(random()::text)::uuid"),
            "default md5(random()::text)",
        ),
        (RIGHT.replace("DEFAULT gen_random_uuid()", "DEFAULT 'a-b'"), "default 'a-b'"),
        (RIGHT.split(",")[0] + ";", "no default"),
        ("ALTER TABLE chatbots ALTER public_token SET DEFAULT gen_random_uuid();", "type varchar(8)"),
        ("ALTER TABLE chatbots DROP COLUMN public_token;", "no column chatbots.public_token is left"),
        ("DROP TABLE chatbots;", "no column chatbots.public_token is left"),
        ("ALTER TABLE chatbots RENAME COLUMN public_token TO share_id;", "no column chatbots.public_token is left"),
    ],
)
def test_what_is_wrong_is_said(change: str, said: str, tmp_path: Path) -> None:
    """Each fault in its own words, with the line of the last word on it."""
    found = judge(tmp_path, {"migrations/1.sql": OLD, "migrations/2.sql": change})
    assert any(said in line for line in found), found


def test_other_names(tmp_path: Path) -> None:
    """Table and column are those of the environment, with a schema where there is one."""
    sql = OLD.replace("chatbots", 'app."Bots"').replace("public_token", '"shareId"')
    change = RIGHT.replace("chatbots", 'app."Bots"').replace("public_token", '"shareId"')
    files = {"migrations/1.sql": sql, "migrations/2.sql": change}
    assert judge(tmp_path, files, "app.Bots", "shareId") == []
    assert judge(tmp_path, {"migrations/2.sql": "SELECT 1;"}, "app.Bots", "shareId") != []


@pytest.mark.parametrize(
    "broken",
    [
        "ALTER TABLE chatbots ALTR COLUMN public_token TYPE text;",
        "DO $$ BEGIN EXECUTE 'ALTER TABLE chatbots ALTER public_token TYPE ' || kind(); END $$;",
        "DO LANGUAGE plpython3u $$ plpy.execute('ALTER TABLE chatbots ALTER public_token TYPE text') $$;",
        "DO $$ BEGIN ALTER TABLE chatbots ALTR public_token; END $$;",
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS "
            "$$ BEGIN ALTER TABLE chatbots DROP public_token; END $$; "
            "SELECT f();"
        ),
        "DO $$ BEGIN FOR x IN 1..2 LOP ALTER TABLE chatbots ALTER public_token DROP DEFAULT; END $$;",
    ],
)
def test_what_is_not_understood_is_never_taken_for_good(broken: str, tmp_path: Path) -> None:
    """A statement that may concern the column leaves the claim open, unless a later one decides."""
    files = {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "migrations/3.sql": "SELECT 1;\n" + broken}
    with pytest.raises(CouldNotTell, match=r"migrations/3\.sql:2") as told:
        judge(tmp_path, files)
    assert "not understood" in told.value.cause
    assert judge(tmp_path, {"migrations/4.sql": RIGHT}) == []


def test_the_parsers_own_message_is_shown(tmp_path: Path) -> None:
    """With the line of what it stumbled on."""
    text = "SELECT 1;\nALTER TABLE chatbots\n  ALTR COLUMN public_token TYPE text;\n"
    with pytest.raises(CouldNotTell, match=r'syntax error at or near "ALTR"') as told:
        judge(tmp_path, {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "migrations/3.sql": text})
    assert "syntax error" in told.value.cause


def test_what_depends_on_the_database_is_not_guessed(tmp_path: Path) -> None:
    """A change under a condition that no file answers."""
    change = f"DO $$ BEGIN IF current_setting('app.env') = 'production' THEN {RIGHT} END IF; END $$;"
    with pytest.raises(CouldNotTell, match="depends on a condition"):
        judge(tmp_path, {"migrations/1.sql": OLD, "migrations/2.sql": change})


def test_both_branches_may_be_right(tmp_path: Path) -> None:
    """As in a migration that takes uuid-ossp where it is to be had."""
    other = RIGHT.replace("DEFAULT gen_random_uuid", "DEFAULT uuid_generate_v4")
    condition = "EXISTS (SELECT FROM pg_available_extensions WHERE name = 'uuid-ossp')"
    change = f"DO $$ BEGIN IF {condition} THEN {other} ELSE {RIGHT} END IF; END $$;"
    assert judge(tmp_path, {"migrations/1.sql": OLD, "migrations/2.sql": change}) == []


def test_a_function_of_the_migrations_is_no_generator(tmp_path: Path) -> None:
    """Not even under the name of one: the catalog says who owns it, its name says nothing."""
    made = "CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS $$ SELECT md5('x')::uuid $$;\n"
    change = RIGHT.replace("DEFAULT gen_random_uuid", "DEFAULT uuid_generate_v4")
    found = judge(tmp_path, {"migrations/1.sql": OLD, "migrations/2.sql": made + change})
    assert found[-1].endswith("with default uuid_generate_v4(), a function that the migrations make")


def test_several_schemas(tmp_path: Path) -> None:
    """Which one is meant must be said, where none of them is public."""
    both = "CREATE TABLE a.chatbots (public_token text); CREATE TABLE b.chatbots (public_token text);"
    with pytest.raises(CouldNotTell, match="there is a table of that name in a, b"):
        judge(tmp_path, {"migrations/1.sql": both})
    assert judge(tmp_path, {}, "b.chatbots")[-1] == "which leaves b.chatbots.public_token with type text, no default"


def test_nothing_names_the_column(tmp_path: Path) -> None:
    """An app that uses the table and has no migration at all fails: the task asks for one."""
    app = 'export const all = (db) => db.query("SELECT id FROM chatbots");\n'
    assert judge(tmp_path, {"src/app.js": app}) == ["no file of this checkout makes or changes chatbots.public_token"]


def test_another_app(tmp_path: Path) -> None:
    """A checkout that never mentions the table may be that of another app."""
    with pytest.raises(CouldNotTell, match="nothing in this checkout mentions the table chatbots"):
        judge(tmp_path, {"src/app.js": "console.log(1);\n", "migrations/1.sql": "CREATE TABLE users (id int);"})


def test_a_schema_that_is_pushed(tmp_path: Path) -> None:
    """Without migrations there is nothing to replay, and what a push would do depends on what is there."""
    schema = 'export const c = pgTable("chatbots", { publicToken: uuid("public_token").defaultRandom() });\n'
    with pytest.raises(CouldNotTell, match=r"no migration names chatbots\.public_token: .*src/schema\.ts:1"):
        judge(tmp_path, {"src/schema.ts": schema})


def test_migrations_in_another_language(tmp_path: Path) -> None:
    """Alembic's and Rails' are not read, and that is said."""
    app = {"src/app.js": 'db.query("SELECT * FROM chatbots")', "alembic/versions/1_a.py": "op.add_column()"}
    with pytest.raises(CouldNotTell, match=r"alembic/versions/1_a\.py"):
        judge(tmp_path, app)


def test_folders_that_contradict_each_other(tmp_path: Path) -> None:
    """Two histories make the table, and only one of them is right."""
    files = {"a/migrations/1.sql": OLD, "b/migrations/1.sql": OLD, "b/migrations/2.sql": RIGHT}
    with pytest.raises(CouldNotTell, match="a/migrations, b/migrations"):
        judge(tmp_path, files)


def test_default_alone_says_nothing_of_the_type(tmp_path: Path) -> None:
    """Where no file makes the table, what no migration says is not known."""
    change = "ALTER TABLE chatbots ALTER public_token SET DEFAULT gen_random_uuid();"
    with pytest.raises(CouldNotTell, match="nothing says its type"):
        judge(tmp_path, {"migrations/1.sql": change})


def test_what_postgres_would_refuse_is_said(tmp_path: Path) -> None:
    """Files that make one table twice are no single history."""
    files = {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "migrations/3.sql": OLD}
    with pytest.raises(CouldNotTell, match="42P07"):
        judge(tmp_path, files)


def test_a_migration_that_cannot_be_read(tmp_path: Path) -> None:
    """It may be the last word."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "3.sql").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CouldNotTell, match=r"migrations/3\.sql \(is not UTF-8\)"):
        judge(tmp_path, {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT})
