"""`python -m harness plan | judge | cleanup | schema`: everything besides the gate itself, which is `pytest`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.verdict import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.cleanup import CleanUp
    from harness.environments import Environment
    from harness.ledger import Recorded

ROOT = Path(__file__).parent.parent
CONFIGURATION = "environments.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, of the same table as the gate's."""
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    planning = commands.add_parser("plan", help="print each request and statement that a run would send; sends nothing")
    planning.add_argument("--env", action="append", metavar="NAME", help="an environment; repeatable (preview)")
    planning.add_argument("--posts", type=int, metavar="N")
    planning.add_argument("--burst", type=int, metavar="N")
    planning.add_argument("--read-only", action="store_true")
    judging = commands.add_parser("judge", help="judge saved histories again, offline")
    judging.add_argument("histories", nargs="+", metavar="HISTORY")
    judging.add_argument("--report-dir", metavar="DIR")
    cleaning = commands.add_parser("cleanup", help="remove what the named runs left behind; says what remains")
    cleaning.add_argument("histories", nargs="+", metavar="HISTORY")
    for command in (planning, cleaning):
        command.add_argument("--environments", metavar="FILE", default=str(ROOT / CONFIGURATION))
        command.add_argument("--json", action="store_true", help="print JSON")
    schemas = commands.add_parser("schema", help="print a JSON Schema")
    schemas.add_argument("of", choices=["verdict", "environments"])
    options = parser.parse_args(arguments)
    run = {"plan": _plan, "judge": _judge, "cleanup": _cleanup, "schema": _schema}[options.command]

    from harness.configuration import ConfigurationError
    from harness.ledger import UnreadableHistory

    try:
        return run(options)
    except (ConfigurationError, UnreadableHistory) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.RELEASE


def _plan(options: argparse.Namespace) -> int:
    from harness.configuration import load
    from harness.plan import in_words, plan

    environments = load(
        Path(options.environments),
        options.env or ["preview"],
        overrides={"posts": options.posts, "burst": options.burst},
    )
    planned = [plan(environment, read_only=options.read_only) for environment in environments]
    print(json.dumps(planned, indent=2) if options.json else "\n\n".join(map(in_words, planned)))
    return ExitCode.RELEASE


def _judge(options: argparse.Namespace) -> int:
    """The checks of the gate, on saved histories: the same claims, the same verdict, nothing asked of a deployment."""
    command = [sys.executable, "-m", "pytest", str(ROOT / "checks"), "--rootdir", str(ROOT)]
    command += [word for file in options.histories for word in ("--judge", str(Path(file).resolve()))]
    if options.report_dir:
        command += ["--report-dir", str(Path(options.report_dir).resolve())]
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(sys.executable, command)  # noqa: S606 (our own command line; no shell)


def _schema(options: argparse.Namespace) -> int:
    from harness.schema import environments_schema, verdict_schema

    print(json.dumps(verdict_schema() if options.of == "verdict" else environments_schema(), indent=2))
    return ExitCode.RELEASE


def _cleanup(options: argparse.Namespace) -> int:
    from harness.configuration import load
    from harness.ledger import read

    histories = [(Path(file), *read(Path(file))) for file in options.histories]
    names = {name for _, _, recorded in histories for name in recorded}
    environments = {e.name: e for e in load(Path(options.environments), sorted(names))}
    done = [
        (run, name, _clean_one(path, run, of, environments[name]))
        for path, run, recorded in histories
        for name, of in recorded.items()
    ]
    if options.json:
        print(json.dumps([_as_json(*one) for one in done], indent=2))
    else:
        for run, name, cleaned in done:
            print(f"run {run}, {name}: {cleaned.removed} rows removed, {len(cleaned.left)} may be left behind")
            for row in cleaned.left:
                print(f"  {row.name}{f' (id {row.id})' if row.id else ''}: {row.reason}; {row.remedy}")
    return ExitCode.LEFT_BEHIND if any(cleaned.left for _, _, cleaned in done) else ExitCode.RELEASE


def _clean_one(path: Path, run: str, of: Recorded, environment: Environment) -> CleanUp:
    from harness.cleanup import clean_up
    from harness.client import Client
    from harness.configuration import ConfigurationError
    from harness.ledger import Ledger
    from harness.redaction import Redactor, secrets_of

    if of.settings.get("url") != environment.origin:
        raise ConfigurationError(
            f"{path}: was written on {of.settings.get('url')}, but environments.{environment.name}.url is now "
            f"{environment.origin}. Clean up with the configuration that the run had."
        )
    client = Client(environment, run, Redactor(secrets_of(environment)), time.monotonic())
    try:
        ledger = Ledger(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        attempts = [a for a in of.history.sent if a.outcome != "ok" or not _is_removed(of, a.id, a.name)]
        labels = {a.name: of.labels.get(a.n, [a.name]) for a in attempts}
        return clean_up(client, attempts, labels, ledger, login=True)
    finally:
        ledger.close()


def _is_removed(of: Recorded, id_: str | None, name: str) -> bool:
    return any(removed == id_ and name in label for removed, label in of.removed)


def _as_json(run: str, name: str, cleaned: CleanUp) -> dict[str, Any]:
    return {
        "run": run,
        "environment": name,
        "removed": cleaned.removed,
        "left_behind": [row.model_dump() for row in cleaned.left],
    }


if __name__ == "__main__":
    sys.exit(main())
