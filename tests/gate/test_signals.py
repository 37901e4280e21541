"""A gate that is told to end, at any moment: it cleans up, reports, and does not make anybody wait for ever."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from rehearsal.deployment.start import deployed
from tests.support.endings import going, names_of, stored, told
from tests.support.gates import clean_environment, entry, run_harness, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.endings import Going
    from tests.support.gates import Run

SEED = 20250102
POSTS, BURST = 12, 8
RECORDS = 2 + 4 * (POSTS + BURST)
AT_ONCE = 4
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Moment:
    """Which signal is sent when: so long after the history has so many records, or after the verdict is written."""

    how: signal.Signals
    records: int
    delay_s: float
    concluded: bool = False


def moments() -> list[Moment]:
    """Each signal at eight moments, from the first record to after the verdict."""
    chance = random.Random(SEED)
    ranges = [0, 1, 8, RECORDS // 4, RECORDS // 2, RECORDS // 2 + 4, RECORDS]
    going_on = [
        Moment(how, min(RECORDS, start + chance.randrange(4)), chance.uniform(0, 0.1))
        for start in ranges
        for how in SIGNALS
    ]
    return [*going_on, *(Moment(how, RECORDS, 0, concluded=True) for how in SIGNALS)]


def end(moment: Moment, folder: Path, file: Path) -> tuple[Moment, Going, Run]:
    """Run a gate and send it the signal when the moment has come; a whole one where that is when Python ends."""
    how: dict[str, Any] = {"env": clean_environment()} if moment.concluded else {}
    with going(folder, file, **how) as gate:
        verdict = gate.report_dir / "verdict.json"
        if gate.wait_until(lambda: verdict.exists() if moment.concluded else gate.records() >= moment.records):
            time.sleep(moment.delay_s)
            gate.process.send_signal(moment.how)
        return moment, gate, gate.ended()


def test_signal_at_any_moment(tmp_path: Path, healthy: Deployment) -> None:
    """The rows are gone, the verdict can be read, and the exit code is 2, or that of a run that had ended before."""
    before = stored(healthy.database)
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, posts=POSTS, burst=BURST))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = [pool.submit(end, moment, tmp_path / str(n), file) for n, moment in enumerate(moments())]
        ended = [one.result() for one in ends]
    for moment, gate, run in ended:
        said = f"seed {SEED}, {moment}, {gate.folder}: exit {run.exit_code}\n{run.out}\n{run.err}"
        assert run.exit_code in (0, 2), said
        assert run.verdict["exit_code"] == run.exit_code, said
        assert "Traceback" not in run.out + run.err, said
        assert "INTERNALERROR" not in run.out + run.err, said
        assert not names_of(healthy.database, told(gate.history).run), said
        assert run.verdict["left_behind"] == [], said
    assert {run.exit_code for _, _, run in ended} == {0, 2}
    assert stored(healthy.database) == before


def test_signal_before_there_is_a_history(tmp_path: Path, healthy: Deployment) -> None:
    """Before the first POST nothing is stored, whether the run ends by itself or by the signal."""
    before = stored(healthy.database)
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    for number, how in enumerate(SIGNALS):
        with going(tmp_path / str(number), file, env=clean_environment()) as gate:
            assert gate.wait_until(gate.report_dir.exists)
            gate.process.send_signal(how)
            run = gate.ended()
        said = f"{how!r}: exit {run.exit_code}\n{run.out}\n{run.err}"
        # On a machine that is busy elsewhere the signal may come when the run is as good as over.
        assert run.exit_code in (0, 2, -how), said
        assert run.exit_code != 0 or run.verdict["exit_code"] == 0, said
        assert stored(healthy.database) == before


def test_second_interrupt_leaves_at_once_and_lists(tmp_path: Path, postgres: Postgres) -> None:
    """Whoever presses Ctrl-C again while rows are being waited for gets the list of them, and a clean-up to run."""
    with deployed(postgres) as deployment, psycopg.connect(deployment.database) as holding:
        settings = entry(deployment, posts=3, burst=0, late_rows_s=60)
        file = write_environments(tmp_path / "e.yaml", {}, preview=settings)
        with going(tmp_path, file) as gate:
            assert gate.wait_until(lambda: gate.records() >= 3)
            run_id = told(gate.history).run
            assert gate.wait_until(lambda: bool(names_of(deployment.database, run_id)))
            # Its rows are held, so that the clean-up has to wait for the lock, and the user loses patience.
            holding.execute("select from chatbots where name like %s for update", [f"smoke-{run_id}-%"])
            gate.process.send_signal(signal.SIGINT)
            waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'DELETE%'"
            with psycopg.connect(deployment.database, autocommit=True) as looking:
                assert gate.wait_until(lambda: looking.execute(waiting).fetchone() is not None)
            time.sleep(0.5)  # two at nearly the same moment are one, sent to a group and passed on by a wrapper
            gate.process.send_signal(signal.SIGINT)
            run = gate.ended()
        names = names_of(deployment.database, run_id)
        assert names
        assert run.exit_code == 2, run.out + run.err
        assert run.verdict["exit_code"] == 2
        assert names <= {row["name"] for row in run.verdict["left_behind"]}
        # Either the clean-up hears of it in time to say so itself, or the run has to speak for it.
        reasons = {row["reason"] for row in run.verdict["left_behind"]}
        assert reasons <= {"the run was ended before it could clean up", "the clean-up was interrupted"}
        assert "Traceback" not in run.out + run.err
        holding.rollback()
        done = run_harness("cleanup", str(gate.history), "--environments", str(file))
        assert done.exit_code == 0, done.out + done.err
        assert not names_of(deployment.database, run_id)


def has_records(gate: Going, number: int) -> bool:
    """Whether the history of a gate has come so far."""
    return gate.records() >= number


def test_cancelled_job(tmp_path: Path, postgres: Postgres) -> None:
    """As a cancelled job of GitHub Actions: SIGINT, then SIGTERM, then SIGKILL. Rows are gone or listed, or cleaned up.

    There 7.5 s pass before the second signal and 2.5 s before the third; here less.
    """
    with deployed(postgres, variant="slow_within_budget") as deployment:
        before = stored(deployment.database)
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment, posts=200, burst=0))
        later = write_environments(tmp_path / "later.yaml", {}, preview=entry(deployment, late_rows_s=5))
        for number, (first_s, second_s) in enumerate([(0.05, 0.05), (0.3, 0.1), (0.6, 0.6)]):
            with going(tmp_path / str(number), file) as gate:
                assert gate.wait_until(partial(has_records, gate, 8))
                for how, pause_s in ((signal.SIGINT, first_s), (signal.SIGTERM, second_s), (signal.SIGKILL, 0.0)):
                    gate.process.send_signal(how)
                    with suppress(subprocess.TimeoutExpired):
                        gate.process.wait(pause_s or 60)
                run = gate.ended()
            run_id = told(gate.history).run
            names = names_of(deployment.database, run_id)
            assert run.exit_code in (2, -signal.SIGKILL), run.out + run.err
            if run.exit_code == 2:
                assert names <= {row["name"] for row in run.verdict["left_behind"]}, run.out
            done = run_harness("cleanup", str(gate.history), "--environments", str(file))
            assert done.exit_code in (0, 76), done.out + done.err
        # The variant waits before its INSERT, and the clean-up for the row.
        histories = (str(tmp_path / str(n) / "report" / "history.jsonl") for n in range(3))
        done = run_harness("cleanup", *histories, "--environments", str(later))
        assert stored(deployment.database) == before, done.out
