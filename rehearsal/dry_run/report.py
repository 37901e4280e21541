"""What is said of a rehearsed migration: on standard error while it goes on, and in a report for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from rehearsal.dry_run.masking import masked, without_tokens, without_values
from rehearsal.dry_run.real_schema import Real
from rehearsal.dry_run.runner import BLOCKING, WORDS, Course, Failure, milliseconds
from rehearsal.dry_run.splitting import Script

SCHEMA = "chatbots-smoke/rehearsal/1"
LONGEST_STATEMENT_LINES, MOST_STATEMENTS = 12, 40
UUID = r"^(([0-9a-f]{4}-?){7}[0-9a-f]{4}|\{([0-9a-f]{4}-?){7}[0-9a-f]{4}\})$"  # what uuid_in of Postgres takes

ELSEWHERE = (
    "the file raised it by itself: other tables are empty here and other columns made up; where it looks at those, try"
    " it on a restored backup"
)
REMEDIES = {
    "22P02": "decide what becomes of tokens that are no UUID: a new uuid column, or a new token where the cast fails",
    "23502": "fill the NULLs before NOT NULL is set",
    "23505": "decide who keeps the token: old tokens that are one UUID in two spellings become one value",
    "2BP01": "drop what depends on it before, and make it again afterwards, in the same transaction",
    "42804": "change the columns on both ends of the foreign key, in the same transaction, with the key dropped",
    "42501": "it ran as the owner of the table, who is not a superuser: who will run it for real?",
    "42601": "fix the syntax",
    "55P03": "its own lock_timeout ended it: it waits for itself, or asks for less than it needs",
    "57014": "its own statement_timeout ended it, on a table that may be smaller than the real one",
    "25001": "this statement cannot be inside of a transaction: take it out of BEGIN .. COMMIT",
    "42P01": "is it written for another schema, or has it been run already?",
    "42703": "is it written for another schema, or has it been run already?",
    "23514": "only ids and tokens are real here: try a check of other columns, which are made up, elsewhere",
    "P0001": ELSEWHERE,
    "P0002": ELSEWHERE,
    "P0004": ELSEWHERE,
    "3D000": "the copy has another name than the real database: ask current_database() for it, or try it elsewhere",
    "23503": "parents of foreign keys are not copied: what refers to them cannot be tried here",
}
# Where the SQLSTATE says too little: what the message has to hold.
BY_MESSAGE = [
    (
        "42883",
        r"operator|\(.*uuid.*\)",
        "drop the check, index or default that expects text first, and create it again for uuid",
    ),
    ("42883", r"", "create it, or its extension, first; or name its schema, which is not on the search_path"),
    (
        "0A000",
        r"subquery",
        "USING must not contain a subquery: fill a new column with UPDATE, or call a function in USING",
    ),
    (
        "0A000",
        r"cannot (alter|drop)",
        "drop what depends on the column before, and make it again afterwards, in the same transaction",
    ),
]


def remedy_of(failure: Failure) -> str | None:
    """What to do about it; None where that is not known."""
    for sqlstate, pattern, remedy in BY_MESSAGE:
        if failure.sqlstate == sqlstate and re.search(pattern, failure.message):
            return remedy
    return REMEDIES.get(failure.sqlstate)


@dataclass
class Report:
    """The report: what was read, how the migration went, and why it failed. Times are milliseconds."""

    schema: str = SCHEMA
    outcome: str = "could not tell"  # passed | failed | could not tell
    error: str | None = None  # why it could not be told, or was not even tried
    source: dict[str, Any] | None = None
    server: str | None = None  # what it was tried on
    rows: int | None = None  # that were copied
    notes: list[str] = field(default_factory=list)  # what was made up, left out, changed for the reference app
    migration: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    squawk: list[str] = field(default_factory=list)
    traffic: dict[str, Any] | None = None  # what users would have met, with POSTs meanwhile

    def write(self, file: Path) -> None:
        """As JSON, for its owner only: beginnings of tokens stand in it. It is no failure if it cannot be written."""
        try:
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                json.dump(asdict(self), out, indent=2)
                out.write("\n")
        except OSError as error:
            say(f"the report could not be written: {file}: {error.strerror}")

    def note(self, line: str) -> None:
        """Says it, and keeps it."""
        self.notes.append(line)
        say(f"  {line}")


def say(line: str) -> None:
    """One line to whoever rehearses. What a database holds is no command to a terminal."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    print(f"rehearsal: {shown}", file=sys.stderr, flush=True)


