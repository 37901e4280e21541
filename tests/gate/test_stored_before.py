"""Rows that were stored before the migration, and tables that hold none: the real command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from tests.support.gates import run_gate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.plan import Plan
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

DERIVED = (  # version 5: as a migration makes UUIDs of old tokens
    "update chatbots set public_token = encode(set_byte(set_byte(decode(md5(id::text), 'hex'), 6, 80), 8, 128), 'hex')"
    "::uuid where id <= {}"
)
STORED = ("distinct", "not_null", "version_4", "random")


@contextmanager
def with_statements(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, *statements: str, name: str = "preview"
) -> Iterator[Deployment]:
    """A healthy deployment whose superuser has run these statements before."""

    def prepare(plan: Plan) -> None:
        plan.statements += statements

    monkeypatch.setitem(FAULTS, "prepared", Fault("prepared", "", "", {}, 0, prepare))
    with deployed(postgres, "prepared", name=name) as deployment:
        yield deployment


def test_tokens_of_before_are_mended_or_accepted(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rolling back does not help: the finding has the statement that does, and the key that lets them stay."""
    with with_statements(postgres, monkeypatch, DERIVED.format(40)) as deployment:
        for name in ("unset", "set", "short", "mended"):
            (tmp_path / name).mkdir()
        unset = run_gate(tmp_path / "unset", [deployment])
        found = unset.check("stored_tokens_are_version_4")
        accepted = run_gate(tmp_path / "set", [deployment], stored={"legacy_until": 40})
        short = run_gate(tmp_path / "short", [deployment], stored={"legacy_until": 37})
        update = found["remedy"].partition("new tokens: ")[2].partition(" (links")[0]
        with psycopg.connect(deployment.database) as connection:
            assert connection.execute(update.encode()).rowcount == 40
        mended = run_gate(tmp_path / "mended", [deployment])
    assert unset.exit_code == 1, unset.out
    assert [c for c, outcome in unset.outcomes("preview").items() if outcome == "fail"] == [
        "stored_tokens_are_version_4"
    ]
    assert found["have"][0].endswith(": version 5")
    assert found["have"][-1].startswith("and 32 more: 40 of ")
    assert "all 40 are older than the first row of version 4 (id 41)" in found["cause"]
    assert "Rolling back does not help" in found["cause"]
    assert update.startswith('UPDATE "public"."chatbots" SET "public_token" = DEFAULT WHERE NOT (')
    assert "set stored.legacy_until: 40" in found["remedy"]
    first = unset.verdict["actions"][0]
    assert (first["kind"], first["claims"]) == ("mend_data", ["stored_tokens_are_version_4"])
    assert "verdict: FAIL (exit 1: fix the data: rolling back does not help)" in unset.out
    assert accepted.exit_code == 0, accepted.out
    (note,) = [note for note in accepted.verdict["environments"][0]["notes"] if "legacy" in note]
    assert note == "stored.legacy_until: 40 accepts 40 stored tokens that are UUIDs and not of version 4"
    assert short.exit_code == 1
    assert short.check("stored_tokens_are_version_4")["have"][-1].startswith("3 of ")
    assert mended.exit_code == 0, mended.out


def test_accepted_tokens_must_still_be_distinct(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is about their version, and nothing else."""
    twice = "insert into chatbots (name, public_token) select 'again', public_token from chatbots where id = 1"
    unguarded = "alter table chatbots drop constraint chatbots_public_token_key"
    with with_statements(postgres, monkeypatch, DERIVED.format(5), unguarded, twice) as deployment:
        run = run_gate(tmp_path, [deployment], stored={"legacy_until": 1000})
    assert run.check("stored_tokens_are_distinct")["outcome"] == "fail"
    assert run.check("stored_tokens_are_distinct")["have"] == ["one token in 2 rows, such as 1, 51"]
    assert run.check("stored_tokens_are_version_4")["outcome"] == "pass"


def test_the_key_is_for_integer_ids_only(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others tell no age: it could not be told, and says so."""
    text = [
        "alter table chatbots_legacy_tokens drop constraint chatbots_legacy_tokens_chatbot_id_fkey",
        "alter table chatbots alter column id type text using id::text",
    ]
    with with_statements(postgres, monkeypatch, *text) as deployment:
        run = run_gate(tmp_path, [deployment], "--read-only", "-k", "version_4", stored={"legacy_until": 40})
    assert run.exit_code == 75, run.out
    found = run.check("stored_tokens_are_version_4")
    assert "stored.legacy_until: 40 names an id, and id of public.chatbots is text" in found["cause"]
    assert "for integer ids only" in found["remedy"]


@pytest.mark.parametrize("arguments", [[], ["--read-only"]])
def test_nothing_is_claimed_of_rows_where_there_are_none(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """The rows of the run itself are judged by other claims. It is not covered, and no reason to hold."""
    with with_statements(postgres, monkeypatch, "delete from chatbots") as deployment:
        run = run_gate(tmp_path, [deployment], *arguments)
    assert run.exit_code == 0, run.out
    for claim in STORED:
        found = run.check(f"stored_tokens_are_{claim}")
        assert found["outcome"] == "not_covered"
        assert found["cause"].startswith(("the table is empty", "the table has only the"))
