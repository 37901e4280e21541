"""The app that is served on a copy: it knows the label of a table, its id and its token, and nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.deployment.plan import Plan
from rehearsal.dry_run.real_schema import Real, quoted

if TYPE_CHECKING:
    from rehearsal.deployment.plan import Stored


def new_code(real: Real, revision: str) -> Plan:
    """The code after the change: its INSERT leaves the token to the database."""
    table, id_, label, token = names_of(real)
    return Plan(
        insert_sql=f"insert into {table} ({label}) values (%(name)s) returning {id_}, {token}",
        delete_sql=f"delete from {table} where {id_} = %(id)s",
        autocommit=True,
        answer=answer,
        revision=revision,
    )


def old_code(real: Real) -> Plan:
    """The code before the change: its INSERT names the token, which whoever changes the plan provides."""
    table, id_, label, token = names_of(real)
    return Plan(
        insert_sql=f"insert into {table} ({label}, {token}) values (%(name)s, %(token)s) returning {id_}, {token}",
        autocommit=True,
        answer=answer,
        prepare_threshold=None,
    )


def names_of(real: Real) -> list[str]:
    """Table, id, label and token, quoted for a statement with parameters."""
    table = f"{quoted(real.schema)}.{quoted(real.name)}"
    return [part.replace("%", "%%") for part in (table, *map(quoted, (real.id, real.label, real.token)))]


def answer(stored: Stored) -> dict[str, Any]:
    """The JSON of a 201, whatever the types of id and token are."""
    return {
        "id": stored.id if isinstance(stored.id, int) else str(stored.id),
        "name": stored.name,
        "public_token": None if stored.public_token is None else str(stored.public_token),
        "require_auth": stored.require_auth,
    }
