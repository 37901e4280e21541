"""What wrong answers usually mean, and what to do about them.

Each answer is read by itself, up to a bound, by patterns that are linear in its length: what a server sends decides
neither how long this takes nor what another answer means.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from harness.history.columnar import column
from harness.history.problem import Problem
from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.history.attempt import Attempt
    from harness.history.history import History

MOST_READ = 4096  # characters of an answer
MOST_ANSWERS = 200  # answers that are read; what so many do not say, the others do not either


class Cause(NamedTuple):
    """What wrong answers usually mean, and what to do."""

    cause: str
    remedy: str


UNKNOWN = Cause(
    "the create route fails, or api.create is another route", "look at the deployment's log for these names"
)
THE_ORIGINAL_BUG = Cause(
    "the original bug: a duplicate key (23505) on the token reaches the user as an error",
    "the old generator still makes the token: roll back, or deploy the change that leaves it to Postgres",
)
_SEQUENCE_BEHIND = Cause(
    "a duplicate primary key (23505): the id sequence is behind the ids that are stored",
    "set the sequence to max(id) and look for the import that left it behind",
)
_OLD_SCHEMA = Cause(
    "the new code runs on the old schema (23502): the column has no default yet",
    "run the migration on this deployment's database",
)
_DEFERRED = Cause(
    "a deferred constraint or constraint trigger refused the row at COMMIT (23514 or P0001)",
    "look at the table's triggers that are INITIALLY DEFERRED, and at what they require",
)
_RULE = Cause(
    "a CHECK constraint or a trigger refused the row (23514 or P0001)",
    "look at what it demands; let api.payload send what satisfies it, or fix the trigger",
)
_OLD_CODE = Cause(
    "the old code runs on the new schema (22P02): it still sends its own short token",
    "deploy the code that no longer names the column",
)


DROPPED = Cause(
    "the app does not store the name that it is sent, or stores it in another table",
    "store it with the row, or let api.payload send {name} in a field that is stored. Without it the run cannot find "
    "its rows: delete this one by hand",
)

REPLAYED = Cause(
    "an idempotency layer answers with the answer to an earlier request",
    "let only an explicit Idempotency-Key make two requests one; neither the app nor a gateway may make such a key of "
    "the path, the user or the payload",
)
ROUNDED = Cause(
    "the ids are above 2^53, and a number of JavaScript rounds them: the answer names a row that does not exist",
    "return the id as text, as the driver reads a bigint (BigInt or string), and never convert it to a number",
)
ANSWER_OF_ANOTHER_ROW = Cause(
    "the answer is not made from the row that its INSERT stored: a cache, a second INSERT, or a lost commit",
    "return id and token with the INSERT itself (RETURNING), and answer after the commit",
)
REPLICA = Cause(
    "the database is a replica (pg_is_in_recovery), which may lag behind or follow another primary",
    "give this environment the URL of the primary that the deployment writes to",
)


def usual_cause(wrong: Iterable[Attempt], token_column: str) -> Cause:
    """What the evidence of wrong answers usually means, and what to do.

    One telling answer decides, and what the database says tells more than that there was no answer.

    Args:
        wrong: the attempts that were answered wrongly, or not at all.
        token_column: a duplicate key on it is the original bug.
    """
    of_the_exchange: Cause | None = None
    for number, attempt in enumerate(wrong):
        if number == MOST_ANSWERS:
            break
        said = f"{attempt.evidence[:MOST_READ]}\n{attempt.error[:MOST_READ]}"
        if cause := _of_the_database(said, token_column):
            return cause
        if of_the_exchange is None:
            replayed = REPLAYED if re.search(_REPLAYED, said) else None
            of_the_exchange = replayed or _another_status(attempt) or _first_of(_OF_THE_EXCHANGE, said)
    return of_the_exchange or UNKNOWN


def cause_of_repeats(history: History, repeated: Sequence[str], otherwise: Cause) -> Cause:
    """Why ids or tokens came twice: what the repeated answers say of themselves, else what is usual.

    Args:
        history: the attempts.
        repeated: what came twice; where nothing did, no answer is looked at.
        otherwise: what is usual.
    """
    for attempt in islice(_repeated(history), MOST_ANSWERS) if repeated else ():
        if re.search(_REPLAYED, f"{attempt.evidence[:MOST_READ]}\n{attempt.error[:MOST_READ]}"):
            return REPLAYED
    return otherwise


def _repeated(history: History) -> Iterator[Attempt]:
    """The acknowledged attempts that returned an id or a token of an earlier one."""
    acknowledged = history.acknowledged
    tokens = ((token or "").lower() for token in column(acknowledged, "token"))
    places = {*_seen_before(column(acknowledged, "id")), *_seen_before(tokens)}
    return (acknowledged[place] for place in sorted(places))


def _seen_before(values: Iterable[str | None]) -> Iterator[int]:
    """The places of values that an earlier place has as well."""
    seen: set[str | None] = set()
    for place, value in enumerate(values):
        if value in seen:
            yield place
        seen.add(value)


def _of_the_database(said: str, token_column: str) -> Cause | None:
    """What an answer says of Postgres, or of an ORM in front of it; SQLSTATEs are of PostgreSQL's appendix A."""
    if re.search(_DUPLICATE_KEY, said):
        return _duplicate_key(said, token_column)
    if re.search(_NOT_NULL, said):
        return _not_null(said, token_column)
    if re.search(_REFUSED_BY_A_RULE, said):
        return _DEFERRED if re.search(_AT_COMMIT, said) else _RULE
    return _first_of(_OF_THE_DATABASE, said)


