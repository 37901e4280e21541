"""Starts two deployments on one throwaway Postgres, and runs a command against them.

    python -m rehearsal [--fault NAME] [--postgres auto|packaged|system] [--revision SHA] [-- COMMAND ..]
    python -m rehearsal --rollout NAME -- COMMAND ..
    python -m rehearsal --schema-of DSN --migration FILE [--rows N|all] [--table NAME] [--traffic N]
        [-- COMMAND ..]
    python -m rehearsal faults

The command finds PREVIEW_URL, PREVIEW_POSTGRES_URL, PRODUCTION_URL and POSTGRES_URL in its environment, and its exit
code is the rehearsal's. Without a command both stay up, and the four are printed for a shell, until Ctrl-C. Beside them
CHATBOTS_SMOKE_TRIALS holds both URLs, with a blank between them: a gate then says that there is nothing to release.

With --schema-of and --migration the deployments are made from a real table: its definition and its ids and tokens are
copied (nothing else is read of its rows, nothing is written), the migration file is run on the copy, and the reference
app serves the result. The command is run only if the migration went through.

Exit codes of its own: 1 the migration fails, 2 usage, 3 the rehearsal could not start, 75 the migration could not be
tried (the database cannot be reached or read, pg_dump is too old, an extension is missing here), 127 no such command,
128 + n ended by signal n.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rehearsal.deployment.plan import REVISION
from rehearsal.names import UnknownName
from rehearsal.servers.binaries import KINDS, NoPostgres
from rehearsal.servers.postgres import embedded_postgres

FAILS, USAGE, COULD_NOT_START, COULD_NOT_TELL, NO_SUCH_COMMAND = 1, 2, 3, 75, 127
HANDED_OVER = "REHEARSAL_SCHEMA_OF"  # the DSN, from a command line that everybody can read to the next process
DEPLOYED = "CHATBOTS_SMOKE_TRIALS"  # what a gate reads: the deployments that are only a rehearsal
SAMPLE_ROWS = 1000
MOST_TRAFFIC = 100


def parser() -> argparse.ArgumentParser:
    """The command line, up to `--`."""
    options = argparse.ArgumentParser(
        prog="python -m rehearsal",
        usage="python -m rehearsal [--fault NAME] [--postgres KIND] [--revision SHA] [-- COMMAND ..] | faults\n"
        "       python -m rehearsal --rollout NAME -- COMMAND ..\n"
        "       python -m rehearsal --schema-of DSN --migration FILE [--rows N|all] [--table NAME] [--traffic N]"
        " [-- COMMAND ..]",
        description="Start two small deployments on this machine, preview and production, and run COMMAND against them."
        " Faults break them on purpose.",
        epilog="Exit codes: that of COMMAND. Without one: 1 the migration fails, 2 wrong usage, 3 the deployments could"
        " not start, 75 the migration could not be tried, 127 COMMAND was not found, 128 + n signal n ended it.",
        allow_abbrev=False,  # the value of --schema-of is looked for by its whole name
    )
    options.add_argument(
        "what", nargs="?", choices=["faults"], help="list the faults, and the claims that catch each; start nothing"
    )
    options.add_argument("--fault", metavar="NAME", help="break both deployments with this fault")
    options.add_argument("--rollout", metavar="NAME", help="play this rollout on preview while COMMAND runs")
    options.add_argument(
        "--postgres",
        choices=KINDS,
        help="take Postgres from the Python package, from this system, or from either (default: auto)",
    )
    options.add_argument("--revision", default=REVISION, metavar="SHA", help="let both ready pages name this commit")
    real = options.add_argument_group(
        "try a migration",
        "Copy a real table's definition, its ids and its tokens into a Postgres on this machine, and run the migration"
        " there. The real table is read in READ ONLY transactions. All other columns get made-up values.",
    )
    real.add_argument(
        "--schema-of", metavar="DSN", help="the database with the real table: a postgresql:// URL, or '${VAR}'"
    )
    real.add_argument(
        "--migration", metavar="FILE", help="run this file on the copy, statement by statement, as psql -f does"
    )
    real.add_argument(
        "--rows", default=SAMPLE_ROWS, type=rows, metavar="N|all", help="copy so many rows (default: %(default)s)"
    )
    real.add_argument(
        "--table", default="chatbots", metavar="NAME", help="the table, or schema.table (default: %(default)s)"
    )
    real.add_argument("--id", default="id", metavar="COLUMN", help="its id column (default: %(default)s)")
    real.add_argument(
        "--label", default="name", metavar="COLUMN", help="its column for the name (default: %(default)s)"
    )
    real.add_argument(
        "--token", default="public_token", metavar="COLUMN", help="its token column (default: %(default)s)"
    )
    real.add_argument(
        "--traffic",
        type=per_second,
        metavar="N",
        help="run the migration once more while N POSTs a second arrive, and say what users would have met",
    )
    real.add_argument("--report", metavar="FILE", help="also write the result into this file, as JSON")
    return options


def rows(text: str) -> int | None:
    """A number from 1, or None for all."""
    if text == "all":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a number from 1, or all")
    return int(text)


def per_second(text: str) -> int:
    """A number from 1 to MOST_TRAFFIC."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_TRAFFIC:
        raise argparse.ArgumentTypeError(f"it is a number of POSTs a second, from 1 to {MOST_TRAFFIC}")
    return int(text)


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit code."""
    before, _, command = split(arguments)
    options = parser().parse_args(before)
    if options.what == "faults":
        try:
            print_faults()
            sys.stdout.flush()
        except BrokenPipeError:  # `| head` has read enough; Python flushes once more at its end, into nothing then
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    # Importing takes as long as starting Postgres does: both at once.
    threading.Thread(target=importlib.import_module, args=("rehearsal.deployment.start",), daemon=True).start()
    try:
        if options.schema_of is not None or options.migration is not None:
            return rehearse_migration(options, command)
        if options.traffic is not None:
            print("rehearsal: --traffic goes with --schema-of and --migration", file=sys.stderr)
            return USAGE
        if options.fault:
            from rehearsal.faults import fault_named

            fault_named(options.fault)
        if options.rollout is not None:
            return rehearse_rollout(options, command)
        return rehearse(options, command)
    except UnknownName as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return USAGE
    except NoPostgres as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return COULD_NOT_START


def rehearse_migration(options: argparse.Namespace, command: list[str]) -> int:
    """Tries a migration on the copy of a real table, and runs the command on the result if it went through."""
    if options.schema_of is None or options.migration is None or options.fault or options.rollout is not None:
        print("rehearsal: --schema-of and --migration go together, and without --fault and --rollout", file=sys.stderr)
        return USAGE
    from rehearsal.dry_run.command import MigrationFailed, Request, migrated
    from rehearsal.dry_run.real_schema import CannotRehearse, Misused, Wanted

    table = Wanted(options.table, options.id, options.label, options.token)
    file = Path(options.migration)
    try:
        report = None if options.report is None else Path(options.report)
        dsn = expanded(options.schema_of)
        how = (table, options.postgres, options.revision, report, options.traffic)
        request = Request(dsn, file, options.rows, *how)
        with ending_on_sigterm(), migrated(request) as variables:
            return run(command, variables) if command else stay(variables)
    except Misused as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return USAGE
    except CannotRehearse as error:
        print(f"rehearsal: could not tell: {error}", file=sys.stderr)
        return COULD_NOT_TELL
    except MigrationFailed:
        return FAILS


def expanded(dsn: str) -> str:
    """The DSN, from the variable that holds it where it is written as ${NAME}. Raises Misused."""
    from rehearsal.dry_run.real_schema import Misused

    match = re.fullmatch(r"\$\{(\w+)\}", dsn)
    if match is None:
        return dsn
    value = os.environ.pop(HANDED_OVER, "") if match[1] == HANDED_OVER else os.environ.get(match[1], "")
    if not value:
        raise Misused(f"--schema-of: the variable {match[1]} is not set")
    return value


def hide_the_dsn() -> None:
    """Starts this command anew where a DSN stands on its command line, which everybody on this machine can read."""
    words, dsn = list(sys.orig_argv), None
    end = words.index("--") if "--" in words else len(words)
    for at, word in enumerate(words[:end]):
        if word == "--schema-of" and at + 1 < end:
            dsn, words[at + 1] = words[at + 1], f"${{{HANDED_OVER}}}"
        elif word.startswith("--schema-of="):
            dsn, words[at] = word.partition("=")[2], f"--schema-of=${{{HANDED_OVER}}}"
    if dsn is not None and not dsn.startswith("${"):
        os.environ[HANDED_OVER] = dsn
        os.execv(sys.executable, [sys.executable, *words[1:]])


def split(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    """What stands before `--`, the `--` itself if it is there, and the command after it."""
    if "--" not in arguments:
        return arguments, "", []
    at = arguments.index("--")
    return arguments[:at], "--", arguments[at + 1 :]


def rehearse(options: argparse.Namespace, command: list[str]) -> int:
    """Starts everything, runs the command or waits, and stops everything."""
    with ending_on_sigterm(), embedded_postgres(options.postgres) as server:
        from rehearsal.deployment.start import deployed

        broken = f", broken: {options.fault}" if options.fault else ""
        print(f"rehearsal: {server.binaries}{broken}", file=sys.stderr, flush=True)
        with (
            deployed(server, options.fault, name="preview", revision=options.revision) as preview,
            deployed(server, options.fault, name="production", revision=options.revision) as production,
        ):
            if preview.settings:
                needed = json.dumps({"defaults": preview.settings})  # which is YAML
                print(
                    f"rehearsal: the catalogue's outcome is that with {needed} in environments.yaml",
                    file=sys.stderr,
                    flush=True,
                )
            variables = {
                "PREVIEW_URL": preview.url,
                "PREVIEW_POSTGRES_URL": preview.database,
                "PRODUCTION_URL": production.url,
                "POSTGRES_URL": production.database,
            }
            return run(command, variables) if command else stay(variables)


def rehearse_rollout(options: argparse.Namespace, command: list[str]) -> int:
    """Serves preview alone, and rolls the change out there while the command watches it."""
    from rehearsal.rollouts.catalogue import play, rollout_named

    of = rollout_named(options.rollout)
    if not command or options.fault:
        print("rehearsal: --rollout needs a COMMAND that watches it, and goes without --fault", file=sys.stderr)
        return USAGE
    with ending_on_sigterm(), embedded_postgres(options.postgres) as server:
        from rehearsal.rollouts.live import live

        print(f"rehearsal: {server.binaries}, rollout: {of.name}: {of.about}", file=sys.stderr, flush=True)
        with live(server, revision=options.revision) as preview:
            play(of, preview)
            return run(command, {"PREVIEW_URL": preview.url, "PREVIEW_POSTGRES_URL": preview.database})


def run(command: list[str], variables: dict[str, str]) -> int:
    """Runs the command to its end. Ctrl-C reaches it by itself; a SIGTERM to the rehearsal is passed on to it."""
    # A handler, not SIG_IGN: that would be inherited by the command.
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        try:
            child = subprocess.Popen(command, env={**os.environ, **variables, DEPLOYED: urls(variables)})
        except OSError as error:
            print(f"rehearsal: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
            return NO_SUCH_COMMAND
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = wait_for(child)
        return code if code >= 0 else 128 - code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def urls(variables: dict[str, str]) -> str:
    """The URLs among the variables, as CHATBOTS_SMOKE_TRIALS holds them."""
    return " ".join(dict.fromkeys(variables[name] for name in ("PREVIEW_URL", "PRODUCTION_URL") if name in variables))


def wait_for(child: subprocess.Popen[bytes]) -> int:
    """The exit code of the command. It is told to end when whoever started the rehearsal is gone (make was killed)."""
    parent = os.getppid()
    while True:
        try:
            return child.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                child.terminate()


def stay(variables: dict[str, str]) -> int:
    """Prints the variables for a shell and stays up until Ctrl-C or SIGTERM."""
    for name, value in {**variables, DEPLOYED: urls(variables)}.items():
        print(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()
    print("rehearsal: up; Ctrl-C ends it", file=sys.stderr, flush=True)
    while True:
        signal.pause()


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """SIGTERM unwinds the stack, as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_faults() -> None:
    """The catalogue, by area: name, lie, and the claims that catch it."""
    import rehearsal.deployment.variants  # noqa: F401  # so that those that are left out are known
    from rehearsal.faults import FAULTS
    from rehearsal.servers.programs import UNAVAILABLE

    area = ""
    for fault in FAULTS.values():
        if fault.area != area:
            area = fault.area
            print(f"{area}\n")
        print(f"  {fault.name}    (exit {fault.exit_code})\n      {fault.lie}")
        for outcome in ("fail", "unknown"):
            claims = [claim for claim, expected in fault.catches.items() if expected == outcome]
            if claims:
                print(f"      {outcome}: {', '.join(claims)}")
        print()
    print(f"{len(FAULTS)} faults")
    from rehearsal.rollouts.catalogue import ROLLOUTS

    print("\nrollouts\n")
    for of in ROLLOUTS.values():
        print(f"  {of.name}\n      {of.about}")
    for name, reason in UNAVAILABLE.items():
        print(f"left out: {name}, because {reason}")


if __name__ == "__main__":
    try:
        hide_the_dsn()
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
