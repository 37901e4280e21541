"""Composition root: ties the harness to pytest.

Options and the environments they name, parametrization, fixtures that hand out what was examined, and what becomes of
outcomes: the report folder, the terminal summary and the exit code. Claims are in `checks/`, everything else in
`harness/`. None of this stirs when pytest is run on `tests/`.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import options
from harness.configuration.file_limits import demand_descriptors
from harness.configuration.loading import ConfigurationError, demand_few, load
from harness.configuration.secrets import learn, secrets_of_broken
from harness.console import Lasting
from harness.errors import CouldNotTell, NotCovered
from harness.history.writing import StillWritten
from harness.pytest_plugin.interrupts import listen_to_signals
from harness.pytest_plugin.masking import keep_files_private, mask_everything, mask_terminal
from harness.pytest_plugin.outcomes import check_id, environment_of, mask_report, shorten_traceback, sort_outcome
from harness.pytest_plugin.selection import checks_beside, kind_of
from harness.redaction.redactor import Redactor
from harness.report.folder import make_folder, point_latest_at
from harness.report.paths import as_typed
from harness.report.run_log import FILE, NoTrend, remember
from harness.report.summary import lines
from harness.report.verdict import ExitCode, Verdict
from harness.report.writing import write
from harness.run.cleanup import BY_HAND
from harness.run.examination import Examination, Need
from harness.run.gate import Gate, new_run
from harness.text import mask_before_cutting, printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.history.history import History
    from harness.history.revision import ServedRevision
    from harness.http.readiness import Readiness
    from harness.postgres.default import DefaultEvaluation
    from harness.postgres.inserts import ObservedInserts
    from harness.postgres.rows import Row, SequenceState
    from harness.postgres.table import TableFacts
    from harness.postgres.token_scan import StoredTokens
    from harness.preflight.facts import LockHolders, Preflight
    from harness.source.checkout import Checkout
    from harness.source.evidence import Analysis
    from harness.source.migrations.checkers import TokenInSource

ROOT = Path(__file__).parent
CHECKS = ROOT / "checks"
_GATE = pytest.StashKey[Gate]()
_VERDICT = pytest.StashKey[Verdict]()
_MISTAKE = pytest.StashKey[str]()
_SET_ASIDE = pytest.StashKey["Path | None"]()
_ENDED_EARLY: dict[int, str] = {
    ExitCode.INTERRUPTED: "the run was interrupted before all checks had been asked",
    ExitCode.INTERNAL_ERROR: "pytest failed; its output says how",
    ExitCode.USAGE: "a mistake on the command line; the output of pytest names it",
    ExitCode.NOTHING_COLLECTED: "no check was selected",
}
_REDACT = pytest.StashKey[Redactor]()
_NEEDS = {
    "readiness": Need.READINESS,
    "served_revisions": Need.READINESS,
    "history": Need.HISTORY,
    "other_histories": Need.HISTORY,
    "facts": Need.FACTS,
    "rows": Need.HISTORY | Need.ROWS,
    "rows_if_any": Need.HISTORY | Need.ROWS,
    "sequence": Need.SEQUENCE,
    "stored": Need.STORED,
    "default_evaluation": Need.MADE,
    "observed_inserts": Need.HISTORY | Need.SEEN,
    "checkout": Need.SOURCE,
    "lock_holders": Need.PREFLIGHT,
    "preflight": Need.PREFLIGHT,
    "analysis": Need.SOURCE,
}


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """The options of the contract, where the project is not installed and its plugin has not brought them yet."""
    if not pluginmanager.is_registered(options):
        options.pytest_addoption(parser)


# --- the run --------------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before pytest's junitxml plugin looks at its option
def pytest_configure(config: pytest.Config) -> None:
    """Read the configuration of a gate run. Whatever is wrong with it ends the run here, before anything is sent."""
    if not _is_gate(config):
        return
    gc.set_threshold(50_000)  # objects, before Python looks for cycles among them: a run leaves few
    config.add_cleanup(gc.freeze)  # the process ends then: nobody needs the cycles that Python would look for
    keep_files_private(config)
    log = sys.stdout = Lasting(sys.stdout)  # which pytest's terminal plugin takes next
    config.add_cleanup(log.flush)
    redact = config.stash[_REDACT] = Redactor()
    mask_before_cutting(redact)
    mask_everything(config, redact)
    run = new_run()
    given = config.getoption("--report-dir")
    folder = config.invocation_params.dir / given if given else ROOT / "reports" / run
    gate = Gate(run, (), folder, redact=redact)
    try:
        config.stash[_SET_ASIDE] = make_folder(folder)
        if not given and not config.getoption("--judge"):
            point_latest_at(folder)
        _refuse_options(config)
        gate = _gate(config, run, folder)
    except StillWritten:
        raise pytest.UsageError(_in_use(folder)) from None
    except OSError as error:
        raise pytest.UsageError(f"the report folder {folder} cannot be made: {error.strerror}") from None
    except ConfigurationError as error:
        verdict = gate.conclude(ExitCode.USAGE, error=str(error))
        with suppress(OSError):
            write(verdict, folder)
        _annotate(verdict, print)
        raise pytest.UsageError(redact(str(error))) from None
    config.stash[_GATE] = gate
    if not config.getoption("--judge"):
        listen_to_signals(config, gate)  # before other plugins begin: an exception there ends in a traceback
    if getattr(config.option, "xmlpath", "") is None:
        config.option.xmlpath = str(folder / "junit.xml")
    if getattr(config.option, "tbstyle", "no") == "auto":
        config.option.tbstyle = "no"  # the summary says it in words; --tb=long brings tracebacks
    if getattr(config.option, "reportchars", "") == "fE":
        config.option.reportchars = ""


def _is_gate(config: pytest.Config) -> bool:
    """Whether this invocation runs checks, rather than tests of the harness or one of pytest's listings."""
    option = config.option
    if option.help or option.version or option.markers or option.showfixtures or option.show_fixtures_per_test:
        return False
    if option.collectonly or getattr(option, "setupplan", False):
        return False
    return any(path in (CHECKS, *CHECKS.parents) or CHECKS in path.parents for path in _named(config))


