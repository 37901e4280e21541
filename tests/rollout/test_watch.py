"""`chatbots-smoke watch` on deployments whose schema and code change while it watches."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from rehearsal.deployment.plan import answer
from rehearsal.faults.transition import old_code
from rehearsal.rollouts.catalogue import ROLLOUTS, Rollout, play, rollout_named
from rehearsal.rollouts.live import OLD_REVISION, Live, live
from tests.support.endings import rows_of_ours
from tests.support.gates import Run, run_harness, write_environments
from tests.support.servers import Request, serving

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.plan import Plan
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

REVISION = "5ca1ab1e"
UNTIL = ("--until-revision", REVISION)
PAGE = "report.html"
FAST = {"rate": 10, "attempts": 600}
# One rewrites a million rows, which each run would pay for; its lock is that of the one that fails half-way.
SHORT = [of for of in ROLLOUTS.values() if of.name != "plain_migration_under_load"]


def settings(live: Live, **own: Any) -> dict[str, Any]:
    """The entry of a live deployment in environments.yaml."""
    ready = {"path": "/", "revision": "revision"}
    return {"url": live.url, "database": live.database, "late_rows_s": 1, "ready": ready, "watch": FAST, **own}


def watch(folder: Path, entry: dict[str, Any], *arguments: str) -> Run:
    """The command, with its reports below the folder."""
    file = write_environments(folder / "environments.yaml", {}, preview=entry)
    words = ("--environments", str(file), "--report-dir", str(folder / "report"))
    return run_harness("watch", *words, *arguments, report_dir=folder / "report")


def texts(run: Run) -> list[str]:
    """What the verdict tells of each change, in order."""
    return [change["text"] for change in run.verdict["watch"]["changes"]]


@pytest.mark.parametrize("of", SHORT, ids=lambda of: of.name)
def test_each_rollout_is_told_as_it_was(tmp_path: Path, postgres: Postgres, of: Rollout) -> None:
    """Each change that the catalogue names is told; POSTs failed where it says so; nothing is left."""
    with live(postgres) as deployment:
        play(of, deployment)
        run = watch(tmp_path, settings(deployment), "--for", "40s", "--until-revision", REVISION)
        assert rows_of_ours(deployment.database) == 0
    said = "\n".join(texts(run))
    for pattern in of.tells:
        assert re.search(pattern, said), f"{pattern} is not told:\n{said}\n{run.err}"
    told = run.verdict["watch"]
    assert of.fails == (told["failed"] > 0), said
    assert run.exit_code == 0, run.out + run.err
    assert run.verdict["kind"] == "rollout"
    assert told["phases"][0]["name"] == "before"
    assert told["phases"][-1]["name"] == "steady"
    assert sum(phase["posts"] for phase in told["phases"]) == told["posts"]
    assert run.outcomes("preview")["rollout_rows_agree"] == "pass"
    assert run.outcomes("preview")["rollout_tokens_are_distinct"] == "pass"
    assert run.outcomes("preview")["stored_tokens_are_version_4"] == "pass", "all checks of a gate are asked"
    first = f"watched preview from {told['started_at'][11:19]}"
    assert first in run.out
    assert first in (run.report_dir / "summary.md").read_text(encoding="utf-8")
    page = (run.report_dir / "report.html").read_text(encoding="utf-8")
    assert first in page
    assert "Timeline: while it was rolled out" in page
    assert "<title>column</title>" in page, "the change is drawn in"
    again = run_harness("judge", str(run.report_dir / "rollout.jsonl"), "--report-dir", str(tmp_path / "again"))
    judged = json.loads((tmp_path / "again" / "verdict.json").read_text(encoding="utf-8"))
    assert again.exit_code == 0, again.out + again.err
    assert judged["watch"]["changes"] == told["changes"], "its history tells the same story"
    assert judged["watch"]["phases"][-1]["posts"] == told["phases"][-1]["posts"]
    assert "holds: 3 claims" in again.out


def test_a_budget_that_is_exceeded_fails_and_asks_for_no_roll_back(tmp_path: Path, postgres: Postgres) -> None:
    """The steady state holds; the way there broke `watch.outage_s`, which rolling back does not undo."""
    with live(postgres) as deployment:
        play(rollout_named("migration_before_code"), deployment)
        entry = settings(deployment, watch={**FAST, "outage_s": 0.1})
        run = watch(tmp_path, entry, "--for", "40s", "--until-revision", REVISION)
    assert run.exit_code == 1, run.out + run.err
    found = run.check("rollout_outage_is_within_budget")
    assert found["outcome"] == "fail"
    assert "22P02" in found["cause"]
    assert run.verdict["actions"][0]["kind"] == "hold"
    assert "rolling back does not undo that" in run.out
    assert {c["id"] for c in run.verdict["checks"] if c["outcome"] == "fail"} == {found["id"]}


def answers_another_token(plan: Plan) -> None:
    """Old code whose answer is not made from the row that it stored."""
    plan.answer = lambda stored: {**answer(stored), "public_token": str(stored.public_token)[::-1]}


def test_an_answer_of_another_token_is_seen_before_the_migration_hides_it(tmp_path: Path, postgres: Postgres) -> None:
    """At the end each row of the old code holds the token that the migration gave it: only a look meanwhile tells."""

    def steps(live: Live) -> None:
        live.deploy(live.planned(old_code, answers_another_token, OLD_REVISION))
        live.after(12)
        live.migrate()
        live.deploy(live.new)

    with live(postgres) as deployment:
        play(Rollout("answers_another_token", "", (), fails=True, steps=steps), deployment)
        run = watch(tmp_path, settings(deployment), "--for", "40s", "--until-revision", REVISION)
    found = run.check("rollout_rows_agree")
    assert found["outcome"] == "fail", run.out + run.err
    assert re.search(r"smoke-\S+: [0-9a-f]{8} before, [0-9a-f]{8} now", found["have"][0])
    assert run.exit_code == 1
    judged = run_harness("judge", str(run.report_dir / "rollout.jsonl"), "--json")
    again = {check["id"]: check for check in json.loads(judged.out)["checks"]}
    assert again["rollout_rows_agree"]["have"] == found["have"], "the history holds it too"


def test_a_claim_that_is_waived_is_shown_with_its_reason(tmp_path: Path, postgres: Postgres) -> None:
    """The outage is far beyond its budget, and somebody has said why that is no reason to hold."""
    with live(postgres) as deployment:
        play(rollout_named("migration_before_code"), deployment)
        waive = {"rollout_outage_is_within_budget": "announced for tonight"}
        bounds = {**FAST, "outage_s": 0, "latency_p95_ms": 60_000}
        run = watch(tmp_path, settings(deployment, watch=bounds, waive=waive), "--for", "40s", *UNTIL)
    assert run.exit_code == 0, run.out + run.err
    assert run.check("rollout_outage_is_within_budget")["outcome"] == "waived"
    assert run.check("rollout_latency_is_within_budget")["outcome"] == "pass"
    for shown in (run.out, *((run.report_dir / file).read_text(encoding="utf-8") for file in ("summary.md", PAGE))):
        assert "announced for tonight" in shown


def test_nothing_happens_while_it_is_watched(tmp_path: Path, healthy: Deployment) -> None:
    """A deployment that is as it should be from the beginning on is steady from the first POST on."""
    entry = {"url": healthy.url, "database": healthy.database, "watch": {"rate": 20, "attempts": 12}}
    run = watch(tmp_path, entry, "--for", "60s")
    assert run.exit_code == 0, run.out + run.err
    told = run.verdict["watch"]
    assert [phase["name"] for phase in told["phases"]] == ["steady"]
    assert (told["posts"], told["failed"], told["changes"]) == (12, 0, [])
    assert told["ended"] == "the POSTs were used up (watch.attempts: 12)"
    assert abs(told["clock_ahead_s"]) <= told["clock_within_s"] + 0.05, "it is the clock of this machine"
    assert run.verdict["environments"][0]["rows_removed"] > 12, "those of the watch and those of the gate"


def test_nothing_was_rolled_out(tmp_path: Path, postgres: Postgres) -> None:
    """The old code on the old schema is no steady state: could not tell, and nothing else is asked."""
    with live(postgres) as deployment:
        run = watch(tmp_path, settings(deployment), "--for", "1.5s")
        assert rows_of_ours(deployment.database) == 0
    assert run.exit_code == 75, run.out + run.err
    assert run.check("rollout_reaches_steady")["outcome"] == "unknown"
    assert "character varying(64) at the end, not uuid" in run.out
    assert "column_is_uuid" not in run.outcomes("preview")


def test_a_wrong_database_costs_one_row(tmp_path: Path, postgres: Postgres) -> None:
    """The first POST goes alone: its row is not there, and no other is sent."""
    with live(postgres, "preview") as deployment, live(postgres, "other") as other:
        entry = settings(deployment, database=other.database)
        run = watch(tmp_path, entry, "--for", "20s")
    assert run.exit_code == 75, run.out + run.err
    assert run.verdict["watch"]["posts"] == 1
    assert "the other POSTs were not sent" in run.verdict["error"]
    assert [row["name"] for row in run.verdict["left_behind"]] == [f"smoke-{run.verdict['run']}-1"]


def test_rows_that_are_removed_by_the_api_are_looked_at_all_the_same(tmp_path: Path, postgres: Postgres) -> None:
    """The database tells what the column is, however rows are removed."""
    with live(postgres) as deployment:
        entry = settings(deployment, cleanup="api", api={"delete": "/api/chatbots/{id}"})
        run = watch(tmp_path, entry, "--for", "1.5s")
        assert rows_of_ours(deployment.database) == 0
    assert run.verdict["watch"]["looks"] > 0
    assert run.check("rollout_rows_agree")["outcome"] == "pass"


SECRET = "Bearer-of-the-watch-4711"


def echoes(request: Request) -> bool | None:
    """A server that says our own secret wherever it can."""
    if request.method == "GET":
        request.answer("200 OK", json.dumps({"revision": SECRET}).encode(), "Content-Type: application/json")
        return True
    return request.created({"id": SECRET + uuid4().hex, "public_token": str(uuid4()), "echo": SECRET})


def test_a_secret_that_is_echoed_is_shown_nowhere(tmp_path: Path) -> None:
    """Neither as a revision, nor as a part of one, nor in what an answer holds."""
    with serving(echoes) as server:
        entry: dict[str, Any] = {"url": server.url, "database": None, "cleanup": "keep"}
        entry |= {"headers": {"Authorization": SECRET}, "ready": {"path": "/", "revision": "revision"}}
        entry["watch"] = {"rate": 20, "attempts": 30}
        run = watch(tmp_path, entry, "--for", "30s")
    assert run.verdict["watch"]["posts"] == 30, run.err
    shown = {"out": run.out, "err": run.err}
    shown |= {file.name: file.read_text(encoding="utf-8") for file in run.report_dir.iterdir()}
    assert "rollout.jsonl" in shown
    assert not {name for name, text in shown.items() if SECRET[:12] in text}


PROTECTED = {"url": "http://127.0.0.1:9", "database": None, "protected": True}


@pytest.mark.parametrize(
    ("entry", "arguments", "said"),
    [
        (PROTECTED, [], "watch: is not set"),
        ({**PROTECTED, "waive": {"rollout_outage": "why"}}, [], "there is no claim 'rollout_outage'"),
        ({**PROTECTED, "watch": {}}, ["--for", "2m"], "more than 200 need --allow-many"),
        ({**PROTECTED, "watch": {"attempts": 10}}, ["--for", "soon"], "--for: 'soon' is not a duration"),
        ({**PROTECTED, "watch": {"attempts": 10}}, ["--for", "25h"], "up to 24h"),
        ({**PROTECTED, "watch": {"rate": 0}}, [], "watch.rate"),
        ({**PROTECTED, "watch": {"attempts": 10}}, ["--until-revision", "5ca1ab1e"], "ready.revision"),
    ],
)
def test_it_does_not_begin_so(tmp_path: Path, entry: dict[str, Any], arguments: list[str], said: str) -> None:
    """Exit 4, with the key and what to write; nothing is sent."""
    run = watch(tmp_path, entry, *arguments)
    assert run.exit_code == 4, run.out + run.err
    assert said in run.err
    assert "Traceback" not in run.err
    assert not (tmp_path / "report").exists()
