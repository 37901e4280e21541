"""Lines on pytest's terminal, and how much pytest itself prints there."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from harness.pytest_plugin.state import session_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.text import Shown

_SILENT = -2  # the verbosity at which pytest prints no header, no count and no line at its end


def turn_down(config: pytest.Config) -> None:
    """Let pytest print nothing about its own progress, unless -v asks for it: what a run has to say comes at its end.

    Tracebacks (--tb), summaries (-r), warnings and errors stay.
    """
    own = session_of(config)
    asked = getattr(config.option, "verbose", 0)
    if own is not None and asked <= 0:
        own.loudness = asked
        config.option.verbose = min(asked, _SILENT)
    elif own is not None:
        own.loudness = asked


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus(
    report: pytest.TestReport, config: pytest.Config
) -> Iterator[None] | tuple[str, str, str | tuple[str, dict[str, bool]]]:
    """Let pytest count an outcome and print no letter for it, where it was turned down."""
    status: tuple[str, str, str] = yield  # type: ignore[misc, assignment]  # pluggy's wrappers are not typed
    own = session_of(config)
    return status if own is None or own.loudness > 0 else (status[0], "", "")


def width_of(config: pytest.Config) -> int | None:
    """The columns of the terminal, or of COLUMNS where somebody set it; None where lines may be of any length."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not (reporter.isatty or os.environ.get("COLUMNS")):
        return None
    return max(40, config.get_terminal_writer().fullwidth)


def say(config: pytest.Config, text: Shown) -> None:
    """Print a line now, whatever pytest captures."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is not None:
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(text)
            reporter.flush()  # into a file or a pipe it would else wait for more


def is_watched(config: pytest.Config) -> bool:
    """Whether somebody looks at a terminal, and has not asked for quiet."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter is not None and bool(reporter.isatty) and not is_quiet(config)


def is_quiet(config: pytest.Config) -> bool:
    """Whether -q asked for the verdict and nothing else."""
    own = session_of(config)
    return own is not None and own.loudness < 0
