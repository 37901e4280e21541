"""Pure judgements of a preflight: facts in; what the migration would end in, and what is worth knowing, out.

The migration is of the kind `ALTER COLUMN token DROP DEFAULT, ALTER COLUMN token TYPE uuid USING token::uuid, ALTER
COLUMN token SET DEFAULT uuid_generate_v4()`, and what a deployment needs after it: NOT NULL and a unique index. What
each cause ends in was seen on Postgres 15 and 18 (tests/preflight/test_predictions.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from harness.checkers.schema import is_unique_by, uses
from harness.errors import CouldNotTell, Unavailable, demanded, if_available
from harness.postgres.identifiers import in_sql
from harness.preflight.facts import ANOTHER_PROCESS, LONG_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.preflight.facts import Check, Holder, IndexAsked, LockHolders, Preflight

T = TypeVar("T")
SAFE = "examples/migrations/public_token_uuid_safe.sql"
MEASURED = 150_000_000  # bytes of heap and indexes that a rewrite reads in a second: 200 MB, 1,000,000 rows, in 1.3 s
_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "c": "a composite type", "S": "a sequence"}


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that the migration would end in: a SQLSTATE, and what is in its way."""

    state: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} ({self.state})"


def causes(known: Preflight) -> list[Cause]:
    """Everything about the table that would stop it; the checks ask for the parts."""
    parts = (refused_tokens, nulls, collisions, dependents, foreign_keys, definitions, generator, rights, read_only)
    return [cause for part in parts for cause in part(known)]


def push(known: Preflight, tool: str) -> list[Cause]:
    """What a push of a schema file by `tool`, drizzle or prisma, would end in, or lose."""
    table, token = known.table, known.table.token_type
    if token == "uuid":
        return []
    if tool == "prisma":
        return [Cause("data loss", f"{table.shown}: the column, which is {token}, is dropped and added again")]
    return [Cause("42804", f"{table.shown}: ALTER COLUMN .. SET DATA TYPE uuid without USING, of a column of {token}")]


def refused_tokens(known: Preflight) -> list[Cause]:
    """Tokens that the cast refuses: 22P02, of each row; or there is no such cast (42846)."""
    if known.cast.state:
        return [Cause(known.cast.state, f"{known.table.token_type} has no cast to uuid: {known.cast.said}")]
    tokens = demanded(known.tokens)
    if not tokens.bad:
        return []
    shown = [Cause("22P02", f"row {id_}: {token}") for id_, token in tokens.bad_examples]
    empty = f", {tokens.empty} of them ''" if tokens.empty else ""
    return [*shown, Cause("22P02", f"{tokens.bad} of {tokens.rows - tokens.nulls} stored tokens{empty}")]


def nulls(known: Preflight) -> list[Cause]:
    """Rows without a token: 23502 of SET NOT NULL."""
    tokens = demanded(known.tokens)
    return [Cause("23502", f"{tokens.nulls} of {tokens.rows} rows have no token")] if tokens.nulls else []


def collisions(known: Preflight) -> list[Cause]:
    """Tokens that differ as text and are one UUID, or are stored twice: 23505, or 23P01 of an exclusion constraint."""
    if known.cast.state:
        return []
    found = demanded(known.collisions)
    unknown = [each.index for each in found if each.rows is None]
    if unknown:
        raise CouldNotTell(
            f"exclusion constraint {', '.join(unknown)} compares tokens by another operator than =",
            "try the migration on a copy of the table",
        )
    lacks = not any(map(is_unique_by, known.table.indexes))
    if lacks and known.table.relkind == "p" and not any(each.partitioned_by_token for each in known.catalog.relations):
        said = f"{known.table.shown} is partitioned by other columns: no unique index of the token alone can be made"
        return [Cause("0A000", said)]
    guarded = {each.index for each in found}
    causes = [Cause(each.state, f"{each.rows} rows too many for {each.index}") for each in found]
    tokens = demanded(known.tokens)
    if tokens.surplus and not guarded and lacks:
        causes.append(Cause("23505", f"{tokens.surplus} tokens too many for the unique index that the column lacks"))
    same = [Cause("23505", f"rows {ids}: one UUID, stored {n} times") for ids, n in tokens.same_examples]
    return [*same, *causes] if causes else []


