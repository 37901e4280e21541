"""How random are tokens that have the form of version 4 UUIDs? Two tests with stated rates of false alarm.

Halves: a version 4 UUID has 60 random bits in its first 8 bytes and 62 in its last (RFC 9562 section 5.4). Legacy
tokens that were padded into the shape collide in the padded half, however few they are. Bits: among n true tokens each
random bit is set about n/2 times; a counter, a clock or a fixed prefix is not so even. Neither can see a token that is
made by a good hash of something guessable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.history.token_sample import Sample

FALSE_ALARM = 1e-6  # of each of the two tests, in one run on one environment
RANDOM_BITS = tuple(bit for bit in range(128) if bit not in (48, 49, 50, 51, 64, 65))  # all but version and variant
EVEN_WITHIN = 5.76  # standard deviations: 122 two-sided tests at this distance add up to FALSE_ALARM
FEWEST_FOR_BITS = 100  # below, the normal distribution is too rough a picture of a count


def signs_of_order(sample: Sample) -> list[str]:
    """What random tokens would not show, a sentence each; empty where they look random."""
    found = []
    for half, distinct, random_bits in (("first", sample.first_halves, 60), ("last", sample.last_halves, 62)):
        collisions = sample.tokens - distinct
        if collisions > allowed_collisions(sample.tokens, random_bits):
            found.append(f"{collisions} of {sample.tokens} tokens share their {half} 8 bytes with another token")
    uneven = uneven_bits(sample.ones, sample.bits_of)
    if uneven:
        shown = ", ".join(f"bit {bit} set in {share:.1%}" for bit, share in uneven[:3])
        found.append(f"{len(uneven)} of 122 random bits are uneven over {sample.bits_of} tokens: {shown}")
    return found


def allowed_collisions(tokens: int, random_bits: int) -> int:
    """How many collisions among true tokens stay below the rate of false alarm: a Poisson count's upper quantile."""
    expected = tokens * (tokens - 1) / 2 / 2**random_bits
    term, allowed, tail = math.exp(-expected), 0, -math.expm1(-expected)
    while tail > FALSE_ALARM / 2:  # two halves
        allowed += 1
        term *= expected / allowed
        tail -= term
    return allowed


def uneven_bits(ones: Sequence[int], tokens: int) -> list[tuple[int, float]]:
    """The random bits that are set too often or too rarely, with their share; the furthest from a half first."""
    if tokens < FEWEST_FOR_BITS:
        return []
    away = {bit: abs(2 * ones[bit] - tokens) / math.sqrt(tokens) for bit in RANDOM_BITS}
    return [(bit, ones[bit] / tokens) for bit in sorted(away, key=lambda b: -away[b]) if away[bit] > EVEN_WITHIN]
