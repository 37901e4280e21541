"""What a Postgres was told, from its own log, and what of it does more than read.

A server is started with `LOGS_STATEMENTS`; `logged` returns what one application sent to one database.
"""

from __future__ import annotations

import csv
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.servers.postgres import Postgres

LOGS_STATEMENTS = ("logging_collector=on", "log_destination=csvlog", "log_statement=all")
PATIENCE_S = 30
# Columns of a csvlog (manual of Postgres, "Using CSV-Format Log Output"), from 0.
DATABASE, SESSION, TRANSACTION_ID, SEVERITY, MESSAGE, QUERY, APPLICATION = 2, 5, 10, 11, 13, 19, 22

# Once literals are gone, none of these may stand anywhere, not even inside another word, but in these words.
WRITES = re.compile(
    "insert|update|delete|merge|truncate|create|alter|drop|grant|revoke|copy|lock|nextval|setval|into|analy[sz]e|"
    "for share|for key share|read write"
)
HARMLESS = re.compile(r"\b(lock_timeout|clock_timestamp|attisdropped|pg_locks|locktype|granted)\b")
KINDS = re.compile(
    r"begin isolation level read committed read only|rollback|(savepoint|release|rollback to) \S+|"
    r"(select|with)\b.*|explain \(format json\) select\b.*|"
    r"set local (statement_timeout|lock_timeout|idle_in_transaction_session_timeout|row_security|enable_\w+) = \S+|"
    r"set local search_path = pg_catalog, pg_temp",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Told:
    """One statement, in lower case and without what its literals hold. `wrote` is true once its transaction has."""

    session: str
    text: str
    wrote: bool
    error: str = ""


def logged(server: Postgres, database: str, application: str) -> list[Told]:
    """Every statement that an application of this name (or one that begins so) has sent to a database."""
    return [
        told
        for line in lines_until_now(server)
        if line[DATABASE] == database and line[APPLICATION].startswith(application)
        for told in told_by(line)
    ]


def lines_until_now(server: Postgres) -> list[list[str]]:
    """The whole log. A statement of our own shows that it has been written so far: the server writes it in order."""
    mark = f"select '{uuid4()}'"
    server.run("postgres", [mark])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        files = sorted((server.directory / "data" / "log").glob("*.csv"))
        text = "".join(file.read_text(encoding="utf-8") for file in files)
        if mark in text:
            return list(csv.reader(text.splitlines(keepends=True)))
        assert time.monotonic() < deadline, "the log does not hold what was sent"
        time.sleep(0.02)


def told_by(line: list[str]) -> list[Told]:
    """The statements of a line, which may hold several: what cannot be taken for a statement stays as it is."""
    wrote = line[TRANSACTION_ID] not in ("", "0")
    if line[SEVERITY] != "LOG":
        return [Told(line[SESSION], text, wrote, line[MESSAGE]) for text in statements_of(line[QUERY])]
    sent = re.sub(r"\A(statement|execute [^:]+): ", "", line[MESSAGE])
    return [Told(line[SESSION], text, wrote) for text in statements_of(sent)]


def statements_of(sent: str) -> list[str]:
    """The statements of a message, in lower case, and every literal empty."""
    bare = re.sub(r"'([^']|'')*'", "''", sent).lower()
    return [statement for part in bare.split(";") if (statement := " ".join(part.split()))]


def more_than_reading(statement: str) -> set[str]:
    """What of a statement does, or may do, more than read; "kind" where it is of no kind that is known to read."""
    found = {match.group() for match in WRITES.finditer(HARMLESS.sub("", statement))}
    return found if KINDS.fullmatch(statement) else {*found, "kind"}


def outside_of_read_only(statements: Iterable[Told]) -> list[str]:
    """The statements that were sent while their session had no READ ONLY transaction open."""
    reading: dict[str, bool] = {}
    outside = []
    for told in statements:
        if told.text.startswith("begin") and told.text.endswith(" read only"):
            reading[told.session] = True
        elif not reading.get(told.session, False):
            outside.append(told.text)
        elif told.text in ("rollback", "commit"):
            reading[told.session] = False
    return outside


def called_by(statements: Iterable[Told]) -> set[str]:
    """The names of all functions that are called, keywords before a parenthesis included."""
    return {name for told in statements for name in re.findall(r'(\w+)"?\s*\(', told.text)}
