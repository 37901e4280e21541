"""A client of an environment that is written down in a test."""

import time
from typing import Any

from harness.configuration.models import Environment
from harness.configuration.secrets import secrets_of
from harness.http.client import Client
from harness.redaction.redactor import Redactor

RUN = "20250101-000000-0badcafe"


def environment(url: str, **of: Any) -> Environment:
    """An environment of the contract's defaults, without a database unless one is given."""
    return Environment.model_validate({"name": "preview", "url": url, "database": None, **of})


def client_of(url: str, **of: Any) -> Client:
    """A client of such an environment."""
    described = environment(url, **of)
    return Client(described, RUN, Redactor(secrets_of(described)), time.monotonic())
