"""Where the CPU of a soak's POSTs goes, and what 16 cores would do

Soaks by 2 and by 4 workers, to a server that answers at once and stores nothing. What a POST costs is a soak of many
less a soak of few, each process by itself, in user code and in the kernel. py-spy then looks `RATE` times a second
which function holds the GIL: its share of those looks is its share of the user code. The model of 16 cores has nothing
in it but what was measured here.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.installed import ROOT, LeftOut, virtual
from bench.measuring import Command, Failed, run
from bench.results import table
from bench.servers import create_route
from bench.soak import USERS, line_of_soak, notes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WORKERS = (2, 4)
FEW, MANY = 2_000, 32_000  # POSTs
RATE = 250
CORES = 16
WRITERS = (1, 2, 4, 8, 16)
WRITES_S = 0.6
LINE = b"x" * 200 + b"\n"
# A look counts for the group of the innermost frame that is in one; what Python's own library does, for its caller.
GROUPS: dict[str, tuple[str, ...]] = {
    "names and outcomes on disk: JSON, write, the thread that syncs": (
        "harness/history/",
        "harness/soak/journal.py",
        "gevent/threadpool.py",
        "gevent/_threading.py",
    ),
    "HTTP: geventhttpclient, its agent, bounds, cookies": (
        "geventhttpclient/",
        "locust/contrib/fasthttp.py",
        "harness/soak/posting.py",
    ),
    "sockets": ("gevent/_socket", "gevent/socket", "gevent/select", "gevent/ssl"),
    "headers of the request, judging of the answer, masking": ("harness/",),
    "locust: users, waiting, statistics, its messages": ("locust/", "zmq/", "msgpack/"),
    "gevent: the loop, switches, time-outs": ("gevent/",),
}
OTHER = "all else"
_STARTING = ("_find_and_load", "harness/configuration/loading.py")
_ENGINE = "harness.soak.engine"
Shares = dict[str, float]


@dataclass(slots=True)
class Cpu:
    """Seconds of CPU, in user code and in the kernel, and how often it was taken away; or us and times a POST."""

    user: float = 0.0
    system: float = 0.0
    forced: float = 0.0

    @property
    def all(self) -> float:
        """Both."""
        return self.user + self.system

    def less(self, other: Cpu) -> Cpu:
        """For each POST, of a soak of `MANY` less one of `FEW`."""
        posts = MANY - FEW
        user, system = 1e6 * (self.user - other.user) / posts, 1e6 * (self.system - other.system) / posts
        return Cpu(user, system, (self.forced - other.forced) / posts)


@dataclass(slots=True)
class Soaked:
    """A soak: POSTs a second, names and milliseconds an fsync, and CPU of all workers, the master and the server."""

    rate: float
    names: float
    sync_ms: float
    workers: Cpu
    master: Cpu
    server: Cpu

    @property
    def all(self) -> float:
        """CPU of all of them."""
        return self.workers.all + self.master.all + self.server.all


@dataclass(slots=True)
class _Watched:
    """CPU of the processes of an engine, by when they began: the master is the first."""

    cpu: dict[tuple[float, int], Cpu] = field(default_factory=dict)
    enough: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look until it is enough."""
        own = psutil.Process()
        while not self.enough.wait(0.05):
            for process in own.children(recursive=True):
                with suppress(psutil.Error):
                    if _ENGINE in process.cmdline():
                        self.cpu[process.create_time(), process.pid] = _cpu(process)


def _cpu(process: psutil.Process) -> Cpu:
    used = process.cpu_times()
    return Cpu(used.user, used.system, process.num_ctx_switches().involuntary)


def measure(rounds: int) -> str:
    """All tables, as Markdown; each soak is run once, whatever `rounds` says."""
    spent: dict[int, Soaked] = {}
    shares: dict[int, dict[str, Shares]] = {}
    with create_route(0) as (url, pid):
        for workers in WORKERS:
            few, many = (_soak(url, pid, posts, workers) for posts in (FEW, MANY))
            spent[workers] = Soaked(
                *(many.rate, many.names, many.sync_ms),
                *(getattr(many, who).less(getattr(few, who)) for who in ("workers", "master", "server")),
            )
            shares[workers] = _profiled(url, pid, workers)
    disk = {writers: _fsyncs(writers) for writers in WRITERS}
    return "\n\n".join(
        [
            _table(spent),
            why(spent, shares, os.cpu_count() or 1),
            _where(spent, shares, disk),
            _disk(disk),
            model(spent, disk),
        ]
    )