def say_what_is_read(report: Report, real: Real, rows: int) -> None:
    """Before any of it is read."""
    about = "about " if real.rows_are_estimated else ""
    which = f"all {about}{rows:,}" if rows == real.rows else f"a sample of {rows:,} of {about}{real.rows:,}"
    say(f"reads from {real.place} (PostgreSQL {real.version}), in READ ONLY transactions:")
    say("  all definitions of that database (pg_dump --schema-only), except subscriptions and user mappings")
    say(f"  columns {real.id} and {real.token} of {which} rows of {real}; no other column, no other table's rows")
    if rows < real.rows:
        say("  half of a sample are tokens that are no UUID, as far as there are; duplicates show in --rows all only")
    if real.unreadable:
        left = ", ".join(f"{schema}.{name}" for schema, name in real.unreadable[:5])
        more = f" and {len(real.unreadable) - 5} more" if len(real.unreadable) > 5 else ""
        report.note(f"left out, since this role may not read it: {left}{more}")
    report.source = {
        "place": real.place,
        "version": real.version,
        "table": str(real),
        "columns_read": [real.id, real.token],
        "rows": real.rows,
        "rows_are_estimated": real.rows_are_estimated,
        "size_bytes": real.size_bytes,
    }


def say_what_confines(report: Report, confinement: dict[str, str]) -> None:
    """How far the kernel keeps the server from this machine: Postgres itself keeps the definitions from it."""
    network = {"namespace": "no network (a namespace of its own)", "landlock": "no TCP (Landlock)"}
    kept = [
        network.get(confinement.get("network", ""), ""),
        "no files but its own, and no other program (Landlock)" if confinement.get("files") else "",
    ]
    if told := [each for each in kept if each]:
        say(f"  it has {'; '.join(told)}")
    if missing := [what for what, each in zip(("the network", "this user's files"), kept, strict=True) if not each]:
        report.note(
            f"this machine does not keep the server from {' and '.join(missing)}: only the rights of its roles do"
        )


def say_what_is_run(script: Script) -> None:
    """Where it is not just the file from its first line to its last."""
    if script.in_one_transaction:
        say("  in one transaction, as the tool does whose marks the file carries")
    if script.down_from_line is not None:
        say(f"  from line {script.down_from_line} on the file takes the migration back: it is not run")


def say_how_it_went(report: Report, file: Path, real: Real, course: Course, stored: int) -> None:
    """Times, locks, and what Postgres remarked."""
    about = "about " if real.rows_are_estimated else ""
    share = "all" if stored >= real.rows else f"{stored:,} of {about}{real.rows:,}"
    statements = f"{len(course.ran)} statement" + ("" if len(course.ran) == 1 else "s")
    say(f"{file}: {statements} in {milliseconds(course.took_s)}, on {share} rows")
    longest = sorted(course.ran, key=lambda ran: -ran.took_s)[:MOST_STATEMENTS]
    for ran in [ran for ran in course.ran if ran in longest]:
        say(f"  line {ran.statement.line:>4}  {milliseconds(ran.took_s):>12}  {first_words(ran.statement.text)}")
    if len(course.ran) > MOST_STATEMENTS:
        say(f"  (the longest {MOST_STATEMENTS} of {len(course.ran)})")
    late = "; what the statement that failed took may have been too short to be seen" if course.failure else ""
    none = f"none that stops others was seen{late}"
    for held in [str(lock) for lock in course.locks] or [none]:
        say(f"  lock: {held}")
    say("  (as pg_locks showed it to another session and to DDL itself; from the start of the statement that took it)")
    for notice in dict.fromkeys(course.notices[:20]):
        say(f"  said by Postgres: {notice}")
    say(
        f"  the real table has {real.size_bytes / 1e6:,.1f} MB with its indexes, wider rows, other sessions and a disk:"
        " what rewrites or scans it takes longer there"
    )
    report.migration = {
        "file": str(file),
        "took_ms": round(course.took_s * 1000, 3),
        "statements": [
            {"line": ran.statement.line, "text": ran.statement.text, "took_ms": round(ran.took_s * 1000, 3)}
            for ran in course.ran
        ],
        "locks": [
            {
                "table": held.table,
                "mode": WORDS[held.mode],
                "stops": BLOCKING[held.mode],
                "at_most_ms": [round(seconds * 1000, 3) for seconds in held.at_most_s],
            }
            for held in course.locks
        ],
        "notices": course.notices,
        "committed_lines": course.committed,
        "rolled_back_lines": course.pending,
    }


