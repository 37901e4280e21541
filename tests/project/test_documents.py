"""Documents that are made from the code are of this version: an editor, a program and a reader can rely on them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from harness.configuration.json_schema import environments_schema
from harness.report.json_schemas import verdict_schema
from tests.support.gates import ROOT
from tools.documents import documents

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
OWN = (ROOT / "environments.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_what_documents_say_of_the_code_is_current(path: Path) -> None:
    """README's table of claims and the schemas; `make docs` writes them anew."""
    assert path.read_text(encoding="utf-8") == documents()[path], "run make docs"


@pytest.mark.parametrize("schema", [environments_schema(), verdict_schema()], ids=["environments", "verdict"])
def test_a_schema_is_one(schema: dict[str, Any]) -> None:
    """Of draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_file_names_its_schema_for_editors() -> None:
    """In its first line, as the YAML language server reads it, relative to the file."""
    first = OWN.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    named = ROOT / first.partition("=")[2]
    assert named == DOCS / "environments.schema.json"
    jsonschema.validate(yaml.safe_load(OWN), json.loads(named.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("entry", "valid"),
    [
        ({"url": "${PREVIEW_URL}", "database": None}, True),
        ({"posts": "${POSTS:-3}", "protected": "${GUARD}", "latency_p95_ms": "${BUDGET}"}, True),
        ({"latency_p95_ms": 250}, True),
        ({"bursts": 3}, False),
        ({"posts": 0}, False),
        ({"posts": "three"}, False),
        ({"api": {"creat": "/x"}}, False),
        ({"cleanup": "never"}, False),
        ({"latency_p95_ms": 0}, False),
    ],
)
def test_an_editor_marks_what_the_gate_would_refuse(entry: dict[str, Any], valid: bool) -> None:
    """Unknown keys and wrong values; a variable may stand for any value."""
    validator = jsonschema.Draft202012Validator(environments_schema())
    assert validator.is_valid({"environments": {"preview": entry}}) is valid


def test_every_key_is_described() -> None:
    """An editor shows it where one points at the key."""
    schema = environments_schema()
    for name, definition in schema["$defs"].items():
        for key, value in definition["properties"].items():
            described = value.get("description") or any("description" in kind for kind in value.get("anyOf", ()))
            assert described, f"{name}.{key}"


def test_the_verdicts_schema_only_grows() -> None:
    """What this version has published may be relied on: nothing of it is taken away or renamed."""
    schema = verdict_schema()
    of = {"Verdict": schema, **schema["$defs"]}
    published = {
        "Verdict": "schema verdict exit_code run started_at duration_s environments checks left_behind left_out error",
        "EnvironmentVerdict": "name url verdict revision posts acknowledged failure_rate_bound rows_removed duration_s",
        "CheckResult": "id environment outcome claim want have cause remedy",
        "LeftBehind": "environment name id reason remedy",
    }
    for name, fields in published.items():
        assert set(fields.split()) <= set(of[name]["properties"]), name
