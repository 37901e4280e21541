"""Ends a soak: removes what its histories name, and has them judged, or says why there is nothing to judge here."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.claims import TOKENS_ARE_DISTINCT, claims
from harness.configuration.loading import ConfigurationError
from harness.history.reading import EmptyHistory, UnreadableHistory, read
from harness.report.paths import as_typed
from harness.report.terminal import View, lines
from harness.report.verdict import CheckResult, ExitCode, LeftBehind
from harness.report.writing import write
from harness.run.cleanup import CleanUp, left_as_it_is
from harness.run.gate import Gate
from harness.run.pytest_process import CHECKS, print_verdict
from harness.run.resumed_cleanup import clean_after
from harness.run.settings import RunSettings
from harness.run.soak_result import SoakResult
from harness.soak.result import bounded, judged
from harness.text import sentence

if TYPE_CHECKING:
    import argparse

    from harness.soak.state import Ended, SoakState


def _clean_up(state: SoakState) -> CleanUp:
    """Remove what each history names; what may remain is listed."""
    removed = 0
    left: list[LeftBehind] = []
    for path in state.histories:
        try:
            if state.hurry.is_set():
                of = read(path)[1][state.environment.name]
                done = left_as_it_is(state.environment, of.history.sent)
            else:
                if state.environment.cleanup != "keep":
                    state.tell(f"removing what {path.name} names")
                done = clean_after(path, state.run, state.environment, state.redact, state.hurry)
        except EmptyHistory as error:
            state.tell(str(error))
            continue
        except (UnreadableHistory, ConfigurationError) as error:
            state.tell(str(error))
            name, remedy = f"whatever {path.name} names", "run chatbots-smoke cleanup HISTORY once it can be read"
            row = LeftBehind(
                environment=state.environment.name, name=name, reason=sentence(error), remedy=sentence(remedy)
            )
            done = CleanUp(left=(row,))
        removed += done.removed
        left += done.left
    return CleanUp(removed, tuple(left))


def conclude(state: SoakState, options: argparse.Namespace) -> int:
    """Clean up and judge; returns the exit code, of the same table as the gate's."""
    began_s = time.monotonic()
    cleaned = _clean_up(state)
    state.judging = True
    if state.ended is not None:
        _note(state, state.ended, cleaned, time.monotonic() - began_s)
    if options.worker and not state.unavailable and state.histories:
        state.unavailable.append(
            "this is a part of a soak, which alone is not a verdict: copy the histories of all workers to one machine, "
            "and judge them together with chatbots-smoke judge worker-*.jsonl"
        )
    soaked = SoakResult(
        run=state.run,
        notes=[state.redact(note) for note in state.notes],
        error=state.redact("; ".join(dict.fromkeys(state.unavailable))),
        interrupted=state.interrupts > 0,
        environment=state.environment.name,
        removed=cleaned.removed,
        left_behind=bounded(cleaned.left, state.environment.name, as_typed(state.folder)),
    )
    if state.histories and any(path.stat().st_size for path in state.histories):
        return judged(soaked, state.histories, state.folder, as_json=options.json)
    return _without_history(state, soaked, options)


def _note(state: SoakState, ended: Ended, cleaned: CleanUp, removed_s: float) -> None:
    """Keep why it ended, and its figures, for the verdict."""
    if ended.why == "duplicate":
        state.notes.append("ended early: a token came twice")
    elif ended.why == "failures":
        state.notes.append(f"ended early: {ended.failed} POSTs had failed")
    elif ended.why not in ("done", "asked", "") and not state.unavailable:
        state.unavailable.append(ended.why)
    a_second = ended.sent / ended.took_s if ended.took_s else 0.0
    state.notes += [
        f"{ended.sent} of {state.soak.attempts} POSTs in {ended.took_s:.1f} s ({a_second:.0f} a second)",
        f"master: {ended.peak_mb} MB",
        f"{cleaned.removed} rows removed in {removed_s:.1f} s",
    ]


def _without_history(state: SoakState, soaked: SoakResult, options: argparse.Namespace) -> int:
    """A verdict where there is nothing to judge here: nothing was sent, or others hold the histories."""
    gate = Gate(RunSettings(state.run, [state.environment], state.folder, redact=state.redact))
    gate.outcomes.soak, gate.outcomes.narrowed = soaked, True
    error = soaked.error
    if options.master and not error:
        error = (
            "the histories are on the machines of the workers: copy them to one, and judge them together with "
            "chatbots-smoke judge worker-*.jsonl"
        )
    if state.ended is not None and state.ended.repeated:
        gate.outcomes.record(
            CheckResult(
                id=TOKENS_ARE_DISTINCT,
                environment=state.environment.name,
                outcome="fail",
                claim=next(claim.text for claim in claims(CHECKS) if claim.id == TOKENS_ARE_DISTINCT),
                want=sentence(f"{state.ended.sent} distinct tokens"),
                have=[sentence(f"{state.ended.repeated} tokens came a second time")],
                cause=sentence("a cached response, or a generator that repeats itself"),
                remedy=sentence("judge the histories of the workers together: it names the POSTs"),
            )
        )
    status = ExitCode.INTERRUPTED if soaked.interrupted else ExitCode.RELEASE
    verdict = gate.conclude(status, error=error or "no POST was sent")
    with suppress(OSError):
        write(verdict, state.folder, redact=state.redact)
    if options.json:
        print_verdict(state.folder)
    else:
        view = View(closing=[f"reports: {as_typed(state.folder)}"])
        print("\n".join(text for text, _ in lines(verdict, view)))
    return verdict.exit_code
