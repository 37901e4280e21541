"""A million attempts in the memory of a few: a field each in a column, and a whole object only for what is unusual."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import islice
from operator import lt
from typing import TYPE_CHECKING, Any, overload

from msgspec.structs import replace

from harness.history.attempt import Attempt
from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.history.attempt import Phase

# RFC 9562 section 4: lowercase on output. Many at once: a match costs little.
_UUIDS = lazily(r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})*+")


class Tokens(Sequence[str]):
    """Tokens in the order of their attempts, 16 bytes each where they are UUIDs as RFC 9562 writes them.

    `others` holds, by place, the text of one that is not; its bytes are zero. An attempt without a token has "".
    """

    __slots__ = ("_distinct", "others", "packed")

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.packed = bytearray()
        self.others: dict[int, str] = {}
        self._distinct: tuple[int, tuple[int, int]] | None = None  # of how many tokens it was counted
        self.extend(texts)

    def extend(self, texts: Sequence[str]) -> None:
        """Add tokens behind these."""
        together = "".join(texts)
        if {*map(len, texts)} - {36} or not _UUIDS.fullmatch(together):
            first = len(self)
            odd = {place: text for place, text in enumerate(texts) if len(text) != 36 or not _UUIDS.fullmatch(text)}
            self.others |= {first + place: text for place, text in odd.items()}
            together = "".join("0" * 32 if place in odd else text for place, text in enumerate(texts))
        self.packed += bytes.fromhex(together.replace("-", ""))

    def append_all(self, tokens: Tokens) -> None:
        """Add those of another history behind these."""
        self.others |= {len(self) + place: text for place, text in tokens.others.items()}
        self.packed += tokens.packed

    @property
    def all_version_4(self) -> bool:
        """Whether each is a version 4 UUID as RFC 9562 writes it (sections 4 and 5.4: version 4, variant 10)."""
        versions, variants = {*self.packed[6::16]}, {*self.packed[8::16]}
        return not self.others and {v & 0xF0 for v in versions} <= {0x40} and {v & 0xC0 for v in variants} <= {0x80}

    @property
    def distinct_halves(self) -> tuple[int, int]:
        """How many values the first, and the last, 8 bytes of the UUIDs have."""
        if self._distinct is None or self._distinct[0] != len(self):
            both = memoryview(bytes(self.packed)).cast("Q")
            self._distinct = len(self), (len(set(both[0::2])), len(set(both[1::2])))
        return self._distinct[1]

    def at(self, places: Sequence[int]) -> Tokens:
        """Those at these places."""
        chosen = Tokens()
        chosen.packed = bytearray().join(self.packed[16 * place : 16 * place + 16] for place in places)
        chosen.others = {new: self.others[old] for new, old in enumerate(places) if old in self.others}
        return chosen

    def __len__(self) -> int:
        return len(self.packed) // 16

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Tokens: ...
    def __getitem__(self, place: int | slice) -> str | Tokens:
        if isinstance(place, slice):
            return self.at(range(*place.indices(len(self))))
        place = range(len(self))[place]
        if place in self.others:
            return self.others[place]
        text = self.packed[16 * place : 16 * place + 16].hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Attempts(Sequence[Attempt]):
    """Attempts, made when they are looked at, in the order of their numbers.

    A usual one was answered 201 and named with its number at the end; the columns hold it, but for the start of its
    answer. Any other one is held whole, by its place; the columns repeat what it says. Not to be changed once filled.
    """

    __slots__ = (
        "_acknowledged",
        "_of_phases",
        "ends_s",
        "ids",
        "numbers",
        "others",
        "phases",
        "prefixes",
        "starts_s",
        "tokens",
    )

    def __init__(self) -> None:
        self.numbers = array("q")
        self.prefixes: list[str] = []
        self.phases: list[Phase] = []
        self.starts_s = array("d")
        self.ends_s = array("d")
        self.ids: list[str | None] = []
        self.tokens = Tokens()
        self.others: dict[int, Attempt] = {}
        self._acknowledged: Attempts | None = None
        self._of_phases: dict[frozenset[Phase], Attempts] = {}

    def add(self, attempt: Attempt) -> None:
        """Add one that is held whole."""
        self.others[len(self.numbers)] = attempt
        self.numbers.append(attempt.n)
        self.prefixes.append("")
        self.phases.append(attempt.phase)
        self.starts_s.append(attempt.started_s)
        self.ends_s.append(attempt.ended_s)
        self.ids.append(attempt.id)
        self.tokens.extend([attempt.token or ""])

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Attempt: ...
    @overload
    def __getitem__(self, place: slice) -> Attempts: ...
    def __getitem__(self, place: int | slice) -> Attempt | Attempts:
        if isinstance(place, slice):
            return self.at(range(*place.indices(len(self))))
        place = range(len(self))[place]
        if place in self.others:
            return self.others[place]
        n = self.numbers[place]
        return Attempt(
            n,
            f"{self.prefixes[place]}{n}",
            self.phases[place],
            "ok",
            self.starts_s[place],
            self.ends_s[place],
            status=201,
            id=self.ids[place],
            token=self.tokens[place],
        )

    def __iter__(self) -> Iterator[Attempt]:
        return map(self.__getitem__, range(len(self)))

    def at(self, places: Sequence[int]) -> Attempts:
        """The attempts at these places."""
        chosen = Attempts()
        for name in ("numbers", "starts_s", "ends_s"):
            getattr(chosen, name).extend(map(getattr(self, name).__getitem__, places))
        for name in ("prefixes", "phases", "ids"):
            getattr(chosen, name).extend(map(getattr(self, name).__getitem__, places))
        chosen.tokens = self.tokens.at(places)
        if self.others:
            chosen.others = {new: self.others[old] for new, old in enumerate(places) if old in self.others}
        return chosen

    def in_order(self) -> Attempts:
        """The same in the order of their numbers."""
        numbers = self.numbers
        if all(map(lt, numbers, islice(numbers, 1, None))):
            return self
        return self.at(sorted(range(len(numbers)), key=numbers.__getitem__))

    def moved(self, offset_s: float) -> None:
        """Add so many seconds to all times."""
        if not offset_s:
            return
        self.starts_s = array("d", (s + offset_s for s in self.starts_s))
        self.ends_s = array("d", (s + offset_s for s in self.ends_s))
        self.others = {
            place: replace(a, started_s=self.starts_s[place], ended_s=self.ends_s[place])
            for place, a in self.others.items()
        }

    def extend(self, others: Attempts) -> None:
        """Add the attempts of another history behind these."""
        first = len(self)
        for name in ("numbers", "prefixes", "phases", "starts_s", "ends_s", "ids"):
            getattr(self, name).extend(getattr(others, name))
        self.tokens.append_all(others.tokens)
        self.others |= {first + place: a for place, a in others.others.items()}

    @property
    def acknowledged(self) -> Attempts:
        """Those that ended ok."""
        if self._acknowledged is None:
            wrong = {place for place, a in self.others.items() if a.outcome != "ok"}
            self._acknowledged = self.at([p for p in range(len(self)) if p not in wrong]) if wrong else self
        return self._acknowledged

    @property
    def unacknowledged(self) -> list[Attempt]:
        """Those that did not end ok."""
        return [a for _, a in sorted(self.others.items()) if a.outcome != "ok"]

    def of_phases(self, phases: Iterable[Phase]) -> Attempts:
        """Those of some phases."""
        wanted = frozenset(phases)
        if wanted not in self._of_phases:
            there = {*self.phases}
            if wanted >= there:
                self._of_phases[wanted] = self
            elif wanted.isdisjoint(there):
                self._of_phases[wanted] = Attempts()
            else:
                self._of_phases[wanted] = self.at([place for place, phase in enumerate(self.phases) if phase in wanted])
        return self._of_phases[wanted]


_COLUMNS = {"n": "numbers", "started_s": "starts_s", "ended_s": "ends_s", "id": "ids", "token": "tokens"}


def column(attempts: Sequence[Attempt], name: str) -> Sequence[Any]:
    """One field of every attempt, in their order; `n`, `started_s`, `ended_s`, `id` or `token`."""
    if isinstance(attempts, Attempts):
        values: Sequence[Any] = getattr(attempts, _COLUMNS[name])
        return values
    return [getattr(a, name) for a in attempts]


def unacknowledged(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """Those that did not end ok."""
    return attempts.unacknowledged if isinstance(attempts, Attempts) else [a for a in attempts if a.outcome != "ok"]
