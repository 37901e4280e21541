"""Times whole commands in turns: wall clock, CPU of the process and its children, and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STARTER = Path(__file__).with_name("starter.py")
LONGEST_S = 900.0
GRACE_S = 10.0  # between SIGTERM and SIGKILL: a rehearsal has a Postgres to end


class Failed(Exception):
    """A measured command did not do what was measured. The message names it and ends with its last output."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run: `expected` are the exit codes of a command that did its work; `env` is added to the environment.

    `after` is called when it has ended so, outside the measured time; it may raise `Failed`.
    """

    line: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    expected: tuple[int, ...] = (0,)
    timeout_s: float = LONGEST_S
    after: Callable[[], object] | None = None


@dataclass(slots=True)
class Timing:
    """Seconds of wall clock and of CPU (user and system, waited-for children included), and the peak of MB, per run."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)

    def add(self, wall_s: float, cpu_s: float, peak_mb: float) -> None:
        """One more run."""
        self.wall_s.append(wall_s)
        self.cpu_s.append(cpu_s)
        self.peak_mb.append(peak_mb)


def in_turns(
    commands: Mapping[str, Command | Callable[[], object]], rounds: int, *, warm_up: bool = True
) -> dict[str, Timing]:
    """Run each once unmeasured (caches), then all in turns, so many rounds.

    A callable is called in this process, and may return a `Command` that is run and measured. Without `warm_up` each
    round is measured: for what takes so long that no cache shows, or whose caches are warm.

    Raises:
        Failed: one exited with another code than expected.
    """
    timings = {name: Timing() for name in commands}
    for number in range(0 if warm_up else 1, rounds + 1):
        for name, what in commands.items():
            measured = run(name, what)
            if number:
                timings[name].add(*measured)
    return timings


def run(name: str, what: Command | Callable[[], object]) -> tuple[float, float, float]:
    """Run one once: (wall seconds, CPU seconds, peak MB; NaN where it is a callable).

    Raises:
        Failed: it could not be run, exited with another code than expected, or lasted longer than its time.
    """
    if not isinstance(what, Command):
        began, cpu = time.perf_counter(), time.process_time()
        returned = what()
        if isinstance(returned, Command):
            return run(name, returned)
        return time.perf_counter() - began, time.process_time() - cpu, float("nan")
    with tempfile.TemporaryFile() as said:  # a pipe would have to be read, and grandchildren may hold it open
        took, in_time = _ended(what, said.fileno())
        first, _, rest = took.partition(" ")
        if first == "impossible":
            raise Failed(f"{name}: {what.line[0]} cannot be run: {rest.strip()}")
        if not in_time or not first or int(first) not in what.expected:
            ended = f"exit {first}" if in_time else f"not done within {what.timeout_s:g} s"
            raise Failed(f"{name}: {ended} of {' '.join(what.line)}\n{_tail(said.fileno())}")
    if what.after is not None:
        what.after()
    wall_s, cpu_s, peak_kb = map(float, rest.split())
    return wall_s, cpu_s, peak_kb / 1024


def _ended(what: Command, output: int) -> tuple[str, bool]:
    """What `bench/starter.py` says of it, and whether it ended by itself in its time. Ctrl-C here ends it too."""
    read, write = os.pipe()
    with os.fdopen(read, encoding="utf-8") as took:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(STARTER), str(write), *what.line],
                cwd=what.cwd,
                # As on a user's machine: what Python has compiled is kept.
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **what.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[write],
                start_new_session=True,  # its children can be ended with it
            )
        finally:
            os.close(write)
        in_time = _in_time(process, what.timeout_s)
        return took.read(), in_time


def _in_time(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Wait for its end, which comes with its time at the latest."""
    late = threading.Event()
    killer = threading.Timer(GRACE_S, _signal, (process.pid, signal.SIGKILL))

    def end() -> None:
        if not late.is_set():
            late.set()
            _signal(process.pid, signal.SIGTERM)
            killer.start()

    alarm = threading.Timer(timeout_s, end)
    alarm.daemon = killer.daemon = True
    alarm.start()
    try:
        _waited(process)
    except BaseException:
        end()
        _waited(process)
        raise
    finally:
        alarm.cancel()
        killer.cancel()
        if late.is_set():
            _signal(process.pid, signal.SIGKILL)  # what it has left behind in its group
    return not late.is_set()


def _waited(process: subprocess.Popen[bytes]) -> None:
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _tail(output: int) -> str:
    size = os.fstat(output).st_size
    return os.pread(output, 2000, max(0, size - 2000)).decode(errors="replace")


def shown(values: Sequence[float], unit: str = "s", digits: int = 2) -> str:
    """The median, and the least and the most in brackets."""
    return f"{median(values):.{digits}f} {unit} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratio(values: Sequence[float], others: Sequence[float]) -> str:
    """How many times the median of the others the median of these is."""
    return f"{median(values) / median(others):.2f}"
