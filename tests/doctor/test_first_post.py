"""The POST of `doctor --post` is one of a run: written ahead, removed, ended softly, and never sent in vain."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.deployment.app import build
from rehearsal.deployment.plan import Plan
from rehearsal.deployment.start import deployed
from rehearsal.servers.http import serving as serving_app
from tests.support import gates
from tests.support.documents import blocks
from tests.support.endings import PATIENCE_S, Going, names_of, told
from tests.support.gates import clean_environment, entry, run_harness, write_environments
from tests.support.leaks import leaks, leaks_of_folder
from tests.support.mistakes import is_said
from tests.support.servers import Request, creating, serving

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run


def posting(folder: Path, **environments: dict[str, Any]) -> Run:
    """The command with --post, on all of these environments."""
    file = write_environments(folder / "environments.yaml", {}, **environments)
    names = [word for name in environments for word in ("--env", name)]
    report = folder / "report"
    words = ["doctor", "--post", "--json", "--environments", str(file), "--report-dir", str(report), *names]
    return run_harness(*words, report_dir=report)


def said_of(run: Run, step: str) -> dict[str, str]:
    """The only answer of a step."""
    (answer,) = [answer for answer in json.loads(run.out) if answer["step"] == step]
    return dict(answer)


def test_one_post_is_written_ahead_and_removed(tmp_path: Path, healthy: Deployment) -> None:
    """Its intent stands before its outcome, its row before its removal; nothing is left in the table."""
    run = posting(tmp_path, preview=entry(healthy))
    assert run.exit_code == 0, run.out + run.err
    records = [json.loads(line)["record"] for line in (run.report_dir / "history.jsonl").read_text().splitlines()]
    assert records == ["run", "database", "intent", "attempt", "row", "removed"]
    assert names_of(healthy.database, told(run.report_dir / "history.jsonl").run) == set()
    assert said_of(run, "clean-up")["said"].startswith("1 row removed; its history is ")
    assert sorted(path.name for path in run.report_dir.iterdir()) == ["history.jsonl"]


def test_each_environment_gets_one(tmp_path: Path, healthy_pair: list[Deployment]) -> None:
    """In one history, and none of them is left."""
    run = posting(tmp_path, **{app.name: entry(app) for app in healthy_pair})
    assert run.exit_code == 0, run.out + run.err
    history = told(run.report_dir / "history.jsonl")
    assert (len(history.intended), len(history.removed)) == (2, 2)


def test_a_protected_environment_is_posted_to_as_a_run_does(tmp_path: Path, postgres: Postgres) -> None:
    """Where the row can be removed it is sent; where nobody could remove it nothing is."""
    with deployed(postgres) as app:
        allowed = posting(tmp_path, preview=entry(app, protected=True))
    assert allowed.exit_code == 0, allowed.out
    with serving(creating) as server:
        run = posting(tmp_path, preview={"url": server.url, "database": None, "protected": True})
    assert server.of("POST") == []
    assert run.exit_code == 4, run.out
    assert said_of(run, "post")["said"].startswith(
        "no POST was sent, because its row could not be removed: database: null"
    )


def test_nothing_is_posted_where_something_is_known_to_be_wrong(tmp_path: Path, healthy: Deployment) -> None:
    """The ready page comes first, as in a run; no history is begun."""
    run = posting(tmp_path, preview={**entry(healthy), "ready": {"path": "/up"}})
    assert run.exit_code == 4
    assert said_of(run, "post")["said"] == "no POST was sent, because something above is not ready"
    assert not run.report_dir.exists()


def test_keys_are_found_by_what_was_stored(tmp_path: Path, healthy: Deployment) -> None:
    """An id and a token that are called like neither stand where the values of the row do."""
    plan = Plan(answer=lambda stored: {"data": {"ref": stored.id, "share": str(stored.public_token)}})
    with serving_app(build(plan, healthy.database)) as url:
        run = posting(tmp_path, preview={**entry(healthy), "url": url})
    assert run.exit_code == 4, run.out
    assert said_of(run, "post")["fix"] == "set api.id: data.ref, api.token: data.share"


def test_where_nothing_tells_the_keys_are_listed(tmp_path: Path) -> None:
    """Without a database nobody knows what was stored, and nothing in the answer looks like a token."""

    def answer(request: Request) -> bool:
        return creating(request) if request.method == "GET" else request.created({"ref": "x", "user": {"name": "y"}})

    with serving(answer) as server:
        run = posting(tmp_path, preview={"url": server.url, "database": None, "cleanup": "keep", "late_rows_s": 0})
    fix = "set api.id and api.token to where the answer holds it: it has ref, user.name"
    assert said_of(run, "post")["fix"] == fix


def test_no_secret_is_said(tmp_path: Path) -> None:
    """Whatever the route repeats of what it was sent."""
    secret = "c4n4ry-k3y-of-ours"

    def answer(request: Request) -> bool:
        if request.method == "GET":
            return creating(request)
        request.answer(
            "403 Forbidden", json.dumps({"error": f"{secret} may not"}).encode(), "Content-Type: application/json"
        )
        return True

    with serving(answer) as server:
        of = {
            "url": server.url,
            "database": None,
            "cleanup": "keep",
            "headers": {"X-Api-Key": secret},
            "late_rows_s": 0,
        }
        run = posting(tmp_path, preview=of)
    assert run.exit_code == 75
    assert leaks(run.out + run.err, [secret]) == []
    assert leaks_of_folder(run.report_dir, [secret]) == {}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_softly(tmp_path: Path, postgres: Postgres, how: signal.Signals) -> None:
    """What was sent is removed, and the exit code is that of an interrupted run."""
    assert gates.FORGE is not None
    with deployed(postgres, variant="slow_within_budget") as app:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(app, late_rows_s=5))
        words = ["doctor", "--post", "--environments", str(file), "--report-dir", str(tmp_path / "report")]
        process = gates.FORGE.start(tmp_path, "harness", words, clean_environment())
        gate = Going(process, tmp_path)
        assert gate.wait_until(lambda: gate.records() >= 3)
        process.send_signal(how)
        run = gate.ended()
        left = names_of(app.database, told(gate.history).run)
    assert run.exit_code == 2, run.out + run.err
    assert left == set()
    assert "1 row removed" in run.out
    assert "Traceback" not in run.out + run.err


def test_before_the_post_a_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Nothing has to be removed."""
    assert gates.FORGE is not None
    with serving(lambda request: request.server.closed.wait(PATIENCE_S)) as server:
        of = {"url": server.url, "database": None, "cleanup": "keep"}
        file = write_environments(tmp_path / "e.yaml", {}, preview=of)
        process = gates.FORGE.start(tmp_path, "harness", ["doctor", "--environments", str(file)], clean_environment())
        deadline = time.monotonic() + PATIENCE_S
        while not server.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        run = Going(process, tmp_path).ended()
    assert run.exit_code == 2, run.out + run.err
    assert "Traceback" not in run.out + run.err


def test_the_documents_show_its_json(tmp_path: Path, healthy: Deployment) -> None:
    """docs/getting-started.md has two of the answers that a wrong route gets: the same fields and the same words."""
    (shown,) = (json.loads(text) for where, text in blocks("json") if where.startswith("docs/getting-started.md"))
    run = posting(tmp_path, preview=entry(healthy, api={"create": "/api/chatbot"}))
    assert run.exit_code == 4, run.out + run.err
    for answer in shown:
        real = said_of(run, answer["step"])
        assert list(answer) == list(real)
        for field, words in answer.items():
            assert is_said(words.replace("https://preview.example.com", healthy.url), real[field]), field
            assert words or not real[field], field
