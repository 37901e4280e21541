"""Supervises the processes of a soak: passes on what they say, and ends them all where one cannot go on."""

from __future__ import annotations

import queue
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.configuration.models import Soak
from harness.soak.state import Ended

if TYPE_CHECKING:
    import argparse

    from harness.soak.processes import Child
    from harness.soak.state import SoakState

CONNECT_S = 60.0  # for the processes of this machine to find each other
_GRACE_S = 25.0  # beyond the time-out of a POST, for all of them to end
_TELLS_EVERY_S = 2.0  # on a terminal
_LOGS_EVERY_S = 10.0  # in a log


@dataclass(slots=True)
class _Watch:
    """What is known of the processes while they run. `ending_s` is when they were asked to end, 0 before."""

    alive: set[Child]
    began_s: float = field(default_factory=time.monotonic)
    told_s: float = field(default_factory=time.monotonic)
    ending_s: float = 0.0
    sending: bool = False


def supervise(state: SoakState, options: argparse.Namespace) -> None:
    """Pass on what they say until all have ended; end them all when one cannot go on, or somebody wants to leave."""
    watch = _Watch({*state.children}, sending=options.worker)
    while watch.alive:
        child, event = _next(state)
        if child is not None:
            _hear(state, watch, child, event)
        if not watch.ending_s and (state.stop.is_set() or not _may_go_on(state, watch, options)):
            watch.ending_s = time.monotonic()
            if state.ended is None:
                state.tell("ending: no further POST is sent")
            for one in watch.alive:
                one.end()
        over_s = time.monotonic() - watch.ending_s if watch.ending_s else 0.0
        if state.hurry.is_set() or over_s > state.environment.api.timeout_s + _GRACE_S:
            return


def _may_go_on(state: SoakState, watch: _Watch, options: argparse.Namespace) -> bool:
    """Whether there is a master to follow; and, before it has begun, everybody that it waits for."""
    led = options.worker or any(child.name == "master" for child in watch.alive)
    if watch.sending or options.master:
        return led
    return led and len(watch.alive) == len(state.children) and time.monotonic() - watch.began_s < CONNECT_S


def _hear(state: SoakState, watch: _Watch, child: Child, event: dict[str, Any]) -> None:
    """Keep what one of them said, and tell how far it is from time to time."""
    kind = event["event"]
    if kind == "exited":
        watch.alive.discard(child)
        if child.how_it_ended:
            state.unavailable.append(f"{child.how_it_ended} before it was done")
            state.tell(state.unavailable[-1])
    elif kind == "unavailable":
        state.unavailable.append(event["why"])
    elif kind == "bounds":
        own, state.soak = state.soak, Soak(attempts=event["attempts"], users=event["users"], rate=event["rate"])
        if state.soak != own:
            said = f"{event['attempts']} POSTs, {event['users']} at once, {event['rate']:g} a second"
            state.notes.append(f"the environments.yaml of a worker allows less than this one: {said}")
            state.tell(state.notes[-1])
    elif kind == "ended":
        state.ended = Ended(**{field: event[field] for field in Ended.__slots__})
    elif kind == "worked" and event.get("groups"):
        state.notes.append(_in_groups(child.name, event))
    elif kind in ("progress", "waiting"):
        watch.sending = watch.sending or kind == "progress"
        if time.monotonic() - watch.told_s > (_TELLS_EVERY_S if sys.stderr.isatty() else _LOGS_EVERY_S):
            watch.told_s = time.monotonic()
            state.tell(_progress(state, event))


def _next(state: SoakState) -> tuple[Child | None, dict[str, Any]]:
    try:
        return state.said.get(timeout=0.2)
    except queue.Empty:
        return None, {}


def end_all(state: SoakState) -> None:
    """None of them outlives this function."""
    for child in state.children:
        if child.process.poll() is None:
            state.unavailable.append(f"{child.name} had to be killed")
            child.kill()
        child.process.wait()
        for thread in child.threads:
            thread.join(5)


def _progress(state: SoakState, event: dict[str, Any]) -> str:
    if event["event"] == "waiting":
        return f"waiting for workers: {event['here']} of {event['workers']} are there"
    return (
        f"{event['sent']} of {state.soak.attempts} POSTs, {event['rate']:g} a second, p95 {event['p95_ms'] or 0} ms, "
        f"{event['failed']} failed, {event['workers']} workers"
    )


def _in_groups(name: str, event: dict[str, Any]) -> str:
    groups, intents = event["groups"], event["intents"]
    return (
        f"{name}: {intents} names of POSTs on disk by {groups} fsyncs, {intents / groups:.1f} in each on average and "
        f"{event['largest']} at most, in {1000 * event['sync_s'] / groups:.2f} ms; {event['peak_mb']} MB"
    )
