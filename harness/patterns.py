"""Regular expressions that are compiled when they are first used: most of them judge what a good run never sees."""

from __future__ import annotations

import re
from typing import Any, cast

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split", "pattern", "flags", "groups")


def lazily(expression: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern, for the start of a module. What it is used by is as fast as of `re.compile` from the second use on."""
    return cast("re.Pattern[str]", Uncompiled(expression, flags))


class Uncompiled:
    """Stands for a pattern until it is needed."""

    def __init__(self, expression: str, flags: int) -> None:
        self._expression, self._flags = expression, flags

    def __getattr__(self, name: str) -> Any:
        """Called once: all methods are then found without it."""
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(self._expression, self._flags)
        self.__dict__.update({method: getattr(compiled, method) for method in _METHODS})
        return getattr(compiled, name)
