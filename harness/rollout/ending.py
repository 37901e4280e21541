"""Ends a watch: removes its rows, tells the story, and has the gate judge the steady state."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from harness.configuration.loading import ConfigurationError
from harness.history.reading import EmptyHistory, UnreadableHistory, read
from harness.report.paths import as_typed
from harness.report.terminal import View, lines
from harness.report.verdict import ExitCode, LeftBehind, WatchChange, WatchLatency, WatchPhase, WatchVerdict
from harness.report.writing import write
from harness.rollout.claims import judge
from harness.rollout.evidence import about_us, failed, is_new, is_short
from harness.rollout.story import tell
from harness.run.cleanup import CleanUp, left_as_it_is
from harness.run.gate import Gate
from harness.run.pytest_process import ROOT, alone, gate_process, print_verdict
from harness.run.resumed_cleanup import clean_after
from harness.run.settings import RunSettings
from harness.run.watch_result import WatchResult
from harness.text import sentence

if TYPE_CHECKING:
    from harness.rollout.evidence import Watched
    from harness.rollout.state import WatchState
    from harness.rollout.story import Story

FILE = "watch.json"
MOST_CHANGES = 200  # that are told; what changes more often is told by its first
_LISTENS_EVERY_S = 0.1


def conclude(state: WatchState, *, allow_many: bool, as_json: bool) -> int:
    """Clean up, tell the story and judge; returns the exit code, of the same table as the gate's."""
    cleaned = _clean_up(state)  # first: whatever judging may fail of, no row stays for it
    watched = state.watched()
    story = tell(watched)
    checks = []
    if watched.attempts:
        labels = {a.name: state.environment.labels_for(a.name) for a in watched.attempts}
        checks = judge(state.environment, watched, story, state.watch, state.rows, labels)
    result = WatchResult(
        environment=state.environment.name,
        watch=told(state, watched, story),
        checks=checks,
        removed=cleaned.removed,
        left_behind=_naming(state, cleaned),
    )
    if story.steady_s is None or state.interrupts or state.unavailable:
        return without_gate(state, result, as_json=as_json)
    state.tell("steady: the gate judges it")
    return _judged(state, result, allow_many=allow_many, as_json=as_json)


def _clean_up(state: WatchState) -> CleanUp:
    """Remove what the history names; what may remain is listed."""
    if not state.sent:
        return CleanUp()
    try:
        if state.hurry.is_set():
            recorded = read(state.history)[1][state.environment.name]
            return left_as_it_is(state.environment, recorded.history.sent)
        if state.environment.cleanup != "keep":
            state.tell(f"removing what {state.history.name} names")
        return clean_after(state.history, state.run, state.environment, state.redact, state.hurry)
    except EmptyHistory:
        return CleanUp()
    except (UnreadableHistory, ConfigurationError) as error:
        row = LeftBehind(
            environment=state.environment.name,
            name=f"whatever {state.history.name} names",
            reason=sentence(error),
            remedy=sentence("run chatbots-smoke cleanup HISTORY once it can be read"),
        )
        return CleanUp(left=(row,))


def _naming(state: WatchState, cleaned: CleanUp) -> list[LeftBehind]:
    """What may be left, with the file in the remedy: the gate's own history has another name."""
    path = as_typed(state.history)
    return [
        row.model_copy(update={"remedy": sentence(row.remedy.replace("cleanup HISTORY", f"cleanup {path}"))})
        for row in cleaned.left
    ]


