"""docs/safety.md names tests that are there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.gates import ROOT

DOCUMENT = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`tests/([\w/]+/test_\w+\.py)(?:::(test_\w+))?`", DOCUMENT)))


def test_every_promise_names_a_test() -> None:
    """Each row of a table."""
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| ") and not line.startswith("| promised")]
    assert len(rows) > 15
    assert [row for row in rows if "`tests/" not in row.partition(" | ")[2]] == []


@pytest.mark.parametrize(("file", "test"), NAMED, ids=["::".join(filter(None, named)) for named in NAMED])
def test_what_is_named_is_there(file: str, test: str) -> None:
    """The file, and the test in it."""
    module = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    tests = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    assert test in tests if test else any(name.startswith("test_") for name in tests)
