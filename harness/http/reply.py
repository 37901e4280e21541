"""What came back of one exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field
from requests.structures import CaseInsensitiveDict

if TYPE_CHECKING:
    from harness.history.problem import Problem


class Reply(Struct):
    """How an exchange ended. `problem` is None where a whole answer was read; then `status` is set.

    `started_s` and `ended_s` are readings of `time.monotonic()`.
    """

    started_s: float
    ended_s: float = 0.0
    problem: Problem | None = None
    error: str = ""
    status: int | None = None
    headers: CaseInsensitiveDict[str] = field(default_factory=CaseInsensitiveDict)
    body: bytes = b""


class Withheld(BaseException):
    """A request that was held back is not to be sent any more. It is no Exception: those are outcomes of a POST."""
