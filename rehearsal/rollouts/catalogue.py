"""The catalogue of rollouts, and the story that a watch must tell of each.

    @rollout(tells=["column public_token became uuid"], fails=False)
    def the_safe_way(live: Live) -> None:
        \"\"\"What is done, in a sentence or two.\"\"\"

`tells` are patterns that must be told; `fails` says whether POSTs fail on the way. Each ends with the new code on
the new schema.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from rehearsal.deployment.plan import INSERT_OLD
from rehearsal.dry_run.splitting import split
from rehearsal.faults.transition import statements_prepared_before_the_migration
from rehearsal.names import look_up
from rehearsal.rollouts.live import Live, Over

if TYPE_CHECKING:
    from rehearsal.deployment.plan import Connection, Insert, Plan, Stored, Wanted

SAFE = Path(__file__).parents[2] / "examples" / "migrations" / "public_token_uuid_safe.sql"
A_FEW = 8  # POSTs: of each phase, so that it is seen
LONG_ENOUGH = 25  # POSTs: for a lock to be seen by several looks, at ten a second
PLAIN_CAST = (
    "alter table chatbots alter column public_token type uuid using"
    " (case when length(public_token) = 36 then public_token::uuid else gen_random_uuid() end),"
    " alter column public_token set default gen_random_uuid()"
)


@dataclass(frozen=True)
class Rollout:
    """One way from the old release to the new one."""

    name: str
    about: str
    tells: tuple[str, ...]
    fails: bool
    steps: Callable[[Live], None]


ROLLOUTS: dict[str, Rollout] = {}


def rollout(*, tells: Iterable[str], fails: bool = True) -> Callable[[Callable[[Live], None]], Callable[[Live], None]]:
    """Puts the decorated function into the catalogue."""

    def enter(steps: Callable[[Live], None]) -> Callable[[Live], None]:
        about = " ".join(inspect.cleandoc(steps.__doc__ or "").split())
        ROLLOUTS[steps.__name__] = Rollout(steps.__name__, about, tuple(tells), fails, steps)
        return steps

    return enter


def rollout_named(name: str) -> Rollout:
    """The rollout of this name. Raises UnknownName, with the nearest name."""
    return look_up("rollout", name, ROLLOUTS, {})


def play(of: Rollout, live: Live) -> threading.Thread:
    """Play a rollout from a thread of its own, which ends with it, or when the deployment does."""

    def steps() -> None:
        with suppress(Over):
            of.steps(live)

    thread = threading.Thread(target=steps, name=of.name, daemon=True)
    thread.start()
    return thread


def sends_a_uuid(plan: Plan) -> None:
    """Code that bears both columns: it makes a version 4 UUID itself, which a text and a uuid column take."""
    plan.insert_sql = INSERT_OLD

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        return await insert(connection, replace(wanted, token=str(uuid4())))


# --- healthy ----------------------------------------------------------------------------------------------------------


@rollout(
    tells=[
        "version 4 tokens, and returned short tokens before",
        "column public_token became uuid",
        "revision 5ca1ab1e.* on all",
    ],
    fails=False,
)
def code_that_bears_both(live: Live) -> None:
    """First code that sends a UUID of its own, then the migration, then the code that leaves it to the database."""
    live.after(A_FEW)
    live.deploy(live.planned(sends_a_uuid, "b07hb07h" * 5))
    live.after(A_FEW)
    live.migrate()
    live.after(A_FEW)
    live.deploy(live.new)


@rollout(
    tells=[
        "version 4 tokens, and returned short tokens before",
        "column public_token became uuid",
        r"\d+ stored short tokens were replaced by UUIDs",
        "revision 5ca1ab1e.* on all",
    ],
    fails=False,
)
def safe_migration(live: Live) -> None:
    """The safe migration of examples/, between code that sends a UUID of its own and code that leaves it out."""
    live.after(A_FEW)
    live.deploy(live.planned(sends_a_uuid, "b07hb07h" * 5))
    live.after(A_FEW)
    live.run(*(statement.text for statement in split(SAFE.read_text(encoding="utf-8")).statements))
    live.after(A_FEW)
    live.deploy(live.new)


# --- broken on the way ------------------------------------------------------------------------------------------------


@rollout(tells=["column public_token became uuid", r"POSTs failed.*500.*22P02", "revision 5ca1ab1e.* on all"])
def migration_before_code(live: Live) -> None:
    """The migration runs, and the old code serves on for a while: its short token is no uuid."""
    live.after(A_FEW)
    live.migrate()
    live.after(LONG_ENOUGH)
    live.deploy(live.new)


@rollout(tells=["revision 5ca1ab1e.* on all", r"POSTs failed.*500.*23502", "column public_token became uuid"])
def code_before_migration(live: Live) -> None:
    """The new code is deployed first: it leaves out a NOT NULL column without a default."""
    live.after(A_FEW)
    live.deploy(live.new)
    live.after(LONG_ENOUGH)
    live.migrate()


@rollout(tells=["column public_token became uuid", r"POSTs failed.*500.*0A000"])
def pool_is_not_recycled(live: Live) -> None:
    """The column has a default already and the new code serves; its pool prepared its INSERT before the ALTER.

    It fails until the pool is opened anew.
    """
    live.run("alter table chatbots alter column public_token set default gen_random_uuid()::text")
    live.after(A_FEW)
    live.deploy(live.planned(statements_prepared_before_the_migration))
    live.after(LONG_ENOUGH)
    live.run(f"alter table chatbots alter column public_token drop default; {PLAIN_CAST}")
    live.after(LONG_ENOUGH)
    live.deploy(live.new)


@rollout(tells=[r"lock on the table.*idle in transaction", "POSTs? waited", "column public_token became uuid"])
def lock_queue_behind_an_idle_transaction(live: Live) -> None:
    """Somebody's transaction reads the table and idles; the ALTER waits for it, and every INSERT for the ALTER."""
    live.after(A_FEW)
    with live.transaction("report of last week") as idle:
        idle.execute("select count(*) from chatbots")
        altering = threading.Thread(target=live.run, args=(PLAIN_CAST,), daemon=True)
        altering.start()
        live.after(LONG_ENOUGH)
    altering.join()
    live.after(A_FEW)
    live.deploy(live.new)


