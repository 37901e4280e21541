"""`chatbots-smoke watch`: checks that it may send, watches, and has the steady state judged."""

from __future__ import annotations

import math
import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from harness.configuration.loading import MANY, ConfigurationError, load
from harness.configuration.models import Watch
from harness.configuration.secrets import learn
from harness.errors import CouldNotTell, attempted, if_available
from harness.history.writing import Ledger
from harness.http.client import Client
from harness.postgres.rows import read_rows
from harness.postgres.table import read_facts
from harness.progress import Progress
from harness.redaction.redactor import Redactor
from harness.report.folder import demand_folder, folder_of, point_latest_at
from harness.report.paths import as_typed
from harness.report.run_log import FILE
from harness.rollout.ending import conclude
from harness.rollout.state import WatchState
from harness.rollout.watching import watch
from harness.run import first_row
from harness.run.gathering import Examination, Gathering, RunRequest
from harness.run.known_claims import demand_known_claims
from harness.run.posting import demand_clean_up
from harness.run.resumed_cleanup import place_of
from harness.run.settings import new_run
from harness.run.signals import on_each_signal
from harness.run.source_reading import SourceReading
from harness.run.watch_result import HISTORY
from harness.run.worked_before import known_to
from harness.text import mask_before_cutting

if TYPE_CHECKING:
    import argparse

    from harness.configuration.models import Environment
    from harness.postgres.connection import Connection
    from harness.postgres.rows import Row
    from harness.postgres.table import TableFacts

_DURATION = r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(s|m|h)?"
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
LONGEST_S = 24 * 3600.0


def watch_rollout(options: argparse.Namespace) -> int:
    """Carry out the command; returns its exit code, of the same table as the gate's.

    Raises:
        ConfigurationError: it cannot begin so; nothing was sent.
    """
    os.umask(0o077)
    file = Path(options.environments).resolve()
    for_s = seconds(options.lasts)
    environment, bounds = asked(file, options.env, for_s, options.until_revision, allow_many=options.allow_many)
    redact = options.redact = Redactor()
    learn(redact, [environment], file, os.environ)
    mask_before_cutting(redact)
    run = new_run()
    folder = folder_of(options, run)
    state = WatchState(run, environment, bounds, for_s, options.until_revision, folder, file, redact)
    _demand_folder(state)
    if not options.report_dir:
        point_latest_at(folder)
    on_each_signal(state.interrupt)
    _watch(state)
    return conclude(state, allow_many=options.allow_many, as_json=options.json)


def seconds(text: str) -> float:
    """How long a duration such as 90s, 10m or 1h is.

    Raises:
        ConfigurationError: it is none, or longer than a day.
    """
    match = re.fullmatch(_DURATION, text.strip())
    found = float(match[1]) * _UNITS_S[match[2]] if match else 0.0
    if not 0 < found <= LONGEST_S:
        raise ConfigurationError(f"--for: {text!r} is not a duration such as 90s, 10m or 1h, up to 24h.")
    return found


def asked(file: Path, name: str, for_s: float, until: str | None, *, allow_many: bool) -> tuple[Environment, Watch]:
    """The environment to watch, and what it may be sent.

    Raises:
        ConfigurationError: a mistake of the file or the command line; or a protected environment has no bound, or
            would be sent very many.
    """
    (environment,) = load(file, [name])
    demand_known_claims([environment], file)
    place = f"{file}: environments.{name}"
    if environment.watch is None and environment.protected:
        raise ConfigurationError(
            f"{place}.watch: is not set, and nothing is sent to a protected environment without a bound. Set it in the "
            "environment itself, such as watch: {rate: 2, attempts: 1200, outage_s: 0}."
        )
    bounds = environment.watch or Watch()
    posts = min(bounds.attempts, math.ceil(bounds.rate * for_s))
    if environment.protected and posts > MANY and not allow_many:
        raise ConfigurationError(
            f"{place} is protected, and up to {posts} POSTs would be sent ({bounds.rate:g} a second for {for_s:g} s, "
            f"watch.attempts: {bounds.attempts}): more than {MANY} need --allow-many. Without it, lower watch.attempts "
            "or watch.rate, or watch for a shorter time (--for)."
        )
    if until is not None and not until.strip():
        raise ConfigurationError(
            "--until-revision: is empty; set the variable that fills it, or leave --until-revision out"
        )
    if until is not None and environment.ready.revision is None:
        raise ConfigurationError(
            f"{place}.ready.revision: --until-revision needs to know the field of the ready page's JSON that names the "
            "revision, such as {path: /healthz, revision: commit}."
        )
    return environment, bounds


