"""`python -m bench [PART ..] [--rounds N]`: measures side by side, prints tables, and writes them to bench/results.md.

Each part is a module of this folder with a function `measure(rounds) -> str`, whose docstring's first line is the
title and whose result is Markdown. A part that is measured alone replaces its own section of the file only. Where a
part fails, nothing of it is written, and the others go on. At the end it says how long each part took.

Exit codes: 0 all were measured, 1 a part failed, 2 usage, 130 ended by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

from bench.measuring import Failed
from bench.results import write

# In the order of the issue that asked for them, which is that of the file.
PARTS: tuple[str, ...] = (
    "gate",
    "where",
    "scan",
    "scan_tried",
    "posts",
    "workers",
    "judge",
    "soak",
    "soak_profile",
    "scale",
    "many",
    "source",
)
RESULTS = Path(__file__).parent / "results.md"
FEWEST_ROUNDS = 5
_DESCRIPTION = "Measure the gate beside the tools that you could use instead, and write the tables to bench/results.md."


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts that were named, or all; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=_DESCRIPTION)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"measure only these: {', '.join(PARTS)} (default: all)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=FEWEST_ROUNDS,
        metavar="N",
        help="measure each N times and take the median (default: %(default)s); with fewer, results.md stays as it is",
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if unknown := {*options.parts} - {*PARTS}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is under way is ended with this process
    taken_s: dict[str, float] = {}
    failed: list[str] = []
    try:
        for part in options.parts or PARTS:
            began_s = time.monotonic()
            if not _measured(part, options.rounds):
                failed.append(part)
            taken_s[part] = time.monotonic() - began_s
    except KeyboardInterrupt:
        print(
            f"interrupted: {RESULTS.name} keeps the earlier results of every part that did not finish",
            file=sys.stderr,
        )
        return 128 + signal.SIGINT
    print("took " + ", ".join(f"{part} {s:.0f} s" for part, s in taken_s.items()), file=sys.stderr)
    print(f"took {sum(taken_s.values()) / 60:.1f} minutes in all", file=sys.stderr)
    if failed:
        print(f"not measured: {', '.join(failed)}; {RESULTS.name} keeps their earlier results", file=sys.stderr)
    return 1 if failed else 0


def _measured(part: str, rounds: int) -> bool:
    """Measure one part, print it and write it; False where it fails, which is said."""
    print(f"measuring {part} ..", file=sys.stderr, flush=True)
    began_s = time.monotonic()
    try:
        module = import_module(f"bench.{part}")
        title, _, _ = (module.__doc__ or part).partition("\n")
        section = module.measure(rounds)
    except Failed as error:
        print(f"{part} failed: {error}", file=sys.stderr, flush=True)
        return False
    except Exception:  # a mistake in one part is no reason to lose the others
        print(f"{part} failed:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
        return False
    print(f"## {title.removesuffix('.')}\n\n{section.strip()}\n", flush=True)
    if rounds >= FEWEST_ROUNDS:
        write(RESULTS, part, title.removesuffix("."), section, time.monotonic() - began_s, order=PARTS)
    return True


if __name__ == "__main__":
    sys.exit(main())