def dependents(known: Preflight) -> list[Cause]:
    """What forbids that the column's type changes at all: mostly 0A000.

    Raises:
        CouldNotTell: nothing of that, but functions use the column that Postgres takes without looking into them.
    """
    table = known.table
    found = [Cause("0A000", f"{each.kind} {each.name}") for each in known.catalog.blockers]
    if table.relkind in _KINDS:
        found.append(Cause("42809", f"{table.shown} is {_KINDS[table.relkind]}"))
    for relation in known.catalog.relations:
        if relation.kind == "f" and table.relkind != "f":
            found.append(Cause("42809", f"{relation.name} is a foreign table"))
        if relation.typed:
            found.append(Cause("42809", f"{relation.name} is a typed table (CREATE TABLE .. OF)"))
        if relation.partitioned_by_token:
            found.append(Cause("42P16", f"{relation.name} is partitioned by {table.token_column}"))
    named = {relation.not_null for relation in known.catalog.relations} - {""}
    if len(named) > 1:  # the parent's constraint is passed on, and refused where there is another
        apart = ", ".join(sorted(named))
        found.append(Cause("55000", f"NOT NULL constraints of {table.token_column} with several names: {apart}"))
    if table.token_inherited:
        above = ", ".join(table.parents) or table.is_partition_of
        found.append(Cause("42P16", f"{table.shown} inherits {table.token_column} from {above}"))
    if table.token_generated:
        found.append(Cause("42611", f"{known.column} is a generated column"))
    unseen = [] if found or known.is_uuid else _unseen(known)
    if unseen:
        raise CouldNotTell(
            f"{', '.join(unseen)}, which uses {table.token_column}: what it does with a uuid is not known",
            "read it, or try the migration and an INSERT on a copy of the table",
        )
    return found


def _unseen(known: Preflight) -> list[str]:
    """Functions whose source uses the column, unknown to pg_depend: of triggers, and of a CHECK of the whole row."""
    triggers = (("trigger " + each.name, each.function, each.source) for each in known.table.triggers)
    checks = ((each.name, each.function, each.source) for each in known.catalog.row_checks)
    column = known.table.token_column
    return [f"{name} calls {function}" for name, function, source in (*triggers, *checks) if uses(source, column)]


def foreign_keys(known: Preflight) -> list[Cause]:
    """Foreign keys in either direction whose other column stays what it is: 42804."""
    return [
        Cause("42804", f"{key.name} of {key.relation}: {key.other} is {key.other_type}")
        for key in known.catalog.foreign_keys
        if key.other_type != "uuid"
    ]


def definitions(known: Preflight) -> list[Cause]:
    """Checks, indexes, exclusion constraints and statistics that Postgres cannot build anew on a uuid."""
    found = [
        Cause(each.state, f"{each.owner}: {each.said}, in {each.expression}") for each in known.parsed if each.state
    ]
    found += [Cause(key.state, f"index {key.index}: {key.why}") for key in known.catalog.index_keys]
    if found and (isinstance(known.checks, Unavailable) or isinstance(known.indexes, Unavailable)):
        return found
    if not known.cast.state:
        found += _raising_indexes(demanded(known.indexes), certain=bool(found))
    for check in () if known.cast.state else demanded(known.checks):
        if check.refused is None and not found:
            raise CouldNotTell(
                f"check {check.name} calls a function that may do more than compute: it was not evaluated",
                "try the migration on a copy of the table",
            )
        found += _raised(f"check {check.name}", check, f": {check.expression}")
        if check.refused:
            found.append(Cause("23514", f"check {check.name} refuses {check.refused} stored tokens as UUIDs"))
        elif check.refuses_new:
            found.append(Cause("23514", f"check {check.name} refuses the UUIDs that the default makes, at each INSERT"))
    return found


def _raised(named: str, asked: Check | IndexAsked, behind: str = "") -> list[Cause]:
    """What an expression raises on the UUIDs: on those of stored tokens, or else on new ones."""
    if asked.raises:
        said = f"{named} raises {asked.raises.name} on stored tokens as UUIDs{behind}"
        return [Cause(asked.raises.state, said)]
    if asked.raises_new:
        said = f"{named} raises {asked.raises_new.name} on the UUIDs that the default makes, at each INSERT{behind}"
        return [Cause(asked.raises_new.state, said)]
    return []


def _raising_indexes(indexes: Sequence[IndexAsked], *, certain: bool) -> list[Cause]:
    """Indexes whose expressions take a uuid, and raise on the UUIDs; of one that was not evaluated nothing is known."""
    found: list[Cause] = []
    for index in indexes:
        found += _raised(f"index {index.name}", index)
    unasked = [index.name for index in indexes if not index.asked]
    if unasked and not found and not certain:
        raise CouldNotTell(
            f"index {', '.join(unasked)} calls a function that may do more than compute: it was not evaluated",
            "try the migration on a copy of the table",
        )
    return found


