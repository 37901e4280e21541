"""Gates that are killed at any moment leave nothing behind that a clean-up does not find, and touch nobody else's.

48 gates (`make selftest`: 200) are run against one deployment, several at once, and killed with SIGKILL at seeded
moments of every part of a run, while another client creates chatbots, some under names that look like ours. Then one
command cleans up after all of them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from tests.support.endings import Told, going, stored, told
from tests.support.gates import entry, run_harness, write_environments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.plan import Connection, Insert, Plan, Stored, Wanted
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

SEED = 20250101
GATES = int(os.environ.get("GATES_TO_KILL", "48"))
AT_ONCE = 5
POSTS, BURST = 20, 16
RECORDS = 2 + 4 * (POSTS + BURST)  # run, database; and of each POST its intent, attempt, row and removal
TIMEOUT_S, LATE_S = 5.0, 1.0


SLOW_DELETE = """
create function takes_its_time() returns trigger language plpgsql as
  $$ begin perform pg_sleep(0.002); return old; end $$;
create trigger takes_its_time before delete on chatbots for each row execute function takes_its_time();
"""


def stores_late(plan: Plan) -> None:
    """Every fourth INSERT comes late, so that a client that is gone by then has a row stored after its end.

    A DELETE takes its time, so that some gates are killed in it.
    """
    plan.statements.append(SLOW_DELETE)
    number = itertools.count(1)

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        if next(number) % 4 == 0:
            await asyncio.sleep(0.15)
        return await insert(connection, wanted)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a gate is killed: so long after its history has so many records."""

    number: int
    records: int
    delay_s: float


def moments() -> list[Moment]:
    """Spread over a whole run by what it has written and not by the clock, so that they are the same on any machine."""
    chance = random.Random(SEED)
    # Some come after the last record: those gates end by themselves, beside others that do not.
    part = (RECORDS + 8) / GATES
    each = [Moment(n, int(part * (n + chance.random())), chance.uniform(0, 0.06)) for n in range(GATES)]
    # Between two phases, and after the last, there is little time to hit.
    each[0] = Moment(0, RECORDS - 2 * (POSTS + BURST), 0)
    each[-1] = Moment(GATES - 1, RECORDS, 0)
    chance.shuffle(each)
    return each


