"""What twenty environments cost over one

The whole gate (3 posts and a burst of 16 each, all checks, clean-up, all reports) on 1 and on 20 healthy deployments of
one rehearsal, in turns. They and their Postgres share this machine's cores with the gate, which real ones do not:
so they are also measured with answers that take 0.3 s, in which nobody here has anything to do.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.installed import ROOT
from bench.measuring import Command, in_turns, ratio, shown
from bench.results import table
from bench.where import ALONE
from rehearsal.deployment import deployed
from rehearsal.postgres import embedded_postgres

MANY = 20


AT_MOST = 3.0


def measure(rounds: int) -> str:
    """Wall clock and CPU of both, and how many times the one the other costs, as Markdown."""
    said = {None: "Answers at once:", "slow_within_budget": "Each POST is answered after 0.3 s:"}
    return "\n\n".join(f"{words}\n\n{_compared(rounds, variant)}" for variant, words in said.items())


def _compared(rounds: int, variant: str | None) -> str:
    with ExitStack() as stack:
        server = stack.enter_context(embedded_postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        names = [f"shop{number}" for number in range(1, MANY + 1)]
        deployments = [stack.enter_context(deployed(server, variant=variant, name=name)) for name in names]
        file = folder / "environments.yaml"
        entries = {of.name: {"url": of.url, "database": of.database, **of.settings} for of in deployments}
        file.write_text(json.dumps({"environments": entries}), encoding="utf-8")  # which is YAML
        timings = in_turns({f"{count}": _gate(folder, file, names[:count]) for count in (1, MANY)}, rounds)
    one, many = timings.values()
    rows = [(count, shown(of.wall_s), shown(of.cpu_s), shown(of.peak_mb, "MB", 0)) for count, of in timings.items()]
    times = (f"{MANY} over 1", ratio(many.wall_s, one.wall_s), ratio(many.cpu_s, one.cpu_s), "")
    met = "met" if float(times[1]) <= AT_MOST else "missed"
    compared = table(("environments", "wall clock", "CPU of the gate", "its peak memory"), [*rows, times])
    return f"{compared}\n\nTarget, at most {AT_MOST:g} x one: {met}."


def _gate(folder: Path, file: Path, names: list[str]) -> Command:
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file)]
    line += [
        "--report-dir",
        str(folder / f"report-{len(names)}"),
        *(word for name in names for word in ("--env", name)),
    ]
    return Command(line, ALONE, ROOT)
