"""The app returns, or makes up, the wrong token."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from rehearsal.deployment.plan import Stored
from rehearsal.deployment.replies import body_of, changed
from rehearsal.faults.catalogue import ABOUT_ACKNOWLEDGED, fault

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rehearsal.deployment.plan import Connection, Create, Insert, Plan, Wanted

POSTS = ("every_post_answers_201", "posts_at_once_answer_201")

INSERT_WITH_TOKEN = (
    "insert into chatbots (name, require_auth, public_token) values (%(name)s, %(require_auth)s, %(token)s)"
    " returning id, public_token"
)


def returns(plan: Plan, spoil: Callable[[str], Any]) -> None:
    """The answer carries something else than the stored token, made from it."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        response = await create(request)
        return changed(response, public_token=spoil(body_of(response).get("public_token", "")))


def stores(plan: Plan, make: Callable[[], str]) -> None:
    """The app makes the token itself and names the column in its INSERT."""
    plan.insert_sql = INSERT_WITH_TOKEN

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        return await insert(connection, replace(wanted, token=make()))


def shaped_as_version_4(digest: bytes) -> str:
    """16 bytes with the version and variant bits of a version 4 UUID forced into them (RFC 9562, 4.1 and 4.2)."""
    return str(uuid.UUID(bytes=digest, version=4))


@fault(fail=["posts_at_once_answer_201", "tokens_are_distinct", "rows_agree_with_answers"])
def reuses_token(plan: Plan) -> None:
    """Every third answer carries the token of the answer before; its row is stored with a token of its own."""
    turns = count(1)
    before = ""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        nonlocal before
        response = await create(request)
        if next(turns) % 3 == 0:
            return changed(response, public_token=before)
        before = body_of(response).get("public_token", before)
        return response


@fault(fail=["rows_agree_with_answers"])
def returns_token_that_is_not_stored(plan: Plan) -> None:
    """The answer carries a fresh version 4 UUID that the app made up after the INSERT; the row has another."""
    returns(plan, lambda token: str(uuid.uuid4()))


@fault(fail=["tokens_differ_between_environments", "app_leaves_the_token_to_postgres"])
def tokens_repeat_in_the_other_environment(plan: Plan) -> None:
    """The app makes the tokens from a counter that starts at 1 in each environment, shaped as version 4."""
    turns = count(1)
    stores(plan, lambda: shaped_as_version_4(hashlib.md5(b"chatbot %d" % next(turns)).digest()))


@fault(fail=["tokens_are_version_4", "stored_tokens_are_version_4", "app_leaves_the_token_to_postgres"])
def app_sends_version_1(plan: Plan) -> None:
    """The app names the column and fills it with a UUID of version 1: time and network address."""
    stores(plan, lambda: str(uuid.uuid1()))


@fault(fail=["app_leaves_the_token_to_postgres"])
def app_makes_a_good_token_itself(plan: Plan) -> None:
    """The app names the column and fills it with a random version 4 UUID; the column's default is never used."""
    plan.autocommit = True
    stores(plan, lambda: str(uuid.uuid4()))


@fault(fail=["app_leaves_the_token_to_postgres"])
def app_makes_a_good_token_in_a_transaction(plan: Plan) -> None:
    """As before, in a transaction: the last statement of each connection is a COMMIT."""
    stores(plan, lambda: str(uuid.uuid4()))


@fault(fail=["app_leaves_the_token_to_postgres"])
def app_makes_a_good_token_behind_a_session_store(plan: Plan) -> None:
    """As before; on the same connection the app then writes the user's session, as a store in Postgres does."""
    plan.autocommit = True
    plan.statements += [
        "create table sessions (id text primary key, seen_at timestamptz)",
        "insert into sessions values ('somebody')",
        "grant all on sessions to app",
    ]
    stores(plan, lambda: str(uuid.uuid4()))

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        stored = await insert(connection, wanted)
        await connection.execute("update sessions set seen_at = now() where id = 'somebody'")
        return stored


@fault(fail=["app_leaves_the_token_to_postgres"])
def orm_makes_a_good_token(plan: Plan) -> None:
    """An ORM quotes and qualifies all names, says where the statement comes from, and fills the token by itself."""
    stores(plan, lambda: str(uuid.uuid4()))
    plan.insert_sql = (
        '/* route: create */ insert into "public"."chatbots" as "c" ("id", "name", "require_auth", "public_token")'
        " values (default, %(name)s, %(require_auth)s, cast(%(token)s as uuid))"
        ' returning "c"."id", "c"."public_token"'
    )


