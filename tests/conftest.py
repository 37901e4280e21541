"""What the tests share: one Postgres, and healthy deployments on it."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from harness.text import mask_before_cutting
from rehearsal.deployment.start import deployed
from rehearsal.servers.postgres import embedded_postgres
from tests.support import gates
from tests.support.browsers import CHROMIUM, MISSING
from tests.support.clusters import share_a_cluster, shared_cluster
from tests.support.folders import keep_folders_in_memory
from tests.support.gates import NAMES
from tests.support.warm import Warm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

HERE = Path(__file__).parent

# Started in the background of a script, a process ignores Ctrl-C, and by nohup it ignores a closed terminal. So would
# every command that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The tests start more than a thousand commands. Without bytecode each of them would compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


# How long an example takes says how busy this machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Files whose tests take longest, the slowest test first. They begin first, so that no worker is left alone with one.
# The one that installs an app from npm is among them, since one worker then does it, and not each.
LONG = (
    "gate/test_killing.py",
    "gate/test_cut_connections.py",
    "gate/test_faults.py",
    "gate/test_readme_path.py",
    "rehearsal/test_catalogue.py",
    "http/test_hostile_properties.py",
    "gate/test_signals.py",
    "project/test_layout.py",
    "project/test_ci_examples.py",
    "gate/test_canaries.py",
    "report/test_ctrf.py",
    "run/test_progress.py",
    "soak/test_soak.py",
    "rehearsal/dry_run/test_command.py",
    "gate/test_command_line.py",
    "project/test_ci_actions.py",
    "report/test_page_in_browser.py",
    "preflight/test_surroundings.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let all workers begin their servers of Postgres with one cluster, and have their folders in memory."""
    share_a_cluster(config)
    keep_folders_in_memory(config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Import a part of the tests first: after a fresh clone each worker then compiles its own part, and not all.

    What is collected stays. Python does not look through it for cycles, now or later.
    """
    gc.disable()
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    if workers:
        worker = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
        for file in sorted(HERE.rglob("test_*.py"))[worker::workers]:
            importlib.import_module(".".join(file.relative_to(session.config.rootpath).with_suffix("").parts))
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the long files out to the workers; `--dist worksteal` gives each an equal part of the list to begin with."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    long: dict[str, list[pytest.Item]] = {name: [] for name in LONG}
    short: list[pytest.Item] = []
    for item in items:
        long.get(item.path.relative_to(HERE).as_posix(), short).append(item)
    dealt: list[pytest.Item] = []
    for worker in range(workers):
        part = (len(items) - len(dealt)) // (workers - worker)
        mine = [item for name in LONG[worker::workers] for item in long[name]]
        taken = max(0, part - len(mine))
        dealt += [*mine, *short[:taken]]
        del short[:taken]
    if workers:
        items[:] = [*dealt, *short]


def pytest_runtest_teardown() -> None:
    """Mask nothing any more: a command that ran in this process has said how, and would mask what later tests show."""
    mask_before_cutting(str)


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """What every server of Postgres here begins with, also one that a command starts."""
    if made := shared_cluster():
        os.environ["INITDB_TEMPLATE"] = str(made)


@pytest.fixture(scope="session")
def postgres(cluster: None) -> Iterator[Postgres]:
    """One throwaway Postgres for the whole test run: the system's with uuid-ossp where there is one."""
    with embedded_postgres() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def forge(cluster: None) -> Iterator[Warm]:
    """What forks the commands of the tests, which then need not import anything first."""
    forge = gates.FORGE = Warm(gates.clean_environment())
    try:
        yield forge
    finally:
        gates.FORGE = None
        forge.close()


@pytest.fixture
def healthy(postgres: Postgres) -> Iterator[Deployment]:
    """A healthy deployment."""
    with deployed(postgres) as deployment:
        yield deployment


@pytest.fixture
def healthy_pair(postgres: Postgres) -> Iterator[list[Deployment]]:
    """Two healthy deployments, called preview and production."""
    with ExitStack() as stack:
        yield [stack.enter_context(deployed(postgres, name=name)) for name in NAMES]


def pytest_report_header() -> str:
    """Say which Postgres the tests use, and what is left out for want of it or of other programs."""
    import rehearsal.deployment.variants  # noqa: F401  # what they leave out is known when they have been read
    from rehearsal.servers.binaries import find_binaries
    from rehearsal.servers.programs import UNAVAILABLE

    binaries = find_binaries()
    without = "" if binaries.has_uuid_ossp else ": nothing is tested with uuid-ossp here"
    counted = "" if binaries.counts_statements else "; nothing is tested with pg_stat_statements here"
    left_out = "".join(f"; {name} is left out, because {reason}" for name, reason in UNAVAILABLE.items())
    unseen = "" if CHROMIUM else f"; no page is looked at in a browser, because {MISSING}"
    unsoaked = "" if find_spec("locust") else "; nothing is soaked, because locust is not installed"
    return f"rehearsal: {binaries}{without}{counted}{left_out}{unseen}{unsoaked}"
