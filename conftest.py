"""Names the modules that tie the harness to pytest. Claims are in `checks/`, everything else in `harness/`."""

from harness.pytest_plugin.registration import MODULES, pytest_addoption

__all__ = ["MODULES", "pytest_addoption"]
