"""The command line of the gate, as a pytest plugin.

pytest decides where it is rooted while it reads the command line for the first time, before any conftest.py is loaded,
and takes the value of an option that it does not know for a path of tests: `--environments /etc/smoke.yaml` would root
it in /etc, where there is neither pyproject.toml nor conftest.py. A plugin that is installed by entry point is not
early enough for that first reading either, but early enough to put it right.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from harness.console import Lasting
from harness.files import demand_own
from harness.invocation import folder_of, intention_of, listing, runs_checks, why_no_gate
from harness.pytest_internals import root_again
from harness.run.gate_options import GATE_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator


CONCLUDED = pytest.StashKey[int]()
"""The exit code of the verdict that this run has written."""
_BEGUN = pytest.StashKey[bool]()
_HOLDS = (
    pytest.ExitCode.INTERRUPTED,
    pytest.ExitCode.INTERNAL_ERROR,
    pytest.ExitCode.USAGE_ERROR,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the contract; pytest's own keep working."""
    group = parser.getgroup("chatbots smoke")
    for name, how in GATE_OPTIONS.items():
        group.addoption(name, **how)
    group.addoption("--soaked", metavar="FILE", help="set by chatbots-smoke soak, never by you")
    group.addoption("--watched", metavar="FILE", help="set by chatbots-smoke watch, never by you")


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest begins to capture what is printed
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Root pytest again, now that it is known which words of the command line are paths of tests."""
    root_again(early_config)
    _forget_latest(early_config)
    _keep_private(early_config)
    early_config.add_cleanup(partial(_conclude_refused, early_config))
    # Run when pytest has put back what it captures, and before it prints a usage error: that must stay one (4).
    early_config.add_cleanup(_keep_stderr)
    _capture_in_memory(early_config)
    gc.disable()  # what is imported now stays: looking through it for cycles, again and again, takes a tenth of a run
    try:
        return (yield)
    except Exception as error:  # of another plugin: Python would exit 1, roll back
        if isinstance(error, pytest.UsageError) or type(error).__module__.startswith("_pytest"):
            raise
        raise pytest.UsageError(f"a plugin of pytest failed: {_where(error)}") from None
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around all that pytest and other plugins do
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None] | pytest.ExitCode | int | None:
    """End no gate with an exit code that no verdict of its own stands behind, and say of a listing what it is not."""
    intention = intention_of(config)
    if said := why_no_gate(config, intention):
        raise pytest.UsageError(said)
    config.stash[_BEGUN] = True
    try:
        code: pytest.ExitCode | int | None = yield  # type: ignore[misc]  # pluggy's wrappers are not typed
    except (Exception, SystemExit) as error:
        if not runs_checks(config) or isinstance(error, pytest.UsageError):
            raise
        print(f"ERROR: pytest, or a plugin of it, failed at its end: {_where(error)}", file=sys.stderr)
        code = pytest.ExitCode.INTERNAL_ERROR
    if intention.about_checks and (word := listing(config.option)):
        print(f"nothing was verified: {word} only lists", file=sys.stderr)
    if not runs_checks(config) or code in _HOLDS:
        return code
    concluded = config.stash.get(CONCLUDED, None)
    if concluded is None:
        print(f"ERROR: nothing was verified: pytest ended with {code}, and no verdict was written", file=sys.stderr)
    return pytest.ExitCode.INTERNAL_ERROR if concluded is None else concluded


def _capture_in_memory(config: pytest.Config) -> None:
    """Let a gate capture what Python prints, and no file descriptor: it starts nothing that would write to one.

    pytest asks the system a dozen times for each check, and the threads that examine would run in between each time.
    """
    option = config.known_args_namespace
    if option.capture == "fd" and (intention_of(config).gate or not _has_room()):
        option.capture = "sys"


def _has_room() -> bool:
    """Whether a temporary file can be made: without one pytest, capturing by descriptor, would exit 1 (roll back)."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return False
    return True


def _where(error: BaseException) -> str:
    """What failed and where. Not what it says: that may quote a secret, and nobody masks yet, or any more."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f" in {at.tb_frame.f_code.co_filename}:{at.tb_lineno}" if at is not None else ""
    return f"{type(error).__name__}{place}"


def _forget_latest(config: pytest.Config) -> None:
    """Let `reports/latest` lead nowhere until this run has a folder: one that pytest refuses must not show the last."""
    intention = intention_of(config)
    if intention.gate and not intention.judges and intention.report_dir is None:
        with suppress(OSError):
            (folder_of(config) / "reports" / "latest").unlink()


def _keep_private(config: pytest.Config) -> None:
    """Let what pytest opens by itself, such as the file of `--debug`, be its owner's only, and no link to another."""
    if not intention_of(config).gate:
        return
    umask = os.umask(0o077)
    config.add_cleanup(partial(_set_umask, umask))
    if debug := config.known_args_namespace.debug:
        file = config.invocation_params.dir / debug
        try:
            demand_own(file)
            if file.exists():
                file.chmod(0o600)
        except OSError as error:
            raise pytest.UsageError(f"--debug: {error.strerror}") from None


def _set_umask(umask: int) -> None:
    os.umask(umask)


def _conclude_refused(config: pytest.Config) -> None:
    """Write into the report folder that pytest refused this run: the verdict of an earlier one must not stand there."""
    intention = intention_of(config)
    if not intention.gate or intention.report_dir is None or config.stash.get(_BEGUN, False):
        return
    from harness.history.writing import StillWritten
    from harness.report.folder import make_folder
    from harness.report.writing import write
    from harness.run.gate import Gate
    from harness.run.settings import RunSettings, new_run

    gate = Gate(RunSettings(new_run(), (), intention.report_dir))
    with suppress(OSError, StillWritten):
        make_folder(intention.report_dir)
        said = "a mistake on the command line or in a plugin; what pytest printed names it"
        write(gate.conclude(pytest.ExitCode.USAGE_ERROR, error=said), intention.report_dir)


def _keep_stderr() -> None:
    sys.stderr = Lasting(sys.stderr)
