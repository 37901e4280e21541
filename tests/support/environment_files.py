"""Writes an `environments.yaml` and loads it: what was loaded, or the message of the refusal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.configuration.loading import ConfigurationError, load
from harness.configuration.models import Environment

CANARY = "c4n4ry-s3cret"
MINIMAL = "environments: {preview: {url: 'http://127.0.0.1:1', database: null}}\n"


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "environments.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def loaded(
    folder: Path, text: str | bytes, *names: str, environ: Mapping[str, str] | None = None, **overrides: Any
) -> list[Environment]:
    return load(written(folder, text), names or ["preview"], environ=environ or {}, overrides=overrides)


def refusal(folder: Path, text: str | bytes, *names: str, environ: Mapping[str, str] | None = None, **of: Any) -> str:
    """The message of the refusal, with the file's path as FILE."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, text, *names, environ=environ, **of)
    return str(caught.value).replace(str(folder / "environments.yaml"), "FILE")


def with_keys(keys: str) -> str:
    """An environment that is right but for these keys (YAML flow style)."""
    return f"environments: {{preview: {{url: 'http://127.0.0.1:1', database: null, {keys}}}}}\n"
