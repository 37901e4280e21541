"""The deployment may be fine; what it was verified through is not."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from rehearsal.deployment.replies import LOGIN_PAGE, page
from rehearsal.faults.catalogue import ABOUT_DATABASE, ABOUT_POSTS, ABOUT_STORED, CLAIMS, ON_DEMAND, fault

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rehearsal.deployment.plan import Plan

POSTS = ("every_post_answers_201", "posts_at_once_answer_201")
ROWS = ("rows_agree_with_answers", *ABOUT_DATABASE)
# Where the rows of a run could not be removed again, none is made.
NOTHING_SENT = (*ABOUT_POSTS, *ON_DEMAND, *ABOUT_DATABASE)

READY = {"path": "/", "timeout_s": 2, "revision": "revision"}
OTHER_REVISION = "0ddba11e" * 5


@fault(unknown=NOTHING_SENT)
def wrong_database(plan: Plan) -> None:
    """The published DSN leads to another database, migrated and healthy; the app writes to its own."""
    plan.publish_database = lambda dsn: plan.new_database()


@fault(unknown=[*ABOUT_POSTS, *ON_DEMAND])
def reads_from_a_stale_replica(plan: Plan) -> None:
    """The published DSN leads to a hot standby whose replication has stopped: readable, and without our rows."""
    plan.publish_database = lambda dsn: plan.stale_replica()


@fault(unknown=NOTHING_SENT)
def empty_database(plan: Plan) -> None:
    """The published DSN leads to a database without a table chatbots."""
    plan.publish_database = elsewhere


def elsewhere(dsn: str) -> str:
    """The same server, and its database postgres, which holds nothing."""
    head, _, options = dsn.partition("?")
    return f"{head.rpartition('/')[0]}/postgres?{options}"


@fault(unknown=NOTHING_SENT)
def database_does_not_exist(plan: Plan) -> None:
    """The published DSN names a database that is not there (3D000)."""
    plan.publish_database = lambda dsn: dsn.replace("@/", "@/not_", 1)


@fault(unknown=NOTHING_SENT)
def database_unreachable(plan: Plan) -> None:
    """The published DSN leads to a port where nobody listens; the app itself reaches its database."""
    plan.publish_database = lambda dsn: "postgresql://app@127.0.0.1:1/chatbots?connect_timeout=2"


@fault(unknown=NOTHING_SENT)
def wrong_password(plan: Plan) -> None:
    """The published DSN carries a password that was changed (28P01)."""
    plan.publish_database = lambda dsn: plan.dsn_as("locked_out", "changed-since")


@fault(unknown=NOTHING_SENT, needs="pgbouncer")
def pooler_has_no_free_connection(plan: Plan) -> None:
    """The published DSN leads to a pgbouncer whose only connection is held by an open transaction of another client."""

    def publish(dsn: str) -> str:
        pooled = plan.through_pooler(1)
        plan.hold_a_transaction(pooled)
        return pooled

    plan.publish_database = publish


@fault(unknown=NOTHING_SENT)
def database_down(plan: Plan) -> None:
    """The database takes no connections, neither from the app nor from anybody else; the pages are up."""
    plan.app_dsn = "postgresql://app@127.0.0.1:1/chatbots?connect_timeout=2"
    plan.publish_database = lambda dsn: "postgresql://app@127.0.0.1:1/chatbots?connect_timeout=2"
    plan.pool_timeout_s = 0.2


@fault(unknown=[*ABOUT_POSTS, *ON_DEMAND, *ABOUT_STORED, "id_sequence_is_not_behind"])
def no_right_to_read(plan: Plan) -> None:
    """The published role may connect and may not read the table (42501)."""
    plan.publish_database = lambda dsn: plan.dsn_as("verifier", None)


@fault(unknown=[*ABOUT_POSTS, *ON_DEMAND, *ABOUT_STORED, "id_sequence_is_not_behind"])
def rows_hidden_by_row_level_security(plan: Plan) -> None:
    """The published role may read the table, and its row-level security shows it no row."""
    plan.statements += [
        "grant select on all tables in schema public to verifier",
        "grant select on all sequences in schema public to verifier",
        "alter table chatbots enable row level security",
    ]
    plan.publish_database = lambda dsn: plan.dsn_as("verifier", None)


@fault(unknown=CLAIMS)
def api_down(plan: Plan) -> None:
    """The published URL leads to a port where nobody listens."""
    plan.settings = {"ready": READY}
    plan.publish_url = lambda url: "http://127.0.0.1:1"


@fault(unknown=CLAIMS)
def never_becomes_ready(plan: Plan) -> None:
    """Every request, also for the pages, answers 503: the deployment never comes up."""
    plan.settings = {"ready": READY}

    @plan.around_app
    async def app(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        await page("<html>starting</html>", 503, {"retry-after": "1"})(scope, receive, send)


@fault(unknown=CLAIMS)
def workspace_is_asleep(plan: Plan) -> None:
    """Every request is answered 200 with the HTML of the host's placeholder page."""
    plan.settings = {"ready": READY}

    @plan.around_app
    async def app(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        await page("<html><title>Run this app to see the results here.</title></html>")(scope, receive, send)


@fault(unknown=CLAIMS)
def everything_is_behind_a_login(plan: Plan) -> None:
    """Every request, also for the pages, is answered 200 with the HTML of a login page."""
    plan.settings = {"ready": READY}

    @plan.around_app
    async def app(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        await page(LOGIN_PAGE)(scope, receive, send)


@fault(unknown=CLAIMS)
def old_revision_forever(plan: Plan) -> None:
    """The release did not arrive: the pages name another revision than the one that was deployed, for ever."""
    plan.settings = {"ready": READY}
    plan.revision = OTHER_REVISION


@fault(fail=["revision_is_the_one_deployed"])
def two_revisions_behind_one_address(plan: Plan) -> None:
    """An old instance was not stopped: every second GET is answered by it, with its own revision."""
    plan.settings = {"ready": READY}
    turns = count(1)

    @plan.around_app
    async def app(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        if scope["method"] == "GET" and next(turns) % 2 == 0:
            await JSONResponse({"status": "ok", "revision": OTHER_REVISION})(scope, receive, send)
        else:
            await app(scope, receive, send)
