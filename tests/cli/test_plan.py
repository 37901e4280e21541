"""`python -m harness plan` shows what the configuration comes to and what a run would do; it sends nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.gates import run_harness, write_environments
from tests.support.servers import serving

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = ("c4n4ry-header", "c4n4ry-login", "c4n4ry-user", "c4n4ry-pass", "c4n4ry-dsn", "c4n4ry-payload")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An environment that takes some of its settings from the defaults, with a secret wherever one may stand."""
    return write_environments(
        tmp_path / "environments.yaml",
        {"posts": 5, "headers": {"X-Team": "bots", "X-Api-Key": "c4n4ry-header"}, "api": {"timeout_s": 3}},
        preview={
            "url": "https://c4n4ry-user:c4n4ry-pass@preview.example.com",
            "database": "postgresql://app:c4n4ry-dsn@db.example.com/shop?sslmode=require",
            "login": {"path": "/login", "json": {"user": "c4n4ry-user", "password": "c4n4ry-login"}},
            "api": {"token": "data.token", "payload": {"name": "{name}", "api_key": "c4n4ry-payload"}},
        },
    )


def test_the_merged_configuration_is_shown_with_secrets_masked(file: Path) -> None:
    """Defaults under the environment's own, every key with its value, and where the database is."""
    done = run_harness("plan", "--environments", str(file), "--json")
    (planned,) = json.loads(done.out)
    merged = planned["configuration"]
    assert merged["url"] == "https://***@preview.example.com"
    assert merged["database"] == "postgresql://***@db.example.com:5432/shop"
    assert merged["headers"] == {"X-Team": "bots", "X-Api-Key": "***"}
    assert merged["login"] == {"path": "/login", "json": {"user": "***", "password": "***"}}
    assert (merged["posts"], merged["burst"]) == (5, 11)
    assert (merged["api"]["timeout_s"], merged["api"]["token"], merged["api"]["id"]) == (3, "data.token", "id")
    assert merged["api"]["payload"] == {"name": "{name}", "api_key": "***"}
    assert not [secret for secret in SECRETS if secret in done.out + done.err]


def test_in_words_it_is_yaml(file: Path) -> None:
    """With --sql: as somebody would write it, so that it can be compared with the file."""
    done = run_harness("plan", "--sql", "--environments", str(file))
    lines = done.out.splitlines()
    first = lines.index("  configuration, defaults merged and secrets masked:") + 1
    last = next(n for n, line in enumerate(lines) if line.startswith("  header "))
    merged = yaml.safe_load("\n".join(lines[first:last]))
    assert merged["api"]["timeout_s"] == 3
    assert merged["late_rows_s"] == 10
    assert not [secret for secret in SECRETS if secret in done.out + done.err]


def test_in_short_it_is_counted_and_says_what_for(file: Path) -> None:
    """POSTs, what is deleted, reads; a line for each, and no secret; 25 lines at most."""
    done = run_harness("plan", "--environments", str(file))
    lines = done.out.splitlines()
    assert len(lines) <= 25
    assert lines[0] == "preview  https://preview.example.com  (HTTP and database)"
    counts = "5 + 11 POSTs, 3 POSTs of probes, 1 POST to log in, 1 DELETE of up to 19 rows, "
    assert lines[1].startswith(f"  {counts}")
    reads = int(lines[1].removeprefix(f"  {counts}").removesuffix(" reads"))
    said = [line for line in lines if line.startswith("  reads ")]
    assert (
        sum(int(n) if n else 1 for n in re.findall(r"^  reads   (?:(\d+) x )?", "\n".join(said), re.MULTILINE)) == reads
    )
    assert [line.split()[1] for line in lines if line.startswith("  WRITES ")] == ["POST"] * 5 + ["DELETE"]
    assert "  WRITES  POST /login once: cookies for what follows" in lines
    assert "  note: login: the app may store a session for it, and sessions are not removed" in lines
    assert not [secret for secret in SECRETS if secret in done.out + done.err]
    (planned,) = json.loads(run_harness("plan", "--environments", str(file), "--json").out)
    assert lines[1] == f"  {planned['summary']}"


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        ({"probes": []}, "8 + 11 POSTs, 1 DELETE of up to 19 rows, "),
        ({"cleanup": "keep", "probes": []}, "8 + 11 POSTs, no DELETE, "),
        (
            {"database": None, "cleanup": "api", "api": {"delete": "/{id}"}},
            "8 + 11 POSTs, 3 POSTs of probes, 22 DELETEs, ",
        ),
        ({"posts": 3, "burst": 16, "protected": True}, "3 + 16 POSTs, 1 DELETE of up to 19 rows, "),
    ],
)
def test_what_is_counted_is_what_is_configured(tmp_path: Path, settings: dict[str, Any], counts: str) -> None:
    """However rows are removed."""
    own = {"url": "http://127.0.0.1:9", "database": "postgresql://app@127.0.0.1:1/x", **settings}
    file = write_environments(tmp_path / "e.yaml", {}, preview=own)
    _, second, *_ = run_harness("plan", "--environments", str(file)).out.splitlines()
    assert second.startswith(f"  {counts}")


@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_planned_says_what_it_writes(file: Path, read_only: bool) -> None:
    """POSTs, those of both probes too, and clean-up; nothing of it with --read-only."""
    arguments = ["--read-only"] if read_only else []
    (planned,) = json.loads(run_harness("plan", "--environments", str(file), "--json", *arguments).out)
    writes = [step["does"].split()[0] for step in planned["steps"] if step["mutates"]]
    assert writes == ([] if read_only else ["POST", "POST", "POST", "POST", "POST", "BEGIN"])


def test_the_first_post_goes_alone(file: Path) -> None:
    """Its row is looked for by its token before the others are sent."""
    (planned,) = json.loads(run_harness("plan", "--environments", str(file), "--json").out)
    steps = [(step["does"], step["until"]) for step in planned["steps"]]
    first = next(n for n, (does, _) in enumerate(steps) if does.startswith("POST https://preview.example.com/api"))
    assert steps[first][1] == "5 times, one after another, up to 8 on one connection"
    assert 'FROM "chatbots" WHERE "public_token"' in steps[first + 1][0]
    assert steps[first + 1][1].startswith("after the first of them")


def test_a_plan_sends_nothing(tmp_path: Path) -> None:
    """Not one connection is opened."""
    with serving(lambda request: request.answer("200 OK")) as server:
        file = write_environments(tmp_path / "e.yaml", {}, preview={"url": server.url, "database": None})
        assert run_harness("plan", "--environments", str(file)).exit_code == 0
    assert server.connections == 0
