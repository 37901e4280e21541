"""`chatbots-smoke runs`: what earlier runs concluded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.verdict import ExitCode

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the last runs of an environment, newest first; returns the exit code."""
    from dataclasses import asdict

    from harness.report.run_log import FILE, past_runs

    found = past_runs(
        Path(options.runs) if options.runs else options.folder / "reports" / FILE, options.env, options.last
    )
    if options.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return ExitCode.RELEASE
    widest = max((len(each.environment) for each in found), default=0)
    print(_run_line("started", "environment", "verdict", "exit", "posts", "failed", "p50", "p95", "run", widest=widest))
    for each in found:
        took = ("" if ms is None else f"{ms:.0f} ms" for ms in (each.p50_ms, each.p95_ms))
        counts = map(str, (each.exit_code, each.posts, each.failures))
        print(_run_line(each.started_at, each.environment, each.verdict, *counts, *took, each.run, widest=widest))
    return ExitCode.RELEASE


def _run_line(*cells: str, widest: int) -> str:
    started, environment, verdict, code, posts, failed, p50, p95, run = cells
    return (
        f"{started:25}  {environment:{max(widest, 11)}}  {verdict:7}  {code:>4}  {posts:>6}  {failed:>6}  {p50:>8}  "
        f"{p95:>8}  {run}"
    )
