"""`python -m harness plan | judge | cleanup | schema`: everything besides the gate itself, which is `pytest`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from harness.verdict import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.cleanup import CleanUp
    from harness.environments import Environment
    from harness.ledger import Recorded

ROOT = Path(__file__).parent.parent
CONFIGURATION = "environments.yaml"
SETTLED_AFTER_S = 3600.0  # nothing between a client and a table keeps a request for an hour


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, of the same table as the gate's."""
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    planning = commands.add_parser("plan", help="print each request and statement that a run would send; sends nothing")
    planning.add_argument("--env", action="append", metavar="NAME", help="an environment; repeatable (preview)")
    planning.add_argument("--posts", type=int, metavar="N")
    planning.add_argument("--burst", type=int, metavar="N")
    planning.add_argument("--read-only", action="store_true")
    planning.add_argument("--allow-many", action="store_true")
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
    from harness.configuration import demand_few, load
    from harness.plan import in_words, plan

    environments = load(
        Path(options.environments),
        options.env or ["preview"],
        overrides={"posts": options.posts, "burst": options.burst},
    )
    if not options.read_only and not options.allow_many:
        demand_few(environments, Path(options.environments))
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
    from harness.configuration import ConfigurationError, load
    from harness.ledger import EmptyHistory, UnreadableHistory, read

    histories: list[tuple[Path, str, dict[str, Recorded]]] = []
    for path in map(Path, options.histories):
        try:
            histories.append((path, *read(path)))
        except EmptyHistory:  # its run was ended before it sent anything
            _say(f"{path}: is empty: its run sent nothing", sys.stderr)
    names = {name for _, _, recorded in histories for name in recorded}
    environments = {e.name: e for e in load(Path(options.environments), sorted(names))} if names else {}
    done: list[tuple[str, str, CleanUp]] = []
    refused = False
    for path, run, recorded in histories:
        for name in recorded:
            try:
                done.append((run, name, _clean_one(path, run, environments[name])))
            except (ConfigurationError, UnreadableHistory) as error:  # the others are cleaned up all the same
                _say(f"ERROR: {error}", sys.stderr)
                refused = True
            else:
                if not options.json:
                    _say(_in_words(*done[-1]))
    if options.json:
        _say(json.dumps([_as_json(*one) for one in done], indent=2))
    if refused:
        return ExitCode.USAGE
    return ExitCode.LEFT_BEHIND if any(cleaned.left for _, _, cleaned in done) else ExitCode.RELEASE


def _in_words(run: str, name: str, cleaned: CleanUp) -> str:
    return "\n".join(
        [
            f"run {run}, {name}: {cleaned.removed} rows removed, {len(cleaned.left)} may be left behind",
            *(f"  {row.name}{f' (id {row.id})' if row.id else ''}: {row.reason}; {row.remedy}" for row in cleaned.left),
        ]
    )


def _say(text: str, stream: TextIO | None = None) -> None:
    """Print, if that can be done: rows are removed and counted whether or not somebody listens."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except OSError:  # a pipe that was closed, a disk that is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _clean_one(path: Path, run: str, environment: Environment) -> CleanUp:
    from harness.cleanup import Task, clean_up
    from harness.client import Client
    from harness.configuration import ConfigurationError
    from harness.ledger import Ledger, StillWritten, read
    from harness.redaction import Redactor, secrets_of

    client = Client(environment, run, Redactor(secrets_of(environment)), time.monotonic())
    try:
        ledger = Ledger(path)
    except StillWritten:
        raise ConfigurationError(
            f"{path}: its run is still going on, and will clean up itself, or another clean-up of it is. Wait for it, "
            "or end it with Ctrl-C."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        # Read only now that nobody else writes it: another clean-up may just have found and removed rows.
        of = read(path)[1][environment.name]
        _demand_same_place(path, of, environment)
        ages_s = {a.name: of.age_s(a.n) for a in of.history.sent if a.unanswered}
        youngest_s = min(ages_s.values(), default=0.0)
        task = Task(
            client,
            of.history.sent,
            {a.name: of.labels.get(a.n, [a.name]) for a in of.history.sent},
            ledger,
            # A row may come as long after its POST as the run itself would have waited for it.
            patience_s=min(
                environment.late_rows_s, max(0.0, environment.api.timeout_s + environment.late_rows_s - youngest_s)
            ),
            login=True,
            known=frozenset(of.rows | of.removed),
            settled=frozenset(name for name, age_s in ages_s.items() if age_s > SETTLED_AFTER_S),
            identity=of.identity,
        )
        return clean_up(task)
    finally:
        ledger.close()


def _demand_same_place(path: Path, of: Recorded, environment: Environment) -> None:
    """Refuse to look for a run's rows where it has not stored them: they would be reported as gone."""
    from harness.configuration import ConfigurationError
    from harness.database import located

    now = {"url": environment.origin, "database": environment.database and located(environment.database)}
    for key, value in now.items():
        was = of.settings.get(key, value)  # an older history does not name its database
        if was != value:
            raise ConfigurationError(
                f"{path}: was written on {was}, but environments.{environment.name}.{key} is now {value}. Clean up "
                "with the configuration that the run had."
            )


def _as_json(run: str, name: str, cleaned: CleanUp) -> dict[str, Any]:
    return {
        "run": run,
        "environment": name,
        "removed": cleaned.removed,
        "left_behind": [row.model_dump() for row in cleaned.left],
    }


if __name__ == "__main__":
    sys.exit(main())
