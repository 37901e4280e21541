"""Keeps one throwaway Postgres, or one program that stands beside it, and ends it when its owner is gone.

Run as a script, in a session of its own, so that a Ctrl-C meant for the owner does not reach it. The owner holds the
other end of standard input: however the owner ends (return, signal, SIGKILL), the kernel closes that pipe, and the
guard stops what it started and removes the directory. Nothing here depends on the owner doing anything in time.

In: one line of JSON, an `Order`. Out: one line of JSON, `{"directory": ..}` or `{"error": ..}`. After that, every empty
line in makes Postgres a standby that follows nobody, and is answered in the same way.
Only the standard library is imported: it runs under `python -I -S` and is up within 30 ms.
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
import tempfile
import time
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
    for base in (*folders_in_memory(order), Path(tempfile.gettempdir()).resolve()):
        longest = len(os.fsencode(base / "rehearsal-12345678" / SOCKET_NAME))
        if longest <= SOCKET_PATH_LIMIT_BYTES and (order["uid"] is None or others_may_pass(base)):
            return base
    return Path("/tmp").resolve()


def folders_in_memory(order: Order) -> list[Path]:
    """Linux's /dev/shm, unless TMPDIR asks for another place, or it is small (64 MB in a container), or programs that
    were copied there could not be run.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return []
    state = os.statvfs(memory)
    too_small = state.f_bavail * state.f_frsize < ROOM_BYTES
    cannot_run = order["copy"] and bool(state.f_flag & os.ST_NOEXEC)
    return [] if too_small or cannot_run else [memory]


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

    def spawn(self, arguments: list[str], log: Path, listener: socket.socket | None = None) -> subprocess.Popen[bytes]:
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
            )

    def start(self) -> dict[str, str]:
        """Starts what was ordered and returns what the owner has to know of it. Raises CannotStart."""
        if self.order["uid"] is not None and self.order["gid"] is not None:
            os.chown(self.directory, self.order["uid"], self.order["gid"])
        if self.order["program"] is not None:
            return {"directory": str(self.directory), "port": self.start_program(self.order["program"])}
        self.start_postgres()
        return {"directory": str(self.directory)}

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
        self.make_cluster(binaries, data, log)
        (data / "pg_hba.conf").write_text(self.order["pg_hba"])
        settings = [f"unix_socket_directories={self.directory}", *self.order["settings"]]
        arguments = [str(binaries / "postgres"), "-D", str(data)]
        self.command = [*arguments, *(word for setting in settings for word in ("-c", setting))]
        self.server = self.spawn(self.command, log)
        self.wait_until_ready(data / "postmaster.pid", log)

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
        self.server = self.spawn(self.command, self.directory / "log")
        self.wait_until_ready(self.directory / "data" / "postmaster.pid", self.directory / "log")

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

    def stop(self) -> None:
        """Ends the server at once (an immediate shutdown: its data is of no use) and removes the directory."""
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM if self.order["program"] else signal.SIGQUIT)
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
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


def owner_is_gone(wait_s: float | None) -> bool:
    """True once the owner's end of standard input is closed; waits at most that long for it (None: for ever)."""
    readable, _, _ = select.select([0], [], [], wait_s)
    return bool(readable) and os.read(0, 1) == b""


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
        while not owner_is_gone(wait_s=None):
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
