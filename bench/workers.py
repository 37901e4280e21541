"""Servers of few blocking workers: the POSTs of a run, and the same without waiting for each other

A worker that has taken a connection takes no other until that is closed, as those of gunicorn's class `sync`. One POST,
then 16 at once, each answered after 50 ms. `without waiting` sends each of the 16 as soon as its thread has begun:
nothing is opened before the others are ready.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bench.measuring import Failed, in_turns, ratio, shown
from bench.ours import post
from bench.results import table, target
from bench.servers import sync_server
from harness.checkers.history import largest_overlap

if TYPE_CHECKING:
    from harness.history.history import History

WORKERS = (1, 2, 4)
BURST = 16
ANSWERS_IN_S = 0.05
AT_MOST = 1.3
MOST_ROUNDS = 2  # they sleep most of the time, and so differ by little
KINDS = {"": "closes after each answer", "keep": "keeps it for the next request", "tls": "TLS, closes"}


class _NoStartLine:
    """Where nobody waits."""

    def __init__(self, number: int) -> None:
        """For so many POSTs."""

    def ready(self) -> None:
        """As `wait`."""

    wait = now = ready


def measure(rounds: int) -> str:
    """Seconds of both by kind of server, and the overlap of those that wait for each other."""
    rows, worst = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        for kind, words in KINDS.items():
            for workers in WORKERS:
                with sync_server(workers, ANSWERS_IN_S, kind, CA_FILE=str(ca_file)) as (url, _):
                    row, over = _compared(
                        url, {"ca_file": str(ca_file)} if kind == "tls" else {}, min(rounds, MOST_ROUNDS)
                    )
                rows.append([f"{workers}, {words}", *row])
                worst = max(worst, over)
    head = ["workers, connection", "POSTs of a run", "without waiting", "over that", "in flight together"]
    said = target(f"at most {AT_MOST:g} x the time without waiting", f"{worst:.2f} x at worst", worst <= AT_MOST)
    return f"{table(head, rows)}\n\n{said}"


def _compared(url: str, settings: dict[str, Any], rounds: int) -> tuple[list[str], float]:
    overlaps: list[int] = []

    def once() -> History:
        history = post(url, 1, BURST, **settings)
        if len(history.acknowledged) != 1 + BURST:
            raise Failed(f"{len(history.acknowledged)} of {1 + BURST} POSTs were acknowledged")
        return history

    def waiting() -> None:
        overlaps.append(largest_overlap(once().phase("burst")))

    def without() -> None:
        with patch("harness.run.workload.StartLine", _NoStartLine):
            once()

    timings = in_turns({"waiting": waiting, "without": without}, rounds)
    ours, theirs = timings["waiting"].wall_s, timings["without"].wall_s
    row = [shown(ours), shown(theirs), ratio(ours, theirs), f"{median(overlaps):g} ({min(overlaps)}-{max(overlaps)})"]
    return row, median(ours) / median(theirs)
