"""Real databases whose migrations are rehearsed, and the real command that rehearses them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from rehearsal.deployment.start import STEPS, script
from rehearsal.servers.postgres import OWNER
from tests.support.gates import ROOT, run_module, write_environments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run

GATE = ["--", sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]

# What a team writes first, but for the extension, which not every machine has.
PLAIN = """\
alter table chatbots
    alter column public_token drop default,
    alter column public_token type uuid using public_token::uuid,
    alter column public_token set default gen_random_uuid();
"""
SAFE = script("0002_public_token_uuid.sql")


def real_database(server: Postgres, statements: Iterable[str] = (), role: str = OWNER) -> str:
    """A database of its own with the old table and its 50 chatbots, changed by these statements; returns its DSN."""
    name = server.new_name("real")
    dsn = server.create_database(name)
    server.run(name, map(script, STEPS["old"]), role=OWNER)
    server.run(name, statements, role)
    return dsn


def whole_gate(folder: Path) -> list[str]:
    """The command that verifies both deployments of the reference app; its report is `folder / "report"`."""
    file = write_environments(
        folder / "environments.yaml",
        {"late_rows_s": 1},
        preview={"url": "${PREVIEW_URL}", "database": "${PREVIEW_POSTGRES_URL}"},
        production={"url": "${PRODUCTION_URL}", "database": "${POSTGRES_URL}"},
    )
    names = ["--environments", str(file), "--env", "preview", "--env", "production"]
    return [*GATE, *names, "--report-dir", str(folder / "report")]


def rehearse(dsn: str, folder: Path, migration: str, *arguments: str, **environ: str) -> Run:
    """The real command on this migration. Without a command of its own it runs one that does nothing."""
    file = folder / "migration.sql"
    file.write_text(migration, encoding="utf-8")
    more = list(arguments) if "--" in arguments else [*arguments, "--", "true"]
    return run_rehearsal("--schema-of", dsn, "--migration", str(file), *more, **environ)


def run_rehearsal(*arguments: str, **environ: str) -> Run:
    """`python -m rehearsal`."""
    return run_module("rehearsal", [*arguments], ROOT, **environ)


def command_lines(pid: int) -> set[str]:
    """The command lines of a process and all that it has started."""
    found = set()
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            found.add(" ".join(one.cmdline()))
    except psutil.Error:
        pass
    return found
