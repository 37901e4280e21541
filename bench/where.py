"""Where the time of a gate goes

Two environments, 8 posts and a burst of 11, all checks, clean-up and all reports, against a rehearsal in another
process. `bench.timeline` takes the parts from outside; `-X importtime` says what importing costs.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.installed import ROOT
from bench.measuring import Command, run, shown
from bench.results import table
from bench.servers import rehearsal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# As a gate is installed: without the plugins that the tests of the harness bring.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "harness.options"}
SHOWN = 12
ROWS = (
    ("Python starts, pytest is imported", "start"),
    ("imports of the run, configuration", "imports"),
    ("collection", "collection"),
    ("waiting for the examinations", "waited"),
    ("- of which, mean of both: until it is ready", "ready"),
    ("- POSTs", "posts"),
    ("- SQL", "sql"),
    ("judging: the checks", "checks"),
    ("clean-up", "clean-up"),
    ("reports, terminal", "reports"),
    ("the end of the process", "end"),
    ("all", "all"),
)


def gate(folder: Path, *arguments: str, **environ: str) -> Command:
    """The whole gate; `environ` is what it finds besides."""
    line = [
        sys.executable,
        *arguments,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--report-dir",
        str(folder / "report"),
    ]
    return Command([*line, "--env", "preview", "--env", "production"], {**ALONE, **environ}, ROOT)


def measure(rounds: int) -> str:
    """The parts of a run, and what importing costs, as Markdown."""
    taken: dict[str, list[float]] = defaultdict(list)
    with rehearsal() as (variables, _), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(rounds + 1):
            for part, seconds in _once(folder, variables).items():
                if number:
                    taken[part].append(seconds)
        imports = [_imports(folder, variables) for _ in range(min(rounds, 3))]
    whole = median(taken["all"])
    rows = [(words, shown(taken[part], digits=3), f"{median(taken[part]) / whole:.0%}") for words, part in ROWS]
    least = Counter({package: min(of[package] for of in imports) for package in imports[0]})
    heaviest = [(package, f"{us / 1000:.0f} ms") for package, us in least.most_common(SHOWN)]
    return "\n\n".join(
        [
            table(("part", "wall clock", "share"), rows),
            "Importing, by package, itself only (`-X importtime`, which makes it slower; the least of the runs):",
            table(("package", "time"), [*heaviest, ("all", f"{sum(least.values()) / 1000:.0f} ms")]),
        ]
    )


def _once(folder: Path, variables: Mapping[str, str]) -> dict[str, float]:
    file = folder / "timeline.json"
    began = {"TIMELINE": str(file), "TIMELINE_BEGAN": repr(time.time())}
    command = gate(folder, **variables, **began)
    wall_s, _, _ = run("gate", Command([*command.line, "-p", "bench.timeline"], command.env, command.cwd))
    document = json.loads(file.read_text(encoding="utf-8"))
    marks, parts = document["marks"], document["parts"]
    return {
        "start": marks["pytest is there"],
        "imports": marks["configured"] - marks["pytest is there"],
        "collection": marks["collected"] - marks["configured"],
        "waited": parts["waited"],
        **{part: parts[part] / 2 for part in ("ready", "posts", "sql")},
        "checks": marks["judged"] - marks["collected"] - parts["waited"],
        "clean-up": parts["clean-up"],
        "reports": marks["written"] - marks["judged"] - parts["clean-up"],
        "end": wall_s - marks["written"],
        "all": wall_s,
    }


def _imports(folder: Path, variables: Mapping[str, str]) -> Counter[str]:
    """Microseconds of importing by top-level package, without what each imports in turn."""
    command = gate(folder, "-X", "importtime", **variables)
    # -s: what is imported while pytest captures would be reported to nobody.
    line: Sequence[str] = ["sh", "-c", '"$@" 2>"$0"', str(folder / "imports"), *command.line, "-s"]
    run("imports", Command(line, command.env, command.cwd))
    found: Counter[str] = Counter()
    for text in (folder / "imports").read_text(encoding="utf-8", errors="replace").splitlines():
        if line_of := re.fullmatch(r"import time: +(\d+) \| +\d+ \| +([\w.]+)", text):
            found[line_of[2].partition(".")[0]] += int(line_of[1])
    return found
