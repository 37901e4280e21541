"""What one deployment is made of, before it is started.

`Plan()` is the healthy deployment after the change. A fault or a healthy variant gets a fresh plan and changes it in
place. There are four places to change:

- the database: `schema`, `statements`, `later`;
- the app's statements and connections: `insert_sql`, `on_connect`, `around_insert`;
- the app's answers: `answer`, `around_create`, `around_app`;
- what is published about it: `publish_url`, `publish_database`, `revision`, `settings`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

REVISION = "5ca1ab1e" * 5  # the commit that a deployer believes to have deployed

INSERT = "insert into chatbots (name, require_auth) values (%(name)s, %(require_auth)s) returning id, public_token"
INSERT_OLD = (
    "insert into chatbots (name, public_token, require_auth) values (%(name)s, %(token)s, %(require_auth)s)"
    " returning id, public_token"
)
DELETE = "delete from chatbots where id = %(id)s"


@dataclass(frozen=True)
class Wanted:
    """A chatbot that a client asked for. `payload` is all that it sent; `token` is for apps that make one up."""

    name: str
    require_auth: bool
    payload: dict[str, Any]
    token: str | None = None


@dataclass(frozen=True)
class Stored:
    """A chatbot as the app believes to have stored it."""

    id: Any
    name: str
    public_token: Any
    require_auth: bool


if TYPE_CHECKING:
    Connection = AsyncConnection[tuple[Any, ...]]
    Insert = Callable[[Connection, Wanted], Awaitable[Stored]]
    AroundInsert = Callable[[Connection, Wanted, Insert], Awaitable[Stored]]
    Create = Callable[[Request], Awaitable[Response]]
    AroundCreate = Callable[[Request, Create], Awaitable[Response]]
    AroundApp = Callable[[Scope, Receive, Send, ASGIApp], Awaitable[None]]


def answer(stored: Stored) -> dict[str, Any]:
    """The JSON of a 201."""
    return {
        "id": stored.id,
        "name": stored.name,
        "public_token": None if stored.public_token is None else str(stored.public_token),
        "require_auth": stored.require_auth,
    }


@dataclass
class Plan:
    """One deployment. See the module's docstring for how its parts belong together."""

    has_uuid_ossp: bool = True  # a fact about the server, not a wish
    counts_statements: bool = False  # likewise: whether pg_stat_statements is to be had
    new_database: Callable[[], str] = lambda: ""  # makes one more migrated database; returns its DSN
    dsn_as: Callable[[str, str | None], str] = lambda role, password: ""  # this database for another role
    stale_replica: Callable[[], str] = lambda: ""  # starts a standby that follows nobody; returns its DSN
    behind_proxy: Callable[[str], str] = lambda url: url  # starts an nginx in front of this URL; returns its own
    through_pooler: Callable[[int], str] = lambda connections: ""  # starts a pgbouncer with so many; returns its DSN
    hold_a_transaction: Callable[[str], None] = lambda dsn: None  # opens one there, until the deployment ends

    schema: Literal["old", "new"] = "new"  # old: migration 0002 has not been run
    statements: list[str] = field(default_factory=list)  # by the superuser, before the app starts
    later: list[str] = field(default_factory=list)  # by the superuser, after the app has opened its connections
    migrate_later: bool = False  # run 0002 then, before `later`

    insert_sql: str = INSERT  # with %(name)s, %(require_auth)s and, if wanted, %(token)s; returns id and token
    delete_sql: str = DELETE
    autocommit: bool = False  # each statement by itself, as Node's pools do, instead of a transaction a request
    on_connect: str | None = None  # run by the app once on each connection of its pool
    app_dsn: str | None = None  # another database for the app than the one that was migrated
    prepare_threshold: int | None = 5  # as psycopg has it: from which time on a statement is prepared; None: never
    pool_size: int = 8
    pool_timeout_s: float = 30.0
    inserts: list[AroundInsert] = field(default_factory=list)

    answer: Callable[[Stored], dict[str, Any]] = answer
    creates: list[AroundCreate] = field(default_factory=list)
    apps: list[AroundApp] = field(default_factory=list)
    bearer: str | None = None  # every request to /api needs this bearer token
    login: tuple[str, str] | None = None  # user and password; every request to /api needs the cookie of POST /login

    revision: str = REVISION  # what the health page says
    publish_url: Callable[[str], str] = lambda url: url  # the URL that is told to whoever verifies
    publish_database: Callable[[str], str] = lambda dsn: dsn  # the DSN that is told to whoever verifies
    settings: dict[str, Any] = field(default_factory=dict)  # what whoever verifies must set, as in environments.yaml

    def around_insert(self, wrapper: AroundInsert) -> AroundInsert:
        """Wraps the INSERT, inside its transaction. Usable as a decorator; the last one given is the outermost."""
        self.inserts.append(wrapper)
        return wrapper

    def around_create(self, wrapper: AroundCreate) -> AroundCreate:
        """Wraps the whole handling of POST /api/chatbots, from request to response, transaction included."""
        self.creates.append(wrapper)
        return wrapper

    def around_app(self, wrapper: AroundApp) -> AroundApp:
        """Wraps the app as ASGI middleware, for HTTP requests only."""
        self.apps.append(wrapper)
        return wrapper
