"""What squawk, a linter of migrations, says of a file, where it is installed. Its warnings are notes, no more."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

BUDGET_S = 60
MOST = 20


def find_squawk() -> str | None:
    """Where squawk is: on PATH, or beside this Python."""
    return shutil.which("squawk") or shutil.which("squawk", path=str(Path(sys.executable).parent))


def squawked(file: Path, major: int, in_one_transaction: bool) -> list[str]:
    """One line for each warning, or one line that says why there is none."""
    program = find_squawk()
    if program is None:
        return ["squawk is not installed: pip install squawk-cli adds its warnings"]
    options = [f"--pg-version={major}.0", *(["--assume-in-transaction"] if in_one_transaction else [])]
    try:
        done = subprocess.run(
            [program, "--reporter=json", *options, "--", str(file)],
            capture_output=True,
            text=True,
            timeout=BUDGET_S,
            check=False,
        )
        warnings = [
            f"squawk, line {said['line'] + 1}: {' '.join(said['message'].split())} ({said['rule_name']})"
            for said in json.loads(done.stdout or "[]")
        ]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        return [f"squawk could not be run: {' '.join(str(error).split())[:200]}"]
    if done.returncode not in (0, 1) or (done.returncode == 1 and not warnings):
        return [f"squawk could not be run: {' '.join(done.stderr.split())[:200]}"]
    more = [f"squawk has {len(warnings) - MOST} more warnings"] if len(warnings) > MOST else []
    return [*warnings[:MOST], *more] or ["squawk has no warning"]
