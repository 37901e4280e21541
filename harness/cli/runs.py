"""`chatbots-smoke runs`: what earlier runs concluded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.verdict import ExitCode
from harness.text import printable

if TYPE_CHECKING:
    import argparse

    from harness.report.run_log import NoTrend

SHOWN_NAMES = 10


def run(options: argparse.Namespace) -> int:
    """Print the last runs of an environment, newest first; returns the exit code."""
    from msgspec.structs import asdict

    from harness.report.run_log import FILE, past_runs

    file = Path(options.runs) if options.runs else options.folder / "reports" / FILE
    found = past_runs(file, options.env, options.last)
    if options.env and not found:
        raise _unknown(file, options.env)
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


def _unknown(file: Path, environment: str) -> NoTrend:
    """No run of this environment is remembered, and which are."""
    from harness.configuration.loading import nearest
    from harness.report.run_log import NoTrend, environments_of

    known = environments_of(file)
    shown = ", ".join(map(printable, known[:SHOWN_NAMES])) + (", .." if len(known) > SHOWN_NAMES else "")
    return NoTrend(
        f"{file}: no run of {printable(environment)!r} is remembered{nearest(environment, known)}; runs are remembered "
        f"of {shown or 'no environment'}"
    )


def _run_line(*cells: str, widest: int) -> str:
    started, environment, verdict, code, posts, failed, p50, p95, run = cells
    return (
        f"{started:25}  {environment:{max(widest, 11)}}  {verdict:7}  {code:>4}  {posts:>6}  {failed:>6}  {p50:>8}  "
        f"{p95:>8}  {run}"
    )
