"""What is claimed of the way from one release to the next: pure judgements of what a watch saw.

The steady state that it ends in is judged by the checks of the gate. These are about all POSTs of the watch together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from harness.checkers.causes import ANSWER_OF_ANOTHER_ROW, usual_cause
from harness.checkers.history import difference, repeated_tokens
from harness.checkers.latency import took_ms
from harness.checkers.rows import disagreeing_rows
from harness.checkers.wrong_keys import explained
from harness.claims import OfRollout
from harness.errors import CouldNotTell, NotCovered, Unavailable, Waived
from harness.findings import finding
from harness.history.history import History
from harness.report.verdict import CheckResult, outcome_without
from harness.rollout.evidence import failed, is_new, is_short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.configuration.models import Environment, Watch
    from harness.findings import Finding
    from harness.history.attempt import Attempt
    from harness.postgres.rows import Row
    from harness.rollout.evidence import Watched
    from harness.rollout.story import Story

CLAIMS: dict[str, str] = {
    OfRollout.STEADY: "The rollout ends in a steady state",
    OfRollout.OUTAGE: "POSTs fail no longer on the way than watch.outage_s allows",
    OfRollout.LATENCY: "Before, during and after it 95 of 100 POSTs are answered within watch.latency_p95_ms",
    OfRollout.TOKENS: "On the way tokens are short before the migration, version 4 after it",
    OfRollout.DISTINCT: "No token comes twice on the way, before and after the migration together",
    OfRollout.ROWS: "What the answers said on the way is what is stored, at each look and at the end",
}
_NOTHING = CouldNotTell(
    "no POST was acknowledged while it was watched", "start it before the rollout, and watch longer"
)

_NOT_ANSWERED = CouldNotTell("no POST was answered while it was watched", _NOTHING.remedy)


def judge(
    environment: Environment,
    watched: Watched,
    story: Story,
    budget: Watch,
    rows: Sequence[Row] | Unavailable,
    labels: Mapping[str, Sequence[str]],
) -> list[CheckResult]:
    """What each claim about the way comes to.

    Args:
        environment: what was watched, and which claims it waives.
        watched: what was seen.
        story: what it tells.
        budget: how long POSTs may fail, and how long they may take.
        rows: those that carry a label of the run, or why they were not read.
        labels: for each attempt's name, what its label column may hold.
    """
    name = environment.name
    acknowledged = any(a.outcome == "ok" for a in watched.attempts)
    outcomes: dict[str, Finding | Unavailable | None] = {
        OfRollout.STEADY: _steady(story),
        OfRollout.OUTAGE: _outage(name, watched, story, budget.outage_s),
        OfRollout.LATENCY: _latency(story, budget.latency_p95_ms),
        OfRollout.TOKENS: _tokens(watched, story) if acknowledged else _NOTHING,
        OfRollout.DISTINCT: _repeats(name, watched) if acknowledged else _NOTHING,
        OfRollout.ROWS: (_rows_on_the_way(watched) or _rows_at_the_end(name, watched, story, rows, labels))
        if acknowledged
        else _NOTHING,
    }
    waived = {id_: Waived.by_name(id_, why) for id_, why in environment.waive.items()}
    return [_result(id_, name, waived.get(id_, outcome)) for id_, outcome in outcomes.items()]


def _result(id_: str, environment: str, outcome: Finding | Unavailable | None) -> CheckResult:
    result = CheckResult(id=id_, environment=environment, outcome="pass", claim=CLAIMS[id_])
    if outcome is None:
        return result
    if isinstance(outcome, Unavailable):
        word = outcome_without(outcome)
        return result.model_copy(update={"outcome": word, "cause": outcome.cause, "remedy": outcome.remedy})
    worded = {"want": outcome.want, "have": list(outcome.have), "cause": outcome.cause, "remedy": outcome.remedy}
    return result.model_copy(update={"outcome": "fail", **worded})


def _steady(story: Story) -> CouldNotTell | None:
    if story.steady_s is not None:
        return None
    return CouldNotTell(
        f"the rollout did not reach a steady state while it was watched: {story.unsteady}",
        "finish the rollout or roll it back, then run the gate; watch longer next time (--for)",
    )


def _outage(environment: str, watched: Watched, story: Story, outage_s: float | None) -> Finding | Unavailable | None:
    """The outages together, against the budget. Without a budget it is told, and decides nothing."""
    lasted_s = sum(outage.lasted_s for outage in story.outages)
    posts = sum(outage.failed for outage in story.outages)
    seen = f"{posts} POSTs failed, for {lasted_s:.1f} s from first to last" if posts else "no POST failed"
    if outage_s is None:
        return NotCovered(seen, "set watch.outage_s to judge it")
    if lasted_s <= outage_s:
        return None
    key = explained(History.of(environment, watched.attempts), watched.token_column)
    if key is not None:
        return CouldNotTell(key.cause, key.remedy)
    wrong = [a for a in watched.attempts if failed(a)]
    cause = usual_cause(wrong, watched.token_column)
    have = [f"{o.failed} of {o.posts} POSTs failed within {o.lasted_s:.1f} s" for o in story.outages]
    wanted = f"POSTs fail for no longer than {outage_s:g} s in all"
    return finding(want=wanted, have=have, cause=cause.cause, remedy=cause.remedy)


def _latency(story: Story, budget_ms: float | None) -> Finding | Unavailable | None:
    """How long POSTs took before, during and after, against the budget. Without one it is told, and decides nothing."""
    p95s = {span.name: f"{span.p95_ms:,.0f} ms {span.name}" for span in story.latency}
    if not p95s:
        return _NOT_ANSWERED
    if budget_ms is None:
        return NotCovered(f"p95 of the POSTs: {', '.join(p95s.values())}", "set watch.latency_p95_ms to judge it")
    slow = [span for span in story.latency if span.p95_ms > budget_ms]
    if not slow:
        return None
    worst = [max(span.attempts, key=took_ms) for span in slow]
    have = [f"a p95 of {p95s[span.name]}, over {len(span.attempts)} POSTs" for span in slow]
    have += [f"{a.name}: {took_ms(a):,.0f} ms" for a in worst]
    lock = next((change.text for change in story.changes if change.kind == "lock"), None)
    only_during = [span.name for span in slow] == ["during"]
    return finding(
        want=f"a p95 of at most {budget_ms:g} ms before, during and after the rollout",
        have=have,
        cause=lock if only_during and lock else "the deployment is slow, or this machine is busy or far from it",
        remedy="migrate without the lock, or with a lock_timeout: examples/migrations/public_token_uuid_safe.sql"
        if only_during and lock
        else "compare with earlier runs (chatbots-smoke runs); if it is always like this, raise watch.latency_p95_ms",
    )


def _tokens(watched: Watched, story: Story) -> Finding | None:
    """What was acknowledged with a token that is neither, or with a short one that a uuid column cannot hold."""
    since_s = min((s for s in (_uuid_since(watched, story), story.steady_s) if s is not None), default=None)
    wrong = [
        f"{a.token!r} ({difference(a.token or '')}) returned to {a.name}"
        for a in watched.attempts
        if a.outcome == "ok" and not is_new(a) and (not is_short(a) or (since_s is not None and a.started_s > since_s))
    ]
    if not wrong:
        return None
    return finding(
        want="short tokens until the column is a uuid, and version 4 UUIDs from then on",
        have=wrong,
        cause="a generator that is neither the old one nor the default, or an answer that is not made from the row",
        remedy="look at what the create route returned for these names",
    )


def _uuid_since(watched: Watched, story: Story) -> float | None:
    """From when on the column is known to have been a uuid; None where it was none, or nobody looked."""
    if story.migrated_s is not None:
        return story.migrated_s
    always = bool(watched.looks) and all(look.type == "uuid" for look in watched.looks)
    return watched.looks[0].answered_s if always else None


def _repeats(environment: str, watched: Watched) -> Finding | None:
    repeated = repeated_tokens(History.of(environment, watched.attempts))
    if not repeated:
        return None
    return finding(
        want="a new token for each acknowledged POST",
        have=repeated,
        cause="a cached response, or a generator that repeats itself",
        remedy="look at the create route: it must return the row that this INSERT stored",
    )


def _rows_on_the_way(watched: Watched) -> Finding | None:
    changed = [
        f"{change.shown} ({look.answered_s:.1f} s after the start)"
        for look in watched.row_looks
        for change in look.changes
        if not change.is_replaced
    ]
    if not changed:
        return None
    cause, remedy = ANSWER_OF_ANOTHER_ROW
    want = "at each look the row of an acknowledged POST holds the token of its answer, or the UUID that replaced it"
    return finding(want=want, have=changed, cause=cause, remedy=remedy)


def _rows_at_the_end(
    environment: str,
    watched: Watched,
    story: Story,
    rows: Sequence[Row] | Unavailable,
    labels: Mapping[str, Sequence[str]],
) -> Finding | Unavailable | None:
    if isinstance(rows, Unavailable):
        return rows
    stored = {row.label: row.token for row in rows}
    acknowledged = [a for a in watched.attempts if a.outcome == "ok"]
    if not any(label in stored for a in acknowledged for label in labels[a.name]):
        return CouldNotTell(
            f"none of {len(acknowledged)} acknowledged chatbots is found by its name in the table",
            "check database and table (name, label) of this environment; if they are right, the route stores nothing",
        )

    def as_migrated(attempt: Attempt) -> Attempt:
        """A short token is another one once the migration has replaced it: only its row is compared then."""
        if story.migrated_s is None or not is_short(attempt):
            return attempt
        return replace(attempt, token=next((stored[each] for each in labels[attempt.name] if each in stored), None))

    history = History.of(environment, [as_migrated(attempt) for attempt in watched.attempts])
    offending = disagreeing_rows(history, rows, {name: list(of) for name, of in labels.items()})
    if not offending:
        return None
    cause, remedy = ANSWER_OF_ANOTHER_ROW
    want = "for each acknowledged POST one row with its name, id and token; for each error none"
    return finding(want=want, have=offending, cause=cause, remedy=remedy)
