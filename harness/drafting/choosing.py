"""Chooses the table whose token is verified, and its columns, among all that there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.routes.facts import Doubt
from harness.source.spelling import plain, singular, snake
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.source.migrations.tables import SourceColumn, SourceTable

_MAY_HOLD_A_TOKEN = re.compile(r"uuid|text|varchar|char|character|citext|bpchar|string|$", re.IGNORECASE)
# Words of tokens that let somebody in, and of the tables that hold those: none of them is handed out to the public.
_OF_ACCESS = frozenset(
    (
        "access",
        "refresh",
        "reset",
        "verification",
        "verify",
        "session",
        "csrf",
        "api",
        "invite",
        "invitation",
        "confirm",
    )
) | {"confirmation", "remember", "push", "device", "oauth", "secret", "hash", "bearer", "auth", "webhook", "password"}
_TABLES_OF_ACCESS = frozenset(
    ("session", "user", "account", "verification", "password", "invite", "invitation", "oauth", "refresh", "device")
) | {"migration", "credential", "key", "authenticator", "subscriber", "reset", "login"}
_HANDED_OUT = frozenset(("public", "share", "shared", "embed", "widget"))
_SHOWN = 5
Choice = tuple["SourceTable", "SourceColumn"]


def choose(tables: Sequence[SourceTable]) -> Choice | Doubt:
    """The table and its token column, if one of all is plainly meant."""
    ranked: dict[int, list[Choice]] = {}
    for table in tables:
        for column in table.columns:
            rank = _rank(table, column)
            if rank:
                ranked.setdefault(rank, []).append((table, column))
    if not ranked:
        return Doubt("no column looks like a public token")
    best = ranked[max(ranked)]
    if len(best) > 1:
        chatbots = [choice for choice in best if singular(plain(_bare(choice[0]))) in ("chatbot", "bot")]
        best = chatbots if len(chatbots) == 1 else best
    if len(best) == 1 and max(ranked) > 1 and best[0][0].name and best[0][1].name:
        return best[0]
    every = [choice for rank in sorted(ranked, reverse=True) for choice in ranked[rank]]
    shown = ", ".join(f"{printable(t.name or '?', 80)}.{printable(c.name or c.key, 80)}" for t, c in every[:_SHOWN])
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return Doubt(f"it may be {shown}{more}")


def _bare(table: SourceTable) -> str:
    return table.name.rpartition(".")[2]


def _rank(table: SourceTable, column: SourceColumn) -> int:
    """3 where a column is plainly a public token, 2 where it is called a token, 1 where it may be one, else 0."""
    words = set(snake(column.name or column.key).split("_"))
    if not _MAY_HOLD_A_TOKEN.match(column.type):
        return 0
    if "token" in words and "public" in words:
        return 3
    if not words.isdisjoint(_OF_ACCESS):
        return 0
    if not {singular(word) for word in snake(_bare(table)).split("_")}.isdisjoint(_TABLES_OF_ACCESS):
        return 0
    if "token" in words:
        return 2
    handed_out = not words.isdisjoint(_HANDED_OUT)
    return 1 if handed_out and not words.isdisjoint({"id", "key", "slug", "uuid", "code", "ref", "link"}) else 0


def identifier_of(table: SourceTable) -> SourceColumn | Doubt:
    """The id column: the primary key of one column, or the one that is called `id`."""
    primary = [column for column in table.columns if column.primary and column.name]
    if len(primary) == 1:
        return primary[0]
    if len(primary) > 1:
        return Doubt("the primary key has several columns")
    called = table.column("id")
    return called if called is not None else Doubt("no column is known to be the primary key")
