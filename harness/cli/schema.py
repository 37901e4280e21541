"""`chatbots-smoke schema`: prints the JSON Schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.report.verdict import ExitCode

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print a JSON Schema; returns the exit code."""
    from harness.configuration.json_schema import environments_schema
    from harness.report.json_schemas import verdict_schema

    print(json.dumps(verdict_schema() if options.of == "verdict" else environments_schema(), indent=2))
    return ExitCode.RELEASE
