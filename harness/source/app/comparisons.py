"""Which column a handler of a unique violation asks for: what it compares the error's constraint or message with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from harness.source.app.violations import VIOLATION
from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import literal
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import (
    FUNCTIONS,
    Node,
    arguments,
    unwrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.constraints import Constraints, WhoseConstraint
    from harness.source.app.names import Names
    from harness.source.javascript.program import Program

_SAID = (
    "constraint",
    "constraint_name",
    "constraintName",
    "target",
    "detail",
    "column",
    "table",
    "table_name",
    "tableName",
    "fields",
    "path",
    "meta",
)
# What is asked of an error where nothing else says that it is one; and what a catalogue's row is asked for.
OF_AN_ERROR = re.compile(r"\b(?:constraint|constraint_name|constraintName|detail)\b|\bmeta\??\.target\b")
_OF_A_CATALOGUE = re.compile(r"\b(?:conname|indexname|index_name|relname)\b")
_HANDS_ON = re.compile(r"throw\s+\w+\s*;?$|(?:return\s+)?(?:next|reject|Promise\.reject)\(\s*\w+\s*\)\s*;?$")
_EQUAL = frozenset(("==", "===", "!=", "!=="))
_ASKS = frozenset(
    ("includes", "startsWith", "endsWith", "test", "match", "has", "indexOf", "search", "some", "every", "equals")
)
_SAYS_UNIQUE = re.compile(r"duplicate|violat|unique constraint", re.IGNORECASE)
_AGAIN = re.compile(r"\bcontinue\b|\bretr(?:y|ies)|\battempt|\bagain\b", re.IGNORECASE)
_ANOTHER = re.compile(r"\b(?:name|slug|e-?mail|title|handle|username|domain|subdomain|label|phone)\b", re.IGNORECASE)
_ENDS_OF_SCOPE = frozenset(("catch_clause", "statement_block", "switch_body", "program", "decorator"))
_DEEPEST = 6  # names and calls that are followed


class Comparisons:
    """Tells what handlers ask for."""

    def __init__(self, program: Program, names: Names, constraints: Constraints) -> None:
        self._program = program
        self._names = names
        self._constraints = constraints

    def subject(self, at: Node) -> Literal["ours", "column", "other", "unknown"]:
        """Which column a handler asks for, where it compares the constraint, its columns or the message."""
        scope = self._scope(at)
        asked: dict[Node, None] = {}
        for member in scope.below("member_expression", "identifier"):
            name = member_name(member) if member.kind == "member_expression" else member.text
            if name in _SAID or name == "message":
                place = comparison_around(member)
                if place is not None and scope.holds(place) and place is not scope:
                    asked[place] = None
        handled: set[WhoseConstraint] = set()
        own = comparison_around(at)
        if own is not None and own.kind == "switch_statement" and OF_AN_ERROR.search((own.field("value") or own).text):
            handled |= {self._constraints.of(text) for text in self._texts(at)}
        for place in asked:
            if _is_done_before(place, at):
                continue
            whose = {self._constraints.of(text) for text in self._texts(place)}
            if not _is_excluded(place):
                handled |= whose
            elif whose & {"ours", "column"}:  # whatever else it handles, not the token's
                return "other"
        if "ours" in handled:
            return "ours"
        if "column" in handled:
            return "column"
        return "other" if handled & {"other", "silent"} else "unknown"

    def _texts(self, asked: Node) -> Iterator[str]:
        """The texts that a comparison holds, also those of constants, without such as only say that it is unique."""
        for node in asked.below("string", "template_string", "regex", "identifier", "member_expression"):
            said: str | None
            if node.kind == "identifier":
                found = self._program.resolver.meaning(node)
                if isinstance(found, Binding) and found.kind == "param":
                    yield from self._texts_given(found, 0)
                    continue
                value = found.value if isinstance(found, Binding) and found.kind == "var" and not found.path else found
                said = literal(value) if isinstance(value, Node) else None
            elif node.kind == "member_expression":
                owner, name = node.field("object"), member_name(node)
                holders = self._program.objects.of(owner) if owner is not None and owner.kind == "identifier" else []
                held = self._program.objects.member(holders[0], name) if holders and name is not None else None
                said = literal(held) if isinstance(held, Node) else None
            else:
                said = literal(node) or node.text
            if said is None or VIOLATION.fullmatch(said.strip("\"'`/ ")):
                continue
            speaks = self._names.token_in_text.search(said) is not None or said in self._constraints.known
            if speaks or (len(said) > 3 and not _SAYS_UNIQUE.search(said)):
                yield said

    def _texts_given(self, found: Binding, depth: int) -> list[str]:
        """The texts that a parameter stands for in all calls; of such as are not all known, only those of the token."""
        calls = self._program.calls_of(found.function) if found.function is not None and len(found.path) < 2 else []
        texts: list[str] = []
        is_known = bool(calls)
        for call in calls:
            given = arguments(call)
            value: Binding | Node | None = given[found.index] if found.index < len(given) else found.default
            for step in found.path:
                value = self._program.objects.member(value, step) if isinstance(value, Node) else None
                value = found.default if value is None else value
            if isinstance(value, Node) and unwrapped(value).kind == "identifier":
                value = self._program.resolver.meaning(unwrapped(value))
            if isinstance(value, Binding) and value.kind == "param" and depth < _DEEPEST:
                more = self._texts_given(value, depth + 1)
                texts += more
                is_known = is_known and bool(more)
                continue
            value = value.value if isinstance(value, Binding) and not value.path else value
            said = literal(value) if isinstance(value, Node) else None
            is_known = is_known and said is not None
            texts += [said] if said is not None else []
        return [text for text in texts if is_known or self._constraints.of(text) == "ours"]

    def _scope(self, at: Node) -> Node:
        """The condition and what it leads to."""
        found = at
        for above in at.above():
            if above.kind in FUNCTIONS or above.kind in _ENDS_OF_SCOPE:
                if above.kind == "statement_block" and above.parent is not None and above.parent.kind == "if_statement":
                    found = above.parent
                    continue
                break
            found = above
        return found

    def speaks_of_another(self, *places: Node) -> bool:
        """Whether the answer to a violation names another column, and nothing is tried again."""
        for place in places:
            scope = self._scope(place)
            if _AGAIN.search(scope.text) or any(
                a.kind in ("while_statement", "for_statement", "do_statement", "for_in_statement")
                for a in place.above()
            ):
                return False
            texts = [literal(n) or n.text for n in scope.below("string", "template_string")]
            if any(
                _ANOTHER.search(text) and not self._names.token_in_text.search(text) and " " in text for text in texts
            ):
                return True
        return False


def comparison_around(at: Node) -> Node | None:
    """The comparison that something stands in: an operator, a method that looks for it, a switch, a key of a map."""
    for above in at.above():
        if above.kind in FUNCTIONS or above.kind in ("statement_block", "program", "object"):
            return None
        if above.kind == "switch_case" and not above.children[0].holds(at):
            return None
        if above.kind == "switch_statement":
            return above
        if above.kind == "binary_expression":
            operator = above.operator
            if operator in _EQUAL:
                return above
            if operator in ("&&", "||"):
                return None
        if above.kind == "call_expression":
            callee = above.field("function")
            if callee is None or callee.kind != "member_expression":
                continue  # String(err.constraint)
            if member_name(callee) in _ASKS:
                return above
            if above.field("arguments") is not None and any(given.holds(at) for given in arguments(above)):
                return None
    return None


def is_of_an_error(asked: Node, whose: WhoseConstraint) -> bool:
    """Whether what a text is compared with is an error's; a name of the token's need not say so."""
    said = (asked.field("value") or asked).text if asked.kind == "switch_statement" else asked.text
    if whose == "ours":
        return _OF_A_CATALOGUE.search(said) is None
    return OF_AN_ERROR.search(said) is not None


def _is_excluded(asked: Node) -> bool:
    """Whether what is compared with is left out: told apart by `!==` or `!`, unless what leads to is thrown again."""
    is_negated = asked.kind == "binary_expression" and asked.operator in ("!=", "!==")
    for above in asked.above():
        if above.kind == "unary_expression" and above.text.startswith("!"):
            is_negated = not is_negated
        elif above.kind == "if_statement":
            consequence = above.field("consequence")
            is_condition = consequence is not None and not consequence.holds(asked)
            return is_negated != (is_condition and consequence is not None and _throws_again(consequence))
        elif above.kind in FUNCTIONS or above.kind == "statement_block":
            break
    return is_negated


def _is_done_before(asked: Node, at: Node) -> bool:
    """Whether what is compared decided an `if` in whose `else` something stands."""
    return any(
        above.kind == "if_statement"
        and (otherwise := above.field("alternative")) is not None
        and otherwise.holds(at)
        and not otherwise.holds(asked)
        for above in asked.above()
    )


def _throws_again(consequence: Node) -> bool:
    """Whether a branch hands on the error itself: `throw err`, `next(err)`, `Promise.reject(err)`."""
    steps = consequence.children if consequence.kind == "statement_block" else [consequence]
    return any(_HANDS_ON.match(step.text) is not None for step in steps)