def _another_status(attempt: Attempt) -> Cause | None:
    """Another 2xx than was asked for: the app may be right, and the configuration not."""
    if attempt.problem is not Problem.WRONG_STATUS or not 200 <= (attempt.status or 0) < 300:
        return None
    return Cause(
        f"the create route answers {attempt.status}, and api.status expects another status (201 by default)",
        f"set api.status: {attempt.status} if that is right for this app; otherwise change the route",
    )


def _first_of(causes: tuple[tuple[str, Cause], ...], said: str) -> Cause | None:
    return next((cause for pattern, cause in causes if re.search(pattern, said)), None)


# --- what is told by the constraint or the column that it names -------------------------------------------------------

_DUPLICATE_KEY = r"(?i)duplicate key|\b23505\b|unique constraint|\bP2002\b"
# As Postgres and Prisma name it, also inside JSON, where quotes are escaped.
_CONSTRAINT = lazily(r"(?i)unique constraint \\?[\"'`]([^\"'`\\\n]{1,200})")
_KEY = lazily(r"(?i)\bkey \(\\?\"?([^()\"\\\n]{1,200})\\?\"?\)=")
_FIELDS = lazily(r"(?i)(?:fields?: \(|\"target\"\s*:\s*\[|target: \[)([^)\]\n]{1,200})")


def _duplicate_key(said: str, token_column: str) -> Cause:
    """A duplicate key, by what it is a key of; where nothing says so it is taken for that of the token."""
    constraint = _group(_CONSTRAINT, said)
    keys = [key.strip(" \"'`") for key in _group(_KEY, said).split(",")]
    fields = [field.strip(" \"'`\\") for field in _group(_FIELDS, said).split(",")]
    named = [name for name in (constraint, *keys, *fields) if name]
    if not named or any(_is_of(token_column, name) for name in named):
        return THE_ORIGINAL_BUG
    if constraint.lower().endswith("_pkey") or "id" in (name.lower() for name in (*keys, *fields)):
        return _SEQUENCE_BEHIND
    return Cause(
        f"a duplicate key (23505) of {', '.join(named)}, which is not the token",
        "look at what the payload or the app stores there; let api.payload hold {name} in it if it must be unique",
    )


def _is_of(column: str, name: str) -> bool:
    """Whether a constraint, a column or an ORM's field is of a column, however its words are put together."""
    return _bare(column) in _bare(name)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_NOT_NULL = r"(?i)null value in column|\b23502\b|not-null constraint"
_COLUMN = lazily(r"(?i)in column \\?\"?([^\"\\\n]{1,200}?)\\?\"? (?:of|violates)")


def _not_null(said: str, token_column: str) -> Cause:
    column = _group(_COLUMN, said)
    if not column or _is_of(token_column, column):
        return _OLD_SCHEMA
    return Cause(
        f"a NULL in column {column} (23502), which is not the token",
        f"add what fills {column} to api.payload, or give the column a default",
    )


