"""Starts commands that need not import anything first: importing takes longer than the run that it is for.

Run as a program, it waits for orders (a line of JSON: module, arguments, folder and environment). For each it imports
what the module needs, unless it has, forks a process that is `python -m` that module with those arguments, and says its
pid, and later how it ended. From its fork on such a command is a process like any other: it has its own threads and
files, and signals reach it alone. What it does not show is how Python starts, what is imported when, and how Python
takes itself down; other tests start theirs as users do.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import queue
import runpy
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from harness.patterns import Uncompiled

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from tests.support.gates import Run

_LOOKS_EVERY_S = 0.02
# Read when Python or a library starts, or kept from then on: who changes one of these needs a process of its own.
_READ_AT_THE_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "TMPDIR", "MALLOC_")


_RUN_AT_THE_START = ("sitecustomize.py", "usercustomize.py")


def read_at_the_start(environment: dict[str, str]) -> dict[str, str]:
    """The variables that a process which has started already does not look at again.

    PYTHONPATH is none of them, unless Python would run at its start what is there.
    """
    read = {key: value for key, value in environment.items() if key.startswith(_READ_AT_THE_START)}
    folders = read.get("PYTHONPATH", "").split(os.pathsep)
    if not any(Path(folder, name).exists() for folder in folders for name in _RUN_AT_THE_START):
        read.pop("PYTHONPATH", None)
    return read


@dataclass(slots=True)
class Forked:
    """A command that was forked; to be handled like a `subprocess.Popen`."""

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
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        if not self._over.wait(timeout) or self.returncode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
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
    """What forks commands, seen from the tests: started when it is first asked. Thread-safe."""

    environment: dict[str, str]
    _process: subprocess.Popen[bytes] | None = None
    _listener: threading.Thread | None = None
    _going: dict[int, Forked] = field(default_factory=dict)
    _born: queue.Queue[Forked] = field(default_factory=queue.Queue)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def can_be(self, environment: dict[str, str]) -> bool:
        """Whether a process that is forked cannot be told from one that starts with these variables."""
        given, own = environment.get("PYTHONPATH"), self.environment.get("PYTHONPATH")
        if own is not None and given != own:
            return False
        return read_at_the_start(environment) == read_at_the_start(self.environment)

    def start(self, folder: Path, module: str, arguments: list[str], environment: dict[str, str]) -> Forked:
        """`python -m module`, which prints to the files `out` and `err` in a folder."""
        for name in ("out", "err"):
            (folder / name).touch(0o600)
        order = {"module": module, "arguments": arguments, "folder": str(folder), "environment": environment}
        with self._lock:
            process = self._process or self._begin()
            assert process.stdin is not None
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
            return self._born.get(timeout=60)

    def run(self, module: str, arguments: list[str], report_dir: Path, environment: dict[str, str]) -> Run:
        """`python -m module` until it ends."""
        from tests.support.gates import GATE_LIMIT_S, Run

        began_s = time.monotonic()
        with TemporaryDirectory() as name:
            folder = Path(name)
            process = self.start(folder, module, arguments, environment)
            try:
                code = process.wait(GATE_LIMIT_S)
            finally:
                process.kill()
            out, err = ((folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Run(code, out, err, report_dir, time.monotonic() - began_s)

    def close(self) -> None:
        """Begin no more, and wait for those that go on."""
        if self._process is not None and self._listener is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._listener.join(60)
            self._process.wait(60)

    def _begin(self) -> subprocess.Popen[bytes]:
        from tests.support.gates import ROOT

        command = [sys.executable, "-m", "tests.support.warm"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = self._process = subprocess.Popen(command, cwd=ROOT, env=self.environment, **pipes)
        self._listener = threading.Thread(target=self._listen, args=(process,), daemon=True)
        self._listener.start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Take in what it says, until it says no more."""
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            if said["code"] is None:
                command = self._going[said["pid"]] = Forked(said["pid"])
                self._born.put(command)
            else:
                self._going.pop(said["pid"]).end(said["code"])