def _named(config: pytest.Config) -> list[Path]:
    """The files and folders of the command line."""
    return [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]


def _refuse_options(config: pytest.Config) -> None:
    if getattr(config.option, "setuponly", False):
        raise ConfigurationError("--setup-only is refused: it would ask the deployment and judge nothing.")
    asked = getattr(config.option, "numprocesses", None) or getattr(config.option, "dist", "no") != "no"
    if asked or getattr(config.option, "tx", None) or hasattr(config, "workerinput"):
        raise ConfigurationError(
            "pytest-xdist is refused: each of its workers would send all POSTs again. Run without -n; environments "
            "are examined side by side already."
        )


def _gate(config: pytest.Config, run: str, folder: Path) -> Gate:
    redact = config.stash[_REDACT]
    if config.getoption("--judge"):
        return _judging_gate(config, run, folder)
    given = config.getoption("--environments")
    file = config.invocation_params.dir / given if given else ROOT / "environments.yaml"
    revision = config.getoption("--revision")
    if revision is not None and not revision.strip():
        raise ConfigurationError("--revision: is empty; is the variable set that it was to come from?")
    try:
        environments = load(
            file,
            config.getoption("--env") or ["preview"],
            overrides={key: config.getoption(f"--{key}") for key in ("posts", "burst", "source")},
        )
    except Exception:  # for whoever words it
        redact.add(secrets_of_broken(file, os.environ))
        raise
    if not config.getoption("--read-only") and not config.getoption("--allow-many"):
        demand_few(environments, file)
    if not config.getoption("--read-only"):
        demand_descriptors(environments)
    for environment in environments:
        if revision is not None and environment.ready.revision is None:
            raise ConfigurationError(
                f"environments.{environment.name}.ready.revision: --revision needs to know the field of the ready "
                f"page's JSON that names the revision, such as {{path: /healthz, revision: commit}}."
            )
    learn(redact, environments, file, os.environ)
    return Gate(run, environments, folder, revision, read_only=config.getoption("--read-only"), redact=redact)


