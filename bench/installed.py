"""Installs what is measured against into .bench/, from pinned and hashed lists; what cannot be had is left out.

Each folder remembers the list that it was made from, and is made anew when that changes.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measuring import Command, Failed, run

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".bench"
OPPONENTS = Path(__file__).parent / "opponents"
LONGEST_INSTALL_S = 600.0


class LeftOut(Exception):
    """What would be measured cannot be had here; the message is the reason, in one line."""


def virtual(name: str) -> Path:
    """The folder of programs of a virtual environment that holds requirements/<name>.txt and nothing else.

    Raises:
        LeftOut: it cannot be made.
    """
    folder, listed = HOME / name, ROOT / "requirements" / f"{name}.txt"
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps = [[sys.executable, "-m", "venv", str(folder)], [*pip, "--require-hashes", "-r", str(listed)]]
    _made(folder, [listed], steps)
    return folder / "bin"


def gate_python() -> str:
    """The Python of a virtual environment of requirements/gate.txt, as users of the gate have it.

    Raises:
        Failed: it cannot be installed, and so there is nothing to measure.
    """
    try:
        return str(virtual("gate") / "python")
    except LeftOut as reason:
        raise Failed(str(reason)) from None


def newman() -> list[str]:
    """The command line of Newman.

    Raises:
        LeftOut: there is no Node.js, or it cannot be installed.
    """
    for name in ("node", "npm"):
        program(name)
    folder = HOME / "newman"
    lists = [OPPONENTS / "package.json", OPPONENTS / "package-lock.json"]
    install = ["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
    _made(folder, lists, [["cp", *map(str, lists), str(folder)], install])
    return ["node", str(folder / "node_modules" / "newman" / "bin" / "newman.js")]


def program(name: str) -> None:
    """Have a program of the system.

    Raises:
        LeftOut: it is not there.
    """
    if shutil.which(name) is None:
        raise LeftOut(f"there is no {name} here")


def _made(folder: Path, lists: Sequence[Path], steps: Sequence[Sequence[str]]) -> None:
    stamp = folder / ".made-from"
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in lists) + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"installing {folder.relative_to(ROOT)} ..", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for step in steps:
        try:
            run("install", Command(step, timeout_s=LONGEST_INSTALL_S))
        except Failed as error:
            said = [line for line in str(error).splitlines() if line.strip()]
            raise LeftOut(f"{folder.name} cannot be installed: {said[-1].strip()}") from None
    stamp.write_text(wanted, encoding="utf-8")
