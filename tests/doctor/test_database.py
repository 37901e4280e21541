"""What the doctor says of a database beyond right and wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.doctors import ask
from tests.support.gates import entry, write_environments
from tests.support.proxies import pooling

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres


def test_a_pooler_is_named(tmp_path: Path, postgres: Postgres, healthy: Deployment) -> None:
    """And is fine: what a run sets holds for its transactions."""
    with pooling(postgres) as port:
        database = (
            f"postgresql://app@127.0.0.1:{port}{urlsplit(healthy.database).path}?sslmode=disable&gssencmode=disable"
        )
        file = write_environments(tmp_path / "e.yaml", {}, preview={**entry(healthy), "database": database})
        pooled = ask("--json", "--environments", str(file))
    direct = ask("--json", "--environments", str(write_environments(file, {}, preview=entry(healthy))))
    assert (pooled.exit_code, direct.exit_code) == (0, 0), pooled
    assert "through a pooler" in pooled.one("connection")["said"]
    assert "through a pooler" not in direct.one("connection")["said"]


def test_others_that_cannot_be_asked_are_named(tmp_path: Path, healthy: Deployment) -> None:
    """Their variables may be set elsewhere, or their database may be down: that is no reason to hold."""
    own = entry(healthy)
    unset = {"url": "${NOWHERE_URL}", "database": None}
    down = {"url": "http://h", "database": "postgresql://app:c4n4ry-pa55@127.0.0.1:9/d"}
    file = write_environments(
        tmp_path / "e.yaml", {}, preview=own, unset=unset, down=down, none={**down, "database": None}
    )
    said = ask("--json", "--environments", str(file))
    assert said.exit_code == 0, said
    shared = said.one("shared database")["said"]
    assert shared.endswith("; not compared with unset, down, which could not be reached")
    assert "c4n4ry-pa55" not in said.printed


def test_a_waived_claim_needs_no_right(tmp_path: Path, postgres: Postgres, healthy: Deployment) -> None:
    """Nobody has to see the app's statements where they are not judged."""
    name = urlsplit(healthy.database).path.lstrip("/")
    postgres.run(name, ["grant select, delete on chatbots to verifier; grant select on chatbots_id_seq to verifier"])
    own = {**entry(healthy), "database": postgres.dsn(name, "verifier")}
    waive = {"app_leaves_the_token_to_postgres": "seen in the logs"}
    file = tmp_path / "e.yaml"
    judged, waived = (
        ask("--json", "--environments", str(write_environments(file, {}, preview={**own, "waive": of})))
        for of in ({}, waive)
    )
    assert (judged.exit_code, waived.exit_code) == (4, 0), judged
    assert waived.one("app's statements")["said"] == "waived: seen in the logs"
