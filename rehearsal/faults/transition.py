"""Code and schema are not of the same release."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from rehearsal.deployment.plan import INSERT_OLD, Stored
from rehearsal.faults.catalogue import ABOUT_ACKNOWLEDGED, fault

if TYPE_CHECKING:
    from rehearsal.deployment.plan import Connection, Insert, Plan, Wanted

POSTS = ("every_post_answers_201", "posts_at_once_answer_201")
OLD_SCHEMA = ("column_is_uuid", "default_is_a_database_v4_generator", "stored_tokens_are_version_4")


def old_code(plan: Plan) -> None:
    """The app before the change: a random token of 8 characters, named in the INSERT."""
    plan.insert_sql = INSERT_OLD

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        return await insert(connection, replace(wanted, token=secrets.token_hex(4)))


@fault(fail=["tokens_are_version_4", "app_leaves_the_token_to_postgres", *OLD_SCHEMA])
def app_still_makes_the_token(plan: Plan) -> None:
    """Nothing was deployed and nothing migrated: short tokens made by the app, in a column of text."""
    plan.schema = "old"
    old_code(plan)


@fault(fail=[*POSTS, *OLD_SCHEMA], unknown=ABOUT_ACKNOWLEDGED)
def new_code_on_the_old_schema(plan: Plan) -> None:
    """The migration was not run; the INSERT leaves out a NOT NULL column without a default: 23502."""
    plan.schema = "old"


@fault(
    fail=[*POSTS, *OLD_SCHEMA, "column_is_not_null", "stored_tokens_are_not_null"],
    unknown=ABOUT_ACKNOWLEDGED,
)
def new_code_on_the_old_nullable_schema(plan: Plan) -> None:
    """The migration was not run and the old column allows NULL: 201 with a null token, and a row without one."""
    plan.schema = "old"
    plan.statements.append("alter table chatbots alter column public_token drop not null")


@fault(fail=[*POSTS, *OLD_SCHEMA], unknown=ABOUT_ACKNOWLEDGED)
def new_code_on_the_old_schema_with_an_empty_default(plan: Plan) -> None:
    """The migration was not run and the old column defaults to '': the first POST stores it, the second gets 23505."""
    plan.schema = "old"
    plan.statements.append("alter table chatbots alter column public_token set default ''")


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def old_code_on_the_new_schema(plan: Plan) -> None:
    """The migration was run and the old release still serves: its short token is not a uuid, 22P02."""
    old_code(plan)


@fault(fail=[*POSTS, "app_leaves_the_token_to_postgres"], unknown=["same_payload_makes_two"])
def old_instance_answers_every_third_post(plan: Plan) -> None:
    """The migration was run, and one instance of three still runs the old code: its POSTs answer 500 with 22P02."""
    turns = count(1)

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        if next(turns) % 3 != 0:
            return await insert(connection, wanted)
        values = {"name": wanted.name, "token": secrets.token_hex(4), "require_auth": wanted.require_auth}
        try:
            await connection.execute(INSERT_OLD.encode(), values)
        finally:
            await asyncio.sleep(0.05)  # a statement that fails is not counted: it is only seen while it is the last one
        raise AssertionError("a short token was taken for a uuid")


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def statements_prepared_before_the_migration(plan: Plan) -> None:
    """The pool prepared its INSERT before the migration and was not recycled: 0A000, cached plan, on every call."""
    plan.schema = "old"
    plan.migrate_later = True
    plan.on_connect = (
        "prepare create_chatbot (text, boolean) as"
        " insert into chatbots (name, require_auth) values ($1, $2) returning id, public_token"
    )

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        from psycopg import sql

        # EXECUTE is a utility statement, which takes no parameters.
        execute = sql.SQL("execute create_chatbot ({}, {})").format(wanted.name, wanted.require_auth)
        cursor = await connection.execute(execute)
        row = await cursor.fetchone()
        assert row is not None
        return Stored(row[0], wanted.name, row[1], wanted.require_auth)
