"""Which expressions may be evaluated on somebody's database: those of which every part is known to act on nothing.

What is evaluated is written anew from the tokens that were understood, each function with the schema in which it was
found, and runs with nothing but pg_catalog on the search_path. A function of the database is never in it: of one whose
body is an expression, the expression stands there.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from psycopg import sql

from harness.postgres.default_text import (
    called_alone,
    generator_of,
    meant_by,
    read_tokens,
    returned_expression,
    strange_in,
)
from harness.postgres.known_functions import is_harmless
from harness.postgres.sql_tokens import words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.postgres.column_default import Default, Function
    from harness.postgres.sql_tokens import Token

    Meaning = Callable[[tuple[str, str]], list[Function]]

_LONGEST = 1000  # characters
_MOST_STRETCHING = 4
_STRETCH = frozenset({"encode", "decode", "convert_to", "bytea"})  # with what is made of it, at most four times, each
_MOST_PADDED = 1000
_OPERATORS = frozenset(
    {"+", "-", "*", "/", "%", "||", "&", "|", "#", "<<", ">>", "=", "<>", "!=", "<", ">", "<=", ">="}
)
_TYPES = words(
    """
    uuid text varchar bpchar bytea int integer int2 int4 int8 smallint bigint numeric float4 float8 real bit
    timestamptz timestamp interval date bool boolean
    """
)
_TYPES_IN_WORDS = (("character", "varying"), ("double", "precision"), ("bit", "varying"), ("character",))
_WORDS = words("and or not is null true false case when then else end distinct for placing as epoch")
_FORMS = words("coalesce nullif case when then else and or not")
_FUNCTIONS_IN_WORDS = words("overlay substring extract")
_OVERLOADED_IN_SQL = frozenset({"lpad", "substring"})  # with other arguments than are let through here


def harmless_sql(default: Default) -> sql.Composable | None:
    """An expression that makes what the default makes, and does nothing else; None where that is not known.

    A generator that is known is called itself.
    """
    generator = generator_of(default)
    if generator is not None:
        return sql.SQL("{}()").format(sql.Identifier(generator.schema, generator.name))
    if default.casts or default.unread:
        return None
    if all(map(is_harmless, default.functions)):
        direct = read_tokens(default.expression)
        return _written(direct, lambda name: [f for f in default.functions if (f.name == name[1])], in_select=False)
    alone = called_alone(default)
    body = returned_expression(alone[-1]) if alone and alone[-1].volatility == "v" else None
    if body is None or strange_in(body, default):
        return None
    # What stands in a subquery is evaluated once, unless it refers to the row outside.
    written = _written(body, lambda name: meant_by(name, alone[-1], default.named), in_select=True)
    return sql.SQL("(SELECT {} OFFSET smoke_row * 0)").format(written) if written is not None else None


def _written(tokens: Sequence[Token], meaning: Meaning, *, in_select: bool) -> sql.Composable | None:
    """The tokens as SQL, names of functions qualified; None if one is not known to be harmless."""
    if not tokens or sum(len(token.text) + 1 for token in tokens) > _LONGEST:
        return None
    aliases = {after.said for token, after in pairwise(tokens) if token.said == "as"}
    if _has_comma_outside(tokens):
        return None  # a second relation
    stretching = sum(token.said in _STRETCH for token in tokens)
    selects = sum(token.said == "select" for token in tokens)
    if stretching > _MOST_STRETCHING or selects > int(in_select):
        return None
    written: list[str] = []
    at = 0
    while at < len(tokens):
        piece, taken = _piece(tokens, at, meaning, aliases)
        if piece is None:
            return None
        written.append(piece)
        at += taken
    return sql.SQL(" ".join(written))  # of tokens that were understood one by one


def _piece(tokens: Sequence[Token], at: int, meaning: Meaning, aliases: set[str]) -> tuple[str | None, int]:
    """A piece of SQL, None where it is not harmless, and the number of tokens that it was made of."""
    token = tokens[at]
    if token.kind in ("string", "number") or token.text in ("(", ")", ","):
        return token.text, 1
    if token.kind == "operator":
        return (token.text if token.text in _OPERATORS else None), 1
    if token.kind == "cast":
        return _cast(tokens, at)
    if token.kind not in ("word", "quoted"):
        return None, 1
    if token.kind == "word" and token.said in ("from", "select"):
        return (token.text if _begins_well(tokens, at) else None), 1
    name, taken = ("", token.said), 1
    if at + 2 < len(tokens) and tokens[at + 1].text == ".":
        name, taken = (token.said, tokens[at + 2].said), 3
    if tokens[at + taken : at + taken + 1] and tokens[at + taken].text == "(":
        return _call(tokens, at, name, taken, meaning)
    if taken == 1 and token.kind == "word" and token.said in _WORDS:
        return token.text, 1
    if all(each in aliases for each in name if each):
        return ".".join('"' + each.replace('"', '""') + '"' for each in name if each), taken
    return None, 1


def _begins_well(tokens: Sequence[Token], at: int) -> bool:
    """FROM of a form such as SUBSTRING, or of the one subquery; SELECT of that."""
    if tokens[at].said == "select":
        return at > 1 and (tokens[at - 2].said, tokens[at - 1].text) == ("from", "(")
    after = [token.said for token in tokens[at + 1 : at + 3]]
    return after == ["(", "select"] or _opener(tokens, at) in ("substring", "extract", "overlay")


def _opener(tokens: Sequence[Token], at: int) -> str:
    """What stands before the parenthesis around a place."""
    depth = 0
    for n in range(at - 1, 0, -1):
        depth += (tokens[n].text == ")") - (tokens[n].text == "(")
        if depth < 0:
            return tokens[n - 1].said
    return ""


def _cast(tokens: Sequence[Token], at: int) -> tuple[str | None, int]:
    """A cast to a type of Postgres; of one that pads, to no more than `_MOST_PADDED` characters."""
    said = tuple(token.said for token in tokens[at + 1 : at + 3])
    types = [type_ for type_ in (*_TYPES_IN_WORDS, said[:1]) if said[: len(type_)] == type_]
    type_ = types[0] if types else ()
    if not type_ or tokens[at + 1].kind != "word" or (len(type_) == 1 and type_[0] not in _TYPES | {"character"}):
        return None, 1
    taken = 1 + len(type_)
    length = [token.text for token in tokens[at + taken : at + taken + 3]]
    if length[:1] != ["("]:
        return f"::{' '.join(type_)}", taken
    return (f"::{' '.join(type_)}({length[1]})" if _is_short(length[1:2]) and length[2:] == [")"] else None), taken + 3


def _is_short(number: Sequence[str]) -> bool:
    return len(number) == 1 and number[0].isdigit() and int(number[0][:9]) <= _MOST_PADDED


def _has_comma_outside(tokens: Sequence[Token]) -> bool:
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.text == ",":
            return True
    return False


def _call(
    tokens: Sequence[Token], at: int, name: tuple[str, str], taken: int, meaning: Meaning
) -> tuple[str | None, int]:
    token = tokens[at]
    arguments = _arguments(tokens, at + taken)
    if arguments is None:
        return None, 1
    meant = meaning(name)
    is_word = taken == 1 and token.kind == "word"
    if is_word and name[1] in _FORMS:
        return (token.text if all(f.built_in for f in meant) else None), 1
    told = [f for f in meant if not (f.built_in and f.language == "sql" and f.name in _OVERLOADED_IN_SQL)]
    schemas = {f.schema for f in told}
    if len(schemas) != 1 or not all(map(is_harmless, told)) or not _is_bounded(name[1], arguments):
        return None, 1
    if is_word and name[1] in _FUNCTIONS_IN_WORDS:  # SUBSTRING(x FROM 1) takes no schema
        return (token.text if schemas == {"pg_catalog"} else None), 1
    return sql.Identifier(schemas.pop(), name[1]).as_string(), taken


def _arguments(tokens: Sequence[Token], at: int) -> list[list[Token]] | None:
    """The arguments between a parenthesis and the one that closes it; SUBSTRING's FROM parts them too."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens[at:]:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            return found
        if depth == 1 and (token.text == "," or token.said in ("from", "for", "placing")):
            found.append([])
        elif not (depth == 1 and token.text == "("):
            found[-1].append(token)
    return None


def _is_bounded(name: str, arguments: list[list[Token]]) -> bool:
    """Whether a function makes nothing much longer, and matches no pattern."""
    if name == "substring":
        return len(arguments) > 1 and all(argument and argument[0].kind == "number" for argument in arguments[1:])
    if name == "lpad":
        return len(arguments) == 3 and _is_short([token.text for token in arguments[1]])
    if name == "replace":
        literals = [argument[0].text[1:-1].replace("''", "'") for argument in arguments[1:] if _is_literal(argument)]
        return len(literals) == 2 and len(literals[1]) <= len(literals[0])
    return True


def _is_literal(argument: Sequence[Token]) -> bool:
    """'text', or 'text'::text."""
    texts = [token.text for token in argument]
    return bool(texts) and texts[0].startswith("'") and texts[1:] in ([], ["::", "text"])
