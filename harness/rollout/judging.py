"""Judges the saved history of a watch again, offline: the same story and the same claims about the way.

Only the rows are missing: they are not in a history, and were removed when the watch ended.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from harness.configuration.models import Environment, Watch
from harness.errors import NotCovered
from harness.history.problem import Problem
from harness.history.reading import RESTORE, UnreadableHistory, begun, read
from harness.history.records import Number, Seconds
from harness.history.revision import ServedRevision
from harness.postgres.column_look import ColumnLook, Holder
from harness.redaction.redactor import Redactor
from harness.report.folder import demand_folder, point_latest_at
from harness.rollout.claims import judge
from harness.rollout.ending import told, without_gate
from harness.rollout.evidence import RowChange, RowLook, Served
from harness.rollout.rows import MOST_COMPARED
from harness.rollout.state import WatchState
from harness.rollout.story import tell
from harness.run.settings import new_run
from harness.run.watch_result import WatchResult
from harness.text import printable

if TYPE_CHECKING:
    import argparse

_Text = Annotated[str, Meta(max_length=1000)]
_NO_ROWS = NotCovered("the rows are not in a history", "they were compared when the watch ended, if it was not killed")


class _Holder(msgspec.Struct):
    pid: Number
    mode: _Text
    application: _Text
    state: _Text
    for_s: Seconds | None
    doing: _Text


class _Look(msgspec.Struct, tag_field="record", tag="look"):
    asked_s: Seconds
    answered_s: Seconds
    type: _Text | None
    not_null: bool
    default: _Text
    waiting: Number
    longest_wait_s: Seconds
    holders: Annotated[list[_Holder], Meta(max_length=20)]
    clock_ahead_s: Seconds


class _RowChange(msgspec.Struct):
    name: _Text
    was: _Text
    now: _Text


class _Rows(msgspec.Struct, tag_field="record", tag="rows"):
    asked_s: Seconds
    answered_s: Seconds
    compared: Number
    changes: Annotated[list[_RowChange], Meta(max_length=MOST_COMPARED)]


class _Served(msgspec.Struct, tag_field="record", tag="served"):
    asked_s: Seconds
    revisions: Annotated[list[_Text | None], Meta(max_length=100)]
    answered_s: Seconds = 0.0


class _Bounds(msgspec.Struct):
    rate: Annotated[float, Meta(gt=0, le=50)]
    started_at: _Text
    outage_s: Annotated[float, Meta(ge=0)] | None = None
    latency_p95_ms: Annotated[float, Meta(gt=0)] | None = None


_SEEN = (b'{"record":"look"', b'{"record":"served"', b'{"record":"rows"')
_DECODER = msgspec.json.Decoder(_Look | _Served | _Rows)


def is_of_a_watch(path: Path) -> bool:
    """Whether a watch of a rollout wrote this history. Raises UnreadableHistory."""
    return any("watch" in settings for settings in begun(path)[1].values())


def judge_again(path: Path, options: argparse.Namespace) -> int:
    """Tell the story of a history once more, and judge the way; returns the exit code.

    Raises:
        UnreadableHistory: it is no history of a watch.
    """
    with tempfile.TemporaryDirectory() as aside:
        if options.report_dir:
            folder = Path(options.report_dir).resolve()
        else:
            folder = Path(aside) / "report" if options.json else options.folder / "reports" / new_run()
        state = _state(path, folder)
        demand_folder(folder)
        if not options.report_dir and not options.json:
            point_latest_at(folder)
        watched = state.watched()
        story = tell(watched)
        labels = {attempt.name: [attempt.name] for attempt in watched.attempts}
        result = WatchResult(
            environment=state.environment.name,
            watch=told(state, watched, story),
            checks=judge(state.environment, watched, story, state.watch, _NO_ROWS, labels),
            removed=0,
            left_behind=[],
        )
        return without_gate(state, result, as_json=options.json)


def _state(path: Path, folder: Path) -> WatchState:
    """What the history says of its watch, as that knew it when it ended."""
    run, recorded = read(path)
    (of,) = (each for each in recorded.values() if "watch" in each.settings)
    with path.open("rb") as file:
        lines = file.readlines()
    try:
        bounds = msgspec.convert(of.settings["watch"], _Bounds)
        started_at = datetime.fromisoformat(bounds.started_at).astimezone(UTC)
        seen = [_DECODER.decode(line) for line in lines[1:] if line.startswith(_SEEN) and line.endswith(b"\n")]
    except (ValueError, msgspec.MsgspecError, OverflowError) as error:
        raise UnreadableHistory(f"{path}: what the watch saw: {printable(error, 200)}. {RESTORE}") from None
    environment = Environment(name=of.environment, url=of.settings["url"], database=None)
    watch = Watch(rate=bounds.rate, outage_s=bounds.outage_s, latency_p95_ms=bounds.latency_p95_ms)
    state = WatchState(run, environment, watch, 0.0, None, folder, path, Redactor(), started_at=started_at)
    sent = of.history.attempts
    state.attempts = [a for a in sent if a.problem is not Problem.NOT_RECORDED]
    state.looks = [_look(each) for each in seen if isinstance(each, _Look)]
    state.served = [_served(each) for each in seen if isinstance(each, _Served)]
    state.row_looks = [_rows(each) for each in seen if isinstance(each, _Rows)]
    begins_s = [a.started_s for a in state.attempts] + [look.asked_s for look in state.looks]
    state.began_s = min(begins_s, default=0.0)
    ends_s = [a.ended_s for a in state.attempts] + [look.answered_s for look in state.looks]
    state.ended_s = max(ends_s, default=state.began_s)
    state.ended = "judged again from its history"
    missing = len(sent) - len(state.attempts)
    if missing:
        state.unavailable = f"the outcome of {missing} POSTs is not in the history: the watch was killed"
    elif not sent:
        state.unavailable = "no POST is in the history"
    return state


def _look(said: _Look) -> ColumnLook:
    holders = tuple(
        Holder(h.pid, printable(h.mode), printable(h.application), printable(h.state), h.for_s, printable(h.doing))
        for h in said.holders
    )
    type_ = None if said.type is None else printable(said.type)
    times = (said.asked_s, said.answered_s)
    return ColumnLook(
        *times,
        type_,
        said.not_null,
        printable(said.default),
        said.waiting,
        said.longest_wait_s,
        holders,
        said.clock_ahead_s,
    )


def _rows(said: _Rows) -> RowLook:
    changes = (RowChange(printable(c.name), printable(c.was), printable(c.now)) for c in said.changes)
    return RowLook(said.asked_s, said.answered_s, said.compared, tuple(changes))


def _served(said: _Served) -> Served:
    revisions = (ServedRevision(None if name is None else printable(name), "") for name in said.revisions)
    return Served(said.asked_s, tuple(revisions), said.answered_s)
