"""Keeps one throwaway Postgres, or one program that stands beside it, and ends it when its owner is gone.

Run as a script, in a session of its own, so that a Ctrl-C meant for the owner does not reach it. The owner holds the
other end of standard input: however the owner ends (return, signal, SIGKILL), the kernel closes that pipe, and the
guard stops what it started and removes the directory. Nothing here depends on the owner doing anything in time.

In: one line of JSON, an `Order`. Out: one line of JSON, `{"directory": ..}` or `{"error": ..}`. After that, every empty
line in makes Postgres a standby that follows nobody, and is answered in the same way.
Only the standard library is imported: it runs under `python -I -S` and is up within 30 ms.

A server that is to run somebody else's definitions is confined (`confinement.py`), and ended when it takes more than
its share of the space that was free: the file `spent` in its directory then says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypedDict

SOCKET_PATH_LIMIT_BYTES = 103  # sun_path holds 108 bytes on Linux, 104 on macOS, both with the final NUL
SOCKET_NAME = ".s.PGSQL.5432"
START_BUDGET_S = 60.0
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
    "--no-instructions",
)
LOOKS_EVERY_S = 0.5  # at the space that a confined server takes
SPENT = "spent"  # the file in the directory that says why a server was ended
ROOM_BYTES = 1 << 30  # a cluster of a dozen databases and 256 MB of WAL takes less than half of it


class Program(TypedDict):
    """A server that is no Postgres: its command and its files, in which @directory@ and @port@ are filled in."""

    command: list[str]
    files: dict[str, str]  # by name, in the directory
    up: str  # the file or Unix socket in the directory that is there once it is up
    inherits_port: bool  # as nginx does, from a variable of its name: no other process can be faster to the port


class Order(TypedDict):
    """What the owner wants."""

    binaries: str  # folder that holds initdb and postgres
    copy: bool  # the user below cannot read it where it is: copy the installation
    uid: int | None  # run Postgres as this user; None: as we are
    gid: int | None
    cluster: str | None  # what initdb has made with INITDB_OPTIONS: copied, which takes a tenth of the time
    settings: list[str]  # name=value
    pg_hba: str
    confined: bool  # runs what others have written
    most_space: float  # of what is free when it begins, which a confined server may take
    program: Program | None  # start this instead of a Postgres


class CannotStart(Exception):
    """It did not come up; the message says which program failed and what it printed."""


def others_may_pass(folder: Path) -> bool:
    """True if every folder on the way allows any user to pass."""
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def base_directory(order: Order) -> Path:
    """Where the directory is made: in memory where there is room, else in the temporary folder.

    Not where a Unix socket's path would be too long, nor where the user who runs Postgres could not reach it.
    """
    in_memory = folder_in_memory(ROOM_BYTES, runs_programs=order["copy"])
    for base in filter(None, (in_memory, Path(tempfile.gettempdir()).resolve())):
        longest = len(os.fsencode(base / "rehearsal-12345678" / SOCKET_NAME))
        if longest <= SOCKET_PATH_LIMIT_BYTES and (order["uid"] is None or others_may_pass(base)):
            return base
    return Path("/tmp").resolve()


def folder_in_memory(room_bytes: int, *, runs_programs: bool) -> Path | None:
    """Linux's /dev/shm, unless TMPDIR asks for another place, or it is small (64 MB in a container), or programs that
    were copied there could not be run.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK) or free_bytes(memory) < room_bytes:
        return None
    return None if runs_programs and os.statvfs(memory).f_flag & os.ST_NOEXEC else memory


