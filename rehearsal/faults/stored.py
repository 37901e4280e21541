"""What is stored already is wrong, or will be in the way; POSTs may all succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.faults.catalogue import ABOUT_ACKNOWLEDGED, fault
from rehearsal.faults.schema import DROP_UNIQUE

if TYPE_CHECKING:
    from rehearsal.deployment.plan import Plan

POSTS = ("every_post_answers_201", "posts_at_once_answer_201")

COPY_A_TOKEN = (
    "insert into chatbots (name, public_token) select 'copy of ' || name, public_token from chatbots where id = 7"
)


@fault(fail=["stored_tokens_are_distinct"])
def duplicates_hidden_from_the_index(plan: Plan) -> None:
    """Two rows share a token and the unique index, valid by the catalog, knows only one: asking it finds nothing.

    A restored index or a bug of the storage leaves this behind; here the row is stored while the index is not kept up.
    """
    keep_up = "update pg_index set indisready = {0}, indisvalid = {0} where indexrelid = '{1}'::regclass"
    plan.statements += [
        keep_up.format("false", "chatbots_public_token_key"),
        COPY_A_TOKEN,
        keep_up.format("true", "chatbots_public_token_key"),
    ]


@fault(fail=["token_is_unique_by_index", "stored_tokens_are_distinct"])
def duplicates_are_stored(plan: Plan) -> None:
    """There is no unique index, and two chatbots share a token already."""
    plan.statements += [DROP_UNIQUE, COPY_A_TOKEN]


@fault(fail=["column_is_not_null", "stored_tokens_are_not_null"])
def nulls_are_stored(plan: Plan) -> None:
    """The column lost its NOT NULL and three old chatbots lost their tokens."""
    plan.statements += [
        "alter table chatbots alter column public_token drop not null",
        "update chatbots set public_token = null where id <= 3",
    ]


@fault(fail=["stored_tokens_are_not_null"])
def nulls_hidden_behind_not_null(plan: Plan) -> None:
    """The column is NOT NULL by the catalog, and three rows have none: the mark was set without looking at them.

    PostgreSQL 18 does this on request (NOT NULL NOT VALID), a hand in the catalog did it before.
    """
    plan.statements += [
        "alter table chatbots alter column public_token drop not null",
        "update chatbots set public_token = null where id <= 3",
        (
            "update pg_attribute set attnotnull = true"
            " where attrelid = 'chatbots'::regclass and attname = 'public_token'"
        ),
    ]


def stored(plan: Plan, token: str) -> None:
    """One old chatbot has this token."""
    plan.statements.append(f"update chatbots set public_token = '{token}' where id = 7")


@fault(fail=["stored_tokens_are_version_4"])
def version_1_is_stored(plan: Plan) -> None:
    """An old chatbot has a token of version 1: the backfill used uuid_generate_v1()."""
    stored(plan, "8b3a1c2e-7d1f-11ee-b962-0242ac120002")


@fault(fail=["stored_tokens_are_version_4"])
def version_7_is_stored(plan: Plan) -> None:
    """An old chatbot has a token of version 7: it tells when it was made."""
    stored(plan, "018f3b6a-5c1d-7b2e-9c3f-1a2b3c4d5e6f")


@fault(fail=["stored_tokens_are_version_4"])
def nil_is_stored(plan: Plan) -> None:
    """An old chatbot has the nil UUID for a token: the backfill had nothing to put there."""
    stored(plan, "00000000-0000-0000-0000-000000000000")


@fault(fail=["stored_tokens_are_version_4"])
def padded_legacy_tokens_are_stored(plan: Plan) -> None:
    """The migration padded the old short tokens with zeros, to make the cast pass: they are as guessable as before."""
    plan.statements.append(
        "update chatbots set public_token = rpad(encode(convert_to(l.legacy_token, 'UTF8'), 'hex'), 32, '0')::uuid"
        " from chatbots_legacy_tokens l where l.chatbot_id = chatbots.id and chatbots.id <= 10"
    )


@fault(fail=["stored_tokens_are_random"])
def padded_legacy_tokens_shaped_as_version_4_are_stored(plan: Plan) -> None:
    """The migration padded two old tokens with zeros and forced the version and variant bits of version 4 into them."""
    forced = "set_byte(set_byte(rpad(l.legacy_token, 16, '0')::bytea, 6, 64), 8, 128)"
    plan.statements.append(
        f"update chatbots set public_token = encode({forced}, 'hex')::uuid"
        " from chatbots_legacy_tokens l where l.chatbot_id = chatbots.id and chatbots.id <= 2"
    )


@fault(fail=["stored_tokens_are_version_4"])
def md5_of_legacy_tokens_is_stored(plan: Plan) -> None:
    """The migration replaced each old token by its md5, cast to uuid: whoever had the old one can compute it.

    Of the ten rows some show another version than 4; an md5 shows 4 in one of 64 rows by chance.
    """
    plan.statements.append(
        "update chatbots set public_token = md5(l.legacy_token)::uuid"
        " from chatbots_legacy_tokens l where l.chatbot_id = chatbots.id and chatbots.id <= 10"
    )


@fault(fail=["id_sequence_is_not_behind"])
def id_sequence_is_behind(plan: Plan) -> None:
    """A row was imported with an id of its own, 90: POSTs succeed until the sequence gets there, then answer 500."""
    plan.statements.append("insert into chatbots (id, name) values (90, 'imported')")


@fault(fail=[*POSTS, "id_sequence_is_not_behind"], unknown=ABOUT_ACKNOWLEDGED)
def id_sequence_was_restarted(plan: Plan) -> None:
    """A restore put the sequence back to 1: every POST answers 500, 23505, and not because of the token."""
    plan.statements.append("alter sequence chatbots_id_seq restart")
