"""A slow environment does not keep others waiting: what is known of them is said, and their rows are gone."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from harness.report.summary import so_far
from harness.report.verdict import CheckResult
from tests.support.endings import going, names_of, told
from tests.support.gates import entry, write_environments
from tests.support.servers import Request, serving

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment

TOLD_EARLY = "fast: PASS so far: "


def test_a_slow_environment_does_not_delay_what_is_known_of_another(tmp_path: Path, healthy: Deployment) -> None:
    """The slow one answers only after the line about the fast one was read, and after its rows are gone."""
    released = threading.Event()

    def answer(request: Request) -> bool:
        released.wait(30)
        request.answer("503 Service Unavailable")
        return False

    ready = {"path": "/", "timeout_s": 40}
    with serving(answer) as server:
        slow = {"url": server.url, "database": None, "ready": ready}
        file = write_environments(tmp_path / "e.yaml", {}, slow=slow, fast=entry(healthy))
        with going(tmp_path, file, "--env", "slow", "--env", "fast") as gate:
            out = tmp_path / "out"
            assert gate.wait_until(lambda: TOLD_EARLY in out.read_text(encoding="utf-8"))
            history = told(gate.history)
            assert gate.wait_until(lambda: len(told(gate.history).removed) == len(history.intended) > 0)
            assert not names_of(healthy.database, history.run)
            assert "slow: " not in out.read_text(encoding="utf-8")
            server.answer = lambda request: request.answer("404 Not Found")  # its ready page will not come
            released.set()
            gate.process.send_signal(signal.SIGTERM)
            run = gate.ended()
    assert run.exit_code == 2, run.out
    assert run.outcomes("fast")["tokens_are_distinct"] == "pass"
    assert {"rows_removed": 22, "name": "fast"}.items() <= run.verdict["environments"][1].items()
    assert run.verdict["left_behind"] == []


def result(id_: str, outcome: Any) -> CheckResult:
    """What a check concluded."""
    return CheckResult(id=id_, environment="preview", outcome=outcome, claim="A claim")


@pytest.mark.parametrize(
    ("outcomes", "line"),
    [
        ({"a": "pass", "b": "pass", "c": "not_covered"}, "preview: PASS so far: 2 claims hold"),
        ({"a": "pass", "b": "unknown"}, "preview: COULD NOT TELL so far: b"),
        ({"a": "fail", "b": "unknown", "c": "fail"}, "preview: FAIL: a, c"),
        ({"a": "not_covered"}, "preview: no claim covered so far"),
    ],
)
def test_what_is_known_early_is_said_in_one_line(outcomes: dict[str, str], line: str) -> None:
    """A failure is final; the rest may change with what is compared at the end."""
    assert so_far("preview", [result(*one) for one in outcomes.items()]) == line


def test_reports_name_claims_in_one_order_whoever_was_examined_first(
    tmp_path: Path, healthy_pair: list[Deployment]
) -> None:
    """In the order in which the run asks them of a single environment, environments in that of the command line."""
    entries = {d.name: entry(d) for d in healthy_pair}
    file = write_environments(tmp_path / "e.yaml", {}, **entries)
    with going(tmp_path, file, "--env", "production", "--env", "preview") as gate:
        run = gate.ended()
    assert run.exit_code == 0, run.out
    checks = [(c["id"], c["environment"]) for c in run.verdict["checks"]]
    assert [name for _, name in checks] == ["production", "preview"] * (len(checks) // 2)
    assert [id_ for id_, name in checks if name == "preview"] == [id_ for id_, name in checks if name != "preview"]


def test_one_claim_can_be_asked_of_several_environments(tmp_path: Path, healthy_pair: list[Deployment]) -> None:
    """Also where nothing is left to ask after the last of them: no source, and nothing that compares them."""
    file = write_environments(tmp_path / "e.yaml", {}, **{d.name: entry(d) for d in healthy_pair})
    with going(tmp_path, file, "--env", "preview", "--env", "production", "-k", "column_is_not_null") as gate:
        run = gate.ended()
    assert run.exit_code == 0, run.out
    asked = [(check["id"], check["environment"], check["outcome"]) for check in run.verdict["checks"]]
    assert asked == [("column_is_not_null", name, "pass") for name in ("preview", "production")]


def test_rows_of_one_environment_are_gone_while_another_is_posted_to(tmp_path: Path, healthy: Deployment) -> None:
    """Neither waits for the other: two names of one deployment, of which one is slow to be ready."""
    with psycopg.connect(healthy.database) as connection:
        before = connection.execute("select count(*) from chatbots").fetchone()
    held = threading.Event()

    def answer(request: Request) -> bool:
        held.wait(30)
        request.answer("404 Not Found")
        return False

    with serving(answer) as server:
        slow = {**entry(healthy), "url": server.url, "ready": {"path": "/", "timeout_s": 1}}
        file = write_environments(tmp_path / "e.yaml", {}, slow=slow, fast=entry(healthy))
        with going(tmp_path, file, "--env", "slow", "--env", "fast") as gate:
            assert gate.wait_until(lambda: gate.history.exists() and len(told(gate.history).removed) > 0)
            held.set()
            run = gate.ended()
    assert run.exit_code == 75, run.out
    with psycopg.connect(healthy.database) as connection:
        assert connection.execute("select count(*) from chatbots").fetchone() == before
