"""How a run of checks ends: it cleans up, concludes, writes the reports, and says it all with the verdict last."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.options import CONCLUDED
from harness.pytest_plugin.outcomes import check_id, environment_of
from harness.pytest_plugin.state import demand_gate, gate_of, session_of
from harness.pytest_plugin.terminal import say, width_of
from harness.report.paths import as_typed
from harness.report.run_log import FILE, NoTrend, remember
from harness.report.terminal import View, brief, lines
from harness.report.verdict import ExitCode, Verdict
from harness.report.writing import write
from harness.run.cleanup import BY_HAND
from harness.run.worked_before import request_mark
from harness.text import printable, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.run.gate import Gate

_ENDED_EARLY: dict[int, str] = {
    ExitCode.INTERRUPTED: "the run was interrupted before every check had run",
    ExitCode.INTERNAL_ERROR: "pytest failed; its output says how",
    ExitCode.USAGE: "a mistake on the command line; the output of pytest names it",
    ExitCode.NOTHING_COLLECTED: "no check was selected",
}
SHOWN_CHECKS = 4
_COLOURS: dict[str, dict[str, bool]] = {
    "pass": {"green": True},
    "fail": {"red": True},
    "unknown": {"yellow": True},
    "heading": {"bold": True},
}


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Clean up, conclude, write the reports, and set the exit code of the contract, whatever other plugins do."""
    gate = gate_of(session.config)
    if gate is None:
        return (yield)
    try:
        yield
    except OSError as error:  # a report of pytest's own, such as junit.xml, has no room
        say(session.config, sentence(f"a report of pytest cannot be written: {error.strerror}"))
    finally:
        session.exitstatus = ExitCode.INTERNAL_ERROR  # whatever becomes of it, it is no roll-back
        try:
            _conclude(session, gate, exitstatus)
        except Exception as error:
            said = printable(f"{type(error).__name__}: {error}")
            say(session.config, sentence(f"the harness itself failed at its end: {said}; then {BY_HAND}"))


def _why_early(config: pytest.Config, exitstatus: int) -> str:
    """Why a run ended before it could ask all that was selected; "" where it did not."""
    own, outcomes = session_of(config), demand_gate(config).outcomes
    mistaken = own.mistake if own is not None else ""
    if exitstatus == ExitCode.NOTHING_COLLECTED and not mistaken:
        return _nothing_selected(config, outcomes.left_out)
    said = outcomes.soak.error if outcomes.soak is not None else outcomes.incomplete
    return mistaken or _ENDED_EARLY.get(exitstatus, "") or said


def _nothing_selected(config: pytest.Config, known: Sequence[str]) -> str:
    """Which selection it was that nothing answers to, and the checks that are nearest to its words."""
    given = [(word, getattr(config.option, name, "")) for word, name in (("-k", "keyword"), ("-m", "markexpr"))]
    said = " ".join(f"{word} {printable(text)!r}" for word, text in given if text)
    if not said:
        return _ENDED_EARLY[ExitCode.NOTHING_COLLECTED]
    wanted = " ".join(re.sub(r"\bnot\s+\w+", "", text) for _, text in given)
    words = [word for word in re.findall(r"\w+", wanted) if word not in ("and", "or", "not")]
    near = sorted(known, key=lambda check: -max((_alike(word, check) for word in words), default=0.0))
    return f"no check was selected by {said}; the nearest are {', '.join(near[:SHOWN_CHECKS])} (--co lists all)"


def _alike(word: str, check: str) -> float:
    """How near a word is to the name of a check, or to a part of it."""
    from difflib import SequenceMatcher  # where nothing was selected, and nowhere else

    parts = [check, *check.split("_")]
    return max(SequenceMatcher(None, word.lower(), part).ratio() for part in parts)


