"""What the text of a default proves about the tokens that it makes. Nothing is called for it.

The expression of a default is printed by Postgres, and the functions that it calls are known by oid. The body of a
function is somebody's text: a name in it is known where every function of that name that it could mean is known, in
whatever schema, whatever the search_path is when it runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from harness.postgres.column_default import READ_LANGUAGES
from harness.postgres.known_functions import is_strong, is_understood, is_version_4_generator, symbol_of
from harness.postgres.sql_tokens import LONGEST, Token, tokens_of, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.postgres.column_default import Default, Function

_KEEPS_A_UUID = ("uuid", "text", "character varying", "varchar", "bpchar")
_UUID_CHARACTERS = 36
MOST_TOKENS = 1000  # of an expression that is one call, or is evaluated
# Words that stand before a parenthesis and call nothing. A function of the database of such a name counts nevertheless.
_FORMS = words(
    """
    all and any array as begin between by case cast coalesce distinct else elsif end except exists exit extract filter
    for from greatest having if in is join lateral least like limit loop not nullif offset on operator or order over
    overlay perform position return returning row select some substring then trim union using values when where while
    xor bit char character dec decimal float interval numeric time timestamp varchar varying bpchar
    """
)
# What fetches a value from elsewhere, or does something.
_NOT_READ = words(
    """
    insert update delete merge copy truncate create drop alter execute call do table with open fetch cursor listen
    notify set reset lock grant revoke import refresh explain prepare deallocate
    """
)
_ENDS_FROM = words("where group order limit having union intersect except loop offset window then into returning for")
_BEGINS_STATEMENTS = frozenset({";", "begin", "then", "else", "loop"})
_FROM_OF_FORMS = frozenset({"substring", "extract", "trim", "overlay"})


class Origin(NamedTuple):
    """What a value is made of.

    Attributes:
        strong: the system's own randomness is in it.
        unclear: why that is not known; "" where it is.
    """

    strong: bool = False
    unclear: str = ""


def generator_of(default: Default) -> Function | None:
    """The known generator whose value the default is, as it is or as text, called directly or through functions.

    None where the text does not prove it.
    """
    found = called_alone(default)
    return found[-1] if found and is_version_4_generator(found[-1]) else None


def called_alone(default: Default) -> list[Function]:
    """The function whose value is all that the default is, and the one whose value that returns, and so on.

    Empty where the default is more than a call, or it is not known of what.
    """
    first = default.functions[0] if len(default.functions) == 1 else None
    if first is not None and default.expression == f"{first.name}()":
        call: tuple[str, str] | None = ("", first.name)
    else:
        call = _sole_call(read_tokens(default.expression))
    if call is None:
        return []
    meant = [f for f in default.functions if _is_named(f, call)]
    # What is not named is a cast that is not printed.
    if any(symbol_of(f) is None or is_strong(f) for f in default.functions if f not in meant):
        return []
    found: list[Function] = []
    while meant and (len(meant) == 1 or all(map(is_version_4_generator, meant))) and meant[0] not in found:
        found.append(meant[0])
        returned = None if symbol_of(meant[0]) else _returned_call(meant[0], default)
        meant = meant_by(returned, meant[0], default.named) if returned else []
    return found


def origin_of(default: Default) -> Origin:
    """What the default's value is made of: of all that it calls, and all that is called there."""
    if len(default.expression) >= LONGEST:
        return Origin(unclear="it is too long to be read")
    by_name: dict[str, list[Function]] = {}
    for function in default.named:
        by_name.setdefault(function.name, []).append(function)
    strong, unclear = False, ""
    reached, next_ones = set(default.functions), list(default.functions)
    while next_ones:
        function = next_ones.pop()
        origin, calls = _origin(function, default, by_name)
        strong, unclear = strong or origin.strong, unclear or origin.unclear
        fresh = set(calls) - reached
        reached |= fresh
        next_ones += fresh
    return Origin(strong, unclear)


# --- a default that is one call ---------------------------------------------------------------------------------------


def read_tokens(text: str) -> Sequence[Token]:
    """The tokens of a text; none where it cannot be read."""
    return tokens_of(text) or ()


