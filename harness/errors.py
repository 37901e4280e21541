"""Why a claim could not be asked, and results that may be missing for such a reason."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, TypeVar

from harness.text import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class CouldNotTell(Exception):
    """A claim could not be asked. Neither holds nor broken: a gate holds the release and mends the run.

    `cause` says what stood in the way and where; `remedy` says what to do about it. Both may be shown. `key` is the key
    of environments.yaml that is wrong for certain, "" where none is known to be: waiting may help, or somebody else.
    """

    def __init__(self, cause: str, remedy: str, key: str = "") -> None:
        self.cause = sentence(cause)
        self.remedy = sentence(remedy)
        self.key = key
        super().__init__(f"could not tell: {self.cause}; {self.remedy}")


class NotCovered(Exception):
    """A claim that this run was told not to ask (`database: null`, `--read-only`). The verdict names it."""

    def __init__(self, cause: str, remedy: str) -> None:
        self.cause = sentence(cause)
        self.remedy = sentence(remedy)
        super().__init__(self.cause)


class Waived(NotCovered):
    """A required claim that somebody chose not to have judged, by its name or by `database: null`, and why."""

    @classmethod
    def by_name(cls, id_: str, reason: str) -> Waived:
        """The claim of this id, which `waive` of the environment names."""
        return cls(reason, f"take {id_} out of waive to have it judged")


def ask_doctor(environments: Iterable[str]) -> str:
    """What to run where the setup of these environments is wrong: it asks all at once, and says what to write."""
    return f"run chatbots-smoke doctor {' '.join(f'--env {shlex.quote(name)}' for name in environments)}"


Unavailable = CouldNotTell | NotCovered
"""What stands in the place of a result that is missing: `T | Unavailable`."""


def attempted(ask: Callable[[], T]) -> T | Unavailable:
    """The result of asking, or why there is none."""
    try:
        return ask()
    except (CouldNotTell, NotCovered) as unavailable:
        return unavailable


def demanded(part: T | Unavailable) -> T:
    """A result that must be there.

    Raises:
        CouldNotTell, NotCovered: why it is not.
    """
    if isinstance(part, Unavailable):
        raise part
    return part


def if_available(part: T | Unavailable) -> T | None:
    """A result, None where it is missing for whatever reason."""
    return None if isinstance(part, Unavailable) else part
