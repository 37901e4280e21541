"""The command line of `python -m harness`: which commands there are, and their options."""

from __future__ import annotations

import argparse

from harness.run.pytest_process import ROOT

_DESCRIPTION = (
    "`python -m harness plan | soak | judge | cleanup | runs | schema`: all besides the gate itself, which is `pytest`."
)
CONFIGURATION = "environments.yaml"


def build_parser() -> argparse.ArgumentParser:
    """The parser; `command` of what it parses is the name of a module of this package."""
    parser = argparse.ArgumentParser(prog="python -m harness", description=_DESCRIPTION, allow_abbrev=False)
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
    return parser


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


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
