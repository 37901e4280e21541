"""`chatbots-smoke doctor`: asks everything that a run would meet, and says per key what to write instead."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.redaction import redactor_of
from harness.configuration.loading import ConfigurationError, load
from harness.doctor.answers import WORDS, exit_code
from harness.doctor.deployment import Visit
from harness.doctor.examining import diagnose, post_too
from harness.doctor.first_post import POST, Sending
from harness.doctor.writing import write_sure
from harness.progress import Progress
from harness.report.folder import demand_folder, folder_of
from harness.report.verdict import ExitCode
from harness.run.settings import new_run
from harness.run.signals import on_each_signal
from harness.text import mask_before_cutting, sentence

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from harness.configuration.models import Environment
    from harness.doctor.answers import Answer
    from harness.doctor.examining import Diagnosis
    from harness.redaction.redactor import Redactor
    from harness.text import Shown

_WIDTHS = (16, 18)  # of an outcome, and of a step


class Signals:
    """Signals to end: as long as nothing was sent they end the command at once, and then whoever sends acts on them."""

    def __init__(self) -> None:
        self.came = False
        self._act: Callable[[], None] | None = None

    def act_on(self, act: Callable[[], None]) -> None:
        """Call this from now on."""
        self._act = act

    def hear(self) -> None:
        """One came. Raises KeyboardInterrupt where nobody acts on it."""
        self.came = True
        if self._act is None:
            raise KeyboardInterrupt
        self._act()


def run(options: argparse.Namespace) -> int:
    """Diagnose each environment that is named; returns the exit code: 0 ready, 4 a key is wrong, 75 otherwise."""
    file = Path(options.environments)
    names = [*dict.fromkeys(options.env or ["preview"])]
    redact = redactor_of(options, _readable(file, names))
    mask_before_cutting(redact)
    signals = Signals()
    on_each_signal(signals.hear)
    visit = Visit(new_run(), redact, threading.Event(), Progress(said=_tell), wait=options.wait)
    diagnoses = [diagnose(file, name, visit) for name in names]
    if options.post:
        diagnoses = post_too(
            diagnoses, lambda: Sending(visit.run, _folder(options, visit.run), redact, signals.act_on, _tell)
        )
    difference: list[str] = []
    if options.write and not signals.came:
        diagnoses, difference = _written(file, diagnoses)
    if options.json:
        print(
            json.dumps([_as_json(each.name, answer, redact) for each in diagnoses for answer in each.answers], indent=2)
        )
    else:
        print("\n\n".join("\n".join(_in_words(each, redact)) for each in diagnoses))
        print("".join(f"{sentence(redact(line))}\n" for line in difference), end="")
    if signals.came:
        return ExitCode.INTERRUPTED
    return exit_code(answer for each in diagnoses for answer in each.answers)


def _written(file: Path, diagnoses: list[Diagnosis]) -> tuple[list[Diagnosis], list[str]]:
    """The diagnoses with what was written of each, and the lines of the file that changed."""
    edit = write_sure(file, diagnoses)
    return [each._replace(answers=[*each.answers, *edit.answers[each.name]]) for each in diagnoses], edit.difference


def _folder(options: argparse.Namespace, run: str) -> Path:
    """The report folder, made; the history of the POSTs stands there.

    Raises:
        ConfigurationError: it cannot be made, or belongs to a run that is still going on.
    """
    folder = folder_of(options, run)
    demand_folder(folder)
    return folder


def _readable(file: Path, names: Sequence[str]) -> list[Environment]:
    """The environments, to know their secrets; none where one cannot be read, and the whole file may hold some."""
    with suppress(ConfigurationError):
        return load(file, names)
    return []


def _tell(doing: str) -> None:
    if sys.stderr.isatty():
        print(f"{doing} ...", file=sys.stderr)


def _as_json(name: str, answer: Answer, redact: Redactor) -> dict[str, Any]:
    said, fix = redact(answer.said), redact(answer.fix)
    return {
        "environment": name,
        "step": answer.step,
        "outcome": answer.outcome,
        "said": said,
        "fix": fix,
        "key": answer.key,
    }


def _in_words(diagnosis: Diagnosis, redact: Redactor) -> Iterator[str]:
    yield diagnosis.name
    for answer in diagnosis.answers:
        yield from _lines(WORDS[answer.outcome], answer.step, redact(answer.said))
        if answer.fix:
            yield from _lines("", "fix", redact(answer.fix))
    yield _conclusion(diagnosis.name, diagnosis.answers)


def _conclusion(name: str, answers: Sequence[Answer]) -> Shown:
    code = exit_code(answers)
    if code == ExitCode.RELEASE:
        asked = any(answer.step == POST for answer in answers)
        rest = "" if asked else "; what the create route answers is only seen with --post"
        return sentence(f"ready: nothing that a run of {name} needs is missing{rest}")
    number = sum(answer.outcome != "ok" for answer in answers)
    what = "a key is wrong" if code == ExitCode.USAGE else "something other than the file is in the way"
    return sentence(f"not ready: {number} thing{'s'[: number != 1]} to fix, and {what} (exit {int(code)})")


def _lines(outcome: str, step: str, text: str) -> list[str]:
    """A line of a diagnosis; on a terminal it is wrapped at its width, and never inside a word."""
    begin = f"  {outcome:<{_WIDTHS[0]}}{step:<{_WIDTHS[1]}}"
    if not sys.stdout.isatty():
        return [begin + text]
    width = max(shutil.get_terminal_size().columns, len(begin) + 20)
    return textwrap.wrap(
        text,
        width,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )
