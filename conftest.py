"""Names the modules that tie the harness to pytest. Claims are in `checks/`, everything else in `harness/`."""

from importlib import import_module

import pytest

MODULES = (
    "harness.pytest_plugin.hooks",
    "harness.pytest_plugin.fixtures",
    "harness.pytest_plugin.outcomes",
    "harness.pytest_plugin.conclusion",
)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register them. For each name in `pytest_plugins` pytest would search all installed packages: 4 ms a name."""
    for name in MODULES:
        if pluginmanager.register(import_module(name), name) is None:
            raise pytest.UsageError(f"-p no:{name} is refused: the checks cannot be judged without it")
