"""What twenty environments cost over one

The whole gate (8 posts and a burst of 11 each, all checks, clean-up, all reports) on 1 and on 20 healthy deployments of
one rehearsal, in turns. They and their Postgres share this machine's cores with the gate, which real ones do not:
so they are also measured with answers that take 0.3 s, in which nobody here has anything to do. `the least` asks the
same and judges nothing: the figures of 20 over 1 that are not the gate's own. What it takes pytest to run 20 times as
many tests is measured by the least, which has one for each claim then.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.gate import GATE, LEAST, least, with_claims
from bench.installed import ROOT
from bench.measuring import Command, in_turns, ratio, shown
from bench.results import listed, table, target
from bench.where import ALONE
from rehearsal.deployment.start import deployed
from rehearsal.servers.postgres import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 20
AT_MOST = 3.0
MOST_ROUNDS = {None: 5, "slow_within_budget": 2}  # by variant: of the slow one a round takes 17 seconds, mostly asleep
MOST_OVER_LEAST = 1.15
_CLAIMS = f"{LEAST}, {MANY}, with the packages of the gate and a test for each claim"


def measure(rounds: int) -> str:
    """Wall clock and CPU of both, and how many times the one the other costs, as Markdown."""
    said = {None: "Answers at once:", "slow_within_budget": "Each POST is answered after 0.3 s:"}
    return "\n\n".join(
        f"{words}\n\n{_compared(min(rounds, MOST_ROUNDS[variant]), variant)}" for variant, words in said.items()
    )


def _compared(rounds: int, variant: str | None) -> str:
    with ExitStack() as stack:
        server = stack.enter_context(embedded_postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        names = [f"shop{number}" for number in range(1, MANY + 1)]
        deployments = [stack.enter_context(deployed(server, variant=variant, name=name)) for name in names]
        file = folder / "environments.yaml"
        entries = {of.name: {"url": of.url, "database": of.database, **of.settings} for of in deployments}
        file.write_text(json.dumps({"environments": entries}), encoding="utf-8")  # which is YAML
        commands: dict[str, Command | Callable[[], object]] = {}
        for count in (1, MANY):
            commands[f"{GATE}, {count}"] = _gate(folder, file, names[:count])
            asked = json.dumps([(of.url, of.database) for of in deployments[:count]])
            commands[f"{LEAST}, {count}"] = least(sys.executable, DEPLOYMENTS=asked)
        commands[_CLAIMS] = least(sys.executable, DEPLOYMENTS=asked, **with_claims())
        timings = in_turns(commands, rounds, warm_up=variant is None)
    rows: list[tuple[str, ...]] = []
    over_one, walls = {}, {}
    for name in (GATE, LEAST):
        one, many = (timings[f"{name}, {count}"] for count in (1, MANY))
        for count, of in ((1, one), (MANY, many)):
            rows.append((f"{name}, {count}", shown(of.wall_s), shown(of.cpu_s), shown(of.peak_mb, "MB", 0)))
        over_one[name] = ratio(many.wall_s, one.wall_s)
        walls[name] = median(many.wall_s)
        rows.append((f"{MANY} over 1", over_one[name], ratio(many.cpu_s, one.cpu_s), ""))
    tests = timings[_CLAIMS]
    rows.append((_CLAIMS, shown(tests.wall_s), shown(tests.cpu_s), shown(tests.peak_mb, "MB", 0)))
    compared = table(("environments", "wall clock", "its CPU", "its peak memory"), rows)
    lines = [
        target(
            f"at most {AT_MOST:g} x one",
            f"{over_one[GATE]} x, where the least is at {over_one[LEAST]} x",
            float(over_one[GATE]) <= AT_MOST,
        )
    ]
    over_least = walls[GATE] / walls[LEAST]
    wanted = f"{MANY} at most {MOST_OVER_LEAST:g} x the least's {MANY}"
    claims = median(timings[_CLAIMS].wall_s) / walls[LEAST]
    measured = f"{over_least:.2f} x, where importing its packages and a test for each claim alone are at {claims:.2f} x"
    lines.append(target(wanted, measured, over_least <= MOST_OVER_LEAST))
    return f"{compared}\n\n{listed(lines)}"


def _gate(folder: Path, file: Path, names: list[str]) -> Command:
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file)]
    line += [
        "--report-dir",
        str(folder / f"report-{len(names)}"),
        *(word for name in names for word in ("--env", name)),
    ]
    return Command(line, ALONE, ROOT)
