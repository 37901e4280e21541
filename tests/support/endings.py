"""Runs that are ended from outside: commands that go on beside a test, what their histories hold, what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from tests.support import gates
from tests.support.gates import ROOT, Run, clean_environment

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.support.warm import Forked

PATIENCE_S = gates.GATE_LIMIT_S
GATE = ("pytest", "-p", "no:cacheprovider")
WATCH = ("harness", "watch")
_LOOKS_EVERY_S = 0.004


@dataclass(slots=True)
class Going:
    """A gate or a watch that is going on. What it prints goes to files, so that nobody has to read along."""

    process: subprocess.Popen[bytes] | Forked
    folder: Path
    file: str = "history.jsonl"
    _size: int = 0
    _records: int = 0

    @property
    def report_dir(self) -> Path:
        """Where it writes its reports."""
        return self.folder / "report"

    @property
    def history(self) -> Path:
        """Its history."""
        return self.report_dir / self.file

    def records(self) -> int:
        """How many whole records its history has; -1 where there is none yet."""
        try:
            size = self.history.stat().st_size
        except FileNotFoundError:
            return -1
        if size != self._size:
            self._size, self._records = size, self.history.read_bytes().count(b"\n")
        return self._records

    def wait_until(self, there: Callable[[], bool]) -> bool:
        """Wait until something is there; False if the gate ended before it was."""
        deadline = time.monotonic() + PATIENCE_S
        while not there():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, f"{self.folder} has not come so far"
            time.sleep(_LOOKS_EVERY_S)
        return True

    def end_in_the_middle(self, database: str, how: signal.Signals, rows: int = 3) -> Run:
        """Send it a signal when so many of its rows are stored, and wait for its end."""
        with psycopg.connect(database, autocommit=True) as connection:
            assert self.wait_until(lambda: ours(connection) >= rows), "it ended before"
        self.process.send_signal(how)
        return self.ended()

    def ended(self) -> Run:
        """Wait for its end."""
        code = self.process.wait(PATIENCE_S)
        out, err = ((self.folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Run(code, out, err, self.report_dir)


@contextmanager
def going(
    folder: Path, file: Path, *arguments: str, command: Sequence[str] = GATE, history: str = "history.jsonl", **how: Any
) -> Iterator[Going]:
    """A gate with its report in `folder/report`, for the time of the block; it does not outlive it.

    `command` is another module with its first words, which has another `history`.

    It is forked where that can be; with `how`, which is for `subprocess.Popen`, it starts as users start it.
    """
    folder.mkdir(exist_ok=True)
    module, *first = command
    words = [*first, "--environments", str(file), "--report-dir", str(folder / "report"), *arguments]
    process: subprocess.Popen[bytes] | Forked
    if gates.FORGE is not None and not how:
        process = gates.FORGE.start(folder, module, words, clean_environment())
    else:
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            streams = {"stdout": out, "stderr": err, "env": clean_environment(), **how}
            process = subprocess.Popen([sys.executable, "-m", module, *words], cwd=ROOT, **streams)
    try:
        yield Going(process, folder, history)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@dataclass(slots=True)
class Told:
    """What a history file tells, read here by hand: the harness's own reader must not be what proves it."""

    run: str = ""
    intended: dict[str, int] = field(default_factory=dict)  # number by name
    settled: set[int] = field(default_factory=set)
    rows: set[tuple[str, str]] = field(default_factory=set)
    removed: set[tuple[str, str]] = field(default_factory=set)

    @property
    def unsettled(self) -> set[str]:
        """The names of the POSTs whose outcome is not known."""
        return {name for name, n in self.intended.items() if n not in self.settled}

    @property
    def lost(self) -> set[str]:
        """The names of the POSTs whose outcome is not known and whose row was never seen: they may be stored yet."""
        return self.unsettled - {label for _, label in self.rows}


def told(history: Path) -> Told:
    """What a history tells. A last line that is torn tells nothing."""
    all_of_it = Told()
    for line in history.read_bytes().split(b"\n")[:-1]:
        record: dict[str, Any] = json.loads(line)
        kind = record["record"]
        if kind == "run":
            all_of_it.run = record["run"]
        elif kind == "intent":
            all_of_it.intended[record["name"]] = record["n"]
        elif kind == "attempt":
            all_of_it.settled.add(record["n"])
        elif kind in ("row", "removed"):
            (all_of_it.rows if kind == "row" else all_of_it.removed).add((record["id"], record["label"]))
    return all_of_it


def stored(database: str) -> dict[int, tuple[str, str]]:
    """Every stored chatbot by its id: its name, and the whole row as text."""
    with psycopg.connect(database) as connection:
        rows = connection.execute("select id, name, chatbots::text from chatbots").fetchall()
    return {id_: (name, whole) for id_, name, whole in rows}


def ours(connection: psycopg.Connection[Any]) -> int:
    """How many rows of this harness are stored."""
    row = connection.execute("select count(*) from chatbots where name like 'smoke-%'").fetchone()
    assert row is not None
    return int(row[0])


def rows_of_ours(database: str) -> int:
    """The same, on a connection of its own."""
    with psycopg.connect(database) as connection:
        return ours(connection)


def names_of(database: str, run: str) -> set[str]:
    """The names of the stored rows that are of a run, by the form of their names."""
    prefix = f"smoke-{run}-"
    return {name for name, _ in stored(database).values() if name.startswith(prefix) and name[len(prefix) :].isdigit()}