def generator(known: Preflight) -> list[Cause]:
    """Why `create extension if not exists "uuid-ossp"` would fail, or `uuid_generate_v4()` not be found after it."""
    there = known.catalog.generator
    if there.schema:
        if there.found and there.returns != "uuid":
            return [Cause("42804", f"the uuid_generate_v4() that is found first returns {there.returns}")]
        if there.found and known.catalog.role in there.not_executed_by:
            return [Cause("42501", f"{known.catalog.role} may not EXECUTE uuid_generate_v4(): each INSERT fails")]
        if there.found:
            return []
        path = ", ".join(known.catalog.search_path) or "empty"
        return [
            Cause("42883", f"uuid-ossp is in schema {there.schema}, which is not on this role's search_path: {path}")
        ]
    if not there.available:
        return [Cause("0A000", "uuid-ossp is not available on this server")]
    if not known.catalog.superuser and not (there.trusted and there.may_create):
        return [Cause("42501", f"{known.catalog.role} may not create extensions in {known.catalog.database}")]
    if not known.catalog.search_path:
        return [Cause("3F000", "uuid-ossp is not installed, and the search_path names no schema to put it in")]
    if there.namesake:
        return [Cause("42723", "uuid-ossp is not installed, and a function uuid_generate_v4() is in its place already")]
    return []


def rights(known: Preflight) -> list[Cause]:
    """Tables that this role does not own, nor is a member of the owner of: 42501; and a time-out that it has: 57014.

    Raises:
        CouldNotTell: event triggers are called by a command of the migration, and what they do is not tried.
    """
    found = [
        Cause("42501", f"{relation.name} belongs to {relation.owner}, and {known.catalog.role} is not a member of it")
        for relation in known.catalog.relations
        if not relation.may_alter
    ]
    if not known.catalog.may_create_in_schema and not any(map(is_unique_by, known.table.indexes)):
        said = (
            f"{known.catalog.role} has no CREATE on schema {known.table.schema}, for the unique index that is missing"
        )
        found.append(Cause("42501", said))
    timeout_s = known.catalog.statement_timeout_s
    if 0 < timeout_s < _seconds(known):
        said = f"statement_timeout of {known.catalog.role} is {timeout_s:g} s, and the rewrite takes about"
        found.append(Cause("57014", f"{said} {_seconds(known):.1f} s at least"))
    if known.catalog.event_triggers and not found:
        raise CouldNotTell(
            f"event triggers may forbid the migration: {', '.join(known.catalog.event_triggers)}",
            "read the functions that they call, or try the migration on a copy of the database",
        )
    return found


def read_only(known: Preflight) -> list[Cause]:
    """Why nothing can be written here: 25006."""
    found = []
    if known.table.in_recovery:
        found.append(Cause("25006", "the server is a replica (pg_is_in_recovery)"))
    if known.catalog.default_read_only:
        found.append(Cause("25006", "default_transaction_read_only is on for this role or database"))
    return found


def locks(known: LockHolders) -> list[Cause]:
    """Transactions that hold the table and do not pass: 55P03 after lock_timeout, and without one a queue of everybody.

    Raises:
        CouldNotTell: a process of which this role may not see whether it gives way, as autovacuum does.
    """
    staying = [holder for holder in known.transactions if _stays(holder)]
    hidden = [holder for holder in staying if not (holder.user or holder.backend or holder.prepared)]
    found = {holder.transaction: Cause("55P03", _held(holder)) for holder in staying if holder not in hidden}
    if hidden and not found:
        raise CouldNotTell(
            f"background process {hidden[0].pid} holds {hidden[0].mode} on {hidden[0].relation}, and this role may not "
            "see whether it is an autovacuum, which gives way",
            f"GRANT pg_read_all_stats TO {in_sql(known.role)}, or run again in a while",
        )
    return list(found.values())


def _stays(holder: Holder) -> bool:
    if holder.backend == "autovacuum worker" and not holder.against_wraparound:
        return False  # it is cancelled after deadlock_timeout when somebody waits for it
    return bool(holder.prepared) or holder.against_wraparound or holder.stayed or (holder.age_s or 0) >= LONG_S


def _held(holder: Holder) -> str:
    if holder.prepared:
        return f"prepared transaction {holder.prepared} holds {holder.mode} on {holder.relation}"
    if holder.against_wraparound:
        return (
            f"process {holder.pid} is an autovacuum to prevent wraparound of {holder.relation}, which does not give way"
        )
    age = f"for {holder.age_s:.0f} s" if holder.age_s is not None else f"for more than {LONG_S:g} s"
    named = f" of {holder.application or holder.user}" if holder.application or holder.user else ""
    state = f", {holder.state}" if holder.state else ""
    return f"process {holder.pid}{named}{state}: holds {holder.mode} on {holder.relation} {age}"


# --- what to do, as it can be pasted ---------------------------------------------------------------------------------


