"""What judging a saved history costs

`python -m harness judge` of a history of 0.1 and of 1 million attempts, and of wrong answers with 3 KB of body each
(`python -m bench.histories N FILE [BODY]`), page and all reports included.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.histories import write, write_failing
from bench.installed import ROOT
from bench.measuring import Command, in_turns, shown
from bench.results import listed, table, target

SIZES = (100_000, 1_000_000)
WRONG = ((5_000, "database"), (5_000, "validator"), (100_000, "database"), (100_000, "validator"), (100_000, "emoji"))
MOST_ROUNDS = 3  # a round takes half a minute
AT_MOST = {5_000: (5.0, 400.0), 100_000: (20.0, 400.0)}  # seconds of CPU, and MB, of wrong answers


def measure(rounds: int) -> str:
    """Wall clock, CPU and peak memory by size, as Markdown; whether wrong answers keep to what they may cost."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = {f"{size:,}": _judging(Path(folder), size, "") for size in SIZES}
        wrong = {f"{size:,} wrong, {body}": _judging(Path(folder), size, body) for size, body in WRONG}
        timings = in_turns({**sizes, **wrong}, min(rounds, MOST_ROUNDS), warm_up=False)
    rows = [
        (attempts, shown(of.wall_s), shown(of.cpu_s), shown(of.peak_mb, "MB", 0)) for attempts, of in timings.items()
    ]
    targets = []
    for size, (most_s, most_mb) in AT_MOST.items():
        of = [timing for name, timing in timings.items() if name in wrong and name.startswith(f"{size:,} ")]
        cpu_s, peak_mb = max(median(t.cpu_s) for t in of), max(median(t.peak_mb) for t in of)
        wanted = f"{size:,} wrong answers in at most {most_s:g} s of CPU and {most_mb:g} MB"
        said = f"{cpu_s:.1f} s and {peak_mb:.0f} MB at worst"
        targets.append(target(wanted, said, cpu_s <= most_s and peak_mb <= most_mb))
    return f"{table(('attempts', 'wall clock', 'CPU', 'peak memory'), rows)}\n\n{listed(targets)}"


def _judging(folder: Path, size: int, body: str) -> Command:
    """The command that judges a history of so many attempts, wrong ones where they have a body."""
    file, report = folder / f"{size}{body}.jsonl", folder / f"report-{size}{body}"
    if body:
        write_failing(size, file, body)
    else:
        write(size, file)
    line = [sys.executable, "-m", "harness", "judge", str(file), "--report-dir", str(report)]
    return Command(line, cwd=ROOT, expected=(1,) if body else (0,))
