"""The claims about the way from one release to the next, each passing and failing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from harness.configuration.models import Environment, Watch
from harness.errors import CouldNotTell
from harness.history.attempt import Attempt
from harness.history.problem import Problem
from harness.postgres.column_look import ColumnLook, Holder
from harness.postgres.rows import Row
from harness.rollout.claims import CLAIMS, judge
from harness.rollout.evidence import RowChange, RowLook, Watched
from harness.rollout.story import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.errors import Unavailable
    from harness.report.verdict import CheckResult


def post(n: int, token: str | None = None, **more: Any) -> Attempt:
    """POST n, acknowledged half a second after the one before it."""
    fields = {"outcome": "ok", "status": 201, "id": str(n), "token": token or str(UUID(int=n, version=4)), **more}
    return Attempt(n=n, name=f"smoke-r-{n}", phase="rollout", started_s=n / 2, ended_s=n / 2 + 0.01, **fields)


def failing(n: int, status: int = 500, evidence: str = "") -> Attempt:
    return post(n, outcome="fail", status=status, problem=Problem.WRONG_STATUS, id=None, evidence=evidence)


USUAL = [*(post(n, f"short{n}") for n in range(4)), *map(post, range(4, 14))]
LOOKS = [ColumnLook(s, s + 0.01, "text" if s < 1.6 else "uuid", True, "") for s in (0, 1, 1.7, 3, 4, 5, 6)]


def rows_of(attempts: Sequence[Attempt]) -> list[Row]:
    """What a migration leaves of them: short tokens are replaced."""
    return [
        Row(a.id or "", a.name, a.token if len(a.token or "") == 36 else str(UUID(int=1000 + a.n, version=4)))
        for a in attempts
        if a.outcome == "ok"
    ]


def results(
    attempts: Sequence[Attempt],
    rows: Sequence[Row] | Unavailable | None = None,
    row_looks: Sequence[RowLook] = (),
    waive: dict[str, str] | None = None,
    looks: Sequence[ColumnLook] = LOOKS,
    **budget: float,
) -> dict[str, CheckResult]:
    watched = Watched(attempts, looks, [], 0.0, 7.0, rate=2.0, row_looks=row_looks)
    environment = Environment(name="preview", url="http://h", database=None, waive=waive or {})
    labels = {a.name: [a.name] for a in attempts}
    found = judge(
        environment,
        watched,
        tell(watched),
        Watch.model_validate(budget),
        rows_of(attempts) if rows is None else rows,
        labels,
    )
    assert [result.id for result in found] == [*CLAIMS]
    return {result.id: result for result in found}


def outcomes(found: dict[str, CheckResult]) -> list[str]:
    return [result.outcome for result in found.values()]


def test_a_rollout_without_a_failure_holds() -> None:
    """All that is asked passes; without a budget the outage is not asked."""
    assert outcomes(results(USUAL)) == ["pass", "not_covered", "not_covered", "pass", "pass", "pass"]
    assert outcomes(results(USUAL, outage_s=0, latency_p95_ms=20)) == ["pass"] * 6


def test_an_outage_beyond_its_budget_fails_with_its_cause() -> None:
    """From the first POST that failed to the last; a longer budget allows it."""
    attempts = [*USUAL[:4], *(failing(n, evidence="SQLSTATE 22P02") for n in (4, 5)), *map(post, range(6, 14))]
    found = results(attempts, outage_s=0.2)["rollout_outage_is_within_budget"]
    assert (found.outcome, found.have) == ("fail", ["2 of 2 POSTs failed within 0.5 s"])
    assert "22P02" in found.cause
    assert results(attempts, outage_s=1)["rollout_outage_is_within_budget"].outcome == "pass"
    assert "2 POSTs failed, for 0.5 s" in results(attempts)["rollout_outage_is_within_budget"].cause


def test_a_wrong_route_is_no_outage() -> None:
    """Every POST is answered 404: a key explains it better than a broken deployment does."""
    found = results([failing(n, 404) for n in range(8)], outage_s=0)["rollout_outage_is_within_budget"]
    assert found.outcome == "unknown"
    assert "api.create" in found.remedy


def slow(attempts: Sequence[Attempt], *numbers: int, took_s: float = 2) -> list[Attempt]:
    """The same, some of which took longer."""
    return [replace(a, ended_s=a.started_s + took_s) if a.n in numbers else a for a in attempts]


def test_latency_is_judged_before_during_and_after() -> None:
    """Each stretch by itself: what was slow is named, also where it is a small part of all POSTs."""
    id_ = "rollout_latency_is_within_budget"
    calm = results(USUAL)[id_]
    assert (calm.outcome, calm.cause) == ("not_covered", "p95 of the POSTs: 10 ms before, 10 ms during, 10 ms after")
    assert "watch.latency_p95_ms" in calm.remedy
    for n, name in ((0, "before"), (3, "during"), (12, "after")):
        attempts = slow(USUAL, n, took_s=0.4)
        found = results(attempts, latency_p95_ms=300)[id_]
        assert found.outcome == "fail", name
        assert found.have[0].startswith(f"a p95 of 400 ms {name}, over "), found.have
        assert found.have[1:] == [f"smoke-r-{n}: 400 ms"]
        assert results(attempts, latency_p95_ms=500)[id_].outcome == "pass"


def test_a_post_that_waited_for_the_first_change_is_of_the_rollout() -> None:
    """It began before any look showed what it waited for; one that was slow long before was not of it."""
    for n, name in ((0, "during"), (-9, "before")):
        early = [post(-n, f"early{-n}") for n in range(4, 10)]
        found = results(slow([*early, *USUAL], n), latency_p95_ms=500)["rollout_latency_is_within_budget"]
        assert found.have[0].startswith(f"a p95 of 2,000 ms {name}, over "), found.have


def test_what_was_slow_for_a_lock_alone_names_the_lock() -> None:
    """The cause of a slow stretch on the way is the lock that was seen; one that stays slow has another cause."""
    holder = Holder(4711, "AccessExclusiveLock", "migration", "active", 1.0, "ALTER TABLE")
    looks = [dataclasses.replace(look, holders=(holder,), waiting=2) if look.asked_s == 1.7 else look for look in LOOKS]
    id_ = "rollout_latency_is_within_budget"
    locked = results(slow(USUAL, 3), looks=looks, latency_p95_ms=500)[id_]
    assert "pid 4711 (migration), ALTER TABLE" in locked.cause
    assert "public_token_uuid_safe.sql" in locked.remedy
    assert "4711" not in results(slow(USUAL, 3, 12), looks=looks, latency_p95_ms=500)[id_].cause


def test_posts_that_nobody_answered_have_no_latency() -> None:
    """A rate limit says nothing about the create route."""
    limited = [replace(failing(n, 429), problem=Problem.RATE_LIMITED) for n in range(8)]
    assert results(limited, latency_p95_ms=500)["rollout_latency_is_within_budget"].outcome == "unknown"


@pytest.mark.parametrize("id_", [*CLAIMS])
def test_each_claim_can_be_waived_with_its_reason(id_: str) -> None:
    """Whatever it comes to: only that one is not judged, and the reason is in its place."""
    bad = [*(failing(n) for n in range(8)), *(post(n, "00000000-0000-1000-8000-000000000005") for n in (8, 9))]
    bad = slow(bad, 9)
    unread = CouldNotTell("refused", "wait")
    before = results(bad, unread, outage_s=0, latency_p95_ms=1)
    assert "pass" not in outcomes(before)
    found = results(bad, unread, outage_s=0, latency_p95_ms=1, waive={id_: "announced for tonight"})
    assert (found[id_].outcome, found[id_].cause) == ("waived", "announced for tonight")
    assert id_ in found[id_].remedy
    assert [each for each in found if found[each] != before[each]] == [id_]


def test_tokens_are_never_anything_else() -> None:
    """A UUID of another version is neither; a short token cannot come from a uuid column."""
    other = [*USUAL[:5], post(5, "00000000-0000-1000-8000-000000000005"), *USUAL[6:]]
    found = results(other)["rollout_tokens_are_short_then_v4"]
    assert (found.outcome, len(found.have)) == ("fail", 1)
    assert "version 1" in found.have[0]
    late = [*USUAL[:6], post(6, "short6"), *USUAL[7:]]
    assert "short6" in results(late)["rollout_tokens_are_short_then_v4"].have[0]


def test_a_token_that_comes_again_after_the_migration_is_found() -> None:
    """All POSTs are compared, whenever they were sent."""
    again = [*USUAL[:-1], replace(USUAL[-1], token=USUAL[5].token)]
    found = results(again)["rollout_tokens_are_distinct"]
    assert found.outcome == "fail"
    assert found.have == [f"{USUAL[5].token} returned 2 times: smoke-r-5, smoke-r-13"]


def test_rows_must_agree_but_for_tokens_that_were_replaced() -> None:
    """A version 4 token that is stored otherwise fails, and so does a row of a POST that was answered 500."""
    rows = rows_of(USUAL)
    wrong = [row._replace(token=str(UUID(int=5, version=4))) if row.label == "smoke-r-9" else row for row in rows]
    found = results(USUAL, wrong)["rollout_rows_agree"]
    assert (found.outcome, len(found.have)) == ("fail", 1)
    after_500 = [*USUAL[:8], failing(8), *USUAL[9:]]
    assert "answered 500, yet a row is stored" in results(after_500, rows)["rollout_rows_agree"].have[0]


ANSWERED, ANOTHER, UUID_OF_1 = "short1", "tok00099", str(UUID(int=1001, version=4))


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (None, "pass"),
        (RowChange("smoke-r-1", ANSWERED, UUID_OF_1), "pass"),  # the migration gave it another token
        (RowChange("smoke-r-1", ANSWERED, ANOTHER), "fail"),  # the answer was not made from the row
        (RowChange("smoke-r-1", ANSWERED, "no row"), "fail"),
        (RowChange("smoke-r-1", ANSWERED, "NULL"), "fail"),
        (RowChange("smoke-r-5", str(UUID(int=5, version=4)), UUID_OF_1), "fail"),
    ],
)
def test_rows_must_agree_at_each_look_and_not_only_at_the_end(change: RowChange | None, outcome: str) -> None:
    """At the end a row holds the token that the migration gave it, whatever it held before."""
    looks = [RowLook(1.0, 1.02, 2, (change,) if change else ()), *(RowLook(s, s + 0.02, 2) for s in (2, 3, 4, 5, 6))]
    found = results(USUAL, row_looks=looks)["rollout_rows_agree"]
    assert found.outcome == outcome
    if change and outcome == "fail":
        assert found.have == [f"{change.name}: {change.was} before, {change.now} now (1.0 s after the start)"]
    unread = results(USUAL, CouldNotTell("refused", "wait"), looks)["rollout_rows_agree"]
    assert unread.outcome == ("fail" if outcome == "fail" else "unknown"), "what was seen is no less true"


def test_rows_that_nobody_finds_are_no_failure() -> None:
    """No row at all is another database; rows that could not be read are not known."""
    assert results(USUAL, [Row("1", "somebody's", "x")])["rollout_rows_agree"].outcome == "unknown"
    assert results(USUAL, CouldNotTell("refused", "wait"))["rollout_rows_agree"].outcome == "unknown"


def test_nothing_acknowledged_proves_nothing() -> None:
    """Tokens that nobody returned are neither distinct nor right."""
    assert outcomes(results([failing(n) for n in range(8)])) == [
        "unknown",
        "not_covered",
        "not_covered",
        "unknown",
        "unknown",
        "unknown",
    ]
