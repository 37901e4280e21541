"""Which commit a deployment says that it serves."""

from __future__ import annotations

import re
from typing import NamedTuple

SHORTEST = 7  # characters of an abbreviated commit


class ServedRevision(NamedTuple):
    """What one fresh connection said after the POSTs: a revision, or why it said none.

    `silent` is set where there was no 2xx answer at all, which says nothing about who serves.
    """

    revision: str | None
    silent: str = ""


def same_revision(found: str | None, wanted: str) -> bool:
    """Whether two revisions are one commit; either may be abbreviated to at least seven characters."""
    if found is None:
        return False
    short, long = sorted((found.strip().lower(), wanted.strip().lower()), key=len)
    if short == long:
        return True
    return len(short) >= SHORTEST and re.fullmatch(r"[0-9a-f]+", long) is not None and long.startswith(short)
