"""POSTs by the thousand: the gate over raw requests, aiohttp and k6.

What one POST costs is a run of many less a run of one, turn by turn: of whole commands, so that it is the same question
to each of them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import psutil

from bench.gate import ALONE
from bench.installed import ROOT, LeftOut, gate_python, virtual
from bench.measuring import Command, Failed, Timing, in_turns, ratio, shown
from bench.results import table, target
from bench.servers import create_route, rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

POSTS, BURST = 2_000, 1_000
MOST_ROUNDS = {"burst": 2, "whole": 2}  # a round takes ten seconds
COMPARED = 1_000  # one after another, where it is the cost of each that is compared
SLOW_S = 0.1  # what a POST takes where it is counted how many of them wait at once
MOST_OVER_REQUESTS = 1.25  # of CPU a POST, one after another
FSYNCS = 200
GATE, OWN, REQUESTS, AIOHTTP, K6 = "the gate, all of it", "the gate's POSTs alone", "requests", "aiohttp", "k6"
AHEAD = "requests, writing ahead"
_OPPONENTS = "bench/opponents"
Cost = dict[str, tuple[list[float], list[float]]]  # seconds of wall clock, and of CPU, by contender
_ONE = (1, 0)  # POSTs one after another, and at once


@dataclass(slots=True)
class Seen:
    """What the server saw of one contender, turn by turn: CPU seconds of its own, and how many POSTs waited at once."""

    cpu_s: list[float] = field(default_factory=list)
    most: list[int] = field(default_factory=list)


def measure(rounds: int) -> str:
    """All three tables, as Markdown."""
    with tempfile.TemporaryDirectory(prefix="chatbots-smoke-bench-") as folder:
        lines, left_out = _contenders(Path(folder), count(1))
        with create_route(0.0) as (url, pid):
            posts, cost = _compared(lines, left_out, url, pid, (COMPARED, 0), rounds)
        with create_route(SLOW_S) as (url, pid):
            together = {name: line for name, line in lines.items() if name != AHEAD}
            burst, _ = _compared(together, left_out, url, pid, (1, BURST), min(rounds, MOST_ROUNDS["burst"]))
        with rehearsal() as (variables, _):
            whole = _whole(Path(folder), variables, min(rounds, MOST_ROUNDS["whole"]))
        fsync = _fsync(Path(folder), rounds)
    server = f"`{_OPPONENTS}/server.py` (asyncio, no framework, no database)"
    return f"""\
{COMPARED:,} POSTs one after another, to {server}. The gate opens a connection for every eight, has the name of each on
disk before it leaves, and writes its outcome after; {AHEAD} does the first two; the others keep one connection and
write nothing. All of the gate is with its verdict and
reports. Nobody is measured who did not get every 201. `at once` is what the server counted.

{posts}

{_targets(cost)} {fsync}

{BURST:,} POSTs at the same moment, to the same server, which takes {SLOW_S:g} s for each. The gate and requests have a
thread for each, whose connection is open before, to requests by a GET; aiohttp and k6 open theirs as they send.

{burst}

All of a run on rehearsal deployments with their Postgres, clean-up and all reports. After the last answer are the looks
into the database, the judgement and the clean-up; the page comes after that.

