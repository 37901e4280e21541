"""Causes that are seen in rows and sequences rather than in answers: the real command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from tests.support.gates import run_gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rehearsal.deployment.plan import Plan
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

FEW: dict[str, Any] = {"posts": 3, "burst": 0}


@pytest.fixture
def prepared(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Plan], None]], AbstractContextManager[Deployment]]:
    """Starts a deployment whose plan was changed so."""

    def start(prepare: Callable[[Plan], None]) -> AbstractContextManager[Deployment]:
        monkeypatch.setitem(FAULTS, "prepared", Fault("prepared", "", "", {}, 0, prepare))
        return deployed(postgres, "prepared")

    return start


def test_ids_that_a_client_rounded_are_the_cause(tmp_path: Path, prepared: Any) -> None:
    """The answer names an id that is not stored, and the row of that name one that JavaScript prints so."""

    def rounds(plan: Plan) -> None:
        plan.statements += [
            "select setval('chatbots_id_seq', 9007199254740993)",
        ]
        answer = plan.answer
        plan.answer = lambda stored: {**answer(stored), "id": int(float(stored.id))}

    with prepared(rounds) as app:
        run = run_gate(tmp_path, [app], "-k", "rows_agree", **FEW)
    assert run.exit_code == 1, run.out
    found = run.check("rows_agree_with_answers")
    assert "id 9007199254740996 returned, 9007199254740995 stored" in found["have"][0]
    assert found["cause"].startswith("the ids are above 2^53")
    assert found["remedy"].startswith("return the id as text")


def test_rows_that_a_replica_does_not_show_are_not_lost(tmp_path: Path, postgres: Postgres) -> None:
    """Could not tell, with what is wrong with the setup; the same reason for whatever is read there."""
    with deployed(postgres, "reads_from_a_stale_replica") as app:
        run = run_gate(tmp_path, [app], "-k", "rows_agree or column_is_uuid", cleanup="keep", **FEW)
    assert run.exit_code == 75, run.out
    for claim in ("rows_agree_with_answers", "column_is_uuid"):
        found = run.check(claim)
        assert "the database is a replica (pg_is_in_recovery)" in found["cause"]
        assert found["remedy"] == "give this environment the URL of the primary that the deployment writes to"


@pytest.mark.parametrize(("last", "left"), [(2**31 - 1_000, "99"), (1, "")])
def test_a_sequence_near_its_end_is_a_note(tmp_path: Path, prepared: Any, last: int, left: str) -> None:
    """Nothing is wrong yet: it decides nothing."""

    def moves(plan: Plan) -> None:
        if left:
            plan.statements += [
                "alter table chatbots alter id type integer",
                f"select setval('chatbots_id_seq', {last})",
            ]

    with prepared(moves) as app:
        run = run_gate(tmp_path, [app], "-k", "sequence")
    assert run.exit_code == 0, run.out
    notes = [note for note in run.verdict["environments"][0]["notes"] if "sequence" in note]
    assert len(notes) == bool(left)
    assert all(f"the id sequence public.chatbots_id_seq has {left}" in note for note in notes)
    assert all("values left for id (integer): make the column and the sequence bigint" in note for note in notes)
