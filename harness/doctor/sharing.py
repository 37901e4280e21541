"""Whether another environment of the file means the same deployment, or the same database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from harness.configuration.loading import ConfigurationError, load, names_in
from harness.doctor.answers import Answer, ok
from harness.errors import CouldNotTell
from harness.postgres.connection import connect, identity_of, limited, reading, same_database
from harness.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from harness.configuration.models import Environment
    from harness.redaction.redactor import Redactor

SHARED = "shared database"
_ONCE_S = 3.0  # for another environment's database, of which its identity is asked and nothing else


def ask_sharing(file: Path, environment: Environment, identity: str, redact: Redactor) -> list[Answer]:
    """Compare an environment with the others of its file, as far as their variables are set.

    Args:
        file: the file.
        environment: that is examined.
        identity: of its database (`identity_of`), "" where it has none or was not reached.
        redact: learns the secrets of the others.
    """
    others, unread = _others(file, environment.name, redact)
    same = [other.name for other in others if other.origin == environment.origin]
    answers = []
    if same:
        said = f"{', '.join(map(printable, same))} has the same url: one deployment under several names"
        answers.append(ok("shared url", f"{said}; if there are two, set url to its own", "url"))
    if environment.database is None or not identity:
        return answers
    sharing, unasked = [], [*unread]
    for other in others:
        if other.database is not None:
            theirs = _identity(other)
            if not theirs:
                unasked.append(other.name)
            elif same_database(identity, theirs):
                sharing.append(other.name)
    return [*answers, _said(sharing, unasked)]


def _said(sharing: list[str], unasked: list[str]) -> Answer:
    rest = f"; not compared with {', '.join(map(printable, unasked))}, which could not be reached" if unasked else ""
    if not sharing:
        return ok(SHARED, f"no other environment of the file uses this database{rest}", "database")
    names = ", ".join(map(printable, sharing))
    said = f"{names} uses this database too; if the deployments have one each, set database to its own{rest}"
    return ok(SHARED, said, "database")


def _others(file: Path, name: str, redact: Redactor) -> tuple[list[Environment], list[str]]:
    """The other environments of the file, and the names of those that cannot be read now."""
    from harness.configuration.secrets import secrets_of

    found, unread = [], []
    for other in names_in(file):
        if other == name:
            continue
        try:
            (environment,) = load(file, [other])
        except ConfigurationError:
            unread.append(other)
        else:
            redact.add(secrets_of(environment))
            found.append(environment)
    return found, unread


def _identity(environment: Environment) -> str:
    """What tells its database from every other one; "" where it does not answer at once."""
    assert environment.database is not None  # it is asked
    try:
        with (
            connect(environment.database, once_s=_ONCE_S) as connection,
            limited(connection, _ONCE_S),
            reading(connection),
        ):
            return identity_of(connection)
    except (psycopg.Error, CouldNotTell):
        return ""
