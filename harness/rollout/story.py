"""The story of a rollout, from evidence alone: phases, what changed when, which POSTs failed and why.

A change of the column lies between the look that did not show it and the one that did. What nobody saw is said: where
no POST was in flight nothing is known of the create route, and where no look was answered nothing of the column.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from harness.checkers.causes import UNKNOWN, usual_cause
from harness.checkers.latency import percentile
from harness.rollout.evidence import SAMPLE_S, about_us, failed, is_new, is_short
from harness.rollout.latency import latency_spans
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.history.attempt import Attempt
    from harness.postgres.column_look import ColumnLook
    from harness.rollout.evidence import RowLook, Served, Watched
    from harness.rollout.latency import LatencySpan

PhaseName = Literal["before", "migrated", "deployed", "steady"]
ChangeKind = Literal["column", "revision", "tokens", "rows", "lock", "waited", "failed", "refused", "unseen"]
FEWEST_STEADY = 5  # POSTs in a row that were answered as wanted, after the last change
_WAITED_S = 0.5  # a POST waited that took so long, and five times as long as usual
_TIMES_AS_LONG = 5
_FAST = 10  # per cent
_MOST_CAUSES = 4
_OF_THE_ROLLOUT: frozenset[ChangeKind] = frozenset({"column", "revision", "tokens", "lock", "failed"})
_DIGITS = 12  # of a revision


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened: between `from_s` and `to_s`, in words. `posts` are the POSTs that it is about."""

    kind: ChangeKind
    from_s: float
    to_s: float
    text: str
    posts: int = 0


