"""Millions of attempts in the memory of a few: fields in columns, and a whole object only for what is unusual."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import chain, islice
from operator import lt, sub
from typing import TYPE_CHECKING, Any, overload
from uuid import UUID

from msgspec.structs import replace

from harness.history.attempt import Attempt
from harness.history.out_of_core import MOST_IN_MEMORY, PIECE, Column, ascending, distinct, in_parts, repeated
from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.history.attempt import Phase

# RFC 9562 section 4: lowercase on output. Many at once: a match costs little.
_LARGEST_NUMBER = 2**63  # that 8 bytes have no room for
_UUIDS = lazily(r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})*+")


class Tokens(Sequence[str]):
    """Tokens in the order of their attempts, 16 bytes each where they are UUIDs as RFC 9562 writes them.

    `others` holds, by place, the text of one that is not; its bytes are zero. An attempt without a token has "".
    """

    __slots__ = ("_distinct", "halves", "others")

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.halves = Column("Q")  # two of each token
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
        self.halves.add_bytes(bytes.fromhex(together.replace("-", "")))

    def append_all(self, tokens: Tokens) -> None:
        """Add those of another history behind these."""
        self.others |= {len(self) + place: text for place, text in tokens.others.items()}
        self.halves.extend(tokens.halves)

    def packed(self) -> Iterator[bytes]:
        """The 16 bytes of each, many together."""
        return (piece.tobytes() for piece in self.halves.pieces())

    @property
    def all_version_4(self) -> bool:
        """Whether each is a version 4 UUID as RFC 9562 writes it (sections 4 and 5.4: version 4, variant 10)."""
        if self.others:
            return False
        return all(
            {v & 0xF0 for v in {*piece[6::16]}} <= {0x40} and {v & 0xC0 for v in {*piece[8::16]}} <= {0x80}
            for piece in self.packed()
        )

    @property
    def distinct_halves(self) -> tuple[int, int]:
        """How many values the first, and the last, 8 bytes of the UUIDs have."""
        if self._distinct is None or self._distinct[0] != len(self):
            first, last = (distinct(partial(self._half, half), "Q", len(self)) for half in (0, 1))
            self._distinct = len(self), (first, last)
        return self._distinct[1]

    def _half(self, half: int) -> Iterator[int]:
        return chain.from_iterable(piece[half::2] for piece in self.halves.pieces())

    def also_in(self, *more: Tokens) -> set[int]:
        """The first halves that come more than once in these and more, however a token is written."""
        every = (self, *more)
        written = [half for tokens in every for text in tokens.others.values() for half in _first_half(text)]
        numbers = chain(*(tokens._half(0) for tokens in every), written)
        return repeated(numbers, "Q", sum(map(len, every)) + len(written))

    def places_of(self, first_halves: set[int]) -> Iterator[int]:
        """The places of tokens that begin so, and of all that are no UUIDs as RFC 9562 writes them."""
        return (place for place, half in enumerate(self._half(0)) if half in first_halves or place in self.others)

    def at(self, places: Sequence[int]) -> Tokens:
        """Those at these places."""
        chosen = Tokens()
        rest = iter(places)
        while some := list(islice(rest, PIECE)):
            low, high = min(some), max(some) + 1
            if high - low > 4 * len(some):  # far from each other
                pairs = chain.from_iterable((2 * place, 2 * place + 1) for place in some)
                chosen.halves.extend(self.halves.at(list(pairs)))
                continue
            held = self.halves.read(2 * low, 2 * high).tobytes()
            starts = [16 * (place - low) for place in some]
            chosen.halves.add_bytes(b"".join([held[start : start + 16] for start in starts]))
        if self.others:
            chosen.others = {new: self.others[old] for new, old in enumerate(places) if old in self.others}
        return chosen

    def __len__(self) -> int:
        return len(self.halves) // 2

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

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
        text = self.halves.read(2 * place, 2 * place + 2).tobytes().hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _first_half(text: str) -> list[int]:
    """That of a UUID in another spelling, as `Tokens` packs it; nothing of what is none."""
    try:
        return [*array("Q", UUID(text).bytes[:8])]
    except ValueError:
        return []


class Ids(Sequence["str | None"]):
    """Ids in the order of their attempts, 8 bytes each where they are numbers.

    `others` holds, by place, the text of one that is not, or None; its number is zero.
    """

    __slots__ = ("numbers", "others")

    def __init__(self) -> None:
        self.numbers = Column("q")
        self.others: dict[int, str | None] = {}

    def extend(self, ids: Sequence[str | None]) -> None:
        """Add ids behind these."""
        first = len(self)
        numbers: list[int | None]
        try:
            numbers = list(map(int, ids))  # type: ignore[arg-type]
            usual = list(map(str, numbers)) == ids and max(map(abs, numbers), default=0) < _LARGEST_NUMBER  # type: ignore[arg-type]
        except (TypeError, ValueError):
            usual = False
        if not usual:
            numbers = [_number(id_) for id_ in ids]
            self.others |= {first + place: ids[place] for place, number in enumerate(numbers) if number is None}
        self.numbers.extend([number or 0 for number in numbers])

    def append_all(self, ids: Ids) -> None:
        """Add those of another history behind these."""
        self.others |= {len(self) + place: text for place, text in ids.others.items()}
        self.numbers.extend(ids.numbers)

    def at(self, places: Sequence[int]) -> Ids:
        """Those at these places."""
        chosen = Ids()
        chosen.numbers = self.numbers.at(places)
        if self.others:
            chosen.others = {new: self.others[old] for new, old in enumerate(places) if old in self.others}
        return chosen

    def again(self) -> set[str]:
        """Those that come more than once."""
        numbers: Iterable[int] = self.numbers
        if self.others:
            numbers = (number for place, number in enumerate(self.numbers) if place not in self.others)
        texts = Counter(text for text in self.others.values() if text is not None)
        some = {str(number) for number in repeated(numbers, "q", len(self))}
        return some | {text for text, times in texts.items() if times > 1}

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[str | None]:
        texts: Iterator[str | None] = map(str, self.numbers)
        if not self.others:
            return texts
        return (self.others.get(place, text) for place, text in enumerate(texts))

    @overload
    def __getitem__(self, place: int) -> str | None: ...
    @overload
    def __getitem__(self, place: slice) -> Ids: ...
    def __getitem__(self, place: int | slice) -> str | Ids | None:
        if isinstance(place, slice):
            return self.at(range(*place.indices(len(self))))
        place = range(len(self))[place]
        return self.others[place] if place in self.others else str(self.numbers[place])


def _number(id_: str | None) -> int | None:
    """An id as the number that is written so; None of any other."""
    if id_ is None or len(id_) > len(str(_LARGEST_NUMBER)) or not id_.isascii() or not id_.isdecimal():
        return None
    number = int(id_)
    return number if str(number) == id_ and number < _LARGEST_NUMBER else None


class Attempts(Sequence[Attempt]):
    """Attempts, made when they are looked at, in the order of their numbers.

    A usual one was answered 201 and named with its number at the end; the columns hold it, but for the start of its
    answer. Any other one is held whole, by its place; the columns repeat what it says. Not to be changed once filled.
    Columns of very many are on disk.
    """

    __slots__ = (
        "_acknowledged",
        "_of_phases",
        "_took",
        "ends_s",
        "ids",
        "kinds",
        "numbers",
        "of_kind",
        "others",
        "starts_s",
        "tokens",
    )

    def __init__(self) -> None:
        self.numbers = Column("q")
        self.kinds = Column("I")
        self.of_kind: dict[tuple[str, Phase], int] = {}  # a prefix and a phase, and its number
        self.starts_s = Column("d")
        self.ends_s = Column("d")
        self.ids = Ids()
        self.tokens = Tokens()
        self.others: dict[int, Attempt] = {}
        self._acknowledged: Attempts | None = None
        self._of_phases: dict[frozenset[Phase], Attempts] = {}
        self._took: Sequence[float] | None = None

    def add(self, attempt: Attempt) -> None:
        """Add one that is held whole."""
        self.others[len(self.numbers)] = attempt
        self.numbers.append(attempt.n)
        self.kinds.append(self.kind("", attempt.phase))
        self.starts_s.append(attempt.started_s)
        self.ends_s.append(attempt.ended_s)
        self.ids.extend([attempt.id])
        self.tokens.extend([attempt.token or ""])

    def kind(self, prefix: str, phase: Phase) -> int:
        """The number of a prefix of names and a phase, which many attempts have."""
        return self.of_kind.setdefault((prefix, phase), len(self.of_kind))

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
        prefix, phase = next(islice(self.of_kind, self.kinds[place], None))
        return Attempt(
            n,
            f"{prefix}{n}",
            phase,
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
        for name in ("numbers", "kinds", "starts_s", "ends_s", "ids", "tokens"):
            setattr(chosen, name, getattr(self, name).at(places))
        chosen.of_kind = self.of_kind
        if self.others:
            chosen.others = {new: self.others[old] for new, old in enumerate(places) if old in self.others}
        return chosen

    def in_order(self) -> Attempts:
        """The same in the order of their numbers."""
        numbers = self.numbers
        if all(map(lt, numbers, islice(numbers, 1, None))):
            return self
        many = len(numbers)
        if many <= MOST_IN_MEMORY or max(numbers) >= 1 << 32:
            return self.at(sorted(range(many), key=numbers.__getitem__))
        placed = in_parts((n << 32 | place for place, n in enumerate(numbers)), "Q", many)
        return self.at(Column("Q", (both & 0xFFFF_FFFF for part in placed for both in part)))

    def moved(self, offset_s: float) -> None:
        """Add so many seconds to all times."""
        if not offset_s:
            return
        self.starts_s = Column("d", (s + offset_s for s in self.starts_s))
        self.ends_s = Column("d", (s + offset_s for s in self.ends_s))
        self.others = {
            place: replace(a, started_s=self.starts_s[place], ended_s=self.ends_s[place])
            for place, a in self.others.items()
        }

    def extend(self, others: Attempts) -> None:
        """Add the attempts of another history behind these."""
        first = len(self)
        codes = [self.kind(*kind) for kind in others.of_kind]
        self.kinds.extend(map(codes.__getitem__, others.kinds))
        for name in ("numbers", "starts_s", "ends_s"):
            getattr(self, name).extend(getattr(others, name))
        self.ids.append_all(others.ids)
        self.tokens.append_all(others.tokens)
        self.others |= {first + place: a for place, a in others.others.items()}

    @property
    def took_in_order(self) -> Sequence[float]:
        """How many seconds each took, ascending."""
        if self._took is None:
            self._took = ascending(map(sub, self.ends_s, self.starts_s), len(self))
        return self._took

    @property
    def acknowledged(self) -> Attempts:
        """Those that ended ok."""
        if self._acknowledged is None:
            wrong = {place for place, a in self.others.items() if a.outcome != "ok"}
            right = Column("Q", (p for p in range(len(self)) if p not in wrong)) if wrong else None
            self._acknowledged = self if right is None else self.at(right)
        return self._acknowledged

    @property
    def unacknowledged(self) -> list[Attempt]:
        """Those that did not end ok."""
        return [a for _, a in sorted(self.others.items()) if a.outcome != "ok"]

    def of_phases(self, phases: Iterable[Phase]) -> Attempts:
        """Those of some phases."""
        wanted = frozenset(phases)
        if wanted not in self._of_phases:
            there = {*self.kinds}
            those = {code for (_, phase), code in self.of_kind.items() if phase in wanted}
            if those >= there:
                self._of_phases[wanted] = self
            elif those.isdisjoint(there):
                self._of_phases[wanted] = Attempts()
            else:
                places = (place for place, code in enumerate(self.kinds) if code in those)
                self._of_phases[wanted] = self.at(Column("Q", places))
        return self._of_phases[wanted]


_COLUMNS = {"n": "numbers", "started_s": "starts_s", "ended_s": "ends_s", "id": "ids", "token": "tokens"}


def column(attempts: Sequence[Attempt], name: str) -> Sequence[Any]:
    """One field of every attempt, in their order; `n`, `started_s`, `ended_s`, `id` or `token`."""
    if isinstance(attempts, Attempts):
        values: Sequence[Any] = getattr(attempts, _COLUMNS[name])
        return values
    return [getattr(a, name) for a in attempts]


def took_in_order(attempts: Sequence[Attempt]) -> Sequence[float]:
    """How many seconds each took, ascending."""
    return attempts.took_in_order if isinstance(attempts, Attempts) else sorted(a.took_s for a in attempts)


def unacknowledged(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """Those that did not end ok."""
    return attempts.unacknowledged if isinstance(attempts, Attempts) else [a for a in attempts if a.outcome != "ok"]
