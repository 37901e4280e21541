"""Pure judgements: a history or table facts in, offending items out. An empty answer means that nothing offends."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from harness.claims import EVERY_POST_ANSWERS_201, as_reported
from harness.errors import CouldNotTell
from harness.history.attempt import Attempt
from harness.history.columnar import Attempts, Tokens, column
from harness.history.history import History, chosen_token
from harness.history.out_of_core import in_parts
from harness.history.problem import COULD_NOT_TELL, remedy_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.postgres.rows import Row

_FEW_BODIES = 3  # of one error: more are told by the first


def demand_all_sent(history: History) -> None:
    """Refuse to judge where POSTs were not sent for a reason: a claim that holds of the first may not of the others.

    Raises:
        CouldNotTell: the reason.
    """
    if history.cut_short is not None:
        raise history.cut_short


def demand_acknowledged(history: History) -> None:
    """Refuse to judge where nothing was acknowledged: any claim holds of nothing.

    Raises:
        CouldNotTell: no POST ended ok, the cause names how they ended; or not all POSTs were sent.
    """
    demand_all_sent(history)
    if history.acknowledged:
        return
    if not history.attempts:
        raise CouldNotTell("no POST was sent", "the run was stopped: run it again")
    first = history.attempts[0]
    remedy = f"{as_reported(EVERY_POST_ANSWERS_201)}, and run again"
    if first.problem is not None and first.problem in COULD_NOT_TELL:
        remedy = remedy_for(first.problem, first.error)  # that claim has no more to say
    raise CouldNotTell(
        f"none of {len(history.attempts)} POSTs was acknowledged (the first: {first.error or first.problem})", remedy
    )


def wrong_answers(history: History) -> list[Attempt]:
    """The attempts that were answered wrongly or left without an answer by a deployment that was ready."""
    return [a for a in history.unacknowledged if a.problem not in COULD_NOT_TELL]


def alike_answers(wrong: Sequence[Attempt], sent: int) -> list[str]:
    """Wrong answers, those that are alike told once: "19 of 19: 404, want 201; body: ..". The most come first.

    Answers are alike whose error is the same, and whose bodies are the same where an error has few of them.

    Args:
        wrong: the attempts that ended wrongly.
        sent: how many were sent in all.
    """
    by_error: dict[str, dict[str, list[Attempt]]] = {}
    for attempt in wrong:
        by_body = by_error.setdefault(str(attempt.error or attempt.problem), {})
        by_body.setdefault(attempt.evidence or "(none)", []).append(attempt)
    alike: list[tuple[int, str]] = []
    for error, by_body in by_error.items():
        bodies = [*by_body] if len(by_body) <= _FEW_BODIES else [""]
        for body in bodies:
            of = by_body[body] if body else [attempt for some in by_body.values() for attempt in some]
            said = f"body: {body}" if body else f"{len(by_body)} different bodies, the first: {next(iter(by_body))}"
            first = f"; the first is {of[0].name}" if len(of) < sent else ""
            alike.append((len(of), f"{len(of)} of {sent}: {error}; {said}{first}"))
    return [said for _, said in sorted(alike, key=lambda one: -one[0])]


def demand_told(history: History) -> None:
    """Refuse to call answers right that say nothing about the create route.

    Raises:
        CouldNotTell: some POSTs met a login, a limit, or nothing that listens.
    """
    silent = [a for a in history.unacknowledged if a.problem in COULD_NOT_TELL]
    if silent:
        first = silent[0]
        assert first.problem is not None  # it is in COULD_NOT_TELL
        remedy = remedy_for(first.problem, first.error)
        raise CouldNotTell(f"{len(silent)} of {len(history.attempts)} POSTs: {first.error}", remedy)


def chosen_by_client(probes: Iterable[Attempt], rows: Iterable[Row]) -> list[str]:
    """Where a token that a POST brought was returned, or stored under its name or any other."""
    stored = {row.token.lower() for row in rows if row.token is not None}
    found = []
    for a in probes:
        token = chosen_token(a.name)
        if (a.token or "").lower() == token:
            found.append(f"{a.name}: {token} was sent and returned")
        elif token in stored:
            found.append(f"{a.name}: {token} was sent and stored")
    return found


def demand_answered(probes: Iterable[Attempt]) -> None:
    """Refuse to judge probes that the create route did not decide about: a 2xx takes them, a 4xx refuses them.

    Raises:
        CouldNotTell: no answer, a failure of the server, or a login or a limit in between.
    """
    for a in probes:
        if a.outcome != "ok" and (a.problem in COULD_NOT_TELL or not 400 <= (a.status or 0) < 500):
            remedy = f"look at the deployment's log for {a.name}, and run again"
            if a.problem is not None and a.problem in COULD_NOT_TELL:
                remedy = remedy_for(a.problem, a.error)
            raise CouldNotTell(f"{a.name}: {a.error or a.problem}", remedy)


def repeated_tokens(history: History) -> list[str]:
    """Each token that more than one acknowledged POST returned, with the names of those POSTs.

    Compared without regard to case: a UUID is the same one in either (RFC 9562 section 4).
    """
    tokens = history.tokens
    if not tokens.others and tokens.distinct_halves[0] == len(tokens):
        return []  # the usual case, and all that a million of them cost
    return _repeated([((a.token or "").lower(), a.name) for a in _that_may_share(history, tokens.also_in())])


def _that_may_share(history: History, first_halves: set[int]) -> Iterator[Attempt]:
    """The acknowledged attempts whose token begins so, or is written in another way than a UUID is."""
    acknowledged = history.acknowledged
    if not isinstance(acknowledged, Attempts):
        return iter(acknowledged)
    return (acknowledged[place] for place in acknowledged.tokens.places_of(first_halves))


def repeated_ids(history: History) -> list[str]:
    """Each id that more than one acknowledged POST returned, with the names of those POSTs."""
    acknowledged = history.acknowledged
    if not isinstance(acknowledged, Attempts):
        return _repeated([(a.id, a.name) for a in acknowledged if a.id is not None])
    again = acknowledged.ids.again()
    if not again:
        return []
    places = (place for place, id_ in enumerate(acknowledged.ids) if id_ in again)
    return _repeated([(a.id or "", a.name) for a in map(acknowledged.__getitem__, places)])


def _repeated(pairs: Sequence[tuple[str, str]]) -> list[str]:
    counts = Counter(value for value, _ in pairs)
    if len(counts) == len(pairs):
        return []
    names: dict[str, list[str]] = {}
    for value, name in pairs:
        if counts[value] > 1:
            names.setdefault(value, []).append(name)
    return [f"{value} returned {len(of)} times: {', '.join(of[:4])}" for value, of in names.items()]


def shared_tokens(history: History, others: Iterable[History]) -> list[str]:
    """Each token of this environment that another environment returned in the same run."""
    others = tuple(others)
    both = history.tokens.also_in(*(other.tokens for other in others))
    own = {a.token.lower(): a.name for a in _that_may_share(history, both) if a.token is not None}
    return [
        f"{a.token} returned to {own[a.token.lower()]} and by {other.environment} to {a.name}"
        for other in others
        for a in _that_may_share(other, both)
        if a.token is not None and a.token.lower() in own
    ]


def tokens_not_version_4(history: History) -> list[str]:
    """Each returned token that is not a canonical version 4 UUID, and in what way."""
    if history.tokens.all_version_4:
        return []
    return [
        f"{a.token!r} ({difference(a.token)}) returned to {a.name}"
        for a in history.acknowledged
        if a.token is not None and not Tokens([a.token]).all_version_4
    ]


def difference(token: str) -> str:
    """In what way a token is not a canonical version 4 UUID."""
    if Tokens([token.lower()]).all_version_4:
        return "not in lower case"
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", token):
        return f"not a UUID: {len(token)} characters"
    return f"version {token[14]}" if token[14] != "4" else "not the variant of RFC 9562"


def largest_overlap(history: History) -> int:
    """How many attempts were in flight at the same moment, at most."""
    many = len(history.attempts)
    parts = [in_parts(column(history.attempts, name), "d", many) for name in ("started_s", "ended_s")]
    starts, ends = map(chain.from_iterable, parts)
    most = ended = 0
    end_s = next(ends, math.inf)
    for begun, start_s in enumerate(starts, start=1):
        while ended < begun - 1 and end_s <= start_s:  # at one instant an end comes before a start
            ended, end_s = ended + 1, next(ends, math.inf)
        if begun - ended > most:
            most = begun - ended
    return most


def failure_rate_bound(sent: int) -> float:
    """The failure rate that `sent` POSTs without a failure leave possible, at 95 % confidence: 1 - 0.05^(1/n)."""
    return float(1.0 - 0.05 ** (1.0 / sent)) if sent else 1.0
