"""POSTs that ask something else than to be created as usual: asked for, told apart, cleaned up, never counted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest

from harness.checkers.history import chosen_by_client, demand_answered
from harness.errors import CouldNotTell
from harness.history.attempt import Attempt, Outcome, Phase
from harness.history.history import History, chosen_token
from harness.history.problem import Problem
from harness.postgres.rows import Row
from rehearsal.deployment.start import deployed
from tests.support.gates import run_gate

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres


def probe(
    phase: Phase, *, status: int | None = 201, token: str | None = "x", problem: Problem | None = None
) -> Attempt:
    """One attempt, acknowledged unless something is wrong with it."""
    outcome: Outcome = "ok" if problem is None else "unknown" if status is None else "fail"
    return Attempt(20, "smoke-r-20", phase, outcome, 0.0, 1.0, problem, status, "1", token, error="what went wrong")


def test_probes_are_told_apart() -> None:
    """No claim about the usual POSTs counts them, and the clean-up does."""
    sent = [probe("sequence"), probe("chosen_token"), probe("burst"), probe("same_payload"), probe("same_payload")]
    history = History.of("preview", sent)
    assert [a.phase for a in history.attempts] == ["sequence", "burst"]
    assert len(history.acknowledged) == 2
    assert len(history.probe("same_payload")) == 2
    assert len(history.sent) == 5


def test_chosen_token_is_a_good_one_of_its_own() -> None:
    """Only its origin is wrong with it, and it can be known again from the name."""
    assert UUID(chosen_token("smoke-r-20")).version == 4
    assert chosen_token("smoke-r-20") == chosen_token("smoke-r-20") != chosen_token("smoke-r-21")


def test_token_that_was_chosen_is_named() -> None:
    """Returned, or only stored, in whatever case."""
    token = chosen_token("smoke-r-20")
    returned = chosen_by_client([probe("chosen_token", token=token.upper())], [])
    assert returned == [f"smoke-r-20: {token} was sent and returned"]
    stored = chosen_by_client([probe("chosen_token")], [Row("1", "other", token), Row("2", None, None)])
    assert stored == [f"smoke-r-20: {token} was sent and stored"]
    assert chosen_by_client([probe("chosen_token")], []) == []


@pytest.mark.parametrize(
    ("status", "problem"),
    [(500, Problem.WRONG_STATUS), (None, Problem.TIMED_OUT), (429, Problem.RATE_LIMITED), (302, Problem.REDIRECTED)],
)
def test_probe_that_was_not_decided_about_cannot_be_told(status: int | None, problem: Problem) -> None:
    """Neither taken nor refused by the create route."""
    with pytest.raises(CouldNotTell, match="smoke-r-20: what went wrong"):
        demand_answered([probe("chosen_token", status=status, problem=problem)])


def test_refusal_is_an_answer() -> None:
    """A route that does not take the field has decided."""
    demand_answered([probe("chosen_token", status=400, problem=Problem.WRONG_STATUS)])


def test_probes_are_sent_only_where_they_are_asked_for(tmp_path: Path, postgres: Postgres) -> None:
    """Nineteen POSTs, and three more with both probes, as by default; none of their rows stays."""
    with deployed(postgres) as deployment, psycopg.connect(deployment.database, autocommit=True) as connection:

        def next_id() -> int:
            row = connection.execute("select last_value from chatbots_id_seq").fetchone()
            assert row is not None
            return int(row[0])

        before = next_id()
        (tmp_path / "without").mkdir()
        without = run_gate(tmp_path / "without", [deployment], probes=[])
        between = next_id()
        (tmp_path / "with").mkdir()
        with_probes = run_gate(tmp_path / "with", [deployment])
        assert (between - before, next_id() - between) == (19, 22)
        left = connection.execute("select count(*) from chatbots where name like 'smoke-%'").fetchone()
    assert left == (0,)
    assert without.check("client_cannot_choose_the_token")["outcome"] == "not_covered"
    assert with_probes.check("client_cannot_choose_the_token")["outcome"] == "pass"
    assert with_probes.check("same_payload_makes_two")["outcome"] == "pass"
    assert (without.exit_code, with_probes.exit_code) == (0, 0)
    assert with_probes.verdict["environments"][0]["rows_removed"] == 22
