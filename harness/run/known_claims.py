"""Refuses to waive what is no claim, whichever command reads the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.claims import OfRollout, ids_beside
from harness.configuration.loading import ConfigurationError, nearest
from harness.run.pytest_process import CHECKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.configuration.models import Environment


def demand_known_claims(environments: Sequence[Environment], file: Path) -> None:
    """Refuse to waive what is no claim: a misspelt one would be judged nevertheless.

    Raises:
        ConfigurationError: names the nearest one.
    """
    if not any(environment.waive for environment in environments):
        return
    known = [*ids_beside(CHECKS, "deployment"), *ids_beside(CHECKS, "preflight"), *OfRollout]
    for environment in environments:
        for name in environment.waive:
            if name not in known:
                place = f"environments.{environment.name}.waive"
                raise ConfigurationError(f"{file}: {place}: there is no claim {name!r}{nearest(name, known)}.")
