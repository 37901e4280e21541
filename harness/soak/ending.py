"""Ends a soak: removes what its histories name, and has them judged, or says why there is nothing to judge here."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.history.reading import UnreadableHistory, read
from harness.report.paths import as_typed
from harness.report.summary import lines
from harness.report.verdict import CheckResult, ExitCode, LeftBehind
from harness.report.writing import write
from harness.run.cleanup import CleanUp, left_as_it_is
from harness.run.gate import Gate
from harness.run.pytest_process import print_verdict
from harness.run.resumed_cleanup import clean_after
from harness.run.soak_result import Soaked
from harness.soak.result import bounded, judged

if TYPE_CHECKING:
    import argparse

    from harness.soak.state import Ended, Soaking


def _clean_up(soaking: Soaking) -> CleanUp:
    """Remove what each history names; what may remain is listed."""
    removed = 0
    left: list[LeftBehind] = []
    for path in soaking.histories:
        try:
            if soaking.hurry.is_set():
                of = read(path)[1][soaking.environment.name]
                done = left_as_it_is(soaking.environment, of.history.sent)
            else:
                if soaking.environment.cleanup != "keep":
                    soaking.tell(f"removing what {path.name} names")
                done = clean_after(path, soaking.run, soaking.environment, soaking.redact, soaking.hurry)
        except UnreadableHistory as error:
            soaking.tell(str(error))
            continue
        removed += done.removed
        left += done.left
    return CleanUp(removed, tuple(left))


def conclude(soaking: Soaking, options: argparse.Namespace) -> int:
    """Clean up and judge; returns the exit code, of the same table as the gate's."""
    began_s = time.monotonic()
    cleaned = _clean_up(soaking)
    soaking.judging = True
    if soaking.ended is not None:
        _note(soaking, soaking.ended, cleaned, time.monotonic() - began_s)
    if options.worker and not soaking.untold and soaking.histories:
        soaking.untold.append(
            "this is a part of a soak, which alone is no verdict: copy the histories of all workers to one machine, "
            "and judge them together with python -m harness judge worker-*.jsonl"
        )
    soaked = Soaked(
        run=soaking.run,
        notes=[soaking.redact(note) for note in soaking.notes],
        error=soaking.redact("; ".join(dict.fromkeys(soaking.untold))),
        interrupted=soaking.interrupts > 0,
        environment=soaking.environment.name,
        removed=cleaned.removed,
        left_behind=bounded(cleaned.left, soaking.environment.name, as_typed(soaking.folder)),
    )
    if soaking.histories and any(path.stat().st_size for path in soaking.histories):
        return judged(soaked, soaking.histories, soaking.folder, as_json=options.json)
    return _without_history(soaking, soaked, options)


def _note(soaking: Soaking, ended: Ended, cleaned: CleanUp, removed_s: float) -> None:
    """Keep why it ended, and its figures, for the verdict."""
    if ended.why == "duplicate":
        soaking.notes.append("ended early: a token came twice")
    elif ended.why == "failures":
        soaking.notes.append(f"ended early: {ended.failed} POSTs had failed")
    elif ended.why not in ("done", "asked", "") and not soaking.untold:
        soaking.untold.append(ended.why)
    a_second = ended.sent / ended.took_s if ended.took_s else 0.0
    soaking.notes += [
        f"{ended.sent} of {soaking.soak.attempts} POSTs in {ended.took_s:.1f} s ({a_second:.0f} a second)",
        f"master: {ended.peak_mb} MB",
        f"{cleaned.removed} rows removed in {removed_s:.1f} s",
    ]


def _without_history(soaking: Soaking, soaked: Soaked, options: argparse.Namespace) -> int:
    """A verdict where there is nothing to judge here: nothing was sent, or others hold the histories."""
    gate = Gate(soaking.run, [soaking.environment], soaking.folder, redact=soaking.redact, soaked=soaked)
    error = soaked.error
    if options.master and not error:
        error = (
            "the histories are on the machines of the workers: copy them to one, and judge them together with "
            "python -m harness judge worker-*.jsonl"
        )
    if soaking.ended is not None and soaking.ended.repeated:
        gate.record(
            CheckResult(
                id="tokens_are_distinct",
                environment=soaking.environment.name,
                outcome="fail",
                claim="No two chatbots share a token",
                want=f"{soaking.ended.sent} distinct tokens",
                have=[f"{soaking.ended.repeated} tokens came a second time"],
                cause="a cached response, or a generator that repeats itself",
                remedy="judge the histories of the workers together: it names the POSTs",
            )
        )
    status = ExitCode.INTERRUPTED if soaked.interrupted else ExitCode.RELEASE
    verdict = gate.conclude(status, error=error or "no POST was sent")
    with suppress(OSError):
        write(verdict, soaking.folder, redact=soaking.redact)
    if options.json:
        print_verdict(soaking.folder)
    else:
        print("\n".join(text for text, _ in lines(verdict)))
        print(f"reports: {as_typed(soaking.folder)}")
    return verdict.exit_code
