"""Real databases whose migrations are rehearsed, and the real command that rehearses them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehearsal.deployment import STEPS, script
from rehearsal.postgres import OWNER
from tests.gates import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rehearsal.postgres import Postgres

LIMIT_S = 120

# What a team writes first, but for the extension, which not every machine has.
PLAIN = """\
alter table chatbots
    alter column public_token drop default,
    alter column public_token type uuid using public_token::uuid,
    alter column public_token set default gen_random_uuid();
"""
SAFE = script("0002_public_token_uuid.sql")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What one rehearsal left: its exit code, and what it and its command printed."""

    exit_code: int
    out: str
    err: str


def real_database(server: Postgres, statements: Iterable[str] = (), role: str = OWNER) -> str:
    """A database of its own with the old table and its 50 chatbots, changed by these statements; returns its DSN."""
    name = server.new_name("real")
    dsn = server.create_database(name)
    server.run(name, map(script, STEPS["old"]), role=OWNER)
    server.run(name, statements, role)
    return dsn


def rehearse(dsn: str, folder: Path, migration: str, *arguments: str, **environ: str) -> Rehearsed:
    """The real command on this migration. Without a command of its own it runs one that does nothing."""
    file = folder / "migration.sql"
    file.write_text(migration, encoding="utf-8")
    more = list(arguments) if "--" in arguments else [*arguments, "--", sys.executable, "-c", ""]
    return run_rehearsal("--schema-of", dsn, "--migration", str(file), *more, **environ)


def run_rehearsal(*arguments: str, **environ: str) -> Rehearsed:
    """`python -m rehearsal`."""
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", *arguments],
        cwd=ROOT,
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Rehearsed(done.returncode, done.stdout, done.stderr)
