"""The command line of `chatbots-smoke`, which is `python -m harness` as well: its commands, and their options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.run.gate_options import GATE_OPTIONS
from harness.run.pytest_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

COMMAND = "chatbots-smoke"
CONFIGURATION = "environments.yaml"
_DESCRIPTION = "Verifies, right after a deploy, that chatbots.public_token is a version 4 UUID made by Postgres."
_RUN = """\
The options of pytest work too: -k EXPRESSION selects claims, -x stops at the first failure, -v lists every claim.
conftest.py, pytest.ini and PYTEST_ADDOPTS of this folder are ignored.
Exit codes: 0 release, 1 roll back, 75 could not tell, 76 release and clean up, 2 to 5 the run itself failed."""


class _Version(argparse.Action):
    """Looks for the version only when it is wanted: finding it takes longer than parsing."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(COMMAND, version(COMMAND))
        except PackageNotFoundError:  # a checkout that nobody installed
            print(COMMAND, "(a checkout that is not installed)")
        parser.exit()


def parsed(arguments: Sequence[str], *, program: str, folder: Path) -> argparse.Namespace:
    """What was typed: `command` names a module of this package, `folder` is where the files of the user are.

    All that follows `run` is pytest's, in `words`.
    """
    parser = build_parser(program, folder)
    if arguments[:1] == ["run"] and not {"-h", "--help"} & set(arguments):
        options = parser.parse_args(["run"])
        options.words = list(arguments[1:])
        return options
    return parser.parse_args(arguments)


def build_parser(program: str = COMMAND, folder: Path = ROOT) -> argparse.ArgumentParser:
    """The parser. `folder` holds `environments.yaml` and `reports/` where no option says otherwise."""
    parser = argparse.ArgumentParser(prog=program, description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    parser.set_defaults(folder=folder)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    running = _add(commands, "run", "run every check and give a verdict: the gate", "--env preview --env production")
    running.epilog = f"{running.epilog}\n\n{_RUN}"
    for name, how in GATE_OPTIONS.items():
        running.add_argument(name, **how)
    planning = _add(commands, "plan", "print what a run would send, and what for; sends nothing", "--env production")
    planning.add_argument("--env", action="append", metavar="NAME", help="an environment; repeatable (preview)")
    planning.add_argument("--sql", action="store_true", help="print each request and statement, and the configuration")
    planning.add_argument("--posts", metavar="N")
    planning.add_argument("--burst", metavar="N")
    planning.add_argument("--read-only", action="store_true")
    planning.add_argument("--allow-many", action="store_true")
    asking = _add(commands, "doctor", "ask all that a run would meet, and say what to write instead", "--env preview")
    _doctor_options(asking)
    soaking = _add(
        commands, "soak", "send the create request as often as `soak` of environments.yaml says", "--env preview"
    )
    _soak_options(soaking)
    watching = _add(
        commands,
        "watch",
        "send a few POSTs a second through a rollout, and tell what happened when",
        "--env preview --for 10m --until-revision 5ca1ab1e",
    )
    _watch_options(watching)
    judging = _add(commands, "judge", "judge saved histories again, offline", "reports/latest/history.jsonl")
    judging.add_argument("histories", nargs="+", metavar="HISTORY")
    judging.add_argument("--report-dir", metavar="DIR")
    cleaning = _add(
        commands, "cleanup", "remove what the named runs left behind; says what remains", "reports/latest/history.jsonl"
    )
    cleaning.add_argument("histories", nargs="+", metavar="HISTORY")
    listing = _add(
        commands,
        "runs",
        "print the last runs of an environment: verdict, failures, latency",
        "--env production --last 5",
    )
    listing.add_argument("--env", metavar="NAME", help="of this environment only")
    listing.add_argument("--last", type=_positive, metavar="N", default=30)
    listing.add_argument("--runs", metavar="FILE", help="where they are remembered (reports/runs.sqlite)")
    for command in (asking, planning, soaking, watching, cleaning):
        command.add_argument("--environments", metavar="FILE", default=str(folder / CONFIGURATION))
    drafting = _add(
        commands,
        "init",
        "draft an environments.yaml from a checkout, a database and a URL",
        "--source ../app --url https://preview.example.com --database '${PREVIEW_POSTGRES_URL}'",
    )
    _init_options(drafting)
    schemas = _add(commands, "schema", "print a JSON Schema", "environments > environments.schema.json")
    schemas.add_argument("of", choices=["verdict", "environments"])
    for command in (drafting, asking, planning, soaking, watching, judging, cleaning, listing, schemas):
        command.add_argument("--json", action="store_true", help="print JSON (a schema always is)")
    return parser


def _add(commands: Subparsers, name: str, said: str, example: str) -> argparse.ArgumentParser:
    """A command with what it does and an example, in its own help too."""
    return commands.add_parser(
        name,
        help=said,
        description=f"{said[0].upper()}{said[1:]}.",
        epilog=f"example:\n  {COMMAND} {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _doctor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", action="append", metavar="NAME", help="an environment; repeatable (preview)")
    parser.add_argument("--wait", action="store_true", help="wait for the deployment and its database, as a run does")
    parser.add_argument("--post", action="store_true", help="send one POST, explain its answer, and remove its row")
    parser.add_argument("--report-dir", metavar="DIR", help="where its history is written (reports/<run id>)")
    parser.add_argument("--write", action="store_true", help="write into the file what can only be right so")


def _init_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", metavar="DIR", help="a checkout of the app: routes, payload, answer, table, login")
    parser.add_argument("--url", metavar="URL", help="where preview serves: a URL without credentials, or '${VAR}'")
    parser.add_argument("--database", metavar="'${VAR}'", help="a variable that holds its database URL; read READ ONLY")
    parser.add_argument("--environments", metavar="FILE", default=CONFIGURATION, help="what is written (%(default)s)")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")


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


def _watch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", metavar="NAME", default="preview", help="the environment (preview)")
    parser.add_argument("--for", dest="lasts", metavar="TIME", default="10m", help="how long, such as 90s or 1h (10m)")
    parser.add_argument(
        "--until-revision",
        metavar="SHA",
        help="end once the ready page names this commit everywhere, and all is steady",
    )
    parser.add_argument("--report-dir", metavar="DIR", help="where history and reports are written (reports/<run id>)")
    parser.add_argument("--allow-many", action="store_true", help="send more than 200 POSTs to a protected environment")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)
