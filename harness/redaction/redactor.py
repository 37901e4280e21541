"""Takes secrets out of text before it is printed, written or cut.

What is secret: the database URL's password and the whole URL, every configured header but the few that never carry a
credential, every string of a login's body, a user and password in the deployment's URL, what stands in a path's query
or in the payload under a name that looks like a credential's, each variable that is called like one, and the cookies
that the deployment set.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from harness.redaction.spellings import BREAK, LINE_END, MARGIN, SHORTEST, in_lower_case, needles_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.redaction.spellings import Needle

MASK = "***"
_HEAD = 8  # characters of a needle by which most texts are told to hold none

# Likewise where each line is a string of its own (repr, pprint, a JSON array), or ends in a mark that it goes on.
_SPLICE = re.compile(
    rf"(?:\\{{0,8}}[\"'](?:[ \t]*[,+&\\])?|[=\\-])[ \t]*(?:{LINE_END}[ \t]*)+{MARGIN}[(+]?[ \t]*"
    r"(?:[bBuUrRfF]{0,2}\\{0,8}[\"'])?"
)
_SIGNS_OF_A_LINE_END = ("\n", "\r", "\\", "%0", "&#", "<br", "<BR", "\v", "\f", "\x85", "\u2028", "\u2029")


@dataclass(frozen=True, slots=True)
class _Known:
    """All needles. Where none of the `fewest` stands, none of them does: each holds one of those.

    Neither does any where none of their `heads` stands, which are fewer: most spellings of a secret begin alike.
    """

    needles: dict[str, Needle] = field(default_factory=dict)
    fewest: tuple[str, ...] = ()
    heads: frozenset[str] = frozenset()
    shortest: int = 0  # characters
    reach: int = 0  # characters that the longest may take up in a text, split over lines
    phrases: tuple[str, ...] = ()  # those of the fewest that hold a blank: there lines may be broken too

    def and_those_of(self, secrets: Iterable[str]) -> _Known:
        new = {
            needle.text: needle
            for secret in secrets
            if len(secret) >= SHORTEST
            for needle in needles_of(secret)
            if needle.text not in self.needles
        }
        if not new:
            return self
        fewest = list(self.fewest)
        for text in sorted(new, key=len):
            if not any(short in text for short in fewest):
                fewest.append(text)
        needles = {**self.needles, **new}
        phrases = tuple(text for text in fewest if " " in text)
        return _Known(
            needles,
            tuple(fewest),
            heads=frozenset(text[:_HEAD] for text in fewest),
            shortest=min(map(len, fewest)),
            reach=400 + 4 * max(map(len, needles)),
            phrases=phrases,
        )


class Redactor:
    """Replaces known secrets, however they are encoded or escaped (`_spellings`), also split over lines. Thread-safe.

    Takes time in proportion to the text; a text without any secret is searched once for each spelling, and once more
    where it has line ends.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._known = _Known()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn secrets."""
        with self._lock:
            self._known = self._known.and_those_of(secrets)

    def __call__(self, text: str, also: Iterable[str] = ()) -> str:
        """The text with every secret masked, in whatever case it stands there; `also` are secrets of this text only."""
        spans = _spans(text, self._known.and_those_of(also))
        return _masked(text, spans, 0, len(text)) if spans else text

    def part(self, text: str, start: int, end: int, also: Iterable[str] = ()) -> str:
        """`text[start:end]`, masked: a secret across one of the ends leaves no part of itself. Looks little further."""
        known = self._known.and_those_of(also)
        first = max(0, start - known.reach)
        spans = [(a + first, b + first) for a, b in _spans(text[first : end + known.reach], known)]
        return _masked(text, spans, start, min(end, len(text)))

    def longest(self, text: str) -> int:
        """How many characters of the text the longest secret in it takes up; 0 where there is none."""
        return max((end - start for start, end in _spans(text, self._known)), default=0)

    def url(self, origin: str) -> str:
        """A URL with what is secret in its path masked; the host is what a reader needs to know."""
        parts = urlsplit(origin)
        return urlunsplit(parts._replace(path=self(parts.path)))

    def throughout(self, value: Any) -> Any:
        """A JSON value with every string in it masked."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.throughout(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.throughout(item) for item in value]
        return value


# --- where secrets stand in a text ------------------------------------------------------------------------------------


def _spans(text: str, known: _Known) -> list[tuple[int, int]]:
    """Where secrets stand, in order; those that overlap are one."""
    if not known.needles or len(text) < known.shortest:
        return []
    found = list(_occurrences(text, known, known.fewest))
    if any(sign in text for sign in _SIGNS_OF_A_LINE_END):
        found += _across(BREAK, "", text, known, known.fewest)
        found += _across(_SPLICE, "", text, known, known.fewest)
        if known.phrases:
            found += _across(BREAK, " ", text, known, known.phrases)
    found.sort()
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _occurrences(text: str, known: _Known, fewest: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    lowered = in_lower_case(text)
    # So it ends for nearly every text, and twenty environments have hundreds of needles.
    if not any(map(lowered.__contains__, known.heads)) or not any(map(lowered.__contains__, fewest)):
        return
    for needle in known.needles.values():
        start = lowered.find(needle.text)
        while start >= 0:
            end = start + len(needle.text)
            before = needle.before if text[start - 1 : start].isalnum() or text[start - 1 : start] in "+/-_" else 0
            after = needle.after if text[end : end + 1].isalnum() or text[end : end + 1] in "+/-_" else 0
            yield max(0, start - before), min(len(text), end + after)
            start = lowered.find(needle.text, start + 1)


def _across(
    gap: re.Pattern[str], joint: str, text: str, known: _Known, fewest: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    """Where secrets stand once the gaps between lines are taken out, told as places in the text as it was."""
    pieces: list[str] = []
    joined_at, stood_at = [], []  # where each piece begins without the gaps, and with them
    length = place = 0
    for match in gap.finditer(text):
        piece = text[place : match.start()]
        if gap is BREAK:  # not by its pattern, whose search for blanks would not be linear
            piece = piece.rstrip(" \t")
        pieces.append(piece)
        joined_at.append(length)
        stood_at.append(place)
        length += len(piece) + len(joint)
        place = match.end()
    if not pieces:
        return
    pieces.append(text[place:])
    joined_at.append(length)
    stood_at.append(place)

    def stood(index: int) -> int:
        piece = bisect_right(joined_at, index) - 1
        return stood_at[piece] + index - joined_at[piece]

    for start, end in _occurrences(joint.join(pieces), known, fewest):
        yield stood(start), stood(end - 1) + 1


def _masked(text: str, spans: Iterable[tuple[int, int]], start: int, end: int) -> str:
    """`text[start:end]` with a mask for each span that reaches into it."""
    out = []
    for first, last in spans:
        if last > start and first < end:
            out += [text[start:first], MASK]
            start = max(start, last)
    return "".join([*out, text[start:end]])


# --- how secrets are spelt --------------------------------------------------------------------------------------------


# --- what is secret ---------------------------------------------------------------------------------------------------
