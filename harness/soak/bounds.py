"""How much a soak may send, of what several machines allow, and what a worker believes of its master.

A worker heeds its own environments.yaml: whatever a master says, it sends no more, no faster and to nowhere else.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.history.attempt import is_run_id

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_ATTEMPTS = 1_000_000  # as in the file


class NotBelieved(Exception):
    """What a master or a worker of another machine said is nothing that one of this version says."""


class Bounds(NamedTuple):
    """POSTs in all, under way at the same moment, and a second."""

    attempts: int
    users: int
    rate: float


class Begun(NamedTuple):
    """What a master said when it began: the run, POSTs of all workers together, and POSTs a second of one user."""

    run: str
    attempts: int
    each: float


def strictest(bounds: Iterable[Bounds]) -> Bounds:
    """The least of each: what every machine allows."""
    attempts, users, rate = zip(*bounds, strict=True)
    return Bounds(min(attempts), min(users), min(rate))


def bounds_of(said: Any) -> Bounds:
    """What a worker says that its file allows.

    Raises:
        NotBelieved: it is nothing of the kind.
    """
    try:
        attempts, users, rate = (said[name] for name in Bounds._fields)
    except (TypeError, KeyError, IndexError):
        raise NotBelieved("a worker does not say what its environments.yaml allows") from None
    if not _is_count(attempts) or not _is_count(users) or not _is_rate(rate):
        raise NotBelieved("a worker says that its environments.yaml allows what no file can")
    return Bounds(attempts, users, float(rate))


def begun_of(said: Any) -> Begun:
    """What a master says when it begins.

    The run is part of the name of every row: another form of it could be the name of somebody's row.

    Raises:
        NotBelieved: it is nothing of the kind.
    """
    try:
        run, attempts, each = said["run"], said["attempts"], said["each"]
    except (TypeError, KeyError, IndexError):
        raise NotBelieved("the master does not say which run it leads") from None
    if not isinstance(run, str) or not is_run_id(run):
        raise NotBelieved("the master names a run that no run of this harness has")
    if not _is_count(attempts) or not _is_rate(each):
        raise NotBelieved("the master asks for a number or a rate of POSTs that no file can")
    return Begun(run, attempts, float(each))


def _is_count(said: object) -> bool:
    return type(said) is int and 0 < said <= _MOST_ATTEMPTS


def _is_rate(said: object) -> bool:
    return isinstance(said, (int, float)) and not isinstance(said, bool) and math.isfinite(said) and said > 0


@dataclass(slots=True)
class Pace:
    """At most so many POSTs a second, of all users of a worker together; a second's worth may be caught up with."""

    rate: float
    _next_s: float = field(default_factory=time.monotonic)

    def wait_s(self) -> float:
        """How long to wait before the next POST; it takes its place."""
        now_s = time.monotonic()
        place_s = max(self._next_s, now_s - 1.0)
        self._next_s = place_s + 1 / self.rate
        return max(0.0, place_s - now_s)
