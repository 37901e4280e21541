"""How a soak is judged: by the checks of the gate, on the histories of its workers, like any saved history."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.verdict import LeftBehind
from harness.run.pytest_process import ROOT, alone, gate_process, judging, print_verdict
from harness.text import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.run.soak_result import SoakResult

FILE = "soak.json"
MOST_LISTED = 1000  # rows that a verdict lists; the histories name all


def bounded(left: Sequence[LeftBehind], environment: str, folder: str) -> list[LeftBehind]:
    """No more rows than a person can look at, and how many there are besides."""
    if len(left) <= MOST_LISTED:
        return list(left)
    more = LeftBehind(
        environment=environment,
        name=f"and {len(left) - MOST_LISTED} more",
        reason=sentence("too many to be listed here; the histories of the workers name them all"),
        remedy=sentence(f"run chatbots-smoke cleanup {folder}/worker-*.jsonl"),
    )
    return [*left[:MOST_LISTED], more]


def judged(soaked: SoakResult, histories: Sequence[Path], folder: Path, *, as_json: bool) -> int:
    """Have the checks of the gate judge them together; returns the exit code that comes of it."""
    with tempfile.TemporaryDirectory() as aside:  # the folder of the reports may have no room for it
        file = Path(aside) / FILE
        file.write_text(soaked.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return _judged(file, histories, folder, as_json=as_json)


def _judged(file: Path, histories: Sequence[Path], folder: Path, *, as_json: bool) -> int:
    words = judging(path for path in histories if path.stat().st_size)
    command = gate_process([*words, "--soaked", str(file), "--report-dir", str(folder.resolve())])
    sys.stdout.flush()
    done = subprocess.run(  # noqa: S603 (our own command line; no shell)
        command,
        cwd=ROOT,
        env=alone(),
        stdout=subprocess.DEVNULL if as_json else None,
        start_new_session=True,  # it is short, and the verdict is what everything was for
        check=False,
    )
    if as_json:
        print_verdict(folder)
    return done.returncode
