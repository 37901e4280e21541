"""What the page shows of claims: what was wanted and seen, why, what to do, and the request that shows it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.claims import EVERY_POST_ANSWERS_201, POSTS_AT_ONCE_ANSWER_201
from harness.patterns import lazily
from harness.report.curl import repeated
from harness.text import Shown, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.configuration.models import Environment
    from harness.history.attempt import Attempt
    from harness.history.history import History
    from harness.report.verdict import CheckResult

MOST_SEARCHED = 10_000  # acknowledged POSTs, for one that a finding names
_POST = lazily(r"\bsmoke-[\w-]{1,80}\b")


class Seen(NamedTuple):
    """What was wanted of a claim, and what was seen instead; `claim` is set where it has to be told from others."""

    claim: str
    want: str
    have: tuple[str, ...]


class Claim(NamedTuple):
    """One claim, or several that fail or are barred for one reason. `repeat` is a command that shows it again."""

    outcome: str
    claims: tuple[str, ...]
    checks: tuple[str, ...]
    seen: tuple[Seen, ...] = ()
    cause: str = ""
    remedy: str = ""
    repeat: str = ""


def claim_in_words(alike: Sequence[CheckResult], text: Callable[[str], Shown], repeat: str = "") -> Claim:
    """A claim, or several of one reason.

    Args:
        alike: their results.
        text: masks free text of a server.
        repeat: the command that shows it again, "" where there is none.
    """
    first = alike[0]
    return Claim(
        outcome=first.outcome,
        claims=tuple(dict.fromkeys(sentence(result.claim) for result in alike)),
        checks=tuple(sentence(result.id) for result in alike),
        seen=tuple(
            Seen(sentence(result.claim) if len(alike) > 1 else "", text(result.want), tuple(map(text, result.have)))
            for result in alike
            if result.want or result.have
        ),
        cause=text(first.cause),
        remedy=text(first.remedy),
        repeat=repeat,
    )


def repeating(
    alike: Sequence[CheckResult], history: History, environment: Environment | None, text: Callable[[str], Shown]
) -> str:
    """The command that sends the first POST again that a failure is about, "" where it is about none."""
    attempt = _first_post(alike, history) if environment is not None and alike[0].outcome == "fail" else None
    return command_of(environment, attempt, text) if environment is not None and attempt is not None else ""


def command_of(environment: Environment, attempt: Attempt, text: Callable[[str], Shown]) -> str:
    """The command line that sends a POST again, each of its lines masked."""
    return "\n".join(text(line) for line in repeated(environment, attempt, text).split("\n"))


def _first_post(alike: Sequence[CheckResult], history: History) -> Attempt | None:
    """The first POST that a finding names, or that did not end as it should where the claim is about just that."""
    names = {name for result in alike for item in result.have for name in _POST.findall(item)}
    bad = history.unacknowledged
    known = [*bad, *history.probes, *(history.attempts if len(history.attempts) <= MOST_SEARCHED else ())]
    named = next((attempt for attempt in known if attempt.name in names), None)
    if named is None and any(result.id in (EVERY_POST_ANSWERS_201, POSTS_AT_ONCE_ANSWER_201) for result in alike):
        return bad[0] if bad else None
    return named
