"""Judgements of what is stored, on hand-written rows: against the answers, the id sequence, and the scan."""

from typing import Any

import pytest

from harness.checkers.rows import demand_the_heap, disagreeing_rows, rows_of_another_table
from harness.checkers.schema import is_behind
from harness.errors import CouldNotTell
from harness.history.attempt import Attempt
from harness.history.problem import Problem
from harness.history.token_sample import Sample
from harness.postgres.rows import Row, SequenceState
from harness.postgres.token_scan import StoredTokens
from tests.support.histories import TOKENS, failed, history, ok, unanswered

# --- rows -------------------------------------------------------------------------------------------------------------


def row(n: int, **but: Any) -> Row:
    return Row(id=str(n), label=f"smoke-r-{n}", token=TOKENS[n])._replace(**but)


def disagreements(*attempts: Attempt, rows: list[Row]) -> list[str]:
    return disagreeing_rows(history(*attempts), rows, {a.name: [a.name, f"bot {a.name}"] for a in attempts})


@pytest.mark.parametrize(
    "stored",
    [
        [row(1)],
        [row(1, label="bot smoke-r-1")],
        [row(1, token=TOKENS[1].upper())],
        [row(1), row(2, label="somebody's"), row(3, label=None)],
    ],
)
def test_a_row_as_answered_does_not_offend(stored: list[Row]) -> None:
    """By any of its labels, without regard to the token's case; rows of others are ignored."""
    assert disagreements(ok(1), rows=stored) == []


@pytest.mark.parametrize(
    ("attempt", "stored", "want"),
    [
        (ok(1), [], "smoke-r-1: answered 201 with id 1, but no row has this name"),
        (ok(1), [row(2)], "smoke-r-1: answered 201 with id 1, but no row has this name"),
        (ok(1), [row(1), row(1, id="9")], "smoke-r-1: one POST, yet 2 rows are stored (ids 1, 9)"),
        (
            ok(1),
            [row(1), row(9, label="bot smoke-r-1")],
            "smoke-r-1: one POST, yet 2 rows are stored (ids 1, 9)",
        ),
        (ok(1), [row(1, id="9")], "smoke-r-1: id 1 returned, 9 stored"),
        (ok(1), [row(1, token=TOKENS[2])], f"smoke-r-1: token {TOKENS[1]} returned, {TOKENS[2]} stored"),
        (ok(1), [row(1, token=None)], f"smoke-r-1: token {TOKENS[1]} returned, NULL stored"),
        (
            ok(1),
            [row(1, id="9", token=None)],
            f"smoke-r-1: id 1 returned, 9 stored; token {TOKENS[1]} returned, NULL stored",
        ),
        (failed(1), [row(1)], "smoke-r-1: answered 500, yet a row is stored (id 1)"),
        (failed(1, 409), [row(1), row(1, id="9")], "smoke-r-1: answered 409, yet 2 rows are stored (ids 1, 9)"),
        (
            unanswered(1),
            [row(n, label="smoke-r-1") for n in range(6)],
            "smoke-r-1: one POST without an answer, yet 6 rows are stored (ids 0, 1, 2, 3)",
        ),
    ],
)
def test_each_disagreement_is_a_sentence(attempt: Attempt, stored: list[Row], want: str) -> None:
    """A missing row, a second one, another id or token, and a row behind an error."""
    assert disagreements(attempt, rows=stored) == [want]


@pytest.mark.parametrize(
    ("attempt", "stored"),
    [
        (failed(1), []),
        (failed(1, 302, problem=Problem.REDIRECTED), []),
        (unanswered(1), []),
        (unanswered(1), [row(1)]),
        (unanswered(1, Problem.REFUSED), []),
    ],
)
def test_what_was_not_acknowledged_may_leave_none(attempt: Attempt, stored: list[Row]) -> None:
    """And a POST without an answer may have stored its row or not."""
    assert disagreements(attempt, rows=stored) == []


@pytest.mark.parametrize(
    ("problem", "status"),
    [(Problem.WRONG_STATUS, 200), (Problem.NOT_JSON, 201), (Problem.FIELD_MISSING, 201), (Problem.TOO_LARGE, 201)],
)
def test_a_success_that_is_not_as_asked_may_store_its_row(problem: Problem, status: int) -> None:
    """That its answer is wrong is another claim's finding, not a second one here."""
    assert disagreements(failed(1, status, problem=problem), rows=[row(1)]) == []


def test_every_disagreement_is_reported() -> None:
    """One sentence for each attempt, in their order."""
    found = disagreements(ok(1), ok(2), failed(3), rows=[row(1), row(3)])
    assert [sentence.partition(":")[0] for sentence in found] == ["smoke-r-2", "smoke-r-3"]


def test_no_trace_of_any_acknowledged_post_is_another_table() -> None:
    """One trace is enough to know it; nothing acknowledged says nothing."""
    assert rows_of_another_table(history(ok(1), ok(2)), [])
    assert not rows_of_another_table(history(ok(1), ok(2)), [row(2)])
    assert not rows_of_another_table(history(failed(1)), [])
    assert not rows_of_another_table(history(), [])


# --- sequence and scan ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("next_id", "extreme_id", "increment", "behind"),
    [
        (8, 7, 1, False),
        (7, 7, 1, True),
        (1, 7, 1, True),
        (100, 7, 1, False),
        (1, None, 1, False),
        (1, -5, 1, False),
        (17, 7, 10, False),
        (7, 7, 10, True),
        (-8, -7, -1, False),
        (-7, -7, -1, True),
        (-1, -7, -1, True),
        (-1, None, -1, False),
        (0, 0, 1, True),
    ],
)
def test_a_sequence_is_behind_at_or_before_a_stored_id(
    next_id: int, extreme_id: int | None, increment: int, behind: bool
) -> None:
    """Descending ones too; an empty table leaves nothing to be behind of."""
    assert is_behind(SequenceState("chatbots_id_seq", next_id, extreme_id, increment)) is behind


def scanned(rows: int, *index_nodes: str) -> StoredTokens:
    return StoredTokens(rows, rows, 0, 0, index_nodes, (), (), Sample(0, 0, 0))


def test_a_scan_of_the_heap_may_be_judged() -> None:
    """With as many rows as were acknowledged, or without POSTs to compare it with."""
    demand_the_heap(scanned(2), history(ok(1), ok(2)))
    demand_the_heap(scanned(0), None)
    demand_the_heap(scanned(0), history(failed(1)))


def test_a_scan_of_an_index_proves_nothing() -> None:
    """The plan's nodes are named."""
    with pytest.raises(CouldNotTell) as caught:
        demand_the_heap(scanned(9, "Index Only Scan", "Bitmap Index Scan"), None)
    assert "on an index (Index Only Scan, Bitmap Index Scan) although that is switched off" in caught.value.cause
    assert "report it with the server's version" in caught.value.remedy


def test_fewer_rows_than_acknowledged_prove_nothing() -> None:
    """Rows are hidden, or it is another table."""
    with pytest.raises(CouldNotTell) as caught:
        demand_the_heap(scanned(1), history(ok(1), ok(2), failed(3)))
    assert caught.value.cause == "2 chatbots were acknowledged, but this table shows 1 rows"
    assert "row-level security" in caught.value.remedy
