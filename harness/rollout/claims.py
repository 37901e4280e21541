"""What is claimed of the way from one release to the next: pure judgements of what a watch saw.

The steady state that it ends in is judged by the checks of the gate. These are about all POSTs of the watch together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from harness.checkers.causes import ANSWER_OF_ANOTHER_ROW, usual_cause
from harness.checkers.history import difference, repeated_tokens
from harness.checkers.rows import disagreeing_rows
from harness.checkers.wrong_keys import explained
from harness.claims import OfRollout
from harness.errors import CouldNotTell, NotCovered, Unavailable
from harness.findings import finding
from harness.history.history import History
from harness.report.verdict import CheckResult
from harness.rollout.evidence import failed, is_new, is_short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.findings import Finding
    from harness.history.attempt import Attempt
    from harness.postgres.rows import Row
    from harness.rollout.evidence import Watched
    from harness.rollout.story import Story

CLAIMS: dict[str, str] = {
    OfRollout.STEADY: "The rollout ends in a steady state",
    OfRollout.OUTAGE: "POSTs fail no longer on the way than watch.outage_s allows",
    OfRollout.TOKENS: "On the way tokens are short before the migration, version 4 after it",
    OfRollout.DISTINCT: "No token comes twice on the way, before and after the migration together",
    OfRollout.ROWS: "What the answers said on the way is what is stored",
}
_NOTHING = CouldNotTell(
    "no POST was acknowledged while it was watched", "start it before the rollout, and watch longer"
)


def judge(
    environment: str,
    watched: Watched,
    story: Story,
    outage_s: float | None,
    rows: Sequence[Row] | Unavailable,
    labels: Mapping[str, Sequence[str]],
) -> list[CheckResult]:
    """What each claim about the way comes to.

    Args:
        environment: its name.
        watched: what was seen.
        story: what it tells.
        outage_s: for how many seconds POSTs may fail; None where that fails nothing.
        rows: those that carry a label of the run, or why they were not read.
        labels: for each attempt's name, what its label column may hold.
    """
    acknowledged = any(a.outcome == "ok" for a in watched.attempts)
    outcomes: dict[str, Finding | Unavailable | None] = {
        OfRollout.STEADY: _steady(story),
        OfRollout.TOKENS: _tokens(watched, story) if acknowledged else _NOTHING,
        OfRollout.DISTINCT: _repeats(environment, watched) if acknowledged else _NOTHING,
        OfRollout.ROWS: _rows(environment, watched, story, rows, labels) if acknowledged else _NOTHING,
    }
    results = [_result(id_, environment, outcome) for id_, outcome in outcomes.items()]
    results.insert(1, _outage(environment, watched, story, outage_s))
    return results


def _result(id_: str, environment: str, outcome: Finding | Unavailable | None) -> CheckResult:
    result = CheckResult(id=id_, environment=environment, outcome="pass", claim=CLAIMS[id_])
    if outcome is None:
        return result
    if isinstance(outcome, Unavailable):
        word = "unknown" if isinstance(outcome, CouldNotTell) else "not_covered"
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


def _outage(environment: str, watched: Watched, story: Story, outage_s: float | None) -> CheckResult:
    """The outages together, against the budget. Without a budget it is told, and decides nothing."""
    lasted_s = sum(outage.lasted_s for outage in story.outages)
    posts = sum(outage.failed for outage in story.outages)
    seen = f"{posts} POSTs failed, for {lasted_s:.1f} s from first to last" if posts else "no POST failed"
    if outage_s is None:
        return _result(OfRollout.OUTAGE, environment, NotCovered(seen, "set watch.outage_s to judge it"))
    if lasted_s <= outage_s:
        return _result(OfRollout.OUTAGE, environment, None)
    key = explained(History.of(environment, watched.attempts), watched.token_column)
    if key is not None:
        return _result(OfRollout.OUTAGE, environment, CouldNotTell(key.cause, key.remedy))
    wrong = [a for a in watched.attempts if failed(a)]
    cause = usual_cause(wrong, watched.token_column)
    have = [f"{o.failed} of {o.posts} POSTs failed within {o.lasted_s:.1f} s" for o in story.outages]
    wanted = f"POSTs fail for no longer than {outage_s:g} s in all"
    found = finding(want=wanted, have=have, cause=cause.cause, remedy=cause.remedy)
    return _result(OfRollout.OUTAGE, environment, found)


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


def _rows(
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
