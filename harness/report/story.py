"""The story of a rollout as lines: its phases, and each change with its moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from harness.text import Shown, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.report.verdict import WatchPhase, WatchVerdict

_ONE_MOMENT_S = 1.0  # what lies within it is told as one moment


def story_lines(watch: WatchVerdict) -> Iterator[Shown]:
    """What a watch saw, in a few lines; times of day are of this machine, UTC."""
    began = datetime.fromisoformat(watch.started_at)
    failed = f"{watch.failed} failed, over {watch.outage_s:.1f} s" if watch.failed else "none failed"
    yield sentence(
        f"watched {watch.environment} from {_at(began, 0)} to {_at(began, watch.lasted_s)} UTC: {watch.posts} POSTs, "
        f"{failed}; {watch.short_tokens} short tokens, {watch.version_4_tokens} of version 4"
    )
    for phase in watch.phases:
        yield sentence(f"  {_at(began, phase.from_s)}  {phase.name:<9}{_figures(phase)}")
    if len(watch.latency) > 1:
        spans = ", ".join(f"{span.latency_p95_ms:,.0f} ms {span.name}" for span in watch.latency)
        yield sentence(f"  p95 of the POSTs: {spans}")
    for change in watch.changes:
        from_, to = _at(began, change.from_s), _at(began, change.to_s)
        when = from_ if change.to_s - change.from_s < _ONE_MOMENT_S or from_ == to else f"{from_} to {to}"
        yield sentence(f"  {when}  {change.text}")
    yield sentence(f"  {_looking(watch)}")
    yield sentence(f"  ended: {watch.ended}")


def _figures(phase: WatchPhase) -> str:
    took = ""
    if phase.latency_p50_ms is not None:
        took = (
            f", p50 {phase.latency_p50_ms:.0f} ms, p95 {phase.latency_p95_ms:.0f} ms, max {phase.latency_max_ms:.0f} ms"
        )
    return f"{phase.to_s - phase.from_s:.0f} s, {phase.posts} POSTs, {phase.failed} failed{took}"


def _looking(watch: WatchVerdict) -> str:
    """What looking cost, and how far the clocks are apart."""
    if watch.look_ms is None:
        return "no look at the column: nobody saw when it changed"
    missed = f", {watch.looks_missed} more failed" if watch.looks_missed else ""
    clock = ""
    if watch.clock_ahead_s is not None:
        clock = f"; its clock is {watch.clock_ahead_s:+.3f} s from ours, within {watch.clock_within_s:.3f} s"
    rows = f", {watch.row_looks} of them at stored rows too" if watch.row_looks else ", none of them at stored rows"
    return f"{watch.looks} looks at the database of {watch.look_ms:.1f} ms each{rows}{missed}{clock}"


def _at(began: datetime, seconds: float) -> str:
    return f"{began + timedelta(seconds=seconds):%H:%M:%S}"
