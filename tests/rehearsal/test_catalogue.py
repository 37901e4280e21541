"""The catalogue of faults and variants: complete entries, a list of them, and each of them starts."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import requests

from rehearsal.deployment.start import deployed
from rehearsal.deployment.variants import VARIANTS, variant_named
from rehearsal.faults import FAULTS, fault_named
from rehearsal.faults.catalogue import CLAIMS, BadEntry, fault
from rehearsal.names import UnknownName
from rehearsal.servers import programs
from rehearsal.servers.binaries import find_binaries, packaged_binaries, system_binaries
from rehearsal.servers.postgres import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.deployment.plan import Plan
    from rehearsal.servers.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
AVAILABLE = [found.kind for found in (packaged_binaries(), system_binaries()) if found]
# tests/gate/test_faults.py tries every fault and variant on the kind that auto takes: here it is the other one.
OTHER_KINDS = [kind for kind in AVAILABLE if kind != find_binaries("auto").kind] or AVAILABLE


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with embedded_postgres() as server:
        yield server


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rehearsal", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_list_names_every_fault_and_its_lie() -> None:
    """`python -m rehearsal faults` prints each name, its docstring and the claims that catch it."""
    done = run("faults")
    assert done.returncode == 0
    for entry in FAULTS.values():
        assert f"  {entry.name} " in done.stdout
        assert entry.lie in done.stdout
    assert all(claim in done.stdout for entry in FAULTS.values() for claim in entry.catches)


def test_the_list_may_be_read_in_part() -> None:
    """`| head` ends it: no traceback, and nobody is told of a failure."""
    command = [sys.executable, "-m", "rehearsal", "faults"]
    reading, writing = os.pipe()
    os.close(reading)  # before anything is written: what `head` does sooner or later
    with os.fdopen(writing) as nobody:
        done = subprocess.run(command, cwd=ROOT, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_fault_is_one_line_with_the_nearest_name() -> None:
    """Exit 2, one line, before anything was started."""
    done = run("--fault", "reuse_token", "--", "true")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "did you mean reuses_token?" in done.stderr


def test_an_unknown_variant_names_the_nearest() -> None:
    """Looking up a variant that is not there says which is meant."""
    with pytest.raises(UnknownName, match="bearer_auth"):
        variant_named("bearer_aut")


def test_exit_codes_follow_from_the_outcomes() -> None:
    """A claim that fails makes the run exit 1; claims that cannot be told make it exit 75."""
    for entry in FAULTS.values():
        assert entry.exit_code == (1 if "fail" in entry.catches.values() else 75), entry.name


def test_every_claim_catches_a_fault() -> None:
    """No claim is without a fault that breaks it."""
    broken = {claim for entry in FAULTS.values() for claim, outcome in entry.catches.items() if outcome == "fail"}
    assert broken >= set(CLAIMS) - {"deployment_answers"}  # a deployment that does not answer cannot be told


def test_every_fault_and_variant_says_what_it_is() -> None:
    """Each entry has a sentence that ends in a full stop."""
    said = [entry.lie for entry in FAULTS.values()] + [entry.about for entry in VARIANTS.values()]
    assert len(said) > 100
    assert all(text.endswith(".") for text in said)


def test_a_fault_that_nothing_catches_is_refused() -> None:
    """The decorator refuses an entry without claims, and one with a claim that does not exist."""

    def lies(plan: Plan) -> None:
        """A lie."""

    with pytest.raises(BadEntry):
        fault()(lies)
    with pytest.raises(BadEntry):
        fault(fail=["no_such_claim"])(lies)


def test_what_needs_a_missing_program_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in no catalogue, and whoever asks for it is told why."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "FOLDERS", ())
    for noted in (programs.OPTIONAL, programs.UNAVAILABLE):
        monkeypatch.setitem(noted, "is_behind_nothing", "")  # so that it is taken out again

    @fault(fail=["column_is_uuid"], needs="nginx")
    def is_behind_nothing(plan: Plan) -> None:
        """A lie."""

    assert "is_behind_nothing" not in FAULTS
    assert programs.OPTIONAL["is_behind_nothing"] == "nginx"
    with pytest.raises(UnknownName, match="left out here: nginx is not installed"):
        fault_named("is_behind_nothing")


@pytest.mark.skipif("behind_nginx" in programs.UNAVAILABLE, reason="nginx is not installed")
def test_behind_nginx_is_an_nginx(server: Postgres) -> None:
    """Every answer of the variant comes through it."""
    with deployed(server, variant="behind_nginx") as deployment:
        assert requests.get(deployment.url, timeout=5).headers["server"].startswith("nginx")


@pytest.mark.skipif("behind_pgbouncer" in programs.UNAVAILABLE, reason="pgbouncer is not installed")
def test_behind_pgbouncer_shares_its_connections(server: Postgres) -> None:
    """Three sessions at once through the published DSN are served by no more than two of Postgres."""
    with deployed(server, variant="behind_pgbouncer") as deployment, ExitStack() as stack:
        dsn = deployment.database
        sessions = [stack.enter_context(psycopg.connect(dsn, autocommit=True)) for _ in range(3)]
        backends = {session.execute("select pg_backend_pid()").fetchone() for session in sessions}
        assert len(backends) <= 2


NEVER_S, AMPLE_S = 0.5, 60  # for those that may not answer, and for those that do


def posted(server: Postgres, timeout_s: float, **what: str) -> int:
    """The status of one POST to the deployment's real address; 0 where nothing answers in this time."""
    with deployed(server, **what) as deployment:
        settings = deployment.settings
        payload = settings.get("api", {}).get("payload", {"name": "", "require_auth": False})
        try:
            answer = requests.post(
                f"{deployment.url}/api/chatbots",
                json={**payload, "name": "started"},
                headers=settings.get("headers"),
                timeout=timeout_s,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException:
            return 0
        return answer.status_code


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_every_fault_starts(kind: str) -> None:
    """Each fault's plan can be carried out on each kind of Postgres: no statement of it fails."""
    silent = {"every_post_answers_201", "deployment_answers"}
    answers = {name: silent.isdisjoint(fault_named(name).catches) for name in FAULTS}

    with embedded_postgres(kind) as postgres, ThreadPoolExecutor(4) as threads:

        def status(name: str) -> int:
            return posted(postgres, AMPLE_S if answers[name] else NEVER_S, fault=name)

        statuses = dict(zip(FAULTS, threads.map(status, FAULTS), strict=True))
    assert len(statuses) == len(FAULTS)
    for name in FAULTS:
        if answers[name]:
            assert statuses[name] == 201, name


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_every_variant_starts(kind: str) -> None:
    """Each variant that answers at once and without a login answers 201 on each kind of Postgres."""
    names = [name for name in VARIANTS if name not in ("a_million_rows", "starts_cold", "login_with_a_cookie")]
    with embedded_postgres(kind) as server, ThreadPoolExecutor(4) as threads:
        statuses = dict(zip(names, threads.map(lambda name: posted(server, AMPLE_S, variant=name), names), strict=True))
    assert set(statuses.values()) == {201}, statuses
