"""docs/history.md describes the records that a real run writes, field by field, and no others."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from harness.errors import CouldNotTell
from harness.history.reading import FORMAT, read
from harness.history.writing import Ledger
from harness.http.client import EVIDENCE
from harness.postgres.column_look import ColumnLook
from harness.rollout.evidence import RowLook
from tests.support.gates import ROOT, run_gate

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment

DOCUMENT = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")


def described() -> dict[str, set[str]]:
    """The fields of each record, as the table has them."""
    fields: dict[str, set[str]] = {}
    record = ""
    for line in DOCUMENT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or cells[0] == "record":
            continue
        record = cells[0].strip("`") or record
        fields.setdefault(record, set()).update(re.findall(r"`(\w+)`", cells[1]))
    return fields


def test_each_record_of_a_run_is_described(tmp_path: Path, healthy: Deployment) -> None:
    """`environment` is in all of them but the first."""
    run = run_gate(tmp_path, [healthy])
    ledger = Ledger(run.report_dir / "history.jsonl")
    ledger.cut_short("preview", 1, CouldNotTell("as no healthy run is", "look for its row"), absent=True)
    ledger.look("preview", "look", **asdict(ColumnLook(0.0, 0.1, "uuid", not_null=True, default="")))  # as a watch does
    ledger.look("preview", "served", asked_s=0.0, answered_s=0.1, revisions=[])
    ledger.look("preview", "rows", **asdict(RowLook(0.0, 0.1, 0, ())))
    ledger.close()
    lines = (run.report_dir / "history.jsonl").read_text(encoding="utf-8").splitlines()
    written: dict[str, set[str]] = {}
    for record in map(json.loads, lines):
        written.setdefault(record.pop("record"), set()).update(record.keys() - {"environment"})
    of_table = {kind: fields - {"environment"} for kind, fields in described().items()}
    assert of_table == written
    assert f"`format` | {FORMAT} |" in DOCUMENT
    assert f"at most {EVIDENCE:,} characters" in DOCUMENT


def test_a_reader_of_this_version_passes_over_what_a_later_one_adds(tmp_path: Path, healthy: Deployment) -> None:
    """Another kind of record, and other fields."""
    run = run_gate(tmp_path, [healthy], "-k", "every_post")
    history = run.report_dir / "history.jsonl"
    _, before = read(history)
    lines = [{**json.loads(line), "added": {"later": 1}} for line in history.read_text(encoding="utf-8").splitlines()]
    lines.insert(1, {"record": "of another kind", "environment": "preview"})
    history.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert read(history)[1]["preview"].history == before["preview"].history
