"""What looks like a credential, wherever it stands."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from harness.redaction.spellings import SHORTEST_PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
_CREDENTIAL = re.compile(r"(?i)auth|token|key|secret|cookie|session|passw|pwd|credential|signature|jwt|bearer")
_CREDENTIAL_BEYOND_DOUBT = re.compile(r"(?i)passw|pwd|secret|credential|api[_-]?key|private[_-]?key|bearer|jwt")
_CREDENTIAL_IN_A_QUERY = re.compile(r"(?i)code|sig|pass|pw")  # besides the names above, as a whole
_CREDENTIALS_OF_A_DATABASE = ("password", "sslpassword", "passfile", "oauth_client_secret", "scram_client_key")
HARMLESS_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "content-type", "host", "origin", "referer"}
    | {"user-agent", "x-requested-with"}
)


def is_credential(name: str) -> bool:
    """Whether a name says that its value is a credential."""
    return _CREDENTIAL.search(name) is not None


def secrets_of_url(url: str) -> Iterator[str]:
    """The user and password of a URL, and credentials among its parameters."""
    parts = urlsplit(url)
    user_and_password, at, _ = parts.netloc.rpartition("@")
    if at:
        yield user_and_password
        password = user_and_password.partition(":")[2]
        yield password
        yield unquote(password)
    for key, value in parse_qsl(parts.query):
        if key in _CREDENTIALS_OF_A_DATABASE:
            yield value


def credentials_of_path(path: str) -> Iterator[tuple[str, str]]:
    """Credentials among the parameters of a path's query: (name, value as it travels)."""
    for parameter in re.split("[&;]", path.partition("?")[2].partition("#")[0]):
        key, _, value = parameter.partition("=")
        if is_credential(key) or _CREDENTIAL_IN_A_QUERY.fullmatch(key):
            yield key, value


def secrets_of_path(path: str) -> Iterator[str]:
    """The same values, as they travel and as they are."""
    for _, value in credentials_of_path(path):
        yield value
        yield unquote_plus(value)


def credentials_of_payload(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Texts under keys that look like a credential: (dotted key, text).

    `auth_type: none` and names of the run's own rows are not meant.
    """
    if isinstance(value, dict):
        for name, item in value.items():
            yield from credentials_of_payload(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from credentials_of_payload(item, key)
    elif isinstance(value, str) and "{name}" not in value:
        beyond_doubt = _CREDENTIAL_BEYOND_DOUBT.search(key)
        if beyond_doubt or (is_credential(key) and len(value) >= SHORTEST_PLAIN):
            yield key, value


def basic_credentials(value: str) -> Iterator[str]:
    """The user and password inside a header of Basic authentication (RFC 7617)."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            user_and_password = base64.b64decode(encoded, validate=True).decode()
            yield user_and_password
            yield user_and_password.partition(":")[2]


def texts_of(value: object) -> Iterator[str]:
    """Every text and number in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
