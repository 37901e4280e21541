"""What other programs write into the URL of a database is understood, or it is said what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.environment_files import CANARY, loaded, refusal

if TYPE_CHECKING:
    from pathlib import Path

PRISMA = "schema=tenant&pgbouncer=true&connection_limit=1&pool_timeout=0"


def described(url: str, more: str = "") -> str:
    """A file with this URL."""
    return f"environments: {{preview: {{url: 'http://h', database: '{url}'{more}}}}}\n"


@pytest.mark.parametrize(
    ("query", "left", "table"),
    [
        (f"?{PRISMA}", "", "tenant.chatbots"),
        (f"?sslmode=require&{PRISMA}", "?sslmode=require", "tenant.chatbots"),
        ("?schema=My%20Shop", "", '"My Shop".chatbots'),
        ("?connection_limit=5", "", "chatbots"),
        ("?sslmode=require", "?sslmode=require", "chatbots"),
        ("", "", "chatbots"),
    ],
)
def test_prismas_parameters_are_understood(tmp_path: Path, query: str, left: str, table: str) -> None:
    """`schema` qualifies the table, libpq's own stay, and the others are left out."""
    (preview,) = loaded(tmp_path, described(f"postgresql://u:p@h/d{query}"))
    assert preview.database is not None
    assert preview.database.get_secret_value() == f"postgresql://u:p@h/d{left}"
    assert preview.table.name == table


def test_a_table_with_its_schema_keeps_it(tmp_path: Path) -> None:
    """What the file says wins; the other names of the table stay as they are."""
    url = "postgresql://u:p@h/d?schema=tenant"
    (own,) = loaded(tmp_path, described(url, ", table: {name: shop.bots}"))
    (bare,) = loaded(tmp_path, described(url, ", table: {token: t}"))
    assert (own.table.name, bare.table.name, bare.table.token) == ("shop.bots", "tenant.chatbots", "t")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"jdbc:postgresql://h/d?password={CANARY}", "is a URL of JDBC; take jdbc: out, and write user and password"),
        (f"JDBC:postgresql://u:{CANARY}@h/d", "is a URL of JDBC"),
        (f'"postgresql://u:{CANARY}@h/d"', "begins with a quote that is part of the value; take the quotes out"),
        (f"postgresql+psycopg2://u:{CANARY}@h/d", "take the driver's name out of postgresql+psycopg2://"),
        (f"postgresql://u:{CANARY}@x@h/d", "special characters of its user and password (@ is %40)"),
        (f"postgresql://u:#{CANARY}@x@h/d", "special characters of its user and password (@ is %40, # is %23)"),
        (f"postgresql://u:[{CANARY}@h/d", "special characters of its user and password ([ is %5B)"),
        (f"postgresql://u:%z{CANARY}@h/d", "a % of its password is %25"),
        (f"postgresql://u:{CANARY}@h/d?serverTimezone=UTC", "has the parameter serverTimezone="),
    ],
)
def test_what_to_write_instead_is_said(tmp_path: Path, url: str, said: str) -> None:
    """And nothing of the URL is repeated that may be a password."""
    message = refusal(tmp_path, "environments: {preview: {url: 'http://h', database: '${DSN}'}}", environ={"DSN": url})
    assert f"FILE: environments.preview.database: {said}" in message or said in message
    assert CANARY not in message
