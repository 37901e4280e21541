"""Looks for secrets in text, however they are spelt. Shares no code with `harness.redaction`: it undoes what was done.

A leak is any `FRAGMENT` characters of a secret that follow each other, so that half a secret is one too.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

FRAGMENT = 7
_BLOCK = 4  # every fragment holds one whole block of its secret
_QUOTES = b"\"'`,("


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """The fragments of secrets that can be read from a text, whatever it takes to read them."""
    return list(_leaks(text, tuple(secrets)))


@lru_cache(4)  # a log may be a copy of a report
def _leaks(text: str, secrets: tuple[str, ...]) -> tuple[str, ...]:
    everything = b"\0".join(dict.fromkeys(_readings(_once(text))))  # bytes: much of what is decoded is no text
    forms = {_bare(form).lower() for secret in secrets for form in (secret, secret.replace("\\", ""))}
    return tuple(sorted({fragment for form in forms for fragment in _fragments_in(everything, form)}))


def _fragments_in(everything: bytes, secret: str) -> Iterator[str]:
    """The fragments of a secret that are there. Most are ruled out together: their block is not there."""
    last = max(0, len(secret) - FRAGMENT)
    for at in range(0, max(1, len(secret) - _BLOCK + 1), _BLOCK):
        if _is_in(everything, secret[at : at + _BLOCK]):
            for start in range(max(0, at + _BLOCK - FRAGMENT), min(at, last) + 1):
                if _is_in(everything, secret[start : start + FRAGMENT]):
                    yield secret[start : start + FRAGMENT]


def _is_in(everything: bytes, part: str) -> bool:
    return any(spelt in everything for spelt in {part.encode("utf-8"), part.encode("latin-1", "replace")})


def _once(text: str) -> str:
    """Without the lines that followed the same line before: tracebacks repeat each other."""
    lines = text.splitlines()
    return "\n".join(dict.fromkeys(map("\n".join, pairwise(lines)))) or text


def leaks_of_folder(folder: Path, secrets: Iterable[str]) -> dict[str, list[str]]:
    """The same for every file below a folder, by its name."""
    texts = {str(p.relative_to(folder)): p.read_bytes().decode("utf-8", "replace") for p in folder.rglob("*.*")}
    return {name: found for name, text in texts.items() if (found := leaks(text, secrets))}


_MARGINS = re.compile("^(?:E|>|INTERNALERROR>) +", re.MULTILINE)
_BLANKS = b" \t\n\r\v\f\x1c\x1d\x1e\x1f"


def _bare(text: str) -> str:
    """Without what may stand between two halves of a secret: blanks, quotes, margins."""
    bare = "".join(_MARGINS.sub("", text).split())
    for quote in _QUOTES.decode():  # str.translate() takes twice as long where a text is not ASCII
        bare = bare.replace(quote, "")
    return bare


def _readings(text: str) -> Iterator[bytes]:
    plain = [text]
    for _ in range(3):  # an escape within an escape within one
        plain.append(_unescaped(html.unescape(unquote(plain[-1]))))
    bare = [_bare(reading) for reading in plain]
    yield from (reading.lower().encode("utf-8", "replace") for reading in bare)
    for reading, without_blanks in zip(plain[:2], bare, strict=False):
        runs = re.findall(r"[A-Za-z0-9+/_-]{8,}", reading)
        for run in (*dict.fromkeys(runs), without_blanks):
            yield from _decoded(run.encode("ascii", "ignore"))


def _unescaped(text: str) -> str:
    text = re.sub(r"\\+u([0-9a-fA-F]{4})|\\+x([0-9a-fA-F]{2})", lambda m: chr(int(m[1] or m[2], 16)), text)
    text = re.sub(r"\\+[nrt]", "\n", text)
    return re.sub(r"\\+(.)", r"\1", text)


def _decoded(run: bytes) -> Iterator[bytes]:
    digits = run.translate(_OF_URLS, _NO_DIGITS)
    for offset in range(4):
        part = digits[offset:]
        data = base64.b64decode(part[: len(part) // 4 * 4])
        yield data.translate(None, _BLANKS + _QUOTES).lower()


_OF_URLS = bytes.maketrans(b"-_", b"+/")
_NO_DIGITS = re.sub(rb"[A-Za-z0-9+/_-]", b"", bytes(range(256)))
