"""Deployments: one app on one database each, healthy or broken in one named way. Any number share one Postgres.

    with embedded_postgres() as server, deployed(server, fault="reuses_token") as deployment:
        deployment.url         # http://127.0.0.1:43210
        deployment.database    # postgresql://app@/..   (what is published; a fault may publish a wrong one)
        deployment.revision    # the commit that the deployer believes is serving; the pages / and /healthz say it as
                               # {"revision": ..}
        deployment.settings    # keys that its entry in environments.yaml needs besides url and database; mostly {}

`deployed(server, fault=None, variant=None, name="preview", revision=REVISION)` is all there is. It may be called from
several threads at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from rehearsal.deployment.app import build
from rehearsal.deployment.plan import REVISION, Plan
from rehearsal.deployment.variants import variant_named
from rehearsal.faults import fault_named
from rehearsal.servers.http import serving
from rehearsal.servers.postgres import OWNER, TO_BE_DEMOTED, Postgres, running
from rehearsal.servers.programs import pooler, reverse_proxy

MIGRATIONS = Path(__file__).parents[1] / "migrations"
CHANGE = "0002_public_token_uuid.sql"
STEPS = {"old": ("0001_chatbots.sql", "seed.sql"), "new": ("0001_chatbots.sql", "seed.sql", CHANGE)}


@dataclass(frozen=True)
class Deployment:
    """What a deployer knows of a deployment."""

    name: str
    url: str
    database: str
    revision: str
    settings: dict[str, Any]


@contextmanager
def deployed(
    server: Postgres,
    fault: str | None = None,
    variant: str | None = None,
    name: str = "preview",
    revision: str = REVISION,
) -> Iterator[Deployment]:
    """One deployment for the time of the block; its database is gone with it.

    Raises UnknownName for a fault or variant that is not there.
    """
    database = server.new_name(name)
    stack = ExitStack()
    plan = Plan(
        has_uuid_ossp=server.has_uuid_ossp,
        counts_statements=server.counts_statements,
        new_database=lambda: new_database(server, server.new_name(name), "new"),
        dsn_as=lambda role, password: server.dsn(database, role, password),
        stale_replica=lambda: stack.enter_context(stale_replica(server, database)),
        behind_proxy=lambda url: stack.enter_context(reverse_proxy(url)),
        through_pooler=lambda connections: stack.enter_context(pooler(server, database, connections)),
        hold_a_transaction=lambda dsn: stack.enter_context(open_transaction(dsn)),
        revision=revision,
    )
    if fault is not None:
        fault_named(fault).breaks(plan)
    if variant is not None:
        variant_named(variant).changes(plan)

    with stack:
        stack.callback(server.drop_database, database)
        dsn = new_database(server, database, plan.schema)
        if plan.statements:
            server.run(database, plan.statements)
        url = stack.enter_context(serving(build(plan, plan.app_dsn or dsn)))
        if plan.migrate_later:
            server.run(database, [script(CHANGE)], role=OWNER)
        if plan.later:
            server.run(database, plan.later)
        yield Deployment(name, plan.publish_url(url), plan.publish_database(dsn), revision, plan.settings)


@contextmanager
def deployed_copy(
    server: Postgres, template: str, plan: Plan, name: str, settings: Mapping[str, str]
) -> Iterator[Deployment]:
    """The app of this plan on a copy of a database, for the time of the block.

    `settings` are those of the database, which a copy does not take along.
    """
    database = server.new_name(name)
    with ExitStack() as stack:
        stack.callback(drop_if_up, server, database)
        dsn = server.create_database(database, template)
        server.set_for(database, settings)
        url = stack.enter_context(serving(build(plan, dsn)))
        yield Deployment(name, url, dsn, plan.revision, plan.settings)


def drop_if_up(server: Postgres, database: str) -> None:
    """Removes a database, unless its server has been ended and all of it is gone."""
    with suppress(psycopg.Error):
        server.drop_database(database)


@contextmanager
def stale_replica(server: Postgres, database: str) -> Iterator[str]:
    """The DSN of a standby that holds a migrated database of this name, and does not get what is stored since."""
    with running(server.binaries, TO_BE_DEMOTED) as standby:
        standby.create_database(database)
        standby.run(database, map(script, STEPS["new"]), role=OWNER)
        standby.demote()
        yield standby.dsn(database)


@contextmanager
def open_transaction(dsn: str) -> Iterator[None]:
    """A session that has begun a transaction and leaves it open."""
    with psycopg.connect(dsn) as connection:
        connection.execute("select 1")
        yield


def new_database(server: Postgres, name: str, schema: str) -> str:
    """A database with the table before (old) or after (new) the change; returns its DSN."""
    return server.create_database(name, template(server, schema))


def template(server: Postgres, schema: str) -> str:
    """The database that is copied for this schema: migrated once per server, which takes longer than a copy."""
    name = f"template_{schema}"
    with server.template_lock:
        if name not in server.templates:
            server.create_database(name)
            server.run(name, map(script, STEPS[schema]), role=OWNER)
            if server.counts_statements:
                server.run(name, ["create extension pg_stat_statements"])
            server.templates.add(name)
    return name


def script(step: str) -> str:
    """The text of one migration."""
    return (MIGRATIONS / step).read_text()
