"""Judgements of what is stored, on hand-written rows: against the answers, the id sequence, and the scan."""

from typing import Any

import pytest
from pydantic import SecretStr

from harness.checkers.rows import (
    demand_no_lag,
    demand_stored,
    demand_the_heap,
    disagreeing_rows,
    remedy_without_version_4,
    rounded_ids,
    rows_of_another_table,
    stored_before,
)
from harness.checkers.schema import is_behind
from harness.errors import CouldNotTell, NotCovered
from harness.history.attempt import Attempt
from harness.history.problem import Problem
from harness.history.token_sample import Sample
from harness.postgres.rows import Row, SequenceState
from harness.postgres.token_scan import Ages, StoredTokens
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
    ("returned", "stored", "rounded"),
    [
        ("9007199254740992", "9007199254740993", True),
        ("1234567890123456800", "1234567890123456789", True),
        ("9007199254740993", "9007199254740993", False),
        ("9007199254740991", "9007199254740990", False),
        ("9007199254740992", "9007199254749999", False),
        ("1", "2", False),
        ("x", "9007199254740993", False),
        ("\u0663" * 17, "9007199254740993", False),
    ],
)
def test_an_id_is_rounded_to_what_a_double_holds(returned: str, stored: str, rounded: bool) -> None:
    """Above 2^53 only; another row's id is no rounding."""
    found = rounded_ids(history(ok(1, id=returned)), [row(1, id=stored)], {"smoke-r-1": ["smoke-r-1"]})
    assert found == (["smoke-r-1"] if rounded else [])


def test_what_a_replica_does_not_show_is_not_lost() -> None:
    """What it shows is judged; the rest could not be told."""
    attempts, labels = history(ok(1), ok(2)), {f"smoke-r-{n}": [f"smoke-r-{n}"] for n in (1, 2)}
    assert disagreeing_rows(attempts, [row(1)], labels, lagging=True) == []
    assert len(disagreeing_rows(attempts, [row(1, id="9")], labels, lagging=True)) == 1
    demand_no_lag(attempts, [row(1), row(2)], labels)
    with pytest.raises(CouldNotTell, match="1 of 2 acknowledged chatbots are not in this table, and the database is a"):
        demand_no_lag(attempts, [row(1)], labels)


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


# --- stored tokens of other versions ----------------------------------------------------------------------------------


def with_others(ages: Ages | None, **but: Any) -> StoredTokens:
    others = {
        "not_version_4": 3,
        "other_versions": (("1", SecretStr("x")),),
        "update": "UPDATE t SET x = DEFAULT WHERE y",
    }
    return scanned(9)._replace(ages=ages, **{**others, **but})


def test_tokens_that_are_all_older_are_of_before_the_migration() -> None:
    """How many, that rolling back does not help, the statement that mends them, and the key that accepts them."""
    cause, remedy = stored_before(with_others(Ages(0, last_id=50, first_version_4_id=51)))
    assert cause.startswith("all 3 are older than the first row of version 4 (id 51)")
    assert cause.endswith("Rolling back does not help")
    assert "UPDATE t SET x = DEFAULT WHERE y" in remedy
    assert remedy.endswith("set stored.legacy_until: 50")


@pytest.mark.parametrize(
    ("first", "seen"),
    [
        (None, "no stored token is of version 4"),
        (0, "not all are older than the first row of version 4 (id 0)"),
        (7, "not all are older than the first row of version 4 (id 7)"),
        (50, "not all are older than the first row of version 4 (id 50)"),
    ],
)
def test_tokens_of_which_some_are_newer_may_be_made_still(first: int | None, seen: str) -> None:
    """Where nothing is of version 4, too: nobody knows whether a generator still runs."""
    cause, remedy = stored_before(with_others(Ages(0, last_id=50, first_version_4_id=first)))
    assert cause.startswith(f"{seen}; the last of these is id 50: another generator may still run")
    assert remedy.startswith("find out what made the tokens that are not of version 4; then give their rows new ")


def test_ids_that_are_no_numbers_tell_no_age() -> None:
    """The statement is there nevertheless, and no key that could not be used."""
    cause, remedy = stored_before(with_others(None))
    assert "carried over, or another generator" in cause
    assert "UPDATE t SET x = DEFAULT" in remedy
    assert "legacy_until" not in cause + remedy


def test_rows_of_this_run_alone_are_nothing_stored() -> None:
    """Whatever else is stored is judged; a scan that proves nothing is refused first."""
    demand_stored(scanned(3), None, own_rows=2)
    for rows, own, said in ((0, 0, "the table is empty"), (2, 2, "the table has only the 2 rows of this run")):
        with pytest.raises(NotCovered) as caught:
            demand_stored(scanned(rows), None, own)
        assert caught.value.cause == said
    with pytest.raises(CouldNotTell):
        demand_stored(scanned(0, "Index Scan"), None, own_rows=0)


def test_a_remedy_names_a_claim_that_reports_something() -> None:
    """Where no token is of version 4, that is another claim's finding, or accepted."""
    assert "stored_tokens_are_version_4" in remedy_without_version_4(with_others(None))
    assert "stored_tokens_are_not_null" in remedy_without_version_4(scanned(3)._replace(tokens=0))
    accepted = with_others(Ages(3, None, None), not_version_4=0)
    assert remedy_without_version_4(accepted).startswith("nothing")
