"""Clean-ups in this process, and the rows that they are to find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from harness.history.writing import Ledger
from harness.run.cleanup import CleanUp, clean_up
from harness.run.cleanup_task import Task
from tests.support.clients import client_of

if TYPE_CHECKING:
    from pathlib import Path

    from harness.history.attempt import Attempt
    from rehearsal.deployment.start import Deployment


def task_of(deployment: Deployment, folder: Path, attempts: list[Attempt], **of: Any) -> Task:
    """The clean-up of these attempts, with a ledger of its own."""
    client = client_of(deployment.url, database=deployment.database, cleanup=of.pop("cleanup", "database"))
    ledger = Ledger(folder / "history.jsonl")
    if not (folder / "history.jsonl").read_bytes():
        ledger.run("r", {"preview": {"url": deployment.url}})
    of.setdefault("patience_s", 0.0)
    return Task(client, attempts, {a.name: [a.name] for a in attempts}, ledger, **of)


def cleaned(deployment: Deployment, folder: Path, attempts: list[Attempt], **of: Any) -> CleanUp:
    """What that clean-up did."""
    task = task_of(deployment, folder, attempts, **of)
    try:
        return clean_up(task)
    finally:
        task.ledger.close()


def store(deployment: Deployment, *names: str) -> None:
    """Store rows of these names, as POSTs would."""
    with psycopg.connect(deployment.database) as connection:
        for name in names:
            connection.execute("insert into chatbots (name) values (%s)", [name])


def stored(deployment: Deployment, like: str = "smoke-%") -> list[str]:
    """The names that are stored."""
    with psycopg.connect(deployment.database) as connection:
        query = "select name from chatbots where name like %s order by name"
        return [name for (name,) in connection.execute(query, [like])]
