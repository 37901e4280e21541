"""`--traffic N`: what users would have met. The migration runs once more, on a copy of its own, while POSTs come in.

The app is the one of before the migration: its INSERT brings a token, as long as those that are stored, or a UUID where
all of them are. It serves on when the migration is through, as it does until the new code is deployed. How the
migration ends without POSTs is told before, and stays the outcome.
"""

from __future__ import annotations

import secrets
import string
import time
from collections import Counter
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from psycopg import sql

from rehearsal.deployment.app import build
from rehearsal.deployment.start import drop_if_up
from rehearsal.dry_run.made_up_rows import stand_in
from rehearsal.dry_run.masking import without_values
from rehearsal.dry_run.posting import posting
from rehearsal.dry_run.real_schema import Real
from rehearsal.dry_run.reference_app import old_code
from rehearsal.dry_run.report import UUID, Report, first_words, say
from rehearsal.dry_run.runner import WORDS, migrate, milliseconds
from rehearsal.dry_run.sessions import DATABASE, by_hand
from rehearsal.servers.http import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from rehearsal.deployment.plan import Connection, Insert, Plan, Stored, Wanted
    from rehearsal.dry_run.posting import Post, Posting
    from rehearsal.dry_run.rights import Rights
    from rehearsal.dry_run.runner import Course, Held, Span
    from rehearsal.dry_run.splitting import Script
    from rehearsal.servers.postgres import Postgres

FEWEST = 5  # POSTs before and after the migration: at least these, and as many as come in a second
WAITED_S, TIMES_AS_LONG = 0.1, 5  # a POST waited that took so long, and so many times as long as usual
ALPHABET = string.ascii_lowercase + string.digits
MEANINGS = {
    "22P02": "the app sends its own token, which is not a UUID",
    "23502": "a column that the app leaves out is NOT NULL",
    "42703": "a column that the app names is gone",
    "42804": "the app sends a text to a column that is a uuid",
    "42P01": "the table that the app names is gone",
    "0A000": "a statement was prepared before the migration",
    "55P03": "lock_timeout ended it while it waited",
    "57014": "statement_timeout ended it",
}
WHEN = {
    "before": "before it",
    "meanwhile": "while it ran",
    "after": "after it, until the new code is deployed",
}


@dataclass(frozen=True)
class Copy:
    """A database like the one that is migrated, made before that."""

    server: Postgres
    name: str

    def drop(self) -> None:
        """Remove it."""
        drop_if_up(self.server, self.name)


def copy_for_traffic(server: Postgres) -> Copy:
    """Copies the table before it is migrated."""
    copy = Copy(server, server.new_name("traffic"))
    server.create_database(copy.name, DATABASE)
    return copy


def meet(report: Report, copy: Copy, real: Real, rights: Rights, script: Script, rate: int) -> None:
    """Migrates the copy while POSTs come in, and tells what they met. Raises CannotRehearse, psycopg.Error."""
    server = copy.server
    with by_hand(server, rights.search_path(), what="readying a copy for POSTs", database=copy.name) as connection:
        stand_in(connection, real, report.rows or 0)
        make, kind = token_maker(connection, real)
    plan = old_code(real)
    bring(plan, make)
    most = max(FEWEST, rate)
    with serving(build(plan, server.dsn(copy.name))) as url, posting(url, rate) as sender:
        sender.wait_for(most)
        began_s = time.monotonic()
        course = migrate(server, script, copy.name)
        ended_s = time.monotonic()
        sender.wait_for(most)
    tell(report, sender, course, kind, rate, (began_s, ended_s))


