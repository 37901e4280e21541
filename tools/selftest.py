"""`make selftest`: what the harness catches, measured on every fault and every healthy variant of the rehearsal.

Prints a row for each, and totals; writes the same to `docs/detection.md`. Exits 1 if a fault was missed or a healthy
deployment was not released.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.deployment.variants import VARIANTS
from rehearsal.faults import FAULTS
from rehearsal.servers.postgres import embedded_postgres
from tests.support.gates import NAMES, ROOT, Run, verify

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres

DOCUMENT = ROOT / "docs" / "detection.md"
SIDE_BY_SIDE = 4

BEFORE = """\
# What is caught

For whoever wants to know which bugs it finds, measured, and which it does not.

Written by `make selftest`: the real command on two rehearsal deployments for each fault, and for each healthy variant
that must raise no alarm. `.venv/bin/python -m rehearsal faults` tells what each fault does. Seconds are of this one
run, {side_by_side} gates side by side on two cores with {postgres};
they include Python's start and, where a fault is about waiting, the wait.
"""

AFTER = """\
## What is not caught, and why

- **A token that is a good hash of something guessable**, such as md5 of the id with the version bits forced: its bits
  are as even as random ones. The default's identity and the app's INSERT are the evidence against it, the values are
  none.
- **An app that makes a good version 4 UUID where its statements cannot be seen**: Postgres shows neither counted
  statements (`pg_stat_statements`) nor, to this role, those that other sessions run. Then
  `app_leaves_the_token_to_postgres` is "could not tell", and the run ends in 75.
- **What happens once in many POSTs.** n POSTs without a failure leave a failure rate of 1 - 0.05^(1/n) possible at 95 %
  confidence: 15 % for 19, 3 % for 100, 1 % for 300. The verdict states it.
- **A collision of the old generator.** Three POSTs meet one with a probability of about 1e-9; the token's form, the
  default and the stored rows are looked at instead.
- **A second instance that none of the fresh connections reached**, or that names no revision.
- **Whether the old generator still lies in the app's source**, unused. Only a run with `--source` looks there.
- **Fewer than three padded rows in a table of over two million tokens**: halves are compared on a sample there.
"""


def main() -> int:
    """Run all, print, write; returns the exit code."""
    argparse.ArgumentParser(
        description="Try every fault and every healthy variant, which takes three minutes, and write docs/detection.md."
    ).parse_args()
    with tempfile.TemporaryDirectory() as folder, embedded_postgres() as postgres:
        runs = run_all(postgres, Path(folder))
        told = str(postgres.binaries)
        lines = [BEFORE.format(side_by_side=SIDE_BY_SIDE, postgres=told), *report(runs), "", AFTER.rstrip()]
        wrong = [n for n in FAULTS if not is_caught(n, runs[n])] + [n for n in VARIANTS if runs[n].exit_code]
        for name in wrong:
            print(f"WRONG: {name} (exit {runs[name].exit_code})\n{runs[name].out}", file=sys.stderr)
    text = "\n".join(lines) + "\n"
    print(text)
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text, encoding="utf-8")
    return 1 if wrong else 0


def run_all(postgres: Postgres, folder: Path) -> dict[str, Run]:
    """The run of each fault and variant, by name."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        started = {name: pool.submit(verify, postgres, folder / name, fault=name) for name in FAULTS}
        started |= {name: pool.submit(verify, postgres, folder / name, variant=name) for name in VARIANTS}
        runs = {}
        for number, (name, future) in enumerate(started.items(), start=1):
            runs[name] = future.result()
            if sys.stderr.isatty():
                print(f"\r{number} of {len(started)}", end="\n" if number == len(started) else "", file=sys.stderr)
        return runs


def caught_by(run: Run, outcome: str) -> list[str]:
    """The claims that came out so on both environments."""
    both = [run.outcomes(name) for name in NAMES]
    return [check for check in both[0] if all(outcomes.get(check) == outcome for outcomes in both)]


def is_caught(name: str, run: Run) -> bool:
    """Whether the run ended as the catalogue says, on every environment and claim."""
    alarms = [{c: o for c, o in run.outcomes(n).items() if o in ("fail", "unknown")} for n in NAMES]
    return run.exit_code == FAULTS[name].exit_code and all(found == FAULTS[name].catches for found in alarms)


def report(runs: dict[str, Run]) -> list[str]:
    """The tables and the totals."""
    caught = sum(is_caught(name, runs[name]) for name in FAULTS)
    alarms = sum(runs[name].exit_code != 0 for name in VARIANTS)
    lines = [
        f"**Caught: {caught} of {len(FAULTS)} faults. False alarms: {alarms} in {len(VARIANTS)} healthy variants.**",
        "",
        "## Faults",
        "",
        "| fault | seen broken by | exit | s |",
        "|---|---|---|---|",
    ]
    for name in FAULTS:
        failed = ", ".join(f"`{check}`" for check in caught_by(runs[name], "fail")) or "(could not tell)"
        lines.append(f"| {name} | {failed} | {runs[name].exit_code} | {runs[name].took_s:.1f} |")
    lines += ["", "## Healthy variants", "", "| variant | exit | s |", "|---|---|---|"]
    lines += [f"| {name} | {runs[name].exit_code} | {runs[name].took_s:.1f} |" for name in VARIANTS]
    return lines


if __name__ == "__main__":
    sys.exit(main())
