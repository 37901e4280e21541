"""Tokens are secrets: of each that is shown, its first characters and its length."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

from rehearsal.dry_run.real_schema import Real

SHOWN = 3
MOST = 200

# How Postgres quotes values, in messages of class 22 and 23 and their details.
QUOTED = re.compile(r'(?<=: ")(.*)(?="$)', re.DOTALL)
KEY = re.compile(r"(?<=\)=\()(.*)(?=\) )", re.DOTALL)
ROW = re.compile(r"(?<=Failing row contains \()(.*)(?=\))", re.DOTALL)

IN_A_TEXT = """
select distinct t from (select {token}::text as t from {table}) as tokens
where length(t) > {shown} and strpos(lower({text}), lower(t)) > 0 order by t limit {most}
"""


def masked(token: str) -> str:
    """abc... (36 characters)"""
    return token if len(token) <= SHOWN else f"{token[:SHOWN]}... ({len(token)} characters)"


def without_values(text: str, sqlstate: str) -> str:
    """What Postgres says, without the values that it quotes where it is about data."""
    if sqlstate[:2] not in ("22", "23"):
        return text
    text = ROW.sub(lambda found: f"{len(found[1])} characters", text)
    for pattern in (QUOTED, KEY):
        text = pattern.sub(lambda found: masked(found[1]), text)
    return text


def without_tokens(connection: psycopg.Connection[Any], real: Real, text: str) -> str:
    """A text without the tokens of the throwaway table, which a migration may RAISE. As it is where there are none."""
    query = sql.SQL(IN_A_TEXT).format(
        token=sql.Identifier(real.token),
        table=real.identifier,
        text=sql.Literal(text),
        shown=sql.Literal(SHOWN),
        most=sql.Literal(MOST),
    )
    try:
        found = [token for (token,) in connection.execute(query)] if text else []
    except psycopg.Error:
        return text  # the migration has done away with the column
    for token in sorted(found, key=len, reverse=True):
        text = re.sub(re.escape(token), masked(token), text, flags=re.IGNORECASE)
    return text