def _group(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


# --- what is told by a code or a sentence -----------------------------------------------------------------------------

_POOL_TIME_OUT = (
    r"(?i)timeout (?:exceeded )?when trying to connect|timed out fetching a new connection|"
    r"(?:acquiring|obtain|get) (?:a )?connection|\bP2024\b|QueuePool limit"
)
_CONNECTION_ENDED = (
    r"(?i)terminating connection due to (?:administrator command|unexpected postmaster exit)|\b57P0[123]\b|"
    r"server closed the connection unexpectedly|connection terminated unexpectedly|"
    r"the database system is (?:starting up|shutting down|in recovery mode)"
)
_REFUSED_BY_A_RULE = (
    r"(?i)violates check constraint|\bcheck_violation\b|\braise_exception\b|PL/pgSQL function [^\n]{0,200} at RAISE|"
    r"\b23514\b|\bP0001\b"
)
_AT_COMMIT = r"(?i)\b(?:at|on|during|before|query|statement|sql|failed to)\W{1,5}commit\b|deferred"
_REPLAYED = (
    r"(?i)idempoten\w{1,5}[-_ ]?(?:replay|hit|cache)|idempotency.key (?:was |has been |is )?already|"
    r"\bduplicate request\b|"
    r"\brequest (?:has |was )?(?:already|previously) (?:been )?(?:processed|handled|completed)"
)
_OF_THE_DATABASE: tuple[tuple[str, Cause], ...] = (
    (
        r"(?i)cached plan must not change result type|\b0A000\b",
        Cause(
            "statements that were prepared before the migration (0A000): the pool still has connections that are older",
            "restart the deployment, so that its pool reconnects",
        ),
    ),
    (r"(?i)invalid input syntax for type uuid|\b22P02\b", _OLD_CODE),
    (
        r"(?i)function [^\n]{0,200}(?:uuid_generate_v4|gen_random_uuid)[^\n]{0,200} does not exist|\b42883\b",
        Cause(
            "the default's function was not found (42883): uuid-ossp is missing or outside the search_path",
            "create the extension in this database, or name its schema in the default",
        ),
    ),
    (
        r"(?i)reached maximum value of sequence|\b2200H\b",
        Cause(
            "the id sequence has reached its end (2200H)",
            "make the id column and its sequence bigint: no chatbot can be stored until then",
        ),
    ),
    (
        r"(?i)could not serialize access|\b40001\b",
        Cause(
            "transactions that could not be serialized (40001)",
            "let the app repeat the transaction, or lower its isolation level for this INSERT",
        ),
    ),
    (
        r"(?i)deadlock detected|\b40P01\b",
        Cause("a deadlock (40P01)", "look in the server's log for the two statements, and let both lock in one order"),
    ),
    (
        r"(?i)canceling statement due to (?:statement|lock) timeout|\b57014\b|\b55P03\b",
        Cause(
            "a statement that took too long, or waited too long for a lock (57014, 55P03)",
            "look for a migration, a long transaction or a busy server: who holds a lock on the table?",
        ),
    ),
    (
        _CONNECTION_ENDED,
        Cause(
            "the database ended the app's connection (57P01): a restart, a failover, or a pooler that closes idle ones",
            "check whether the database was restarted during the run, and run again; else let the app's pool test or "
            "renew connections that were idle",
        ),
    ),
    (
        r"(?i)too many (?:clients|connections)|remaining connection slots|\b53300\b",
        Cause(
            "the database has no free connection (53300)",
            "lower the app's pool size, or raise max_connections; lower burst if users never come so many at once",
        ),
    ),
    (
        _POOL_TIME_OUT,
        Cause(
            "the app's connection pool had no free connection in time",
            "raise the pool's size, or lower burst if users never come so many at once",
        ),
    ),
)
_OF_THE_EXCHANGE: tuple[tuple[str, Cause], ...] = (
    (
        r"no whole answer within|time-out",
        Cause(
            "the deployment did not answer in time",
            "look for locks, a full connection pool or a cold start; raise api.timeout_s only if users wait that long",
        ),
    ),
    (
        r"the connection was lost|ended before its announced end",
        Cause(
            "the deployment dropped the request without a whole answer; its row may be stored",
            "look for a crash or a restart in the deployment's log",
        ),
    ),
)
