"""What pytest loads by entry point: `harness.options`, unless PYTEST_PLUGINS has named it already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import options

if TYPE_CHECKING:
    import pytest


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """A plugin may be registered once: under two names pytest itself would fail, and exit 1."""
    if not pluginmanager.is_registered(options):
        pluginmanager.register(options, options.__name__)