def copy_installation(binaries: Path, destination: Path) -> Path:
    """Copies programs, libraries and share files (not headers and static libraries); returns the new bin folder.

    A wheel keeps further libraries in a folder beside its package, which the programs find by a relative path.
    """
    package = binaries.parents[1]
    parts = [binaries.parent, *package.parent.glob(f"{package.name}.libs")]
    for part in parts:
        copied = destination / part.relative_to(package.parent)
        shutil.copytree(part, copied, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    return destination / binaries.relative_to(package.parent)


class Keeper:
    """One server and its directory, from initdb until nothing is left."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.directory = Path(tempfile.mkdtemp(prefix="rehearsal-", dir=base_directory(order)))
        self.server: subprocess.Popen[bytes] | None = None
        self.command: list[str] = []  # what starts Postgres
        self.confinement: dict[str, str] = {}  # what the owner is told of it
        self.restrict: Callable[[], None] | None = None  # to be called in the process that becomes Postgres
        self.free_bytes = free_bytes(self.directory)

    def spawn(
        self,
        arguments: list[str],
        log: Path,
        listener: socket.socket | None = None,
        restrict: Callable[[], None] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Starts a program as the chosen user; its output goes to a file, and of the environment it gets only PATH."""
        inherited = {} if listener is None else {"NGINX": f"{listener.fileno()};"}
        with log.open("ab") as out:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                # TZ spares initdb the comparison of all time zones with the system's
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **inherited},
                pass_fds=[] if listener is None else [listener.fileno()],
                user=self.order["uid"],
                group=self.order["gid"],
                extra_groups=None if self.order["uid"] is None else [],
                preexec_fn=restrict,
            )

    def start(self) -> dict[str, str]:
        """Starts what was ordered and returns what the owner has to know of it. Raises CannotStart."""
        if self.order["uid"] is not None and self.order["gid"] is not None:
            os.chown(self.directory, self.order["uid"], self.order["gid"])
        if self.order["program"] is not None:
            return {"directory": str(self.directory), "port": self.start_program(self.order["program"])}
        self.start_postgres()
        return {"directory": str(self.directory), **self.confinement}

    def start_program(self, program: Program) -> str:
        """Writes its files and starts it; returns its port, if it has one, once it accepts connections."""
        log = self.directory / "log"
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
            port = str(listener.getsockname()[1])

            def filled(text: str) -> str:
                return text.replace("@directory@", str(self.directory)).replace("@port@", port)

            for name, text in program["files"].items():
                (self.directory / name).write_text(filled(text))
            command = [filled(word) for word in program["command"]]
            self.server = self.spawn(command, log, listener if program["inherits_port"] else None)
        give_up = time.monotonic() + START_BUDGET_S
        while not owner_is_gone(wait_s=0.005):
            if self.server.poll() is not None:
                raise CannotStart(f"{command[0]} ended with {self.server.returncode}:\n{tail(log)}")
            if is_up(self.directory / program["up"]):
                return port
            if time.monotonic() > give_up:
                raise CannotStart(f"{command[0]} was not ready within {START_BUDGET_S:.0f} s:\n{tail(log)}")
        return port

    def start_postgres(self) -> None:
        """initdb and postgres; returns as soon as it accepts connections. Raises CannotStart."""
        data, log = self.directory / "data", self.directory / "log"
        binaries = Path(self.order["binaries"])
        if self.order["copy"]:
            binaries = copy_installation(binaries, self.directory / "installation")
        if self.order["confined"]:
            self.confine(binaries)
        self.make_cluster(binaries, data, log)
        (data / "pg_hba.conf").write_text(self.order["pg_hba"])
        settings = [f"unix_socket_directories={self.directory}", *self.order["settings"]]
        arguments = [str(binaries / "postgres"), "-D", str(data)]
        self.command = [*arguments, *(word for setting in settings for word in ("-c", setting))]
        try:
            self.serve()
        except CannotStart:
            if self.restrict is None:
                raise
            self.restrict, self.confinement["files"] = None, ""  # this machine keeps from it what it needs
            self.serve()

    def confine(self, binaries: Path) -> None:
        """Leaves the network, and prepares what leaves only its own files to Postgres, as far as this machine can."""
        sys.path.append(str(Path(__file__).parents[2]))
        from rehearsal.servers import confinement

        network, version = confinement.leave_the_network(), confinement.landlock_version()
        no_tcp = "landlock" if version >= 4 else ""
        self.confinement = {
            "network": "namespace" if network else no_tcp,
            "files": "landlock" if version else "",
        }
        self.restrict = partial(
            confinement.restrict, version, self.directory, binaries.parent, (binaries / "postgres").resolve()
        )

    def serve(self) -> None:
        """Starts Postgres on its data; returns as soon as it accepts connections. Raises CannotStart."""
        log = self.directory / "log"
        try:
            self.server = self.spawn(self.command, log, restrict=self.restrict)
        except subprocess.SubprocessError as error:  # what was to be called in the child failed
            raise CannotStart(str(error)) from None
        self.wait_until_ready(self.directory / "data" / "postmaster.pid", log)

    def make_cluster(self, binaries: Path, data: Path, log: Path) -> None:
        """initdb, or a copy of what it made for somebody before. Raises CannotStart."""
        command = [str(binaries / "initdb"), "-D", str(data), *INITDB_OPTIONS]
        if self.order["cluster"] is not None:
            command = ["cp", "-RPp", self.order["cluster"], str(data)]
        if self.spawn(command, log).wait() != 0:
            raise CannotStart(f"{command[0]} failed:\n{tail(log)}")

    def demote(self) -> None:
        """Starts Postgres again as a standby without a primary: it can be read, and stays in recovery for ever."""
        assert self.server is not None
        self.server.send_signal(signal.SIGINT)  # fast shutdown: the sessions end, and a checkpoint is written
        self.server.wait(START_BUDGET_S)
        (self.directory / "data" / "standby.signal").touch()
        self.serve()

    def wait_until_ready(self, lock_file: Path, log: Path) -> None:
        """Waits for the last line of postmaster.pid to say ready (that is what `pg_ctl -w` waits for)."""
        assert self.server is not None
        give_up = time.monotonic() + START_BUDGET_S
        while not owner_is_gone(wait_s=0.005):
            if self.server.poll() is not None:
                raise CannotStart(f"postgres ended with {self.server.returncode}:\n{tail(log)}")
            with contextlib.suppress(FileNotFoundError):
                if "ready" in lock_file.read_text():
                    return
            if time.monotonic() > give_up:
                raise CannotStart(f"postgres was not ready within {START_BUDGET_S:.0f} s:\n{tail(log)}")

    def look_at_space(self) -> None:
        """Ends a server that has taken more than its share of the space that was free when it began."""
        most = int(self.free_bytes * self.order["most_space"])
        if self.free_bytes - free_bytes(self.directory) <= most or taken_bytes(self.directory) <= most:
            return
        (self.directory / SPENT).write_text(
            f"it took more than {most >> 20:,} MB; {self.free_bytes >> 20:,} MB were free in {self.directory.parent}"
        )
        self.end()
        shutil.rmtree(self.directory / "data", ignore_errors=True)

    def end(self) -> None:
        """Ends the server at once (an immediate shutdown: its data is of no use)."""
        if self.server is None:
            return
        self.server.send_signal(signal.SIGTERM if self.order["program"] else signal.SIGQUIT)
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()

    def stop(self) -> None:
        """Ends the server and removes the directory."""
        self.end()
        # A backend may still be writing its last file: the folder is gone when removing it finds nothing more.
        for _ in range(100):
            shutil.rmtree(self.directory, ignore_errors=True)
            if not self.directory.exists():
                return
            time.sleep(0.05)


