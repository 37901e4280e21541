"""Starts gates that need not import anything first: importing takes longer than the run that it is for.

Run as a program, it imports what a gate imports and waits; for each order (a line of JSON: module, arguments and a
folder) it forks a process that is `python -m` that module with those arguments, and says its pid, and later how it
ended. From its fork on such a gate is a process like any other: it has its own threads and files, and signals reach it
alone. What it does not show is how Python starts and what is imported when; other tests start theirs as users do.
"""

from __future__ import annotations

import json
import os
import queue
import runpy
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.gates import Run

_LOOKS_EVERY_S = 0.02


@dataclass(slots=True)
class Forked:
    """A gate that was forked; to be handled like a `subprocess.Popen`."""

    pid: int
    returncode: int | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def end(self, code: int) -> None:
        """It ended."""
        self.returncode = code
        self._over.set()

    def poll(self) -> int | None:
        """How it ended; None while it goes on."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutError."""
        if not self._over.wait(timeout) or self.returncode is None:
            raise TimeoutError(f"{self.pid} goes on")
        return self.returncode

    def send_signal(self, how: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, how)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


@dataclass(slots=True)
class Warm:
    """What forks gates, seen from the tests. Thread-safe."""

    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    _gates: dict[int, Forked] = field(default_factory=dict)
    _born: queue.Queue[Forked] = field(default_factory=queue.Queue)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, folder: Path, module: str, arguments: list[str]) -> Forked:
        """`python -m module`, which prints to the files `out` and `err` in a folder."""
        assert self.process.stdin is not None
        order = {"module": module, "arguments": arguments, "folder": str(folder)}
        with self._lock:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
            return self._born.get(timeout=60)

    def run_pytest(self, report_dir: Path, *arguments: str) -> Run:
        """As `gates.run_pytest`."""
        return self._run("pytest", ["-p", "no:cacheprovider", "--report-dir", str(report_dir), *arguments], report_dir)

    def run_harness(self, *arguments: str) -> Run:
        """As `gates.run_harness`."""
        return self._run("harness", [*arguments], Path.cwd())

    def _run(self, module: str, arguments: list[str], report_dir: Path) -> Run:
        from tests.support.gates import GATE_LIMIT_S, Run

        began_s = time.monotonic()
        with TemporaryDirectory() as name:
            folder = Path(name)
            process = self.start(folder, module, arguments)
            try:
                code = process.wait(GATE_LIMIT_S)
            finally:
                process.kill()
            out, err = ((folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Run(code, out, err, report_dir, time.monotonic() - began_s)

    def listen(self) -> None:
        """Take in what it says, until it says no more."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            if said["code"] is None:
                gate = self._gates[said["pid"]] = Forked(said["pid"])
                self._born.put(gate)
            else:
                self._gates.pop(said["pid"]).end(said["code"])


@contextmanager
def warm() -> Iterator[Warm]:
    """Something that forks gates, for the time of the block."""
    from tests.support.gates import ROOT, clean_environment

    command = [sys.executable, "-m", "tests.support.warm"]
    environment = clean_environment()
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
        forge = Warm(process, environment)
        listener = threading.Thread(target=forge.listen, daemon=True)
        listener.start()
        try:
            yield forge
        finally:
            assert process.stdin is not None
            process.stdin.close()
            listener.join(60)


# What the checks, the gate and its reports are made of. Not its plugins: pytest wants to be the first to import those.
_ROOMS = ("checkers", "cli", "http", "postgres", "preflight", "report", "run", "source")
_AT_THE_END = ("jinja2", "pickle", "pdb", "tomllib", "unittest")


def _import_all() -> None:
    import gc
    import importlib
    import pkgutil

    import psycopg
    import requests
    from _pytest.config import default_plugins

    for plugin in default_plugins:
        importlib.import_module(f"_pytest.{plugin}")
    for room in _ROOMS:
        package = importlib.import_module(f"harness.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in _AT_THE_END:
        importlib.import_module(name)
    del psycopg, requests
    gc.freeze()


def _be(module: str, arguments: list[str], folder: str) -> NoReturn:
    """The same as `python -m module`, in a process that has just been forked."""
    for stream, file in ((0, os.devnull), (1, f"{folder}/out"), (2, f"{folder}/err")):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), stream)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


def main() -> None:
    """Fork a gate for each order, until there are no more orders and no more gates."""
    _import_all()
    going: set[int] = set()
    orders, said = 0, 1
    text = b""
    while True:
        if select.select([orders], [], [], _LOOKS_EVERY_S)[0]:
            received = os.read(orders, 65536)
            if not received:
                return
            *lines, text = (text + received).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    _be(**json.loads(line))
                going.add(pid)
                os.write(said, json.dumps({"pid": pid, "code": None}).encode() + b"\n")
        while going:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            going.discard(pid)
            os.write(said, json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}).encode() + b"\n")


if __name__ == "__main__":
    main()
