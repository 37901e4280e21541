"""`chatbots-smoke run`: the gate, in any folder that holds an `environments.yaml`."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from harness.extras import install
from harness.run.pytest_process import alone, arguments_of_gate

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def run(options: argparse.Namespace) -> int:
    """Run the checks with pytest's options and our own; returns the exit code of the gate.

    Raises:
        ConfigurationError: an option needs a package that is not installed, or a file of tests was named.
    """
    words = list(options.words)
    _demand_no_tests(words)
    return run_gate([*_ctrf(words), *words])


def run_gate(words: Sequence[str]) -> int:
    """Run the checks in this process; returns the exit code of the gate.

    Whoever calls it ends with it: what it changes in `os.environ` and in pytest stays.
    """
    import pytest

    kept = alone()
    if sys.flags.optimize and "PYTHONOPTIMIZE" in os.environ:  # Python heeds it when it starts
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept)  # noqa: S606 (our own command line)
    os.environ.clear()
    os.environ.update(kept)
    return int(pytest.main(arguments_of_gate(words)))


def _ctrf(words: Sequence[str]) -> list[str]:
    """What loads the plugin that `--ctrf` needs: no plugin loads by itself in a gate."""
    if not any(word.partition("=")[0] == "--ctrf" for word in words):
        return []
    if find_spec("ctrf") is None:
        from harness.configuration.loading import ConfigurationError

        raise ConfigurationError(f"--ctrf needs a plugin of pytest: run {install('ctrf')}")
    return ["-p", "ctrf"]


def _demand_no_tests(words: Sequence[str]) -> None:
    """Refuse a file of tests, which would be run beside the checks: `-k` selects among these."""
    from harness.configuration.loading import ConfigurationError

    for word in words:
        path = Path(word.partition("::")[0])
        if not word.startswith("-") and path.suffix == ".py" and path.exists():
            raise ConfigurationError(
                f"{word}: `chatbots-smoke run` runs the checks of the harness and no other test. Select among them "
                f"with -k, or run this file with pytest."
            )
