"""What 100 million tokens cost to judge, extrapolated from three sizes

In the database: the gate's scan of a table. From files: 16 bytes a token. `judge` reads whole histories into memory.
"""

from __future__ import annotations

import math
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.histories import write
from bench.installed import ROOT
from bench.measuring import Command, in_turns
from bench.merging import TOKEN
from bench.results import table as as_table
from bench.tables import SIZES, server, table, written_temporarily_mb
from harness.configuration.models import Table
from harness.postgres.connection import reading
from harness.postgres.table import read_facts
from harness.postgres.token_scan import scan_tokens
from harness.progress import Progress

GOAL = 100_000_000
MOST_ROUNDS = 3  # medians of so many show a law of growth well enough
JUDGED = SIZES[:-1]
DOCUMENT = ROOT / "docs" / "scale.md"
_SECTION = re.compile(r"(?<=<!-- scale -->\n).*?(?=<!-- /scale -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one size: seconds, the peak of MB of the process that judges, and MB of temporary files."""

    seconds: float
    peak_mb: float
    disk_mb: float


def measure(rounds: int) -> str:
    """A table of all ways at all sizes and at `GOAL`; also written into docs/scale.md."""
    rounds = min(rounds, MOST_ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "the database, the gate's scan": _of_database(rounds),
            "files: sorted runs, merged": _of_files("runs", Path(folder), rounds),
            "files: 256 parts, a set each": _of_files("parts", Path(folder), rounds),
            "files: GNU `sort -u`": _of_files("sort", Path(folder), rounds),
            "`harness judge`, in memory": _of_judge(Path(folder), rounds),
        }
    lines = [_line(name, costs) for name, costs in ways.items()]
    head = ["way", *(f"{size:,}" for size in SIZES), "error", f"**{GOAL:,}**", "memory", "temporary files"]
    section = (
        f"Medians of {rounds}. The last three columns are for {GOAL:,} tokens. Time is extrapolated from the two "
        "largest sizes that were measured: t = a + b n log n. `error` is how far the same, from the two smaller ones, "
        "was away from the largest. Memory is that of the judging process: it grows with n for `judge` alone. "
        f"Temporary files grow with n; tokens take {TOKEN * GOAL / 1e9:.1f} GB more, as text twice that.\n\n"
        f"{as_table(head, lines)}\n"
    )
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_SECTION.sub(lambda _: f"\n{section}\n", text), encoding="utf-8")
    return section


def extrapolated(costs: dict[int, Cost], one: int, other: int, goal: int) -> float:
    """Seconds at another size, from those at two: a start that costs the same for all, and n log n."""
    seconds = costs[other].seconds - costs[one].seconds
    growth = seconds / (other * math.log2(other) - one * math.log2(one))
    return costs[other].seconds + growth * (goal * math.log2(goal) - other * math.log2(other))


def _line(name: str, costs: dict[int, Cost]) -> list[str]:
    *earlier, before, last = sorted(costs)
    away = extrapolated(costs, earlier[-1], before, last) / costs[last].seconds - 1 if earlier else None
    measured = [f"{costs[size].seconds:.2f} s" if size in costs else "" for size in SIZES]
    goal_s = extrapolated(costs, before, last, GOAL)
    growing = last in JUDGED  # measured up to there, since all of it is in memory
    slope_mb = (costs[last].peak_mb - costs[before].peak_mb) / (last - before)
    peak_mb = costs[last].peak_mb + (slope_mb * (GOAL - last) if growing else 0)
    memory = f"{peak_mb:,.0f} MB" if not math.isnan(peak_mb) else "within work_mem"
    disk = f"{costs[last].disk_mb / last * GOAL / 1000:.1f} GB"
    return [name, *measured, "" if away is None else f"{away:+.0%}", f"**{goal_s:,.0f} s**", memory, disk]


def _of_database(rounds: int) -> dict[int, Cost]:
    costs = {}
    with server() as postgres:
        for size in SIZES:
            with table(postgres, size) as connection:

                def scan() -> None:
                    with reading(connection):  # called within this turn of the loop
                        scan_tokens(connection, read_facts(connection, Table()), Progress())

                before_mb = written_temporarily_mb(connection)
                timing = in_turns({"scan": scan}, rounds)["scan"]
                disk_mb = (written_temporarily_mb(connection) - before_mb) / (rounds + 1)
                costs[size] = Cost(median(timing.wall_s), float("nan"), disk_mb)
    return costs


def _of_files(how: str, folder: Path, rounds: int) -> dict[int, Cost]:
    costs = {}
    for size in SIZES:
        file = folder / "tokens"
        with file.open("wb") as out:  # in pieces: what this process takes is counted as its children's, until they exec
            for _ in range(size // SIZES[0]):
                tokens = os.urandom(TOKEN * SIZES[0])
                out.write(tokens.hex("\n", TOKEN).encode() + b"\n" if how == "sort" else tokens)
        if how == "sort":
            line = ["sort", "-u", "-S", "64M", "-T", str(folder), "-o", os.devnull, str(file)]
        else:
            line = [sys.executable, "-m", "bench.merging", how, str(file)]
        disk_mb = file.stat().st_size / 1e6
        costs[size] = _cost(Command(line, {"LC_ALL": "C"}, ROOT), rounds, disk_mb)
        file.unlink()
    return costs


def _of_judge(folder: Path, rounds: int) -> dict[int, Cost]:
    costs = {}
    for size in JUDGED:
        file = folder / "history.jsonl"
        write(size, file)
        report = folder / "report"
        line = [sys.executable, "-m", "harness", "judge", str(file), "--report-dir", str(report)]
        costs[size] = _cost(Command(line, {}, ROOT), rounds, 0.0)
        file.unlink()
    return costs


def _cost(command: Command, rounds: int, disk_mb: float) -> Cost:
    timing = in_turns({"it": command}, rounds)["it"]
    return Cost(median(timing.wall_s), median(timing.peak_mb), disk_mb)
