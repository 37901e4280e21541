"""Looks for secrets in text, however they are spelt. Shares no code with `harness.redaction`: it undoes what was done.

A leak is any `FRAGMENT` characters of a secret that follow each other, so that half a secret is one too.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

FRAGMENT = 7


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """The fragments of secrets that can be read from a text, whatever it takes to read them."""
    fragments = {
        form[i : i + FRAGMENT]
        for secret in secrets
        for form in (_bare(secret), _bare(secret.replace("\\", "")))
        for i in range(max(1, len(form) - FRAGMENT + 1))
    }
    everything = "\0".join(_bare(reading) for reading in _readings(_once(text)))
    return sorted(fragment for fragment in fragments if fragment in everything)


def _once(text: str) -> str:
    """Without the lines that followed the same line before: tracebacks repeat each other."""
    lines = text.splitlines()
    return "\n".join(dict.fromkeys(map("\n".join, pairwise(lines)))) or text


def leaks_of_folder(folder: Path, secrets: Iterable[str]) -> dict[str, list[str]]:
    """The same for every file below a folder, by its name."""
    texts = {str(p.relative_to(folder)): p.read_bytes().decode("utf-8", "replace") for p in folder.rglob("*.*")}
    return {name: found for name, text in texts.items() if (found := leaks(text, secrets))}


_MARGINS = re.compile("^(?:E|>|INTERNALERROR>) +", re.MULTILINE)
_QUOTES = "\"'`,("


def _bare(text: str, *, lower: bool = True) -> str:
    """Without what may stand between two halves of a secret: blanks, quotes, margins."""
    bare = "".join(_MARGINS.sub("", text).split())
    for quote in _QUOTES:  # str.translate() takes twice as long where a text is not ASCII
        bare = bare.replace(quote, "")
    return bare.lower() if lower else bare


def _readings(text: str) -> Iterator[str]:
    plain = [text]
    for _ in range(3):  # an escape within an escape within one
        plain.append(_unescaped(html.unescape(unquote(plain[-1]))))
    yield from plain
    for reading in plain[:2]:
        runs = re.findall(r"[A-Za-z0-9+/_-]{8,}", reading)
        for run in (*dict.fromkeys(runs), _bare(reading, lower=False)):
            yield from _decoded(run)


def _unescaped(text: str) -> str:
    text = re.sub(r"\\+u([0-9a-fA-F]{4})|\\+x([0-9a-fA-F]{2})", lambda m: chr(int(m[1] or m[2], 16)), text)
    text = re.sub(r"\\+[nrt]", "\n", text)
    return re.sub(r"\\+(.)", r"\1", text)


def _decoded(run: str) -> Iterator[str]:
    digits = re.sub("[^A-Za-z0-9+/]", "", run.replace("-", "+").replace("_", "/"))
    for offset in range(4):
        part = digits[offset:]
        data = base64.b64decode(part[: len(part) // 4 * 4])
        yield data.decode("utf-8", "replace")
        yield data.decode("latin-1")
