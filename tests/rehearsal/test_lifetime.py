"""However a rehearsal ends, no Postgres, no HTTP server and no directory of it stays behind."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from rehearsal.deployment import variants  # noqa: F401  # what is left out of it is known when it has been read
from rehearsal.servers.programs import UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60  # only bounds a failure
REHEARSAL = [sys.executable, "-m", "rehearsal"]


def until(what: str, condition: Callable[[], bool]) -> None:
    """Waits for a condition; fails with its name when it does not come."""
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, f"never: {what}"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """True while the process exists and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def has_ended(pid: int) -> bool:
    """The opposite."""
    return not is_running(pid)


def is_gone(directory: Path) -> bool:
    """True where there is no such directory any more."""
    return not directory.exists()


def children_of(pid: int) -> dict[int, str]:
    """The processes that a process has started: id to command line."""
    found: dict[int, str] = {}
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found[child.pid] = " ".join(child.cmdline())
    return found


def refuses(url: str) -> bool:
    """True if nobody listens at this URL."""
    address = urlsplit(url)
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection((address.hostname, address.port), 5):
        return False
    return True


class Rehearsal:
    """A rehearsal that stays up, in a process group of its own, as from a shell."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [*REHEARSAL, *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.variables: dict[str, str] = {}
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = self.process.stdout, self.process.stderr
        while len(self.variables) < 4:
            line = self.out.readline()
            assert line, self.err.read()
            [assignment] = shlex.split(line)[-1:]
            name, _, value = assignment.partition("=")
            self.variables[name] = value
        self.directory = Path(str(psycopg.conninfo.conninfo_to_dict(self.variables["POSTGRES_URL"])["host"]))
        self.postmaster = int((self.directory / "data/postmaster.pid").read_text().splitlines()[0])

    def demand_nothing_is_left(self) -> None:
        until("Postgres ended", partial(has_ended, self.postmaster))
        until("the directory is gone", partial(is_gone, self.directory))
        assert refuses(self.variables["PREVIEW_URL"])
        assert refuses(self.variables["PRODUCTION_URL"])


@pytest.fixture
def rehearsal() -> Iterator[Rehearsal]:
    rehearsal = Rehearsal()
    yield rehearsal
    rehearsal.process.kill()
    rehearsal.process.wait()


NAMES = ("PREVIEW_URL", "PREVIEW_POSTGRES_URL", "PRODUCTION_URL", "POSTGRES_URL")
PRINT = f"import os\nfor name in {NAMES}: print(f'export {{name}}={{os.environ[name]}}', flush=True)\n"


def command(then: str) -> list[str]:
    """A command that prints the four variables and does something more."""
    return ["--", sys.executable, "-c", PRINT + then]


def test_it_is_up(rehearsal: Rehearsal) -> None:
    """What is printed is true: four different addresses, and all of them answer."""
    assert len(set(rehearsal.variables.values())) == 4
    assert set(rehearsal.variables) == set(NAMES)
    assert is_running(rehearsal.postmaster)
    assert not refuses(rehearsal.variables["PREVIEW_URL"])
    for name in ("PREVIEW_POSTGRES_URL", "POSTGRES_URL"):
        with psycopg.connect(rehearsal.variables[name]) as connection:
            assert connection.execute("select count(*) from chatbots").fetchone() == (50,)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9), (signal.SIGHUP, -1)]
)
def test_a_signal_to_the_group_leaves_nothing(rehearsal: Rehearsal, number: signal.Signals, code: int) -> None:
    """Ctrl-C, SIGTERM, SIGKILL and a closed terminal: nothing is left, and the exit code says what happened."""
    os.killpg(rehearsal.process.pid, number)
    assert rehearsal.process.wait(PATIENCE_S) == code
    rehearsal.demand_nothing_is_left()


BESIDE = """
import sys, time
from rehearsal.deployment.start import deployed
from rehearsal.servers.postgres import embedded_postgres
with embedded_postgres() as server, deployed(server, **{sys.argv[1]: sys.argv[2]}):
    print("up", flush=True)
    time.sleep(600)
