"""`python -m harness soak`: waits until it may send, starts master and workers, cleans up, and has it all judged."""

from __future__ import annotations

import os
import queue
import secrets
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.afterwards import clean_after, place_of
from harness.cleanup import CleanUp, left_as_it_is
from harness.client import Client
from harness.configuration import ConfigurationError
from harness.examination import demand_clean_up
from harness.findings import CouldNotTell, mask_before_cutting
from harness.gate import Gate, new_run
from harness.judging import print_verdict
from harness.ledger import StillWritten
from harness.progress import Doing
from harness.readiness import wait_until_ready
from harness.recorded import UnreadableHistory, read
from harness.report import as_typed, make_folder, point_latest_at, write
from harness.signals import on_each_signal
from harness.soak.asked import asked, demand_locust, redactor_of
from harness.soak.conclusion import Soaked, bounded, judged
from harness.soak.processes import Child, Event, start
from harness.summary import lines
from harness.verdict import CheckResult, ExitCode, LeftBehind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from harness.environments import Environment, Soak
    from harness.redaction import Redactor

CONNECT_S = 60.0  # for the processes of this machine to find each other
_GRACE_S = 25.0  # beyond the time-out of a POST, for all of them to end
_OWN = "127.0.0.1"
_TELLS_EVERY_S = 2.0  # on a terminal
_LOGS_EVERY_S = 10.0  # in a log


@dataclass(slots=True)
class Soaking:
    """One soak as the process that a user started sees it. `interrupts` counts the signals to end."""

    run: str
    environment: Environment
    soak: Soak
    folder: Path
    file: Path
    redact: Redactor
    interrupts: int = 0
    hurry: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    said: queue.Queue[Event] = field(default_factory=queue.Queue)
    children: list[Child] = field(default_factory=list)
    ended: dict[str, Any] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    judging: bool = False

    @property
    def histories(self) -> list[Path]:
        """What workers of this machine wrote."""
        return sorted(self.folder.glob("worker-*.jsonl"))

    def tell(self, line: str) -> None:
        """A line about what is under way, for whoever watches."""
        print(f"{self.environment.name}: {self.redact(line)}", file=sys.stderr, flush=True)


def soak(options: argparse.Namespace, root: Path) -> int:
    """Carry out the command; returns its exit code, of the same table as the gate's.

    Raises:
        ConfigurationError: it cannot begin so; nothing was sent.
    """
    demand_locust()
    os.umask(0o077)  # of the processes that it starts too: whatever they write is its owner's only
    file = Path(options.environments).resolve()
    environment, bound = asked(file, options.env, allow_many=options.allow_many)
    redact = options.redact = redactor_of(file, environment)
    mask_before_cutting(redact)
    run = new_run()
    folder = Path(options.report_dir).resolve() if options.report_dir else root / "reports" / run
    try:
        make_folder(folder)
    except StillWritten:
        raise ConfigurationError(f"the report folder {folder} belongs to a run that is still going on") from None
    except OSError as error:
        raise ConfigurationError(f"the report folder {folder} cannot be made: {error.strerror}") from None
    soaking = Soaking(run, environment, bound, folder, file, redact)
    if soaking.histories:
        raise ConfigurationError(
            f"the report folder {folder} holds the histories of an earlier soak: name another with --report-dir, or "
            f"move them once `python -m harness cleanup {as_typed(folder)}/worker-*.jsonl` has nothing left to remove"
        )
    if not options.report_dir:
        point_latest_at(folder)
    _listen(soaking)
    try:
        identity = _may_begin(soaking, options)
        _start(soaking, options, identity)
        _supervise(soaking, options)
    except CouldNotTell as untold:
        soaking.untold.append(f"{untold.cause}; {untold.remedy}")
    finally:
        _end_all(soaking)
    return _conclude(soaking, options)


def _listen(soaking: Soaking) -> None:
    """Count the signals to end: the first lets what is under way be told, the second leaves at once and lists."""

    def interrupt() -> None:
        soaking.interrupts += 1
        soaking.stop.set()
        if soaking.interrupts > 1:
            soaking.hurry.set()
        if soaking.interrupts > 2 and not soaking.judging:
            raise KeyboardInterrupt

    on_each_signal(interrupt)


def _may_begin(soaking: Soaking, options: argparse.Namespace) -> str | None:
    """Wait until it serves, and know that its rows can be removed. A master stores none itself."""
    environment = soaking.environment
    client = Client(environment, soaking.run, soaking.redact, time.monotonic())
    wait_until_ready(client, None, soaking.stop, Doing(said=soaking.tell))
    return None if options.master else demand_clean_up(environment, soaking.stop, certain=True)