def _judging_gate(config: pytest.Config, run: str, folder: Path) -> Gate:
    from harness.configuration.models import Environment
    from harness.history.reading import UnreadableHistory, begun

    files = [config.invocation_params.dir / file for file in config.getoption("--judge")]
    try:
        urls = {name: of["url"] for file in files for name, of in begun(file)[1].items()}
        gate = Gate(
            run,
            [Environment(name=name, url=url, database=None) for name, url in urls.items()],
            folder,
            redact=config.stash[_REDACT],
        )
        gate.judge(files)
    except UnreadableHistory as error:
        raise ConfigurationError(str(error)) from None
    if config.getoption("--soaked"):
        from harness.run.soak_result import read_soak_result

        gate.soaked = read_soak_result(config.invocation_params.dir / config.getoption("--soaked"))
        gate.run = gate.soaked.run
    return gate


def _names(config: pytest.Config) -> list[str]:
    gate = config.stash.get(_GATE, None)
    if gate is not None:
        return [environment.name for environment in gate.environments]
    return list(dict.fromkeys(config.getoption("--env") or ["preview"]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each check runs once for each environment."""
    if "environment" in metafunc.fixturenames:
        metafunc.parametrize("environment", _names(metafunc.config))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Keep what pytest says of a path that it cannot collect, for the verdict."""
    try:
        return (yield)
    except pytest.UsageError as error:
        session.config.stash[_MISTAKE] = "; ".join(str(said) for said in error.args)
        raise


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave preflight checks out of a run that does not ask for them: they are claims about another moment.

    They are asked for by `-m` or `-k` with the word in it, or by the path of one.
    """
    if collection_path.parent != CHECKS or kind_of(collection_path) != "preflight":
        return None
    asked = f"{getattr(config.option, 'markexpr', '')} {getattr(config.option, 'keyword', '')}"
    return None if "preflight" in asked or collection_path in _named(config) else True


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what `-m preflight` selects: by its file, since a check imports nothing but what judges."""
    if item.path.parent == CHECKS and kind_of(item.path) == "preflight":
        item.add_marker("preflight")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None] | pytest.CollectReport:
    """Say that a file cannot be collected, where `--tb=no` would leave it out: the run ends without asking anything."""
    report: pytest.CollectReport = yield  # type: ignore[misc, assignment]  # pluggy's wrappers are not typed
    if report.failed and collector.config.stash.get(_GATE, None) is not None:
        *_, why = ["", *printable_lines(str(report.longrepr)).strip().splitlines()]
        said = f"{collector.nodeid} cannot be collected: {why.removeprefix('E').strip()}"
        collector.config.stash[_MISTAKE] = said
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order checks as a person would ask: does it answer, what do POSTs say, what does the database say.

    Source comes last: reading it takes this process's time, which POSTs at the same moment would be measured with.

    With `-x` it is then the cause that a run stops at, and not what could not be told because of it.
    """
    if config.stash.get(_GATE, None) is not None:
        items.sort(key=lambda item: _needs(item).value)


def _needs(item: pytest.Item) -> Need:
    needs = Need(0)
    for name in getattr(item, "fixturenames", ()):
        needs |= _NEEDS.get(name, Need(0))
    return needs


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep what the run was narrowed to leave out; refuse to mix checks with tests of the harness."""
    gate = session.config.stash.get(_GATE, None)
    if gate is None:
        return
    if any(CHECKS not in item.path.parents for item in session.items):
        raise _mistake(session.config, "checks and tests cannot be run together: name checks or tests")
    selected = {check_id(item) for item in session.items}
    kinds = {kind_of(item.path) for item in session.items}
    gate.kind = kinds.pop() if len(kinds) == 1 else "deployment"
    gate.left_out = [check for check in checks_beside(CHECKS, gate.kind) if check not in selected]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """From here on the terminal is there to be masked."""
    redact = session.config.stash.get(_REDACT, None)
    if redact is not None:
        mask_terminal(session.config, redact)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Begin to examine all environments at once, for as much as the selected checks need.

    Where there are several, their checks are asked as each of them is known; else pytest's own loop does it.
    """
    gate = session.config.stash.get(_GATE, None)
    if gate is None or not session.items or session.config.getoption("--judge"):
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        return None  # pytest ends the run here: nothing must have been sent
    if gate.interrupts:  # before anything was sent
        raise KeyboardInterrupt
    needs = Need(0)
    for item in session.items:
        needs |= _needs(item)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.isatty and session.config.get_verbosity() >= 0:
        gate.tell = lambda line: _say(session.config, line)
    try:
        gate.start(needs)
    except StillWritten:
        raise _mistake(session.config, _in_use(gate.report_dir)) from None
    except OSError as error:
        said = f"the history in {gate.report_dir} cannot be written: {error.strerror}"
        raise _mistake(session.config, said) from None
    if len(gate.environments) == 1:
        return None
    from harness.pytest_plugin.schedule import run_in_turns  # one environment takes no turns

    loud = session.config.get_verbosity() >= 0
    run_in_turns(session, gate, _comes_last, lambda line: _say(session.config, line) if loud else None)
    return True


def _comes_last(item: pytest.Item) -> bool:
    """Whether a check waits for all environments: to compare them, or to leave them this process's time."""
    return Need.SOURCE in _needs(item) or "other_histories" in getattr(item, "fixturenames", ())


def _in_use(folder: Path) -> str:
    return f"the report folder {folder} belongs to a run that is still going on; name another with --report-dir"


def _mistake(config: pytest.Config, said: str) -> pytest.UsageError:
    config.stash[_MISTAKE] = said
    return pytest.UsageError(said)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Begin no further check when the run is to end."""
    gate = item.config.stash.get(_GATE, None)
    if gate is not None and gate.interrupts:
        raise KeyboardInterrupt


# --- what checks are handed -------------------------------------------------------------------------------------------


@pytest.fixture
def examination(environment: str, request: pytest.FixtureRequest) -> Examination:
    """What is known of the environment; waits for it."""
    return request.config.stash[_GATE].examination(environment)


def _had(part: Any) -> Any:
    if isinstance(part, (CouldNotTell, NotCovered)):
        raise part
    return part


@pytest.fixture
def readiness(examination: Examination) -> Readiness:
    """How the deployment became ready."""
    ready: Readiness = _had(examination.readiness)
    return ready


@pytest.fixture
def served_revisions(examination: Examination) -> tuple[ServedRevision, ...]:
    """What several fresh connections said after the POSTs that they serve."""
    return examination.served_revisions


@pytest.fixture
def revision(request: pytest.FixtureRequest) -> str | None:
    """The revision of `--revision`."""
    value: str | None = request.config.getoption("--revision")
    return value


@pytest.fixture
def history(examination: Examination) -> History:
    """All POSTs of the run on this environment."""
    sent: History = _had(examination.history)
    return sent


@pytest.fixture
def latency_p95_ms(examination: Examination) -> float | None:
    """The environment's latency budget, None where it has none."""
    return examination.environment.latency_p95_ms


@pytest.fixture
def acknowledged(examination: Examination) -> History | None:
    """The history where POSTs were sent; None in a run that sends none."""
    return None if isinstance(examination.history, (CouldNotTell, NotCovered)) else examination.history


@pytest.fixture
def other_histories(environment: str, request: pytest.FixtureRequest) -> list[History]:
    """The POSTs of the run on the other environments."""
    return request.config.stash[_GATE].other_histories(environment)


@pytest.fixture
def labels(examination: Examination, history: History) -> dict[str, list[str]]:
    """For each POST's name, what its row's label column may hold."""
    return {a.name: examination.environment.labels_for(a.name) for a in history.sent}


@pytest.fixture
def facts(examination: Examination) -> TableFacts:
    """What the catalog says about the table."""
    return examination.of_its_table(examination.facts)


@pytest.fixture
def rows(examination: Examination) -> tuple[Row, ...]:
    """The stored rows of this run."""
    found: tuple[Row, ...] = _had(examination.rows)
    return found


@pytest.fixture
def rows_if_any(examination: Examination) -> tuple[Row, ...]:
    """The stored rows of this run; none where they could not be read."""
    found = examination.rows
    return () if isinstance(found, (CouldNotTell, NotCovered)) else found


@pytest.fixture
def sequence(examination: Examination) -> SequenceState | None:
    """Where the id sequence stands; None where there is none to read."""
    return examination.of_its_table(examination.sequence)


@pytest.fixture
def stored(examination: Examination) -> StoredTokens:
    """The scan of all stored tokens."""
    return examination.of_its_table(examination.stored)


@pytest.fixture
def default_evaluation(examination: Examination) -> DefaultEvaluation | None:
    """What the column's default makes; None where it could not be evaluated."""
    return (
        None
        if isinstance(examination.default_evaluation, (CouldNotTell, NotCovered))
        else examination.default_evaluation
    )


@pytest.fixture
def observed_inserts(examination: Examination) -> ObservedInserts:
    """The INSERTs that Postgres showed during the POSTs."""
    return examination.of_its_table(examination.observed_inserts)


@pytest.fixture
def checkout(environment: str, request: pytest.FixtureRequest) -> Checkout:
    """The files of the app's source."""
    return request.config.stash[_GATE].checkout(environment)


@pytest.fixture
def token_in_source(environment: str, checkout: Checkout, request: pytest.FixtureRequest) -> TokenInSource:
    """What migrations and schema files of the app's source say of the token column."""
    from harness.source.migrations.reading import read_token  # most runs read no source

    table = next(e.table for e in request.config.stash[_GATE].environments if e.name == environment)
    return read_token(checkout, table.name, table.token)


@pytest.fixture
def lock_holders(examination: Examination) -> LockHolders:
    """The transactions that hold a lock on the table."""
    held: LockHolders = _had(examination.lock_holders)
    return held


@pytest.fixture
def preflight(examination: Examination) -> Preflight:
    """What the migration would meet in the database."""
    known: Preflight = _had(examination.preflight)
    return known


@pytest.fixture
def analysis(environment: str, request: pytest.FixtureRequest) -> Analysis:
    """What the app's source says of the token."""
    return request.config.stash[_GATE].analysis(environment)


# --- what becomes of outcomes -----------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None] | pytest.TestReport:
    """Sort an outcome: FAILED is asked and wrong, ERROR is could not tell, SKIPPED is not covered."""
    gate = item.config.stash.get(_GATE, None)
    if gate is not None:
        shorten_traceback(item, call)
    report: pytest.TestReport = yield  # type: ignore[misc, assignment]  # pluggy's wrappers are not typed
    if gate is None:
        return report
    result = sort_outcome(item, call, report)
    mask_report(report, gate.redact)
    if result is not None:
        gate.record(result)
    return report


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Clean up, conclude, write the reports, and set the exit code of the contract, whatever other plugins do."""
    gate = session.config.stash.get(_GATE, None)
    if gate is None:
        return (yield)
    try:
        yield
    except OSError as error:  # a report of pytest's own, such as junit.xml, has no room
        _say(session.config, f"a report of pytest cannot be written: {error.strerror}")
    finally:
        session.exitstatus = ExitCode.INTERNAL_ERROR  # whatever becomes of it, it is no roll-back
        try:
            _conclude(session, gate, exitstatus)
        except Exception as error:
            said = printable(f"{type(error).__name__}: {error}")
            _say(session.config, f"the harness itself failed at its end: {said}; then {BY_HAND}")


def _why_early(config: pytest.Config, exitstatus: int) -> str:
    """Why a run ended before it could ask all that was selected; "" where it did not."""
    gate = config.stash[_GATE]
    said = gate.soaked.error if gate.soaked is not None else gate.incomplete
    return config.stash.get(_MISTAKE, "") or _ENDED_EARLY.get(exitstatus, "") or said


def _conclude(session: pytest.Session, gate: Gate, exitstatus: int) -> None:
    if gate.soaked is not None and gate.soaked.interrupted and exitstatus in (ExitCode.RELEASE, ExitCode.ROLL_BACK):
        exitstatus = ExitCode.INTERRUPTED
    ran = {(result.id, result.environment) for result in gate.results}
    missed = {check_id(item) for item in session.items if (check_id(item), environment_of(item)) not in ran}
    gate.left_out += sorted(missed)
    # Environments are judged as they are known; reports name their claims in one order.
    place = {(check_id(item), environment_of(item)): number for number, item in enumerate(session.items)}
    gate.results.sort(key=lambda result: place.get((result.id, result.environment), len(place)))
    error = _why_early(session.config, exitstatus)
    stopped = any(result.outcome in ("fail", "unknown") for result in gate.results)  # by -x, which says why itself
    if not error and missed and not stopped and exitstatus in (ExitCode.RELEASE, ExitCode.ROLL_BACK):
        error = f"{len(missed)} of the selected checks were not asked: the run was ended, or a plugin left them out"
    try:
        verdict = gate.conclude(int(exitstatus), error=error)
    except KeyboardInterrupt:  # a second signal: whoever is there wants to leave now
        error = _ENDED_EARLY[ExitCode.INTERRUPTED]
        verdict = gate.conclude(ExitCode.INTERRUPTED, error=error, clean=False)
    except Exception as error:  # our own mistake must neither look like a verdict nor hide what may be left behind
        said = f"the harness itself failed while it concluded: {type(error).__name__}: {error}"
        verdict = gate.conclude(ExitCode.INTERNAL_ERROR, error=said, clean=False)
    gate.concluded = True
    remembered = gate.report_dir.parent / FILE
    # A history that is judged again is no other run, and a preflight is none of the deployment.
    if not session.config.getoption("--judge") and gate.kind == "deployment":
        try:
            verdict = remember(verdict, remembered)
        except Exception as error:  # whatever memory fails of, the verdict stands
            said = str(error) if isinstance(error, NoTrend) else f"{type(error).__name__}: {error}"
            _say(session.config, f"this run is not remembered: {printable(said)}")
    session.config.stash[_VERDICT] = verdict
    session.exitstatus = verdict.exit_code
    _write_reports(session.config, gate, verdict, remembered)


def _write_reports(config: pytest.Config, gate: Gate, verdict: Verdict, remembered: Path) -> None:
    try:
        write(verdict, gate.report_dir, lambda: gate.evidence(remembered), gate.redact)
        own = gate.report_dir / "junit.xml"
        elsewhere = Path(getattr(config.option, "xmlpath", None) or own)
        if elsewhere.resolve() != own.resolve() and elsewhere.exists():
            shutil.copyfile(elsewhere, own)
        if own.exists():
            own.chmod(0o600)
    except OSError as error:
        _say(config, f"the reports in {gate.report_dir} cannot be written: {error.strerror}")


def _say(config: pytest.Config, text: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is not None:
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(text)


_COLOURS: dict[str, dict[str, bool]] = {
    "pass": {"green": True},
    "fail": {"red": True},
    "unknown": {"yellow": True},
    "heading": {"bold": True},
}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was concluded, claim by claim, with the verdict last."""
    verdict = config.stash.get(_VERDICT, None)
    if verdict is None:
        return
    terminalreporter.section("chatbots smoke")
    for text, mood in lines(verdict):
        terminalreporter.write_line(text, **_COLOURS.get(mood, {}))
    set_aside = config.stash.get(_SET_ASIDE, None)
    if set_aside is not None:
        command = f"python -m harness cleanup {as_typed(set_aside)}"
        terminalreporter.write_line(f"an earlier run here ended without a verdict; what it may have left: {command}")
    terminalreporter.write_line(f"reports: {as_typed(config.stash[_GATE].report_dir)}")
    _annotate(verdict, terminalreporter.write_line)


def _annotate(verdict: Verdict, say: Callable[[str], None]) -> None:
    """Where a runner of GitHub Actions reads what is printed, let it annotate the job."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from harness.report.github import commands

        for line in commands(verdict):
            say(line)
