"""`python -m harness plan | soak | judge | cleanup | runs | schema`: all besides the gate itself, which is `pytest`."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.cleanup import _cleanup
from harness.cli.judge import _judge
from harness.cli.redaction import _last_redactor, _redactor
from harness.cli.runs import _runs
from harness.cli.schema import _schema
from harness.console import Lasting
from harness.report.verdict import ExitCode
from harness.run.pytest_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence


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

    from harness.configuration.loading import ConfigurationError
    from harness.history.reading import UnreadableHistory
    from harness.report.run_log import NoTrend

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


def _plan(options: argparse.Namespace) -> int:
    from harness.cli.plan import in_words, plan
    from harness.configuration.loading import demand_few, load

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


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
