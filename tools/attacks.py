"""`make selftest`: how many attacks on each promise of `docs/safety.md` were tried, and how many of them held.

Runs the tests that the document names, counts their cases, and writes the table there. Exits 1 if an attack did not
hold.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.support.gates import ROOT
from tests.support.promises import DOCUMENT, promised

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKERS = 4
MORE = {"GATES_TO_KILL": "200", "CUT_AT_EVERY": "1", "EXAMPLES": "400"}  # than `make test` tries
_TABLE = re.compile(r"(?<=<!-- attacks -->\n).*?(?=<!-- /attacks -->)", re.DOTALL)


class Tried(NamedTuple):
    """Cases of tests by how they ended. `left_out` were skipped, as where a program that they need is not installed."""

    held: int
    broke: int
    left_out: int


def main() -> int:
    """Run all, write; returns the exit code."""
    argparse.ArgumentParser(
        description="Try the attacks on each promise of docs/safety.md, and write the table there."
    ).parse_args()
    named = promised(DOCUMENT.read_text(encoding="utf-8"))
    ended = run(sorted({test for tests in named.values() for test in tests}))
    counted = {section: count(tests, ended) for section, tests in named.items()}
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_TABLE.sub(lambda _: table(counted), text), encoding="utf-8")
    print(table(counted))
    return 1 if any(tried.broke for tried in counted.values()) else 0


def run(tests: list[str]) -> dict[tuple[str, str], Counter[str]]:
    """How the cases of these tests ended, by file and name of the test."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "junit.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-n", str(WORKERS), f"--junit-xml={file}", *tests]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **MORE}, check=False)  # noqa: S603
        cases = ET.parse(file).iter("testcase")  # noqa: S314  (pytest has written it)
        ended: dict[tuple[str, str], Counter[str]] = {}
        for case in cases:
            of = case.attrib["classname"].replace(".", "/") + ".py", case.attrib["name"].partition("[")[0]
            how = {child.tag for child in case} & {"failure", "error", "skipped"}
            ended.setdefault(of, Counter())["left_out" if how == {"skipped"} else "broke" if how else "held"] += 1
    return ended


def count(tests: frozenset[str], ended: Mapping[tuple[str, str], Counter[str]]) -> Tried:
    """The cases of tests that are named as `file.py`, or as `file.py::test`."""
    total: Counter[str] = Counter()
    for (file, name), cases in ended.items():
        if file in tests or f"{file}::{name}" in tests:
            total += cases
    return Tried(total["held"], total["broke"], total["left_out"])


def table(counted: Mapping[str, Tried]) -> str:
    """A row for each section of promises."""
    rows = [
        f"| {section} | {tried.held + tried.broke} | {tried.held} | {tried.left_out} |"
        for section, tried in counted.items()
    ]
    return "\n".join(["| promises | attacks tried | held | left out |", "|---|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
