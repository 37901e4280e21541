"""One run of the gate: examines all environments at the same time, and cleans up after each of them.

Knows nothing of pytest; `harness.pytest_plugin` ties the two together.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from msgspec.structs import replace

from harness.configuration.secrets import secrets_of
from harness.errors import CouldNotTell, NotCovered, if_available
from harness.history.reading import UnreadableHistory, read
from harness.history.writing import Ledger
from harness.http.client import Client
from harness.http.deadline import abandon_exchanges
from harness.progress import PATIENCE_S, Progress
from harness.report.run_log import FILE
from harness.run.cleanup import CleanUp, clean_up, left_as_it_is
from harness.run.cleanup_task import Task
from harness.run.database_turns import DatabaseTurns
from harness.run.evidence import HISTORY, OBSERVED_INSERTS, TABLE
from harness.run.examination import examine, needed_for
from harness.run.gathering import Examination, RunRequest
from harness.run.outcomes import Outcomes
from harness.run.resumed_cleanup import place_of
from harness.run.settings import Interrupts, RunSettings
from harness.run.source_reading import SourceReading
from harness.run.verdict_assembly import assemble, page_evidence
from harness.run.watch_result import HISTORY as HISTORY_OF_WATCH
from harness.run.worked_before import known_to
from harness.run.workload import MOST_PROBES
from harness.text import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from harness.history.attempt import Attempt
    from harness.history.history import History
    from harness.report.evidence import EnvironmentEvidence
    from harness.report.verdict import Verdict
    from harness.run.gathering import Evidence
    from harness.text import Shown

_OFFLINE = NotCovered("judged from a saved history, nothing was asked", "run the gate to ask the deployment")
T = TypeVar("T")


class _LastToPost:
    """Called by each environment whose POSTs are over: what the report needs is imported when nobody is timed any more.

    The thread that does it has the time that the databases take to answer.
    """

    def __init__(self, environments: int) -> None:
        self._left, self._lock = environments, threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
        with suppress(RuntimeError):  # no thread can be started; whoever renders the page imports it then
            threading.Thread(target=_make_page_ready, name="page", daemon=True).start()


def _make_page_ready() -> None:
    with suppress(Exception):  # who renders the page meets it again, and says it
        import_module("harness.report.page").make_ready()


class _Environment(NamedTuple):
    """What is under way on one environment."""

    client: Client
    progress: Progress
    cleaning: Future[CleanUp]


class Gate:
    """A run. `start` begins the examinations, `examination` waits for one, `conclude` cleans up and judges."""

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings
        self.outcomes = Outcomes(narrowed=settings.read_only)
        self.sources = SourceReading()
        self.interrupts = Interrupts()
        self._concluded = False
        self._process = os.getpid()
        self._judged: Sequence[Path] | None = None
        self._tell: Callable[[Shown], None] | None = None
        self._stop, self._hurry = threading.Event(), threading.Event()
        self._turns = DatabaseTurns()
        self._ledger: Ledger | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: dict[str, _Environment] = {}
        self._examinations: dict[str, Future[Examination]] = {}
        for environment in settings.environments:
            settings.redact.add(secrets_of(environment))

    # --- examining ----------------------------------------------------------------------------------------------------

    def verify_only(self, names: Collection[str]) -> None:
        """Leave the other environments alone: no check of them was selected."""
        kept = [environment for environment in self.settings.environments if environment.name in names]
        self.settings = replace(self.settings, environments=kept)

    def start(
        self, kinds: Mapping[str, frozenset[Evidence[object]]], tell: Callable[[Shown], None] | None = None
    ) -> None:
        """Begin to examine every environment, each in a thread of its own; none is touched without a need.

        Args:
            kinds: what the selected checks look at, by the environment that they are asked of.
            tell: called, by whoever waits, with a line about what takes a while.

        Raises:
            OSError: the history cannot be written; then nothing was sent.
        """
        settings = self.settings
        needs = {name: needed for name, of in kinds.items() if (needed := needed_for(of, settings.revision))}
        if not needs:
            return
        environments = [environment for environment in settings.environments if environment.name in needs]
        watched = any(OBSERVED_INSERTS in needed for needed in needs.values())
        self._tell = tell
        self._ledger = Ledger(settings.report_dir / "history.jsonl")
        log = settings.report_dir.parent / FILE
        self._ledger.run(
            settings.run,
            {e.name: {**place_of(e, settings.redact), **known_to(log, e, settings.redact)} for e in environments},
        )
        self._pool = ThreadPoolExecutor(len(environments), thread_name_prefix="examine")
        posted = _LastToPost(len(environments))
        first = 1
        for environment in environments:
            request = RunRequest(
                run=settings.run,
                needs=needs[environment.name],
                revision=settings.revision,
                read_only=settings.read_only,
                stop=self._stop,
                turns=self._turns if watched and len(environments) > 1 else None,
                posted=posted,
            )
            client = Client(environment, settings.run, settings.redact, settings.began_s)
            self._under_way[environment.name] = _Environment(client, Progress(), Future())
            self._examinations[environment.name] = Future()
            self._pool.submit(self._examine, environment.name, request, self._ledger, first)
            first += environment.posts + environment.burst + MOST_PROBES

    def _examine(self, name: str, request: RunRequest, ledger: Ledger, first: int) -> None:
        """Examine an environment, and then remove its rows: what is judged of them is known, and others may be slow."""
        under_way = self._under_way[name]
        _settle(
            self._examinations[name],
            lambda: examine(under_way.client, self.sources, request, ledger, first, under_way.progress),
        )
        _settle(under_way.cleaning, lambda: self._clean(name, ledger))

    def judge(self, files: Sequence[Path]) -> None:
        """Take saved histories instead of examining: several files of one environment are judged as one history.

        Raises:
            UnreadableHistory: a file is not one.
        """
        from harness.history.bulk_reading import missing, read_together  # no other run reads one

        histories = read_together(files)
        self._judged = files
        self.outcomes.incomplete, self.outcomes.narrowed = missing(files, histories), True
        for name, history in histories.items():
            known = Examination(self.settings.environment(name), self.sources, _OFFLINE)
            known.put(HISTORY, history)
            done = self._examinations[name] = Future()
            done.set_result(known)

    def examination(self, name: str) -> Examination:
        """What is known of an environment, as soon as it is; nothing where it was not to be examined.

        Raises:
            CouldNotTell: this is another process than the one that examines.
        """
        if name not in self._examinations:
            return Examination(self.settings.environment(name), self.sources)
        if os.getpid() != self._process:  # the thread that examines is not there, and would be waited for for ever
            raise CouldNotTell("a plugin runs this check in a process of its own", "run without the plugin that forks")
        return self._settled(self._examinations[name], lambda: self.interrupts.ends_examinations).result()

    def _settled(self, future: Future[T], over: Callable[[], bool] = lambda: False) -> Future[T]:
        """The future, done. Waits in short turns: a signal that comes just before a long one is only seen after it.

        Raises:
            KeyboardInterrupt: it was over before.
        """
        if not future.done():  # to wait for one that is takes longer than most checks
            self._first_of([future], over)
        return future

    def _first_of(
        self, futures: Sequence[Future[T]], over: Callable[[], bool], late: Callable[[], None] = lambda: None
    ) -> set[Future[T]]:
        """Those that are done, as soon as one is; as `_settled`. `late` is called when that has taken a while."""
        began_s = time.monotonic()
        while not (done := wait(futures, timeout=0.1, return_when=FIRST_COMPLETED).done):
            if over():
                raise KeyboardInterrupt
            if time.monotonic() - began_s >= PATIENCE_S:
                late()
            for name, under_way in self._under_way.items():
                if self._tell is not None and (line := under_way.progress.due()):
                    self._tell(sentence(f"{name}: {line}"))
        return done

    def next_examined(self, names: Sequence[str], late: Callable[[], None] = lambda: None) -> str:
        """Which of these environments is examined first; waits for it. What is no environment is known at once.

        Args:
            names: of the environments.
            late: called again and again once that has taken a while.

        Raises:
            KeyboardInterrupt: the run is to end.
        """
        examining = {self._examinations[name]: name for name in names if name in self._examinations}
        others = [name for name in names if name not in examining.values()]
        if others:
            return others[0]
        done = self._first_of(list(examining), lambda: self.interrupts.ends_examinations, late)
        return next(name for future, name in examining.items() if future in done)

    def other_histories(self, name: str) -> list[History]:
        """The histories of the other environments of this run, as far as POSTs could be sent there."""
        histories = (if_available(self.examination(other).of(HISTORY)) for other in self._examinations if other != name)
        return [history for history in histories if history is not None]

    def _ended(self, name: str) -> Examination | None:
        """What is known of an environment now; None where its examination has not ended, or broke down."""
        future = self._examinations.get(name)
        return future.result() if future is not None and future.done() and future.exception() is None else None

    # --- concluding ---------------------------------------------------------------------------------------------------

    def conclude(self, pytest_status: int, *, error: str = "", clean: bool = True) -> Verdict:
        """Stop what is still under way, remove this run's rows, and say what it all adds up to.

        With `clean=False` nothing is waited for or removed, and every row that the history knows of may be left behind.
        """
        self._stop.set()
        if not clean:
            self._hurry.set()
            abandon_exchanges()
        cleaned = self._clean_up() if clean else self._left_as_it_is()
        if (soak := self.outcomes.soak) is not None:
            cleaned[soak.environment] = CleanUp(soak.removed, tuple(soak.left_behind))
        if (watched := self.outcomes.watched) is not None:
            own = cleaned.get(watched.environment, CleanUp())
            both = (*own.left, *watched.left_behind)
            cleaned[watched.environment] = own._replace(removed=own.removed + watched.removed, left=both)
            for result in watched.checks:
                self.outcomes.record(result)
        ended = {name: known for name in self._examinations if (known := self._ended(name)) is not None}
        verdict = assemble(
            self.settings, self.outcomes, ended, self.sources, cleaned, pytest_status, error, judged=self._judged
        )
        if self._ledger is not None:
            self._ledger.close()
        self._concluded = True
        return verdict

    def interrupt(self) -> None:
        """Count a signal to end.

        Raises:
            KeyboardInterrupt: neither the examinations nor the clean-up were waited for, and yet it lasts.
        """
        self.interrupts.count += 1
        if self.interrupts.ends_at_once and not self._concluded:
            raise KeyboardInterrupt

    def evidence(self, log: Path | None = None) -> list[EnvironmentEvidence]:
        """What is known of each environment now, for the page, and its last runs; waits for nothing."""
        found = []
        for environment in self.settings.environments:
            known = self._ended(environment.name)
            written = self._written(environment.name) if known is None else None
            repeatable = environment.name in self._under_way
            of = page_evidence(environment, known, repeatable=repeatable, written=written, log=log)
            found.append(of._replace(watched=self._watched(environment.name)))
        return found

    def _watched(self, name: str) -> History | None:
        """The POSTs of a watch, where the rollout to this environment was watched."""
        watched = self.outcomes.watched
        if watched is None or watched.environment != name:
            return None
        with suppress(UnreadableHistory, KeyError):
            return read(self.settings.report_dir / HISTORY_OF_WATCH)[1][name].history
        return None

    def _written(self, name: str) -> History | None:
        """The history of an environment as it is on disk, for want of a better one."""
        if self._ledger is None:
            return None
        with suppress(UnreadableHistory, KeyError):
            return self._ledger.recorded()[name].history
        return None

    # --- cleaning up --------------------------------------------------------------------------------------------------

    def _clean(self, name: str, ledger: Ledger) -> CleanUp:
        under_way, environment = self._under_way[name], self.settings.environment(name)
        attempts, known = self._sent(name, ledger), self._ended(name)
        history = if_available(known.of(HISTORY)) if known is not None else None
        return clean_up(
            Task(
                under_way.client,
                attempts,
                {a.name: environment.labels_for(a.name) for a in attempts},
                ledger,
                environment.late_rows_s,
                cut_short=history.cut_short if history is not None else None,
                hurry=self._hurry,
                progress=under_way.progress,
                facts=if_available(known.of(TABLE)) if known is not None else None,
            )
        )

    def _sent(self, name: str, ledger: Ledger) -> Sequence[Attempt]:
        """The attempts of an environment; where its examination broke down, as the history on disk has them."""
        known = self._ended(name)
        return known.sent if known is not None else ledger.recorded()[name].history.sent

    def _clean_up(self) -> dict[str, CleanUp]:
        if self._pool is None:
            return {}
        cleaned = {
            name: self._settled(under_way.cleaning, lambda: self.interrupts.ends_clean_up).result()
            for name, under_way in self._under_way.items()
        }
        self._pool.shutdown()
        return cleaned

    def _left_as_it_is(self) -> dict[str, CleanUp]:
        if self._ledger is None:
            return {}
        try:
            recorded = self._ledger.recorded()
        except UnreadableHistory:
            return {}
        return {
            name: self._under_way[name].cleaning.result()
            if self._is_clean(name)
            else left_as_it_is(self.settings.environment(name), of.history.sent)
            for name, of in recorded.items()
        }

    def _is_clean(self, name: str) -> bool:
        cleaning = self._under_way[name].cleaning
        return cleaning.done() and cleaning.exception() is None


def _settle(future: Future[T], find: Callable[[], T]) -> None:
    try:
        found = find()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(found)
