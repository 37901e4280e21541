"""A worker of a soak: users of locust that send the numbers they are given, and a history of what became of them."""

from __future__ import annotations

import json
import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import gevent
from gevent.event import Event
from locust import FastHttpUser, constant_throughput, task
from locust.env import Environment as Engine
from locust.exception import RPCError, StopUser

from harness.errors import CouldNotTell
from harness.history.attempt import attempt_name
from harness.history.writing import Ledger
from harness.http.client import Client, headers_of_post
from harness.soak.allocation import key_of
from harness.soak.allotment import Allotment
from harness.soak.bounds import Bounds, NotBelieved, Pace, begun_of
from harness.soak.heeding import Heeding
from harness.soak.journal import PHASE, Journal
from harness.soak.parent_pipe import peak_mb, say
from harness.soak.posting import EVERY_STATUS, OneEach, post, trusting

if TYPE_CHECKING:
    import ssl

    from locust.runners import WorkerRunner

    from harness.configuration.models import Environment
    from harness.history.attempt import Attempt
    from harness.http.reply import Reply
    from harness.redaction.redactor import Redactor
    from harness.soak.assignment import Worker as Assignment
    from harness.soak.parent_pipe import ParentPipe

REPORTS_EVERY_S = 0.25
_MASTER_ENDS_S = 2.0  # for a master to end the soak when a worker says that it cannot go on


@dataclass(slots=True)
class Work:
    """What the users of one worker share."""

    environment: Environment
    redact: Redactor
    allotment: Allotment
    pace: Pace
    origin_s: float = field(default_factory=time.monotonic)
    run: str = ""
    attempts: int = 0  # of all workers together
    period_s: float = 0.0  # between two POSTs of one user
    client: Client | None = None
    journal: Journal | None = None
    begun: Event = field(default_factory=Event)
    under_way: int = 0
    keys: list[bytes] = field(default_factory=list)
    settled: int = 0
    failed: int = 0
    unavailable: str = ""

    def fail(self, why: str) -> None:
        """End, since no further POST can be sent; the first reason counts."""
        self.unavailable = self.unavailable or why
        self.allotment.end()
        self.begun.set()

    def end(self, attempt: Attempt) -> None:
        """Count a POST that has ended."""
        self.settled += 1
        self.failed += attempt.outcome != "ok"
        if attempt.outcome == "ok" and attempt.token is not None:
            self.keys.append(key_of(attempt.token))

    def report(self) -> dict[str, Any] | None:
        """What the master has not heard yet; None where that is nothing."""
        returned = self.allotment.give_back()
        if not self.settled and not returned:
            return None
        said = {"keys": b"".join(self.keys), "settled": self.settled, "failed": self.failed, "returned": returned}
        self.keys, self.settled, self.failed = [], 0, 0
        return said


class Poster(FastHttpUser):
    """Sends one POST after another, each once, no sooner than the rate allows."""

    work: ClassVar[Work]
    host = "set by its worker"

    def on_start(self) -> None:
        """Wait until the worker is ready, and take the cookies of its login."""
        self.work.begun.wait()
        client = self.work.client
        if client is None:
            raise StopUser
        # Users that began together would send together, period after period.
        gevent.sleep(random.uniform(0, self.work.period_s))  # noqa: S311 (no secret)
        agent = self.client.client
        self.pool = agent.clientpool = OneEach(
            self.work.environment.api.timeout_s, lambda: _trusting(self.work.environment.ca_file)
        )
        agent.valid_response_codes = EVERY_STATUS  # type: ignore[misc]  # locust does so with the next one
        # Of this greenlet: bounded, with those of the login in it, and known to who masks what is kept.
        agent.cookiejar = client.session().cookies
        agent.default_headers.update(client.session().headers)

    @task
    def create(self) -> None:
        """One POST, or the end of this user."""
        work = self.work
        client, journal = work.client, work.journal
        gevent.sleep(work.pace.wait_s())
        n = work.allotment.take()
        if n is None or client is None or journal is None:
            raise StopUser
        work.under_way += 1
        name = attempt_name(work.run, n)
        try:
            journal.intend(n, name, work.environment.labels_for(name))
            reply = self._post(name)
            attempt = client.attempt(n, name, PHASE, reply)
            journal.settle(attempt)
        except OSError as error:
            work.settled += 1
            work.fail(
                f"the history cannot be written ({error.strerror}), and no POST is sent whose name is not on disk"
            )
            raise StopUser from None
        finally:
            work.under_way -= 1
        work.end(attempt)
        self._count(reply, attempt)

    def _post(self, name: str) -> Reply:
        api = self.work.environment.api
        body = json.dumps(self.work.environment.payload_for(name), allow_nan=False).encode()
        headers = {"Content-Type": "application/json", **headers_of_post(name)}
        url = self.work.environment.url_of(api.create)
        return post(self.client.client, self.pool, url, body, headers, timeout_s=api.timeout_s)

    def _count(self, reply: Reply, attempt: Attempt) -> None:
        """In locust's statistics; of what failed only the kind, since they keep each different one."""
        self.environment.events.request.fire(
            request_type="POST",
            name="create",
            response_time=attempt.took_s * 1000,
            response_length=len(reply.body),
            exception=None if attempt.outcome == "ok" else str(attempt.problem),
            context={},
        )


