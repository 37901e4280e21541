"""`python -m harness plan | soak | judge | cleanup | runs | schema`: all besides the gate itself, which is `pytest`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.judging import ROOT, alone, judging, print_verdict
from harness.log import Lasting
from harness.verdict import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.cleanup import CleanUp
    from harness.environments import Environment
    from harness.redaction import Redactor

CONFIGURATION = "environments.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, of the same table as the gate's."""
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    planning = commands.add_parser("plan", help="print each request and statement that a run would send; sends nothing")
    planning.add_argument("--env", action="append", metavar="NAME", help="an environment; repeatable (preview)")
    planning.add_argument("--posts", metavar="N")
    planning.add_argument("--burst", metavar="N")
    planning.add_argument("--read-only", action="store_true")
    planning.add_argument("--allow-many", action="store_true")
    soaking = commands.add_parser("soak", help="send the create request as often as `soak` of environments.yaml says")
    _soak_options(soaking)
    judging = commands.add_parser("judge", help="judge saved histories again, offline")
    judging.add_argument("histories", nargs="+", metavar="HISTORY")
    judging.add_argument("--report-dir", metavar="DIR")
    cleaning = commands.add_parser("cleanup", help="remove what the named runs left behind; says what remains")
    cleaning.add_argument("histories", nargs="+", metavar="HISTORY")
    listing = commands.add_parser("runs", help="print the last runs of an environment: verdict, failures, latency")
    listing.add_argument("--env", metavar="NAME", help="of this environment only")
    listing.add_argument("--last", type=_positive, metavar="N", default=30)
    listing.add_argument("--runs", metavar="FILE", help="where they are remembered (reports/runs.sqlite)")
    for command in (planning, soaking, cleaning):
        command.add_argument("--environments", metavar="FILE", default=str(ROOT / CONFIGURATION))
    schemas = commands.add_parser("schema", help="print a JSON Schema")
    schemas.add_argument("of", choices=["verdict", "environments"])
    for command in (planning, soaking, judging, cleaning, listing, schemas):
        command.add_argument("--json", action="store_true", help="print JSON (a schema always is)")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as ended:  # argparse's own 2 is that of an interrupted run
        return ExitCode.USAGE if ended.code else ExitCode.RELEASE
    run = {"plan": _plan, "soak": _soak, "judge": _judge, "cleanup": _cleanup, "runs": _runs, "schema": _schema}[
        options.command
    ]

    from harness.configuration import ConfigurationError
    from harness.recorded import UnreadableHistory
    from harness.trend import NoTrend

    # Rows are removed and counted whether or not anybody takes the output.
    sys.stdout, sys.stderr = Lasting(sys.stdout), Lasting(sys.stderr)
    try:
        return run(options)
    except (ConfigurationError, UnreadableHistory, NoTrend) as error:
        print(f"ERROR: {_last_redactor(options)(str(error))}", file=sys.stderr)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception:  # our own mistake: Python would print it in clear, and exit with the code for a roll-back
        print(_last_redactor(options)(traceback.format_exc().rstrip()), file=sys.stderr)
        print("ERROR: the harness itself failed; report what it says above", file=sys.stderr)
        return ExitCode.INTERNAL_ERROR


def _soak_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", metavar="NAME", default="preview", help="the environment (preview)")
    parser.add_argument(
        "--report-dir", metavar="DIR", help="where histories and reports are written (reports/<run id>)"
    )
    parser.add_argument("--allow-many", action="store_true", help="send more than 200 POSTs to a protected environment")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=_positive, metavar="N", default=1, help="processes on this machine (1)")
    where.add_argument("--master", action="store_true", help="lead workers of other machines, and send nothing itself")
    where.add_argument("--worker", action="store_true", help="work for the master of another machine")
    parser.add_argument("--expect-workers", type=_positive, metavar="N", default=1, help="begin when so many are there")
    parser.add_argument("--bind", metavar="HOST:PORT", default="127.0.0.1:5557", help="where a master listens")
    parser.add_argument("--master-host", metavar="HOST:PORT", default="127.0.0.1:5557", help="where the master is")


def _soak(options: argparse.Namespace) -> int:
    from harness.soak.command import soak

    return soak(options, ROOT)


def _last_redactor(options: argparse.Namespace) -> Redactor:
    """What the command itself masks with, if it came to know its environments."""
    redact: Redactor | None = getattr(options, "redact", None)
    return redact or _redactor(options)


def _redactor(options: argparse.Namespace, environments: Sequence[Environment] = ()) -> Redactor:
    """Masks what a command prints; without environments, whatever their file may hold."""
    from harness.redaction import Redactor, learn, secrets_of_broken

    redact = options.redact = Redactor()
    if getattr(options, "environments", None) is None:  # a command that reads none
        return redact
    file = Path(options.environments)
    if environments:
        learn(redact, environments, file, os.environ)
    else:
        redact.add(secrets_of_broken(file, os.environ))
    return redact


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
    redact = _redactor(options, environments)
    planned = [plan(environment, redact, read_only=options.read_only) for environment in environments]
    print(json.dumps(planned, indent=2) if options.json else "\n\n".join(map(in_words, planned)))
    return ExitCode.RELEASE


def _judge(options: argparse.Namespace) -> int:
    """The checks of the gate, on saved histories: the same claims, the same verdict, nothing asked of a deployment."""
    command = judging(map(Path, options.histories))
    if options.report_dir:
        command += ["--report-dir", str(Path(options.report_dir).resolve())]
    if not options.json:
        sys.stdout.flush()
        os.chdir(ROOT)
        os.execve(sys.executable, command, alone())  # noqa: S606 (our own command line; no shell)
    return _judge_into_json(command, options.report_dir)


