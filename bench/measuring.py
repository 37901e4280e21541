"""Times whole commands in turns: wall clock, CPU of the process and its children, and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LONGEST_S = 900.0


class Failed(Exception):
    """A measured command did not do what was measured. The message names it and ends with its last output."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run: `expected` are the exit codes of a command that did its work; `env` is added to the environment."""

    line: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    expected: tuple[int, ...] = (0,)


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


def in_turns(commands: Mapping[str, Command | Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Run each once unmeasured (caches), then all in turns, so many rounds.

    A callable is called in this process, and may return a `Command` that is run and measured.

    Raises:
        Failed: one exited with another code than expected.
    """
    timings = {name: Timing() for name in commands}
    for number in range(rounds + 1):
        for name, what in commands.items():
            measured = run(name, what)
            if number:
                timings[name].add(*measured)
    return timings


def run(name: str, what: Command | Callable[[], object]) -> tuple[float, float, float]:
    """Run one once: (wall seconds, CPU seconds, peak MB; NaN where it is a callable).

    Raises:
        Failed: it exited with another code than expected, or lasted longer than `LONGEST_S`.
    """
    if not isinstance(what, Command):
        began, cpu = time.perf_counter(), time.process_time()
        returned = what()
        if isinstance(returned, Command):
            return run(name, returned)
        return time.perf_counter() - began, time.process_time() - cpu, float("nan")
    began = time.perf_counter()
    with subprocess.Popen(
        what.line,
        cwd=what.cwd,
        env={**os.environ, **what.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        alarm = threading.Timer(LONGEST_S, os.killpg, (process.pid, signal.SIGKILL))
        alarm.start()
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - began
    if process.returncode not in what.expected:
        tail = said.decode(errors="replace")[-2000:]
        raise Failed(f"{name}: exit {process.returncode} of {' '.join(what.line)}\n{tail}")
    return wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def shown(values: Sequence[float], unit: str = "s", digits: int = 2) -> str:
    """The median, and the least and the most in brackets."""
    return f"{median(values):.{digits}f} {unit} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratio(values: Sequence[float], others: Sequence[float]) -> str:
    """How many times the median of the others the median of these is."""
    return f"{median(values) / median(others):.2f}"
