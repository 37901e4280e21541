"""The project as its users install it: a wheel that is built here, in an environment that holds nothing else."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.gates import GATE_LIMIT_S, ROOT, Run, clean_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNREACHABLE = ("NewConnectionError", "Temporary failure in name resolution", "ConnectTimeout", "ProxyError")


class NoIndex(Exception):
    """No package index answers from here."""


class Installed:
    """An installation of the wheel with its core dependencies, as requirements/gate.txt pins them."""

    def __init__(self, folder: Path) -> None:
        """Build and install, unless another process of the tests has, or does so now. Raises NoIndex."""
        self._environment = folder / "environment"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "done").exists():
                self._install(folder)
                (folder / "done").touch()
        (self.wheel,) = (folder / "wheel").glob("*.whl")

    def _install(self, folder: Path) -> None:
        _done([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheel")])
        (wheel,) = (folder / "wheel").glob("*.whl")
        _done([sys.executable, "-m", "venv", "--without-pip", str(self._environment)])
        locked = ["--require-hashes", "-r", str(ROOT / "requirements" / "gate.txt")]
        for words in (locked, ["--no-deps", str(wheel)]):
            pip = [sys.executable, "-m", "pip", "--python", str(self._environment), "install", "--no-compile"]
            _done([*pip, "--disable-pip-version-check", *words])

    def copied(self, folder: Path) -> Installed:
        """A copy of it, for whoever changes something in it."""
        its = copy(self)
        its._environment = folder
        shutil.copytree(self._environment, folder, symlinks=True)
        return its

    @property
    def packages(self) -> Path:
        """Where it is installed."""
        (found,) = self._environment.glob("lib/python*/site-packages")
        return found

    def run(self, folder: Path, *words: str, **environ: str) -> Run:
        """`chatbots-smoke` in a folder, as somebody types it who has set no variable of pytest."""
        environment = clean_environment(**environ)
        for name in ("PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
            if name not in environ:
                del environment[name]
        done = subprocess.run(
            [str(self._environment / "bin" / name) for name in ("python", "chatbots-smoke")] + [*words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=GATE_LIMIT_S,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr, folder / "reports" / "latest")


def _done(command: Sequence[str]) -> None:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode and any(word in ended.stderr for word in _UNREACHABLE):
        raise NoIndex
    assert ended.returncode == 0, ended.stderr