"""


def descendants_of(pid: int) -> dict[int, str]:
    """The processes that a process has started, directly or not: id to command line."""
    found = children_of(pid)
    for child in list(found):
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= descendants_of(child)
    return found


@pytest.mark.parametrize(
    ("kind", "name", "program"),
    [
        ("fault", "reads_from_a_stale_replica", "postgres"),
        ("variant", "behind_nginx", "nginx"),
        ("variant", "behind_pgbouncer", "pgbouncer"),
    ],
)
def test_what_stands_beside_a_deployment_ends_with_it(kind: str, name: str, program: str) -> None:
    """SIGKILL of whoever started a standby, an nginx or a pgbouncer leaves none of their processes and directories."""
    if name in UNAVAILABLE:
        pytest.skip(UNAVAILABLE[name])
    with subprocess.Popen([sys.executable, "-c", BESIDE, kind, name], cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            started = descendants_of(process.pid)
        finally:
            process.kill()
    directories = set(re.findall(r"/\S*/rehearsal-\w{8}", " ".join(started.values())))
    assert len(directories) == 2
    assert sum("guard.py" in line for line in started.values()) == 2
    assert any(program in line and "guard.py" not in line for line in started.values())
    for pid, line in started.items():
        until(f"it ended: {line}", partial(has_ended, pid))
    for directory in directories:
        until(f"it is gone: {directory}", partial(is_gone, Path(directory)))


def test_a_kill_of_the_parent_alone_leaves_nothing() -> None:
    """SIGKILL of the rehearsal while a command runs ends Postgres and both servers."""
    rehearsal = Rehearsal(*command("import time; time.sleep(600)"))
    children = children_of(rehearsal.process.pid)
    rehearsal.process.kill()
    rehearsal.process.wait()
    try:
        rehearsal.demand_nothing_is_left()
    finally:
        for pid, line in children.items():
            if "time.sleep" in line:  # the command, which nobody has ended
                os.kill(pid, signal.SIGKILL)


def test_a_kill_while_it_starts_leaves_nothing() -> None:
    """SIGKILL before Postgres is up leaves no directory."""
    process = subprocess.Popen(
        [*REHEARSAL], cwd=ROOT, env={**os.environ, "TMPDIR": "/tmp"}, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        until("it has a guard", lambda: any("guard.py" in line for line in children_of(process.pid).values()))
        guard = next(pid for pid, line in children_of(process.pid).items() if "guard.py" in line)
    finally:
        process.kill()
        process.wait()
    until("the guard ended", partial(has_ended, guard))
    assert process.stdout is not None
    assert process.stdout.read() == b""


def test_ctrl_c_goes_to_the_command_first() -> None:
    """A command that handles Ctrl-C finishes in its own time, with its deployments still up, and sets the exit code."""
    then = (
        "import signal, sys, time, urllib.request\n"
        "def ended(*_):\n"
        "    time.sleep(0.3)\n"
        "    urllib.request.urlopen(os.environ['PREVIEW_URL'])\n"
        "    sys.exit(17)\n"
        "signal.signal(signal.SIGINT, ended)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    rehearsal = Rehearsal(*command(then))
    assert rehearsal.out.readline() == "ready\n"
    os.killpg(rehearsal.process.pid, signal.SIGINT)
    assert rehearsal.process.wait(PATIENCE_S) == 17
    rehearsal.demand_nothing_is_left()


def test_sigterm_is_passed_on_to_the_command() -> None:
    """A SIGTERM to the rehearsal alone ends its command too, and everything with it."""
    rehearsal = Rehearsal(*command("import time; time.sleep(600)"))
    rehearsal.process.terminate()
    assert rehearsal.process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    rehearsal.demand_nothing_is_left()


@pytest.mark.parametrize("code", [0, 1, 75, 76])
def test_the_exit_code_is_the_commands(code: int) -> None:
    """The rehearsal exits with what its command exited with, and names its Postgres in one line."""
    run = [*REHEARSAL, "--", sys.executable, "-c", f"raise SystemExit({code})"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code
    assert re.fullmatch(r"rehearsal: (system|packaged) PostgreSQL \d+\.\d+ (with|without) uuid-ossp\n", done.stderr), (
        done.stderr
    )


def test_a_command_that_does_not_exist_is_one_line() -> None:
    """No traceback for a command that cannot be run, and 127 as from a shell."""
    done = subprocess.run([*REHEARSAL, "--", "no-such-command"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 127
    assert "cannot run no-such-command" in done.stderr
    assert "Traceback" not in done.stderr
