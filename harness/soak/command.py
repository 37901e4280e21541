"""`chatbots-smoke soak`: waits until it may send, and starts master and workers, which are supervised and judged."""

from __future__ import annotations

import os
import queue
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.configuration.loading import ConfigurationError
from harness.errors import CouldNotTell
from harness.http.client import Client
from harness.http.readiness import wait_until_ready
from harness.progress import Progress
from harness.report.folder import demand_folder, folder_of, point_latest_at
from harness.report.paths import as_typed
from harness.report.run_log import FILE
from harness.run.posting import demand_clean_up
from harness.run.resumed_cleanup import place_of
from harness.run.settings import new_run
from harness.run.signals import on_each_signal
from harness.run.worked_before import known_to
from harness.soak import assignment
from harness.soak.configuration import asked, demand_locust, redactor_of
from harness.soak.ending import conclude
from harness.soak.processes import start
from harness.soak.state import SoakState
from harness.soak.supervision import CONNECT_S, end_all, supervise
from harness.text import mask_before_cutting

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_OWN = "127.0.0.1"


def soak(options: argparse.Namespace) -> int:
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
    folder = folder_of(options, run)
    demand_folder(folder)
    state = SoakState(run, environment, bound, folder, file, redact)
    if state.histories:
        raise ConfigurationError(
            f"the report folder {folder} holds the histories of an earlier soak: name another with --report-dir, or "
            f"move them once `chatbots-smoke cleanup {as_typed(folder)}/worker-*.jsonl` has nothing left to remove"
        )
    if not options.report_dir:
        point_latest_at(folder)
    _listen(state)
    try:
        identity = _may_begin(state, options)
        _start(state, options, identity)
        supervise(state, options)
    except CouldNotTell as unavailable:
        state.unavailable.append(f"{unavailable.cause}; {unavailable.remedy}")
    finally:
        end_all(state)
    return conclude(state, options)


def _listen(state: SoakState) -> None:
    """Count the signals to end: the first lets what is under way be told, the second leaves at once and lists."""

    def interrupt() -> None:
        state.interrupts += 1
        state.stop.set()
        if state.interrupts > 1:
            state.hurry.set()
        if state.interrupts > 2 and not state.judging:
            raise KeyboardInterrupt

    on_each_signal(interrupt)


def _may_begin(state: SoakState, options: argparse.Namespace) -> str | None:
    """Wait until it serves, and know that its rows can be removed. A master stores none itself."""
    environment = state.environment
    client = Client(environment, state.run, state.redact, time.monotonic())
    wait_until_ready(client, None, state.stop, Progress(said=state.tell))
    place = None if options.master else demand_clean_up(environment, state.stop, certain=True)
    return place.identity if place is not None else None


def _assignments(
    state: SoakState, options: argparse.Namespace, identity: str | None
) -> Iterator[assignment.Master | assignment.Worker]:
    """What each process of this machine is to do: the master's assignment first, where it has one."""
    file, environment = str(state.file), state.environment
    workers = options.expect_workers if options.master else options.workers
    if not options.worker:
        host, port = _place(options.bind, "--bind") if options.master else (_OWN, 0)
        soak, timeout_s = state.soak, environment.api.timeout_s
        yield assignment.Master(
            *(file, environment.name, state.run, soak.attempts, soak.users, soak.rate, workers, timeout_s, host, port)
        )
    host, port = _place(options.master_host, "--master-host") if options.worker else (_OWN, 0)
    place = {**place_of(environment, state.redact), **known_to(state.folder.parent / FILE, environment, state.redact)}
    for number in range(1, 1 + (0 if options.master else 1 if options.worker else workers)):
        # Workers of several machines end in one folder, to be judged together.
        own = secrets.token_hex(4) if options.worker else str(number)
        history = str(state.folder / f"worker-{own}.jsonl")
        soak = state.soak
        yield assignment.Worker(
            *(file, environment.name, history, place, identity, soak.attempts, soak.users, soak.rate, host, port)
        )


def _place(text: str, option: str) -> tuple[str, int]:
    """HOST or HOST:PORT."""
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "5557")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"{option}: {text!r} is not a HOST or HOST:PORT")
    return host.strip("[]"), int(port)


def _start(state: SoakState, options: argparse.Namespace, identity: str | None) -> None:
    """Start them; the workers when it is known where the master listens."""
    port = 0
    if options.worker:
        state.tell(f"waiting for the master at {options.master_host}, for up to five minutes")
    for each in _assignments(state, options, identity):
        if state.stop.is_set():
            return
        workers = sum(child.name != "master" for child in state.children)
        name = (
            "master" if isinstance(each, assignment.Master) else "worker" if options.worker else f"worker {workers + 1}"
        )
        follows = isinstance(each, assignment.Worker) and not options.worker
        own = replace(each, port=port) if follows else each  # where the master of this machine listens
        state.children.append(start(name, own, state.said, state.redact))
        if name == "master":
            port = _listening(state)


def _listening(state: SoakState) -> int:
    deadline = time.monotonic() + CONNECT_S
    while time.monotonic() < deadline and not state.stop.is_set():
        with suppress(queue.Empty):
            _, event = state.said.get(timeout=0.1)
            if event["event"] == "listening":
                return int(event["port"])
            if event["event"] in ("unavailable", "exited"):
                why = event.get("why", "read what it says above")
                raise CouldNotTell(f"the master did not start: {why}", "free its port, or name another with --bind")
    raise CouldNotTell("the master did not start", "run again when this machine is less busy")
