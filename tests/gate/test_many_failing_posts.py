"""Five thousand POSTs that fail with hostile bodies: judged within seconds, and a signal is heard at any moment.

Work is what is bounded, by the processor's time: a machine that is busy with something else takes longer by the clock.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.endings import going
from tests.support.gates import run_command, write_environments
from tests.support.servers import Request, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.endings import Going
    from tests.support.gates import Run

POSTS = 5000
JUDGED_S = 5.0
HEARD_S = 2.0
KEPT = 2000  # characters of a body in a history
# Each begins like a pattern over and over, and never ends like it.
PIECES = (
    "function uuid_generate_v4 ",
    'null value i, in column "o ',
    "unique constrain \\ key (a, ",
    "PL/pgSQL function f() line 1 at RAIS ",
    "failed to ,,,, commi ",
    "acquiring a timeout when trying to connec ",
    "idempotency-key was already, request has been previously ",
    "<!doctype html><title>Just a momen",
    "\\\"'\n",
)


def _hostile(n: int, size: int = KEPT) -> str:
    """A body that is like no other one."""
    piece = PIECES[n % len(PIECES)]
    return f"{n} {piece * (size // len(piece) + 1)}"[:size]


def _fields(n: int) -> str:
    """The body of a validator that names no field, in as many values as there is room for."""
    return json.dumps({"n": n, "errors": [{"msg": "no field is missin", "path": "?"}] * 40})


CASES: dict[str, tuple[int, Callable[[int], str]]] = {
    "500, and what a database almost says": (500, _hostile),
    "400, and what a validator almost says": (400, _fields),
}


def _written(file: Path, status: int, body: Callable[[int], str]) -> Path:
    """A history of so many POSTs that were all answered in one way."""
    usual = {"environment": "preview", "phase": "sequence"}
    lines: list[dict[str, Any]] = [
        {"record": "run", "format": 1, "run": "r", "environments": {"preview": {"url": "http://127.0.0.1"}}}
    ]
    for n in range(1, POSTS + 1):
        named = {**usual, "n": n, "name": f"smoke-r-{n}"}
        ended = {"outcome": "fail", "problem": "wrong status", "status": status, "started_s": n, "ended_s": n + 0.5}
        lines.append({"record": "intent", **named, "labels": [f"smoke-r-{n}"]})
        lines.append({"record": "attempt", **named, **ended, "evidence": body(n), "error": f"{status}, want 201"})
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return file


def _of_children_s() -> float:
    """How long the processor has worked for processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("case", CASES)
def test_five_thousand_failing_posts_are_judged_within_seconds(tmp_path: Path, case: str) -> None:
    """The whole command: reading the history, all checks that it can answer, and every report."""
    written = _written(tmp_path / "history.jsonl", *CASES[case])
    before_s = _of_children_s()
    report = tmp_path / "report"
    command = [sys.executable, "-m", "harness", "judge", str(written), "--report-dir", str(report)]
    run = run_command(command, report)  # not forked from another process: it is a child of this one, and measured
    took_s = _of_children_s() - before_s
    assert run.exit_code == 1, run.out + run.err
    found = run.check("every_post_answers_201")
    assert found["have"][0].startswith(f"{POSTS} of {POSTS}: ")
    assert (report / "summary.md").stat().st_size < 200_000
    assert len(run.out) < 200_000
    assert 0 < took_s < JUDGED_S, f"{took_s:.1f} s of the processor"


def test_a_signal_is_heard_while_they_are_sent(tmp_path: Path) -> None:
    """However hostile what has come back so far. That it is while they are judged: `checkers/test_hostile_answers`."""

    def answer(request: Request) -> bool:
        if request.method == "POST":
            request.answer("500 Internal Server Error", _hostile(request.number, 60_000).encode())
        else:
            request.created({})
        return True

    with serving(answer) as server:
        few: dict[str, Any] = {"url": server.url, "database": None, "cleanup": "keep", "probes": []}
        file = write_environments(tmp_path / "e.yaml", {}, preview={**few, "posts": POSTS, "burst": 0})
        with going(tmp_path, file, "--allow-many", stdin=subprocess.DEVNULL) as gate:
            assert gate.wait_until(lambda: gate.records() >= POSTS // 25)
            run = _told_to_end(gate)
    assert run.exit_code == 2, run.out + run.err
    assert run.verdict["exit_code"] == 2
    assert 0 < run.verdict["environments"][0]["posts"] < POSTS


def _told_to_end(gate: Going) -> Run:
    """How a gate ends after a SIGTERM; it must work no longer than it may until then."""
    assert isinstance(gate.process, subprocess.Popen)
    before_s, used_s, told_s = _of_children_s(), _of_process_s(gate.process.pid), time.monotonic()
    gate.process.send_signal(signal.SIGTERM)
    run = gate.ended()
    worked_s = _of_children_s() - before_s - used_s
    assert 0 < worked_s < HEARD_S, f"{worked_s:.1f} s of the processor"
    assert time.monotonic() - told_s < 10 * HEARD_S
    return run


def _of_process_s(pid: int) -> float:
    """How long the processor has worked for a process that goes on; 0 where nobody says (then a test is stricter)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
