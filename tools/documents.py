"""`make docs`: writes what documents say of the code anew: README's table of claims, and the published schemas."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from harness.claims import claims
from harness.configuration.json_schema import environments_schema
from harness.report.json_schemas import verdict_schema
from harness.run.evidence import KINDS
from tests.support.gates import ROOT
from tests.support.situations import SITUATIONS

if TYPE_CHECKING:
    from pathlib import Path


_TABLE = re.compile(r"(?<=<!-- claims -->\n).*?(?=<!-- /claims -->)", re.DOTALL)


def documents() -> dict[Path, str]:
    """Each document as it should be."""
    readme = ROOT / "README.md"
    return {
        ROOT / "docs" / "preflight.md": preflight_document(),
        readme: _TABLE.sub(lambda _: claims_table(), readme.read_text(encoding="utf-8")),
        ROOT / "docs" / "environments.schema.json": json.dumps(environments_schema(), indent=2) + "\n",
        ROOT / "docs" / "verdict.schema.json": json.dumps(verdict_schema(), indent=2) + "\n",
    }


_PREFLIGHT = """\
# What a preflight predicts

`pytest -m preflight` was compared with Postgres on {number} tables: each was judged first, and then the plain migration
(`examples/migrations/public_token_uuid.sql`) was really run on it, with SET NOT NULL, a unique index and an INSERT of
the new code after it. A SQLSTATE that was predicted and did not come, or came and was not predicted, fails
`tests/preflight/test_predictions.py`. `tests/support/situations.py` has the statements that make each table, and of
which type its column is: the same check or index passes on a varchar and fails on a text. Locks, rights, the extension
and servers that only read are proved in `tests/preflight/test_surroundings.py`. This file is written by `make docs`.

| the migration ends in | on these tables |
|---|---|
"""


def preflight_document() -> str:
    """The situations on which a preflight was proved, by what the migration ends in there."""
    rows: dict[str, list[str]] = {}
    for situation in SITUATIONS:
        ends_in = ", ".join(sorted(situation.states)) or "nothing: it passes"
        rows.setdefault(ends_in, []).append(situation.name.replace("_", " "))
    lines = [f"| {ends_in} | {'; '.join(names)} |\n" for ends_in, names in sorted(rows.items())]
    return _PREFLIGHT.replace("{number}", str(len(SITUATIONS))) + "".join(lines)


def claims_table() -> str:
    """Each claim with what it is asked of and the check that asks it; the file's docstring says why."""
    asked = [([kind for kind in KINDS if kind.name in claim.asks][-1], claim) for claim in claims(ROOT / "checks")]
    rows = [
        f"| {claim.text} | {kind.asked_of} | [{claim.id}](checks/{claim.file}) |"
        for kind, claim in sorted(asked, key=lambda row: KINDS.index(row[0]))
    ]
    return "\n".join(["| claim | asked of | check |", "|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
