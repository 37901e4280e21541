"""Mends what the grammar is known to misread, where it did: a text of the same length that it understands.

Offsets stay, and what is shown is the file's own text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NEAR = 300  # bytes on both sides of a place that was not understood
_MOST_REGIONS = 100
# A type that is imported where it stands: `Promise<import("x").T<U>>`, `typeof import("./x")`.
_IMPORTED_TYPE = re.compile(
    rb"""([<|&:,]\s*|\b(?:as|is|typeof|extends|keyof)\s+|\btype\s+\w+\s*(?:<[^\n>]{0,200}>\s*)?=\s*)(import\(\s*["'][^"'\n]{0,300}["']\s*\))"""
)
# A member called `in` after one that ends without a semicolon.
_MEMBER_IN = re.compile(rb"(?m)^([ \t]*(?:readonly[ \t]+)?)in(?=[ \t]*\??[ \t]*:)")
# `export X from "./x"`, which is taken for an import, and told from it by its first word.
_EXPORT_OF_DEFAULT = re.compile(
    rb"""(?m)^([ \t]*)export(?=[ \t]+(?!default\b|type\b)[A-Za-z_$][\w$]*[ \t]+from[ \t]*["'])"""
)
# What a type parameter is used for: `interface Store<in out A, out E>`.
_VARIANCE = re.compile(
    rb"([<,]\s*(?://[^\n]*\n\s*)*)((?:const\s+)?(?:in\s+out|in|out))(?=\s+[A-Za-z_$][\w$]*\s*(?:[,>=]|extends\b))"
)
# The end of a member of a type without a semicolon, which the next one seems to go on: `(a: A): B` and `<C>(c: C): D`.
# A line with `//` is left alone: what follows it would belong to the comment.
_MEMBER_ENDS = re.compile(
    rb"""(?m)^((?:(?!//)[^\n])*(?:[\w\])}"']|(?<!=)>))\n"""
    rb"""(?=(?:[ \t\n]|//[^\n]*\n|/\*(?:[^*]|\*(?!/)){0,4000}\*/)*[<(])"""
)
_AMPERSAND = re.compile(rb"(?<![&=])&(?!#?\w{1,30};|[&=])")


def mended(data: bytes, broken: Sequence[tuple[int, int]], *, holds_elements: bool = True) -> bytes:
    """A file's bytes with what is misread mended, `broken` being the places; the same where nothing known is.

    `holds_elements` is whether JSX may stand in it, and an `&` among its text.
    """
    data = _EXPORT_OF_DEFAULT.sub(rb"\1import", _MEMBER_IN.sub(rb"\1iN", data))
    data = _VARIANCE.sub(lambda found: found[1] + b" " * len(found[2]), data)
    data = _MEMBER_ENDS.sub(rb"\1;", data)
    for start, end in _regions(broken, len(data)):
        region = data[start:end]
        changed = _IMPORTED_TYPE.sub(_as_a_name, region)
        if changed == region and holds_elements:  # a bare & among the text of an element
            changed = _AMPERSAND.sub(b"+", region)
        data = data[:start] + changed + data[end:]
    return data


def _as_a_name(found: re.Match[bytes]) -> bytes:
    return found[1] + b"I" * len(found[2])


def _regions(broken: Sequence[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """The places with what is near them, those that meet as one."""
    last: tuple[int, int] | None = None
    for start, end in sorted(broken)[:_MOST_REGIONS]:
        here = max(start - _NEAR, 0), min(end + _NEAR, length)
        if last is None:
            last = here
        elif here[0] <= last[1]:
            last = last[0], max(last[1], here[1])
        else:
            yield last
            last = here
    if last is not None:
        yield last