def _soak(url: str, pid: int, posts: int, workers: int, *prefix: str) -> Soaked:
    """Run one, and watch its processes."""
    server = psutil.Process(pid)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        line = line_of_soak(folder, {"url": url, "database": None, "cleanup": "keep"}, posts, workers)
        watched, before = _Watched(), _cpu(server)
        watcher = threading.Thread(target=watched.watch, daemon=True)
        watcher.start()
        try:
            run(f"soak of {posts:,} by {workers}", Command([*prefix, *line], cwd=ROOT, expected=(0, 76)))
        finally:
            watched.enough.set()
            watcher.join()
        after, notes = _cpu(server), notes_of(folder)
    master, *others = (watched.cpu[key] for key in sorted(watched.cpu))
    groups = re.findall(r"fsyncs, ([\d.]+) in each .* in ([\d.]+) ms", notes)
    return Soaked(
        rate=float(re.findall(r"\((\d+) a second\)", notes)[0]),
        names=sum(float(names) for names, _ in groups) / len(groups),
        sync_ms=sum(float(ms) for _, ms in groups) / len(groups),
        workers=Cpu(*(sum(getattr(cpu, of) for cpu in others) for of in ("user", "system", "forced"))),
        master=master,
        server=Cpu(after.user - before.user, after.system - before.system, after.forced - before.forced),
    )


def _table(spent: Mapping[int, Soaked]) -> str:
    head = ("workers", "POSTs a second", "names an fsync", "ms an fsync", "CPU a POST: workers", "master", "server")
    rows = [
        (n, f"{of.rate:.0f}", f"{of.names:.1f}", f"{of.sync_ms:.2f}", *(f"{cpu.all:.0f} us" for cpu in _each(of)))
        for n, of in spent.items()
    ]
    return f"{MANY:,} POSTs, {USERS} at once; server and soak share the cores.\n\n{table(head, rows)}"


def _each(of: Soaked) -> tuple[Cpu, Cpu, Cpu]:
    return of.workers, of.master, of.server


def why(spent: Mapping[int, Soaked], shares: Mapping[int, dict[str, Shares]], cores: int) -> str:
    """Why more workers do not send more where they share the cores."""
    (few, one), (many, other) = spent.items()
    on_disk = [shares[n]["worker"][next(iter(GROUPS))] * of.workers.user for n, of in spent.items()]
    more_us, more_on_disk_us = other.workers.all - one.workers.all, on_disk[1] - on_disk[0]
    busy = [of.rate * of.all / 1e6 for of in spent.values()]
    rest_us, room = more_us - more_on_disk_us, cores / busy[0]
    return (
        f"POSTs a second times CPU a POST is how many cores are at work: {busy[0]:.1f} of {cores} with {few} workers, "
        f"{busy[1]:.1f} with {many}. So the cores have room for {room:.2f} x the POSTs of {few} workers, if a POST "
        f"costs as much; with {many} workers it costs {other.all / one.all:.2f} x as much. That is {more_us:.0f} us "
        f"more of the workers: {more_on_disk_us:.0f} us to have names and outcomes on disk, since {other.names:.1f} "
        f"names share an fsync where {one.names:.1f} did, and {rest_us:.0f} us for all else, which is the same code on "
        f"cores that more processes share. A worker had to give up its core {other.workers.forced:.2f} times a POST, "
        f"and {one.workers.forced:.2f} times where there were {few}. The milliseconds of an fsync are until the worker "
        "goes on: meanwhile it has the POSTs of its other users to do."
    )


def _profiled(url: str, pid: int, workers: int) -> dict[str, Shares]:
    """The shares of a soak's processes by role.

    Raises:
        Failed: py-spy cannot be had.
    """
    try:
        spy = str(virtual("bench") / "py-spy")
    except LeftOut as reason:
        raise Failed(str(reason)) from None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stacks"
        how = (
            "--subprocesses",
            "--gil",
            "--nonblocking",
            "--format",
            "raw",
            "--rate",
            str(RATE),
            "--output",
            str(file),
        )
        _soak(url, pid, MANY, workers, spy, "record", *how, "--")
        return shares_of(file.read_text(encoding="utf-8", errors="replace").splitlines())


def shares_of(stacks: Iterable[str]) -> dict[str, Shares]:
    """Of workers and master, the share of each group in the looks at them after their start.

    Args:
        stacks: one a line: its frames, the outermost first, between semicolons, and in how many looks it was seen. The
            first frames name the processes, each the parent of the next.
    """
    looks: dict[str, Counter[str]] = defaultdict(Counter)
    roles: dict[str, str] = {}
    for line in stacks:
        stack, _, number = line.rpartition(" ")
        frames = stack.split(";")
        process = next((frame for frame in reversed(frames) if frame.startswith("process ")), "")
        if _ENGINE not in process or any(word in stack for word in _STARTING):
            continue
        looks[process][_group(frames)] += int(number)
        for role in ("worker", "master"):
            if f"harness/soak/{role}.py" in stack:
                roles.setdefault(process, role)
    found: dict[str, Shares] = {}
    for role in ("worker", "master"):
        counted = sum((looks[process] for process, own in roles.items() if own == role), Counter[str]())
        found[role] = {group: counted[group] / max(counted.total(), 1) for group in (*GROUPS, OTHER)}
    return found


