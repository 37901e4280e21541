"""What a preflight knows of a table: facts only, as the catalog and the rows say them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.errors import Unavailable
    from harness.postgres.table import TableFacts

ANOTHER_PROCESS = "another server process answers than the one that was connected"  # alone proves a pooler in between
LONG_S = 1.0  # a transaction that holds a lock on the table for longer than this is no passing query


@dataclass(frozen=True, slots=True)
class Relation:
    """The table, or one that inherits its token column: all are altered together (pg_class, pg_attribute).

    `not_null` names the column's NOT NULL constraint; before Postgres 18 it had no name.
    """

    name: str
    kind: str
    owner: str
    may_alter: bool
    typed: bool
    partitioned_by_token: bool
    not_null: str


@dataclass(frozen=True, slots=True)
class Dependent:
    """What refers to the token column, in words, such as `view public.shown` (pg_depend); `kind` is its first word."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key of which the token column is one side; `other` is the column at its other side."""

    name: str
    relation: str
    other: str
    other_type: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What became of an expression when it was parsed with a uuid in place of the token: a SQLSTATE, or none."""

    owner: str
    expression: str
    state: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Raised:
    """What an expression raised: SQLSTATE and the condition's name. Its message may hold a token, and is not kept."""

    state: str
    name: str


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint that parses with a uuid, and whom it refuses then.

    `refused` counts stored rows; `refuses_new` says that it refuses UUIDs as the default makes them. None: not
    evaluated, since it calls a function that may do more than compute. `raises` is what asking it of the stored rows
    ended in, `raises_new` of new tokens.
    """

    name: str
    expression: str
    refused: int | None
    refuses_new: bool | None
    raises: Raised | None = None
    raises_new: Raised | None = None


@dataclass(frozen=True, slots=True)
class IndexAsked:
    """An index of expressions that take a uuid, evaluated as building it would: what that raised, of which tokens.

    `asked` is False where it calls a function that may do more than compute.
    """

    name: str
    asked: bool
    raises: Raised | None = None
    raises_new: Raised | None = None


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A CHECK that hands its whole row to a function: of which columns that makes use, only its source says."""

    name: str
    function: str
    source: str


@dataclass(frozen=True, slots=True)
class IndexKey:
    """A token column as the key of an index that cannot be built on uuid: the SQLSTATE and why."""

    index: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Collision:
    """A unique index or exclusion constraint whose rows collide as UUIDs; `rows` too many, None where it is unknown."""

    index: str
    state: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class Generator:
    """Whether `uuid_generate_v4()` is there, or `create extension "uuid-ossp"` would bring it.

    `schema` is where the extension is installed, "" where it is not; `found` says that the unqualified name resolves;
    `namesake` that a function of this name, of no extension, is where the extension would put its own. `returns` is the
    type that the name found returns; `not_executed_by` are roles that may INSERT into the table, and not EXECUTE it.
    """

    schema: str
    found: bool
    returns: str
    not_executed_by: Sequence[str]
    available: bool
    trusted: bool
    may_create: bool
    namesake: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the catalog says that bears upon the migration.

    `statement_timeout_s` is what a session of this role begins with, 0 where there is none.
    """

    role: str
    superuser: bool
    database: str
    search_path: tuple[str, ...]
    default_read_only: bool
    statement_timeout_s: float
    may_create_in_schema: bool
    relations: tuple[Relation, ...]
    blockers: tuple[Dependent, ...]
    foreign_keys: tuple[ForeignKey, ...]
    index_keys: tuple[IndexKey, ...]
    generator: Generator
    row_checks: tuple[RowCheck, ...]
    event_triggers: tuple[str, ...]
    publications: tuple[str, ...]
    subscriptions: int
    standbys: int
    logical_slots: tuple[str, ...]
    sessions: tuple[tuple[str, int], ...]
    pooler: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A transaction that holds a lock on the table (pg_locks); any lock makes ALTER TABLE wait.

    `age_s` is None where this role may not see when it began; `stayed` says that it still held the lock `LONG_S` later.
    `prepared` is the name of a prepared transaction, which no session ends. `user` is "" of a background process; what
    kind of `backend` it is, a role without pg_read_all_stats sees of its own sessions only.
    """

    transaction: str
    pid: int | None
    mode: str
    relation: str
    user: str
    application: str
    state: str
    backend: str
    age_s: float | None
    prepared: str
    against_wraparound: bool
    stayed: bool = False


@dataclass(frozen=True, slots=True)
class LockHolders:
    """All of them, of the table as the configuration names it, as this role sees them."""

    table: str
    role: str
    transactions: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """One pass over the stored tokens. `bad` are those that the cast refuses, `empty` of them ''.

    `surplus` counts tokens beyond the first of their UUID. Examples are (id, the token's beginning).
    """

    rows: int
    nulls: int
    empty: int
    bad: int
    surplus: int
    bad_examples: tuple[tuple[str, str], ...]
    same_examples: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Size:
    """What a rewrite reads and writes: bytes of the heap (with TOAST) and of the indexes, about how many rows."""

    rows: int
    heap: int
    indexes: int


@dataclass(frozen=True, slots=True)
class Preflight:
    """Everything that is known of the table before the migration. A part that could not be had says why."""

    table: TableFacts
    catalog: Catalog
    cast: Parsed
    parsed: tuple[Parsed, ...]
    checks: tuple[Check, ...] | Unavailable
    indexes: tuple[IndexAsked, ...] | Unavailable
    tokens: Tokens | Unavailable
    collisions: tuple[Collision, ...] | Unavailable
    size: Size | Unavailable

    @property
    def column(self) -> str:
        """schema.table.column"""
        return f"{self.table.shown}.{self.table.token_column}"

    @property
    def is_uuid(self) -> bool:
        """Whether the column is a uuid already: the migration changes nothing then."""
        return self.table.token_type == "uuid"
