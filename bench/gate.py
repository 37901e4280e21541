"""The full gate over a bare pytest, the least that asks the same, the task as a script, Tavern, Newman and k6.

Two environments, 8 POSTs one after another and 11 at once to each. The gate asks all its checks, cleans up and writes
all reports; it is run from a virtual environment of requirements/gate.txt, as its users have it.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psycopg

from bench.installed import ROOT, LeftOut, gate_python, newman, program, virtual
from bench.measuring import Command, Failed, Timing, in_turns, ratio, shown
from bench.results import listed, table, target
from bench.servers import rehearsal
from harness.claims import ids_beside
from rehearsal.servers.binaries import find_binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GATE, BARE, LEAST, PACKAGES, CLAIMS, REPORTS, SCRIPT, TAVERN, NEWMAN, K6 = (
    "the gate",
    "(a) bare pytest",
    "the least",
    "the least, with the packages of the gate",
    "the same, and a test for each claim",
    "the same, and a history and reports",
    "(b) script",
    "(c) Tavern",
    "(d) Newman",
    "(e) k6",
)
# Those in rehearsals of their own. All others are told apart in the shorter figures.
OURS = (GATE, BARE, LEAST, PACKAGES)
MOST_OVER_BARE = 1.5
MOST_OF_OWN = 3  # rounds with a rehearsal each, which takes longer to start than what is compared
MOST_OVER_LEAST = 1.15
_NAMES = "msgspec pydantic yaml tenacity jinja2"  # of the packages of the gate that the least does not import
POSTS = 19  # to each environment, by everybody who sends any
# Neither the gate nor the bare run look for plugins: their environment has none, and others may be installed around it.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
# A run that is none of this project: without its settings and its conftest.py.
_APART = [
    "-c",
    "/dev/null",
    *(f"--{kind}=bench/opponents" for kind in ("rootdir", "confcutdir")),
    "-p",
    "no:cacheprovider",
]


@dataclass(frozen=True, slots=True)
class Contender:
    """Who is measured: its command, given a number that no other turn has; what it does; the rows it leaves."""

    line: Callable[[int], list[str]]
    does: str
    env: Mapping[str, str]
    leaves: int = 0


def measure(rounds: int) -> str:
    """Both tables and what each of the contenders checks, as Markdown."""
    with tempfile.TemporaryDirectory(prefix="chatbots-smoke-bench-") as reports:
        contenders, left_out = _contenders(Path(reports))
        numbers = count(1)
        own = in_turns(
            {name: partial(_rehearsed, contenders[name], numbers) for name in OURS}, min(rounds, MOST_OF_OWN)
        )
        with rehearsal() as (variables, _):
            one = in_turns(
                {name: partial(_asked, name, c, numbers, variables) for name, c in contenders.items()}, rounds
            )
    parts = [
        "Each in a rehearsal of its own, as `make smoke` does it; starting that is in the figures of all:",
        _compared(own, {}),
        listed(_over(own)),
        "Each against one rehearsal that is up already, in another process:",
        _compared(one, left_out),
        listed([*_over(one), *_ahead(one)]),
        f"The rehearsal is {find_binaries()}. What they do:",
        "\n".join(f"- {name}: {c.does}\n  `{_typed(c.line(1))}`" for name, c in contenders.items()),
    ]
    return "\n\n".join(parts)


def _contenders(reports: Path) -> tuple[dict[str, Contender], dict[str, str]]:
    """Those that can be had here, and why the others cannot.

    Raises:
        Failed: the gate itself cannot be installed.
    """
    gate = gate_python()
    found = {
        GATE: _gate(gate, reports),
        BARE: _bare(gate),
        LEAST: _least(gate),
        PACKAGES: _packages(gate),
        CLAIMS: _claims(gate),
        REPORTS: _reports(gate, reports),
    }
    left_out = {}
    for name, of in {SCRIPT: _script, TAVERN: _tavern, NEWMAN: _newman, K6: _k6}.items():
        try:
            found[name] = of()
        except LeftOut as reason:
            left_out[name] = str(reason)
    return found, left_out


def _gate(python: str, reports: Path) -> Contender:
    def line(number: int) -> list[str]:
        both = ["--env", "preview", "--env", "production"]
        return [python, "-m", "pytest", *both, "--report-dir", str(reports / str(number))]

    does = (
        "POSTs to both environments side by side, all claims of README but those of a "
        "checkout, clean-up by id and name, five reports and the memory of earlier runs."
    )
    return Contender(line, does, {**ALONE, "PYTEST_PLUGINS": "harness.options"})


def _bare(python: str) -> Contender:
    line = [python, "-m", "pytest", *_APART, "bench/opponents/bare"]
    does = "imports requests and psycopg in the same virtual environment; sends, asks and checks nothing."
    return Contender(lambda _: line, does, ALONE)


def least(python: str, **environ: str) -> Command:
    """What sends and asks as much as the gate does; `environ` is what it finds besides (`bench/opponents/least`)."""
    return Command([python, "-m", "pytest", *_APART, "bench/opponents/least"], {**ALONE, **environ}, cwd=ROOT)


def _least(python: str) -> Contender:
    line = list(least(python).line)
    does = (
        "in the same virtual environment, by requests and psycopg: the POSTs of the gate side by side, with the "
        "connections of the burst opened before; type, default, indexes, counts and 10,000 evaluations of the default; "
        "its rows deleted. Judges, keeps and reports nothing: what any gate of these packages has to send and ask."
    )
    return Contender(lambda _: line, does, ALONE)


def _packages(python: str) -> Contender:
    """What no gate can be faster than that reads its file with PyYAML, knows it by pydantic, and renders a page."""
    does = f"the same, and imports {', '.join(_NAMES.split())}: what a gate of this project's packages is made of."
    return Contender(lambda _: list(least(python).line), does, {**ALONE, "PACKAGES": _NAMES})


def with_claims() -> dict[str, str]:
    """What the least finds besides, to have the packages of the gate and a test for each of its claims."""
    return {"PACKAGES": _NAMES, "CLAIMS": str(len(ids_beside(ROOT / "checks", "deployment")))}


def _claims(python: str) -> Contender:
    """What no gate can be faster than whose claims are tests, as pytest reports, selects and counts them."""
    does = (
        "the same, and as many tests as the gate has claims on each environment, with one fixture between them. "
        "They claim nothing: what pytest takes to collect, run and count them."
    )
    return Contender(lambda _: list(least(python).line), does, {**ALONE, **with_claims()})


def _reports(python: str, folder: Path) -> Contender:
    """What no gate can be faster than that writes down what it sends before it does, and says what it found."""
    line = [*least(python).line, f"--junitxml={folder / 'junit.xml'}"]
    does = (
        "the same, and each POST on disk before it is sent and when it is answered; verdict.json by pydantic, "
        "summary.md, report.html by Jinja and junit.xml by pytest. They say nothing: what it takes to write any."
    )
    return Contender(lambda _: line, does, {**ALONE, **with_claims(), "REPORTS": str(folder)})


def _script() -> Contender:
    for name in ("bash", "curl", "psql"):
        program(name)
    does = (
        "the same POSTs with curl, status and distinct tokens; type, default, a unique index and GROUP BY with psql; "
        "deletes its rows by name. Not checked: the token's version and randomness, what the default really is, stored "
        "rows against answers, NULLs, whether the index is valid, who made the token; no history, no report, nothing "
        "cleaned up after a kill, and a deployment that does not answer counts as wrong."
    )
    return Contender(lambda _: ["bench/opponents/script.sh"], does, {})


def _tavern() -> Contender:
    line = [str(virtual("bench") / "python"), "-m", "pytest", *_APART, "bench/opponents/test_create.tavern.yaml"]
    does = "as many POSTs, one after another; status, id and the token's form. No burst, no database, no clean-up."
    return Contender(lambda _: line, does, {"PYTEST_ADDOPTS": ""}, POSTS)


def _newman() -> Contender:
    urls = '--env-var "preview=$PREVIEW_URL" --env-var "production=$PRODUCTION_URL"'
    script = f'exec "$0" "$@" run bench/opponents/collection.json -n {POSTS} {urls}'
    line = ["sh", "-c", script, *newman()]
    does = (
        "as many POSTs, one after another; status, the token's form, and that it is new. No burst, no "
        "database, no clean-up."
    )
    return Contender(lambda _: line, does, {}, POSTS)


def _k6() -> Contender:
    line = [str(virtual("bench") / "k6"), "run", "--quiet", "--no-usage-report", "bench/opponents/create.js"]
    does = "the same POSTs to both environments side by side; the status. No token, no database, no clean-up."
    return Contender(lambda _: line, does, {}, POSTS)


def _rehearsed(contender: Contender, numbers: count[int]) -> Command:
    """In a rehearsal of its own, whose rows are gone with it."""
    line = [sys.executable, "-m", "rehearsal", "--", *contender.line(next(numbers))]
    return Command(line, contender.env, cwd=ROOT)


def _asked(name: str, contender: Contender, numbers: count[int], variables: Mapping[str, str]) -> Command:
    """Against what is up; afterwards the tables are as they were."""

    def swept() -> None:
        for variable in ("PREVIEW_POSTGRES_URL", "POSTGRES_URL"):
            with psycopg.connect(variables[variable], autocommit=True) as connection:
                left = connection.execute("delete from chatbots where name ~ '^(bench|smoke)-'").rowcount
            if left != contender.leaves:
                raise Failed(f"{name}: left {left} rows where {contender.leaves} were expected; nothing was measured")

    return Command(contender.line(next(numbers)), {**contender.env, **variables}, cwd=ROOT, after=swept)


def _compared(timings: Mapping[str, Timing], left_out: Mapping[str, str]) -> str:
    bare = timings[BARE]
    rows = [
        [name, shown(t.wall_s), shown(t.cpu_s), ratio(t.wall_s, bare.wall_s), ratio(t.cpu_s, bare.cpu_s)]
        for name, t in timings.items()
    ]
    rows += [[name, f"left out: {reason}", "", "", ""] for name, reason in left_out.items()]
    return table(["", "wall", "CPU", "wall, over (a)", "CPU, over (a)"], rows)


def _over(timings: Mapping[str, Timing]) -> list[str]:
    """Whether the gate is within what it may take over a bare run and over the least."""
    gate, bare, least = (median(timings[name].wall_s) for name in (GATE, BARE, LEAST))
    return [
        target(
            f"at most {MOST_OVER_BARE} x (a)",
            f"{gate / bare:.2f} x, where the least is at {least / bare:.2f} x",
            gate <= MOST_OVER_BARE * bare,
        ),
        target(
            f"at most {MOST_OVER_LEAST} x the least",
            f"{gate / least:.2f} x, where {ladder(timings, least)}",
            gate <= MOST_OVER_LEAST * least,
        ),
    ]


def _ahead(timings: Mapping[str, Timing]) -> list[str]:
    """Whether it is ahead of those that ask less."""
    gate, lines = median(timings[GATE].wall_s), []
    for name in (TAVERN, NEWMAN):
        if name in timings:
            other = median(timings[name].wall_s)
            lines.append(target(f"ahead of {name}", f"{gate / other:.2f} x", gate < other))
        else:
            lines.append(f"Target, ahead of {name}: not measured.")
    return lines


def ladder(timings: Mapping[str, Timing], least: float) -> str:
    """How many times the least it takes to do more and more of what a gate cannot do without."""
    does = {
        PACKAGES: "importing its packages alone is at",
        CLAIMS: "a test for each claim besides at",
        REPORTS: "a history and reports besides at",
    }
    steps = {words: median(timings[name].wall_s) / least for name, words in does.items() if name in timings}
    return ", ".join(f"{words} {times:.2f} x" for words, times in steps.items())


def _typed(line: list[str]) -> str:
    """A command as it is typed in the checkout."""
    shorter = [word.replace(f"{ROOT}/", "").replace(tempfile.gettempdir(), "DIR") for word in line]
    return " ".join(f"'{word}'" if " " in word else word for word in shorter)
