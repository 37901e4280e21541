"""The claims about the way from one release to the next, each passing and failing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from harness.errors import CouldNotTell
from harness.history.attempt import Attempt
from harness.history.problem import Problem
from harness.postgres.column_look import ColumnLook
from harness.postgres.rows import Row
from harness.rollout.claims import CLAIMS, judge
from harness.rollout.evidence import Watched
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
    attempts: Sequence[Attempt], rows: Sequence[Row] | Unavailable | None = None, outage_s: float | None = None
) -> dict[str, CheckResult]:
    watched = Watched(attempts, LOOKS, [], 0.0, 7.0, rate=2.0)
    labels = {a.name: [a.name] for a in attempts}
    found = judge("preview", watched, tell(watched), outage_s, rows_of(attempts) if rows is None else rows, labels)
    assert [result.id for result in found] == [*CLAIMS]
    return {result.id: result for result in found}


def outcomes(found: dict[str, CheckResult]) -> list[str]:
    return [result.outcome for result in found.values()]


def test_a_rollout_without_a_failure_holds() -> None:
    """All that is asked passes; without a budget the outage is not asked."""
    assert outcomes(results(USUAL)) == ["pass", "not_covered", "pass", "pass", "pass"]
    assert outcomes(results(USUAL, outage_s=0)) == ["pass"] * 5


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


def test_rows_that_nobody_finds_are_no_failure() -> None:
    """No row at all is another database; rows that could not be read are not known."""
    assert results(USUAL, [Row("1", "somebody's", "x")])["rollout_rows_agree"].outcome == "unknown"
    assert results(USUAL, CouldNotTell("refused", "wait"))["rollout_rows_agree"].outcome == "unknown"


def test_nothing_acknowledged_proves_nothing() -> None:
    """Tokens that nobody returned are neither distinct nor right."""
    assert outcomes(results([failing(n) for n in range(8)])) == [
        "unknown",
        "not_covered",
        "unknown",
        "unknown",
        "unknown",
    ]
