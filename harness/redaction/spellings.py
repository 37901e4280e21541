"""How a secret may be spelt: encoded, escaped, inside base64."""

from __future__ import annotations

import base64
import html
import json
import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator
SHORTEST = 4  # a shorter secret would mask every other word of a report
SHORTEST_PLAIN = 8  # likewise, where no name says that the value is a credential
SHORTEST_INSIDE = 6  # digits of base64 that a secret must fill by itself, inside a longer text that was encoded as one
# Where a line ends, as itself or escaped by JSON, repr, a URL or HTML; and what may stand at the next line's beginning:
# a traceback's and a log's margins. No repetition can begin inside of another: searching stays linear.
LINE_END = (
    r"(?:\r\n|[\n\r\v\f\x85\u2028\u2029]|\\{1,8}(?:[nr]|u000[aAdD]|x0[aAdD])|%0[aAdD]|&#(?:1[03]|[xX]0?[aAdD]);"
    r"|<[bB][rR] ?/?>)"
)
MARGIN = r"(?:(?:E|>|\||#|INTERNALERROR>)[ \t]+)?"
BREAK = re.compile(rf"(?:{LINE_END}[ \t]*)+{MARGIN}")
_ESCAPED_FOR_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"})


class Needle(NamedTuple):
    """What is looked for, in lower case, and how many digits of base64 beside it hold some of its bits."""

    text: str
    before: int = 0
    after: int = 0


def in_lower_case(text: str) -> str:
    """Lower case of the same length: one letter would become two, and another has a form of its own at a word's end."""
    return text.lower() if text.isascii() else text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


@lru_cache(maxsize=4096)
def needles_of(secret: str) -> tuple[Needle, ...]:
    """Everything to look for, for a secret and, where it has several lines, for each that could do harm by itself."""
    found: dict[str, Needle] = {}
    lines = [line.strip() for line in secret.splitlines()]
    parts = [secret, *(line for line in lines if len(line) >= SHORTEST_PLAIN)]
    decoded = unquote(secret)  # a cookie is configured as it travels, and echoed as it was meant
    for part in dict.fromkeys([*parts, decoded]):
        if len(part) < SHORTEST:
            continue
        for spelling in _spellings(part):
            for text in (spelling, BREAK.sub("", spelling), BREAK.sub(" ", spelling)):
                if len(text.strip("\ufffd")) >= SHORTEST:
                    found.setdefault(in_lower_case(text), Needle(in_lower_case(text)))
        for encoded in _encoded(part):
            for needle in _inside_base64(encoded):
                found.setdefault(needle.text, needle)
    return tuple(found.values())


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    for safe in ("", "/", "!*'()", "!*'();,/?:@&=+$#"):  # quote() has two ways, JavaScript two others
        yield quote(secret, safe=safe, errors="replace")
    yield quote(quote(secret, safe="", errors="replace"), safe="")  # inside a URL inside a URL
    yield quote_plus(secret, errors="replace")
    for text in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield from (text, text.replace("/", "\\/"), text.translate(_ESCAPED_FOR_HTML))  # PHP's way; Go's and Rails'
        yield from (json.dumps(text)[1:-1], html.escape(text))  # inside JSON once more; on a page
        yield from (quote(text, safe="", errors="replace"), quote(text, errors="replace"))  # inside a URL
        repeated = text.replace("\\", "\\\\")  # inside repr, which escapes an apostrophe if there are quotes too
        yield from (repeated, repeated.replace("'", "\\'"))
    yield from (repr(secret)[1:-1], ascii(secret)[1:-1])
    yield secret.replace("\\", "\\\\").replace("'", "\\'")  # repr of a text with both kinds of quotes
    yield html.escape(secret)
    yield html.escape(secret).replace("&#x27;", "&#39;")  # as Node's pages spell it
    yield html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")  # Go's, Jinja's
    yield html.escape(secret).replace("/", "&#x2F;").replace("=", "&#x3D;").replace("`", "&#x60;")  # Mustache's
    for encoded in _encoded(secret):
        yield repr(encoded)[2:-1]
        yield encoded.hex()
        yield encoded.decode("utf-8", "replace")  # how a body is kept as evidence
        yield encoded.decode("latin-1")
        yield quote(encoded, safe="")
        yield base64.b64encode(encoded).decode().rstrip("=")
        yield base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def _encoded(secret: str) -> Iterator[bytes]:
    """The bytes of a secret: in JSON they are UTF-8, in a header Latin-1."""
    yield secret.encode("utf-8", "surrogatepass")
    if not secret.isascii():
        with suppress(UnicodeEncodeError):
            yield secret.encode("latin-1")


def _inside_base64(encoded: bytes) -> Iterator[Needle]:
    """The digits that a secret makes in the base64 of a longer text, where it begins at byte 0, 1 or 2 of a group.

    A digit that it shares with what stands beside it may be any, and is masked along.
    """
    for offset in range(3):
        digits = base64.b64encode(bytes(offset) + encoded).decode().rstrip("=")
        shared_after = (offset + len(encoded)) % 3 != 0
        own = digits[offset + 1 if offset else 0 : -1 if shared_after else None]
        if len(own) >= SHORTEST_INSIDE:
            for text in (own, own.replace("+", "-").replace("/", "_")):
                yield Needle(text.lower(), 1 if offset else 0, int(shared_after))
