"""The migrations of `examples/migrations/`: what preflight says of them beforehand, and what their rehearsal shows."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.gates import ROOT
from tests.support.migrations import real_database, rehearse, whole_gate
from tests.support.preflights import preflight

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

SHIPPED = ROOT / "examples" / "migrations"
PLAIN = (SHIPPED / "public_token_uuid.sql").read_text(encoding="utf-8")
SAFE = (SHIPPED / "public_token_uuid_safe.sql").read_text(encoding="utf-8")
ALL_UUIDS = "update chatbots set public_token = gen_random_uuid()::text"
NOTHING = ["--", sys.executable, "-c", ""]


@pytest.fixture
def extended(postgres: Postgres) -> Postgres:
    """A server that has the extension which the plain migration asks for."""
    if not postgres.has_uuid_ossp:
        pytest.skip("without uuid-ossp the plain migration fails before it looks at a token")
    return postgres


def report_of(folder: Path, dsn: str, migration: str, *command: str) -> tuple[int, dict[str, object]]:
    """The exit code of a rehearsal, and what it wrote for programs."""
    run = rehearse(dsn, folder, migration, "--report", str(folder / "rehearsed.json"), *(command or NOTHING))
    return run.exit_code, json.loads((folder / "rehearsed.json").read_text(encoding="utf-8"))


def test_short_tokens_fail_the_plain_one_as_predicted(extended: Postgres, tmp_path: Path) -> None:
    """With the same SQLSTATE in both, the tokens counted, and nothing but the extension changed."""
    dsn = real_database(extended)
    predicted = preflight(tmp_path, dsn)
    assert predicted.exit_code == 1, predicted.out
    wrong = [check["id"] for check in predicted.verdict["checks"] if check["outcome"] == "fail"]
    assert wrong == ["preflight_tokens_can_be_cast"]
    assert "22P02" in json.dumps(predicted.check("preflight_tokens_can_be_cast"))
    exit_code, shown = report_of(tmp_path, dsn, PLAIN)
    assert exit_code == 1
    assert "22P02" in json.dumps(shown["failure"])
    assert "50 of the 50 tokens" in json.dumps(shown["failure"])


def test_uuids_pass_the_plain_one_as_predicted(extended: Postgres, tmp_path: Path) -> None:
    """Where each token is a UUID already, neither finds anything."""
    dsn = real_database(extended, [ALL_UUIDS])
    predicted = preflight(tmp_path, dsn)
    assert predicted.exit_code == 0, predicted.out
    exit_code, shown = report_of(tmp_path, dsn, PLAIN)
    assert (exit_code, shown["failure"]) == (0, None)


@pytest.mark.parametrize("change", [[], [ALL_UUIDS]], ids=["short tokens", "uuids"])
def test_safe_one_passes_and_the_gate_releases_it(postgres: Postgres, tmp_path: Path, change: list[str]) -> None:
    """The whole gate, on two deployments of the reference app on the migrated copy."""
    exit_code, shown = report_of(tmp_path, real_database(postgres, change), SAFE, *whole_gate(tmp_path))
    assert (exit_code, shown["failure"]) == (0, None)
    verdict = json.loads((tmp_path / "report" / "verdict.json").read_text(encoding="utf-8"))
    assert [environment["verdict"] for environment in verdict["environments"]] == ["pass", "pass"]
