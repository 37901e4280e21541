"""What looks like a credential, wherever it stands."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from harness.patterns import lazily
from harness.redaction.spellings import SHORTEST, SHORTEST_PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
_CREDENTIAL = lazily(r"(?i)auth|token|key|secret|cookie|session|passw|pwd|credential|signature|jwt|bearer")
_CREDENTIAL_BEYOND_DOUBT = lazily(
    r"(?i)passw|pwd|secret|credential|api[_-]?key|(?:private|access)[_-]?key|bearer|jwt|passcode|passphrase"
)
_WORDS_BEYOND_DOUBT = frozenset({"pin", "otp", "totp", "mfa", "pw", "pass", "passcode", "passphrase", "hmac"})
_WORDS_OF_CREDENTIALS = _WORDS_BEYOND_DOUBT | {"bypass", "sig", "sid", "csrf", "xsrf", "sas", "pat", "dsn"}
_COUNTS = frozenset({"max", "min", "limit", "count", "length", "size", "ttl", "timeout", "expires", "expiry", "days"})
_WORDS_OF_USERS = frozenset(
    {"user", "username", "userid", "login", "email", "mail", "account", "name", "identifier", "handle", "phone"}
)
_CREDENTIAL_IN_A_QUERY = lazily(r"(?i)code|sig|pass|pw")  # besides the names above, as a whole
_CREDENTIALS_OF_A_DATABASE = ("password", "sslpassword", "passfile", "oauth_client_secret", "scram_client_key")
_PASSWORDS_THAT_ARE_NONE = frozenset({"", "x", "x-oauth-basic", "api_token", "unused"})  # where the user is the key
_LOOKS_LIKE_A_KEY = lazily(r"(?i)(?:sk|pk|rk|gh[a-z]|glpat|pat|xox[a-z]|key|token)[-_].{4,}|(?=.*\d)(?=.*[a-z]).{20,}")
HARMLESS_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "content-type", "host", "origin", "referer"}
    | {"user-agent", "x-requested-with"}
)


def is_credential(name: str) -> bool:
    """Whether a name says that its value is a credential."""
    return _CREDENTIAL.search(name) is not None or not _WORDS_OF_CREDENTIALS.isdisjoint(_words(name))


def is_user(name: str) -> bool:
    """Whether a name says that its value names a user, which is no secret by itself."""
    words = _words(name)
    return words[-1:] in ([word] for word in _WORDS_OF_USERS) or (words[-1:] == ["id"] and "user" in words)


def _words(name: str) -> list[str]:
    """The words of a name, in lower case: of snake_case, kebab-case and camelCase."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _is_beyond_doubt(name: str) -> bool:
    words = _words(name)
    if not _COUNTS.isdisjoint(words):
        return False
    return _CREDENTIAL_BEYOND_DOUBT.search(name) is not None or not _WORDS_BEYOND_DOUBT.isdisjoint(words)


def secrets_of_url(url: str) -> Iterator[str]:
    """The password of a URL, its user where that is the key, and credentials among its parameters."""
    parts = urlsplit(url)
    user_and_password = parts.netloc.rpartition("@")[0]
    if user_and_password:
        yield from _secrets_of_user(user_and_password, is_key_possible=parts.scheme in ("http", "https"))
    for key, value in parse_qsl(parts.query):
        if key in _CREDENTIALS_OF_A_DATABASE:
            yield value


def users_of_url(url: str) -> Iterator[str]:
    """The user of a URL, also among its parameters: no secret, but where it stands as a credential."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    for name in (user, unquote(user), *(value for key, value in parse_qsl(parts.query) if key == "user")):
        if name:
            yield name


def _secrets_of_user(user_and_password: str, *, is_key_possible: bool) -> Iterator[str]:
    """What is secret of user:password. An API that takes its key as the user has no password, or one that says so."""
    user, _, password = user_and_password.partition(":")
    if password:
        yield user_and_password
        yield password
        yield unquote(password)
    if is_key_possible and (password.lower() in _PASSWORDS_THAT_ARE_NONE or _LOOKS_LIKE_A_KEY.fullmatch(unquote(user))):
        yield user
        yield unquote(user)


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
    """Texts and numbers under keys that look like a credential: (dotted key, text).

    `auth_type: none`, `max_tokens: 4096` and names of the run's own rows are not meant.
    """
    if isinstance(value, dict):
        for name, item in value.items():
            yield from credentials_of_payload(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from credentials_of_payload(item, key)
    elif isinstance(value, str) and value and "{name}" not in value:
        is_long = len(value) >= SHORTEST_PLAIN or (len(value) >= SHORTEST and any(map(str.isdigit, value)))
        if _is_beyond_doubt(key) or (is_credential(key) and is_long):
            yield key, value
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and _is_beyond_doubt(key):
        yield key, str(value)


def basic_credentials(value: str) -> Iterator[str]:
    """The user and password inside a header of Basic authentication (RFC 7617)."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            yield from _secrets_of_user(base64.b64decode(encoded, validate=True).decode(), is_key_possible=True)


def texts_of(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text and number in a JSON value: (the key that it stands under, text)."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield key, str(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts_of(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item, key)
