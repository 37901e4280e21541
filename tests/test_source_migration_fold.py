"""The fold of migrations, held against a real Postgres that ran the same files: type, default and NOT NULL agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import yaml

from harness.source.checkout import read_checkout
from harness.source.columns import makes_version_4
from harness.source.migrations import read_token
from rehearsal.postgres import SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.migrations import Migrated
    from rehearsal.postgres import Postgres

HISTORIES: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("migration_histories.yaml").read_text(encoding="utf-8")
)
# Whether the condition holds only the database knows: the fold says so, and does not guess.
EITHER_WAY = {"do_returns"}


def fold(folder: Path, files: list[str]) -> Migrated | None:
    """What the harness makes of the files, as numbered migrations of a checkout."""
    (folder / "migrations").mkdir()
    for number, text in enumerate(files, 1):
        (folder / "migrations" / f"{number}_step.sql").write_text(text, encoding="utf-8")
    return read_token(read_checkout(folder), "chatbots", "public_token").migrated


def run(
    postgres: Postgres, database: str, files: list[str]
) -> tuple[tuple[str, str | None, bool] | None, psycopg.Error | None]:
    """Type, default and NOT NULL of the column, None as far as Postgres takes the files, and its error."""
    refused = None
    with psycopg.connect(postgres.dsn(database, SUPERUSER), autocommit=True) as connection:
        for text in files:
            try:
                connection.execute(text.encode())
            except psycopg.Error as error:
                refused = error
                break
            connection.execute("reset all")  # each file has a session of its own
        found = connection.execute(
            "select format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid), attnotnull from pg_attribute "
            "left join pg_attrdef on adrelid = attrelid and adnum = attnum "
            "where attrelid = to_regclass('public.chatbots') and attname = 'public_token' and not attisdropped"
        ).fetchone()
    return found, refused


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """A database without tables."""
    name = postgres.new_name("folded")
    postgres.create_database(name)
    yield name
    postgres.drop_database(name)


@pytest.mark.parametrize("history", HISTORIES)
def test_fold_is_what_postgres_makes(history: str, tmp_path: Path, postgres: Postgres, database: str) -> None:
    """Type, default and NOT NULL after the last statement that Postgres takes, or that no column is left."""
    migrated = fold(tmp_path, HISTORIES[history])
    real, refused = run(postgres, database, HISTORIES[history])
    assert migrated is not None
    assert not migrated.unclear
    assert bool(migrated.refused) == (refused is not None), refused
    if refused is not None:
        assert refused.sqlstate is not None
        assert migrated.refused[0].why.endswith(refused.sqlstate)
    told = list({column and (column.type, column.default, column.not_null) for column in migrated.columns})
    if history in EITHER_WAY:
        assert len(told) > 1
        assert real is not None
        assert real[0] in [named(column[0]) for column in told if column]
        return
    assert len(told) == 1
    if real is None or told[0] is None:
        assert told == [real]
        return
    type_, default, not_null = told[0]
    if not history.startswith("domain"):  # judged by what it stands for
        assert named(type_) == real[0]
    assert not_null == real[2]
    if refused is not None:  # what stands behind it is read, and never run
        return
    if real[1] is None or default is None:
        assert history == "domain" or default == real[1]
        return
    if "function" not in history:  # the catalog is asked for the function's owner, by another check
        assert makes_version_4(default) == makes_version_4(real[1])


def named(type_: str) -> str:
    """A type as format_type() prints it."""
    return type_.replace("varchar", "character varying")


def test_histories_are_several_dozen() -> None:
    """So that what the fold knows of Postgres is held against Postgres."""
    assert len(HISTORIES) >= 70
