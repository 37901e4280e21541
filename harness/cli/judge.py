"""`chatbots-smoke judge`: judges saved histories again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.run import run_gate
from harness.run.pytest_process import ROOT, alone, gate_process, judging, print_verdict

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """The checks of the gate, on saved histories: the same claims, the same verdict, nothing asked of a deployment."""
    if len(options.histories) == 1:
        from harness.rollout.judging import is_of_a_watch, judge_again  # most histories are not of a watch

        if is_of_a_watch(Path(options.histories[0])):
            return judge_again(Path(options.histories[0]), options)
    words = judging(map(Path, options.histories))
    if options.report_dir:
        words += ["--report-dir", str(Path(options.report_dir).resolve())]
    return _judge_into_json(words, options.report_dir) if options.json else run_gate(words)


def _judge_into_json(words: list[str], report_dir: str | None) -> int:
    """Run it without a word, and print its `verdict.json`."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        where = Path(report_dir).resolve() if report_dir else Path(folder) / "report"
        command = gate_process(words if report_dir else [*words, "--report-dir", str(where)])
        # Our own command line; no shell.
        done = subprocess.run(command, cwd=ROOT, env=alone(), stdout=subprocess.DEVNULL, check=False)  # noqa: S603
        print_verdict(where)
    return done.returncode