def let_it_execute(known: Preflight) -> str:
    """Who lets the role call the generator: where it is installed an owner of it, else whoever lets it be created."""
    role, schema = in_sql(known.catalog.role), known.catalog.generator.schema
    if schema:
        return f"GRANT EXECUTE ON FUNCTION {in_sql(schema, 'uuid_generate_v4')}() TO {role}"
    return f"GRANT CREATE ON DATABASE {in_sql(known.catalog.database)} TO {role}"


def let_it_create(known: Preflight) -> str:
    """What lets the role make an index, or a function, beside the table."""
    return f"GRANT CREATE ON SCHEMA {in_sql(known.table.schema)} TO {in_sql(known.catalog.role)}"


def fill_nulls(known: Preflight) -> str:
    """What gives a token to each row that has none, once the column is a uuid."""
    table, token = known.table.in_sql, known.table.token_in_sql
    return f"UPDATE {table} SET {token} = gen_random_uuid() WHERE {token} IS NULL"  # noqa: S608 (to be read and pasted)


def let_it_write(known: Preflight) -> str:
    """What lets the transactions of the role write: by what is set for it, or for the database."""
    role, database = in_sql(known.catalog.role), in_sql(known.catalog.database)
    off = "SET default_transaction_read_only = off"
    return f"ALTER ROLE {role} {off}, or ALTER DATABASE {database} {off}"


# --- what decides nothing ---------------------------------------------------------------------------------------------


def notes(known: Preflight) -> list[str]:
    """What somebody who runs the migration should know, a sentence each."""
    catalog, found = known.catalog, []
    if known.is_uuid:
        found.append(f"{known.column} is a uuid already: the migration rewrites nothing")
    elif (size := if_available(known.size)) is not None:
        tokens = if_available(known.tokens)
        found.append(_rewrite(size.heap, size.indexes, size.rows if tokens is None else tokens.rows))
    if 0 < _seconds(known) <= catalog.statement_timeout_s < 10 * _seconds(known):
        found.append(
            f"statement_timeout of {catalog.role} is {catalog.statement_timeout_s:g} s: it may end the rewrite"
        )
    if not catalog.may_create_in_schema:
        found.append(
            f"{catalog.role} has no CREATE on schema {known.table.schema}: {SAFE} makes a function and indexes"
        )
    if catalog.sessions:
        applications = ", ".join(f"{number} of {name}" for name, number in catalog.sessions[:5])
        found.append(
            f"{sum(number for _, number in catalog.sessions)} other sessions ({applications}): one that prepared a "
            "statement on the column raises 0A000 (cached plan must not change result type) after the migration, which "
            "cannot be seen from here; recycle the app's pool right after it"
        )
    if catalog.pooler:
        certain = "is" if catalog.pooler == ANOTHER_PROCESS else "may be"
        found.append(
            f"a pooler {certain} in between ({catalog.pooler}): run the migration on a direct connection, since SET "
            "lock_timeout may not hold, and recycle the pooler's server connections after it"
        )
    others = [role for role in catalog.generator.not_executed_by if role != catalog.role]
    if others:
        found.append(f"roles that may INSERT, and not EXECUTE uuid_generate_v4(), get 42501: {', '.join(others)}")
    if catalog.standbys:
        found.append(
            f"{catalog.standbys} standbys follow this server: they replay the rewrite, queries there wait for it"
        )
    if catalog.publications or catalog.logical_slots:
        of = ", ".join((*catalog.publications, *catalog.logical_slots))
        found.append(f"logical replication ({of}) does not carry the new type: alter the column at each subscriber too")
    if catalog.subscriptions:
        found.append(
            f"{catalog.subscriptions} subscriptions write to this database: one that fills the table sends text"
        )
    if catalog.event_triggers:
        found.append(
            f"event triggers may forbid it, and nothing here shows whether they do: {', '.join(catalog.event_triggers)}"
        )
    return found


def _seconds(known: Preflight) -> float:
    """What the rewrite takes at `MEASURED`, 0 where there is none or its size is not known."""
    if known.is_uuid or isinstance(known.size, Unavailable):
        return 0.0
    return (known.size.heap + known.size.indexes) / MEASURED


def _rewrite(heap: int, indexes: int, rows: int) -> str:
    seconds = max(0.1, (heap + indexes) / MEASURED)
    return (
        f"the rewrite of about {rows} rows, {_bytes(heap)} and {_bytes(indexes)} of indexes, takes about "
        f"{seconds:.1f} s under ACCESS EXCLUSIVE, in which nobody reads or writes the table (at {_bytes(MEASURED)}/s, "
        f"measured on two shared cores; a busy disk may take ten times as long), and {_bytes(heap + indexes)} more "
        "disk until it commits, and as much WAL again; nothing here shows how much is free"
    )


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
