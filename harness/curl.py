"""A request of a run as a command line of curl, for a person to repeat it: secrets are shell variables."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.environments import Environment
    from harness.history import Attempt


class Variable(NamedTuple):
    """A shell variable of a command line, what it stands for, and the option of curl that takes it."""

    name: str
    holds: str
    option: str


def variables(environment: Environment) -> tuple[Variable, ...]:
    """Everything configured that may be secret: each header's value, the user of the URL, the cookies of a login."""
    found: list[Variable] = []
    prefix = _shell_name(environment.name).lstrip("0123456789_") or "SMOKE"

    def add(what: str, holds: str, option: str) -> None:
        name = f"{prefix}_{_shell_name(what)}"
        taken = {variable.name for variable in found}
        number = next(n for n in range(1, len(found) + 2) if (name if n == 1 else f"{name}_{n}") not in taken)
        name = name if number == 1 else f"{name}_{number}"
        found.append(Variable(name, holds, f'{option}"${name}"'))

    for header in environment.headers:
        add(header, f"the value of headers.{header}", f"--header {shlex.quote(f'{header}: ')}")
    if "@" in urlsplit(environment.url).netloc and not any(h.lower() == "authorization" for h in environment.headers):
        add("user", "user:password of url, percent-decoded", "--user ")
    if environment.login is not None:
        add("login_cookie", "the cookies that the login at login.path sets, as name=value", "-b ")
    return tuple(found)


def _shell_name(text: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")


def repeated(environment: Environment, attempt: Attempt, mask: Callable[[str], str] = str) -> str:
    """The command line that sends this POST again, under the same name; masked before it is quoted for a shell."""
    own = {header.lower() for header in environment.headers}
    options = [f"--max-time {environment.api.timeout_s:g}"]
    options += [variable.option for variable in variables(environment)]
    if "content-type" not in own:
        options.append("--header 'Content-Type: application/json'")
    if "x-request-id" not in own:
        options.append(f"--header {shlex.quote(f'X-Request-Id: {attempt.name}')}")
    options.append(f"--data-raw {shlex.quote(mask(json.dumps(environment.payload_for(attempt.name))))}")
    url = shlex.quote(mask(environment.url_of(environment.api.create)))
    return " \\\n  ".join([f"curl --include {url}", *options])
