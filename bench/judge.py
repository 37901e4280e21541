"""What judging a saved history costs

`python -m harness judge` of a history of 0.1 and of 1 million attempts (`python -m bench.histories N FILE`), page and
all reports included.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.histories import write
from bench.installed import ROOT
from bench.measuring import Command, in_turns, shown
from bench.results import table

SIZES = (100_000, 1_000_000)


def measure(rounds: int) -> str:
    """Wall clock, CPU and peak memory by size, as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = {}
        for size in SIZES:
            file = folder / f"{size}.jsonl"
            write(size, file)
            line = [sys.executable, "-m", "harness", "judge", str(file), "--report-dir", str(folder / f"report-{size}")]
            commands[f"{size:,}"] = Command(line, cwd=ROOT)
        timings = in_turns(commands, rounds)
    rows = [
        (attempts, shown(of.wall_s), shown(of.cpu_s), shown(of.peak_mb, "MB", 0)) for attempts, of in timings.items()
    ]
    return table(("attempts", "wall clock", "CPU", "peak memory"), rows)
