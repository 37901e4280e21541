"""Keys of `environments.yaml` that say what is right for an app: the real command, on deployments that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.deployment.start import deployed
from tests.support.gates import run_gate, run_harness

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

# --- api.status -------------------------------------------------------------------------------------------------------


def test_another_2xx_is_broken_until_it_is_named(tmp_path: Path, postgres: Postgres) -> None:
    """The finding names the key; with it the same deployment holds, and any other 2xx is broken."""
    with deployed(postgres, "answers_200") as deployment:
        for name in ("unset", "named", "another"):
            (tmp_path / name).mkdir()
        unset = run_gate(tmp_path / "unset", [deployment])
        named = run_gate(tmp_path / "named", [deployment], api={"status": 200})
        another = run_gate(tmp_path / "another", [deployment], api={"status": 202})
    assert unset.exit_code == 1
    assert "answers 200" in unset.check("every_post_answers_201")["cause"]
    assert "set api.status: 200 if that is right for this app" in unset.check("every_post_answers_201")["remedy"]
    assert named.exit_code == 0, named.out
    assert named.outcomes("preview")["every_post_answers_201"] == "pass"
    assert another.exit_code == 1
    assert another.check("every_post_answers_201")["want"] == "19 answers of 202"
    assert "api.status: 200" in another.check("posts_at_once_answer_201")["remedy"]


def test_a_saved_history_is_judged_by_the_status_that_it_was_sent_with(tmp_path: Path, postgres: Postgres) -> None:
    """It holds no configuration, and needs none."""
    with deployed(postgres, "answers_200") as deployment:
        run = run_gate(tmp_path, [deployment], "-k", "every_post", api={"status": 200})
    assert run.exit_code == 0, run.out
    again = tmp_path / "again"
    judged = run_harness("judge", str(run.report_dir / "history.jsonl"), "--report-dir", str(again), report_dir=again)
    assert judged.exit_code == 0, judged.out
