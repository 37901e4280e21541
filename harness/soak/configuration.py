"""What a soak was asked to do: its environment, checked before anything is sent."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.configuration.loading import MANY, ConfigurationError, load
from harness.configuration.secrets import learn
from harness.extras import install
from harness.redaction.redactor import Redactor
from harness.run.known_claims import demand_known_claims

if TYPE_CHECKING:
    from pathlib import Path

    from harness.configuration.models import Environment, Soak


def demand_locust() -> None:
    """Refuse to begin without the engine.

    Raises:
        ConfigurationError: locust is not installed.
    """
    if find_spec("locust") is None:
        raise ConfigurationError(
            f"soak: locust is not installed here, and a gate does not need it. Install it with {install('soak')} "
            f"(make setup does)."
        )


def asked(file: Path, name: str, *, allow_many: bool) -> tuple[Environment, Soak]:
    """The environment to soak, and how much it may be sent.

    Raises:
        ConfigurationError: a mistake of the file; or no bound is set; or a protected one would be sent very many.
    """
    (environment,) = load(file, [name])
    demand_known_claims([environment], file)
    soak = environment.soak
    if soak is None:
        raise ConfigurationError(
            f"{file}: environments.{name}.soak: is not set, and a soak sends nothing without a bound. Set it in the "
            "environment itself, such as soak: {attempts: 10000, users: 20, rate: 100} for POSTs in all, POSTs under "
            "way at the same moment, and POSTs a second."
        )
    if environment.protected and soak.attempts > MANY and not allow_many:
        raise ConfigurationError(
            f"{file}: environments.{name} is protected, and soak.attempts is {soak.attempts}: more than {MANY} need "
            "--allow-many. Without it, lower soak.attempts."
        )
    return environment, soak


def redactor_of(file: Path, environment: Environment) -> Redactor:
    """Masks the secrets of an environment and of the file that it stands in."""
    redact = Redactor()
    learn(redact, [environment], file, os.environ)
    return redact
