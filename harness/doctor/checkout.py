"""The checkout of the app, where an environment names one: whether a run could read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.doctor.answers import Answer, ok, unknown, wrong
from harness.errors import CouldNotTell, NotCovered
from harness.run.source_reading import SourceReading

if TYPE_CHECKING:
    from harness.configuration.models import Environment

SOURCE = "source"


def ask_checkout(environment: Environment) -> list[Answer]:
    """Read the names and texts of its files, as a run does; nothing where none is named."""
    if environment.source is None:
        return []
    try:
        checkout = SourceReading().checkout(environment)
    except CouldNotTell as why:
        return [wrong(SOURCE, why.cause, why.remedy, "source")]
    except NotCovered as why:
        return [unknown(SOURCE, why.cause, why.remedy, "source")]
    return [ok(SOURCE, f"{checkout.root} has {len(checkout.files)} files that are read", "source")]
