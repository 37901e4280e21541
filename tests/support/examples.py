"""How many examples a property is tried on."""

from __future__ import annotations

import os

MANY = int(os.environ.get("EXAMPLES", "100"))
"""Of each property about hostile input; `make selftest` tries more."""