def _sole_call(tokens: Sequence[Token]) -> tuple[str, str] | None:
    """(schema, name) of the call without arguments that is all of an expression; casts that keep a UUID aside.

    A cast changes the type, not what makes the value, unless it cuts the value short: a UUID has 36 characters.
    """
    if len(tokens) > MOST_TOKENS:
        return None
    while tokens:
        at = max((n for n, token in enumerate(tokens) if token.kind == "cast"), default=None)
        if at is not None and _keeps_a_uuid(tokens[at + 1 :]):
            tokens = tokens[:at]
        elif tokens[0].text == "(" and _closes(tokens, 0) == len(tokens) - 1:
            tokens = tokens[1:-1]
        else:
            break
    names = tokens[:-2]
    if [token.text for token in tokens[-2:]] != ["(", ")"] or len(names) not in (1, 3):
        return None
    if not all(token.kind in ("word", "quoted") for token in names[::2]) or (len(names) == 3 and names[1].text != "."):
        return None
    return (names[0].said if len(names) == 3 else ""), names[-1].said


def _keeps_a_uuid(type_: Sequence[Token]) -> bool:
    said = [token.said for token in type_]
    if "(" in said:
        cut, said = said[said.index("(") :], said[: said.index("(")]
        if len(cut) != 3 or not cut[1].isdigit() or int(cut[1][:9]) < _UUID_CHARACTERS:
            return False
        return all(token.kind == "word" for token in type_[: len(said)])
    return " ".join(said) in _KEEPS_A_UUID


def _closes(tokens: Sequence[Token], at: int) -> int:
    """Where the parenthesis at a place is closed; -1 where it is not."""
    depth = 0
    for n in range(at, len(tokens)):
        depth += (tokens[n].text == "(") - (tokens[n].text == ")")
        if depth == 0:
            return n
    return -1


def _is_named(function: Function, name: tuple[str, str]) -> bool:
    return function.name == name[1] and name[0] in ("", function.schema)


def _returned_call(function: Function, default: Default) -> tuple[str, str] | None:
    """The call whose value is all that a function returns."""
    returned = returned_expression(function)
    if not returned or function.returns not in _KEEPS_A_UUID or default.unread or strange_in(returned, default):
        return None
    is_named = len(returned) > 2 and returned[-2].said == "as"
    return _sole_call(returned[:-2] if is_named else returned)


def returned_expression(function: Function) -> Sequence[Token] | None:
    """The expression whose value is all that a function does, and what follows it; None where there is more to it.

    SELECT expression, RETURN expression and BEGIN ATOMIC of SQL; BEGIN RETURN expression; END of PL/pgSQL.
    """
    if function.language not in READ_LANGUAGES or function.arguments or not _is_plain(function):
        return None
    tokens = read_tokens(_body(function))
    if not tokens or len(tokens) > MOST_TOKENS:
        return None
    said = [token.text.lower() for token in tokens]
    while said[-1:] == [";"]:
        tokens, said = tokens[:-1], said[:-1]
    if function.language == "plpgsql" or said[:2] == ["begin", "atomic"]:
        first = 2 if said[1:2] == ["atomic"] else 1
        if said[:1] != ["begin"] or said[-2:] != [";", "end"]:
            return None
        tokens, said = tokens[first:-2], said[first:-2]
    begins = ("return",) if function.language == "plpgsql" else ("select", "return")
    if ";" in said or not said or said[0] not in begins:
        return None
    return tokens[1:]


def _is_plain(function: Function) -> bool:
    """Whether nothing but its body decides what it does: of its settings it may have a search_path."""
    return all(setting.startswith("search_path=") for setting in function.settings)


def _body(function: Function) -> str:
    """Its source; of one with a body of standard SQL, what Postgres prints of that."""
    if function.source or function.language != "sql":
        return function.source
    is_told = re.fullmatch(r"\w+\.\w+", f"{function.schema}.{function.name}") and not function.settings
    if not is_told or (function.arguments and not function.built_in):
        return ""  # what stands before the body could hold what looks like one
    found = re.search(r"\n(RETURN .*|BEGIN ATOMIC\n.*)\Z", function.definition, re.DOTALL)
    return found[1] if found else ""


def meant_by(name: tuple[str, str], caller: Function, named: Sequence[Function]) -> list[Function]:
    """The functions that a name in the body of a function may mean."""
    named = [f for f in named if _is_named(f, name)]
    path = _search_path(caller)
    if name[0] or path is None:
        return named
    return [f for f in named if f.schema in path or f.schema == "pg_catalog"]


def _search_path(function: Function) -> set[str] | None:
    """The schemas of a function's own search_path; None where it has the one of whoever calls it."""
    for setting in function.settings:
        path = setting.removeprefix("search_path=").strip()
        if path in ("", '""'):
            return set()
        if setting.startswith("search_path=") and '"' not in path:
            return {part.strip() for part in path.split(",")}
    return None


