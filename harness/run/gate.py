"""One run of the gate: examines all environments at the same time, keeps what checks concluded, cleans up, reports.

Knows nothing of pytest; `harness.pytest_plugin` ties the two together.
"""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.checkers.history import failure_rate_bound
from harness.checkers.latency import durations_ms, percentile
from harness.configuration.secrets import secrets_of
from harness.errors import CouldNotTell, NotCovered
from harness.history.history import History
from harness.history.reading import UnreadableHistory
from harness.history.writing import Ledger
from harness.http.client import Client
from harness.http.deadline import abandon_exchanges
from harness.http.readiness import Readiness
from harness.postgres.table import TableFacts
from harness.postgres.token_scan import StoredTokens
from harness.progress import Progress
from harness.redaction.redactor import Redactor
from harness.report.verdict import (
    CheckResult,
    EnvironmentVerdict,
    Kind,
    LeftBehind,
    Verdict,
    conclude,
    exit_code,
    worst,
)
from harness.run.cleanup import CleanUp, Task, clean_up, left_as_it_is
from harness.run.examination import Examination, Need, RunRequest, examine
from harness.run.resumed_cleanup import place_of
from harness.run.source_reading import _once
from harness.run.verdict_assembly import _before_the_migration, _remembered, _why
from harness.run.workload import MOST_PROBES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.configuration.models import Environment
    from harness.history.history import Attempt
    from harness.report.evidence import Evidence
    from harness.run.soak_result import SoakResult
    from harness.source.checkout import Checkout
    from harness.source.evidence import Analysis


_OFFLINE = NotCovered("judged from a saved history, nothing was asked", "run the gate to ask the deployment")
T = TypeVar("T")
M = TypeVar("M", CheckResult, LeftBehind)


