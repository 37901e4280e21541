"""The optional groups of packages that a claim or a command asks for, and how a user installs one."""

from __future__ import annotations

from typing import Literal

Extra = Literal["source", "soak", "ctrf"]


def install(extra: Extra) -> str:
    """The command that installs an optional group."""
    return f"pip install 'chatbots-smoke[{extra}]'"
