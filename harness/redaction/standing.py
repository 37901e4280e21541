"""Finds what is secret only where it stands as a credential: user names, and passwords that are ordinary words.

Masked wherever they stand, `postgres` or `smoke` would eat the report, and tell by their masks what they are.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST = 4  # characters of what is masked anywhere
SHORTEST_NUMBER = 6  # likewise, of digits: years, ports, statuses and numbers of rows are shorter
_LONGEST_WORD = 16
_WORD = lazily(r"[A-Za-z]+(?:[-_ .][A-Za-z]+)*")
# Words of pytest, Postgres and HTTP, which stand in a report although nobody wrote them here.
_WORDS_OF_OTHERS = (
    "accepted aborted admin administrator alpine bearer changeme chatbots chrome collected default demo deselected "
    "development docker duplicate example foobar gateway guest hello helium internal localhost login master moved "
    "nginx passed permanently platform plugins postgresql production public qwerty replit rootdir staging superuser "
    "supabase sysadmin test testing unauthorized unavailable user vercel warnings welcome xfailed xpassed"
)
_NAMES = (
    r"passw(?:or)?d|passphrase|passcode|passwd|pwd|pass|pin|otp|secret|token|key|auth\w{0,20}|credentials?|cookie|"
    r"session|sid|code|user(?:[_ -]?name)?|usr|uid|login|e-?mail|account|pgpassword|pguser"
)
_QUOTED = "\"'`\\"
_QUOTES = r"[\"'`\\]{0,8}"
_REACH = 64  # characters that a name and what stands behind it take up at most
_LONGEST_USER = 204  # with the slashes before it and the colon behind
_NAMED = lazily(rf"(?:{_NAMES}){_QUOTES}[ \t]{{0,3}}[:=][ \t]{{0,3}}{_QUOTES}\Z")
_SCHEME = lazily(rf"\b(?:bearer|basic|user) {_QUOTES}\Z")
_USER_OF_A_URL = lazily(r"//[^\s/@:]{1,200}+:\Z")
_ENDS = lazily(r"(?![\w@-]|\.\w)")


def is_common(secret: str) -> bool:
    """Whether a secret is too short, or too ordinary a word, to be masked wherever it stands."""
    bare = secret.strip()
    if len(bare) < SHORTEST or not any(map(str.isalnum, bare)):
        return True
    if bare.isdecimal():
        return len(bare) < SHORTEST_NUMBER
    if len(bare) > _LONGEST_WORD or not _WORD.fullmatch(bare):
        return False
    return re.search(rf"(?i)(?<![a-z]){re.escape(bare)}(?![a-z])", _our_words()) is not None


@cache
def _our_words() -> str:
    """All that this package says, and more: read only where a secret is a word."""
    files = Path(__file__).parents[1].rglob("*.py")
    return "\n".join([_WORDS_OF_OTHERS, *(file.read_text(encoding="utf-8") for file in files)])


def standing(text: str, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where these secrets, in lower case, stand as credentials in a text of lower case."""
    for secret in secrets:
        start = text.find(secret)
        while start >= 0:
            end = start + len(secret)
            if _is_credential(text, start, end):
                yield start, end
            start = text.find(secret, start + 1)


def _is_credential(text: str, start: int, end: int) -> bool:
    """Whether what stands there is a credential, by what stands around it."""
    before, after = text[max(0, start - _REACH) : start], text[end : end + 1]
    if before.endswith("//") and after in (":", "@"):
        return True
    if after == "@" and before.endswith(":") and _USER_OF_A_URL.search(text[max(0, start - _LONGEST_USER) : start]):
        return True
    if _ENDS.match(text, end) is None:
        return False
    bare = before.rstrip(_QUOTED)
    if bare.endswith((":", "=", " ", "\t")):
        return _NAMED.search(before) is not None or _SCHEME.search(before) is not None
    return False
