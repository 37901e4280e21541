"""Which table is meant: the one whose token is handed out, and none where that is not plain."""

from __future__ import annotations

import pytest

from harness.drafting.choosing import choose, identifier_of
from harness.source.migrations.tables import SourceColumn, SourceTable
from harness.source.routes.facts import Doubt


def table(name: str, *columns: str) -> SourceTable:
    """A table with these columns: `name`, `name type`, with a ! where it is a primary key."""
    made = []
    for column in columns:
        own, _, type_ = column.partition(" ")
        bare = own.rstrip("!")
        made.append(SourceColumn(bare, "", type_ or "text", False, False, own != bare, None))
    return SourceTable(name, tuple(made), None)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (["chatbots public_token"], "chatbots.public_token"),
        (["chatbots public_token", "links share_token", "sessions token"], "chatbots.public_token"),
        (["chatbots public_token", "forms public_token"], "chatbots.public_token"),
        (["bots share_token", "users reset_token", "oauth_accounts token"], "bots.share_token"),
        (["assistants token", "api_keys token", "verification_token token"], "assistants.token"),
        (["Chatbot publicToken"], "Chatbot.publicToken"),
        (["links share_token", "forms embed_token"], None),
        (["forms public_token", "polls public_token"], None),
        (["chatbots public_id"], None),  # it may be one, which is not enough
        (["users access_token", "chatbots name"], None),
        (["chatbots public_token:integer"], None),
        ([], None),
    ],
)
def test_one_table_is_chosen_or_none(tables: list[str], expected: str | None) -> None:
    """By the names and types of columns."""
    made = [table(name, "id", column.replace(":", " ")) for name, column in (one.split(" ") for one in tables)]
    choice = choose(made)
    found = None if isinstance(choice, Doubt) else f"{choice[0].name}.{choice[1].name}"
    assert found == expected


def test_what_may_be_meant_is_listed() -> None:
    """A few of many, the likeliest first."""
    many = [table(f"t{n}", "share_token") for n in range(20)]
    choice = choose([table("chatbots", "public_id"), *many])
    assert isinstance(choice, Doubt)
    assert choice.why == "it may be " + ", ".join(f"t{n}.share_token" for n in range(5)) + " and 16 more"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["key!", "id"], "key"),
        (["id", "name"], "id"),
        (["a!", "b!"], None),
        (["number", "name"], None),
    ],
)
def test_the_id_is_the_primary_key(columns: list[str], expected: str | None) -> None:
    """Of one column, or the column that is called so."""
    found = identifier_of(table("t", *columns))
    assert (None if isinstance(found, Doubt) else found.name) == expected
