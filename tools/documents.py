"""`make docs`: writes anew what documents say of the code. Each part stands in a module of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.configuration.json_schema import environments_schema
from harness.report.json_schemas import verdict_schema
from tests.support.gates import ROOT
from tools.documents_claims import claims_document
from tools.documents_configuration import configuration_document
from tools.documents_init import init_document
from tools.documents_migrations import predictions
from tools.documents_troubleshooting import troubleshooting_document
from tools.documents_verdict import fields_of_the_verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCS = ROOT / "docs"


# Each document, and what makes it as it should be.
DOCUMENTS: dict[Path, Callable[[], str]] = {
    DOCS / "claims.md": claims_document,
    DOCS / "configuration.md": configuration_document,
    DOCS / "init.md": init_document,
    DOCS / "troubleshooting.md": troubleshooting_document,
    DOCS / "migrations.md": lambda: between(DOCS / "migrations.md", "preflight", predictions()),
    DOCS / "verdict.md": lambda: between(DOCS / "verdict.md", "verdict", fields_of_the_verdict()),
    DOCS / "environments.schema.json": lambda: json.dumps(environments_schema(), indent=2) + "\n",
    DOCS / "verdict.schema.json": lambda: json.dumps(verdict_schema(), indent=2) + "\n",
}


def between(path: Path, marker: str, text: str) -> str:
    """The document with a text between `<!-- marker -->` and `<!-- /marker -->`."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(f"<!-- {marker} -->\n")
    _, end, after = rest.partition(f"<!-- /{marker} -->")
    if not begin or not end:
        raise ValueError(f"{path.name} has no place for {marker}")
    return f"{before}{begin}{text}{end}{after}"


if __name__ == "__main__":
    for path, made in DOCUMENTS.items():
        path.write_text(made(), encoding="utf-8")