def _group(frames: list[str]) -> str:
    for frame in reversed(frames):
        for group, files in GROUPS.items():
            if any(f"({file}" in frame or f"/{file}" in frame for file in files):
                return group
    return OTHER


def _where(spent: Mapping[int, Soaked], shares: Mapping[int, dict[str, Shares]], disk: Mapping[int, Disk]) -> str:
    """The table of microseconds a POST by group: shares of user code, and the kernel's."""
    rows: list[list[str]] = []
    for group in (*GROUPS, OTHER):
        per_post = (shares[n][role][group] * cpu.user for n, role, cpu in _columns(spent))
        rows.append([group, *(f"{us:.0f} us" for us in per_post)])
    synced = {n: disk[1].cpu_us / of.names for n, of in spent.items()}
    rows.append(
        ["kernel: fsync", *(f"{synced[n]:.0f} us" if role == "worker" else "" for n, role, _ in _columns(spent))]
    )
    rest = (cpu.system - (synced[n] if role == "worker" else 0) for n, role, cpu in _columns(spent))
    rows.append(["kernel: send, receive, poll, threads", *(f"{max(us, 0):.0f} us" for us in rest)])
    rows.append(["all", *(f"{cpu.all:.0f} us" for _, _, cpu in _columns(spent))])
    head = ["CPU a POST", *(f"{'workers' if role == 'worker' else role} of {n}" for n, role, _ in _columns(spent))]
    return table(head, rows)


def _columns(spent: Mapping[int, Soaked]) -> list[tuple[int, str, Cpu]]:
    return [(n, role, cpu) for n, of in spent.items() for role, cpu in (("worker", of.workers), ("master", of.master))]


@dataclass(slots=True)
class Disk:
    """How many fsyncs a second the disk takes of all writers, and what one takes: milliseconds, and us of CPU."""

    rate: float
    each_ms: float
    cpu_us: float


def _fsyncs(writers: int) -> Disk:
    """Threads that each write a line to a file of their own and wait until the disk has it, again and again."""
    counts: list[int] = []

    def write(file: Path) -> None:
        written, until_s = 0, time.monotonic() + WRITES_S
        with file.open("wb", buffering=0) as out:
            while time.monotonic() < until_s:
                out.write(LINE)
                os.fsync(out.fileno())
                written += 1
        counts.append(written)

    with tempfile.TemporaryDirectory() as folder:
        threads = [threading.Thread(target=write, args=(Path(folder) / str(n),)) for n in range(writers)]
        cpu_s, began_s = time.process_time(), time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
    return Disk(sum(counts) / took_s, 1e3 * writers * took_s / sum(counts), 1e6 * cpu_s / sum(counts))


def _disk(disk: Mapping[int, Disk]) -> str:
    head = ("writers at once", "fsyncs a second", "ms each", "CPU each")
    rows = [(n, f"{of.rate:.0f}", f"{of.each_ms:.2f}", f"{of.cpu_us:.0f} us") for n, of in disk.items()]
    return f"What the disk takes, each writer a file of its own:\n\n{table(head, rows)}"


def model(spent: Mapping[int, Soaked], disk: Mapping[int, Disk]) -> str:
    """A table of how many POSTs a second each part would let through on `CORES` cores, and which is the least."""
    workers, of = list(spent.items())[-1]
    writers, fsync = CORES - 1, disk[WRITERS[-1]]
    names = max(1.0, of.names * workers / writers)  # the same share of a worker's users meets in an fsync
    waited_ms = 1.5 * fsync.each_ms + (of.workers.all + of.server.all) / 1e3  # for half of an fsync, and for its own
    limits = {
        f"the CPU of {writers} workers, a core each: {of.workers.all:.0f} us a POST": 1e6 * writers / of.workers.all,
        f"the CPU of the master, one process: {of.master.all:.0f} us a POST": 1e6 / of.master.all,
        f"the disk: {fsync.rate:.0f} fsyncs a second for {WRITERS[-1]} writers, {names:.1f} names in each": (
            fsync.rate * names
        ),
        f"the users: {USERS}, each waits {waited_ms:.1f} ms for the disk, its worker and an answer": (
            1e3 * USERS / waited_ms
        ),
        f"this server, one process: {of.server.all:.0f} us a POST": 1e6 / of.server.all,
    }
    rows = [(what, f"{rate:,.0f}") for what, rate in sorted(limits.items(), key=lambda item: item[1])]
    least = min((what for what in limits if not what.startswith("this server")), key=lambda what: limits[what])
    return (
        f"A machine of {CORES} such cores with such a disk, {writers} workers and {USERS} users, "
        "the deployment elsewhere:\n\n"
        f"{table(('limit', 'POSTs a second'), rows)}\n\n"
        f"So it would send {limits[least]:,.0f} POSTs a second, if the deployment takes them: the limit is "
        f"{least.partition(':')[0]}."
    )