def told(state: WatchState, watched: Watched, story: Story) -> WatchVerdict:
    """The story as the verdict has it."""
    attempts, looks = watched.attempts, watched.looks
    took_s = [look.answered_s - look.asked_s for look in looks]
    changes = [
        WatchChange(
            kind=change.kind,
            at=(state.started_at + timedelta(seconds=change.from_s)).isoformat(timespec="milliseconds"),
            from_s=round(change.from_s, 3),
            to_s=round(change.to_s, 3),
            text=sentence(change.text),
            posts=change.posts,
        )
        for change in story.changes[:MOST_CHANGES]
    ]
    return WatchVerdict(
        environment=state.environment.name,
        started_at=state.started_at.isoformat(timespec="milliseconds"),
        lasted_s=round(watched.ended_s, 3),
        ended=sentence(state.unavailable or state.ended),
        rate=watched.rate,
        posts=len(attempts),
        acknowledged=sum(a.outcome == "ok" for a in attempts),
        failed=sum(map(failed, attempts)),
        refused=sum(map(about_us, attempts)),
        withheld=watched.withheld,
        outage_s=round(sum(outage.lasted_s for outage in story.outages), 3),
        short_tokens=sum(map(is_short, attempts)),
        version_4_tokens=sum(map(is_new, attempts)),
        steady_s=None if story.steady_s is None else round(story.steady_s, 3),
        phases=[
            WatchPhase(
                name=phase.name,
                from_s=round(phase.from_s, 3),
                to_s=round(phase.to_s, 3),
                posts=phase.posts,
                failed=phase.failed,
                latency_p50_ms=_rounded(phase.p50_ms),
                latency_p95_ms=_rounded(phase.p95_ms),
                latency_max_ms=_rounded(phase.max_ms),
            )
            for phase in story.phases
        ],
        latency=[
            WatchLatency(
                name=span.name,
                posts=len(span.attempts),
                latency_p50_ms=round(span.p50_ms, 1),
                latency_p95_ms=round(span.p95_ms, 1),
                latency_max_ms=round(span.max_ms, 1),
            )
            for span in story.latency
        ],
        changes=changes,
        looks=len(looks),
        looks_missed=len(watched.missed),
        row_looks=len(watched.row_looks),
        look_ms=_rounded(1000 * median(took_s)) if looks else None,
        clock_ahead_s=round(median(look.clock_ahead_s for look in looks), 4) if looks else None,
        clock_within_s=round(min(took_s) / 2, 4) if looks else None,
    )


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)


def without_gate(state: WatchState, result: WatchResult, *, as_json: bool) -> int:
    """The verdict of the way alone, where no steady state is there to be judged; returns the exit code."""
    gate = Gate(RunSettings(state.run, [state.environment], state.folder, redact=state.redact))
    gate.outcomes.watched, gate.outcomes.narrowed = result, True
    status = ExitCode.INTERRUPTED if state.interrupts else ExitCode.RELEASE
    error = state.unavailable or ("the watch was interrupted" if state.interrupts else "")
    verdict = gate.conclude(status, error=state.redact(error))
    with suppress(OSError):
        write(verdict, state.folder, gate.evidence, redact=state.redact)
    if as_json:
        print_verdict(state.folder)
    else:
        view = View(closing=[f"reports: {as_typed(state.folder)}"])
        print("\n".join(text for text, _ in lines(verdict, view)))
    return verdict.exit_code


def _judged(state: WatchState, result: WatchResult, *, allow_many: bool, as_json: bool) -> int:
    """Have the gate verify what serves now, and put the story into its verdict; returns its exit code."""
    words = ["--env", state.environment.name, "--environments", str(state.file), "--report-dir", str(state.folder)]
    words += ["--revision", state.until] if state.until is not None else []
    words += ["--allow-many"] if allow_many else []
    source = state.environment.source  # relative to where the user is, and the gate is run elsewhere
    words += ["--source", str(source.resolve())] if source is not None else []
    with tempfile.TemporaryDirectory() as aside:  # the folder of the reports may have no room for it
        file = Path(aside) / FILE
        file.write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
        sys.stdout.flush()
        with subprocess.Popen(  # noqa: S603 (our own command line; no shell)
            gate_process([*words, "--watched", str(file)]),
            cwd=ROOT,
            env=alone(),
            stdout=subprocess.DEVNULL if as_json else None,
            start_new_session=True,  # each signal is handed on, once
        ) as gate:
            code = _ended(gate, state)
    if as_json:
        print_verdict(state.folder)
    return code


def _ended(gate: subprocess.Popen[bytes], state: WatchState) -> int:
    """The exit code of the gate; a signal to end is the gate's to heed, which removes its rows."""
    handed_on = 0
    while True:
        with suppress(subprocess.TimeoutExpired):
            return gate.wait(_LISTENS_EVERY_S)
        if state.interrupts > handed_on:
            handed_on = state.interrupts
            gate.send_signal(signal.SIGTERM)
