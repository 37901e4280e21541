"""Registers the modules of the plugin: for `conftest.py` in a checkout, and for `chatbots-smoke` without one."""

from __future__ import annotations

from importlib import import_module

import pytest

from harness.pytest_internals import without_rewriting

MODULES = (
    "harness.pytest_plugin.hooks",
    "harness.pytest_plugin.fixtures",
    "harness.pytest_plugin.outcomes",
    "harness.pytest_plugin.terminal",
    "harness.pytest_plugin.conclusion",
)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register them. For each name in `pytest_plugins` pytest would search all installed packages: 4 ms a name."""
    with without_rewriting(pluginmanager):
        for name in MODULES:
            import_module(name)
    for name in MODULES:
        if not pluginmanager.has_plugin(name) and pluginmanager.register(import_module(name), name) is None:
            raise pytest.UsageError(f"-p no:{name} is refused: the checks cannot be judged without it")
