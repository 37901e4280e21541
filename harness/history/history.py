"""What was sent and what came back: histories, which checkers judge, and the attempts that they are made of.

Writing a history to disk is `harness.history.writing`, reading one `harness.history.reading`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct

from harness.errors import CouldNotTell
from harness.history.attempt import Attempt, Phase, Probe
from harness.history.columnar import Attempts, Tokens, unacknowledged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class WithoutItsName(CouldNotTell):
    """No further POST was sent, since the row of the first one is stored, and cannot be told by the name that was sent.

    Where no column of it holds the name, whatever the other POSTs would have shown, this much was seen: `dropped` says
    it.
    """

    def __init__(self, cause: str, remedy: str, dropped: str = "") -> None:
        super().__init__(cause, remedy)
        self.dropped = dropped


_USUAL: tuple[Phase, ...] = ("sequence", "burst", "soak", "rollout")


class History(Struct, frozen=True):
    """All attempts of a run on one environment, in the order of their numbers.

    `probes` are the POSTs that ask something else than to be created as usual; no claim about the others counts them.
    Attempts may be a tuple, or columns where they are very many: `column` reads a field of either. `cut_short` says why
    the POSTs after these were not sent: such a history shows what is broken, and proves nothing.
    """

    environment: str
    attempts: Sequence[Attempt]
    probes: tuple[Attempt, ...] = ()
    cut_short: CouldNotTell | None = None

    @classmethod
    def of(cls, environment: str, sent: Iterable[Attempt], cut_short: CouldNotTell | None = None) -> History:
        """The history of all that was sent, told apart by phase."""
        if isinstance(sent, Attempts):
            probes: tuple[Phase, ...] = ("chosen_token", "same_payload")
            return cls(environment, sent.of_phases(_USUAL), tuple(sent.of_phases(probes)), cut_short)
        sent = tuple(sent)
        usual = tuple(a for a in sent if a.phase in _USUAL)
        return cls(environment, usual, tuple(a for a in sent if a.phase not in _USUAL), cut_short)

    @property
    def sent(self) -> Sequence[Attempt]:
        """Everything that was sent, probes included: what has to be cleaned up."""
        return (*self.attempts, *self.probes) if self.probes else self.attempts

    def probe(self, probe: Probe) -> tuple[Attempt, ...]:
        """The attempts of one probe."""
        return tuple(a for a in self.probes if a.phase == probe)

    @property
    def acknowledged(self) -> Sequence[Attempt]:
        """The attempts that ended ok: answered as asked, with an id and a token."""
        if isinstance(self.attempts, Attempts):
            return self.attempts.acknowledged
        return tuple(a for a in self.attempts if a.outcome == "ok")

    @property
    def unacknowledged(self) -> Sequence[Attempt]:
        """The attempts that did not."""
        return unacknowledged(self.attempts)

    @property
    def tokens(self) -> Tokens:
        """What the acknowledged attempts returned, each as often as it came."""
        acknowledged = self.acknowledged
        if isinstance(acknowledged, Attempts):
            return acknowledged.tokens
        return Tokens([a.token for a in acknowledged if a.token is not None])

    def phase(self, phase: Phase) -> History:
        """The attempts of one phase."""
        if isinstance(self.attempts, Attempts):
            return History(self.environment, self.attempts.of_phases([phase]), cut_short=self.cut_short)
        of_phase = tuple(a for a in self.attempts if a.phase == phase)
        return History(self.environment, of_phase, cut_short=self.cut_short)


def chosen_token(name: str) -> str:
    """The token that a POST of this name tries to choose: a version 4 UUID, so that only its origin is wrong."""
    return str(UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4))
