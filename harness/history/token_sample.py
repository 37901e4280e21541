"""How the random bits of a sample of tokens are spread: counts of ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from harness.history.columnar import Tokens

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
    numbers = {number for token in tokens if (number := _version_4(token)) is not None}
    return _counted(Tokens([str(UUID(int=number)) for number in numbers]))


def _counted(tokens: Tokens) -> Sample:
    return Sample(len(tokens), *tokens.distinct_halves, len(tokens), _ones(bytes(tokens.packed)))


def _ones(together: bytes) -> tuple[int, ...]:
    """How many of the tokens have each of their 128 bits set, the highest first."""
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
