"""Bodies of wrong answers, by the hundred thousand: each is held once, and no more of them whole than are read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Hashable

    from harness.history.attempt import Attempt

MOST_ALIKE = 200  # different bodies of answers that are alike but for the body: `causes` reads so many, reports fewer
MOST_HELD = 64 * 1024 * 1024  # bytes of bodies, whatever the answers are like
_SHOWN = 100  # characters of a body that is not held whole
_ASCII, _WIDEST = 1, 4  # bytes that a character takes in memory


class Bodies:
    """Lets go of what nobody reads of the bodies of wrong answers.

    Two bodies differ afterwards if they differed before: one that is not held whole ends in its digest.
    """

    def __init__(self) -> None:
        self._held: dict[bytes, str] = {}
        self._alike: dict[Hashable, int] = {}
        self._left = MOST_HELD

    def bounded(self, attempt: Attempt) -> Attempt:
        """The same attempt, its body held once for all, and whole only as far as it may be read."""
        body = attempt.evidence
        digest = hashlib.blake2b(body.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        held = self._held.get(digest)
        if held is None:
            of = (attempt.phase, attempt.problem, attempt.status, attempt.error)
            size = len(body) * (_ASCII if body.isascii() else _WIDEST)
            few = self._alike.get(of, 0) < MOST_ALIKE
            whole = (few and size <= self._left) or len(body) <= _SHOWN
            if whole and len(body) > _SHOWN:
                self._alike[of] = self._alike.get(of, 0) + 1
                self._left -= size
            held = body if whole else f"{body[:_SHOWN]} .. ({digest.hex()})"
            self._held[digest] = held
        return attempt if held is body else replace(attempt, evidence=held)