def _demand_folder(state: WatchState) -> None:
    folder = state.folder
    demand_folder(folder)
    if os.path.lexists(state.history):
        raise ConfigurationError(
            f"the report folder {folder} holds the history of an earlier watch: name another with --report-dir, or "
            f"move it once `chatbots-smoke cleanup {as_typed(folder)}/{HISTORY}` has nothing left to remove"
        )


def _watch(state: WatchState) -> None:
    """Watch, if rows could be removed again; whatever stands in the way is kept for the verdict."""
    environment = state.environment
    try:
        ledger = Ledger(state.history)
    except OSError as error:
        state.fail(f"the history cannot be written: {error.strerror}")
        return
    try:
        known = known_to(state.folder.parent / FILE, environment, state.redact)
        began = state.started_at.isoformat()
        bounds = state.watch.model_dump(include={"rate", "outage_s", "latency_p95_ms"})
        of_watch = {"watch": {**bounds, "started_at": began}}
        ledger.run(state.run, {environment.name: {**place_of(environment, state.redact), **known, **of_watch}})
        place = demand_clean_up(environment, state.stop, certain=True)
        if place is not None:
            ledger.database(environment.name, place.identity)
        client = Client(environment, state.run, state.redact, state.origin_s)
        client.login()
        at = _gathering(state, client, ledger)
        look = partial(first_row.why_no_more, at, place.facts) if place is not None else None
        state.tell(
            f"watching for {state.for_s:g} s, {state.watch.rate:g} POSTs a second, {state.watch.attempts} at most; "
            "Ctrl-C ends it and removes its rows"
        )
        facts = place.facts if place is not None else _facts(at)
        watch(state, client, ledger, facts, look)
        if facts is not None:
            state.rows = attempted(partial(_read_rows, at, state))
    except CouldNotTell as unavailable:
        state.fail(f"{unavailable.cause}; {unavailable.remedy}")
    except OSError as error:
        state.fail(f"the history cannot be written: {error.strerror}")
    finally:
        ledger.close()


def _facts(at: Gathering) -> TableFacts | None:
    """The table, where rows are removed in another way than by the database; None where it cannot be looked at."""
    if at.environment.database is None:
        return None
    return if_available(attempted(lambda: first_row.asked(at, lambda open_: read_facts(open_, at.environment.table))))


def _read_rows(at: Gathering, state: WatchState) -> tuple[Row, ...]:
    """The rows of all POSTs, before they are removed. Raises CouldNotTell."""
    labels = [label for a in state.attempts for label in state.environment.labels_for(a.name)]

    def read(connection: Connection) -> tuple[Row, ...]:
        return read_rows(connection, read_facts(connection, state.environment.table), labels, [])

    unhurried = replace(at, request=at.request._replace(stop=state.hurry))
    return first_row.asked(unhurried, read)


def _gathering(state: WatchState, client: Client, ledger: Ledger) -> Gathering:
    """What the look for the first row needs of a run."""
    known = Examination(state.environment, SourceReading())
    request = RunRequest(state.run, frozenset(), None, read_only=False, stop=state.stop, turns=None)
    return Gathering(known, client, request, ledger, 1, Progress())
