"""`chatbots-smoke watch`: POSTs at a low rate while a rollout happens, and tells what happened when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.rollout.command import watch_rollout

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Watch, clean up and judge; returns the exit code."""
    return watch_rollout(options)
