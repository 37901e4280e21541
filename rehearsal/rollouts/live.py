"""A deployment that begins with the old code on the old schema, and is migrated and deployed while it serves.

    with embedded_postgres() as server, live(server) as deployment:
        deployment.url, deployment.database
        play(rollout, deployment)      # in a thread of its own; ends when it is over, or the block is

What happens next is decided by how many POSTs have come, never by the clock, so that each run tells the same story.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from starlette.applications import Starlette

from rehearsal.deployment.app import build
from rehearsal.deployment.plan import REVISION, Plan
from rehearsal.deployment.start import CHANGE, new_database, script
from rehearsal.faults.transition import old_code
from rehearsal.servers.http import serving
from rehearsal.servers.postgres import OWNER, Postgres

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

OLD_REVISION = "01d0c0de" * 5


class Over(Exception):
    """Nobody watches any more."""


@dataclass(frozen=True)
class Step:
    """What was done of a rollout: `run` or `deploy`, from when to when, in seconds of this machine's clock (epoch)."""

    what: Literal["run", "deploy"]
    from_s: float
    to_s: float


class Live:
    """A deployment while its rollout goes on. Its methods are the steps of a rollout; each returns when it is done.

    Attributes:
        done: the steps that changed something, in order, so that a story can be held against them.
    """

    def __init__(self, server: Postgres, name: str, dsn: str) -> None:
        self._server, self._name, self.database = server, name, dsn
        self.url = ""
        self._apps: list[Starlette] = []
        self._pools: dict[int, AsyncExitStack] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._posts, self._turn = 0, 0
        self._counted = threading.Condition()
        self._seen = 0  # POSTs that steps have waited for
        self.done: list[Step] = []
        self._over = False
        self.old = self.planned(old_code, OLD_REVISION)
        self.new = self.planned()

    def planned(self, *changes: Any) -> Plan:
        """A plan of the new code, changed; a text among the changes is its revision. It prepares no statement."""
        plan = Plan(has_uuid_ossp=self._server.has_uuid_ossp, pool_size=4, prepare_threshold=None)
        for change in changes:
            if isinstance(change, str):
                plan.revision = change
            else:
                change(plan)
        return plan

    # --- the steps ----------------------------------------------------------------------------------------------------

    def after(self, posts: int) -> None:
        """Wait until so many more POSTs have come. Raises Over."""
        with self._counted:
            wanted = self._seen = max(self._seen, self._posts) + posts
            self._counted.wait_for(lambda: self._posts >= wanted or self._over)
            if self._over:
                raise Over

    def deploy(self, *plans: Plan) -> None:
        """Let these serve from now on, each with a pool of its own that is opened now; several take turns."""
        assert self._loop is not None  # it serves
        with self._noted("deploy"):
            switch = self._switch([self._built(plan) for plan in plans])
            asyncio.run_coroutine_threadsafe(switch, self._loop).result(30)

    def migrate(self) -> None:
        """Run the migration as its file has it."""
        self.run(script(CHANGE))

    def run(self, *statements: str) -> None:
        """Run statements as the owner of the table, each committed by itself."""
        with self._noted("run"):
            self._server.run(self._name, statements, role=OWNER)

    @contextmanager
    def _noted(self, what: Literal["run", "deploy"]) -> Iterator[None]:
        from_s = time.time()
        yield
        self.done.append(Step(what, from_s, time.time()))

    @contextmanager
    def transaction(self, application: str) -> Iterator[psycopg.Connection[Any]]:
        """A transaction of another session, rolled back at the end of the block unless it was committed."""
        dsn = self._server.dsn(self._name)
        with psycopg.connect(dsn, autocommit=True, application_name=application) as connection:
            connection.execute("begin")
            try:
                yield connection
            finally:
                connection.execute("rollback")

    # --- serving ------------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Let whoever waits for a POST go."""
        with self._counted:
            self._over = True
            self._counted.notify_all()

    def _built(self, plan: Plan) -> Starlette:
        app = build(plan, self.database)
        assert isinstance(app, Starlette)  # no plan of a rollout wraps it
        return app

    async def _switch(self, apps: list[Starlette]) -> None:
        for app in apps:
            stack = self._pools[id(app)] = AsyncExitStack()
            await stack.enter_async_context(app.router.lifespan_context(app))
        gone, self._apps = self._apps, apps
        for app in gone:
            self._closing = asyncio.create_task(self._close(app))

    async def _close(self, app: Starlette) -> None:
        await asyncio.sleep(1)  # what is under way there is answered first: the pool waits for none of it
        stack = self._pools.pop(id(app), None)
        if stack is not None:
            await stack.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application in front of those that serve now."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["method"] == "POST":
            with self._counted:
                self._posts += 1
                self._counted.notify_all()
        self._turn += 1
        await self._apps[self._turn % len(self._apps)](scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._loop = asyncio.get_running_loop()
        await self._switch([self._built(self.old)])
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for stack in list(self._pools.values()):
            await stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})


@contextmanager
def live(server: Postgres, name: str = "preview", revision: str = REVISION) -> Iterator[Live]:
    """The old code on the old schema, served for the time of the block; its database is gone with it.

    `revision` is what the new code's page names.
    """
    database = server.new_name(name)
    with ExitStack() as stack:
        stack.callback(server.drop_database, database)
        deployment = Live(server, database, new_database(server, database, "old"))
        deployment.new.revision = revision
        deployment.url = stack.enter_context(serving(deployment))
        stack.callback(deployment.end)
        yield deployment
