"""The definitions of a real database, made again by a role that may do nothing outside of its database.

They are somebody else's: a check, a default or an index may call a function that runs a program or reads a file, where
its caller may. So nobody who may is there: extensions are made first, in a database that is still empty, and only such
as reach nothing; everything else is made by the table's owner, who is no superuser. What only a superuser can make
(event triggers, functions in C or in an untrusted language, operator classes) is left out, and said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from rehearsal.dry_run.real_schema import CannotRehearse, Dumper, Real, quoted, run_tool, without_password
from rehearsal.dry_run.runner import TELLS
from rehearsal.dry_run.sessions import DATABASE, HAND, by_hand
from rehearsal.servers.postgres import Postgres

# Extensions that only a superuser may create, although what they bring reaches no file, program or other server.
HARMLESS = {
    *("autoinc", "bloom", "earthdistance", "insert_username", "intagg", "moddatetime", "pg_stat_statements"),
    *("pgrowlocks", "pgstattuple", "sslinfo", "tsm_system_rows", "tsm_system_time"),
    *("hll", "ip4r", "pg_hint_plan", "pg_uuidv7", "postgis", "postgis_topology", "prefix", "rum", "semver", "vector"),
}
# Those that PostgreSQL lets the owner of a database create, by version; all else is a superuser's.
CREATABLE = "select name, bool_or(trusted or not superuser) from pg_available_extension_versions group by name"

# Foreign servers hold passwords, or would let the throwaway database reach other servers. Extensions are there already.
NOT_RESTORED = re.compile(
    r"\d+; \d+ \d+ (EXTENSION|USER MAPPING|SERVER|FOREIGN DATA WRAPPER|FOREIGN TABLE|SUBSCRIPTION) "
)
RESTORE_BUDGET_S = 600
ENTRY = re.compile(r"\d+; ")
EXPECTED = re.compile(r'unrecognized configuration parameter "|schema "[^"]*" already exists')


def restore(dumper: Dumper, file: Path, server: Postgres, owner: str, real: Real) -> list[str]:
    """Makes everything of the dump in a new database that this role owns; returns what could not be made.

    Raises CannotRehearse where the table itself is not among what was made.
    """
    left_out = make_database(server, owner, real.installed)
    program = str(dumper.folder / "pg_restore")
    listing = run_tool([program, "--list", str(file)], bare_environment(), program, RESTORE_BUDGET_S)[1]
    kept = [line for line in listing.splitlines() if ENTRY.match(line) and not NOT_RESTORED.match(line)]
    chosen = file.with_suffix(".list")
    chosen.write_text("\n".join(kept) + "\n", encoding="utf-8")
    command = [program, "--no-owner", "--no-privileges", f"--use-list={chosen}"]
    # A replica's session, which the event trigger that tells of locks does not disturb.
    name = quoted(owner)
    server.run("postgres", [f"alter role {name} login", f"alter role {name} set session_replication_role = replica"])
    command += [f"--dbname={server.dsn(DATABASE, owner)}", str(file)]
    printed = run_tool(command, bare_environment(), "making the definitions here", RESTORE_BUDGET_S)[1]
    server.run("postgres", [f"alter role {name} reset session_replication_role"])
    left_out += not_made(printed)
    with by_hand(server) as connection:
        made = connection.execute("select to_regclass(%s)", [f"{quoted(real.schema)}.{quoted(real.name)}"]).fetchone()
    if made == (None,):
        told = "; ".join(left_out[:5]) or without_password(printed, "postgresql://")
        raise CannotRehearse(
            f"{real} could not be made on {server.binaries}: {told}:"
            " install what is missing here (an extension comes with the contrib package of PostgreSQL); for what only a"
            " superuser may make, try the migration on a restored backup"
        )
    return left_out


def make_database(server: Postgres, owner: str, installed: Mapping[str, str]) -> list[str]:
    """An empty database with what only a superuser can put into it; returns which extensions are left out."""
    its = sql.Identifier(owner)
    with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), its))
    with psycopg.connect(server.dsn(DATABASE, server.superuser), autocommit=True) as connection:
        connection.execute(sql.SQL("alter schema public owner to {}").format(its))
        connection.execute(TELLS.format(hand=HAND).encode())
        creatable: dict[str, bool] = dict(connection.execute(CREATABLE).fetchall())
        left_out = []
        for name, schema in sorted(installed.items()):
            if name == "plpgsql":
                continue
            reason = ""
            if not (creatable.get(name, True) or name in HARMLESS):
                reason = "it may reach files, programs or other servers, or do what only a superuser may"
            elif schema.startswith("pg_") and schema != "pg_catalog":
                reason = f"it is in the schema {schema}"
            else:
                reason = create_extension(connection, owner if creatable.get(name) else server.superuser, name, schema)
            if reason:
                left_out.append(f"CREATE EXTENSION {quoted(name)}: {reason}")
    return left_out


def create_extension(connection: psycopg.Connection[tuple[object, ...]], role: str, name: str, schema: str) -> str:
    """Creates it as this role, in a schema of its name; returns why it could not be."""
    its = sql.Identifier(role)
    try:
        with connection.transaction():
            if schema not in ("public", "pg_catalog"):
                made = sql.SQL("create schema if not exists {} authorization {}")
                connection.execute(made.format(sql.Identifier(schema), its))
            connection.execute(sql.SQL("set local role {}").format(its))
            create = sql.SQL("create extension if not exists {} with schema {} cascade")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(schema)))
    except psycopg.Error as error:
        return " ".join(str(error.diag.message_primary or error).split())
    return ""


def bare_environment() -> dict[str, str]:
    """Nothing of ours but where programs are."""
    return {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}


def not_made(printed: str) -> list[str]:
    """What pg_restore could not make: the first line of each command, with Postgres's reason."""
    found, reason = [], ""
    for line in printed.splitlines():
        if match := re.match(r"pg_restore: error: could not execute query: ERROR:\s+(.*)", line):
            reason = match[1]
        elif reason and (match := re.match(r"Command was: (.*)", line)):
            if not EXPECTED.search(reason):
                found.append(f"{match[1].rstrip(' ;(')}: {reason}")
            reason = ""
    return found
