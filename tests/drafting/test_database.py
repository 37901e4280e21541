"""What `--database` tells: on a real Postgres, read READ ONLY."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from harness.configuration.loading import load
from harness.postgres.table import parts_of
from tests.support.drafts import APPS
from tests.support.gates import run_harness

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run

BOTS = "create table bots (id serial primary key, title text not null, owner_id int not null, note text, {token})"
TOKEN = "public_token uuid not null default gen_random_uuid()"


def database(server: Postgres, *statements: str) -> str:
    """The DSN of a new database with what these statements make."""
    name = server.new_name("drafted")
    dsn = server.create_database(name)
    server.run(name, statements)
    return dsn


def init(folder: Path, dsn: str, *arguments: str) -> Run:
    """`init` of a database, in a new file of this folder."""
    words = ["--environments", str(folder / "environments.yaml"), "--database", "${DB}", *arguments]
    return run_harness("init", *words, report_dir=folder, DB=dsn)


def said(folder: Path, dsn: str, *arguments: str) -> tuple[dict[str, object], dict[str, str], list[str]]:
    """What it read, what it left open, and its notes."""
    run = init(folder, dsn, "--json", *arguments)
    assert run.exit_code == 0, run.err
    document = json.loads(run.out)
    known = {one["key"]: one["value"] for one in document["keys"]}
    return known, {one["key"]: one["why"] for one in document["open"]}, document["notes"]


def test_table_and_columns_are_those_of_the_catalog(postgres: Postgres, tmp_path: Path) -> None:
    """And what an INSERT must name is said; which fields the route wants is left open."""
    dsn = database(postgres, BOTS.format(token=TOKEN), "create table users (id int primary key, reset_token text)")
    known, left, notes = said(tmp_path, dsn)
    assert known == {"table.name": "bots", "table.id": "id", "table.token": "public_token"}
    assert "an INSERT must name title, owner_id (the catalog of ${DB})" in left["api.payload"]
    assert notes == ["bots.public_token is of type uuid", "NOT NULL without a default: title, owner_id"]
    text = (tmp_path / "environments.yaml").read_text(encoding="utf-8")
    assert "name: bots  # the catalog of ${DB}" in text
    assert "database: '${DB}'" in text
    assert dsn not in text


def test_a_column_of_before_the_migration_is_told(postgres: Postgres, tmp_path: Path) -> None:
    """By its type."""
    dsn = database(postgres, BOTS.format(token="public_token varchar(8) not null"))
    _, _, notes = said(tmp_path, dsn)
    assert notes[0] == "bots.public_token is of type character varying(8): this is the column before the migration"


def test_a_checkout_and_a_database_are_put_together(postgres: Postgres, tmp_path: Path) -> None:
    """Names are the database's, routes the app's; a table outside of the search_path has its schema."""
    dsn = database(postgres, "create schema app", BOTS.format(token=TOKEN).replace("table bots", "table app.bots"))
    known, left, _ = said(tmp_path, dsn, "--source", str(APPS["fastify-knex"][1]))
    assert known["table.name"] == "app.bots"
    assert (known["api.create"], known["api.token"]) == ("/api/v2/bots", "public_token")
    assert known["table.label"] == "title"
    assert left == {}


@pytest.mark.parametrize(("schema", "name"), [("app", "bots"), ("other", "app.bots")])
def test_the_schema_of_a_url_of_prisma_is_heeded(schema: str, name: str, postgres: Postgres, tmp_path: Path) -> None:
    """It qualifies a bare name; a table elsewhere is written with its own. The gate finds it by that."""
    dsn = database(postgres, "create schema app", BOTS.format(token=TOKEN).replace("table bots", "table app.bots"))
    known, _, _ = said(tmp_path, f"{dsn}&schema={schema}&pgbouncer=true")
    assert known["table.name"] == name
    variables = {"PREVIEW_URL": "https://a.example.com", "DB": f"{dsn}&schema={schema}"}
    (preview,) = load(tmp_path / "environments.yaml", ["preview"], environ=variables)
    assert preview.table.name == "app.bots"


def test_a_checkout_of_another_app_is_told(postgres: Postgres, tmp_path: Path) -> None:
    """Nothing is guessed where both name different tables."""
    dsn = database(postgres, BOTS.format(token=TOKEN))
    known, left, _ = said(tmp_path, dsn, "--source", str(APPS["express-pg-api-key"][1]))
    assert "table.name" not in known
    assert left["table.name"] == "the checkout has assistants.share_token, the database bots.public_token"


def test_of_several_tables_none_is_chosen(postgres: Postgres, tmp_path: Path) -> None:
    """They are listed instead; tokens that let somebody in are none of them."""
    dsn = database(
        postgres,
        "create table links (id serial primary key, share_token text)",
        "create table embeds (id serial primary key, embed_token text)",
        "create table sessions (id serial primary key, token text)",
        "create table invites (id serial primary key, invite_token text)",
    )
    known, left, _ = said(tmp_path, dsn)
    assert known == {}
    assert left["table.name"] == "it may be embeds.embed_token, links.share_token"


@pytest.mark.parametrize(
    ("table", "token"),
    [
        ('x: &a [\n\x1b[31m"" # {name}', "public_token"),
        ("bots", "public_token_\n  url: http://evil"),
        ("bots", "public_token_# \x1b]0;x\x07"),
        ("::error::bots", "public_token"),
        ("of ${HOME}", "public_token"),
        ("bots", "public_token_${HOME}"),
        ("*a", "public_token_: !!python/object"),
    ],
)
def test_names_of_a_hostile_database_do_nothing(table: str, token: str, postgres: Postgres, tmp_path: Path) -> None:
    """They move no cursor, begin no line, break out of no quotes, and expand no variable; the file loads."""
    quoted = token.replace('"', '""')
    dsn = database(postgres, f'create table "{table}" ("i\nd" serial primary key, name text, "{quoted}" uuid)')
    run = init(tmp_path, dsn)
    assert run.exit_code == 0, run.err
    file = tmp_path / "environments.yaml"
    text = file.read_text(encoding="utf-8")
    assert "\x1b" not in text + run.out
    assert "\n::error::" not in text + run.out
    variables = {"PREVIEW_URL": "https://a.example.com", "DB": "postgresql://u@h/d", "HOME": "c4n4ry"}
    (preview,) = load(file, ["preview"], environ=variables)
    assert preview.url == "https://a.example.com"
    assert "c4n4ry" not in preview.model_dump_json()
    if "${" not in table + token:
        assert (preview.table.token, preview.table.id) == (token, "i\nd")
        assert parts_of(preview.table.name) == [table.replace('""', '"')]


@pytest.mark.parametrize("name", ['we.i"rd', "Chat Bots", "null", "1e3", "ünïcödé", "a'b", "yes"])
def test_a_name_arrives_as_it_is(name: str, postgres: Postgres, tmp_path: Path) -> None:
    """Quoted for YAML, and for `table.name` where it holds a dot: the gate finds the table by it."""
    quoted = psycopg.sql.Identifier(name).as_string()
    dsn = database(postgres, f"create table {quoted} (id serial primary key, name text, public_token uuid)")
    assert init(tmp_path, dsn).exit_code == 0
    variables = {"PREVIEW_URL": "https://a.example.com", "DB": "postgresql://u@h/d"}
    (preview,) = load(tmp_path / "environments.yaml", ["preview"], environ=variables)
    with psycopg.connect(dsn) as connection:
        found = psycopg.sql.Identifier(*parts_of(preview.table.name)).as_string()
        assert connection.execute("select to_regclass(%s)::oid = to_regclass(%s)::oid", [found, quoted]).fetchone() == (
            True,
        )


def test_a_role_that_may_only_connect_is_enough(postgres: Postgres, tmp_path: Path) -> None:
    """Nothing but the catalog is read, and no row."""
    dsn = database(postgres, BOTS.format(token=TOKEN), "revoke all on bots from public")
    role = postgres.new_name("looker")
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
    postgres.run(name, [f"create role {role} login"])
    known, _, _ = said(tmp_path, postgres.dsn(name, role))
    assert known["table.name"] == "bots"


def test_a_variable_of_production_is_productions(postgres: Postgres, tmp_path: Path) -> None:
    """By its name: Preview is not drafted onto production's database."""
    dsn = database(postgres, BOTS.format(token=TOKEN))
    words = ["--environments", str(tmp_path / "environments.yaml"), "--database", "${PROD_DATABASE_URL}"]
    assert run_harness("init", *words, report_dir=tmp_path, PROD_DATABASE_URL=dsn).exit_code == 0
    preview, _, production = (tmp_path / "environments.yaml").read_text(encoding="utf-8").partition("  production:")
    assert "database: '${PREVIEW_POSTGRES_URL}'" in preview
    assert "database: '${PROD_DATABASE_URL}'" in production
