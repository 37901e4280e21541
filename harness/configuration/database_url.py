"""The URL of a database: what other programs write there that libpq does not read, and what to write instead.

Nothing of a URL is quoted: its password may stand anywhere in one that is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from pydantic import SecretStr

# Parameters that Prisma reads and libpq refuses (prisma.io/docs, PostgreSQL connector, connection URL).
_OF_PRISMA = frozenset(
    {
        *("schema", "pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size"),
        *("sslaccept", "sslidentity"),
    }
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_SPECIAL = "@/?#[]"  # which end a part of a URL early
_USUAL = "postgresql://user:password@host:5432/name"


def for_libpq(url: str) -> tuple[str, str]:
    """A URL without the parameters that are for Prisma alone, and the schema that it names, quoted where it must be."""
    before, mark, query = url.partition("?")
    parameters = query.split("&")
    kept = [each for each in parameters if each.partition("=")[0] not in _OF_PRISMA]
    if not mark or len(kept) == len(parameters) or not url.lower().startswith(("postgres://", "postgresql://")):
        return url, ""
    schema = next((unquote(each.partition("=")[2]) for each in parameters if each.startswith("schema=")), "")
    if schema and not _PLAIN.fullmatch(schema):
        schema = '"' + schema.replace('"', '""') + '"'
    return before + (f"?{'&'.join(kept)}" if kept else ""), schema


def postgres_url(secret: SecretStr) -> SecretStr:
    """A URL that libpq reads as it is meant.

    Raises:
        ValueError: what is wrong with it, and what to write instead.
    """
    url = secret.get_secret_value()
    if url != url.strip():
        raise ValueError(
            "begins or ends with a blank or a line break; delete it at the beginning and the end of the variable"
        )
    if url[:1] in _QUOTES and url:
        raise ValueError("begins with a quote that is part of the value; take the quotes out")
    if url.lower().startswith("jdbc:"):
        raise ValueError(f"is a URL of JDBC; take jdbc: out, and write user and password before the host: {_USUAL}")
    scheme = url.partition(":")[0].lower() if "://" in url else ""
    if scheme in ("postgres", "postgresql"):
        _demand_encoded_credentials(url)
        _demand_one_database(url)
        _demand_known_parameters(url)
        return secret
    if scheme in ("http", "https"):
        raise ValueError(
            "must be a postgresql:// URL, not an http one. REPLIT_DB_URL is the address of Replit's key-value store "
            "and never Postgres: use DATABASE_URL, or the one that the app itself connects with"
        )
    if scheme.startswith("postgres"):
        raise ValueError(f"must be a postgresql:// URL; take the driver's name out of {scheme}://")
    raise ValueError(f"must be a URL such as {_USUAL}")


def _demand_encoded_credentials(url: str) -> None:
    """Refuse a password that ends the URL's authority early: everybody would take its rest for a host or a path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    credentials_end_early = parts is not None and (
        parts.netloc.count("@") > 1
        or "@" in parts.path + parts.fragment
        or (parts.netloc and "@" not in parts.netloc and "@" in parts.query)
    )
    if parts is None or credentials_end_early:
        raise ValueError(
            f"cannot be parsed; percent-encode the special characters of its user and password{_escapes(url)}"
        )


def _escapes(url: str) -> str:
    """What to write for the characters of user and password that may not stand there as they are."""
    between = url.partition("://")[2].rpartition("@")[0]
    found = [character for character in _SPECIAL if character in between]
    said = [f"{character} is {quote(character, safe='')}" for character in found or _SPECIAL]
    return f" ({', '.join(said)})"


def _demand_one_database(url: str) -> None:
    """Refuse a path of several parts: libpq takes all of it for the database's name, which is not there then."""
    if "/" in urlsplit(url).path.strip("/"):
        raise ValueError(
            f"has a path of several parts, and Postgres takes all of it for the name of the database; write it as "
            f"{_USUAL}; a schema goes into table.name, as schema.table"
        )


def _demand_known_parameters(url: str) -> None:
    """Let libpq itself parse the URL: what it would refuse is a mistake of the configuration, not of the database."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        found = conninfo_to_dict(url)
    except psycopg.Error as error:
        unknown = re.search(r'invalid URI query parameter: "(\w+)"', str(error))
        if unknown:
            raise ValueError(
                f"has the parameter {unknown[1]}=, which Postgres itself does not know; leave it out"
            ) from None
        said = "; a % of its password is %25" if "percent-encoded" in str(error) else ""
        raise ValueError(f"cannot be parsed; write it as {_USUAL}{said}") from None
    ports = str(found.get("port") or "").split(",")
    if not all(port == "" or (port.isdecimal() and 0 < int(port) < 65536) for port in ports):
        raise ValueError("has a port that is not a number from 1 to 65535")
    modes = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
    if found.get("sslmode") not in (None, *modes):
        raise ValueError(f"has an unknown sslmode; write one of {', '.join(modes)}")
