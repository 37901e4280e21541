"""Asks a deployment, judges its answers. Nothing in here asserts: claims live in `checks/`."""

import os

__version__ = "0.1.0"

# A plugin of pydantic that happens to be installed is handed whatever is validated, secrets too. Looking for one also
# reads the metadata of every installed package.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
