"""A run of checks, as pytest goes through it: its configuration, what is collected, and in which order it is asked.

None of this stirs when pytest runs something else than `checks/`.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from harness import options
from harness.claims import ids_beside, kind_of
from harness.configuration.loading import ConfigurationError
from harness.console import Lasting
from harness.errors import ask_doctor
from harness.history.writing import StillWritten
from harness.invocation import folder_of, runs_checks
from harness.pytest_plugin.command_line import build_gate, refuse_options
from harness.pytest_plugin.conclusion import annotate
from harness.pytest_plugin.evidence import evidence_of, place_of
from harness.pytest_plugin.interrupts import listen_to_signals
from harness.pytest_plugin.masking import keep_files_private, mask_everything, mask_terminal
from harness.pytest_plugin.outcomes import check_id, environment_of
from harness.pytest_plugin.schedule import needed_by, run_in_turns
from harness.pytest_plugin.selection import is_left_out
from harness.pytest_plugin.state import begin_session, gate_of, mistake, session_of
from harness.pytest_plugin.terminal import is_watched, say, turn_down
from harness.redaction.redactor import Redactor
from harness.report.folder import make_folder, point_latest_at
from harness.report.verdict import ExitCode
from harness.report.writing import write
from harness.run.gate import Gate
from harness.run.pytest_process import CHECKS
from harness.run.settings import RunSettings, new_run
from harness.text import mask_before_cutting, printable_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """The options of the contract, where the project is not installed and its plugin has not brought them yet."""
    if not pluginmanager.is_registered(options) and pluginmanager.register(options, options.__name__) is None:
        raise pytest.UsageError(f"-p no:{options.__name__} is refused: the checks need its options")


@pytest.hookimpl(tryfirst=True)  # before pytest's junitxml plugin looks at its option
def pytest_configure(config: pytest.Config) -> None:
    """Read the configuration of a gate run. Whatever is wrong with it ends the run here, before anything is sent."""
    if not runs_checks(config):
        return
    gc.set_threshold(50_000)  # objects, before Python looks for cycles among them: a run leaves few
    config.add_cleanup(gc.freeze)  # the process ends then: nobody needs the cycles that Python would look for
    keep_files_private(config)
    log = sys.stdout = Lasting(sys.stdout)  # which pytest's terminal plugin takes next
    config.add_cleanup(log.flush)
    redact = Redactor()
    session = begin_session(config, redact)
    turn_down(config)
    mask_before_cutting(redact)
    mask_everything(config, redact)
    run = new_run()
    given = config.getoption("--report-dir")
    folder = config.invocation_params.dir / given if given else folder_of(config) / "reports" / run
    gate = Gate(RunSettings(run, (), folder, redact=redact))
    try:
        session.set_aside = make_folder(folder)
        if not given and not config.getoption("--judge"):
            point_latest_at(folder)
        refuse_options(config)
        gate = build_gate(config, run, folder, redact)
    except StillWritten:
        raise pytest.UsageError(_in_use(folder)) from None
    except OSError as error:
        raise pytest.UsageError(f"the report folder {folder} cannot be made: {error.strerror}") from None
    except ConfigurationError as error:
        asking = f"\n{ask_doctor(config.getoption('--env') or ['preview'])}" if error.mistakes else ""
        said = f"{error}{asking}"
        verdict = gate.conclude(ExitCode.USAGE, error=said)
        with suppress(OSError):
            write(verdict, folder)
        config.stash[options.CONCLUDED] = ExitCode.USAGE
        annotate(verdict, print)
        raise pytest.UsageError(redact(said)) from None
    session.gate = gate
    if not config.getoption("--judge"):
        listen_to_signals(config, gate)  # before other plugins begin: an exception there ends in a traceback
    _choose_reports(config, folder)


def _choose_reports(config: pytest.Config, folder: Path) -> None:
    """Let pytest write its JUnit file into the folder, and leave to the summary what it says better."""
    if getattr(config.option, "xmlpath", "") is None:
        config.option.xmlpath = str(folder / "junit.xml")
    if getattr(config.option, "tbstyle", "no") == "auto":
        config.option.tbstyle = "no"  # the summary says it in words; --tb=long brings tracebacks
    if getattr(config.option, "reportchars", "") == "fE":
        config.option.reportchars = ""


def _in_use(folder: Path) -> str:
    return f"the report folder {folder} belongs to a run that is still going on; name another with --report-dir"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each check runs once for each environment."""
    if "environment" in metafunc.fixturenames:
        gate = gate_of(metafunc.config)
        asked = metafunc.config.getoption("--env") or ["preview"]
        names = [e.name for e in gate.settings.environments] if gate is not None else list(dict.fromkeys(asked))
        metafunc.parametrize("environment", names)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Keep what pytest says of a path that it cannot collect, for the verdict."""
    try:
        return (yield)
    except pytest.UsageError as error:
        if session_of(session.config) is not None:
            mistake(session.config, "; ".join(str(said) for said in error.args))
        raise


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave preflight checks out of a run that does not ask for them: they are claims about another moment."""
    return True if is_left_out(collection_path, config) else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what `-m preflight` selects: by its file, since a check imports nothing but what judges."""
    if item.path.parent == CHECKS and kind_of(item.path) == "preflight":
        item.add_marker("preflight")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None] | pytest.CollectReport:
    """Say that a file cannot be collected, where `--tb=no` would leave it out: the run ends without asking anything."""
    report: pytest.CollectReport = yield  # type: ignore[misc, assignment]  # pluggy's wrappers are not typed
    if report.failed and gate_of(collector.config) is not None:
        *_, why = ["", *printable_lines(str(report.longrepr)).strip().splitlines()]
        mistake(collector.config, f"{collector.nodeid} cannot be collected: {why.removeprefix('E').strip()}")
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order checks as a person would ask: does it answer, what do POSTs say, what does the database say.

    Source comes last: reading it takes this process's time, which POSTs at the same moment would be measured with.

    With `-x` it is then the cause that a run stops at, and not what could not be told because of it.
    """
    if gate_of(config) is not None:
        items.sort(key=lambda item: place_of(evidence_of(item)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep what the run was narrowed to leave out; refuse to mix checks with tests of the harness."""
    gate = gate_of(session.config)
    if gate is None:
        return
    if any(CHECKS not in item.path.parents for item in session.items):
        raise mistake(session.config, "checks and tests cannot be run together: name checks or tests")
    selected = {(check_id(item), environment_of(item)) for item in session.items}
    kinds = {kind_of(item.path) for item in session.items}
    kind = kinds.pop() if len(kinds) == 1 else "deployment"
    gate.outcomes.select(kind, ids_beside(CHECKS, kind), selected, [each.name for each in gate.settings.environments])
    if session.items:
        gate.verify_only({environment for _, environment in selected})


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """From here on the terminal is there to be masked."""
    own = session_of(session.config)
    if own is not None:
        mask_terminal(session.config, own.redact)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Begin to examine all environments at once, for as much as the selected checks need.

    Where there are several, their checks are asked as each of them is known; else pytest's own loop does it.
    """
    gate = gate_of(session.config)
    if gate is None or not session.items or session.config.getoption("--judge"):
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        return None  # pytest ends the run here: nothing must have been sent
    if gate.interrupts.count:  # before anything was sent
        raise KeyboardInterrupt
    tell = partial(say, session.config) if is_watched(session.config) else None
    try:
        gate.start(needed_by(session.items, gate), tell)
    except StillWritten:
        raise mistake(session.config, _in_use(gate.settings.report_dir)) from None
    except OSError as error:
        said = f"the history in {gate.settings.report_dir} cannot be written: {error.strerror}"
        raise mistake(session.config, said) from None
    if len(gate.settings.environments) == 1:
        return None
    run_in_turns(session, gate)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Begin no further check when the run is to end."""
    gate = gate_of(item.config)
    if gate is not None and gate.interrupts.count:
        raise KeyboardInterrupt