{whole}"""


def _contenders(
    folder: Path, numbers: Iterator[int]
) -> tuple[dict[str, Callable[[str, int, int], Command]], dict[str, str]]:
    """The command of each, given URL, POSTs and burst; and why others cannot be had.

    Raises:
        Failed: the gate itself cannot be installed.
    """
    gate = gate_python()

    def run(url: str, posts: int, burst: int) -> Command:
        file = folder / "environments.yaml"
        file.write_text(
            json.dumps({"environments": {"bench": {"url": url, "database": None, "cleanup": "keep", "probes": []}}}),
            encoding="utf-8",
        )
        given = ["--environments", str(file), "--env", "bench", "--posts", str(posts), "--burst", str(burst)]
        line = [gate, "-m", "pytest", *given, "--report-dir", str(folder / str(next(numbers)))]
        return Command(line, {**ALONE, "PYTEST_PLUGINS": "harness.options"}, cwd=ROOT, expected=(76,))

    def script(python: str, *what: str, more: tuple[str, ...] = ()) -> Callable[[str, int, int], Command]:
        return lambda url, posts, burst: Command([python, *what, url, str(posts), str(burst), *more], cwd=ROOT)

    found: dict[str, Callable[[str, int, int], Command]] = {GATE: run, OWN: script(gate, "-m", "bench.ours")}
    try:
        programs = virtual("bench")
    except LeftOut as reason:
        return found, dict.fromkeys((REQUESTS, AHEAD, AIOHTTP, K6), str(reason))
    k6 = [str(programs / "k6"), "run", "--quiet", "--no-usage-report", f"{_OPPONENTS}/post.js"]
    found[REQUESTS] = script(str(programs / "python"), f"{_OPPONENTS}/post_requests.py")
    found[AHEAD] = script(str(programs / "python"), f"{_OPPONENTS}/post_requests.py", more=("ahead",))
    found[AIOHTTP] = script(str(programs / "python"), f"{_OPPONENTS}/post_aiohttp.py")
    found[K6] = lambda url, posts, burst: Command(k6, {"URL": url, "POSTS": str(posts), "BURST": str(burst)}, cwd=ROOT)
    return found, {}


def _compared(
    lines: Mapping[str, Callable[[str, int, int], Command]],
    left_out: Mapping[str, str],
    url: str,
    pid: int,
    many: tuple[int, int],
    rounds: int,
) -> tuple[str, Cost]:
    """The table of what each POST costs beyond the first, client and server; and that of the client as numbers."""
    seen: dict[str, Seen] = defaultdict(Seen)
    turns = {
        (name, sent): partial(_turn, f"{name}, {sum(sent):,} POSTs", line, url, pid, sent, seen)
        for name, line in lines.items()
        for sent in (_ONE, many)
    }
    timings = in_turns({f"{name}, {sum(sent):,} POSTs": turn for (name, sent), turn in turns.items()}, rounds)
    more = sum(many) - sum(_ONE)
    rows = []
    cost = {name: _less(timings, name, many) for name in lines}
    for name in lines:
        wall_s, cpu_s = cost[name]
        large = seen[f"{name}, {sum(many):,} POSTs"]
        server = [1e6 * s / sum(many) for s in large.cpu_s[1:]]  # the first turn is not counted
        rows.append(
            [
                name,
                shown([more / s for s in wall_s], "/s", 0),
                shown([1e6 * s / more for s in cpu_s], "us", 0),
                ratio(cpu_s, cost[REQUESTS][1]) if REQUESTS in cost else "",
                shown(large.most[1:], "", 0).replace("  ", " "),
                shown(server, "us", 0),
                shown(timings[f"{name}, {sum(many):,} POSTs"].peak_mb, "MB", 0),
            ]
        )
    rows += [[name, f"left out: {reason}", "", "", "", "", ""] for name, reason in left_out.items()]
    head = ["", "POSTs", "CPU a POST", f"CPU over {REQUESTS}", "at once", "server's CPU a POST", "peak memory"]
    return table(head, rows), cost


def _targets(cost: Cost) -> str:
    """Whether the CPU of a POST is within what it may be over requests, and what the least is that writes ahead."""
    if REQUESTS not in cost:
        return f"Target, at most {MOST_OVER_REQUESTS:g} x the CPU of requests: not measured."
    cpu_s = {name: cost[name][1] for name in (OWN, REQUESTS, AHEAD)}
    over, least, ours = ratio(cpu_s[OWN], cpu_s[REQUESTS]), ratio(cpu_s[AHEAD], cpu_s[REQUESTS]), cpu_s[OWN]
    wanted = f"the gate's POSTs alone at most {MOST_OVER_REQUESTS:g} x the CPU of requests"
    said = f"{over} x, where requests that write ahead are at {least} x ({ratio(ours, cpu_s[AHEAD])} x of those)"
    return target(wanted, said, float(over) <= MOST_OVER_REQUESTS)


def _fsync(folder: Path, rounds: int) -> str:
    """What it takes until the disk has one more line of a history."""
    with (folder / "fsync").open("wb", buffering=0) as file:

        def write() -> None:
            for _ in range(FSYNCS):
                file.write(b"x" * 200 + b"\n")
                os.fsync(file.fileno())

        timing = in_turns({"fsync": write}, rounds)["fsync"]
    wall, cpu = ([1e6 * s / FSYNCS for s in of] for of in (timing.wall_s, timing.cpu_s))
    return f"A line and its fsync take {shown(wall, 'us', 0)}, of CPU {shown(cpu, 'us', 0)}, on this disk."


def _less(timings: Mapping[str, Timing], name: str, many: tuple[int, int]) -> tuple[list[float], list[float]]:
    """Seconds of wall clock and CPU of the many, less those of one, turn by turn."""
    large, small = (timings[f"{name}, {sum(sent):,} POSTs"] for sent in (many, _ONE))
    return list(map(sub, large.wall_s, small.wall_s)), list(map(sub, large.cpu_s, small.cpu_s))


def _turn(
    name: str,
    line: Callable[[str, int, int], Command],
    url: str,
    pid: int,
    sent: tuple[int, int],
    seen: Mapping[str, Seen],
) -> Command:
    """One command, and after it what the server has seen of it."""
    _counted(url)
    before_s = _cpu_s(pid)
    command = line(url, *sent)

    def look() -> None:
        seen[name].cpu_s.append(_cpu_s(pid) - before_s)
        counted = _counted(url)
        seen[name].most.append(counted["most"])
        if counted["posts"] != sum(sent):
            raise Failed(f"{name}: {counted['posts']} POSTs came where {sum(sent)} were to; nothing was measured")

    return Command(command.line, command.env, cwd=command.cwd, expected=command.expected, after=look)


def _counted(url: str) -> dict[str, int]:
    """What the server has counted since it was asked last."""
    with urlopen(f"{url}/reset", timeout=10) as answer:
        counted: dict[str, int] = json.load(answer)
    return counted


def _cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def _whole(folder: Path, variables: Mapping[str, str], rounds: int) -> str:
    """The table of whole runs on real deployments."""
    python = gate_python()
    numbers = count(1)
    asked = {
        f"{POSTS:,} POSTs one after another, one environment": [
            "--posts",
            str(POSTS),
            "--burst",
            "0",
            "--env",
            "preview",
        ],
        f"{BURST:,} at once to each of two environments": [
            *("--posts", "1", "--burst", str(BURST), "--env", "preview", "--env", "production"),
        ],
    }
    reports: dict[str, list[tuple[float, float, float]]] = defaultdict(list)

    def turn(name: str) -> Command:
        written = folder / f"whole-{next(numbers)}"
        line = [python, "-m", "pytest", "--allow-many", *asked[name], "--report-dir", str(written)]
        env = {**ALONE, "PYTEST_PLUGINS": "harness.options", **variables}
        return Command(line, env, cwd=ROOT, after=lambda: reports[name].append(_written(written)))

    timings = in_turns({name: partial(turn, name) for name in asked}, rounds, warm_up=False)
    rows = []
    for name, t in timings.items():
        posting, after, size = zip(*reports[name], strict=True)
        rows.append(
            [
                name,
                shown(t.wall_s),
                shown(t.cpu_s),
                shown(posting),
                shown(after),
                shown(t.peak_mb, "MB", 0),
                shown(size, "KiB", 0),
            ]
        )
    return table(
        ["", "wall", "CPU", "to the last answer", "from there to the verdict", "peak memory", "report.html"], rows
    )


def _written(folder: Path) -> tuple[float, float, float]:
    """Of a report folder: seconds until the last answer, seconds from then to the verdict, KiB of the page."""
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    records = map(json.loads, (folder / "history.jsonl").read_text(encoding="utf-8").splitlines())
    last_s = max(record["ended_s"] for record in records if record["record"] == "attempt")
    return last_s, verdict["duration_s"] - last_s, (folder / "report.html").stat().st_size / 1024