@rollout(tells=[r"AccessExclusiveLock", r"POSTs waited", "column public_token became uuid", "POSTs failed.*22P02"])
def migration_fails_half_way(live: Live) -> None:
    """The migration holds the table, fails at its end and is rolled back; the second goes through, before the code."""
    live.after(A_FEW)
    with live.transaction("migration") as failing:
        failing.execute(PLAIN_CAST)
        live.after(LONG_ENOUGH)
    live.after(A_FEW)
    live.migrate()
    live.after(A_FEW)
    live.deploy(live.new)


@rollout(tells=["revisions .* on .* of 8", r"POSTs failed.*500.*22P02"])
def rolling_deploy(live: Live) -> None:
    """The migration has run; one instance has the new code and one the old one, until both are new."""
    live.after(A_FEW)
    live.migrate()
    live.deploy(live.old, live.new)
    live.after(LONG_ENOUGH)
    live.deploy(live.new)


@rollout(tells=["revision badc0de0.* on all", "revision 01d0c0de.* on all", r"POSTs failed.*500.*22P02"])
def deploy_that_is_rolled_back(live: Live) -> None:
    """The migration has run and the new code serves; it is rolled back to the old code, and deployed again later."""
    live.after(A_FEW)
    live.migrate()
    live.deploy(live.planned("badc0de0" * 5))
    live.after(LONG_ENOUGH)
    live.deploy(live.old)
    live.after(LONG_ENOUGH)
    live.deploy(live.new)


@rollout(tells=[r"POSTs waited|AccessExclusiveLock|POSTs failed.*22P02"])
def plain_migration_under_load(live: Live) -> None:
    """One ALTER rewrites a table of 1,000,000 rows while it is used; nobody gets in meanwhile."""
    live.run(
        "insert into chatbots (name, public_token) select 'chatbot ' || n, left(md5(n::text), 8) || n"
        " from generate_series(1, 1000000) n"
    )
    live.after(A_FEW)
    live.run(PLAIN_CAST)
    live.deploy(live.new)
