"""Lines on pytest's terminal, between what pytest itself prints."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from harness.text import Shown


def say(config: pytest.Config, text: Shown) -> None:
    """Print a line now, whatever pytest captures."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is not None:
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(text)


def is_watched(config: pytest.Config) -> bool:
    """Whether somebody looks at a terminal, and has not asked for quiet."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter is not None and bool(reporter.isatty) and config.get_verbosity() >= 0
