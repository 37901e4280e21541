"""A scan that nobody waits for any more ends on the server too, whatever ended the gate."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from harness.postgres.limits import STATEMENT_TIMEOUT_S
from rehearsal.deployment.start import deployed
from rehearsal.deployment.variants import VARIANTS
from tests.support.gates import ROOT, Run, clean_environment, entry, write_environments
from tests.support.terminals import in_a_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

PATIENCE_S = STATEMENT_TIMEOUT_S / 2  # the statement's own time-out must not be what ends it
# A table of 100 million rows, on one of 50: a view that takes its time for each.
SLOW = """
alter table chatbots rename to stored;
create view chatbots as select s.* from stored s, lateral (select pg_sleep(2 + 0 * s.id)) as slow;
grant select on chatbots to public
"""


def scans(connection: psycopg.Connection[tuple[int]]) -> int:
    """How many scans are under way in this database."""
    row = connection.execute(
        "select count(*) from pg_stat_activity where state = 'active' and query like '%uuid_send%' "
        "and datname = current_database() and pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return row[0]


def wait_until(connection: psycopg.Connection[tuple[int]], number: int) -> None:
    """Until so many scans are under way."""
    deadline = time.monotonic() + PATIENCE_S
    while scans(connection) != number:
        assert time.monotonic() < deadline, f"{scans(connection)} scans are under way, not {number}"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("how", "variant"), [(signal.SIGINT, None), (signal.SIGKILL, None), (signal.SIGINT, "behind_pgbouncer")]
)
def test_the_end_of_a_gate_ends_its_scan(
    tmp_path: Path, postgres: Postgres, how: signal.Signals, variant: str | None
) -> None:
    """Interrupted it cancels the statement, through a pooler too; killed it leaves that to the server."""
    if variant is not None and variant not in VARIANTS:
        pytest.skip(f"there is no variant {variant} here")
    if how == signal.SIGKILL and postgres.binaries.version_numbers < (14,):
        pytest.skip("before 14 a server does not look after its client")
    with deployed(postgres, variant=variant) as deployment:
        end(tmp_path, postgres, deployment, how)


def end(folder: Path, postgres: Postgres, deployment: Deployment, how: signal.Signals) -> None:
    """Start the gate, wait until it scans, send it a signal, and wait until nothing scans."""
    database = str(conninfo_to_dict(deployment.database)["dbname"])
    postgres.run(database, [SLOW])
    file = write_environments(folder / "environments.yaml", {}, preview=entry(deployment))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file), "--read-only"]
    with (
        psycopg.connect(postgres.dsn(database, "postgres"), autocommit=True) as connection,
        subprocess.Popen(
            [*command, "-k", "stored_tokens_are_distinct", "--report-dir", str(folder / "report")],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as gate,
    ):
        wait_until(connection, 1)
        gate.send_signal(how)
        said, _ = gate.communicate(timeout=PATIENCE_S)
        wait_until(connection, 0)
    assert gate.returncode == (2 if how == signal.SIGINT else -how), said


def test_a_scan_that_takes_too_long_says_what_to_set(tmp_path: Path, postgres: Postgres, healthy: Deployment) -> None:
    """Somebody who watches is told how many tokens are read; the statement's time-out is the environment's."""
    database = str(conninfo_to_dict(healthy.database)["dbname"])
    postgres.run(database, [SLOW])
    file = write_environments(tmp_path / "environments.yaml", {}, preview=entry(healthy, statement_timeout_s=3))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file), "--read-only"]
    report = tmp_path / "report"
    shown = in_a_terminal([*command, "-k", "stored_tokens_are_distinct", "--report-dir", str(report)])
    check = Run(0, "", "", report).check("stored_tokens_are_distinct")
    assert re.search(r"scanning about \d+ stored tokens \(\d s so far; duplicates, NULLs and versions\)", shown)
    assert (check["outcome"], "57014" in check["cause"]) == ("unknown", True)
    assert check["remedy"].endswith("or raise statement_timeout_s of this environment")
