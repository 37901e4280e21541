"""Typical mistakes of who sets the harness up: a test makes each, and docs/troubleshooting.md is made of them."""

from __future__ import annotations

from tests.support.mistakes.mistake import PASSWORD, Mistake, is_said
from tests.support.mistakes.of_the_database import DATABASE
from tests.support.mistakes.of_the_deployment import DEPLOYMENT, POSTS
from tests.support.mistakes.of_the_file import FILE, URL_OF_DATABASE
from tests.support.mistakes.of_the_gate import GATE

__all__ = ["MISTAKES", "PASSWORD", "Mistake", "is_said"]

MISTAKES = {
    "The file": FILE,
    "The URL of the database": URL_OF_DATABASE,
    "The deployment": DEPLOYMENT,
    "The database": DATABASE,
    "The create route (`--post`)": POSTS,
    "The run": GATE,
}
