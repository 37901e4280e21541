"""Finding an entry of a catalogue by its name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

Entry = TypeVar("Entry")


class UnknownName(Exception):
    """There is no entry of this name; the message says which is the nearest."""


def look_up(what: str, name: str, entries: Mapping[str, Entry], left_out: Mapping[str, str]) -> Entry:
    """The entry, or UnknownName with the nearest name, or with the reason why it was left out."""
    if name in entries:
        return entries[name]
    if name in left_out:
        raise UnknownName(f"the {what} {name!r} is left out here: {left_out[name]}")
    near = get_close_matches(name, entries, n=1, cutoff=0.0)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UnknownName(f"there is no {what} {name!r}{hint} `python -m rehearsal faults` lists them")
