"""The rows of a watch beside its answers, from one look to the next."""

from __future__ import annotations

from harness.history.attempt import Attempt
from harness.postgres.rows import Row
from harness.rollout.evidence import RowChange
from harness.rollout.rows import MOST_COMPARED, RowComparison

UUID_4 = "7f0c1b1e-8a51-4c39-9d0e-1a2b3c4d5e6f"


def post(n: int, token: str = "k3x9ab", id_: str | None = None) -> Attempt:
    return Attempt(n, f"smoke-r-{n}", "rollout", "ok", n / 2, n / 2 + 0.01, status=201, id=id_ or str(n), token=token)


def changes(*looks: list[Row], attempts: list[Attempt] | None = None) -> list[tuple[RowChange, ...]]:
    """What each look finds changed."""
    comparison = RowComparison("bigint", lambda name: [name])
    wanted = comparison.wanted(attempts or [post(1)])
    return [comparison.compare(wanted, rows)[1] for rows in looks]


def row(token: str | None, label: str = "smoke-r-1") -> Row:
    return Row("1", label, token)


def test_what_agrees_is_no_change() -> None:
    """However the token is spelled."""
    assert changes([row("k3x9ab")], [row("k3x9ab")]) == [(), ()]
    assert changes([row(UUID_4.upper())], attempts=[post(1, UUID_4)]) == [()]


def test_a_change_is_told_once() -> None:
    """At the look that shows it, with what was there before."""
    assert changes([row("other")], [row("other")]) == [(RowChange("smoke-r-1", "k3x9ab", "other"),), ()]
    assert changes([row("k3x9ab")], [row(UUID_4)], [row(UUID_4)])[1:] == [
        (RowChange("smoke-r-1", "k3x9ab", UUID_4),),
        (),
    ]
    assert changes([row("k3x9ab")], [row(None)])[1] == (RowChange("smoke-r-1", "k3x9ab", "NULL"),)


def test_a_row_that_was_there_and_is_gone_is_told() -> None:
    """One that never was may come later: the end of the watch looks for it."""
    assert changes([row("k3x9ab")], []) == [(), (RowChange("smoke-r-1", "k3x9ab", "no row"),)]
    assert changes([], [row("k3x9ab")]) == [(), ()]


def test_a_row_of_somebody_else_is_not_compared() -> None:
    """An answer may hold an id of another table: the row of that number is not ours, and nothing of it is told."""
    assert changes([row("secret", label="somebody's")]) == [()]


def test_only_a_uuid_in_the_place_of_a_short_token_is_a_replacement() -> None:
    """As a migration has it; everything else is a row that its answer did not tell of."""
    assert RowChange("n", "k3x9ab", UUID_4).is_replaced
    assert not any(
        RowChange("n", *each).is_replaced
        for each in (("k3x9ab", "other"), (UUID_4, UUID_4[::-1]), ("NULL", UUID_4), ("no row", UUID_4))
    )


def test_what_is_no_id_of_the_column_is_not_asked_for() -> None:
    """And of very many POSTs the newest alone."""
    comparison = RowComparison("bigint", lambda name: [name])
    assert [*comparison.wanted([post(1, id_="1; drop"), post(2)])] == ["2"]
    assert len(comparison.wanted([post(n) for n in range(1, 2 * MOST_COMPARED)])) == MOST_COMPARED
