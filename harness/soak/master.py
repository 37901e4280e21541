"""The master of a soak: hands out numbers, hears of every token, tells how far it is, and ends it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gevent
from locust.env import Environment as Engine
from locust.exception import RPCError
from locust.runners import STATE_MISSING

from harness.soak.allocation import Allocation, SeenTokens
from harness.soak.bounds import Bounds, NotBelieved, bounds_of, strictest
from harness.soak.parent_pipe import peak_mb, say
from harness.soak.worker import Poster

if TYPE_CHECKING:
    from collections.abc import Sized

    from locust.runners import MasterRunner

    from harness.soak.assignment import Master as Assignment
    from harness.soak.parent_pipe import ParentPipe

TELLS_EVERY_S = 0.5
MOST_FAILED = 1000  # POSTs: more would tell nothing that these do not
FASTEST_START = 100  # users a second and worker; locust warns of more
_LOOKS_EVERY_S = 0.1
_GRACE_S = 10.0  # beyond the time-out of a POST, for a worker to say that it is done


@dataclass(slots=True)
class _Course:
    """How a soak goes; `why` it ended: all are sent ("done"), or what ended it before."""

    allocation: Allocation
    seen: SeenTokens = field(default_factory=SeenTokens)
    failed: int = 0
    repeated: int = 0
    began_s: float = 0.0
    ended_s: float = 0.0
    why: str = ""

    def end(self, why: str) -> None:
        self.why = self.why or why
        self.allocation.over = True


def run(assignment: Assignment, parent: ParentPipe) -> None:
    """Be the master of a soak until all is sent, a token came twice, or whoever started it says so."""
    own = Bounds(assignment.attempts, assignment.users, assignment.rate)
    course = _Course(Allocation.among(own.attempts, assignment.workers))
    allowed: dict[str, Bounds] = {}
    begin: dict[str, Any] = {}
    engine = Engine(user_classes=[Poster], stop_timeout=assignment.timeout_s + 1)
    try:
        runner: MasterRunner = engine.create_master_runner(assignment.host, assignment.port)
    except RPCError as error:
        say(event="unavailable", why=f"it cannot listen on {assignment.host}:{assignment.port} ({error})")
        return

    def here(msg: Any, **_: Any) -> None:
        try:
            allowed[msg.node_id] = bounds_of(msg.data)
        except NotBelieved as error:
            course.end(f"unavailable: {error}")
        if begin:  # one more than was waited for: it heeds its own bounds itself
            runner.send_message("begin", begin, msg.node_id)

    def share(msg: Any, **_: Any) -> None:
        course.began_s = course.began_s or time.monotonic()
        first, count = course.allocation.share(msg.node_id)
        runner.send_message("share", {"first": first, "count": count}, msg.node_id)

    def settled(msg: Any, **_: Any) -> None:
        course.allocation.settle(msg.node_id, msg.data["settled"], msg.data["returned"])
        course.failed += msg.data["failed"]
        course.ended_s = time.monotonic()
        course.repeated += course.seen.repeated(msg.data["keys"])
        if course.repeated:
            course.end("duplicate")
        elif course.failed >= MOST_FAILED:
            course.end("failures")

    runner.register_message("here", here)
    runner.register_message("share", share)
    runner.register_message("settled", settled)
    runner.register_message("unavailable", lambda msg, **_: course.end(f"unavailable: {msg.data['why']}"))
    parent.when_over(lambda: course.end("asked"))
    say(event="listening", port=runner.server.port)
    _wait_for_workers(allowed, course, assignment.workers)
    if not course.why:
        bounds = strictest([own, *allowed.values()])
        say(event="bounds", **bounds._asdict())
        course.allocation = Allocation.among(bounds.attempts, assignment.workers)
        begin |= {"run": assignment.run, "each": bounds.rate / bounds.users, "attempts": bounds.attempts}
        runner.send_message("begin", begin)
        # At once: each user waits for its own moment, which keeps the rate from the first POST on.
        gevent.spawn(runner.start, bounds.users, spawn_rate=min(bounds.users, FASTEST_START * assignment.workers))
        _wait_for_end(runner, course, assignment.timeout_s)
    for client in runner.clients.all:
        runner.send_message("end", {}, client.id)
    runner.quit()
    took_s = round(max(0.0, course.ended_s - course.began_s), 3)
    say(
        event="ended",
        why=course.why,
        repeated=course.repeated,
        took_s=took_s,
        peak_mb=peak_mb(),
        **_far(runner, course),
    )


def _wait_for_workers(here: Sized, course: _Course, workers: int) -> None:
    """Until so many workers have said what their own files allow."""
    told_s = 0.0
    while len(here) < workers and not course.why:
        gevent.sleep(_LOOKS_EVERY_S)
        if time.monotonic() - told_s > TELLS_EVERY_S:
            told_s = time.monotonic()
            say(event="waiting", here=len(here), workers=workers)


def _wait_for_end(runner: MasterRunner, course: _Course, timeout_s: float) -> None:
    told_s = ended_s = 0.0
    while True:
        gevent.sleep(_LOOKS_EVERY_S)
        alive = [client.id for client in runner.clients.all if client.state != STATE_MISSING]
        if course.allocation.over and not ended_s:
            ended_s = time.monotonic()
            runner.send_message("end", {})
        if time.monotonic() - told_s > TELLS_EVERY_S:
            told_s = time.monotonic()
            say(event="progress", **_far(runner, course))
        if not alive:
            return course.end("no workers")
        if course.allocation.done(alive):
            return course.end("done")
        if ended_s and time.monotonic() - ended_s > timeout_s + _GRACE_S:
            return None  # a worker that says nothing any more


def _far(runner: MasterRunner, course: _Course) -> dict[str, Any]:
    total = runner.stats.total
    return {
        "sent": course.allocation.settled,
        "failed": course.failed,
        "workers": len([c for c in runner.clients.all if c.state != STATE_MISSING]),
        "rate": round(total.total_rps, 1),
        "p95_ms": total.get_response_time_percentile(0.95),
    }