@fault(fail=["app_leaves_the_token_to_postgres"])
def app_updates_the_token(plan: Plan) -> None:
    """The INSERT leaves the token out; an UPDATE right after it stores a version 4 UUID that the app has made."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        stored = await insert(connection, wanted)
        made = uuid.uuid4()
        await connection.execute("update chatbots set public_token = %s where id = %s", [made, stored.id])
        return replace(stored, public_token=made)


@fault(fail=["app_leaves_the_token_to_postgres"])
def function_makes_the_token_of_a_name(plan: Plan) -> None:
    """The app calls a function, which is handed the token that the app has made, and inserts it."""
    stores(plan, lambda: str(uuid.uuid4()))
    plan.statements.append(
        "create function make_chatbot(p_name text, p_auth boolean, p_token uuid, out id bigint, out token uuid)"
        " language sql as 'insert into chatbots (name, require_auth, public_token)"
        " values (p_name, p_auth, p_token) returning chatbots.id::bigint, chatbots.public_token'"
    )
    plan.insert_sql = "select id, token from make_chatbot(%(name)s, %(require_auth)s, %(token)s::uuid)"


@fault(fail=["app_leaves_the_token_to_postgres"])
def every_tenth_insert_names_the_token(plan: Plan) -> None:
    """An old instance answers every tenth POST: its INSERT gives the token a value, the others leave it out."""
    turns = count(1)

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        if next(turns) % 10:
            return await insert(connection, wanted)
        values = {"name": wanted.name, "require_auth": wanted.require_auth, "token": uuid.uuid4()}
        cursor = await connection.execute(INSERT_WITH_TOKEN, values)
        ((id_, token),) = await cursor.fetchall()
        return Stored(id_, wanted.name, token, wanted.require_auth)


@fault(fail=["client_cannot_choose_the_token", "app_leaves_the_token_to_postgres"])
def honours_the_clients_token(plan: Plan) -> None:
    """A POST that brings a public_token gets it: the app copies what it is sent into its INSERT."""
    plan.insert_sql = (
        "insert into chatbots (name, require_auth, public_token)"
        " values (%(name)s, %(require_auth)s, coalesce(%(token)s::uuid, gen_random_uuid()))"
        " returning id, public_token"
    )

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        return await insert(connection, replace(wanted, token=wanted.payload.get("public_token")))


@fault(fail=["tokens_are_random", "stored_tokens_are_random", "app_leaves_the_token_to_postgres"])
def app_pads_the_old_token(plan: Plan) -> None:
    """The app still makes eight random characters, and pads them into the shape of a version 4 UUID."""
    stores(plan, lambda: shaped_as_version_4(f"chatbot-{secrets.token_hex(4)}".encode()))


@fault(fail=["tokens_are_version_4", "stored_tokens_are_version_4", "app_leaves_the_token_to_postgres"])
def app_sends_version_5(plan: Plan) -> None:
    """The app names the column and fills it with a UUID of version 5 of a counter and a secret."""
    turns, secret = count(1), uuid.uuid4()
    stores(plan, lambda: str(uuid.uuid5(secret, str(next(turns)))))


@fault(fail=["tokens_are_version_4", "stored_tokens_are_version_4", "app_leaves_the_token_to_postgres"])
def app_sends_the_wrong_variant(plan: Plan) -> None:
    """The version nibble says 4 and the variant bits say Microsoft GUID (RFC 9562, 4.1)."""
    stores(plan, lambda: wrong_variant(uuid.uuid4()))


def wrong_variant(token: uuid.UUID) -> str:
    """The same UUID with its variant bits set to 110."""
    return f"{token.hex[:16]}{'c'}{token.hex[17:]}"


@fault(fail=["tokens_are_version_4"])
def returns_token_in_upper_case(plan: Plan) -> None:
    """The answer carries the stored token in upper case."""
    returns(plan, str.upper)


@fault(fail=["tokens_are_version_4"])
def returns_token_without_hyphens(plan: Plan) -> None:
    """The answer carries the stored token as 32 hexadecimal digits."""
    returns(plan, lambda token: token.replace("-", ""))


@fault(fail=["tokens_are_version_4"])
def returns_token_in_braces(plan: Plan) -> None:
    """The answer carries the stored token in braces."""
    returns(plan, lambda token: f"{{{token}}}")


@fault(fail=["tokens_are_version_4"])
def returns_token_with_a_line_end(plan: Plan) -> None:
    """The answer carries the stored token and a line feed after it."""
    returns(plan, lambda token: token + "\n")


@fault(fail=["tokens_are_version_4", "rows_agree_with_answers"])
def returns_a_short_token(plan: Plan) -> None:
    """The answer carries the first eight digits of the stored token, so that old links keep their length."""
    returns(plan, lambda token: token[:8])


@fault(
    fail=[
        "posts_at_once_answer_201",
        "tokens_are_version_4",
        "tokens_are_distinct",
        "same_payload_makes_two",
        "tokens_differ_between_environments",
        "rows_agree_with_answers",
        "same_payload_makes_two",
    ]
)
def returns_the_nil_uuid(plan: Plan) -> None:
    """The answer carries 00000000-0000-0000-0000-000000000000: the field was never filled."""
    returns(plan, lambda token: str(uuid.UUID(int=0)))


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def returns_no_token(plan: Plan) -> None:
    """The answer has a null where the token should be: the INSERT no longer asks for it."""
    returns(plan, lambda token: None)


@fault(unknown=[*POSTS, *ABOUT_ACKNOWLEDGED])
def returns_token_under_another_key(plan: Plan) -> None:
    """The answer names the token publicToken, since a new serialiser turns everything into camel case."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        body = body_of(await create(request))
        body["publicToken"] = body.pop("public_token")
        return JSONResponse(body, status_code=201)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def returns_token_as_a_number(plan: Plan) -> None:
    """The answer carries the token as a JSON number, which JavaScript rounds."""
    returns(plan, lambda token: uuid.UUID(token).int)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def returns_token_in_an_array(plan: Plan) -> None:
    """The answer carries the token in an array of one."""
    returns(plan, lambda token: [token])
