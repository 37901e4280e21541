"""Takes secrets out of text before it is printed, written or cut.

What is secret: the database URL's password and the whole URL, every configured header but the few that never carry a
credential, what a login's body holds beside a user name, a user and password in the deployment's URL, what stands in a
path's query or in the payload under a name that looks like a credential's, each variable that is called like one, and
the cookies that the deployment set. What is no secret by itself, or an ordinary word, is masked only where it stands as
a credential (`standing`).
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct, field
from msgspec.structs import replace

from harness.patterns import lazily
from harness.redaction.decoding import DEEPEST, Pieces, Reading, decoded, undone
from harness.redaction.row_values import without_row_values
from harness.redaction.spellings import BREAK, LINE_END, MARGIN, in_lower_case, inside_base64, needles_of
from harness.redaction.standing import is_common, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.redaction.spellings import Needle

MASK = "***"
_HEAD = 8  # characters of a needle by which most texts are told to hold none
_WORTH_KEEPING = 10_000  # characters: a shorter text is searched again
_MOST_SHOWN = 1000  # short texts whose masked form is remembered: twenty environments say the same twenty times
_SHORT = 400  # characters
_AT_ONCE = 50_000  # characters that are searched together: only near a secret must it be known where each one stood
_AT_ONCE_FOR_ITS_REACH = 8  # times the longest secret's reach, by which two parts overlap on each side
_PER_CHARACTER = 24  # that a character of a secret may take up, escaped several times over

# Likewise where each line is a string of its own (repr, pprint, a JSON array), or ends in a mark that it goes on.
_SPLICE = re.compile(
    rf"(?:[\"'](?:[ \t]*+[,+&\\])?|[=\\-])[ \t]*+(?:{LINE_END}[ \t]*+)+{MARGIN}[(+]?[ \t]*+"
    r"(?:[bBuUrRfF]{0,2}[\"'])?"
)
_SPECIAL = lazily(r"[%\\&<\n\r\v\f\x85\u2028\u2029]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}+")
_GAPS = ((BREAK, ""), (_SPLICE, ""), (BREAK, " "))
_SIGNS_OF_A_LINE_END = ("\n", "\r", "<br", "<BR", "<bR", "<Br", "\v", "\f", "\x85", "\u2028", "\u2029")


class _Known(Struct, frozen=True):
    """All needles. Where none of the `fewest` stands, none of them does: each holds one of those.

    Neither does any where none of their `heads` stands, which are fewer: most spellings of a secret begin alike.
    """

    needles: dict[tuple[str, str], Needle] = field(default_factory=dict)
    fewest: tuple[str, ...] = ()
    heads: frozenset[str] = frozenset()
    shortest: int = 0  # characters
    reach: int = 400  # characters that the longest may take up in a text, escaped and split over lines
    phrases: bool = False  # whether any holds a blank: there lines may be broken too
    standing: frozenset[str] = frozenset()

    def and_those_of(self, secrets: Iterable[str]) -> _Known:
        """These needles and those of more secrets; of common ones only where they stand as credentials."""
        secrets = list(secrets)
        common = {secret for secret in secrets if is_common(secret)}
        if common:
            return self.and_standing(common).and_those_of(secret for secret in secrets if secret not in common)
        new = {
            (needle.text, needle.exact): needle
            for secret in secrets
            for needle in needles_of(secret)
            if (needle.text, needle.exact) not in self.needles
        }
        if not new:
            return self
        fewest = list(self.fewest)
        for text, _ in sorted(new, key=lambda key: len(key[0])):
            if not any(short in text for short in fewest):
                fewest.append(text)
        needles = {**self.needles, **new}
        return _Known(
            needles,
            tuple(fewest),
            heads=frozenset(text[:_HEAD] for text in fewest),
            shortest=min(map(len, fewest)),
            reach=400 + _PER_CHARACTER * max(len(text) for text, _ in needles),
            phrases=any(" " in text for text, _ in needles),
            standing=self.standing,
        )

    def and_standing(self, secrets: Iterable[str]) -> _Known:
        known = self.standing | {in_lower_case(secret) for secret in secrets if secret.strip()}
        return self if known == self.standing else replace(self, standing=known)


class Redactor:
    """Replaces known secrets, however they are encoded (`spellings`) or escaped (`decoding`), also split over lines.

    Takes time in proportion to the text, which is searched as it stands, with each level of escapes undone, and without
    its line ends where it has any. Thread-safe.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._known = _Known()
        self._masked: frozenset[str] = frozenset()  # texts of which `take_as_masked` was told
        self._shown: dict[str, str] = {}  # short texts, as they are masked while no other secret is learned
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn secrets."""
        with self._lock:
            self._learned(self._known.and_those_of(secrets))

    def add_standing(self, secrets: Iterable[str]) -> None:
        """Learn what is masked only where it stands as a credential, such as a user name."""
        with self._lock:
            self._learned(self._known.and_standing(secrets))

    def _learned(self, known: _Known) -> None:
        if known is not self._known:
            self._known, self._masked, self._shown = known, frozenset(), {}

    def take_as_masked(self, text: str) -> None:
        """Search a text no more, which has been masked and whoever calls keeps; until another secret is learned.

        pytest prints what it was told of a check as it stands, and a traceback with its locals may have megabytes.
        """
        if len(text) > _WORTH_KEEPING:
            with self._lock:
                self._masked |= {text}

    def __call__(self, text: str, also: Iterable[str] = ()) -> str:
        """The text with every secret masked, in whatever case it stands there; `also` are secrets of this text only.

        Values of rows that Postgres quotes are taken out as well (`row_values`).
        """
        shown = self._shown  # before what is known is read: what is learned meanwhile has another one
        if not also and (text in self._masked or text in shown):
            return shown.get(text, text)
        spans = _spans(text, self._known.and_those_of(also))
        masked = without_row_values(_masked(text, spans, 0, len(text)) if spans else text)
        if not also and len(text) <= _SHORT and len(shown) < _MOST_SHOWN:
            shown[text] = masked
        return masked

    def part(self, text: str, start: int, end: int, also: Iterable[str] = ()) -> str:
        """`text[start:end]`, masked: a secret across one of the ends leaves no part of itself. Looks little further."""
        known = self._known.and_those_of(also)
        first = max(0, start - known.reach)
        spans = [(a + first, b + first) for a, b in _spans(text[first : end + known.reach], known)]
        return without_row_values(_masked(text, spans, start, min(end, len(text))))

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
    if not known.needles and not known.standing:
        return []
    found: list[tuple[int, int]] = []
    at_once = max(_AT_ONCE, _AT_ONCE_FOR_ITS_REACH * known.reach)
    for first in range(0, len(text), at_once):
        part = text if len(text) <= at_once else text[max(0, first - known.reach) : first + at_once + known.reach]
        offset = max(0, first - known.reach)
        found += [(start + offset, end + offset) for start, end in _spans_of_part(part, known)]
    found.sort()
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _spans_of_part(text: str, known: _Known) -> Iterator[tuple[int, int]]:
    yield from _escaped_in_base64(text, known)
    if _SPECIAL.search(text) is None:  # nothing is escaped, and there is one line
        if _may_hold(text, known):
            yield from _occurrences(text, known)
        return
    readings = list(_readings(text, known))
    if not _may_hold("\0".join([reading for _, reading in readings]), known):
        return
    deepest = max((level for level, reading in readings if _may_hold(reading, known)), default=-1)
    layers: list[Reading] = []
    reading = text
    # To know where each character stood takes long: it is found out for those readings alone that may hold a secret.
    for level in range(deepest + 1):
        if level:
            layer = decoded(reading)
            if layer is None:
                return
            layers.append(layer)
            reading = layer.text
        yield from _in_source(_occurrences(reading, known), layers)
        for gap, joint in _gaps(reading, known):
            flat = _flat(reading, gap, joint)
            held = _may_hold(flat, known)
            if held or (level == 0 and _may_hold(undone(flat), known)):
                joined = _joined(reading, gap, joint)
                if held:
                    yield from _in_source(_occurrences(joined.text, known), [*layers, joined])
                whole = decoded(joined.text) if level == 0 else None  # an escape that a line end divides
                if whole is not None:
                    yield from _in_source(_occurrences(whole.text, known), [joined, whole])


def _readings(text: str, known: _Known) -> Iterator[tuple[int, str]]:
    """The same readings of a text, each with its level, without knowing where their characters stood."""
    for level in range(DEEPEST + 1):
        yield level, text
        for gap, joint in _gaps(text, known):
            flat = _flat(text, gap, joint)
            yield level, flat
            if level == 0:
                yield level, undone(flat)
        below = undone(text)
        if below == text:
            return
        text = below


def _flat(text: str, gap: re.Pattern[str], joint: str) -> str:
    """The text without the gaps between its lines."""
    pieces = gap.split(text)
    return joint.join([_line(piece, gap) for piece in pieces] if gap is BREAK else pieces)


def _escaped_in_base64(text: str, known: _Known) -> Iterator[tuple[int, int]]:
    """Runs of base64 that hold a secret with escapes: where it stands in one, its own digits are looked for."""
    for run in _BASE64.finditer(text):
        if run[0].islower():  # a name or a UUID
            continue
        for within in inside_base64(run[0]):
            below = undone(within)
            if below != within and (_may_hold(below, known) or _may_hold(undone(below), known)):
                yield run.span()
                break


def _gaps(text: str, known: _Known) -> tuple[tuple[re.Pattern[str], str], ...]:
    """What is taken out between the lines of a text, and what is put there."""
    if not any(sign in text for sign in _SIGNS_OF_A_LINE_END):
        return ()
    return _GAPS if known.phrases else _GAPS[:2]


def _in_source(spans: Iterable[tuple[int, int]], layers: list[Reading]) -> Iterator[tuple[int, int]]:
    """Spans of the last of some readings, each made of the one before, as places in the first one's source."""
    for start, end in spans:
        for layer in reversed(layers):
            start, end = layer.span(start, end)
        yield start, end


