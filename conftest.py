"""Names the modules that tie the harness to pytest. Claims are in `checks/`, everything else in `harness/`."""

# In the order in which they import each other: pytest wants to be the first to import a plugin.
pytest_plugins = (
    "harness.pytest_plugin.fixtures",
    "harness.pytest_plugin.outcomes",
    "harness.pytest_plugin.conclusion",
    "harness.pytest_plugin.hooks",
)
