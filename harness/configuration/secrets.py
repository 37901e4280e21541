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
    is_user,
    secrets_of_path,
    secrets_of_url,
    texts_of,
    users_of_url,
)
from harness.redaction.spellings import SHORTEST_PLAIN
from harness.redaction.standing import is_common

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.configuration.models import Environment
    from harness.redaction.redactor import Redactor


def secrets_of(environment: Environment) -> Iterator[str]:
    """Every configured value of an environment that must not be seen."""
    yield from (value for _, value in named_secrets_of(environment))


def named_secrets_of(environment: Environment) -> Iterator[tuple[str, str]]:
    """The same, each with the key of the file that it stands under."""
    for name, value in environment.request_headers().items():
        if name.lower() in HARMLESS_HEADERS:
            continue
        key = f"headers.{name}"
        if is_credential(name) or len(value) >= SHORTEST_PLAIN:
            yield key, value
        if is_credential(name):
            yield from ((key, secret) for secret in basic_credentials(value))
            # The credentials after an authentication scheme (RFC 9110 section 11.4).
            yield from ((key, secret) for secret in value.split(" ")[1:])
        if name.lower() == "cookie":
            for cookie, _, held in (pair.partition("=") for pair in value.split(";")):
                yield f"{key}.{cookie.strip()}", held.strip(' "')
    if environment.login is not None:
        for name, value in texts_of(environment.login.body.get_secret_value()):
            if not is_user(name):
                yield f"login.json.{name}", value
    for key, path in _paths(environment):
        yield from ((key, secret) for secret in secrets_of_path(path))
    yield from ((f"api.payload.{key}", text) for key, text in credentials_of_payload(environment.api.payload))
    yield from (("url", secret) for secret in secrets_of_url(environment.url))
    if environment.database is not None:
        dsn = environment.database.get_secret_value()
        yield "database", dsn
        yield from (("database", secret) for secret in secrets_of_url(dsn))


def _paths(environment: Environment) -> Iterator[tuple[str, str]]:
    if environment.login is not None:
        yield "login.path", environment.login.path
    yield "ready.path", environment.ready.path
    yield "api.create", environment.api.create
    yield "api.delete", environment.api.delete or ""


def users_of(environment: Environment) -> Iterator[str]:
    """The user names of an environment, which are masked only where they stand as credentials."""
    if environment.login is not None:
        for name, value in texts_of(environment.login.body.get_secret_value()):
            if is_user(name):
                yield value
    yield from users_of_url(environment.url)
    if environment.database is not None:
        yield from users_of_url(environment.database.get_secret_value())


def notes_on_secrets(environments: Sequence[Environment]) -> dict[str, list[str]]:
    """What to change where a secret cannot be masked everywhere: for each environment, a sentence for each key.

    A key that several environments share is named once, and no secret is quoted.
    """
    notes: dict[str, list[str]] = {environment.name: [] for environment in environments}
    said: set[tuple[str, str]] = set()
    for environment in environments:
        for key, secret in named_secrets_of(environment):
            if not secret.strip() or not _is_told(key) or (key, secret) in said or not is_common(secret):
                continue
            said.add((key, secret))
            note = (
                f"{key} holds a secret that is too short or too common a word to be masked everywhere: it is "
                "masked only where it is used as a credential; set a longer one"
            )
            if note not in notes[environment.name]:
                notes[environment.name].append(note)
    return notes


def _is_told(key: str) -> bool:
    """Whether what stands under a key is a secret for certain: `provider` and `theme=dark` are no reason for advice."""
    kind, _, name = key.partition(".")
    if kind not in ("headers", "login") or key == "login.path":
        return True
    named = name.rpartition(".")[2]
    return is_credential(named) or named.lower() == "code"


def secrets_of_variables(file: Path, environ: Mapping[str, str]) -> set[str]:
    """The values of the variables that a file refers to by a name that looks like a credential's, wherever it does."""
    return {value for name, value in _variables(_text_of(file), environ).items() if is_credential(name)}


def learn(redact: Redactor, environments: Sequence[Environment], file: Path, environ: Mapping[str, str]) -> None:
    """Have the secrets of environments masked, and those of the file that they stand in."""
    for environment in environments:
        redact.add(secrets_of(environment))
        redact.add_standing(users_of(environment))
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