def _conclude(session: pytest.Session, gate: Gate, exitstatus: int) -> None:
    outcomes = gate.outcomes
    ended_by_pytest = exitstatus not in (ExitCode.RELEASE, ExitCode.ROLL_BACK)
    if outcomes.soak is not None and outcomes.soak.interrupted and not ended_by_pytest:
        exitstatus, ended_by_pytest = ExitCode.INTERRUPTED, True
    missed = outcomes.close(
        {(check_id(item), environment_of(item)): number for number, item in enumerate(session.items)}
    )
    error = _why_early(session.config, exitstatus)
    if not error and missed and not outcomes.stopped and not ended_by_pytest:  # -x says itself why it stops
        error = f"{len(missed)} of the selected checks were not asked: the run was ended, or a plugin left them out"
    try:
        verdict = gate.conclude(int(exitstatus), error=error)
    except KeyboardInterrupt:  # a second signal: whoever is there wants to leave now
        error = _ENDED_EARLY[ExitCode.INTERRUPTED]
        verdict = gate.conclude(ExitCode.INTERRUPTED, error=error, clean=False)
    except Exception as error:  # our own mistake must neither look like a verdict nor hide what may be left behind
        said = f"the harness itself failed while it concluded: {type(error).__name__}: {error}"
        verdict = gate.conclude(ExitCode.INTERNAL_ERROR, error=said, clean=False)
    remembered = gate.settings.report_dir.parent / FILE
    # A history that is judged again is no other run, and a preflight is none of the deployment.
    if not session.config.getoption("--judge") and outcomes.kind == "deployment":
        try:
            verdict = remember(verdict, remembered, {e.name: request_mark(e) for e in gate.settings.environments})
        except Exception as error:  # whatever memory fails of, the verdict stands
            said = str(error) if isinstance(error, NoTrend) else f"{type(error).__name__}: {error}"
            say(session.config, sentence(f"this run is not remembered: {printable(said)}"))
    own = session_of(session.config)
    assert own is not None  # there is a gate
    own.verdict = verdict
    session.exitstatus = verdict.exit_code
    _write_reports(session.config, gate, verdict, remembered)


def _write_reports(config: pytest.Config, gate: Gate, verdict: Verdict, remembered: Path) -> None:
    try:
        write(verdict, gate.settings.report_dir, lambda: gate.evidence(remembered), gate.settings.redact)
        own = gate.settings.report_dir / "junit.xml"
        elsewhere = Path(getattr(config.option, "xmlpath", None) or own)
        if elsewhere.resolve() != own.resolve() and elsewhere.exists():
            shutil.copyfile(elsewhere, own)
        if own.exists():
            own.chmod(0o600)
    except OSError as error:
        say(config, sentence(f"the reports in {gate.settings.report_dir} cannot be written: {error.strerror}"))
    # It is the first to be written, and none of an earlier run is there.
    if (gate.settings.report_dir / "verdict.json").exists():
        config.stash[CONCLUDED] = verdict.exit_code


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was concluded, with the verdict last."""
    own = session_of(config)
    if own is None or own.gate is None or own.verdict is None:
        return
    closing = [f"reports: {as_typed(own.gate.settings.report_dir)}"]
    if own.set_aside is not None:
        command = f"chatbots-smoke cleanup {as_typed(own.set_aside)}"
        closing.insert(0, f"an earlier run here ended without a verdict; what it may have left: {command}")
    if own.loudness > 0:
        terminalreporter.section("chatbots smoke")
    view = View(width_of(config), detail=own.loudness > 0, closing=closing, listed=CONCLUDED in config.stash)
    writer = config.get_terminal_writer()
    for text, mood in (brief if own.loudness < 0 else lines)(own.verdict, view):
        terminalreporter.ensure_newline()
        # Raw, since it is masked: a line that is a part of a text would be masked once more, as if it were the whole.
        terminalreporter.write_raw(f"{writer.markup(text, **_COLOURS.get(mood, {}))}\n")
    annotate(own.verdict, terminalreporter.write_line)


def annotate(verdict: Verdict, write_line: Callable[[str], None]) -> None:
    """Where a runner of GitHub Actions reads what is printed, let it annotate the job."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from harness.report.github import commands

        for line in commands(verdict):
            write_line(line)