@dataclass(frozen=True, slots=True)
class PhaseOfRollout:
    """A stretch of the rollout and the POSTs that began in it. Milliseconds are None where none was acknowledged."""

    name: PhaseName
    from_s: float
    to_s: float
    posts: int
    failed: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """POSTs that failed with fewer than `FEWEST_STEADY` good ones between two of them, from first to last."""

    from_s: float
    to_s: float
    failed: int
    posts: int

    @property
    def lasted_s(self) -> float:
        """From the beginning of the first one that failed to the end of the last."""
        return self.to_s - self.from_s


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, in order. `steady_s` is None, and `unsteady` says why, where no steady state was reached."""

    phases: tuple[PhaseOfRollout, ...]
    changes: tuple[Change, ...]
    outages: tuple[Outage, ...]
    migrated_s: float | None
    deployed_s: float | None
    steady_s: float | None
    unsteady: str = ""
    latency: tuple[LatencySpan, ...] = ()


def tell(watched: Watched) -> Story:
    """What happened, from first to last."""
    attempts = sorted(watched.attempts, key=lambda a: (a.started_s, a.n))
    watched = replace(watched, attempts=attempts)
    outages = outages_of(attempts)
    changes = [
        *column_changes(watched.looks, watched.token_column),
        *revision_changes(watched),
        *_token_changes(attempts),
        *_row_changes(watched),
        *_locks(watched.looks),
        *_waits(attempts),
        *(_failures(attempts, outage, watched.token_column) for outage in outages),
        *_refusals(attempts),
        *_unseen(watched),
    ]
    migrated_s, deployed_s = _migrated(watched.looks), _deployed(watched)
    steady_s, unsteady = _steady(watched, [each for each in (migrated_s, deployed_s) if each is not None])
    phases = _phases(watched, migrated_s, deployed_s, steady_s)
    ordered = tuple(sorted(changes, key=lambda change: (change.from_s, change.to_s)))
    latency = latency_spans(attempts, _begun(ordered), steady_s)
    return Story(phases, ordered, tuple(outages), migrated_s, deployed_s, steady_s, unsteady, latency)


def _begun(changes: Sequence[Change]) -> float | None:
    """When the first change of the rollout may have begun, or the first POST that it kept waiting."""
    began_s = min((change.from_s for change in changes if change.kind in _OF_THE_ROLLOUT), default=None)
    if began_s is None:
        return None
    waits_s = [change.from_s for change in changes if change.kind == "waited" and change.to_s >= began_s]
    return min([began_s, *waits_s])


# --- what failed ------------------------------------------------------------------------------------------------------


def outages_of(attempts: Sequence[Attempt]) -> list[Outage]:
    """Failing POSTs, those together that no steady stretch parts; `attempts` in the order of their beginning."""
    found: list[list[int]] = []
    for place, attempt in enumerate(attempts):
        if not failed(attempt):
            continue
        if found and place - found[-1][-1] <= FEWEST_STEADY:
            found[-1].append(place)
        else:
            found.append([place])
    return [
        Outage(
            attempts[places[0]].started_s,
            max(attempts[place].ended_s for place in places),
            len(places),
            places[-1] - places[0] + 1,
        )
        for places in found
    ]


def _failures(attempts: Sequence[Attempt], outage: Outage, token_column: str) -> Change:
    """One outage in words: how many, and what they said, the most frequent first."""
    said: dict[str, int] = {}
    for attempt in attempts:
        if failed(attempt) and outage.from_s <= attempt.started_s <= outage.to_s:
            kind = _kind_of_failure(attempt, token_column)
            said[kind] = said.get(kind, 0) + 1
    often = sorted(said.items(), key=lambda each: -each[1])
    parts = [f"{number} {kind}" for kind, number in often[:_MOST_CAUSES]]
    parts += [f"{sum(number for _, number in often[_MOST_CAUSES:])} others"] if len(often) > _MOST_CAUSES else []
    text = f"{outage.failed} of {outage.posts} POSTs failed: {'; '.join(parts)}"
    return Change("failed", outage.from_s, outage.to_s, text, outage.failed)


def _kind_of_failure(attempt: Attempt, token_column: str) -> str:
    cause = usual_cause([attempt], token_column)
    if attempt.status is None:
        return str(attempt.problem)
    answered = f"answered {attempt.status}"
    return answered if cause == UNKNOWN else f"{answered}, {cause.cause}"


def _refusals(attempts: Sequence[Attempt]) -> Iterator[Change]:
    """POSTs that say nothing about the create route."""
    refused = [attempt for attempt in attempts if about_us(attempt)]
    if refused:
        first = refused[0]
        text = f"{len(refused)} POSTs say nothing about the create route: {printable(first.error or first.problem)}"
        yield Change("refused", first.started_s, max(a.ended_s for a in refused), text, len(refused))


# --- what changed -----------------------------------------------------------------------------------------------------


def column_changes(looks: Sequence[ColumnLook], column: str) -> Iterator[Change]:
    """Each change of type, default or NOT NULL, between the two looks that show it."""
    for one, other in pairwise(looks):
        parts = []
        if one.type != other.type:
            parts.append(f"became {other.type}" if other.type is not None else "is gone")
        if one.default != other.default:
            parts.append(f"has the default {other.default}" if other.default else "has no default")
        if one.not_null != other.not_null:
            parts.append("became NOT NULL" if other.not_null else "takes NULL")
        if parts:
            yield Change("column", one.asked_s, other.answered_s, f"column {printable(column)} {', '.join(parts)}")


def revision_changes(watched: Watched) -> Iterator[Change]:
    """Each change of which revisions fresh connections name. How many name which of two differs from look to look."""
    before: tuple[str, ...] = ()
    last_s = watched.began_s
    for served in watched.served:
        if served.named and before and served.named != before:
            yield Change("revision", last_s, served.until_s, _served_in_words(served))
        before = served.named or before
        last_s = served.asked_s


def _served_in_words(served: Served) -> str:
    if served.only is not None:
        return f"revision {printable(served.only)[:_DIGITS]} on all connections that were asked"
    counts = [(name, sum(each.revision == name for each in served.revisions)) for name in served.named]
    words = ", ".join(f"{printable(name)[:_DIGITS]} on {number}" for name, number in counts)
    return f"revisions {words} of {len(served.revisions)} connections"


def _token_changes(attempts: Sequence[Attempt]) -> Iterator[Change]:
    """When the answers began to hold other tokens."""
    kinds = [("short tokens", a) for a in attempts if is_short(a)] + [
        ("version 4 tokens", a) for a in attempts if is_new(a)
    ]
    kinds.sort(key=lambda each: (each[1].started_s, each[1].n))
    mixed = 0
    first: Change | None = None
    for (was, one), (now, other) in pairwise(kinds):
        if was != now:
            mixed += 1
            first = first or Change(
                "tokens", one.started_s, other.ended_s, f"POSTs return {now}, and returned {was} before", 1
            )
    if first is not None:
        again = f"; short and version 4 ones alternated {mixed} times" if mixed > 1 else ""
        yield replace(first, text=f"{first.text}{again}")


def _row_changes(watched: Watched) -> Iterator[Change]:
    """When rows of the watch came to hold other tokens: replaced by a migration, or in a way that none has."""
    begun_s = {a.name: a.started_s for a in watched.attempts}
    last_s = watched.began_s
    for look in watched.row_looks:
        last_s = max(last_s, min((begun_s.get(change.name, last_s) for change in look.changes), default=last_s))
        replaced = sum(change.is_replaced for change in look.changes)
        if replaced:
            text = f"{replaced} stored short tokens were replaced by UUIDs"
            yield Change("rows", last_s, look.answered_s, text, replaced)
        others = [change for change in look.changes if not change.is_replaced]
        if others:
            more = f", and {len(others) - 1} more" if len(others) > 1 else ""
            text = f"the row of {printable(others[0].shown)}{more}"
            yield Change("rows", last_s, look.answered_s, text, len(others))
        last_s = look.asked_s


def _locks(looks: Sequence[ColumnLook]) -> Iterator[Change]:
    """Stretches of looks that show somebody waiting for the table, or somebody who holds it alone."""
    stretch: list[ColumnLook] = []
    for look in [*looks, None]:
        if look is not None and (look.waiting or look.holders):
            stretch.append(look)
        elif stretch:
            yield _lock(stretch)
            stretch = []


def _lock(stretch: Sequence[ColumnLook]) -> Change:
    most, longest_s = max(look.waiting for look in stretch), max(look.longest_wait_s for look in stretch)
    worst = max(stretch, key=lambda look: (bool(look.holders), look.longest_wait_s))
    who = "; ".join(holder.shown for holder in worst.holders) or "a session that this role may not see"
    waits = f"sessions waited for a lock on the table, {most} at most, the longest {longest_s:.1f} s; " if most else ""
    return Change("lock", stretch[0].asked_s, stretch[-1].answered_s, f"{waits}it was held by {who}")


def _waits(attempts: Sequence[Attempt]) -> Iterator[Change]:
    """POSTs that were answered late, well or not, those together that overlap."""
    # Of the fast ones: where a lock lasts, most of those that were acknowledged may have waited for it.
    usual_s = percentile(sorted(a.took_s for a in attempts if a.outcome == "ok") or [0.0], _FAST)
    late = [a for a in attempts if a.status is not None and a.took_s > max(_WAITED_S, _TIMES_AS_LONG * usual_s)]
    together: list[Attempt] = []
    for attempt in late:
        if together and attempt.started_s > max(a.ended_s for a in together):
            yield _wait(together)
            together = []
        together.append(attempt)
    if together:
        yield _wait(together)


def _wait(together: Sequence[Attempt]) -> Change:
    longest_s = max(a.took_s for a in together)
    one = len(together) == 1
    text = f"1 POST waited {longest_s:.1f} s" if one else f"{len(together)} POSTs waited, the longest {longest_s:.1f} s"
    from_s, to_s = together[0].started_s, max(a.ended_s for a in together)
    return Change("waited", from_s, to_s, f"{text} for its answer" if one else text, len(together))


# --- what nobody saw --------------------------------------------------------------------------------------------------


def _unseen(watched: Watched) -> Iterator[Change]:
    """Stretches in which no POST was in flight, or no look was answered, that are longer than they should be."""
    longest_s = max(2 / watched.rate, SAMPLE_S) + SAMPLE_S
    flights = [(a.started_s, a.ended_s) for a in watched.attempts]
    for from_s, to_s in _gaps(flights, watched.began_s, watched.ended_s, longest_s):
        yield Change("unseen", from_s, to_s, "no POST was in flight: nothing is known of the create route")
    if watched.looks or watched.missed:
        looks = [(look.asked_s, look.answered_s) for look in watched.looks]
        for from_s, to_s in _gaps(looks, watched.began_s, watched.ended_s, 3 * SAMPLE_S):
            why = f" ({printable(watched.missed[0], 200)})" if watched.missed else ""
            yield Change("unseen", from_s, to_s, f"no look at the column was answered{why}")
    yield from _rows_unseen(watched.row_looks, watched)


def _rows_unseen(looks: Sequence[RowLook], watched: Watched) -> Iterator[Change]:
    """Stretches in which rows of acknowledged POSTs were not compared with their answers."""
    first_s = min((a.ended_s for a in watched.attempts if a.outcome == "ok"), default=None)
    if not looks or first_s is None:
        return
    for from_s, to_s in _gaps([(x.asked_s, x.answered_s) for x in looks], first_s, watched.ended_s, 3 * SAMPLE_S):
        yield Change("unseen", from_s, to_s, "no row was compared with its answer: the table was locked, or not read")


def _gaps(
    spans: Iterable[tuple[float, float]], from_s: float, to_s: float, longest_s: float
) -> Iterator[tuple[float, float]]:
    covered_s = from_s
    for begun_s, ended_s in [*spans, (to_s, to_s)]:
        if begun_s - covered_s > longest_s:
            yield covered_s, begun_s
        covered_s = max(covered_s, ended_s)


# --- phases -----------------------------------------------------------------------------------------------------------


def _migrated(looks: Sequence[ColumnLook]) -> float | None:
    """When the column was first seen as a uuid that stayed one; None where it always was one, or is none."""
    last = next((place for place in reversed(range(len(looks))) if looks[place].type != "uuid"), None)
    return None if last is None or last == len(looks) - 1 else looks[last + 1].answered_s


def _deployed(watched: Watched) -> float | None:
    """When all that served was first of the last revision; without one, when the last short token was over."""
    named = [served for served in watched.served if served.named]
    if named:
        last = named[-1].only
        other = next((place for place in reversed(range(len(named))) if named[place].only != last), None)
        return None if last is None or other is None else named[other + 1].until_s
    short = [a for a in watched.attempts if is_short(a)]
    if not short:
        return None
    until_s = max(a.started_s for a in short)
    return next((a.started_s for a in watched.attempts if is_new(a) and a.started_s > until_s), None)


def _steady(watched: Watched, changes_s: Sequence[float]) -> tuple[float | None, str]:
    """From when on all was as the change wants it, or why that never was."""
    if watched.looks and watched.looks[-1].type != "uuid":
        return None, f"the column is {watched.looks[-1].type or 'missing'} at the end, not uuid"
    served = [each for each in watched.served if each.named]
    if served and len(served[-1].named) > 1:
        return None, f"{len(served[-1].named)} revisions are served at the end"
    wrong = [a.ended_s for a in watched.attempts if not is_new(a)]
    since_s = max([watched.began_s, *changes_s, *wrong])
    good = [a for a in watched.attempts if a.started_s >= since_s]
    if len(good) < FEWEST_STEADY:
        last = next((a for a in reversed(watched.attempts) if not is_new(a)), None)
        why = f"; the last that was not: {printable(last.error or last.problem or last.token)}" if last else ""
        return (
            None,
            f"{len(good)} POSTs in a row were answered with a version 4 token at the end, of {FEWEST_STEADY}{why}",
        )
    return good[0].started_s, ""


def _phases(
    watched: Watched, migrated_s: float | None, deployed_s: float | None, steady_s: float | None
) -> tuple[PhaseOfRollout, ...]:
    marks: list[tuple[float, PhaseName]] = []
    if migrated_s is not None and deployed_s is not None and abs(migrated_s - deployed_s) <= SAMPLE_S:
        migrated_s = deployed_s = max(migrated_s, deployed_s)  # which came first nobody saw
    marks += [(migrated_s, "migrated")] if migrated_s is not None else []
    marks += [(deployed_s, "deployed")] if deployed_s is not None else []
    marks.sort(key=lambda mark: mark[0])
    if marks or steady_s is None or any(not is_new(a) for a in watched.attempts):
        marks.insert(0, (watched.began_s, "before"))
    marks += [(steady_s, "steady")] if steady_s is not None else []
    ends_s = [*(from_s for from_s, _ in marks[1:]), max(watched.ended_s, marks[-1][0])]
    return tuple(
        _phase(watched.attempts, name, from_s, to_s) for (from_s, name), to_s in zip(marks, ends_s, strict=True)
    )


def _phase(attempts: Sequence[Attempt], name: PhaseName, from_s: float, to_s: float) -> PhaseOfRollout:
    within = [a for a in attempts if from_s <= a.started_s < to_s or (name == "steady" and a.started_s >= from_s)]
    took_ms = sorted(1000 * a.took_s for a in within if a.outcome == "ok")
    figures = (percentile(took_ms, 50), percentile(took_ms, 95), took_ms[-1]) if took_ms else (None, None, None)
    return PhaseOfRollout(name, from_s, to_s, len(within), sum(map(failed, within)), *figures)
