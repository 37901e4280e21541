"""Two POSTs of one name, as a probe sends them: each has a row of its own, and each row is removed or listed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from harness.run.cleanup import CleanUp
from rehearsal.deployment.start import deployed
from tests.support.cleanups import cleaned, store, stored, task_of
from tests.support.histories import failed, ok, unanswered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.history.attempt import Attempt
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

AMPLE_S = 60.0


def pair(one: Attempt, other: Attempt) -> list[Attempt]:
    """Both, under the name of the first."""
    from msgspec.structs import replace

    return [one, replace(other, name=one.name, phase="same_payload")]


def once(happened: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Act when something has happened."""

    def wait() -> None:
        deadline = time.monotonic() + AMPLE_S
        while not happened() and time.monotonic() < deadline:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_the_late_row_of_one_is_waited_for(tmp_path: Path, healthy: Deployment) -> None:
    """The row of the other was there and is removed: it says nothing of this one."""
    store(healthy, "smoke-r-1")
    (id_,) = ids(healthy)
    later = once(lambda: not stored(healthy), lambda: store(healthy, "smoke-r-1"))
    done = cleaned(healthy, tmp_path, pair(ok(1, id=id_), unanswered(2)), patience_s=AMPLE_S)
    later.join()
    assert done == CleanUp(removed=2)
    assert stored(healthy) == []


def test_the_row_of_one_that_does_not_come_is_listed(tmp_path: Path, healthy: Deployment) -> None:
    """Although a row of its name was removed."""
    store(healthy, "smoke-r-1")
    (id_,) = ids(healthy)
    done = cleaned(healthy, tmp_path, pair(ok(1, id=id_), unanswered(2)), patience_s=0.2)
    assert (done.removed, [row.name for row in done.left]) == (1, ["smoke-r-1"])
    assert "no row came within 0.2 s" in done.left[0].reason


def test_what_was_not_removed_when_it_failed_is_listed(tmp_path: Path, postgres: Postgres) -> None:
    """The row of one was removed, and then the database was gone: that of the other may be stored."""
    with deployed(postgres) as app:
        store(app, "smoke-r-1")
        (id_,) = ids(app)
        name = app.database.partition("@/")[2].partition("?")[0]
        gone = once(lambda: not stored(app), lambda: postgres.drop_database(name))
        done = cleaned(app, tmp_path, [*pair(ok(1, id=id_), unanswered(2)), ok(3)], patience_s=AMPLE_S)
        gone.join()
    assert done.removed == 1
    assert [(row.name, row.id) for row in done.left] == [("smoke-r-1", None), ("smoke-r-3", "3")]


@pytest.mark.parametrize(
    ("one", "other", "rows", "unseen"),
    [
        pytest.param(ok(1), ok(2), ["1", "2"], 0, id="both"),
        pytest.param(ok(1), ok(2), ["1"], 1, id="of one"),
        pytest.param(ok(1), ok(2), [], 2, id="none"),
        pytest.param(ok(1), ok(2, id="1"), ["1"], 0, id="one answer for both"),
        pytest.param(ok(1, id="8"), ok(2, id="9"), ["1", "2"], 0, id="ids of other rows"),
        pytest.param(ok(1, id="8"), ok(2, id="9"), ["1"], 1, id="one row, and ids of others"),
        pytest.param(unanswered(1), unanswered(2), ["1"], 1, id="no answers, one row"),
        pytest.param(unanswered(1), unanswered(2), ["1", "2"], 0, id="no answers, two rows"),
        pytest.param(ok(1), unanswered(2), ["1"], 1, id="an answer and its row"),
        pytest.param(ok(1), unanswered(2), ["2"], 1, id="an answer, and a row of whichever"),
        pytest.param(ok(1), failed(2, 409), ["1"], 1, id="one was refused"),
    ],
)
def test_each_takes_a_row(
    tmp_path: Path, healthy: Deployment, one: Attempt, other: Attempt, rows: list[str], unseen: int
) -> None:
    """The one that its answer names, or one that nobody names; an earlier clean-up counts."""
    attempts = pair(one, other)
    task = task_of(healthy, tmp_path, attempts, known=frozenset((id_, one.name) for id_ in rows))
    task.ledger.close()
    assert len(task.unseen) == unseen


def test_one_that_was_refused_is_not_listed(tmp_path: Path, healthy: Deployment) -> None:
    """An app that refuses a name that is taken has stored one row, and that is gone."""
    store(healthy, "smoke-r-1")
    (id_,) = ids(healthy)
    assert cleaned(healthy, tmp_path, pair(ok(1, id=id_), failed(2, 409))) == CleanUp(removed=1)


def ids(deployment: Deployment) -> list[str]:
    """The ids of the rows of the run that are stored."""
    with psycopg.connect(deployment.database) as connection:
        query = "select id::text from chatbots where name like 'smoke-%' order by id"
        return [id_ for (id_,) in connection.execute(query)]