def new_run() -> str:
    """An id that no other run has: the time, to be read, and 32 random bits, to be unique."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def _settle(future: Future[T], find: Callable[[], T]) -> None:
    try:
        found = find()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(found)


@dataclass(slots=True)
class Gate:
    """A run. `start` begins the examinations, `examination` waits for one, `conclude` cleans up and judges.

    `interrupts` counts the signals to end: the first ends the waiting for an examination, the second that for the
    clean-up, both by KeyboardInterrupt. `tell` is called, by whoever waits, with a line about what takes a while.
    """

    run: str
    environments: Sequence[Environment]
    report_dir: Path
    revision: str | None = None
    read_only: bool = False
    kind: Kind = "deployment"
    results: list[CheckResult] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    interrupts: int = 0
    concluded: bool = False
    incomplete: str = ""  # what saved histories lack
    soaked: SoakResult | None = None  # what became of the rows, where a soak is judged
    redact: Redactor = field(default_factory=Redactor)
    tell: Callable[[str], None] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _began_s: float = field(default_factory=time.monotonic)
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _ledger: Ledger | None = None
    _pool: ThreadPoolExecutor | None = None
    _progress: dict[str, Progress] = field(default_factory=dict)
    _clients: dict[str, Client] = field(default_factory=dict)
    _examinations: dict[str, Future[Examination]] = field(default_factory=dict)
    _cleaning: dict[str, Future[CleanUp]] = field(default_factory=dict)
    _checkouts: dict[Path, Checkout | CouldNotTell | NotCovered] = field(default_factory=dict)
    _analyses: dict[tuple[Path, str, str], Analysis | CouldNotTell | NotCovered] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for environment in self.environments:
            self.redact.add(secrets_of(environment))

    def start(self, needs: Need) -> None:
        """Begin to examine every environment, each in a thread of its own; none is touched without a need.

        Raises:
            OSError: the history cannot be written; then nothing was sent.
        """
        needs &= ~Need.SOURCE
        if not needs:
            return
        self._ledger = Ledger(self.report_dir / "history.jsonl")
        self._ledger.run(self.run, {e.name: place_of(e, self.redact) for e in self.environments})
        request = RunRequest(self.run, needs, self.revision, self.read_only, self._stop)
        self._pool = ThreadPoolExecutor(len(self.environments), thread_name_prefix="examine")
        first = 1
        for environment in self.environments:
            client = self._clients[environment.name] = Client(environment, self.run, self.redact, self._began_s)
            progress = self._progress[environment.name] = Progress()
            self._examinations[environment.name], self._cleaning[environment.name] = Future(), Future()
            self._pool.submit(self._examine, client, request, self._ledger, first, progress)
            first += environment.posts + environment.burst + MOST_PROBES

    def _examine(self, client: Client, request: RunRequest, ledger: Ledger, first: int, progress: Progress) -> None:
        """Examine an environment, and then remove its rows: what is judged of them is known, and others may be slow."""
        name = client.environment.name
        _settle(self._examinations[name], lambda: examine(client, request, ledger, first, progress))
        _settle(self._cleaning[name], lambda: self._clean(client, ledger, progress))

    def judge(self, files: Sequence[Path]) -> None:
        """Take saved histories instead of examining: several files of one environment are judged as one history.

        Raises:
            UnreadableHistory: a file is not one.
        """
        from harness.history.bulk_reading import missing, read_together  # no other run reads one

        histories = read_together(files)
        self.incomplete = missing(files, histories)
        for name, history in histories.items():
            environment = next(e for e in self.environments if e.name == name)
            done: Future[Examination] = Future()
            done.set_result(
                Examination(
                    environment,
                    history=history,
                    readiness=_OFFLINE,
                    facts=_OFFLINE,
                    rows=_OFFLINE,
                    sequence=_OFFLINE,
                    stored=_OFFLINE,
                    default_evaluation=_OFFLINE,
                    observed_inserts=_OFFLINE,
                    lock_holders=_OFFLINE,
                    preflight=_OFFLINE,
                )
            )
            self._examinations[name] = done

    def examination(self, name: str) -> Examination:
        """What is known of an environment, as soon as it is."""
        return self._settled(self._examinations[name], lambda: self.interrupts > 0).result()

    def _settled(self, future: Future[T], over: Callable[[], bool] = lambda: False) -> Future[T]:
        """The future, done. Waits in short turns: a signal that comes just before a long one is only seen after it.

        Raises:
            KeyboardInterrupt: it was over before.
        """
        self._first_of([future], over)
        return future

    def _first_of(self, futures: Sequence[Future[T]], over: Callable[[], bool]) -> set[Future[T]]:
        """Those that are done, as soon as one is; as `_settled`."""
        while not (done := wait(futures, timeout=0.1, return_when=FIRST_COMPLETED).done):
            if over():
                raise KeyboardInterrupt
            for name, progress in self._progress.items():
                if self.tell is not None and (line := progress.due()):
                    self.tell(f"{name}: {line}")
        return done

    def next_examined(self, names: Sequence[str]) -> str:
        """Which of these environments is examined first; waits for it. What is no environment is known at once.

        Raises:
            KeyboardInterrupt: the run is to end.
        """
        examining = {self._examinations[name]: name for name in names if name in self._examinations}
        others = [name for name in names if name not in examining.values()]
        if others:
            return others[0]
        done = self._first_of(list(examining), lambda: self.interrupts > 0)
        return next(name for future, name in examining.items() if future in done)

    @property
    def all_examined(self) -> bool:
        """Whether nothing is waited for any more."""
        return all(future.done() for future in self._examinations.values())

    def other_histories(self, name: str) -> list[History]:
        """The histories of the other environments of this run, as far as POSTs could be sent there."""
        histories = (self.examination(other).history for other in self._examinations if other != name)
        return [history for history in histories if isinstance(history, History)]

    def conclude(self, pytest_status: int, *, error: str = "", clean: bool = True) -> Verdict:
        """Stop what is still under way, remove this run's rows, and say what it all adds up to.

        With `clean=False` nothing is waited for or removed, and every row that the history knows of may be left behind.
        """
        self._stop.set()
        if not clean:
            self._hurry.set()
            abandon_exchanges()
        cleaned = self._clean_up() if clean else self._left_as_it_is()
        if self.soaked is not None:
            cleaned[self.soaked.environment] = CleanUp(self.soaked.removed, tuple(self.soaked.left_behind))
        left = [row for done in cleaned.values() for row in done.left]
        complete = pytest_status in (0, 1) and not error
        verdicts = [self._of_environment(e, cleaned, complete=complete) for e in self.environments]
        conclusions = [v.verdict for v in verdicts]
        overall = worst(conclusions)
        if self._ledger is not None:
            self._ledger.close()
        return Verdict(
            kind=self.kind,
            verdict=overall,
            exit_code=exit_code(overall, left, pytest_status),
            run=self.run,
            started_at=self._started_at.isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - self._began_s, 3),
            environments=verdicts,
            checks=self.results,
            left_behind=[self._masked(row, "reason", "remedy") for row in left],
            left_out=self.left_out,
            error=self.redact(error),
        )

    def evidence(self, remembered: Path | None = None) -> list[Evidence]:
        """What is known of each environment now, for the page, and its last runs; waits for nothing."""
        from harness.report.evidence import Evidence  # only the end of a run needs it

        found = []
        for environment in self.environments:
            name, future = environment.name, self._examinations.get(environment.name)
            settled = future is not None and future.done() and future.exception() is None
            done = future.result() if future is not None and settled else Examination(environment)
            history = done.history if settled else self._written(name)
            found.append(
                Evidence(
                    name,
                    environment=environment if name in self._clients else None,
                    history=history if isinstance(history, History) else None,
                    unavailable=_why(history),
                    stored=done.stored.sample if isinstance(done.stored, StoredTokens) else None,
                    stored_unavailable=_why(done.stored),
                    past=_remembered(remembered, name),
                )
            )
        return found

    def _written(self, name: str) -> History | None:
        """The history of an environment as it is on disk, for want of a better one."""
        if self._ledger is None:
            return None
        with suppress(UnreadableHistory, KeyError):
            return self._ledger.recorded()[name].history
        return None

    def checkout(self, name: str) -> Checkout:
        """The app's source that an environment names, read once for all that name the same.

        Raises:
            NotCovered: it names none, or none that holds anything to read.
            CouldNotTell: it cannot be read.
        """
        root = next(e.source for e in self.environments if e.name == name)
        if root is None:
            raise NotCovered("no checkout of the app was named", "name one with `source:` or --source")
        from harness.source.checkout import read_checkout  # most runs read none

        return _once(self._checkouts, root, lambda: read_checkout(root))

    def analysis(self, name: str) -> Analysis:
        """What the source that an environment names says of its table, found out once for all checks.

        Raises:
            NotCovered: it names none, or none that holds anything to read, or what parses it is not installed.
            CouldNotTell: it cannot be read.
        """
        checkout = self.checkout(name)
        key = self._analysed(next(e for e in self.environments if e.name == name))
        from harness.source.app.analysis import analyse  # most runs read no source

        return _once(self._analyses, key, lambda: analyse(checkout, key[1], key[2]))

    def _analysed(self, environment: Environment) -> tuple[Path, str, str]:
        return environment.source or Path(), environment.table.name, environment.table.token

    def record(self, result: CheckResult) -> None:
        """Keep what a check concluded, secrets masked."""
        self.results.append(self._masked(result, "want", "have", "cause", "remedy"))

    def _masked(self, model: M, *texts: str) -> M:
        """Only free text is masked: a secret that happens to be a word of the schema must not spoil it."""
        return model.model_copy(update={text: self.redact.throughout(getattr(model, text)) for text in texts})

    def _clean(self, client: Client, ledger: Ledger, progress: Progress) -> CleanUp:
        environment = client.environment
        attempts = self._attempts(environment.name)
        labels = {a.name: environment.labels_for(a.name) for a in attempts}
        return clean_up(
            Task(
                client,
                attempts,
                labels,
                ledger,
                environment.late_rows_s,
                hurry=self._hurry,
                progress=progress,
                facts=self._facts(environment.name),
            )
        )

    def _clean_up(self) -> dict[str, CleanUp]:
        if self._pool is None:
            return {}
        cleaned = {name: self._settled(future, self._may_not_wait).result() for name, future in self._cleaning.items()}
        self._pool.shutdown()
        return cleaned

    def _may_not_wait(self) -> bool:
        return self.interrupts > 1

    def _left_as_it_is(self) -> dict[str, CleanUp]:
        if self._ledger is None:
            return {}
        try:
            recorded = self._ledger.recorded()
        except UnreadableHistory:
            return {}
        environments = {e.name: e for e in self.environments}
        return {
            name: self._cleaning[name].result()
            if self._is_clean(name)
            else left_as_it_is(environments[name], of.history.sent)
            for name, of in recorded.items()
        }

    def _is_clean(self, name: str) -> bool:
        cleaning = self._cleaning[name]
        return cleaning.done() and cleaning.exception() is None

    def _attempts(self, name: str) -> Sequence[Attempt]:
        """The attempts of an environment; where its examination broke down, as the history on disk has them."""
        future = self._examinations[name]
        if future.exception() is None:  # waits for it
            return future.result().sent
        assert self._ledger is not None  # there was an examination
        return self._ledger.recorded()[name].history.sent

    def _facts(self, name: str) -> TableFacts | None:
        future = self._examinations[name]
        facts = future.result().facts if future.exception() is None else None
        return facts if isinstance(facts, TableFacts) else None

    def _notes(self, environment: Environment, done: Examination | None) -> list[str]:
        soaked = self.soaked.notes if self.soaked is not None else ()
        return [*self._same_url(environment), *(map(self.redact, (*_before_the_migration(done), *soaked)))]

    def _same_url(self, environment: Environment) -> list[str]:
        same = [e.name for e in self.environments if e.origin == environment.origin and e.name != environment.name]
        notes = (
            [f"has the same url as {', '.join(same)}: one deployment was verified under several names"] if same else []
        )
        analysis = self._analyses.get(self._analysed(environment))
        said = () if analysis is None or isinstance(analysis, (CouldNotTell, NotCovered)) else analysis.notes
        return [*notes, *map(self.redact, (f"source: {note}" for note in said))]

    def _of_environment(
        self, environment: Environment, cleaned: dict[str, CleanUp], *, complete: bool
    ) -> EnvironmentVerdict:
        name = environment.name
        results = [result for result in self.results if result.environment == name]
        future = self._examinations.get(name)
        done = future.result() if future is not None and future.done() and future.exception() is None else None
        history = done.history if done is not None and isinstance(done.history, History) else None
        sent = len(history.attempts) if history else 0
        acknowledged = len(history.acknowledged) if history else 0
        took = durations_ms(history) if history else []
        ready = done.readiness if done is not None and isinstance(done.readiness, Readiness) else None
        return EnvironmentVerdict(
            name=name,
            url=self.redact.url(environment.origin),
            verdict=conclude(results, complete=complete),
            revision=self.redact(ready.revision) if ready and ready.revision else None,
            posts=sent,
            acknowledged=acknowledged,
            failure_rate_bound=float(f"{failure_rate_bound(sent):.3g}") if sent and sent == acknowledged else None,
            latency_p50_ms=round(percentile(took, 50), 1) if took else None,
            latency_p95_ms=round(percentile(took, 95), 1) if took else None,
            latency_max_ms=round(took[-1], 1) if took else None,
            notes=self._notes(environment, done),
            rows_removed=cleaned[name].removed if name in cleaned else 0,
            duration_s=round(done.took_s, 3) if done else 0.0,
        )
