"""Reads an app's source once for all checks of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from harness.errors import CouldNotTell, NotCovered

if TYPE_CHECKING:
    from collections.abc import Callable
T = TypeVar("T")
K = TypeVar("K")


def _once(kept: dict[K, T | CouldNotTell | NotCovered], key: K, find: Callable[[], T]) -> T:
    """What is found of a key, looked for once; why there is nothing is kept as well, and raised each time."""
    if key not in kept:
        try:
            kept[key] = find()
        except (CouldNotTell, NotCovered) as error:
            kept[key] = error
    found = kept[key]
    if isinstance(found, (CouldNotTell, NotCovered)):
        raise found
    return found