def bring(plan: Plan, make: Callable[[], str]) -> None:
    """Let the app send a token of its own."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        return await insert(connection, replace(wanted, token=make()))


def token_maker(connection: psycopg.Connection[Any], real: Real) -> tuple[Callable[[], str], str]:
    """What makes tokens like those that are stored, and what to call them."""
    query = sql.SQL(
        "select pg_catalog.count(*), pg_catalog.count(*) filter (where {token}::text operator(pg_catalog.!~*) {uuid}),"
        " mode() within group (order by pg_catalog.length({token}::text)) from {table}"
    ).format(token=sql.Identifier(real.token), table=real.identifier, uuid=sql.Literal(UUID))
    row = connection.execute(query).fetchone()
    stored, short, length = row or (0, 0, None)
    if stored and not short:
        return (lambda: str(uuid4())), "UUIDs"
    size = min(max(length or 8, 4), 64)
    return (lambda: "".join(secrets.choice(ALPHABET) for _ in range(size))), f"tokens of {size} characters"


# --- what is told -----------------------------------------------------------------------------------------------------


def tell(report: Report, sender: Posting, course: Course, kind: str, rate: int, during_s: tuple[float, float]) -> None:
    """Says what users would have met, and puts it into the report."""
    began_s, ended_s = during_s
    posts = sorted(sender.posts, key=lambda post: post.begun_s)
    parts = {
        "before": [post for post in posts if post.ended_s < began_s],
        "meanwhile": [post for post in posts if post.ended_s >= began_s and post.begun_s < ended_s],
        "after": [post for post in posts if post.begun_s >= ended_s],
    }
    usual_s = median([post.took_s for post in parts["before"]] or [0.0])
    late = [post for post in posts if post.took_s > max(WAITED_S, TIMES_AS_LONG * usual_s)]
    phases = [phase(name, of, set(late), began_s) for name, of in parts.items()]
    lock = lock_of([post for post in late if post in parts["meanwhile"]], course)
    report.traffic = {
        "rate": rate,
        "tokens": kind,
        "withheld": sender.withheld,
        "took_ms": round(course.took_s * 1000, 3),
        "failure": failure_of(course),
        "phases": phases,
        "lock": lock,
    }
    say(f"what users would have met, with {rate} POSTs a second to the old app ({kind}):")
    for each in phases:
        say(f"  {in_words(each)}")
    if lock is not None:
        say(f"  they waited for {lock['mode']} on {lock['table']}, taken by line {lock['line']}: {lock['statement']}")
    elif not late:
        say("  no POST waited for a lock")
    if sender.withheld:
        say(f"  {sender.withheld} more were due and not sent, since too many were under way")
    if course.failure is not None and report.failure is None:
        say(f"  with POSTs THE MIGRATION FAILS: {failure_of(course)}")


def failure_of(course: Course) -> str | None:
    """How the migration failed there, without values."""
    if course.failure is None:
        return None
    said = without_values(course.failure.message, course.failure.sqlstate)
    return f"line {course.failure.line}: {course.failure.sqlstate}: {said}"


def phase(name: str, posts: Sequence[Post], late: set[Post], began_s: float) -> dict[str, Any]:
    """What POSTs met in one stretch; seconds count from the beginning of the migration."""
    failed = [post for post in posts if post.failure]
    return {
        "name": name,
        "posts": len(posts),
        "failed": len(failed),
        "causes": dict(Counter(post.failure for post in failed).most_common()),
        "first_failed_s": round(min(post.begun_s for post in failed) - began_s, 3) if failed else None,
        "last_failed_s": round(max(post.ended_s for post in failed) - began_s, 3) if failed else None,
        "waited": sum(post in late for post in posts),
        "slowest_ms": round(max((post.took_s for post in posts), default=0.0) * 1000, 1),
    }


def in_words(of: dict[str, Any]) -> str:
    """One stretch."""
    told = f"{WHEN[of['name']]}: {of['posts']} POSTs, {of['failed']} failed"
    if of["failed"]:
        causes = "; ".join(f"{number} answered {worded(cause)}" for cause, number in of["causes"].items())
        told += f", from {of['first_failed_s']:.1f} s to {of['last_failed_s']:.1f} s after its start ({causes})"
    waited = f", {of['waited']} waited" if of["waited"] else ""
    return f"{told}{waited}, the slowest {milliseconds(of['slowest_ms'] / 1000)}" if of["posts"] else told


def worded(cause: str) -> str:
    """A cause with what it means, where that is known."""
    meaning = MEANINGS.get(cause.rpartition(", ")[2])
    return f"{cause}: {meaning}" if meaning else cause


def lock_of(late: Sequence[Post], course: Course) -> dict[str, Any] | None:
    """The lock of the migration that the POST that waited longest waited for; None where none was held meanwhile."""
    if not late:
        return None
    slowest = max(late, key=lambda post: post.took_s)
    held = [(shared_s(slowest, span), lock, span) for lock in course.locks for span in lock.spans]
    longest_s, lock, span = max(held, key=lambda each: each[0], default=(0.0, None, None))
    if lock is None or span is None or longest_s <= 0:
        return None
    return described(lock, span, sum(shared_s(post, span) > 0 for post in late))


def shared_s(post: Post, span: Span) -> float:
    """For how long a POST was under way while a lock was held."""
    return min(post.ended_s, span.to_s) - max(post.begun_s, span.from_s)


def described(lock: Held, span: Span, waited: int) -> dict[str, Any]:
    """The lock as the report has it."""
    return {
        "table": lock.table,
        "mode": WORDS[lock.mode],
        "line": span.statement.line,
        "statement": first_words(span.statement.text),
        "at_most_ms": round(span.lasted_s * 1000, 3),
        "waited": waited,
    }
