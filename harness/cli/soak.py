"""`chatbots-smoke soak`: sends the create request as often as `soak` of environments.yaml says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.soak.command import soak

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Soak, clean up and judge; returns the exit code."""
    return soak(options)
