"""What a checkout says of one column, and whether that is a uuid which Postgres makes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.source.checkout import Place

# Of pg_catalog, of pgcrypto and of uuid-ossp: the functions that make version 4 UUIDs.
GENERATORS = frozenset(("gen_random_uuid", "uuid_generate_v4", "uuidv4"))
NOT_UNDERSTOOD = "chatbots_smoke_does_not_understand"  # a function that stands for a default which code puts together
_TEXT = frozenset(("text", "varchar", "bpchar", "char", "uuid", "citext"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column as a file leaves it.

    `type` is Postgres' name of it, "" where nothing says it. `default` is an expression of SQL, None where there is
    none. `by_the_app` is code of the app that makes the value instead. `unknown` says why the default is not known, and
    `doubtful` why Postgres may refuse the statement that gave it its type.
    """

    type: str
    default: str | None = None
    not_null: bool = False
    type_at: Place | None = None
    default_at: Place | None = None
    by_the_app: str = ""
    unknown: str = ""
    doubtful: str = ""
    primary: bool = False  # it is the primary key, or one of its columns

    @property
    def words(self) -> list[Place]:
        """The last words on type and default, without repetition, in the order in which they are said."""
        places = [place for place in (self.type_at, self.default_at) if place is not None]
        return list(dict.fromkeys(places))


@dataclass(frozen=True, slots=True)
class Unclear:
    """What was not understood: where it stands, and why. `surely` where it concerns the table, though unnamed."""

    place: Place
    why: str
    surely: bool = False

    def __str__(self) -> str:
        return f"{self.place} ({self.why})"


@dataclass(frozen=True, slots=True)
class Declared:
    """The column as a schema file declares it, where, and of which `tool` that would push it; "" of any other."""

    place: Place
    column: Column
    tool: str = ""


@lru_cache(maxsize=512)
def makes_version_4(expression: str) -> bool:
    """Whether an expression of SQL is one call of a generator of version 4 UUIDs, of whatever schema.

    Casts to and fro keep the value as long as they end in uuid: Postgres refuses text as the default of a uuid.
    """
    from postgast import PgQueryError, parse

    try:
        targets = parse(f"SELECT {expression}").stmts[0].stmt.select_stmt.target_list
    except (PgQueryError, IndexError):
        return False
    if len(targets) != 1:
        return False
    node, outermost = targets[0].res_target.val, True
    while node.WhichOneof("node") == "type_cast":
        name = node.type_cast.type_name.names[-1].string.sval
        if node.type_cast.type_name.array_bounds or name not in (("uuid",) if outermost else _TEXT):
            return False
        if any(_is_short(modifier) for modifier in node.type_cast.type_name.typmods):
            return False
        node, outermost = node.type_cast.arg, False
    call = node.func_call
    if node.WhichOneof("node") != "func_call" or call.args or call.HasField("over") or call.HasField("agg_filter"):
        return False
    return str(call.funcname[-1].string.sval) in GENERATORS


def _is_short(modifier: Any) -> bool:
    """Whether a length cuts a UUID short, which has 36 characters."""
    return bool(modifier.a_const.ival.ival < 36)
