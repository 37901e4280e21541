"""What programs are read as, held against what their tools send, in a real Postgres.

`sent_by_tools.json` was written by the tools themselves; `sent_by_tools.mjs` beside it says how.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from harness.source.checkout import read_checkout
from harness.source.migrations.checkers import would_be_sent
from harness.source.migrations.reading import read_token
from harness.source.sql.columns import makes_version_4
from rehearsal.servers.postgres import SUPERUSER
from tests.support.npm import install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.postgres import Postgres

TOOLS = json.loads(Path(__file__).with_name("sent_by_tools.json").read_text(encoding="utf-8"))
MIGRATIONS = [(tool, name) for tool, of in TOOLS.items() for name in of["migrations"]]
OLD = "CREATE TABLE chatbots (id serial PRIMARY KEY, public_token varchar(8) NOT NULL)"
# The file in which a body stands, by tool.
FILES = {
    "knex": ("20250101_b.js", "exports.up = async (knex) => {{ await {body}; }};\n"),
    "node-pg-migrate": ("1700000000000_b.js", "exports.up = (pgm) => {{ {body}; }};\n"),
    "sequelize": ("20250101-b.js", "module.exports = {{ async up(queryInterface, Sequelize) {{ await {body}; }} }};\n"),
    "kysely": ("20250101_b.ts", "export async function up(db: Kysely<any>) {{ await {body}.execute(); }}\n"),
    "drizzle-kit": ("0001_b.sql", "{sent}"),
    "prisma": ("20250101000000_b/migration.sql", "{sent}"),
}
# Where the migration before it stands.
FIRST = {"drizzle-kit": "0000_a.sql", "prisma": "20240101000000_a/migration.sql"}
# What has to be installed of a tool, where that is not the tool itself, and what else it takes.
PACKAGES = {"prisma": "@prisma/schema-engine-wasm"}
BESIDE = ("drizzle-orm", "pg", "@prisma/adapter-pg", "--omit=optional")


@pytest.fixture(scope="module")
def connection(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """A session in a database of its own."""
    name = postgres.new_name("sent")
    postgres.create_database(name)
    with psycopg.connect(postgres.dsn(name, SUPERUSER), autocommit=True) as made:
        yield made
    postgres.drop_database(name)


@pytest.mark.parametrize(("tool", "name"), MIGRATIONS)
def test_a_program_is_read_as_its_tool_sends_it(
    tool: str, name: str, tmp_path: Path, connection: psycopg.Connection
) -> None:
    """Type, default and NOT NULL are what Postgres ends with; what it refuses is said to be refused."""
    of = TOOLS[tool]["migrations"][name]
    path, text = FILES[tool]
    said = text.format(body=of["body"], sent="\n--> statement-breakpoint\n".join(of["sent"]))
    for file, written in ((FIRST.get(tool, "1_a.sql"), OLD + ";\n"), (path, said)):
        (tmp_path / "migrations" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "migrations" / file).write_text(written, encoding="utf-8")
    migrated = read_token(read_checkout(tmp_path), "chatbots", "public_token").migrated
    assert migrated is not None
    assert not migrated.unclear

    connection.execute("DROP TABLE IF EXISTS chatbots")
    connection.execute(OLD)
    refused = None
    for statement in of["sent"]:
        try:
            connection.execute(statement)
        except psycopg.Error as error:
            refused = error.sqlstate
            break
    if refused in (None, "22P02"):  # a text that is no uuid: the default itself is wrong, which the claim says
        assert not migrated.refused
    else:
        assert migrated.refused[0].why.endswith(refused)
        return
    if refused is not None:
        assert all(column is None or not makes_version_4(column.default or "x") for column in migrated.columns)
        return
    real = connection.execute(COLUMN).fetchone()
    (column,) = migrated.columns
    assert (real is None) == (column is None)
    if real is None or column is None:
        return
    assert column.type.replace("varchar", "character varying") == real[0]
    assert column.not_null == real[2]
    assert makes_version_4(column.default or "x") == makes_version_4(real[1] or "x")
    assert (column.default is None) == (real[1] is None)


COLUMN = """
    select format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull
    from pg_attribute a left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
    where a.attrelid = to_regclass('public.chatbots') and a.attname = 'public_token' and not a.attisdropped
"""


SCHEMAS = {
    "drizzle-kit": (
        "schema.ts",
        'import {{ pgTable, serial, uuid }} from "drizzle-orm/pg-core";\nexport const chatbots = pgTable("chatbots", '
        '{{ id: serial("id").primaryKey(), publicToken: {body} }});\n',
    ),
    "prisma": (
        "schema.prisma",
        'datasource db {{\n  provider = "postgresql"\n}}\nmodel Chatbot {{\n  id Int @id @default(autoincrement())\n'
        '  publicToken {body}\n  @@map("chatbots")\n}}\n',
    ),
}


@pytest.mark.parametrize("tool", SCHEMAS)
def test_what_a_schema_file_would_send_is_what_its_tool_sends(tool: str, tmp_path: Path) -> None:
    """A schema file with no migration beside it: the statement that is said, and that drizzle-kit's push is refused."""
    of = TOOLS[tool]["migrations"]["uuid"]
    file, text = SCHEMAS[tool]
    (tmp_path / file).write_text(text.format(body=of["body"]), encoding="utf-8")
    token = read_token(read_checkout(tmp_path), "chatbots", "public_token")
    (declared,) = token.declared
    said = would_be_sent(token, declared)
    sent = re.sub(r"--.*|\s+", " ", of["sent"][0]).strip(" ;")
    assert re.sub(r"\s+", " ", sent).removesuffix(" NOT NULL DEFAULT gen_random_uuid()") in said
    pushed = TOOLS[tool].get("pushed")
    if pushed is not None:  # Prisma's needs an engine that is no package
        assert pushed["sent"] == of["sent"]
        assert pushed["refused"] in said


def test_the_record_is_what_the_tools_send(tmp_path: Path, postgres: Postgres) -> None:
    """The same versions, installed and run here, send for each body what `sent_by_tools.json` says."""
    packages = [f"{PACKAGES.get(tool, tool)}@{of['version']}" for tool, of in TOOLS.items()]
    install(tmp_path, "what tools send is only read from a record", [*packages, *BESIDE])
    shutil.copy(Path(__file__).with_name("sent_by_tools.mjs"), tmp_path)
    name = postgres.new_name("pushed")
    postgres.create_database(name)
    asking = {**os.environ, "DATABASE_URL": postgres.dsn(name, SUPERUSER)}
    node = ["node", "sent_by_tools.mjs"]
    try:
        sent = subprocess.run(node, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True, env=asking)
    finally:
        postgres.drop_database(name)
    assert json.loads(sent.stdout) == TOOLS