def _orders(soaking: Soaking, options: argparse.Namespace, identity: str | None) -> Iterator[dict[str, Any]]:
    """What each process of this machine is to do: the master's order first, where it has one."""
    common = {"environments": str(soaking.file), "environment": soaking.environment.name}
    workers = options.expect_workers if options.master else options.workers
    if not options.worker:
        host, port = _place(options.bind, "--bind") if options.master else (_OWN, 0)
        yield {
            **common,
            "role": "master",
            "run": soaking.run,
            "soak": soaking.soak.model_dump(),
            "workers": workers,
            "timeout_s": soaking.environment.api.timeout_s,
            "host": host,
            "port": port,
        }
    host, port = _place(options.master_host, "--master-host") if options.worker else (_OWN, 0)
    for number in range(1, 1 + (0 if options.master else 1 if options.worker else workers)):
        # Workers of several machines end in one folder, to be judged together.
        own = secrets.token_hex(4) if options.worker else str(number)
        yield {
            **common,
            "role": "worker",
            "history": str(soaking.folder / f"worker-{own}.jsonl"),
            "place": place_of(soaking.environment, soaking.redact),
            "identity": identity,
            "host": host,
            "port": port,
        }


def _place(text: str, option: str) -> tuple[str, int]:
    """HOST or HOST:PORT."""
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "5557")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"{option}: {text!r} is no HOST or HOST:PORT")
    return host.strip("[]"), int(port)


def _start(soaking: Soaking, options: argparse.Namespace, identity: str | None) -> None:
    """Start them; the workers when it is known where the master listens."""
    port = 0
    if options.worker:
        soaking.tell(f"waiting for the master at {options.master_host}, for up to five minutes")
    for order in _orders(soaking, options, identity):
        if soaking.stop.is_set():
            return
        workers = sum(child.name != "master" for child in soaking.children)
        name = "master" if order["role"] == "master" else "worker" if options.worker else f"worker {workers + 1}"
        own = order if order["role"] == "master" or options.worker else {**order, "port": port}
        child = start(name, own, soaking.said, soaking.redact)
        soaking.children.append(child)
        if name == "master":
            port = _listening(soaking)


def _listening(soaking: Soaking) -> int:
    deadline = time.monotonic() + CONNECT_S
    while time.monotonic() < deadline and not soaking.stop.is_set():
        with suppress(queue.Empty):
            _, event = soaking.said.get(timeout=0.1)
            if event["event"] == "listening":
                return int(event["port"])
            if event["event"] in ("untold", "exited"):
                why = event.get("why", "read what it says above")
                raise CouldNotTell(f"the master did not start: {why}", "free its port, or name another with --bind")
    raise CouldNotTell("the master did not start", "run again when this machine is less busy")


@dataclass(slots=True)
class _Watch:
    """What is known of the processes while they run. `ending_s` is when they were asked to end, 0 before."""

    alive: set[Child]
    began_s: float = field(default_factory=time.monotonic)
    told_s: float = field(default_factory=time.monotonic)
    ending_s: float = 0.0
    sending: bool = False


def _supervise(soaking: Soaking, options: argparse.Namespace) -> None:
    """Pass on what they say until all have ended; end them all when one cannot go on, or somebody wants to leave."""
    watch = _Watch({*soaking.children}, sending=options.worker)
    while watch.alive:
        child, event = _next(soaking)
        if child is not None:
            _hear(soaking, watch, child, event)
        if not watch.ending_s and (soaking.stop.is_set() or not _may_go_on(soaking, watch, options)):
            watch.ending_s = time.monotonic()
            if not soaking.ended:
                soaking.tell("ending: no further POST is sent")
            for one in watch.alive:
                one.end()
        over_s = time.monotonic() - watch.ending_s if watch.ending_s else 0.0
        if soaking.hurry.is_set() or over_s > soaking.environment.api.timeout_s + _GRACE_S:
            return


def _may_go_on(soaking: Soaking, watch: _Watch, options: argparse.Namespace) -> bool:
    """Whether there is a master to follow; and, before it has begun, everybody that it waits for."""
    led = options.worker or any(child.name == "master" for child in watch.alive)
    if watch.sending or options.master:
        return led
    return led and len(watch.alive) == len(soaking.children) and time.monotonic() - watch.began_s < CONNECT_S


def _hear(soaking: Soaking, watch: _Watch, child: Child, event: dict[str, Any]) -> None:
    """Keep what one of them said, and tell how far it is from time to time."""
    kind = event["event"]
    if kind == "exited":
        watch.alive.discard(child)
        if child.how_it_ended:
            soaking.untold.append(f"{child.how_it_ended} before it was done")
            soaking.tell(soaking.untold[-1])
    elif kind == "untold":
        soaking.untold.append(event["why"])
    elif kind == "ended":
        soaking.ended = event
    elif kind == "worked" and event.get("groups"):
        soaking.notes.append(_in_groups(child.name, event))
    elif kind in ("progress", "waiting"):
        watch.sending = watch.sending or kind == "progress"
        if time.monotonic() - watch.told_s > (_TELLS_EVERY_S if sys.stderr.isatty() else _LOGS_EVERY_S):
            watch.told_s = time.monotonic()
            soaking.tell(_progress(soaking, event))


def _next(soaking: Soaking) -> tuple[Child | None, dict[str, Any]]:
    try:
        return soaking.said.get(timeout=0.2)
    except queue.Empty:
        return None, {}