def _judge_into_json(command: list[str], report_dir: str | None) -> int:
    """Run it without a word, and print its `verdict.json`."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        where = Path(report_dir).resolve() if report_dir else Path(folder) / "report"
        command += [] if report_dir else ["--report-dir", str(where)]
        # Our own command line; no shell.
        done = subprocess.run(command, cwd=ROOT, env=alone(), stdout=subprocess.DEVNULL, check=False)  # noqa: S603
        print_verdict(where)
    return done.returncode


def _schema(options: argparse.Namespace) -> int:
    from harness.schema import environments_schema, verdict_schema

    print(json.dumps(verdict_schema() if options.of == "verdict" else environments_schema(), indent=2))
    return ExitCode.RELEASE


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _runs(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from harness.trend import FILE, past_runs

    found = past_runs(Path(options.runs) if options.runs else ROOT / "reports" / FILE, options.env, options.last)
    if options.json:
        print(json.dumps([asdict(run) for run in found], indent=2))
        return ExitCode.RELEASE
    widest = max((len(run.environment) for run in found), default=0)
    print(_run_line("started", "environment", "verdict", "exit", "posts", "failed", "p50", "p95", "run", widest=widest))
    for run in found:
        took = ("" if ms is None else f"{ms:.0f} ms" for ms in (run.p50_ms, run.p95_ms))
        counts = map(str, (run.exit_code, run.posts, run.failures))
        print(_run_line(run.started_at, run.environment, run.verdict, *counts, *took, run.run, widest=widest))
    return ExitCode.RELEASE


def _run_line(*cells: str, widest: int) -> str:
    started, environment, verdict, code, posts, failed, p50, p95, run = cells
    return (
        f"{started:25}  {environment:{max(widest, 11)}}  {verdict:7}  {code:>4}  {posts:>6}  {failed:>6}  {p50:>8}  "
        f"{p95:>8}  {run}"
    )


def _cleanup(options: argparse.Namespace) -> int:
    from harness.afterwards import clean_after
    from harness.configuration import ConfigurationError
    from harness.findings import mask_before_cutting
    from harness.recorded import UnreadableHistory

    # What cannot be cleaned up keeps nothing else from it.
    refused: list[str] = []
    histories = _histories(options, refused)
    environments = _environments(options, {name for _, _, names in histories for name in names}, refused)
    redact = _redactor(options, list(environments.values()))
    mask_before_cutting(redact)
    for error in refused:
        print(f"ERROR: {redact(error)}", file=sys.stderr)
    hurry = threading.Event()
    _on_interrupt(hurry.set)
    tell = _tell if sys.stderr.isatty() else None
    done: list[tuple[str, str, CleanUp]] = []
    for path, run, names in histories:
        for name in names:
            if name not in environments:
                continue
            try:
                done.append((run, name, clean_after(path, run, environments[name], redact, hurry, tell)))
            except (ConfigurationError, UnreadableHistory) as error:
                refused.append(str(error))
                print(f"ERROR: {redact(str(error))}", file=sys.stderr)
            else:
                if not options.json:
                    print(_in_words(*done[-1], redact), flush=True)
    if options.json:
        print(json.dumps([_as_json(*one, redact) for one in done], indent=2))
    if hurry.is_set():
        return ExitCode.INTERRUPTED
    if refused:
        return ExitCode.USAGE
    return ExitCode.LEFT_BEHIND if any(cleaned.left for _, _, cleaned in done) else ExitCode.RELEASE


def _histories(options: argparse.Namespace, refused: list[str]) -> list[tuple[Path, str, list[str]]]:
    """Each history that can be read: its file, its run, and its environments. What it holds may be large."""
    from harness.recorded import EmptyHistory, UnreadableHistory, read

    found = []
    for path in map(Path, options.histories):
        try:
            run, recorded = read(path)
            found.append((path, run, [*recorded]))
        except EmptyHistory:  # its run was ended before it sent anything
            print(f"{path}: is empty: its run sent nothing", file=sys.stderr)
        except UnreadableHistory as error:
            refused.append(str(error))
    return found


def _environments(options: argparse.Namespace, names: set[str], refused: list[str]) -> dict[str, Environment]:
    from harness.configuration import ConfigurationError, load

    found = {}
    for name in sorted(names):
        try:
            (found[name],) = load(Path(options.environments), [name])
        except ConfigurationError as error:
            refused.append(str(error))
    return found


def _on_interrupt(act: Callable[[], None]) -> None:
    """The first signal to end lets what is under way be told; a second one ends at once."""
    import signal

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        act()

    if threading.current_thread() is threading.main_thread():  # Python lets no other one listen
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, interrupt)


def _in_words(run: str, name: str, cleaned: CleanUp, redact: Redactor) -> str:
    return "\n".join(
        [
            f"run {run}, {name}: {cleaned.removed} rows removed, {len(cleaned.left)} may be left behind",
            *(
                f"  {row.name}{f' (id {row.id})' if row.id else ''}: {redact(f'{row.reason}; {row.remedy}')}"
                for row in cleaned.left
            ),
        ]
    )


def _tell(doing: str) -> None:
    print(f"{doing} ...", file=sys.stderr)


def _as_json(run: str, name: str, cleaned: CleanUp, redact: Redactor) -> dict[str, Any]:
    rows = [row.model_dump() for row in cleaned.left]
    masked = [{**row, "reason": redact(row["reason"]), "remedy": redact(row["remedy"])} for row in rows]
    return {"run": run, "environment": name, "removed": cleaned.removed, "left_behind": masked}


if __name__ == "__main__":
    sys.exit(main())
