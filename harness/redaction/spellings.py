"""How a secret may be spelt that no escape is: in base64, in hexadecimal, as bytes that were read wrongly."""

from __future__ import annotations

import base64
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from harness.patterns import lazily
from harness.redaction.decoding import DEEPEST, decoded

if TYPE_CHECKING:
    from collections.abc import Iterator
SHORTEST = 4  # a shorter secret would mask every other word of a report
SHORTEST_PLAIN = 8  # likewise, where no name says that the value is a credential
SHORTEST_INSIDE = 4  # digits of base64 that a secret must fill by itself, inside a longer text that was encoded as one
_LOOSELY = 6  # such digits that are looked for in whatever case
# Where a line ends, and what may stand at the next one's beginning: a traceback's and a log's margins. What is escaped
# is decoded before. No repetition can begin inside of another: searching stays linear.
LINE_END = r"(?:\r\n|[\n\r\v\f\x85\u2028\u2029]|<[bB][rR] ?/?>)"
MARGIN = r"(?:(?:E|>|\||#|INTERNALERROR>)[ \t]+)?"
BREAK = lazily(rf"(?:{LINE_END}[ \t]*+)+{MARGIN}")


class Needle(NamedTuple):
    """What is looked for, in lower case.

    Attributes:
        text: it.
        exact: its own case, where it is in that case only; "" in any.
        before: how many digits of base64 before it hold some of its bits.
        after: how many after it.
        apart: whether no other digit may stand beside it: a number within a number is another one.
    """

    text: str
    exact: str = ""
    before: int = 0
    after: int = 0
    apart: bool = False


def in_lower_case(text: str) -> str:
    """Lower case of the same length: one letter would become two, and another has a form of its own at a word's end."""
    return text.lower() if text.isascii() else text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


@lru_cache(maxsize=4096)
def needles_of(secret: str) -> tuple[Needle, ...]:
    """Everything to look for, for a secret and, where it has several lines, for each that could do harm by itself."""
    found: dict[tuple[str, str], Needle] = {}

    def add(needle: Needle) -> None:
        found.setdefault((needle.text, needle.exact), needle)

    lines = [line.strip() for line in secret.splitlines()]
    parts = [secret, *(line for line in lines if len(line) >= SHORTEST_PLAIN)]
    for part in dict.fromkeys([*parts, *_undone(secret)]):
        if len(part) < SHORTEST:
            continue
        for spelling in _spellings(part):
            for text in (spelling, BREAK.sub("", spelling), BREAK.sub(" ", spelling)):
                if len(text.strip("\ufffd")) >= SHORTEST:
                    add(Needle(in_lower_case(text), apart=text.isdecimal()))
        for encoded in _encoded(part):
            for needle in _digits_inside(encoded):
                add(needle)
    return tuple(found.values())


def _undone(secret: str) -> Iterator[str]:
    """What a secret that holds escapes itself becomes: a cookie is configured as it travels, and echoed as meant."""
    text = secret
    for _ in range(DEEPEST):
        reading = decoded(text)
        if reading is None or reading.text == text:
            return
        text = reading.text
        yield text


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield secret.replace(" ", "+")  # in a form
    for encoded in _encoded(secret):
        yield encoded.decode("utf-8", "replace")  # how a body is kept as evidence
        yield encoded.decode("latin-1")
        yield encoded.hex()
        yield base64.b64encode(encoded).decode().rstrip("=")
        yield base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def _encoded(secret: str) -> Iterator[bytes]:
    """The bytes of a secret: in JSON they are UTF-8, in a header Latin-1."""
    yield secret.encode("utf-8", "surrogatepass")
    if not secret.isascii():
        with suppress(UnicodeEncodeError):
            yield secret.encode("latin-1")


def inside_base64(run: str) -> Iterator[str]:
    """What digits of base64 hold, wherever a group of four begins."""
    digits = run.replace("-", "+").replace("_", "/")
    for first in range(4):
        whole = (len(digits) - first) // 4 * 4
        yield base64.b64decode(digits[first : first + whole]).decode("utf-8", "replace")


def _digits_inside(encoded: bytes) -> Iterator[Needle]:
    """The digits that a secret makes in the base64 of a longer text, where it begins at byte 0, 1 or 2 of a group.

    A digit that it shares with what stands beside it may be any, and is masked along.
    """
    for offset in range(3):
        digits = base64.b64encode(bytes(offset) + encoded).decode().rstrip("=")
        shared_after = (offset + len(encoded)) % 3 != 0
        own = digits[offset + 1 if offset else 0 : -1 if shared_after else None]
        if len(own) >= SHORTEST_INSIDE:
            for text in (own, own.replace("+", "-").replace("/", "_")):
                exact = "" if len(own) >= _LOOSELY else text
                yield Needle(text.lower(), exact, 1 if offset else 0, int(shared_after))
