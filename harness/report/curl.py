"""A request of a run as a command line of curl, for a person to repeat it: secrets are shell variables."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from harness.redaction.credentials import credentials_of_path, credentials_of_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.configuration.models import Environment
    from harness.history.attempt import Attempt


class Variable(NamedTuple):
    """A shell variable of a command line, and what it stands for.

    `option` is the option of curl that takes it; or `instead_of` is the text within another one whose place it takes.
    """

    name: str
    holds: str
    option: str = ""
    instead_of: str = ""


def variables(environment: Environment) -> tuple[Variable, ...]:
    """Everything configured that may be secret: each header's value, the user of the URL, the cookies of a login, and
    credentials in the route's query and in the payload.
    """
    found: list[Variable] = []
    prefix = _shell_name(environment.name).lstrip("0123456789_") or "SMOKE"

    def add(what: str, holds: str, option: str = "", instead_of: str = "") -> None:
        name = f"{prefix}_{_shell_name(what)}"
        taken = {variable.name for variable in found}
        number = next(n for n in range(1, len(found) + 2) if (name if n == 1 else f"{name}_{n}") not in taken)
        name = name if number == 1 else f"{name}_{number}"
        found.append(Variable(name, holds, f'{option}"${name}"' if option else "", instead_of))

    for header in environment.headers:
        add(header, f"the value of headers.{header}", f"--header {shlex.quote(f'{header}: ')}")
    if "@" in urlsplit(environment.url).netloc and not any(h.lower() == "authorization" for h in environment.headers):
        add("user", "user:password of url, percent-decoded", "--user ")
    if environment.login is not None:
        add("login_cookie", "the cookies that the login at login.path sets, as name=value", "-b ")
    for key, value in credentials_of_path(environment.api.create):
        add(key, f"the value of {key} in the query of api.create", instead_of=value)
    for key, value in credentials_of_payload(environment.api.payload):
        add(f"payload_{key}", f"the value of api.payload.{key}, as JSON spells it", instead_of=_in_json(value))
    return tuple(found)


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _quoted(text: str, named: Sequence[Variable], mask: Callable[[str], str]) -> str:
    """A word of a shell, in which variables stand instead of secrets; what else is secret is masked."""
    of = {variable.instead_of: variable.name for variable in named if variable.instead_of}
    if not of:
        return shlex.quote(mask(text))
    longest_first = "|".join(map(re.escape, sorted(of, key=len, reverse=True)))
    pieces = [piece for piece in re.split(f"({longest_first})", text) if piece]
    return "".join(f'"${of[piece]}"' if piece in of else shlex.quote(mask(piece)) for piece in pieces)


def _shell_name(text: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")


def repeated(environment: Environment, attempt: Attempt, mask: Callable[[str], str] = str) -> str:
    """The command line that sends this POST again, under the same name; masked before it is quoted for a shell."""
    own = {header.lower() for header in environment.headers}
    options = [f"--max-time {environment.api.timeout_s:g}"]
    named = variables(environment)
    options += [variable.option for variable in named if variable.option]
    if "content-type" not in own:
        options.append("--header 'Content-Type: application/json'")
    if "x-request-id" not in own:
        options.append(f"--header {shlex.quote(f'X-Request-Id: {attempt.name}')}")
    options.append(f"--data-raw {_quoted(json.dumps(environment.payload_for(attempt.name)), named, mask)}")
    url = _quoted(environment.url_of(environment.api.create), named, mask)
    return " \\\n  ".join([f"curl --include {url}", *options])
