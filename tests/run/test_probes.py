"""POSTs that ask something else than to be created as usual: asked for, told apart, cleaned up, never counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace

from harness.checkers.history import chosen_by_client, demand_answered
from harness.configuration.models import Environment
from harness.errors import CouldNotTell
from harness.history.attempt import Attempt, Outcome, Phase
from harness.history.history import History, chosen_token
from harness.history.problem import Problem
from harness.history.reading import read
from harness.postgres.rows import Row
from harness.run.cleanup import left_as_it_is
from rehearsal.deployment.start import deployed
from tests.support.gates import run_gate

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

BOTH = ["chosen_token", "same_payload"]
TOKEN = "0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20"


def configured(**settings: Any) -> Environment:
    """An environment with these keys."""
    return Environment(**{"name": "preview", "url": "http://127.0.0.1:1", "database": None, **settings})


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({}, BOTH),
        ({"protected": True}, []),
        ({"probes": "auto"}, BOTH),
        ({"probes": [], "protected": False}, []),
        ({"probes": ["same_payload"], "protected": True}, ["same_payload"]),
        ({"probes": ["same_payload", "chosen_token"]}, BOTH),
    ],
)
def test_both_are_sent_where_the_environment_is_not_protected(settings: dict[str, Any], sent: list[str]) -> None:
    """Unless the key says otherwise; always in one order."""
    assert configured(**settings).probes_sent == sent


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        ({"name": "{name}"}, {"name": "n", "token": TOKEN, "public_token": TOKEN}),
        (
            {"csrf": "x", "chatbot": {"title": "{name}", "open": True}},
            {"csrf": "x", "chatbot": {"title": "n", "open": True, "token": TOKEN, "public_token": TOKEN}},
        ),
        (
            {"chatbots": [{"name": "a {name}"}, {"name": "b"}]},
            {"chatbots": [{"name": "a n", "token": TOKEN, "public_token": TOKEN}, {"name": "b"}]},
        ),
        ({"names": ["{name}"]}, {"names": ["n"], "token": TOKEN, "public_token": TOKEN}),
        (
            {"name": "{name}", "chatbot": {"label": "{name}"}},
            {
                "name": "n",
                "token": TOKEN,
                "public_token": TOKEN,
                "chatbot": {"label": "n", "token": TOKEN, "public_token": TOKEN},
            },
        ),
        ({"name": "{name}", "token": "mine"}, {"name": "n", "token": TOKEN, "public_token": TOKEN}),
    ],
)
def test_token_is_chosen_beside_the_name(payload: dict[str, Any], sent: dict[str, Any]) -> None:
    """That is where an app reads a chatbot's fields, however deep it stands; without a token nothing is added."""
    environment = configured(api={"payload": payload, "token": "data.token"})
    assert environment.payload_for("n", token=TOKEN) == sent
    usual = json.dumps(payload).replace("{name}", "n")
    assert environment.payload_for("n") == json.loads(usual)


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
    """Neither taken nor refused by the create route. The remedy sends nobody to a claim that may well hold."""
    with pytest.raises(CouldNotTell, match="smoke-r-20: what went wrong") as raised:
        demand_answered([probe("chosen_token", status=status, problem=problem)])
    assert "every_post_answers_201" not in raised.value.remedy


def test_refusal_is_an_answer() -> None:
    """A route that does not take the field has decided."""
    demand_answered([probe("chosen_token", status=400, problem=Problem.WRONG_STATUS)])


def test_probes_are_sent_unless_they_are_not_wanted(tmp_path: Path, postgres: Postgres) -> None:
    """Three POSTs more than nineteen by default, and none where no probe is named; none of their rows stays."""
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


NUMBER = {
    "every_post": [],
    "client_cannot": [20],
    "same_payload": [21, 22],
    "tokens_are_distinct or same_payload": [21, 22],
}


@pytest.mark.parametrize("selected", NUMBER)
def test_a_probe_is_sent_where_a_selected_check_looks_at_it(tmp_path: Path, healthy: Deployment, selected: str) -> None:
    """A run touches only what it needs; attempts have the numbers that they have in a whole run."""
    run = run_gate(tmp_path, [healthy], "-k", selected)
    assert run.exit_code == 0, run.out
    _, recorded = read(run.report_dir / "history.jsonl")
    history = recorded["preview"].history
    assert [a.n for a in history.attempts] == list(range(1, 20))
    assert [a.n for a in history.probes] == NUMBER[selected]
    assert run.verdict["environments"][0]["rows_removed"] == 19 + len(NUMBER[selected])


def test_no_probe_is_sent_where_nothing_was_acknowledged(tmp_path: Path, postgres: Postgres) -> None:
    """Each would wait for an answer that does not come; what could not be told of it has the reason of the others."""
    with deployed(postgres, "answers_500_to_everything") as deployment:
        run = run_gate(tmp_path, [deployment])
        (tmp_path / "unasked").mkdir()
        unasked = run_gate(tmp_path / "unasked", [deployment], probes=[])
    _, recorded = read(run.report_dir / "history.jsonl")
    assert len(recorded["preview"].history.attempts) == 19
    assert recorded["preview"].history.probes == ()
    other = run.check("tokens_are_distinct")
    assert other["outcome"] == "unknown"
    for claim in ("client_cannot_choose_the_token", "same_payload_makes_two"):
        found = run.check(claim)
        assert [found[key] for key in ("outcome", "cause", "remedy")] == [
            other[key] for key in ("outcome", "cause", "remedy")
        ]
        assert unasked.check(claim)["outcome"] == "not_covered"


def test_two_posts_of_one_name_are_left_behind_once() -> None:
    """Where no id tells their rows apart: a name is what a person looks for."""
    pair = [replace(probe("same_payload", status=None, problem=Problem.TIMED_OUT), id=None, token=None)] * 2
    assert [row.name for row in left_as_it_is(configured(), pair).left] == ["smoke-r-20"]
    told_apart = [probe("same_payload"), replace(probe("same_payload"), id="2")]
    assert [row.id for row in left_as_it_is(configured(), told_apart).left] == ["1", "2"]
