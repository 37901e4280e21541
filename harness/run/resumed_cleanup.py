"""Removes what the run of a saved history left: the same clean-up as the run's own, by what its history says."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from harness.configuration.loading import ConfigurationError
from harness.history.ownership import read_own
from harness.history.problem import Problem
from harness.history.reading import RESTORE, UnreadableHistory
from harness.history.writing import Ledger, StillWritten
from harness.http.client import Client
from harness.postgres.connection import located
from harness.postgres.id_types import is_of_type
from harness.progress import Progress
from harness.run.cleanup import CleanUp, clean_up
from harness.run.cleanup_task import Task
from harness.text import printable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from harness.configuration.models import Environment
    from harness.history.attempt import Attempt
    from harness.history.reading import Recorded
    from harness.redaction.redactor import Redactor

_SHOWN = 100  # characters of an id
SETTLED_AFTER_S = 3600.0  # nothing between a client and a table keeps a request for an hour


def clean_after(
    path: Path,
    run: str,
    environment: Environment,
    redact: Redactor,
    hurry: threading.Event,
    tell: Callable[[str], None] | None = None,
) -> CleanUp:
    """Remove the rows of one environment that a history file names; `tell` is called with what is waited for.

    Raises:
        ConfigurationError: its run is still going on, it cannot be written, or it is of another deployment.
        UnreadableHistory: it is no history, or names what is not its run's own; nothing was removed.
    """
    client = Client(environment, run, redact, time.monotonic())
    try:
        ledger = Ledger(path)
    except StillWritten:
        raise ConfigurationError(
            f"{path}: its run is still going on, and will clean up itself, or another clean-up of it is. Wait for it, "
            "or end it with Ctrl-C."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        # Read only now that nobody else writes it: another clean-up may just have found and removed rows.
        of = read_own(path, {environment.name: environment.labels_for})[1][environment.name]
        _demand_same_place(path, of, environment, redact)
        sent = of.history.sent
        elsewhere = of.absent and not of.rows | of.removed
        awaited = [a for a in sent if a.may_have_stored and a.outcome != "ok"]
        ages_s = {a.name: of.age_s(a.n) for a in awaited}
        # A row may come as long after its POST as the run itself would have waited for it.
        youngest_s = min((ages_s[a.name] - _lasted_s(a, environment) for a in awaited), default=0.0)
        task = Task(
            client,
            sent,
            {a.name: of.labels[a.n] for a in sent},
            ledger,
            patience_s=min(environment.late_rows_s, max(0.0, environment.late_rows_s - youngest_s)),
            login=True,
            known=frozenset(of.rows | of.removed),
            gone=frozenset(of.removed),
            settled=frozenset(name for name, age_s in ages_s.items() if age_s > SETTLED_AFTER_S),
            identity=None if elsewhere else of.identity,
            elsewhere=elsewhere,
            cut_short=of.cut_short,
            demand_ids=partial(_demand_ids, path, of),
            hurry=hurry,
            progress=Progress(said=tell),
        )
        return clean_up(task)._replace(note=_moved(of, environment, redact))
    finally:
        ledger.close()


def _demand_ids(path: Path, of: Recorded, type_: str) -> None:
    """Refuse ids of rows that a column of this type (format_type) cannot hold.

    Raises:
        UnreadableHistory: names the first one.
    """
    for (id_, _), line in of.lines.items():
        if not is_of_type(id_, type_):
            shown = printable(repr(id_), _SHOWN)
            raise UnreadableHistory(f"{path}: line {line}: id: {shown} is not of the column's type, {type_}. {RESTORE}")


def _lasted_s(attempt: Attempt, environment: Environment) -> float:
    """How long a POST was under way at most."""
    recorded = attempt.problem is not Problem.NOT_RECORDED
    return attempt.took_s if recorded else environment.api.timeout_s


def place_of(environment: Environment, redact: Redactor) -> dict[str, object]:
    """Where a run sends its POSTs and where they are stored, as the first record of a history has it; no secret."""
    url, database = redact.url(environment.origin), environment.database and located(environment.database)
    return {"url": url, "database": database, "table": environment.table.model_dump()}


def _demand_same_place(path: Path, of: Recorded, environment: Environment, redact: Redactor) -> None:
    """Refuse to look for a run's rows where it has not stored them: they would be reported as gone."""
    now = place_of(environment, redact)
    # A run that looked for its row in its database and did not find it had the wrong one.
    for key in ("url",) if of.absent else ("url", "database"):
        value = now[key]
        was = of.settings.get(key, value)  # an older history does not name its database
        if was not in (value, environment.origin):
            raise ConfigurationError(
                f"{path}: was written on {was}, but environments.{environment.name}.{key} is now {value or 'null'}. "
                "Clean up with the configuration that the run had."
            )


def _moved(of: Recorded, environment: Environment, redact: Redactor) -> str:
    """That rows were looked for in another database than their run looked in; "" where they were not."""
    was, now = of.settings.get("database"), place_of(environment, redact)["database"]
    if not of.absent or was == now:
        return ""
    return f"the run did not find its row in {was}; it was looked for in {now or 'no database (null)'}"