# What the gate and its reports are made of.
_ROOMS = ("checkers", "cli", "http", "postgres", "preflight", "report", "run", "source")
_AT_THE_END = ("faulthandler", "jinja2", "pickle", "pdb", "readline", "tomllib", "unittest")


def _import_below(package: str) -> None:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _import_gates() -> None:
    import psycopg
    import pydantic
    import requests
    from _pytest.config import default_plugins

    for plugin in default_plugins:
        importlib.import_module(f"_pytest.{plugin}")
    for room in _ROOMS:
        _import_below(f"harness.{room}")
    for name in _AT_THE_END:
        importlib.import_module(name)
    _import_what_pytest_rewrites()
    _build(pydantic.BaseModel)
    _compile()
    del psycopg, requests


def _import_what_pytest_rewrites() -> None:
    """The plugin and the checks, as pytest would import them: with its own hook, which sees to their assertions."""
    from _pytest.assertion import install_importhook
    from _pytest.config import get_config
    from _pytest.pathlib import import_path

    path = [*sys.path]
    hook = install_importhook(get_config())
    try:
        hook.mark_rewrite("harness.options")
        importlib.import_module("harness.options")
        _import_below("harness.pytest_plugin")
        for file in sorted(Path("checks").resolve().glob("test_*.py")):
            import_path(file, root=Path.cwd(), consider_namespace_packages=False)
    finally:
        sys.meta_path.remove(hook)
        sys.path[:] = path


def _compile() -> None:
    """Compile the patterns that the modules of the harness compile when they first need them."""
    for name, module in [*sys.modules.items()]:
        if name.startswith("harness."):
            for value in vars(module).values():
                if isinstance(value, Uncompiled):
                    assert value.pattern


def _build(model: type[BaseModel]) -> None:
    """Build the validators of all models below, which each process would otherwise do for those that it uses."""
    for below in model.__subclasses__():
        if below.__module__.startswith("harness."):
            below.model_rebuild()
        _build(below)


def _import_rehearsal() -> None:
    _import_below("rehearsal")
    from rehearsal.dry_run.real_schema import CannotRehearse, find_dumper
    from rehearsal.servers.binaries import all_installations

    all_installations()  # each program is asked for its version once, and not by each rehearsal
    with suppress(CannotRehearse):
        find_dumper(0)


_IMPORTS = {"pytest": _import_gates, "harness": _import_gates, "rehearsal": _import_rehearsal}
_imported: set[Callable[[], None]] = set()


def _import_for(module: str) -> None:
    """Import what this command is made of, unless another order has."""
    imports = _IMPORTS[module]
    if imports not in _imported:
        _imported.add(imports)
        imports()
        gc.freeze()


def _be(module: str, arguments: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """The same as `python -m module`, in a process that has just been forked."""
    for stream, file in ((0, os.devnull), (1, f"{folder}/out"), (2, f"{folder}/err")):
        os.dup2(os.open(file, os.O_RDWR), stream)
    if environment.get("PYTHONPATH") != os.environ.get("PYTHONPATH"):
        sys.path[1:1] = environment["PYTHONPATH"].split(os.pathsep)  # behind the working directory
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        _end(ended.code)
    _end(0)


def _end(code: object) -> NoReturn:
    """End as Python does, but let the kernel free what is in memory: object by object takes a tenth of a run."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at the end of any process
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


def main() -> None:
    """Fork a command for each order, until there are no more orders and no more commands."""
    going: set[int] = set()
    orders, said = 0, 1
    text = b""
    while True:
        if select.select([orders], [], [], _LOOKS_EVERY_S if going else None)[0]:
            received = os.read(orders, 65536)
            if not received:
                return
            *lines, text = (text + received).split(b"\n")
            for line in lines:
                order = json.loads(line)
                _import_for(order["module"])
                pid = os.fork()
                if pid == 0:
                    _be(**order)
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
