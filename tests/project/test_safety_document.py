"""docs/safety.md names tests that are there, and counts those that were tried."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.gates import ROOT
from tests.support.promises import DOCUMENT, promised, rows_of

TEXT = DOCUMENT.read_text(encoding="utf-8")
THREATS = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+/test_\w+\.py)(?:::(test_\w+))?`", TEXT + THREATS)))


def test_every_promise_names_a_test() -> None:
    """Each row of a table."""
    rows = [row for of in rows_of(TEXT).values() for row in of]
    assert len(rows) > 15
    assert [row for row in rows if "`tests/" not in row.partition(" | ")[2]] == []


@pytest.mark.parametrize(("file", "test"), NAMED, ids=["::".join(filter(None, named)) for named in NAMED])
def test_what_is_named_is_there(file: str, test: str) -> None:
    """The file, and the test in it."""
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    tests = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    assert test in tests if test else any(name.startswith("test_") for name in tests)


def test_attacks_on_every_promise_were_counted() -> None:
    """`make selftest` writes the table; it knows each section, and nothing in it broke."""
    table = TEXT.partition("<!-- attacks -->")[2].partition("<!-- /attacks -->")[0]
    counted = re.findall(r"^\| ([A-Z][\w' ]+) \| (\d+) \| (\d+) \| \d+ \|$", table, re.MULTILINE)
    assert {section for section, _, _ in counted} == set(promised(TEXT)), "run make selftest"
    assert [section for section, tried, held in counted if tried != held or tried == "0"] == []


def test_every_threat_has_what_it_cannot_reach() -> None:
    """Whoever may be hostile has a row that says what stops them, and names a test."""
    rows = [line for line in THREATS.splitlines() if line.startswith("| ") and not line.startswith("| who ")]
    assert len(rows) >= 7
    assert [row for row in rows if row.count(" | ") != 2 or "`tests/" not in row.rpartition(" | ")[2]] == []
