"""`python -m harness plan | judge | cleanup | schema`: everything besides the gate itself, which is `pytest`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.verdict import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.cleanup import CleanUp
    from harness.environments import Environment
    from harness.ledger import Recorded
    from harness.redaction import Redactor

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
        print(f"ERROR: {_last_redactor(options)(str(error))}", file=sys.stderr)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.RELEASE
    except Exception:  # our own mistake: Python would print it in clear, and exit with the code for a roll-back
        print(_last_redactor(options)(traceback.format_exc().rstrip()), file=sys.stderr)
        print("ERROR: the harness itself failed; report what it says above", file=sys.stderr)
        return ExitCode.INTERNAL_ERROR


def _last_redactor(options: argparse.Namespace) -> Redactor:
    """What the command itself masks with, if it came to know its environments."""
    redact: Redactor | None = getattr(options, "redact", None)
    return redact or _redactor(options)


def _redactor(options: argparse.Namespace, environments: Sequence[Environment] = ()) -> Redactor:
    """Masks what a command prints; without environments, whatever their file may hold."""
    from harness.redaction import Redactor, secrets_of, secrets_of_broken, secrets_of_variables, words_of

    redact = options.redact = Redactor()
    if getattr(options, "environments", None) is None:  # a command that reads none
        return redact
    file = Path(options.environments)
    for environment in environments:
        redact.add(secrets_of(environment))
    found = secrets_of_variables(file, os.environ) if environments else secrets_of_broken(file, os.environ)
    redact.add(found.difference(*map(words_of, environments)))
    return redact


def _plan(options: argparse.Namespace) -> int:
    from harness.configuration import load
    from harness.plan import in_words, plan

    environments = load(
        Path(options.environments),
        options.env or ["preview"],
        overrides={"posts": options.posts, "burst": options.burst},
    )
    redact = _redactor(options, environments)
    planned = [plan(environment, redact, read_only=options.read_only) for environment in environments]
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
    from harness.findings import mask_before_cutting
    from harness.ledger import read

    histories = [(Path(file), *read(Path(file))) for file in options.histories]
    names = {name for _, _, recorded in histories for name in recorded}
    environments = {e.name: e for e in load(Path(options.environments), sorted(names))}
    redact = _redactor(options, list(environments.values()))
    mask_before_cutting(redact)
    done = [
        (run, name, _clean_one(path, run, of, environments[name], redact))
        for path, run, recorded in histories
        for name, of in recorded.items()
    ]
    if options.json:
        print(json.dumps([_as_json(*one, redact) for one in done], indent=2))
    else:
        for run, name, cleaned in done:
            print(f"run {run}, {name}: {cleaned.removed} rows removed, {len(cleaned.left)} may be left behind")
            for row in cleaned.left:
                print(f"  {row.name}{f' (id {row.id})' if row.id else ''}: {redact(f'{row.reason}; {row.remedy}')}")
    return ExitCode.LEFT_BEHIND if any(cleaned.left for _, _, cleaned in done) else ExitCode.RELEASE


def _clean_one(path: Path, run: str, of: Recorded, environment: Environment, redact: Redactor) -> CleanUp:
    from harness.cleanup import clean_up
    from harness.client import Client
    from harness.configuration import ConfigurationError
    from harness.ledger import Ledger

    origin = redact.url(environment.origin)
    if of.settings.get("url") not in (environment.origin, origin):
        raise ConfigurationError(
            f"{path}: was written on {of.settings.get('url')}, but environments.{environment.name}.url is now "
            f"{origin}. Clean up with the configuration that the run had."
        )
    client = Client(environment, run, redact, time.monotonic())
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


def _as_json(run: str, name: str, cleaned: CleanUp, redact: Redactor) -> dict[str, Any]:
    rows = [row.model_dump() for row in cleaned.left]
    masked = [{**row, "reason": redact(row["reason"]), "remedy": redact(row["remedy"])} for row in rows]
    return {"run": run, "environment": name, "removed": cleaned.removed, "left_behind": masked}


if __name__ == "__main__":
    sys.exit(main())
