"""Which secrets a configuration holds."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote

from harness.redaction.credentials import (
    HARMLESS_HEADERS,
    basic_credentials,
    credentials_of_payload,
    is_credential,
    secrets_of_path,
    secrets_of_url,
    texts_of,
)
from harness.redaction.spellings import SHORTEST_PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.configuration.models import Environment
    from harness.redaction.redactor import Redactor


def secrets_of(environment: Environment) -> Iterator[str]:
    """Every configured value of an environment that must not be seen."""
    for name, value in environment.request_headers().items():
        if name.lower() in HARMLESS_HEADERS:
            continue
        if is_credential(name) or len(value) >= SHORTEST_PLAIN:
            yield value
            yield from basic_credentials(value)
            yield from value.split(" ")[1:]  # the credentials after an authentication scheme (RFC 9110 section 11.4)
        if name.lower() == "cookie":
            yield from (pair.partition("=")[2].strip('"') for pair in value.split("; "))
    if environment.login is not None:
        yield from texts_of(environment.login.body.get_secret_value())
        yield from secrets_of_path(environment.login.path)
    for path in (environment.ready.path, environment.api.create, environment.api.delete or ""):
        yield from secrets_of_path(path)
    yield from (text for _, text in credentials_of_payload(environment.api.payload))
    yield from secrets_of_url(environment.url)
    if environment.database is not None:
        dsn = environment.database.get_secret_value()
        yield dsn
        yield from secrets_of_url(dsn)


def secrets_of_variables(file: Path, environ: Mapping[str, str]) -> set[str]:
    """The values of the variables that a file refers to by a name that looks like a credential's, wherever it does."""
    return {value for name, value in _variables(_text_of(file), environ).items() if is_credential(name)}


def learn(redact: Redactor, environments: Sequence[Environment], file: Path, environ: Mapping[str, str]) -> None:
    """Have the secrets of environments masked, and those of the file that they stand in."""
    for environment in environments:
        redact.add(secrets_of(environment))
    redact.add(secrets_of_variables(file, environ).difference(*map(words_of, environments)))


def secrets_of_broken(file: Path, environ: Mapping[str, str]) -> set[str]:
    """What a file that cannot be used may hold: those variables, and user and password of whatever looks like a URL."""
    text = _text_of(file)
    found = secrets_of_variables(file, environ)
    for words in (text, *_variables(text, environ).values()):
        for user_and_password in re.findall(r"://([^\s'\"]*)@", words):
            password = user_and_password.partition(":")[2]
            found |= {user_and_password, password, unquote(password)}
    return found


def _text_of(file: Path) -> str:
    with suppress(OSError):
        return re.sub(r"(?m)(?:^|(?<=\s))#.*", "", file.read_text(encoding="utf-8", errors="replace"))
    return ""


def _variables(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    names = re.findall(r"\$\{([A-Za-z_][A-Za-z0-9_]*)", text)
    return {name: environ[name] for name in names if environ.get(name)}


def words_of(environment: Environment) -> set[str]:
    """What an environment names in the open: a variable that holds one of these is no secret, whatever it is called."""
    table, api = environment.table, environment.api
    named = {table.name, table.id, table.label, table.token, api.id, api.token, environment.name, environment.origin}
    return named | {api.create, api.delete or "", environment.ready.path, environment.ready.revision or ""}
