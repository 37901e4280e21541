"""The scan of all stored tokens, over a bare count and over the task's GROUP BY

`floor` is a sequential `SELECT count(public_token)`. `counts` is what says whether tokens are distinct, there and of
version 4, in the shape that the gate chooses: of a small table, or where the server plans no worker, in one piece; then
distinct hashes and versions apart, at the same time; of a large one, all of it by halves. `whole scan` is all that the
gate sends: that, the sampled halves and the bits. All run in one session.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bench.installed import ROOT
from bench.measuring import Failed, in_turns, ratio, shown
from bench.results import listed, target
from bench.results import table as as_table
from bench.tables import SIZES as LARGE
from bench.tables import WORK_MEM_MB, dsn_of_table, table, watched, within_transaction, written_temporarily_mb
from harness.configuration.models import Table
from harness.postgres.connection import connect, reading
from harness.postgres.table import read_facts
from harness.postgres.token_scan import FROM_THE_HEAP, SCAN_SETTINGS, planned_scan, scan_tokens
from harness.progress import Progress

if TYPE_CHECKING:
    from bench.measuring import Timing
    from harness.postgres.connection import Connection

ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
FLOOR = "SELECT count(public_token) FROM chatbots"
GROUP_BY = "SELECT public_token, count(*) FROM chatbots GROUP BY public_token HAVING count(*) > 1"
SIZES = (1_000, 10_000, *LARGE)
FEWEST_ROWS = LARGE[0]  # that a target is for
MOST_ROUNDS = 2  # of the largest table: a round takes 20 seconds
MOST_OVER_FLOOR, MOST_OVER_GROUP_BY = 6.0, 0.5  # of the counts


def measure(rounds: int) -> str:
    """A table of medians and ratios, and one of memory."""
    times, memory, targets = [], [], []
    for rows in SIZES:
        with table(rows) as connection:
            timings, shape = _timed(connection, rounds, largest=rows == SIZES[-1])
            times.append([f"{rows:,}", *_line(timings), shape])
            if rows >= FEWEST_ROWS:  # below, a statement and its plan cost what the scan does
                targets.append(_target(rows, timings))
            memory.append([f"{rows:,}", *_memory(connection, dsn_of_table(rows))])
    head = ["rows", "floor", "floor, default plan", "counts", "whole scan", "GROUP BY, default plan", "GROUP BY, heap"]
    ratios = ["counts / floor", "whole / floor", "counts / GROUP BY heap", "whole / GROUP BY heap", "shape"]
    spent = ["rows", "client", "server process, floor", "whole scan", "processes", "temporary files"]
    return (
        f"{rounds} rounds in turns, {min(rounds, MOST_ROUNDS)} of the largest, work_mem {WORK_MEM_MB} MB.\n\n"
        f"{as_table([*head, *ratios], times)}\n\n"
        f"{listed(targets)}\n\n"
        "Memory: the client is a process that does nothing else. On the server it is the most that a process "
        "of a new session does not share with others (RssAnon), after the catalog was read and the floor counted, and "
        "after the scan.\n\n"
        f"{as_table(spent, memory)}"
    )


def _timed(connection: Connection, rounds: int, *, largest: bool) -> tuple[dict[str, Timing], str]:
    with reading(connection):
        facts = read_facts(connection, Table())
        connection.execute(SCAN_SETTINGS)
        planned = planned_scan(connection, facts)
    counts = [SCAN_SETTINGS, planned.query.as_string()]

    def whole() -> None:
        with reading(connection):
            scan_tokens(connection, facts, Progress())

    timings = in_turns(
        {
            "floor": lambda: within_transaction(connection, [ALONE, FLOOR]),
            "floor, default plan": lambda: within_transaction(connection, [FLOOR]),
            "counts": lambda: within_transaction(connection, counts),
            "whole": whole,
            "GROUP BY": lambda: within_transaction(connection, [GROUP_BY]),
            "GROUP BY, heap": lambda: within_transaction(connection, [FROM_THE_HEAP, GROUP_BY]),
        },
        min(rounds, MOST_ROUNDS) if largest else rounds,
        warm_up=not largest,
    )
    return timings, planned.shape


def _line(timings: dict[str, Timing]) -> list[str]:
    wall = {name: timing.wall_s for name, timing in timings.items()}
    return [
        *(shown([1000 * s for s in wall[name]], "ms", 0) for name in wall),
        ratio(wall["counts"], wall["floor"]),
        ratio(wall["whole"], wall["floor"]),
        ratio(wall["counts"], wall["GROUP BY, heap"]),
        ratio(wall["whole"], wall["GROUP BY, heap"]),
    ]


def _target(rows: int, timings: dict[str, Timing]) -> str:
    counts = timings["counts"].wall_s
    limits = {"floor": MOST_OVER_FLOOR, "GROUP BY, heap": MOST_OVER_GROUP_BY}
    over = {name: float(ratio(counts, timings[name].wall_s)) for name in limits}
    wanted = " and ".join(f"{most:g} x {name}" for name, most in limits.items())
    said = " and ".join(f"{over[name]:.2f} x {name}" for name in limits)
    return target(
        f"the counts of {rows:,} rows at most {wanted}", said, all(over[name] <= most for name, most in limits.items())
    )


def _memory(connection: Connection, dsn: str) -> list[str]:
    """Of the client: a process that only scans. Of the server: its processes, watched while they do."""
    client = [sys.executable, "-m", "bench.scan", dsn]
    done = subprocess.run(client, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"the client that scans alone: exit {done.returncode}\n{done.stderr[-2000:]}")
    with connect(SecretStr(dsn)) as session, watched(session) as floor:
        with reading(session):
            read_facts(session, Table())
        within_transaction(session, [ALONE, FLOOR])
    before_mb = written_temporarily_mb(connection)
    with connect(SecretStr(dsn), statement_timeout_s=600) as session:
        with watched(session) as scan, reading(session):
            scan_tokens(session, read_facts(session, Table()), Progress())
        temporary_mb = written_temporarily_mb(session) - before_mb
    peaks = [f"{float(done.stdout):.0f} MB", f"{floor.peak_mb:.1f} MB", f"{scan.peak_mb:.1f} MB"]
    return [*peaks, str(len(scan.pids)), f"{temporary_mb:.0f} MB"]


def _alone(dsn: str) -> float:
    """Scan, and do nothing else; returns the peak of this process in MB."""
    with connect(SecretStr(dsn), statement_timeout_s=600) as connection, reading(connection):
        scan_tokens(connection, read_facts(connection, Table()), Progress())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(_alone(sys.argv[1]))
