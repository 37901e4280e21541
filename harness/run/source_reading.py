"""Reads an app's source once for all checks and all environments of a run that name the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from harness.errors import NotCovered, Unavailable, attempted, demanded, if_available

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.configuration.models import Environment
    from harness.source.checkout import Checkout
    from harness.source.evidence import Analysis
    from harness.source.migrations.checkers import TokenInSource

T = TypeVar("T")
K = TypeVar("K")
_Key = tuple["Path | None", str, str]


class SourceReading:
    """What was found in each checkout, or why there is nothing; nothing is read before a check looks at it."""

    def __init__(self) -> None:
        self._checkouts: dict[Path, Checkout | Unavailable] = {}
        self._analyses: dict[_Key, Analysis | Unavailable] = {}
        self._tokens: dict[_Key, TokenInSource | Unavailable] = {}

    def checkout(self, environment: Environment) -> Checkout:
        """The files of the app that an environment names.

        Raises:
            NotCovered: it names none, or none that holds anything to read.
            CouldNotTell: it cannot be read.
        """
        root = environment.source
        if root is None:
            raise NotCovered("no checkout of the app was named", "name one with `source:` or --source")
        from harness.source.checkout import read_checkout  # most runs read none

        return _once(self._checkouts, root, lambda: read_checkout(root))

    def analysis(self, environment: Environment) -> Analysis:
        """What the app's source says of its table.

        Raises:
            NotCovered: as `checkout`, or what parses it is not installed.
            CouldNotTell: it cannot be read.
        """
        checkout, table = self.checkout(environment), environment.table
        from harness.source.app.analysis import analyse

        return _once(self._analyses, _key(environment), lambda: analyse(checkout, table.name, table.token))

    def token(self, environment: Environment) -> TokenInSource:
        """What migrations and schema files of the app's source say of the token column; raises as `analysis`."""
        checkout, table = self.checkout(environment), environment.table
        from harness.source.migrations.reading import read_token

        return _once(self._tokens, _key(environment), lambda: read_token(checkout, table.name, table.token))

    def notes(self, environment: Environment) -> tuple[str, ...]:
        """What was noticed in an app's source that decides nothing, as far as it was read."""
        found = self._analyses.get(_key(environment))
        analysis = None if found is None else if_available(found)
        return analysis.notes if analysis is not None else ()


def _key(environment: Environment) -> _Key:
    return environment.source, environment.table.name, environment.table.token


def _once(kept: dict[K, T | Unavailable], key: K, find: Callable[[], T]) -> T:
    """What is found of a key, looked for once; why there is nothing is kept as well, and raised each time."""
    if key not in kept:
        kept[key] = attempted(find)
    return demanded(kept[key])