def first_words(text: str) -> str:
    """The beginning of a statement, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."


def say_what_failed(
    report: Report, connection: psycopg.Connection[Any], real: Real, course: Course, failure: Failure
) -> None:
    """SQLSTATE, statement, rows, what stands now, remedy. Of a token its first characters."""

    sqlstate = failure.sqlstate

    def clean(text: str) -> str:
        return without_tokens(connection, real, without_values(text, sqlstate))

    failure = replace(
        failure,
        message=clean(failure.message),
        detail=clean(failure.detail),
        hint=clean(failure.hint),
        context=clean(failure.context),
    )
    rows, changed = rows_concerned(connection, real, failure, report.rows or 0), what_stands(connection, course)
    remedy = remedy_of(failure)
    lines = failure.statement.text.splitlines()
    shown = [*lines[:LONGEST_STATEMENT_LINES], *(["..."] if len(lines) > LONGEST_STATEMENT_LINES else [])]
    took = milliseconds(failure.took_s)
    how = f", after {took}: SQLSTATE {failure.sqlstate}" if failure.sqlstate != "none" else ""
    say(f"THE MIGRATION FAILS at line {failure.line}{how}")
    say(f"  have: {failure.message}")
    for name in ("detail", "hint", "context"):
        if told := getattr(failure, name):
            say(f"  {name}: {' '.join(told.split())}")
    for number, line in enumerate(shown, failure.statement.line):
        say(f"  {number:>4} | {line}")
    for line in rows:
        say(f"  rows: {line}")
    say(f"  changed: {changed}")
    if remedy:
        say(f"  remedy: {remedy}")
    report.failure = {
        "sqlstate": failure.sqlstate,
        "message": failure.message,
        "detail": failure.detail,
        "hint": failure.hint,
        "context": failure.context,
        "line": failure.line,
        "statement": failure.statement.text,
        "took_ms": round(failure.took_s * 1000, 3),
        "rows": rows,
        "changed": changed,
        "remedy": remedy,
    }


def rows_concerned(connection: psycopg.Connection[Any], real: Real, failure: Failure, stored: int) -> list[str]:
    """What of the stored tokens an error of class 22 (data) or 23 (integrity) may be about."""
    token = sql.SQL("{}::text").format(sql.Identifier(real.token))
    names = {"table": real.identifier, "token": token, "uuid": sql.Literal(UUID)}
    wrong = {
        "22": [("are no UUID", "{token} !~* {uuid}")],
        "23502": [("are NULL", "{token} is null")],
        "23505": [
            (
                "are one value in several rows, case aside",
                "lower({token}) in (select lower({token}) from {table} group by 1 having count(*) > 1)",
            )
        ],
    }
    told = []
    for what, condition in wrong.get(failure.sqlstate, wrong.get(failure.sqlstate[:2], [])):
        query = "select count(*), (array_agg({token} order by {token}))[:5] from {table} where " + condition
        try:
            row = connection.execute(sql.SQL(query).format(**names)).fetchone()
        except psycopg.Error:
            continue  # the migration has done away with the column
        if row and row[0]:
            examples = ", ".join(masked(ascii(example)[1:-1]) for example in row[1] if example is not None)
            told.append(
                f"{row[0]:,} of the {stored:,} tokens here {what}" + (f", such as {examples}" if examples else "")
            )
    return told


def what_stands(connection: psycopg.Connection[Any], course: Course) -> str:
    """What of a migration that failed is there to stay."""
    lines = list(dict.fromkeys(course.committed))
    stays = f"what stands in line{'s'[: len(lines) - 1]} {', '.join(map(str, lines))} stays"
    told = [stays if course.committed else "nothing"]
    if course.pending:
        told.append(f"rolled back: line{'s'[: len(course.pending) - 1]} {', '.join(map(str, course.pending))}")
    invalid = connection.execute(
        "select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid where not i.indisvalid"
    ).fetchall()
    if invalid:
        told.append(f"an invalid index is left: {', '.join(name for (name,) in invalid)}")
    return "; ".join(told)