def _may_hold(text: str, known: _Known) -> bool:
    """Whether a text may hold a secret: twenty environments have hundreds of needles, and most texts hold none."""
    contains = in_lower_case(text).__contains__
    return any(map(contains, known.standing)) or (any(map(contains, known.heads)) and any(map(contains, known.fewest)))


def _occurrences(text: str, known: _Known) -> Iterator[tuple[int, int]]:
    lowered = in_lower_case(text)
    yield from standing(lowered, known.standing)
    for needle in known.needles.values():
        within, wanted = (text, needle.exact) if needle.exact else (lowered, needle.text)
        start = within.find(wanted)
        while start >= 0:
            end = start + len(wanted)
            before, after = text[start - 1 : start], text[end : end + 1]
            if not (needle.apart and (before.isdecimal() or after.isdecimal())):
                reaches_before = needle.before if before.isalnum() or before in "+/-_" else 0
                reaches_after = needle.after if after.isalnum() or after in "+/-_" else 0
                yield max(0, start - reaches_before), min(len(text), end + reaches_after)
            start = within.find(wanted, start + 1)


def _joined(text: str, gap: re.Pattern[str], joint: str) -> Reading:
    """The same, and where each character stood."""
    pieces, place = Pieces(), 0
    for match in gap.finditer(text):
        pieces.add(_line(text[place : match.start()], gap), place)
        pieces.add(joint, match.start())
        place = match.end()
    pieces.add(text[place:], place)
    return pieces.reading()


def _line(piece: str, gap: re.Pattern[str]) -> str:
    """What stands before a gap; without the blanks before a line end, for which no pattern would be linear."""
    return piece.rstrip(" \t") if gap is BREAK else piece


def _masked(text: str, spans: Iterable[tuple[int, int]], start: int, end: int) -> str:
    """`text[start:end]` with a mask for each span that reaches into it."""
    out = []
    for first, last in spans:
        if last > start and first < end:
            out += [text[start:first], MASK]
            start = max(start, last)
    return "".join([*out, text[start:end]])
