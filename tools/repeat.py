"""`python -m tools.repeat [RUNS]`: healthy runs in a row, while other processes keep both cores busy.

Prints how many of them raised an alarm; exits 1 if any did. Bounded: RUNS runs (100) on two deployments on loopback.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rehearsal.deployment.start import deployed
from rehearsal.servers.postgres import embedded_postgres
from tests.support.gates import NAMES, READY, run_gate

CORES = 2


def burn(until_s: float) -> None:
    """Keep one core busy; ends by itself."""
    while time.monotonic() < until_s:
        sum(range(10_000))


def main(runs: int) -> int:
    """Run, print, and return the exit code."""
    busy = [multiprocessing.Process(target=burn, args=(time.monotonic() + 3600,), daemon=True) for _ in range(CORES)]
    alarms, took_s = 0, []
    with tempfile.TemporaryDirectory() as folder, embedded_postgres() as postgres, ExitStack() as stack:
        pair = [stack.enter_context(deployed(postgres, name=name)) for name in NAMES]
        for process in busy:
            process.start()
        for number in range(runs):
            (where := Path(folder) / str(number)).mkdir()
            run = run_gate(where, pair, "--revision", pair[0].revision, ready=READY)
            took_s.append(run.took_s)
            if run.exit_code:
                alarms += 1
                print(run.out)
        for process in busy:
            process.terminate()
    took_s.sort()
    seconds = f"median {took_s[runs // 2]:.1f}, most {took_s[-1]:.1f}"
    print(f"{runs} healthy runs with {CORES} cores kept busy: {alarms} alarms; seconds a run: {seconds}")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
