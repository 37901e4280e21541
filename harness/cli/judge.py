"""`python -m harness judge`: judges saved histories again."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.run.pytest_process import ROOT, alone, judging, print_verdict

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """The checks of the gate, on saved histories: the same claims, the same verdict, nothing asked of a deployment."""
    command = judging(map(Path, options.histories))
    if options.report_dir:
        command += ["--report-dir", str(Path(options.report_dir).resolve())]
    if not options.json:
        sys.stdout.flush()
        os.chdir(ROOT)
        os.execve(sys.executable, command, alone())  # noqa: S606 (our own command line; no shell)
    return _judge_into_json(command, options.report_dir)


def _judge_into_json(command: list[str], report_dir: str | None) -> int:
    """Run it without a word, and print its `verdict.json`."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        where = Path(report_dir).resolve() if report_dir else Path(folder) / "report"
        command += [] if report_dir else ["--report-dir", str(where)]
        # Our own command line; no shell.
        done = subprocess.run(command, cwd=ROOT, env=alone(), stdout=subprocess.DEVNULL, check=False)  # noqa: S603
        print_verdict(where)
    return done.returncode
