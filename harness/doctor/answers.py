"""What the doctor says of one step: whether it is as a run needs it, and what to write where it is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from harness.report.verdict import ExitCode
from harness.text import Shown, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.errors import CouldNotTell

Outcome = Literal["ok", "wrong", "unknown"]
WORDS: dict[Outcome, str] = {"ok": "ok", "wrong": "wrong", "unknown": "cannot be known"}
_NOTHING: Mapping[str, str | int] = {}
# How every remedy of the house says what to write: "set api.id: data.id, api.token: data.token".
_SET = re.compile(r"\bset ((?:[a-z_]+(?:\.[a-z_]+)?: [^\s,;]+(?:, )?)+)")
_KEY = re.compile(r"([a-z_]+(?:\.[a-z_]+)?): ([^\s,;]+)")


class Answer(NamedTuple):
    """One line of a diagnosis.

    Attributes:
        step: what was asked, in a word or two.
        outcome: `ok`; `wrong`, where a key does not do; `unknown`, where something else stands in the way.
        said: what was seen.
        fix: what to do; "" where nothing is to be done.
        key: the key of environments.yaml that it is about, "" where there is none.
        sure: keys and what to write there, as far as nothing else could be right.
    """

    step: str
    outcome: Outcome
    said: Shown
    fix: Shown = Shown("")
    key: str = ""
    sure: Mapping[str, str | int] = _NOTHING


def ok(step: str, said: str, key: str = "") -> Answer:
    """It is as a run needs it."""
    return Answer(step, "ok", sentence(said), key=key)


def wrong(step: str, said: str, fix: str, key: str, sure: Mapping[str, str | int] = _NOTHING) -> Answer:
    """What stands under a key does not do."""
    return Answer(step, "wrong", sentence(said), sentence(fix), key, sure)


def unknown(step: str, said: str, fix: str, key: str = "") -> Answer:
    """Something stands in the way; `key` is where to look."""
    return Answer(step, "unknown", sentence(said), sentence(fix), key)


def in_the_way(step: str, why: CouldNotTell, about: str = "", sure: Mapping[str, str | int] = _NOTHING) -> Answer:
    """What kept a step from being asked: wrong where a key is for certain; `about` is where to look else."""
    return Answer(step, "wrong" if why.key else "unknown", why.cause, why.remedy, why.key or about, sure)


def settings_in(remedy: str) -> dict[str, str]:
    """The keys that a remedy says to set, and to what; none where it says to look."""
    found = _SET.search(remedy)
    return dict(_KEY.findall(found[1])) if found else {}


def exit_code(answers: Iterable[Answer]) -> ExitCode:
    """0 where a run can begin, 4 where a key is wrong, 75 where something else is in the way."""
    outcomes = {answer.outcome for answer in answers}
    if "wrong" in outcomes:
        return ExitCode.USAGE
    return ExitCode.COULD_NOT_TELL if "unknown" in outcomes else ExitCode.RELEASE