def is_up(path: Path) -> bool:
    """True if there is such a file, or a Unix socket on which somebody listens."""
    if not path.is_socket():
        return path.exists()
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log file, or nothing where there is none."""
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return ""


def free_bytes(folder: Path) -> int:
    """What is free where the folder is, to whoever is not root."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def taken_bytes(folder: Path) -> int:
    """What a folder takes, with all that is in it."""
    taken = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it has just been removed
                taken += os.lstat(os.path.join(parent, name)).st_blocks * 512  # noqa: PTH118
    return taken


def owner_is_gone(wait_s: float | None) -> bool:
    """True once the owner's end of standard input is closed; waits at most that long for it (None: for ever)."""
    readable, _, _ = select.select([0], [], [], wait_s)
    return bool(readable) and os.read(0, 1) == b""


def wait_for_owner(keeper: Keeper) -> bool:
    """True once the owner is gone, False when it has sent a line; until then a confined server is looked at."""
    if keeper.order["confined"]:
        while not select.select([0], [], [], LOOKS_EVERY_S)[0]:
            keeper.look_at_space()
    return owner_is_gone(wait_s=None)


def read_order() -> Order | None:
    """The owner's line, or None if it was gone before it had sent one. Unbuffered: `select` must see what is left."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return None
        line += byte
    order: Order = json.loads(line)
    return order


def say(message: dict[str, str]) -> None:
    """One line of JSON to the owner, who may be gone."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


def leave(number: int, frame: FrameType | None) -> None:
    """A signal ends the guard as the end of its owner does."""
    raise SystemExit(128 + number)


def main() -> None:
    """Starts what was ordered, waits for the owner's end, and leaves nothing behind."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)
    order = read_order()
    if order is None:
        return
    keeper = Keeper(order)
    try:
        said = keeper.start()
        say(said)
        while not wait_for_owner(keeper):
            keeper.demote()
            say(said)
    except (CannotStart, OSError, subprocess.TimeoutExpired) as error:
        say({"error": str(error)})
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        keeper.stop()


if __name__ == "__main__":
    main()
