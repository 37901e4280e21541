"""What makes a token a version 4 UUID, in SQL (RFC 9562 section 5.4)."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

# On the bytes of a uuid: a twentieth of the time that a pattern takes on its text.
_OF_BYTES: LiteralString = "get_byte(uuid_send({token}), 6) & 240 = 64 AND get_byte(uuid_send({token}), 8) & 192 = 128"
_OF_TEXT: LiteralString = (
    "{token} {matches} '^[0-9a-f]{{8}}-[0-9a-f]{{4}}-4[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}$'"
)


_UUID_TEXT: LiteralString = "{token} ~* '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'"


def is_uuid_text(token: sql.Composable) -> sql.Composed:
    """A condition on a text: whether it is a UUID's, of whatever version."""
    return sql.SQL(_UUID_TEXT).format(token=token)


def is_version_4(token: sql.Composable, *, is_uuid: bool, in_lower_case: bool = False) -> sql.Composed:
    """A condition on a uuid, or on the text of a token of another type.

    Args:
        token: the expression.
        is_uuid: whether it is of type uuid, and not text.
        in_lower_case: whether text must be in lower case too, as Postgres prints a uuid.
    """
    matches = sql.SQL("~" if in_lower_case else "~*")
    return sql.SQL(_OF_BYTES if is_uuid else _OF_TEXT).format(token=token, matches=matches)
