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
_DESCRIPTION = "Verify, right after a deploy, that chatbots.public_token is a version 4 UUID that Postgres generates."
_MORE = "`chatbots-smoke COMMAND --help` shows the options of a command. Begin with `init`, `doctor` and `run`."
_RUN = """\
The options of pytest work too: -k EXPRESSION selects claims, -x stops at the first failure, -v lists every claim.
The run ignores conftest.py, pytest.ini and PYTEST_ADDOPTS of the current directory.
Exit codes: 0 release; 1 a claim failed, usually roll back; 75 could not tell, hold; 76 release, then clean up;
2 to 5 the run itself did not work, hold."""
_ENV = "this environment; may be repeated (default: preview)"
_ONE = "this environment (default: %(default)s)"
_HISTORY = "a history.jsonl in the report directory of the run"
_EXPECTED = "a master begins when N workers have come (default: %(default)s)"
_PORT = "(default: %(default)s)"
_LASTS = "watch for so long, such as 90s or 1h (default: %(default)s)"


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
    parser = argparse.ArgumentParser(prog=program, description=_DESCRIPTION, epilog=_MORE, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    parser.set_defaults(folder=folder)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    running = _add(
        commands,
        "run",
        "verify deployments: send POSTs, read the database, delete the rows, give a verdict",
        "--env preview --env production",
    )
    running.epilog = f"{running.epilog}\n\n{_RUN}"
    for name, how in GATE_OPTIONS.items():
        running.add_argument(name, **how)
    planning = _add(commands, "plan", "show what a run would send, and why; send nothing", "--env production")
    planning.add_argument("--env", **GATE_OPTIONS["--env"] | {"help": _ENV})
    planning.add_argument(
        "--sql", action="store_true", help="also show each request, each SQL statement and the configuration"
    )
    for name in ("--posts", "--burst", "--read-only", "--allow-many"):
        planning.add_argument(name, **GATE_OPTIONS[name])
    asking = _add(commands, "doctor", "check the setup, and say what to write where a key is wrong", "--env preview")
    _doctor_options(asking)
    soaking = _add(commands, "soak", "send very many POSTs, as `soak` of environments.yaml says", "--env preview")
    _soak_options(soaking)
    watching = _add(
        commands,
        "watch",
        "send a few POSTs a second during a rollout, and report what failed when",
        "--env preview --for 10m --until-revision 5ca1ab1e",
    )
    _watch_options(watching)
    judging = _add(
        commands,
        "judge",
        "judge the history of an earlier run again; connect to nothing",
        "reports/latest/history.jsonl",
    )
    judging.add_argument("histories", nargs="+", metavar="HISTORY", help=_HISTORY)
    judging.add_argument("--report-dir", **GATE_OPTIONS["--report-dir"])
    cleaning = _add(
        commands,
        "cleanup",
        "delete the rows that an earlier run left, and list what it could not delete",
        "reports/latest/history.jsonl",
    )
    cleaning.add_argument("histories", nargs="+", metavar="HISTORY", help=_HISTORY)
    listing = _add(
        commands,
        "runs",
        "list the last runs: verdict, failures, latency",
        "--env production --last 5",
    )
    listing.add_argument("--env", metavar="NAME", help="list the runs of this environment only")
    listing.add_argument("--last", type=_positive, metavar="N", default=30, help="list so many runs (default: 30)")
    listing.add_argument("--runs", metavar="FILE", help="read this file (default: reports/runs.sqlite)")
    for command in (asking, planning, soaking, watching, cleaning):
        command.add_argument("--environments", **GATE_OPTIONS["--environments"], default=str(folder / CONFIGURATION))
    drafting = _add(
        commands,
        "init",
        "draft an environments.yaml from the app's code, its database and its URL",
        "--source ../app --url https://preview.example.com --database '${PREVIEW_POSTGRES_URL}'",
    )
    _init_options(drafting)
    schemas = _add(commands, "schema", "print a JSON Schema", "environments > environments.schema.json")
    schemas.add_argument("of", choices=["verdict", "environments"], help="the file that the schema describes")
    for command in (drafting, asking, planning, soaking, watching, judging, cleaning, listing):
        command.add_argument("--json", action="store_true", help="print JSON, for programs")
    schemas.add_argument("--json", action="store_true", help="changes nothing: a schema is JSON")
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
    parser.add_argument("--env", **GATE_OPTIONS["--env"] | {"help": _ENV})
    parser.add_argument(
        "--wait", action="store_true", help="wait until the deployment and its database answer, as a run does"
    )
    parser.add_argument("--post", action="store_true", help="send one POST, explain its answer, and delete its row")
    parser.add_argument(
        "--report-dir", metavar="DIR", help="write the history of that POST there (default: reports/<run id>)"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the keys that have only one possible value into the file"
    )


def _init_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", metavar="DIR", help="read routes, payload, answer, table and login from this checkout of the app"
    )
    parser.add_argument("--url", metavar="URL", help="the URL of preview, without credentials, or '${VAR}'")
    parser.add_argument(
        "--database",
        metavar="'${VAR}'",
        help="read the table's columns from the database whose URL this variable holds",
    )
    parser.add_argument(
        "--environments", metavar="FILE", default=CONFIGURATION, help="write this file (default: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")


def _soak_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", metavar="NAME", default="preview", help=_ONE)
    parser.add_argument("--report-dir", **GATE_OPTIONS["--report-dir"])
    parser.add_argument("--allow-many", **GATE_OPTIONS["--allow-many"])
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=_positive, metavar="N", default=1, help="use N processes of this machine (default: 1)"
    )
    where.add_argument("--master", action="store_true", help="lead workers on other machines; send nothing from here")
    where.add_argument("--worker", action="store_true", help="send POSTs for a master on another machine")
    parser.add_argument("--expect-workers", type=_positive, metavar="N", default=1, help=_EXPECTED)
    parser.add_argument(
        "--bind", metavar="HOST:PORT", default="127.0.0.1:5557", help=f"the master listens there {_PORT}"
    )
    parser.add_argument(
        "--master-host",
        metavar="HOST:PORT",
        default="127.0.0.1:5557",
        help=f"the worker finds its master there {_PORT}",
    )


def _watch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", metavar="NAME", default="preview", help=_ONE)
    parser.add_argument("--for", dest="lasts", metavar="TIME", default="10m", help=_LASTS)
    parser.add_argument(
        "--until-revision",
        metavar="SHA",
        help="end when every instance names this commit and POSTs succeed again; needs ready.revision",
    )
    parser.add_argument("--report-dir", **GATE_OPTIONS["--report-dir"])
    parser.add_argument("--allow-many", **GATE_OPTIONS["--allow-many"])


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)
