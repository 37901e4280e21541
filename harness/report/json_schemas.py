"""The published JSON Schemas (draft 2020-12): of `verdict.json`, and of `environments.yaml` for editors."""

from __future__ import annotations

from typing import Any

from harness.configuration.json_schema import _DRAFT
from harness.report.verdict import Verdict


def verdict_schema() -> dict[str, Any]:
    """The schema of `verdict.json`."""
    return {"$schema": _DRAFT, **Verdict.model_json_schema(by_alias=True, mode="serialization")}
