"""What the app answers and what the table holds are two different things."""

from __future__ import annotations

import uuid
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from rehearsal.deployment.replies import Raw, duplicate_key
from rehearsal.faults.catalogue import ABOUT_ACKNOWLEDGED, ABOUT_DATABASE, ABOUT_POSTS, ON_DEMAND, fault

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rehearsal.deployment.plan import Connection, Create, Insert, Plan, Stored, Wanted

POSTS = ("every_post_answers_201", "posts_at_once_answer_201")
# With none of the acknowledged rows in it, this may be another database than the app's: nothing it says counts.
FIRST_ALONE = (*ABOUT_POSTS, *ON_DEMAND)  # its row is not found, and no other POST is sent
NO_ROW = (*FIRST_ALONE, *ABOUT_DATABASE)


@fault(fail=["rows_agree_with_answers"])
def stores_row_twice(plan: Plan) -> None:
    """Each POST stores two rows of the same name and answers with the second."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        await insert(connection, wanted)
        return await insert(connection, wanted)


@fault(fail=["rows_agree_with_answers"])
def retries_every_third_insert(plan: Plan) -> None:
    """A retry around the INSERT takes every third success for a failure: two rows, the answer is the second."""
    turns = count(1)

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        if next(turns) % 3 == 0:
            await insert(connection, wanted)
        return await insert(connection, wanted)


@fault(unknown=NO_ROW)
def answers_201_and_stores_nothing(plan: Plan) -> None:
    """Every INSERT is rolled back after it has returned its id and token, and the answer is 201."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        async with connection.transaction(force_rollback=True):
            return await insert(connection, wanted)


@fault(fail=["rows_agree_with_answers"])
def loses_every_third_row(plan: Plan) -> None:
    """Every third INSERT is rolled back after it has returned its id and token, and the answer is 201."""
    turns = count(1)

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        async with connection.transaction(force_rollback=next(turns) % 3 == 0):
            return await insert(connection, wanted)


@fault(fail=[*POSTS, "rows_agree_with_answers"], unknown=["same_payload_makes_two"])
def answers_500_after_commit(plan: Plan) -> None:
    """Every third POST stores its row, fails afterwards and answers 500: the client will try again."""
    turns = count(1)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        response = await create(request)
        return duplicate_key(request) if next(turns) % 3 == 0 else response


@fault(fail=POSTS, unknown=["same_payload_makes_two"])
def resets_after_commit(plan: Plan) -> None:
    """Every third POST stores its row, and then the connection is reset without an answer."""
    turns = count(1)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        response = await create(request)
        return Raw() if next(turns) % 3 == 0 else response


@fault(fail=POSTS, unknown=["same_payload_makes_two"])
def resets_before_commit(plan: Plan) -> None:
    """Every third POST is reset without an answer, and nothing is stored for it."""
    turns = count(1)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return Raw() if next(turns) % 3 == 0 else await create(request)


@fault(fail=["rows_agree_with_answers"], unknown=[claim for claim in FIRST_ALONE if claim != "rows_agree_with_answers"])
def stores_under_another_name(plan: Plan) -> None:
    """The name is cut to five characters when it is stored; the answer carries the whole."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        stored = await insert(connection, replace(wanted, name=wanted.name[:5]))
        return replace(stored, name=wanted.name)


@fault(fail=["rows_agree_with_answers", "app_leaves_the_token_to_postgres"])
def replaces_the_token_after_the_answer_is_made(plan: Plan) -> None:
    """A job rotates the token right after the INSERT; the answer carries the one before."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        stored = await insert(connection, wanted)
        rotate = b"update chatbots set public_token = %(token)s where id = %(id)s"
        await connection.execute(rotate, {"token": uuid.uuid4(), "id": stored.id})
        return stored


@fault(fail=["ids_are_distinct", "rows_agree_with_answers"], unknown=["app_leaves_the_token_to_postgres"])
def overwrites_the_row_before(plan: Plan) -> None:
    """Every third POST is taken for an edit of the chatbot before: its row gets the new name and a new token."""
    turns = count(1)
    before: Stored | None = None

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        nonlocal before
        if next(turns) % 3 != 0 or before is None:
            before = await insert(connection, wanted)
            return before
        stored = replace(before, name=wanted.name, public_token=uuid.uuid4())
        edit = b"update chatbots set name = %(name)s, public_token = %(token)s where id = %(id)s"
        await connection.execute(edit, {"name": stored.name, "token": stored.public_token, "id": stored.id})
        return stored


@fault(unknown=NO_ROW)
def writes_to_another_schema(plan: Plan) -> None:
    """The app's search_path leads to tenant.chatbots, a healthy copy; public.chatbots is what everybody looks at."""
    plan.statements += [
        "create schema tenant authorization app",
        "create table tenant.chatbots (like public.chatbots including all)",
        "alter table tenant.chatbots owner to app",
    ]
    plan.on_connect = "set search_path = tenant, public"


@fault(unknown=NO_ROW)
def keeps_chatbots_in_memory(plan: Plan) -> None:
    """A forgotten stub answers from memory: good ids and tokens, no database."""
    ids = count(51)

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        from rehearsal.deployment.plan import Stored

        return Stored(next(ids), wanted.name, uuid.uuid4(), wanted.require_auth)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def swallows_the_conflict(plan: Plan) -> None:
    """The old 23505 handler stayed: it takes every success for a conflict and answers 201 with nulls."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        await insert(connection, wanted)
        from rehearsal.deployment.plan import Stored

        return Stored(None, wanted.name, None, wanted.require_auth)
