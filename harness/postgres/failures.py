"""What a failure of Postgres means, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import psycopg

from harness.errors import CouldNotTell
from harness.postgres.limits import LOCK_TIMEOUT_S, STATEMENTS
from harness.text import printable

if TYPE_CHECKING:
    from pydantic import SecretStr


def passes(error: BaseException) -> bool:
    """Whether a failure to connect may pass by itself, so that it is worth a second try."""
    text = str(error).lower()
    return isinstance(error, psycopg.OperationalError) and any(
        sign in text
        for sign in (
            "connection refused",
            "starting up",
            "too many c",  # "too many clients", "too many connections"
            "remaining connection slots",
            "no such file or directory",
            "server closed the connection",
            "connection reset",
        )
    )


class _Meaning(NamedTuple):
    """What a failure means and what to do; `key` is the key that is wrong for certain, "" where none is known to be."""

    pattern: str
    cause: str
    remedy: str
    key: str = ""


# What libpq and Postgres say where no SQLSTATE comes with it, or says less than the text.
_BY_TEXT: tuple[_Meaning, ...] = (
    _Meaning(
        r"password authentication failed|no password supplied|authentication failed",
        "the database refused the user or the password",
        "set the database URL of this environment to credentials that are valid now",
        "database",
    ),
    _Meaning(
        r"no pg_hba\.conf entry",
        "the database does not admit this host, user or encryption",
        "allow this host, or add sslmode=require to the database URL",
    ),
    _Meaning(
        r"server does not support ssl",
        "the server speaks no TLS, and sslmode in the database URL demands it",
        "write sslmode=disable if nobody else can read on the way to it (this machine, a tunnel), or turn TLS on there",
        "database",
    ),
    _Meaning(
        r"certificate|ssl (connection|error|is not|negotiation)|sslmode|tls",
        "no TLS connection to the database could be made",
        "check sslmode and sslrootcert in the database URL against what the server offers",
    ),
    _Meaning(
        r"could not translate host name|failed to resolve host|name or service not known|nodename nor servname",
        "the database's host was not found",
        "check the host in the database URL; a Replit development database (helium) answers in its workspace only",
    ),
    _Meaning(
        r"database .* does not exist",
        "there is no database of that name",
        "check the last part of the database URL",
        "database",
    ),
    _Meaning(
        r"role .* does not exist",
        "there is no role of that name",
        "check the user in the database URL",
        "database",
    ),
    _Meaning(
        r"connection refused|no such file or directory|no route to host|network is unreachable",
        "nothing listens where the database should be",
        "start the database, or check host and port in the database URL",
    ),
    _Meaning(
        r"timeout expired|connection timeout|timed out",
        "the database did not answer in time",
        "check that this host may reach it (firewall, VPN), and that it is awake",
    ),
    _Meaning(
        r"too many c|remaining connection slots|max client|query_wait_timeout|no more connections|pool.* exhausted",
        "the database or its pooler has no free connection",
        "wait and run again; a deployment that uses them all up is worth a look",
    ),
    _Meaning(
        r"unsupported startup parameter|pgbouncer|prepared statement|statement pooling mode",
        "the pooler in front of the database does not admit this session",
        "use the database's direct URL instead of the pooler's",
    ),
    _Meaning(
        r"server closed the connection|connection (is|was) (lost|closed)|eof detected|terminating connection",
        f"the connection to the database was lost, or its statements took {STATEMENTS} times statement_timeout_s",
        "look for a restart of the database or a proxy in front of it, and run again",
    ),
    _Meaning(
        r"starting up|shutting down|recovery mode",
        "the database is starting up or shutting down",
        "wait and run again",
    ),
    _Meaning(
        r"invalid (uri|connection option|percent|port|integer value)|missing .* in connection|unexpected .* uri",
        "the database URL cannot be parsed",
        "write it as postgresql://user:password@host:5432/name, special characters percent-encoded",
        "database",
    ),
)
_BY_STATE: dict[str, tuple[str, str]] = {
    "57014": (
        "a statement was cancelled, usually because it took longer than statement_timeout_s",
        "run again when the database is less busy, or raise statement_timeout_s of this environment",
    ),
    "55P03": (
        f"a lock was not granted within {LOCK_TIMEOUT_S} s",
        "look for a migration or another session that holds the table, and run again",
    ),
    "42P01": (
        "a table or view that this reads does not exist",
        "if it is the table of this environment, check table.name and the search_path of the role; else run again",
    ),
    "42703": ("a column does not exist", "check the columns in table"),
    "25006": ("the database only reads: it is a replica or set to read only", "use the URL of the primary"),
    "3F000": ("the schema does not exist", "check table.name"),
    "57P01": ("the database ended the connection", "run again when it is up"),
}


def translated(error: psycopg.Error, dsn: SecretStr) -> CouldNotTell:
    """Sort an error of connecting or reading into a cause that a person understands, without the URL's secrets."""
    state = error.sqlstate or ""
    said = printable(_without_dsn(str(error).strip().splitlines()[0] if str(error).strip() else "", dsn), limit=200)
    at = _place(dsn)
    if state == "42501":
        if "row-level security" in str(error) or "row security" in str(error):
            return CouldNotTell(
                f"{at}: row-level security hides rows from this role (42501)",
                "read with a role that has BYPASSRLS, or owns the table; after FORCE ROW LEVEL SECURITY the owner "
                "needs BYPASSRLS too, or ALTER TABLE .. NO FORCE ROW LEVEL SECURITY",
                "database",
            )
        return CouldNotTell(
            f"{at}: this role may not read ({said}; 42501)",
            "grant it USAGE on the schema and SELECT on the table",
            "database",
        )
    if state in _BY_STATE:
        cause, remedy = _BY_STATE[state]
        return CouldNotTell(f"{at}: {cause} ({said}; {state})", remedy)
    for each in _BY_TEXT:
        if re.search(each.pattern, str(error), re.IGNORECASE):
            return CouldNotTell(f"{at}: {each.cause} ({said})", each.remedy, each.key)
    kind = f"{type(error).__name__}{f' {state}' if state else ''}"
    return CouldNotTell(f"{at}: the database could not be read ({kind}: {said})", "read the error, fix it, run again")


def _place(dsn: SecretStr) -> str:
    """Host and database name of a URL, without its secrets."""
    parts = urlsplit(dsn.get_secret_value())
    host = parts.netloc.rpartition("@")[2] or "local socket"
    return f"database {printable(host)}{printable(parts.path)}"


def _without_dsn(text: str, dsn: SecretStr) -> str:
    from harness.redaction.credentials import secrets_of_url
    from harness.redaction.redactor import Redactor

    return Redactor([dsn.get_secret_value(), *secrets_of_url(dsn.get_secret_value())])(text)
