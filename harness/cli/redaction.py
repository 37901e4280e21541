"""The redactor of a command, kept for whoever words its last message."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness.redaction.redactor import Redactor

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from harness.configuration.models import Environment


def last_redactor(options: argparse.Namespace) -> Redactor:
    """What the command itself masks with, if it came to know its environments."""
    redact: Redactor | None = getattr(options, "redact", None)
    return redact or redactor_of(options)


def redactor_of(options: argparse.Namespace, environments: Sequence[Environment] = ()) -> Redactor:
    """Masks what a command prints; without environments, whatever their file may hold."""
    from harness.configuration.secrets import learn, secrets_of_broken

    redact = options.redact = Redactor()
    if getattr(options, "environments", None) is None:  # a command that reads none
        return redact
    file = Path(options.environments)
    if environments:
        learn(redact, environments, file, os.environ)
    else:
        redact.add(secrets_of_broken(file, os.environ))
    return redact