def _end_all(soaking: Soaking) -> None:
    """None of them outlives this function."""
    for child in soaking.children:
        if child.process.poll() is None:
            soaking.untold.append(f"{child.name} had to be killed")
            child.kill()
        child.process.wait()
        for thread in child.threads:
            thread.join(5)


def _progress(soaking: Soaking, event: dict[str, Any]) -> str:
    if event["event"] == "waiting":
        return f"waiting for workers: {event['here']} of {event['workers']} are there"
    return (
        f"{event['sent']} of {soaking.soak.attempts} POSTs, {event['rate']:g} a second, p95 {event['p95_ms'] or 0} ms, "
        f"{event['failed']} failed, {event['workers']} workers"
    )


def _in_groups(name: str, event: dict[str, Any]) -> str:
    groups, intents = event["groups"], event["intents"]
    return (
        f"{name}: {intents} names of POSTs on disk by {groups} fsyncs, {intents / groups:.1f} in each on average and "
        f"{event['largest']} at most, in {1000 * event['sync_s'] / groups:.2f} ms; {event['peak_mb']} MB"
    )


def _clean_up(soaking: Soaking) -> CleanUp:
    """Remove what each history names; what may remain is listed."""
    removed = 0
    left: list[LeftBehind] = []
    for path in soaking.histories:
        try:
            if soaking.hurry.is_set():
                of = read(path)[1][soaking.environment.name]
                done = left_as_it_is(soaking.environment, of.history.sent)
            else:
                if soaking.environment.cleanup != "keep":
                    soaking.tell(f"removing what {path.name} names")
                done = clean_after(path, soaking.run, soaking.environment, soaking.redact, soaking.hurry)
        except UnreadableHistory as error:
            soaking.tell(str(error))
            continue
        removed += done.removed
        left += done.left
    return CleanUp(removed, tuple(left))


def _conclude(soaking: Soaking, options: argparse.Namespace) -> int:
    began_s = time.monotonic()
    cleaned = _clean_up(soaking)
    soaking.judging = True
    why = str(soaking.ended.get("why", ""))
    if why == "duplicate":
        soaking.notes.append("ended early: a token came twice")
    elif why == "failures":
        soaking.notes.append(f"ended early: {soaking.ended['failed']} POSTs had failed")
    elif why not in ("done", "asked", "") and not soaking.untold:
        soaking.untold.append(why)
    sent = soaking.ended.get("sent")
    if sent is not None:
        took_s, removed_s = soaking.ended["took_s"], time.monotonic() - began_s
        a_second = sent / took_s if took_s else 0.0
        soaking.notes.append(f"{sent} of {soaking.soak.attempts} POSTs in {took_s:.1f} s ({a_second:.0f} a second)")
        soaking.notes.append(f"master: {soaking.ended['peak_mb']} MB")
        soaking.notes.append(f"{cleaned.removed} rows removed in {removed_s:.1f} s")
    if options.worker and not soaking.untold and soaking.histories:
        soaking.untold.append(
            "this is a part of a soak, which alone is no verdict: copy the histories of all workers to one machine, "
            "and judge them together with python -m harness judge worker-*.jsonl"
        )
    soaked = Soaked(
        run=soaking.run,
        notes=[soaking.redact(note) for note in soaking.notes],
        error=soaking.redact("; ".join(dict.fromkeys(soaking.untold))),
        interrupted=soaking.interrupts > 0,
        environment=soaking.environment.name,
        removed=cleaned.removed,
        left_behind=bounded(cleaned.left, soaking.environment.name, as_typed(soaking.folder)),
    )
    if soaking.histories and any(path.stat().st_size for path in soaking.histories):
        return judged(soaked, soaking.histories, soaking.folder, as_json=options.json)
    return _without_history(soaking, soaked, options)


def _without_history(soaking: Soaking, soaked: Soaked, options: argparse.Namespace) -> int:
    """A verdict where there is nothing to judge here: nothing was sent, or others hold the histories."""
    gate = Gate(soaking.run, [soaking.environment], soaking.folder, redact=soaking.redact, soaked=soaked)
    error = soaked.error
    if options.master and not error:
        error = (
            "the histories are on the machines of the workers: copy them to one, and judge them together with "
            "python -m harness judge worker-*.jsonl"
        )
    if soaking.ended.get("repeated"):
        gate.record(
            CheckResult(
                id="tokens_are_distinct",
                environment=soaking.environment.name,
                outcome="fail",
                claim="No two chatbots share a token",
                want=f"{soaking.ended['sent']} distinct tokens",
                have=[f"{soaking.ended['repeated']} tokens came a second time"],
                cause="a cached response, or a generator that repeats itself",
                remedy="judge the histories of the workers together: it names the POSTs",
            )
        )
    status = ExitCode.INTERRUPTED if soaked.interrupted else ExitCode.RELEASE
    verdict = gate.conclude(status, error=error or "no POST was sent")
    with suppress(OSError):
        write(verdict, soaking.folder, redact=soaking.redact)
    if options.json:
        print_verdict(soaking.folder)
    else:
        print("\n".join(text for text, _ in lines(verdict)))
        print(f"reports: {as_typed(soaking.folder)}")
    return verdict.exit_code
