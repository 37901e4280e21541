"""Histories of a watch that are judged again, offline: also those that nobody wrote as they should be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.gates import Run, run_harness

if TYPE_CHECKING:
    from pathlib import Path

RUN = "20250101-100000-0badcafe"
BOUNDS = {"rate": 2.0, "outage_s": None, "started_at": "2025-01-01T10:00:00.000+00:00"}
LOOK: dict[str, Any] = {
    "record": "look",
    "environment": "preview",
    "asked_s": 0.5,
    "answered_s": 0.51,
    "type": "uuid",
    "not_null": True,
    "default": "gen_random_uuid()",
    "waiting": 0,
    "longest_wait_s": 0.0,
    "holders": [],
    "clock_ahead_s": 0.0,
}


def history(posts: int = 8, **bounds: Any) -> list[dict[str, Any]]:
    """The records of a watch of so many POSTs, all answered as they should be."""
    place = {"url": "http://h", "database": "h:5432/d", "table": {}, "watch": {**BOUNDS, **bounds}}
    records: list[dict[str, Any]] = [
        {
            "record": "run",
            "format": 1,
            "run": RUN,
            "at": "2025-01-01T10:00:00.000+00:00",
            "environments": {"preview": place},
        }
    ]
    for n in range(1, posts + 1):
        name = f"smoke-{RUN}-{n}"
        of = {"environment": "preview", "n": n, "name": name, "phase": "rollout"}
        records.append({"record": "intent", **of, "labels": [name], "at": "2025-01-01T10:00:00.000+00:00"})
        answer = {"outcome": "ok", "status": 201, "id": str(n), "token": str(UUID(int=n, version=4))}
        records.append({"record": "attempt", **of, **answer, "started_s": n / 2, "ended_s": n / 2 + 0.01})
    return records


def judged(folder: Path, records: list[dict[str, Any]]) -> Run:
    file = folder / "rollout.jsonl"
    file.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records), encoding="utf-8")
    return run_harness("judge", str(file), "--report-dir", str(folder / "report"), report_dir=folder / "report")


def test_it_tells_what_the_history_holds(tmp_path: Path) -> None:
    """Nothing is asked of a deployment; the rows are not covered, and the verdict is of a part."""
    served = {"record": "served", "environment": "preview", "asked_s": 0.6, "revisions": ["5ca1ab1e", None]}
    run = judged(tmp_path, [*history(), LOOK, {**LOOK, "asked_s": 4.0, "answered_s": 4.01}, served])
    assert run.exit_code == 0, run.out + run.err
    assert run.verdict["scope"] == "partial"
    assert run.check("rollout_rows_agree")["outcome"] == "not_covered"
    assert "watched preview from 10:00:00" in run.out
    assert (run.verdict["watch"]["posts"], run.verdict["watch"]["looks"]) == (8, 2)


def test_a_post_without_an_outcome_is_no_pass(tmp_path: Path) -> None:
    """The watch was killed: what it saw is told, and the verdict could not tell."""
    run = judged(tmp_path, history()[:-1])
    assert run.exit_code == 75, run.out + run.err
    assert "the outcome of 1 POSTs is not in the history" in run.verdict["error"]
    assert run.verdict["watch"]["posts"] == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"asked_s": "soon"},
        {"asked_s": 1e300},
        {"waiting": -1},
        {"type": "x" * 5000},
        {"holders": [{"pid": 1}]},
        {"holders": [{}] * 100},
    ],
)
def test_what_no_watch_writes_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """Exit 4, with the file; no traceback."""
    run = judged(tmp_path, [*history(), {**LOOK, **wrong}])
    assert run.exit_code == 4, run.out + run.err
    assert "rollout.jsonl: what the watch saw" in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize("bounds", [{"rate": 0}, {"rate": "fast"}, {"outage_s": -1}, {"started_at": "at noon"}])
def test_bounds_that_no_file_has_are_refused(tmp_path: Path, bounds: dict[str, Any]) -> None:
    """A rate of nothing would be divided by."""
    run = judged(tmp_path, history(**bounds))
    assert run.exit_code == 4, run.out + run.err
    assert "Traceback" not in run.err


def test_text_of_a_history_acts_nowhere(tmp_path: Path) -> None:
    """It may come from anybody: controls are shown as text."""
    nasty = "\x1b[2J::error::x"
    holder = {"pid": 1, "mode": nasty, "application": nasty, "state": nasty, "for_s": None, "doing": nasty}
    run = judged(tmp_path, [*history(), {**LOOK, "type": "text"}, {**LOOK, "default": nasty, "holders": [holder]}])
    assert run.exit_code == 0, run.out + run.err
    assert "\x1b" not in run.out
    assert r"\x1b[2J" in run.out
