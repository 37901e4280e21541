"""What programs are read as, held against what their tools send, in a real Postgres.

`sent_by_tools.json` was written by the tools themselves; `sent_by_tools.mjs` beside it says how.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from harness.source.checkout import read_checkout
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
}


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
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_a.sql").write_text(OLD + ";\n", encoding="utf-8")
    (tmp_path / "migrations" / path).write_text(text.format(body=of["body"]), encoding="utf-8")
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


def test_the_record_is_what_the_tools_send(tmp_path: Path) -> None:
    """The same versions, installed and run here, send for each body what `sent_by_tools.json` says."""
    packages = [f"{tool}@{of['version']}" for tool, of in TOOLS.items()]
    install(tmp_path, "what tools send is only read from a record", packages)
    shutil.copy(Path(__file__).with_name("sent_by_tools.mjs"), tmp_path)
    node = ["node", "sent_by_tools.mjs"]
    sent = subprocess.run(node, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(sent.stdout) == TOOLS
