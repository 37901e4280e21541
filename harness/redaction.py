"""Takes secrets out of text before it is printed or written.

What is secret: the database URL's password and the whole URL, every configured header but the few that never carry a
credential, every string of a login's body, a user and password in the deployment's URL, and the cookies that the login
set.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.environments import Environment

MASK = "***"
SHORTEST = 4  # a shorter secret would mask every other word of a report
SHORTEST_PLAIN = 8  # likewise, for headers whose name does not say that they carry a credential
_CREDENTIAL = re.compile(r"(?i)auth|token|key|secret|cookie|session|passw|credential|signature|jwt")
_HARMLESS_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "content-type", "host", "origin", "referer"}
    | {"user-agent", "x-requested-with"}
)


def names_a_credential(name: str) -> bool:
    """Whether a header, key or variable of this name usually carries a credential."""
    return name.lower() not in _HARMLESS_HEADERS and _CREDENTIAL.search(name) is not None


class Redactor:
    """Replaces known secrets, also percent-encoded, base64-encoded, JSON- or HTML-escaped. Thread-safe."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn secrets; the longest is looked for first, so that a part never leaves the rest standing."""
        with self._lock:
            self._spellings |= {s for secret in secrets if len(secret) >= SHORTEST for s in _spellings(secret)}
            longest_first = sorted(self._spellings, key=len, reverse=True)
            if longest_first:
                self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """The text with every secret masked, in whatever case it stands there."""
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def throughout(self, value: Any) -> Any:
        """A JSON value with every string in it masked."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.throughout(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.throughout(item) for item in value]
        return value


def secrets_of(environment: Environment) -> Iterator[str]:
    """Every configured value of an environment that must not be seen."""
    for name, value in environment.request_headers().items():
        if name.lower() in _HARMLESS_HEADERS:
            continue
        if _CREDENTIAL.search(name) or len(value) >= SHORTEST_PLAIN:
            yield value
            yield from _basic_credentials(value)
            yield from value.split(" ")[1:]  # the credentials after an authentication scheme (RFC 9110 section 11.4)
        if name.lower() == "cookie":
            yield from (pair.partition("=")[2] for pair in value.split("; "))
    if environment.login is not None:
        yield from _texts(environment.login.body.get_secret_value())
    yield from secrets_of_url(environment.url)
    if environment.database is not None:
        dsn = environment.database.get_secret_value()
        yield dsn
        yield from secrets_of_url(dsn)


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
        if key in ("password", "sslpassword", "passfile"):
            yield value


def _basic_credentials(value: str) -> Iterator[str]:
    """The user and password inside a header of Basic authentication (RFC 7617)."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            user_and_password = base64.b64decode(encoded, validate=True).decode()
            yield user_and_password
            yield user_and_password.partition(":")[2]


def _spellings(secret: str) -> Iterator[str]:
    encoded = secret.encode("utf-8", "surrogatepass")
    yield secret
    if len(decoded := unquote(secret)) >= SHORTEST:  # a cookie is configured as it travels, and echoed as it was meant
        yield decoded
    yield quote(secret, safe="", errors="replace")
    yield quote_plus(secret, errors="replace")
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield html.escape(secret)
    yield html.escape(secret).replace("&#x27;", "&#39;")  # as Node's pages spell it
    yield base64.b64encode(encoded).decode().rstrip("=")
    yield base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
