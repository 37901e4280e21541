"""The scan of all stored tokens, over a bare count and over the task's GROUP BY

`floor` is a sequential `SELECT count(public_token)`. `counts` is what says whether tokens are distinct, there and of
version 4; `whole scan` is all that the gate sends: that, the halves and the bits. All run in one session.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bench.installed import ROOT
from bench.measuring import Failed, in_turns, ratio, shown
from bench.results import table as as_table
from bench.tables import SIZES, WORK_MEM_MB, server, table, watched, within_transaction, written_temporarily_mb
from harness.configuration.models import Table
from harness.postgres.connection import connect, reading
from harness.postgres.table import read_facts
from harness.postgres.token_scan import FROM_THE_HEAP, scan_query, scan_tokens
from harness.progress import Progress

if TYPE_CHECKING:
    from bench.measuring import Timing
    from harness.postgres.connection import Connection

ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
FLOOR = "SELECT count(public_token) FROM chatbots"
GROUP_BY = "SELECT public_token, count(*) FROM chatbots GROUP BY public_token HAVING count(*) > 1"
MOST_OVER_FLOOR, MOST_OVER_GROUP_BY = 6.0, 0.5  # of the counts


def measure(rounds: int) -> str:
    """A table of medians and ratios, and one of memory."""
    times, memory, targets = [], [], []
    with server() as postgres:
        for rows in SIZES:
            with table(postgres, rows) as connection:
                timings = _timed(connection, rounds)
                times.append([f"{rows:,}", *_line(timings)])
                if rows > SIZES[0]:  # the least is there to show how cost grows: the targets name the others
                    targets.append(f"- {rows:,} rows: {_target(timings)}")
                memory.append([f"{rows:,}", *_memory(connection, postgres.dsn(f"rows_{rows}"))])
    head = ["rows", "floor", "floor, default plan", "counts", "whole scan", "GROUP BY, default plan", "GROUP BY, heap"]
    ratios = ["counts / floor", "whole / floor", "counts / GROUP BY heap", "whole / GROUP BY heap"]
    spent = ["rows", "client", "server process, floor", "whole scan", "processes", "temporary files"]
    return (
        f"{rounds} rounds in turns, work_mem {WORK_MEM_MB} MB.\n\n"
        f"{as_table([*head, *ratios], times)}\n\n"
        f"Targets for the counts, at most {MOST_OVER_FLOOR:g} x the floor, {MOST_OVER_GROUP_BY:g} x GROUP BY, heap:\n\n"
        f"{chr(10).join(targets)}\n\n"
        "Memory: the client is a process that does nothing else. On the server it is the most that a process "
        "of a new session does not share with others (RssAnon), after the catalog was read and the floor counted, and "
        "after the scan.\n\n"
        f"{as_table(spent, memory)}"
    )


def _timed(connection: Connection, rounds: int) -> dict[str, Timing]:
    with reading(connection):
        facts = read_facts(connection, Table())
    counts = [FROM_THE_HEAP, scan_query(facts, split=True).as_string()]

    def whole() -> None:
        with reading(connection):
            scan_tokens(connection, facts, Progress())

    return in_turns(
        {
            "floor": lambda: within_transaction(connection, [ALONE, FLOOR]),
            "floor, default plan": lambda: within_transaction(connection, [FLOOR]),
            "counts": lambda: within_transaction(connection, counts),
            "whole": whole,
            "GROUP BY": lambda: within_transaction(connection, [GROUP_BY]),
            "GROUP BY, heap": lambda: within_transaction(connection, [FROM_THE_HEAP, GROUP_BY]),
        },
        rounds,
    )


def _line(timings: dict[str, Timing]) -> list[str]:
    wall = {name: timing.wall_s for name, timing in timings.items()}
    return [
        *(shown([1000 * s for s in wall[name]], "ms", 0) for name in wall),
        ratio(wall["counts"], wall["floor"]),
        ratio(wall["whole"], wall["floor"]),
        ratio(wall["counts"], wall["GROUP BY, heap"]),
        ratio(wall["whole"], wall["GROUP BY, heap"]),
    ]


def _target(timings: dict[str, Timing]) -> str:
    counts = timings["counts"].wall_s
    limits = {"floor": MOST_OVER_FLOOR, "GROUP BY, heap": MOST_OVER_GROUP_BY}
    met = {name: float(ratio(counts, timings[name].wall_s)) <= most for name, most in limits.items()}
    return ", ".join(f"{name} {'met' if held else 'missed'}" for name, held in met.items())


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
