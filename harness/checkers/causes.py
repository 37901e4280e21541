"""What wrong answers usually mean, and what to do about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.history.attempt import Attempt


def usual_cause(wrong: Iterable[Attempt]) -> tuple[str, str]:
    """What the evidence of wrong answers usually means, and what to do: (cause, remedy).

    SQLSTATEs are of PostgreSQL's appendix A.
    """
    said = "\n".join(f"{a.evidence}\n{a.error}" for a in wrong)
    for pattern, cause, remedy in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            return cause, remedy
    return "the create route fails, or is not the one that was meant", "look at the deployment's log for these names"


_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"(duplicate key|23505|unique constraint)(?s:.*)(_pkey|\bkey \(\"?id\"?\))",
        "a duplicate primary key (23505): the id sequence is behind the ids that are stored",
        "set the sequence to max(id) and look for the import that left it behind",
    ),
    (
        r"duplicate key|23505|unique constraint|P2002",
        "the original bug: a duplicate key (23505) on the token reaches the user as an error",
        "the old generator still makes the token: roll back, or deploy the change that leaves it to Postgres",
    ),
    (
        r"cached plan must not change result type|0A000",
        "statements that were prepared before the migration (0A000): connections of the pool are older than the table",
        "restart the deployment, so that its pool reconnects",
    ),
    (
        r"invalid input syntax for type uuid|22P02",
        "the old code runs on the new schema (22P02): it still sends its own short token",
        "deploy the code that no longer names the column",
    ),
    (
        r"null value in column|23502|not-null constraint",
        "the new code runs on the old schema (23502): the column has no default yet",
        "run the migration on this deployment's database",
    ),
    (
        r"function .*(uuid_generate_v4|gen_random_uuid).* does not exist|42883",
        "the default's function is not to be found (42883): uuid-ossp is missing or outside the search_path",
        "create the extension in this database, or name its schema in the default",
    ),
    (
        r"no whole answer within|time-out",
        "the deployment did not answer in time",
        "look for locks, a full connection pool or a cold start; raise api.timeout_s only if users wait that long",
    ),
    (
        r"the connection was lost|ended before its announced end",
        "the deployment dropped the request without a whole answer; its row may be stored",
        "look for a crash or a restart in the deployment's log",
    ),
)
