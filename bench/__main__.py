"""`python -m bench [PART ..] [--rounds N]`: measures side by side, prints tables, and writes them to bench/results.md.

Each part is a module of this folder with a function `measure(rounds) -> str`, whose docstring's first line is the
title and whose result is Markdown. A part that is measured alone replaces its own section of the file only.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from bench.results import written

PARTS: tuple[str, ...] = (
    "where",
    "judge",
    "many",
)
RESULTS = Path(__file__).parent / "results.md"
FEWEST_ROUNDS = 7


def main() -> int:
    """Measure the parts that were named, or all; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--rounds", type=int, default=FEWEST_ROUNDS, help="how often each is measured; medians count")
    options = parser.parse_args()
    if unknown := {*options.parts} - {*PARTS}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part in options.parts or PARTS:
        print(f"measuring {part} ..", file=sys.stderr, flush=True)
        module = import_module(f"bench.{part}")
        title, _, _ = (module.__doc__ or part).partition("\n")
        section = module.measure(options.rounds)
        print(f"## {title}\n\n{section}\n", flush=True)
        RESULTS.write_text(written(RESULTS, part, title, section, order=PARTS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
