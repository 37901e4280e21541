"""`${VAR}`, `${VAR:-default}` and `${VAR:?message}` inside string values.

Only these three forms are special. A bare `$` stays as it is, since passwords contain it; the libraries that expand
like a shell would replace it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE = lazily(r"\$\{(?P<inside>[^{}]*)(?P<end>\}?)")
_INSIDE = lazily(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<how>:[-?])(?P<argument>.*))?", re.DOTALL)


class Unexpandable(ValueError):
    """A reference that has no value. `variable` is its name, or "" where the reference is malformed."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(message)
        self.variable = variable


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace every reference in `text`.

    An empty variable counts as unset, as in a shell's `:-` and `:?`: a secret that CI does not know arrives as "".

    Raises:
        Unexpandable: a variable is unset or empty and has no default, or a reference is malformed.
    """

    def value(match: re.Match[str]) -> str:
        inside = _INSIDE.fullmatch(match["inside"]) if match["end"] else None
        if inside is None:
            raise Unexpandable(
                "", f"{match[0]!r} is not a reference; write ${{VAR}}, ${{VAR:-default}} or ${{VAR:?message}}"
            )
        name, how, argument = inside["name"], inside["how"], inside["argument"]
        found = environ.get(name, "")
        if found:
            return found
        if how == ":-":
            return argument or ""
        if how == ":?" and argument:
            raise Unexpandable(name, f"the variable {name} is needed: {argument}")
        state = "is set to nothing" if name in environ else "is not set"
        raise Unexpandable(name, f"the variable {name} {state}")

    return _REFERENCE.sub(value, text)
