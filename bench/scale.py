"""What 100 million tokens cost to judge, extrapolated from three sizes

In the database: the gate's scan of a table. From files: 16 bytes a token. `judge` judges every claim of a history, and
DuckDB counts the tokens of the same file.
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
from bench.installed import ROOT, LeftOut, virtual
from bench.measuring import Command, in_turns, run
from bench.merging import TOKEN
from bench.results import table as as_table
from bench.results import target
from bench.tables import SIZES, table, written_temporarily_mb
from harness.configuration.models import Table
from harness.postgres.connection import reading
from harness.postgres.table import read_facts
from harness.postgres.token_scan import scan_tokens
from harness.progress import Progress

GOAL = 100_000_000
JUDGE, DUCKDB = "`harness judge` of histories, all claims", "DuckDB of histories, distinctness"
_IN_COLUMNS = 52  # bytes of an attempt in the temporary files of `judge`: numbers, times, id, token, and what is sorted
ROUNDS = {SIZES[0]: 3, SIZES[1]: 2}  # medians of few show a law of growth well enough; once of the largest
JUDGED_S, JUDGED_MB = 60.0, 500.0  # at most, by `judge` of the largest: CPU, and memory at its peak
DOCUMENT = ROOT / "docs" / "scale.md"
_SECTION = re.compile(r"(?<=<!-- scale -->\n).*?(?=<!-- /scale -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one size: seconds, the peak of MB of the process that judges, and MB of temporary files."""

    seconds: float
    cpu_s: float
    peak_mb: float
    disk_mb: float


def measure(rounds: int) -> str:
    """A table of all ways at all sizes and at `GOAL`; also written into docs/scale.md. `rounds` bounds `ROUNDS`."""
    ways: dict[str, dict[int, Cost] | str] = {"the database, the gate's scan": _of_database(rounds)}
    with tempfile.TemporaryDirectory() as folder:
        ways["files: sorted runs, merged"] = _of_files("runs", Path(folder), rounds)
        ways["files: 256 parts, a set each"] = _of_files("parts", Path(folder), rounds)
        ways["files: GNU `sort -u`"] = _of_files("sort", Path(folder), rounds)
        ways |= _of_histories(Path(folder), rounds)
    lines = [_line(name, costs) if isinstance(costs, dict) else _left_out(name, costs) for name, costs in ways.items()]
    head = ["way", *(f"{size:,}" for size in SIZES), "error", f"**{GOAL:,}**", "memory", "temporary files"]
    section = (
        f"Medians of 3, of 2 for {SIZES[1]:,}, once for {SIZES[2]:,}. The last three columns are for {GOAL:,} tokens. "
        "Time is extrapolated from the two largest sizes that were measured: t = a + b n log n. `error` is how far the "
        "same, from the two smaller ones, was away from the largest. Memory is that of the judging process at the "
        f"largest size. Temporary files grow with n; tokens take {TOKEN * GOAL / 1e9:.1f} GB more, as text twice "
        f"that, and as a history forty times that.\n\n{as_table(head, lines)}\n\n{_judged(ways[JUDGE])}\n"
    )
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_SECTION.sub(lambda _: f"\n{section}\n", text), encoding="utf-8")
    return section


def _judged(costs: dict[int, Cost] | str) -> str:
    """Whether `judge` keeps to what the largest history may cost."""
    assert isinstance(costs, dict)  # it is never left out
    of = costs[SIZES[-1]]
    wanted = f"{SIZES[-1]:,} attempts judged in at most {JUDGED_S:g} s of CPU and {JUDGED_MB:g} MB"
    return target(wanted, f"{of.cpu_s:.0f} s and {of.peak_mb:.0f} MB", of.cpu_s <= JUDGED_S and of.peak_mb <= JUDGED_MB)


def _left_out(name: str, why: str) -> list[str]:
    return [name, f"left out: {why}", *[""] * (len(SIZES) + 3)]


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
    peak_mb = costs[last].peak_mb
    memory = f"{peak_mb:,.0f} MB" if not math.isnan(peak_mb) else "within work_mem"
    disk = f"{costs[last].disk_mb / last * GOAL / 1000:.1f} GB"
    return [name, *measured, "" if away is None else f"{away:+.0%}", f"**{goal_s:,.0f} s**", memory, disk]


def _of_database(rounds: int) -> dict[int, Cost]:
    costs = {}
    for size in SIZES:
        with table(size) as connection:

            def scan() -> None:
                with reading(connection):  # called within this turn of the loop
                    scan_tokens(connection, read_facts(connection, Table()), Progress())

            before_mb = written_temporarily_mb(connection)
            times = min(rounds, ROUNDS.get(size, 1))
            timing = in_turns({"scan": scan}, times)["scan"]
            disk_mb = (written_temporarily_mb(connection) - before_mb) / (times + 1)
            costs[size] = Cost(median(timing.wall_s), median(timing.cpu_s), float("nan"), disk_mb)
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
        costs[size] = _cost(Command(line, {"LC_ALL": "C"}, ROOT), size, rounds, disk_mb)
        file.unlink()
    return costs


def _of_histories(folder: Path, rounds: int) -> dict[str, dict[int, Cost] | str]:
    """`judge`, and DuckDB, of the same histories."""
    costs: dict[str, dict[int, Cost] | str] = {JUDGE: (judged := {})}
    try:
        duckdb = [str(virtual("bench") / "python"), "bench/opponents/judge_duckdb.py"]
        costs[DUCKDB] = (counted := {})
    except LeftOut as reason:
        costs[DUCKDB] = str(reason)
    for size in SIZES:
        file = folder / "history.jsonl"
        write(size, file)
        judge = [sys.executable, "-m", "harness", "judge", str(file), "--report-dir", str(folder / "report")]
        judged[size] = _cost(Command(judge, {}, ROOT), size, rounds, size * _IN_COLUMNS / 1e6)
        if isinstance(costs[DUCKDB], dict):
            counted[size] = _cost(Command([*duckdb, str(file)], {}, ROOT), size, rounds, 0.0)
        file.unlink()
    return costs


def _cost(command: Command, size: int, rounds: int, disk_mb: float) -> Cost:
    """What a command costs; the largest is run once, and not before that to fill caches, as nobody would."""
    times = min(rounds, ROUNDS.get(size, 0))
    if not times:
        wall_s, cpu_s, peak_mb = run("it", command)
        return Cost(wall_s, cpu_s, peak_mb, disk_mb)
    timing = in_turns({"it": command}, times)["it"]
    return Cost(median(timing.wall_s), median(timing.cpu_s), median(timing.peak_mb), disk_mb)