@cache
def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    return trusting(ca_file)


def run(assignment: Assignment, environment: Environment, redact: Redactor, parent: ParentPipe) -> None:
    """Work for the master until it says that it is over, or whoever started this process does."""
    Poster.host = environment.origin
    engine = Engine(user_classes=[Poster], stop_timeout=environment.api.timeout_s + 1)
    parent.when_over(lambda: None if engine.runner else os._exit(0))  # nothing has begun yet
    try:
        runner = engine._create_runner(Heeding, assignment.host, assignment.port)  # there is no public way to it
    except ConnectionError:
        where = f"{assignment.host}:{assignment.port}"
        say(event="unavailable", why=f"no master at {where}: start it, and see --bind, --master-host and the firewall")
        return
    own = Bounds(assignment.attempts, assignment.users, assignment.rate)
    allotment = Allotment(lambda: runner.send_message("share", {}), own.attempts)
    work = Poster.work = Work(environment, redact, allotment, Pace(own.rate))
    ledgers: list[Ledger] = []

    def begin(msg: Any, **_: Any) -> None:
        if not work.run:
            try:
                begun = begun_of(msg.data)
            except NotBelieved as error:
                work.fail(str(error))
            else:
                work.run, work.attempts = begun.run, begun.attempts
                each = min(begun.each, own.rate)
                work.period_s = 1 / each
                Poster.wait_time = constant_throughput(each)
                gevent.spawn(_begin, assignment, work, ledgers)

    def share(msg: Any, **_: Any) -> None:
        try:
            work.allotment.add(msg.data)
        except NotBelieved as error:
            work.fail(str(error))

    runner.register_message("begin", begin)
    runner.register_message("share", share)
    runner.register_message("end", lambda **_: work.allotment.end())
    runner.heed(own.users, environment.origin, environment.api.timeout_s + 1)
    runner.send_message("here", own._asdict())
    reporting = gevent.spawn(_report, runner, work, parent)
    gevent.spawn(_leave, runner, work, parent)
    runner.greenlet.join()
    reporting.kill()
    for ledger in ledgers:
        ledger.close()
    journal = work.journal
    groups = {} if journal is None else {k: getattr(journal, k) for k in ("groups", "intents", "largest", "sync_s")}
    if work.unavailable:
        say(event="unavailable", why=redact(work.unavailable))
    say(event="worked", peak_mb=peak_mb(), **groups)


def _begin(assignment: Assignment, work: Work, ledgers: list[Ledger]) -> None:
    environment = work.environment
    try:
        ledger = Ledger(Path(assignment.history))
        ledgers.append(ledger)
        # With the bound: whoever judges some of the histories can tell that others are missing.
        ledger.run(work.run, {environment.name: {**assignment.place, "soak": {"attempts": work.attempts}}})
        if assignment.identity is not None:
            ledger.database(environment.name, assignment.identity)
        client = Client(environment, work.run, work.redact, work.origin_s)
        client.login()
    except OSError as error:
        return work.fail(f"the history cannot be written: {error.strerror}")
    except CouldNotTell as unavailable:
        return work.fail(f"{unavailable.cause}; {unavailable.remedy}")
    work.journal = Journal(ledger, environment.name)
    gevent.spawn(work.journal.write)
    work.client = client
    work.begun.set()
    return None


def _report(runner: WorkerRunner, work: Work, parent: ParentPipe) -> None:
    """Tell the master what became of the POSTs; leave where no further one can be sent, whatever the master does."""
    while True:
        gevent.sleep(REPORTS_EVERY_S)
        try:
            if (said := work.report()) is not None:
                runner.send_message("settled", said)
            if work.unavailable:
                runner.send_message("unavailable", {"why": work.redact(work.unavailable)})
        except RPCError:
            work.fail("the connection to the master is lost")
        if work.unavailable and not parent.over.is_set():
            gevent.spawn_later(_MASTER_ENDS_S, parent.over.set)


def _leave(runner: WorkerRunner, work: Work, parent: ParentPipe) -> None:
    """Leave when it is asked to, or nobody is there who could: what is under way has ended and been told."""
    parent.over.wait()
    work.allotment.end()
    with gevent.Timeout(work.environment.api.timeout_s + 1, False):
        while work.under_way:
            gevent.sleep(0.05)
    gevent.sleep(2 * REPORTS_EVERY_S)
    with suppress(RPCError):
        # Tells the master.
        runner.environment.events.quitting.fire(environment=runner.environment)  # type: ignore[no-untyped-call]
    runner.quit()
