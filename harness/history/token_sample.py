"""How the random bits of a sample of tokens are spread: counts of ones."""

from __future__ import annotations

from itertools import chain
from struct import iter_unpack
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from harness.history.columnar import Tokens
from harness.history.out_of_core import Column

if TYPE_CHECKING:
    from collections.abc import Iterable


class Sample(NamedTuple):
    """Counts over distinct tokens of version 4 form.

    `first_halves` and `last_halves` count the distinct values of 8 bytes each. `ones[i]` counts the tokens whose bit i
    is set, bit 0 being the highest of the first byte, over `bits_of` of them.
    """

    tokens: int
    first_halves: int
    last_halves: int
    bits_of: int = 0
    ones: tuple[int, ...] = ()


def sample_of(tokens: Iterable[str]) -> Sample:
    """The counts over tokens at hand; what is not the text of a version 4 UUID is left out."""
    tokens = tokens if isinstance(tokens, Tokens) else Tokens(list(tokens))
    if tokens.all_version_4:
        sample = _counted(tokens)
        if max(sample.first_halves, sample.last_halves) == sample.tokens:  # so that all are distinct
            return sample
    return _counted(_distinct_version_4(tokens))


def _distinct_version_4(tokens: Tokens) -> Tokens:
    """Each version 4 UUID once, as RFC 9562 writes it."""
    seen: set[int] = set()
    odd: dict[int, int | None] = {}  # where one is not counted, or is written in another way
    for place in tokens.places_of(tokens.also_in()):
        number = _version_4(tokens[place])
        odd[place] = None if number in seen or place not in tokens.others else number
        if number is not None and number not in seen:
            seen.add(number)
            if place not in tokens.others:
                del odd[place]
    bytes_of = chain.from_iterable(iter_unpack("16s", piece) for piece in tokens.packed())
    usual = (
        place
        for place, (held,) in enumerate(bytes_of)
        if held[6] & 0xF0 == 0x40 and held[8] & 0xC0 == 0x80 and place not in odd
    )
    found = tokens.at(Column("Q", usual))
    found.extend([str(UUID(int=number)) for number in odd.values() if number is not None])
    return found


def _counted(tokens: Tokens) -> Sample:
    return Sample(len(tokens), *tokens.distinct_halves, len(tokens), _all_ones(tokens))


def _all_ones(tokens: Tokens) -> tuple[int, ...]:
    """How many of the tokens have each of their 128 bits set, the highest first."""
    return tuple(map(sum, zip(*map(_ones, tokens.packed()), strict=True))) or (0,) * 128


def _ones(together: bytes) -> tuple[int, ...]:
    """The same of the bytes of some."""
    ones: list[int] = []
    masks = [int.from_bytes(bytes([1 << 7 - bit]) * (len(together) // 16), "big") for bit in range(8)]
    for place in range(16):  # one number of all bytes at a place is counted many times faster than each byte
        column = int.from_bytes(together[place::16], "big")
        ones += [(column & mask).bit_count() for mask in masks]
    return tuple(ones)


def _version_4(token: str) -> int | None:
    try:
        uuid = UUID(token)
    except ValueError:
        return None
    return uuid.int if uuid.version == 4 else None
