"""Finds what is secret only where it stands as a credential: user names, and passwords that are ordinary words.

Masked wherever they stand, `postgres` or `smoke` would eat the report, and tell by their masks what they are.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST = 4  # characters of what is masked anywhere
SHORTEST_NUMBER = 6  # likewise, of digits: years, ports, statuses and numbers of rows are shorter
_LONGEST_WORD = 16
_WORD = re.compile(r"[A-Za-z]+(?:[-_ .][A-Za-z]+)*")
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
_QUOTES = r"[\"'`\\]{0,8}"
_END = r"(?![\w@-]|\.\w)"


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


def pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Finds these secrets, in lower case, where they stand as credentials; None where there are none."""
    longest_first = sorted({secret.lower() for secret in secrets if secret.strip()}, key=lambda of: (-len(of), of))
    if not longest_first:
        return None
    any_of = "|".join(map(re.escape, longest_first))
    return re.compile(
        rf"(?:{_NAMES}){_QUOTES}[ \t]{{0,3}}[:=][ \t]{{0,3}}{_QUOTES}(?P<value>{any_of}){_END}"
        rf"|\b(?:bearer|basic|user) {_QUOTES}(?P<scheme>{any_of}){_END}"
        rf"|//(?:(?P<user>{any_of})(?::|@)|[^\s/@:]{{1,200}}+:(?P<password>{any_of})@)"
    )


def standing(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where these secrets stand as credentials in a text of lower case."""
    for match in pattern.finditer(text):
        for name in ("value", "scheme", "user", "password"):
            if match[name] is not None:
                yield match.span(name)
