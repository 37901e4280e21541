"""`pytest -m preflight`: what it selects, what it sends, how it ends; a run after a deploy knows none of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from harness.report.summary import advice
from harness.report.verdict import ExitCode
from harness.run.gate import Gate
from harness.run.settings import RunSettings
from tests.support.gates import ROOT, run_command, run_gate, run_harness, run_pytest, write_environments
from tests.support.preflights import preflight, standing
from tests.support.servers import serving
from tests.support.situations import SITUATIONS

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

IDS = {
    "preflight_tokens_can_be_cast",
    "preflight_tokens_are_not_null",
    "preflight_tokens_stay_distinct",
    "preflight_nothing_depends_on_the_type",
    "preflight_no_foreign_key_stays_text",
    "preflight_definitions_take_a_uuid",
    "preflight_generator_is_to_be_had",
    "preflight_role_may_alter_the_table",
    "preflight_database_takes_writes",
    "preflight_nobody_holds_the_table",
    "preflight_push_is_taken",
}
HOLDS = dict.fromkeys(IDS, "pass") | {"preflight_push_is_taken": "not_covered"}  # without a checkout
# What each check catches that no other does: a situation of one cause.
ALONE = {
    "preflight_tokens_can_be_cast": ("short_token", "row 3: 'abc...' of 6 characters (22P02)"),
    "preflight_tokens_are_not_null": ("null", "1 of 3 rows have no token (23502)"),
    "preflight_tokens_stay_distinct": ("same_in_upper_case", "rows 1, 3: one UUID, stored 2 times (23505)"),
    "preflight_nothing_depends_on_the_type": ("view", "view public.shown (0A000)"),
    "preflight_no_foreign_key_stays_text": (
        "referred_to",
        "links_token_fkey of public.links: public.links.token is character varying(64) (42804)",
    ),
    "preflight_definitions_take_a_uuid": (
        "index_lower",
        "index public.another: function lower(uuid) does not exist, in lower(public_token) (42883)",
    ),
}


@pytest.mark.parametrize("check", ALONE)
def test_each_check_fails_alone_where_its_cause_is(postgres: Postgres, tmp_path: Path, check: str) -> None:
    """1, with the SQLSTATE; every other claim holds, and the advice speaks of the migration."""
    if not postgres.has_uuid_ossp:
        pytest.skip("without uuid-ossp every preflight of the plain migration fails")
    name, said = ALONE[check]
    with standing(postgres, next(s for s in SITUATIONS if s.name == name)) as database:
        run = preflight(tmp_path, postgres.dsn(database))
    assert run.exit_code == 1, run.out
    assert run.outcomes("preview") == HOLDS | {check: "fail"}
    found = run.check(check)
    assert found["have"][0] == said
    assert found["want"]
    assert found["cause"]
    assert found["remedy"]
    advised = "hold the migration: it would fail, or leave the table wrong"
    assert f"verdict: FAIL (exit 1: {advised})" in run.out
    assert advised in (run.report_dir / "summary.md").read_text(encoding="utf-8")
    page = (run.report_dir / "report.html").read_text(encoding="utf-8")
    assert advised in page.replace("Hold", "hold")
    assert "roll back" not in (run.out + page).lower()


def test_healthy_table_is_migrated(postgres: Postgres, tmp_path: Path) -> None:
    """0; nothing is left out, and notes are in the verdict."""
    if not postgres.has_uuid_ossp:
        pytest.skip("without uuid-ossp every preflight of the plain migration fails")
    with standing(postgres, SITUATIONS[0]) as database:
        run = preflight(tmp_path, postgres.dsn(database))
    assert run.exit_code == 0, run.out
    assert run.verdict["kind"] == "preflight"
    assert run.verdict["left_out"] == []
    assert run.outcomes("preview") == HOLDS
    assert "verdict: PASS (exit 0: migrate: nothing that would stop the migration was found)" in run.out
    [environment] = run.verdict["environments"]
    assert environment["notes"][0].startswith("the rewrite of about 2 rows, ")
    assert not (run.report_dir.parent / "runs.sqlite").exists()  # it is no run of the deployment to compare with


@pytest.mark.parametrize(("tool", "said"), [("drizzle", "(42804)"), ("prisma", "(data loss)")])
def test_a_push_of_the_schema_file_is_predicted(tool: str, said: str, postgres: Postgres, tmp_path: Path) -> None:
    """Where a checkout is named that holds such a file and no migration. A uuid is left as it is."""
    source = tmp_path / "app"
    source.mkdir()
    name, text = SCHEMAS[tool]
    (source / name).write_text(text, encoding="utf-8")
    outcomes = []
    for situation in ("nothing", "already_uuid"):
        with standing(postgres, next(s for s in SITUATIONS if s.name == situation)) as database:
            entry = {"url": "http://127.0.0.1:9", "database": postgres.dsn(database)}
            file = write_environments(tmp_path / "environments.yaml", {}, preview=entry)
            selected = ["-m", "preflight", "-k", "push", "--source", str(source)]
            run = run_pytest(tmp_path / situation, "--environments", str(file), *selected)
        outcomes.append(run.outcomes("preview")["preflight_push_is_taken"])
        if situation == "nothing":
            assert run.check("preflight_push_is_taken")["have"][0].endswith(said)
    assert outcomes == ["fail", "pass"]


DRIZZLE = """
import { pgTable, uuid } from "drizzle-orm/pg-core";
export const chatbots = pgTable("chatbots", { publicToken: uuid("public_token").defaultRandom() });
"""
PRISMA = """
datasource db {
  provider = "postgresql"
}
model Chatbot {
  id Int @id
  publicToken String @default(dbgenerated("gen_random_uuid()")) @map("public_token") @db.Uuid
  @@map("chatbots")
}
"""
SCHEMAS = {"drizzle": ("schema.ts", DRIZZLE), "prisma": ("schema.prisma", PRISMA)}


def test_nothing_is_asked_of_the_deployment(postgres: Postgres, tmp_path: Path) -> None:
    """No POST, and no GET: a server that would hear of it hears nothing, not even with a revision."""
    with (
        serving(lambda request: request.answer("200 OK", b"{}")) as server,
        standing(postgres, SITUATIONS[0]) as database,
    ):
        entry = {"url": server.url, "database": postgres.dsn(database), "ready": {"path": "/", "revision": "commit"}}
        file = write_environments(tmp_path / "environments.yaml", {}, preview=entry)
        run = run_pytest(
            tmp_path / "report", "--environments", str(file), "-m", "preflight", "--read-only", "--revision", "abc"
        )
        heard = len(server.requests)
        run_pytest(tmp_path / "other", "--environments", str(file), "--read-only", "-k", "deployment_answers")
        heard_then = len(server.requests)
    assert set(run.outcomes("preview")) == IDS
    assert heard == 0
    assert heard_then > 0  # the same server hears of a run after the deploy


def test_without_a_database_it_could_not_tell(tmp_path: Path) -> None:
    """75: all of it is waived, which proves nothing, and it says what to do."""
    run = preflight(tmp_path, None)
    assert run.exit_code == 75
    assert run.outcomes("preview") == dict.fromkeys(IDS, "waived")
    assert "(database: null; give this environment its database URL" in run.out


def test_database_that_is_not_there_could_not_be_told(postgres: Postgres, tmp_path: Path) -> None:
    """75, once for all claims; it is never fine."""
    run = preflight(tmp_path, postgres.dsn("there_is_no_such_database"))
    assert run.exit_code == 75
    assert run.outcomes("preview") == dict.fromkeys(IDS, "unknown")
    assert "there is no database of that name" in run.out


def test_run_after_a_deploy_knows_nothing_of_it(healthy: Deployment, tmp_path: Path) -> None:
    """It neither asks these claims nor names them as left out."""
    run = run_gate(tmp_path, [healthy], "--read-only")
    assert run.exit_code == 0, run.out
    assert not IDS & set(run.outcomes("preview"))
    assert run.verdict["kind"] == "deployment"
    assert "preflight" not in run.out
    assert run.verdict["left_out"] == []


@pytest.mark.parametrize(
    "arguments",
    [["checks/test_preflight_tokens.py"], ["-k", "preflight_tokens_can_be_cast"], ["-m", "preflight", "-k", "be_cast"]],
)
def test_one_claim_can_be_asked_alone(postgres: Postgres, tmp_path: Path, arguments: list[str]) -> None:
    """By its path or by its name; of those left out only the others of the preflight are named."""
    with standing(postgres, SITUATIONS[0]) as database:
        run = preflight(tmp_path, postgres.dsn(database), *arguments)
    assert run.exit_code == 0, run.out
    assert run.outcomes("preview") == {"preflight_tokens_can_be_cast": "pass"}
    assert set(run.verdict["left_out"]) == IDS - {"preflight_tokens_can_be_cast"}
    assert run.verdict["kind"] == "preflight"


def test_word_that_both_kinds_share_selects_no_preflight(healthy: Deployment, tmp_path: Path) -> None:
    """`-k tokens` is about the deployment, as it was."""
    run = run_gate(tmp_path, [healthy], "--read-only", "-k", "tokens")
    assert run.exit_code == 0, run.out
    assert not IDS & set(run.outcomes("preview"))


def test_marker_is_registered() -> None:
    """`pytest --markers` says what it is for."""
    run = run_command([sys.executable, "-m", "pytest", "--markers"], ROOT)
    assert "@pytest.mark.preflight: claims about a database before the migration" in run.out


def test_history_that_is_judged_again_has_no_preflight(healthy: Deployment, tmp_path: Path) -> None:
    """Nothing is asked then, and nothing of before the migration claimed."""
    first = run_gate(tmp_path, [healthy])
    again = run_harness("judge", str(first.report_dir / "history.jsonl"), "--report-dir", str(tmp_path / "again"))
    assert "preflight" not in again.out


def test_advice_differs_only_where_it_has_to() -> None:
    """What ended a run before it could ask is the same before a migration and after a deploy."""
    differing = {code for code in ExitCode if advice(code) != advice(code, "preflight")}
    assert differing == {ExitCode.RELEASE, ExitCode.ROLL_BACK}


def test_gate_is_of_a_deployment_unless_it_is_told(tmp_path: Path) -> None:
    """The kind of the verdict."""
    assert Gate(RunSettings("run", (), tmp_path)).outcomes.kind == "deployment"