# --- what a value is made of ------------------------------------------------------------------------------------------


def _origin(
    function: Function, default: Default, by_name: dict[str, list[Function]]
) -> tuple[Origin, Iterable[Function]]:
    """What a function adds to a value by itself, and what it calls."""
    if symbol_of(function) is not None and is_understood(function):
        return Origin(strong=is_strong(function)), ()
    if symbol_of(function) is not None or function.language not in READ_LANGUAGES:
        return Origin(unclear=f"{function.shown} is not known, and has no text that could be read"), ()
    tokens = read_tokens(_body(function))
    if (
        not tokens
        or not _is_plain(function)
        or not function.returns
        or (function.has_defaults and not function.built_in)
    ):
        return Origin(unclear=f"the text of {function.shown} was not understood"), ()
    strange = default.unread or strange_in(tokens, default)
    if strange:
        return Origin(unclear=f"{function.shown} {strange}"), ()
    calls: set[Function] = set()
    for name, meant in _calls(tokens, function, by_name):
        if not meant:
            return Origin(unclear=f"{function.shown} calls {name}(), which was not found"), ()
        calls.update(meant)
    return Origin(), calls


def _calls(
    tokens: Sequence[Token], caller: Function, by_name: dict[str, list[Function]]
) -> Iterator[tuple[str, list[Function]]]:
    """Each name that a body calls, and the functions that it may mean."""
    for at, token in enumerate(tokens):
        if token.kind not in ("word", "quoted"):
            continue
        behind_dot = at > 1 and tokens[at - 1].text == "."
        is_call = at + 1 < len(tokens) and tokens[at + 1].text == "("
        schema = tokens[at - 2].said if behind_dot and is_call else ""
        meant = meant_by((schema, token.said), caller, by_name.get(token.said, []))
        if not is_call:  # (x).f calls f(x), where there is one that takes such an x
            meant = [f for f in meant if behind_dot and not f.built_in]
        is_form = token.kind == "word" and token.said in _FORMS and not behind_dot
        if meant or (is_call and not is_form):
            yield token.text, meant


def strange_in(tokens: Sequence[Token], default: Default) -> str:
    """What keeps the text of a function from telling all that its value may come from; "" if nothing does."""
    for token in tokens:
        if token.kind == "word" and token.said in _NOT_READ:
            return f"runs {token.said.upper()}"
        if token.kind in ("word", "quoted") and token.said in default.types:
            return f"uses the type {token.text}"
        if token.kind == "operator" and any(operator in token.text for operator in default.operators):
            return f"uses the operator {token.text}, which may be one of this database"
    if default.casts:
        return "may use a cast of this database"
    relation = next(_relations(tokens), None)
    return f"reads {relation}" if relation is not None else ""


def _relations(tokens: Sequence[Token]) -> Iterator[str]:
    """The relations that a body reads for more than whether a row is there."""
    openers: list[str] = [""]
    in_from: list[bool] = [False]
    performs = False
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        word = token.said if token.kind == "word" else ""
        begins = before is not None and (before.said in ("from", "join", "lateral") or before.text in (",", "("))
        is_item = in_from[-1] and begins
        if token.text == "(":
            openers.append(before.said if before is not None and before.kind == "word" else "")
            after = tokens[at + 1].said if at + 1 < len(tokens) else ""
            in_from.append(is_item and after not in ("select", "values"))  # a join may stand in parentheses
        elif token.text == ")":
            openers.pop()
            in_from.pop()
            if not openers:
                return
        elif token.text == ";":
            performs, in_from[-1] = False, False
        elif word == "perform":
            performs = before is None or before.said in _BEGINS_STATEMENTS
        elif word in ("from", "join"):
            is_form = openers[-1] in _FROM_OF_FORMS or (before is not None and before.said == "distinct")
            in_from[-1] = in_from[-1] or not is_form
        elif word in _ENDS_FROM:
            in_from[-1] = False
        elif is_item and token.kind in ("word", "quoted") and word not in ("lateral", "select", "values"):
            is_call = _is_call_at(tokens, at) and word != "only"
            if not is_call and not performs and "exists" not in openers:
                yield token.text


def _is_call_at(tokens: Sequence[Token], at: int) -> bool:
    """Whether a name, qualified or not, is followed by arguments."""
    while at + 2 < len(tokens) and tokens[at + 1].text == ".":
        at += 2
    return at + 1 < len(tokens) and tokens[at + 1].text == "("
