"""`chatbots-smoke cleanup`: removes the rows that a history names."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.redaction import redactor_of
from harness.report.verdict import ExitCode
from harness.text import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    from harness.configuration.models import Environment
from harness.run.cleanup import CleanUp


def run(options: argparse.Namespace) -> int:
    """Remove what the named runs left behind, and say what remains; returns the exit code."""
    from harness.configuration.loading import ConfigurationError
    from harness.history.ownership import read_own
    from harness.history.reading import UnreadableHistory
    from harness.run.resumed_cleanup import clean_after
    from harness.run.signals import SignalEvent
    from harness.text import mask_before_cutting

    # What cannot be cleaned up keeps nothing else from it.
    refused: list[str] = []
    histories = _histories(options, refused)
    environments = _environments(options, {name for _, _, names in histories for name in names}, refused)
    redact = redactor_of(options, list(environments.values()))
    mask_before_cutting(redact)
    for error in refused:
        print(f"ERROR: {redact(error)}", file=sys.stderr)
    hurry = SignalEvent()
    _on_interrupt(hurry.set)
    tell = _tell if sys.stderr.isatty() else None
    done: list[tuple[str, str, CleanUp]] = []
    for path, run_id, names in histories:
        known = [name for name in names if name in environments]
        try:  # what is wrong in one environment keeps its rows in all
            read_own(path, {name: environments[name].labels_for for name in known})
        except UnreadableHistory as error:
            refused.append(str(error))
            print(f"ERROR: {redact(str(error))}", file=sys.stderr)
            continue
        for name in known:
            try:
                done.append((run_id, name, clean_after(path, run_id, environments[name], redact, hurry, tell)))
            except (ConfigurationError, UnreadableHistory) as error:
                refused.append(str(error))
                print(f"ERROR: {redact(str(error))}", file=sys.stderr)
            else:
                if not options.json:
                    print(_in_words(*done[-1]), flush=True)
    if options.json:
        print(json.dumps([_as_json(*one) for one in done], indent=2))
    if hurry.is_set():
        return ExitCode.INTERRUPTED
    if refused:
        return ExitCode.USAGE
    return ExitCode.LEFT_BEHIND if any(cleaned.left for _, _, cleaned in done) else ExitCode.RELEASE


def _histories(options: argparse.Namespace, refused: list[str]) -> list[tuple[Path, str, list[str]]]:
    """Each history that has a first line: its file, its run, and its environments."""
    from harness.history.reading import EmptyHistory, UnreadableHistory, begun

    found = []
    for path in map(Path, options.histories):
        try:
            run, environments = begun(path)
            found.append((path, run, [*environments]))
        except EmptyHistory:  # its run was ended before it sent anything
            print(f"{path}: is empty: its run sent nothing", file=sys.stderr)
        except UnreadableHistory as error:
            refused.append(str(error))
    return found


def _environments(options: argparse.Namespace, names: set[str], refused: list[str]) -> dict[str, Environment]:
    from harness.configuration.loading import ConfigurationError, load
    from harness.run.known_claims import demand_known_claims

    found = {}
    for name in sorted(names):
        try:
            (found[name],) = load(Path(options.environments), [name])
            demand_known_claims([found[name]], Path(options.environments))
        except ConfigurationError as error:
            refused.append(str(error))
    return found


def _on_interrupt(act: Callable[[], None]) -> None:
    """The first signal to end lets what is under way be told; a second one ends at once."""
    import signal

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        act()

    if threading.current_thread() is threading.main_thread():  # Python lets no other one listen
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, interrupt)


def _in_words(run: str, name: str, cleaned: CleanUp) -> str:
    return "\n".join(
        [
            f"run {run}, {name}: {cleaned.removed} rows removed, {len(cleaned.left)} may be left behind",
            *([f"  {printable(cleaned.note)}"] if cleaned.note else []),
            *(f"  {row.name}{f' (id {row.id})' if row.id else ''}: {row.reason}; {row.remedy}" for row in cleaned.left),
        ]
    )


def _tell(doing: str) -> None:
    print(f"{doing} ...", file=sys.stderr)


def _as_json(run: str, name: str, cleaned: CleanUp) -> dict[str, Any]:
    left = [row.model_dump() for row in cleaned.left]
    note = {"note": printable(cleaned.note)} if cleaned.note else {}
    return {"run": run, "environment": name, "removed": cleaned.removed, "left_behind": left, **note}
