"""The command line of the gate, as a pytest plugin.

pytest decides where it is rooted while it reads the command line for the first time, before any conftest.py is loaded,
and takes the value of an option that it does not know for a path of tests: `--environments /etc/smoke.yaml` would root
it in /etc, where there is neither pyproject.toml nor conftest.py. A plugin that is installed by entry point is not
early enough for that first reading either, but early enough to put it right.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.console import Lasting
from harness.pytest_internals import root_again

if TYPE_CHECKING:
    from collections.abc import Iterator


_ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the contract; pytest's own keep working."""
    group = parser.getgroup("chatbots smoke")
    group.addoption("--env", action="append", metavar="NAME", help="an environment to verify; repeatable (preview)")
    group.addoption("--environments", metavar="FILE", help="the file that describes them (environments.yaml)")
    # Numbers are read by the configuration, whose refusal is worded, placed, and written into a verdict.
    group.addoption("--posts", metavar="N", help="POSTs to send one after another, instead of the file's")
    group.addoption("--burst", metavar="N", help="POSTs to send at the same moment, instead of the file's")
    group.addoption("--revision", metavar="SHA", help="wait until the ready page names this revision, and demand it")
    group.addoption("--source", metavar="DIR", help="a checkout of the app, for the source checks")
    group.addoption("--read-only", action="store_true", help="send no POST: schema and stored tokens only")
    group.addoption("--allow-many", action="store_true", help="send more than 200 POSTs to a protected environment")
    group.addoption("--report-dir", metavar="DIR", help="where reports are written (reports/<run id>)")
    group.addoption("--judge", action="append", metavar="HISTORY", help="judge a saved history instead of a deployment")
    group.addoption("--soaked", metavar="FILE", help="what the soak that is judged did besides; it gives this itself")


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest begins to capture what is printed
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Root pytest again, now that it is known which words of the command line are paths of tests."""
    root_again(early_config)
    _forget_latest(early_config)
    # Run when pytest has put back what it captures, and before it prints a usage error: that must stay one (4).
    early_config.add_cleanup(_keep_stderr)
    try:
        tempfile.gettempdir()
    except FileNotFoundError:  # there is no room, and without a temporary file pytest would exit 1: roll back
        if early_config.known_args_namespace.capture == "fd":
            early_config.known_args_namespace.capture = "sys"
    gc.disable()  # what is imported now stays: looking through it for cycles, again and again, takes a tenth of a run
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _forget_latest(config: pytest.Config) -> None:
    """Let `reports/latest` lead nowhere until this run has a folder: one that pytest refuses must not show the last."""
    elsewhere = ("--report-dir", "--judge", "--help", "-h", "--version", "--collect-only", "--co", "--setup-plan")
    if any(str(word).partition("=")[0] in elsewhere for word in config.invocation_params.args):
        return
    paths = [config.invocation_params.dir / word for word in config.known_args_namespace.file_or_dir]
    # The value of an option that pytest does not know looks like a path, and is none.
    if all(_ROOT / "checks" in (path.resolve(), *path.resolve().parents) for path in paths if path.exists()):
        with suppress(OSError):
            (_ROOT / "reports" / "latest").unlink()


def _keep_stderr() -> None:
    sys.stderr = Lasting(sys.stderr)
