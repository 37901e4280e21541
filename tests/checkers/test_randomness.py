"""Order among tokens that have the form of version 4 UUIDs is seen, and chance is not taken for it."""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid4

import pytest

from harness.checkers.randomness import RANDOM_BITS, allowed_collisions, signs_of_order
from harness.history.token_sample import sample_of


def shaped(sixteen: bytes) -> str:
    """Sixteen bytes with the version and variant bits of version 4 forced into them."""
    return str(UUID(bytes=sixteen, version=4))


def test_true_tokens_look_random() -> None:
    """Neither a handful nor thousands of generated tokens show a sign of order."""
    assert signs_of_order(sample_of(str(uuid4()) for _ in range(19))) == []
    assert signs_of_order(sample_of(str(uuid4()) for _ in range(5000))) == []


def test_fixed_bits_are_no_random_bits() -> None:
    """The four version bits and the two variant bits are left out, and only they (RFC 9562 section 5.4)."""
    sample = sample_of(str(uuid4()) for _ in range(500))
    always = [bit for bit in range(128) if sample.ones[bit] in (0, 500)]
    assert always == [48, 49, 50, 51, 64, 65]
    assert len(RANDOM_BITS) == 122
    assert not set(always) & set(RANDOM_BITS)


@pytest.mark.parametrize(
    ("make", "half"),
    [
        (lambda n: shaped(b"chatbot-" + hashlib.sha256(b"%d" % n).digest()[:8]), "first"),
        (lambda n: shaped(hashlib.sha256(b"%d" % n).digest()[:8] + bytes(8)), "last"),
    ],
)
def test_two_padded_tokens_are_enough(make, half: str) -> None:  # type: ignore[no-untyped-def]
    """Two tokens that share a half are named, among however many that do not."""
    sample = sample_of([make(1), make(2), *(str(uuid4()) for _ in range(1000))])
    assert signs_of_order(sample) == [f"1 of 1002 tokens share their {half} 8 bytes with another token"]


def test_counter_is_seen_by_its_bits() -> None:
    """Tokens that count up leave most bits as they are."""
    found = signs_of_order(
        sample_of(shaped(n.to_bytes(8, "big") + hashlib.sha256(b"%d" % n).digest()[:8]) for n in range(200))
    )
    assert len(found) == 1
    assert "random bits are uneven over 200 tokens: bit 0 set in 0.0%" in found[0]


def test_good_hash_of_something_guessable_is_not_seen() -> None:
    """What the documents call undetectable is: a hash of a counter shows no order."""
    tokens = [shaped(hashlib.md5(b"%d" % n, usedforsecurity=False).digest()) for n in range(2000)]
    assert signs_of_order(sample_of(tokens)) == []


@pytest.mark.parametrize(("tokens", "allowed"), [(19, 0), (10**6, 0), (10**7, 1), (10**9, 6)])
def test_chance_collisions_are_allowed_for(tokens: int, allowed: int) -> None:
    """Up to a million tokens no shared half is chance; among a thousand million a few are."""
    assert allowed_collisions(tokens, 60) == allowed


def test_the_same_token_twice_is_another_claim() -> None:
    """A repeated token counts once, and text that is no version 4 UUID not at all."""
    token = str(uuid4())
    sample = sample_of([token, token.upper(), "k3x9ab", "00000000-0000-1000-8000-000000000000"])
    assert (sample.tokens, signs_of_order(sample)) == (1, [])