@dataclass(slots=True)
class Bystander:
    """Another client of the deployment: creates chatbots through the API and by SQL, and knows each of its rows."""

    deployment: Deployment
    rows: dict[int, tuple[str, str]] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)

    def imitate(self, run: str) -> None:
        """Use names that look like those of a run, and are not."""
        ours = f"smoke-{run}-1"
        self._names += [ours.upper(), f"{ours} ", f" {ours}", f"{ours}-1", f"x{ours}", ours.replace("-", "_")]
        self._names += [f"smoke-{run}", f"smoke-{run}-", f"smoke-{run}-1234", f"smoke-{run}-%"]

    def create(self, number: int, connection: psycopg.Connection[tuple[int, str, str]]) -> None:
        """Create one."""
        name = self._names.pop(0) if self._names else f"smoke-somebody-{number}"
        if number % 2:
            request = urllib.request.Request(
                f"{self.deployment.url}/api/chatbots",
                json.dumps({"name": name}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                query, value = "select id, name, chatbots::text from chatbots where id = %s", json.load(answer)["id"]
        else:
            query, value = "insert into chatbots (name) values (%s) returning id, name, chatbots::text", name
        (row,) = connection.execute(query, [value]).fetchall()
        self.rows[row[0]] = (row[1], row[2])

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """All the while."""
        self.rows |= stored(self.deployment.database)
        enough = threading.Event()

        def work() -> None:
            with psycopg.connect(self.deployment.database, autocommit=True) as connection:
                for number in itertools.count():
                    self.create(number, connection)
                    if enough.wait(0.03):
                        return

        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(work)
            try:
                yield
            finally:
                enough.set()
            working.result()


@dataclass(frozen=True, slots=True)
class Killed:
    """A gate after its end: by itself, or not."""

    moment: Moment
    history: Path
    exit_code: int
    told: Told
    said: str

    def __str__(self) -> str:
        return f"seed {SEED}, {self.moment}, run {self.told.run}, exit {self.exit_code}"


def kill(moment: Moment, folder: Path, file: Path, bystander: Bystander) -> Killed:
    """Run a gate and kill it when its moment has come, unless it ends before."""
    with going(folder, file) as gate:
        if gate.wait_until(lambda: gate.records() >= moment.records):
            time.sleep(moment.delay_s)
        else:
            gate.ended()
        gate.process.kill()
        run = gate.ended()
    tells = told(gate.history)
    if tells.run:
        bystander.imitate(tells.run)
    return Killed(moment, gate.history, run.exit_code, tells, run.out + run.err)


def show_that_it_was_no_easy_matter(killed: list[Killed]) -> None:
    """Gates were killed in every phase of a run, and some ended by themselves."""
    dead = [one for one in killed if one.exit_code == -9]
    phases = {
        "in the middle of the POSTs": [one for one in dead if one.told.unsettled],
        "between the POSTs and the clean-up": [one for one in dead if len(one.told.settled) == POSTS + BURST]
        and [one for one in dead if len(one.told.settled) == POSTS + BURST and not one.told.rows],
        "in the clean-up": [one for one in dead if one.told.rows - one.told.removed],
        "after the clean-up": [one for one in dead if len(one.told.removed) == POSTS + BURST],
        "ended by itself": [one for one in killed if one.exit_code >= 0],
    }
    assert all(phases.values()), {phase: len(those) for phase, those in phases.items()}
    assert len(dead) > GATES / 2


def test_killed_gates_leave_nothing_behind(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one clean-up of all histories no row of any run is left, and every row of anybody else is as it was."""
    monkeypatch.setitem(FAULTS, "stores_late", Fault("", "", "", {}, 0, stores_late))
    with deployed(postgres, "stores_late") as deployment:
        settings = {"posts": POSTS, "burst": BURST, "late_rows_s": LATE_S, "api": {"timeout_s": TIMEOUT_S}}
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment, **settings))
        bystander = Bystander(deployment)
        with bystander.at_work(), ThreadPoolExecutor(AT_ONCE) as pool:
            gates = [pool.submit(kill, m, tmp_path / str(m.number), file, bystander) for m in moments()]
            killed = [gate.result() for gate in gates]
            left_by_kills = set(stored(deployment.database)) - set(bystander.rows)
            clean_up = ["cleanup", *(str(one.history) for one in killed), "--environments", str(file), "--json"]
            first = run_harness(*clean_up)
        rows = stored(deployment.database)
        again = run_harness(*clean_up)
        assert stored(deployment.database) == rows, "a second clean-up finds nothing to do"

    show_that_it_was_no_easy_matter(killed)
    assert left_by_kills, "the kills left nothing to clean up"
    for one in killed:
        assert one.exit_code in (0, -9), f"{one}: gates at once disturb each other: {one.said}"
    for id_, row in bystander.rows.items():
        assert rows.get(id_) == row, f"seed {SEED}: somebody else's row {row} is gone or changed"
    for one in killed:
        remaining = [rows[id_] for id_ in set(rows) - set(bystander.rows) if one.told.run in rows[id_][0]]
        assert not remaining, f"{one}: {remaining}\n{first.err}"
    assert set(rows) == set(bystander.rows), "rows that are of no run and of no bystander"
    judge_listings(killed, first.out, first.exit_code, again.out, again.exit_code)


def judge_listings(killed: list[Killed], first: str, first_code: int, again: str, again_code: int) -> None:
    """What may be left are the POSTs without an answer whose row was never seen, and nothing else."""
    lost = {one.told.run: sorted(told(one.history).lost) for one in killed if one.told.run}
    for text in (first, again):
        listed = {one["run"]: sorted(row["name"] for row in one["left_behind"]) for one in json.loads(text)}
        assert listed == lost, f"seed {SEED}"
    expected = 76 if any(lost.values()) else 0
    assert (first_code, again_code) == (expected, expected)
    assert sum(one["removed"] for one in json.loads(first)) > 0
    assert sum(one["removed"] for one in json.loads(again)) == 0
    # Waiting ends when the youngest POST is older than a row can be late: 200 histories do not wait 200 times.
    waited = [one for one in json.loads(first) if any(" within " in row["reason"] for row in one["left_behind"])]
    assert len(waited) <= (TIMEOUT_S + LATE_S) / LATE_S + 1, f"{len(waited)} histories were waited for"
    assert " within " not in again, "the second clean-up waits for nothing any more"
