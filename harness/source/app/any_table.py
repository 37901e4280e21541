"""What an app stores by functions that it wrote for any table: by a parameter's name, or by a member of the object.

`store("chatbots", row)` of a function that inserts into its parameter, and `this.insert(row)` of a class that a class
for each table extends. Whose row is stored stands where such a function is called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.calls import INSERTS, Calls, trailing
from harness.source.app.statements import may_write, statement_roots, statements_in, uses_of
from harness.source.app.steps import TOKEN
from harness.source.app.write import Write
from harness.source.javascript.functions import class_around, function_name, member_name, parameters, returns
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import ELEMENT, Binding
from harness.source.javascript.syntax import (
    CLASSES,
    FIELD,
    Node,
    arguments,
    enclosing_function,
    line_of,
    unwrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.app.rows import Rows
    from harness.source.app.tables import Tables
    from harness.source.javascript.modules import AccessPath, Module
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

_INTO_ANY = re.compile(
    r"""\binsert\s+into\s+(?:["'\\`]*\s*\$\{|["'\\`]+\s*\+|%I)|\bthis\.(?:constructor\.)?_?\w*[tT]able\w*\s*\)"""
    r"""|\bclass\s+\w+\s*<[^;]*?\bthis\._?\w*(?:repo|model|delegate)\w*\s*\.\s*(?:save|insert|create|upsert)\b"""
    r"""|\(\s*\w*[tT]able\w*\s*\)\s*\.\s*(?:insert|values|returning)|\.(?:into|insertInto)\(\s*\w*[tT]able\w*\s*\)""",
    re.IGNORECASE,
)
_WORDS = (
    "insert into",
    "table)",
    "tablename)",
    "this.repo",
    "this.model",
    "this._repo",
    "this._model",
    "this.delegate",
)
_NAMES_TABLE = ("from", "into", "table", "insertInto", "insert", "withSchema")
_DEEPEST = 4  # functions that hand a row on to each other


class AnyTable:
    """Finds the writes by functions that store rows of any table."""

    def __init__(self, program: Program, tables: Tables, names: Names, texts: Texts, rows: Rows, calls: Calls) -> None:
        self._program = program
        self._tables = tables
        self._names = names
        self._texts = texts
        self._rows = rows
        self._calls = calls

    def all(self) -> Iterator[Write]:
        """Those of all files."""
        seen: set[Node] = set()
        for module in self._program.files.modules(self._program.files.matching(_INTO_ANY, *_WORDS)):
            for store, table in self._stores(module):
                yield from self._by_calls(store, table, seen)

    def _stores(self, module: Module) -> Iterator[tuple[Node, Node]]:
        """The places that store, each with what names the table."""
        if may_write(module.parsed.text):
            for root in statement_roots(module.parsed.of_kind("string", "template_string")):
                for statement in statements_in(self._texts, root, self._names):
                    if statement.table == "%I":  # of pg-format
                        yield from ((statement.node, v[0]) for _, v in uses_of(self._program, statement.node) if v)
                        continue
                    hole = (
                        statement.hole(statement.table.rpartition(".")[2].strip('"')) if statement.is_insert else None
                    )
                    if hole is not None:
                        yield statement.node, hole
        for call in module.parsed.of_kind("call_expression"):
            callee = call.field("function")
            if callee is None or callee.kind != "member_expression" or member_name(callee) not in INSERTS:
                continue
            named = [given[0] for name, given in trailing(call) if name in ("into", "from") and given]
            chain = callee.field("object")
            if chain is not None and chain.kind == "member_expression":  # this.repo.save(row)
                named.append(chain)
            while chain is not None and chain.kind == "call_expression":
                made, given = chain.field("function"), arguments(chain)
                name = member_name(made) if made is not None and made.kind == "member_expression" else None
                if given and (name in _NAMES_TABLE or (made is not None and (name is None or made.field("object")))):
                    named.append(given[0])
                chain = made.field("object") if made is not None and made.kind == "member_expression" else None
            yield from ((call, table) for table in named[:1])

    def _by_calls(self, store: Node, table: Node, seen: set[Node]) -> Iterator[Write]:
        table = unwrapped(table)
        while table.kind == "call_expression" and len(arguments(table)) == 1:  # sql(table), escapeIdentifier(table)
            table = unwrapped(arguments(table)[0])
        if table.kind == "identifier":
            meant = self._program.resolver.meaning(table)
            if isinstance(meant, Binding) and meant.kind == "param" and meant.function is not None:
                yield from self._given(store, meant, seen)
        elif table.kind == "member_expression" and table.text.startswith("this.") and class_around(table) is not None:
            yield from self._inherited(store, enclosing_function(store), member_name(table) or "", seen, 0)

    def _given(self, store: Node, meant: Binding, seen: set[Node]) -> Iterator[Write]:
        """By calls of a function that is given the table's name."""
        assert meant.function is not None  # it is a parameter
        inner = enclosing_function(store)
        if inner is not None and inner is not meant.function and _is_answered(inner, meant.function):
            yield from self._of_made(store, inner, meant, seen)
            return
        for call in self._program.calls_of(meant.function):
            given = arguments(call)
            if call in seen or meant.index >= len(given) or self._calls.named_table(call) == "ours":
                continue
            said = given[meant.index]
            others = [one for i, one in enumerate(given) if i != meant.index]
            within: tuple[AccessPath, ...] = ((),)
            if meant.path:
                held = [c for c in unwrapped(said).children if key_of(c)] if unwrapped(said).kind == "object" else []
                named = [c.field("value") or c for c in held if key_of(c) == meant.path[0]]
                others, within = [said], tuple((key_of(c) or "",) for c in held if key_of(c) != meant.path[0])
                if not named:
                    continue
                said = named[0]
            if self._tables.of_text(self._texts.constant(said) or "") == "ours" or self._tables.of(said) == "ours":
                seen.add(call)
                yield self._written(call, store, others, within)

    def _of_made(self, store: Node, function: Node, meant: Binding, seen: set[Node]) -> Iterator[Write]:
        """By calls of a method of what a function makes for a table: `crud("chatbots").create(row)`."""
        name = function_name(function)
        for module in self._program.files.mentioning(name) if name is not None else ():
            for node in module.parsed.named(name or ""):
                member = node.parent if node.kind == "property_identifier" else None
                owner = member.field("object") if member is not None and member.kind == "member_expression" else None
                call = member.parent if member is not None else None
                made = self._program.objects.resolved(owner) if owner is not None else None
                if call is None or call in seen or made is None or call.field("function") is not member:
                    continue
                callee, given = made.field("function"), arguments(made)
                if made.kind != "call_expression" or callee is None or meant.index >= len(given):
                    continue
                is_ours = self._tables.of_text(self._texts.constant(given[meant.index]) or "") == "ours"
                if is_ours and meant.function in self._program.objects.functions(callee):
                    seen.add(call)
                    yield self._written(call, store, arguments(call), ((),))

    def _inherited(
        self, store: Node, function: Node | None, member: str, seen: set[Node], depth: int
    ) -> Iterator[Write]:
        """By calls of a method whose object says which table it is for."""
        home = class_around(function) if function is not None else None
        if function is None or home is None or depth > _DEEPEST or function in seen:
            return
        seen.add(function)
        for call in self._program.calls_of(function):
            callee = call.field("function")
            owner = callee.field("object") if callee is not None and callee.kind == "member_expression" else None
            if owner is None or call in seen:
                continue
            around = class_around(call) if owner.kind in ("this", "super") else None
            which = self._of_class(around, member) if around is not None else self._of_object(owner, member)
            if which == "ours":
                seen.add(call)
                yield self._written(call, store, arguments(call), ((),))
            elif which == "unknown" and around is not None and enclosing_function(call) is not function:
                yield from self._inherited(store, enclosing_function(call), member, seen, depth + 1)

    def _of_object(self, owner: Node, member: str) -> str:
        """The table of an object: by its class, or by what that was made with."""
        for one in (owner, *self._injected(owner)):
            made = self._program.objects.resolved(one)
            if made.kind == "new_expression" and (which := self._of_given(made)) != "unknown":
                return which
        for held in self._program.objects.of(owner):
            if held.kind in CLASSES and (which := self._of_class(held, member)) != "unknown":
                return which
        return self._tables.of(owner)

    def _injected(self, owner: Node) -> Iterator[Node]:
        """What the objects of a class are made with, for a member of them: `new Creator(new Store("chatbots"))`."""
        around = class_around(owner) if owner.text.startswith("this.") else None
        body = around.field("body") if around is not None else None
        built = [child for child in body.children if key_of(child) == "constructor"] if body is not None else []
        for at, parameter in enumerate(parameters(built[0]) if built else ()):
            pattern = parameter.field("pattern") or parameter
            is_put = re.search(
                rf"\bthis\.{re.escape(member_name(owner) or '')}\s*=\s*{re.escape(pattern.text)}\b", built[0].text
            )
            if around is not None and (pattern.text == member_name(owner) or is_put is not None):
                calls = [arguments(made) for made in self._program.made(around)]
                yield from (given[at] for given in calls if at < len(given))

    def _of_class(self, around: Node, member: str) -> str:
        """The table of a class's objects: a field, a getter, or what its constructor hands to the one above."""
        body = around.field("body")
        for child in body.children if body is not None else ():
            value = child.field("value") if child.kind == FIELD and key_of(child) == member else None
            if child.kind == "method_definition" and key_of(child) == member:
                value = next(iter(returns(child)), None)
            said = self._texts.constant(value) if value is not None else None
            if said is not None or value is not None:
                return self._tables.of_text(said) if said is not None else self._tables.of(value or child)
            if child.kind == "method_definition" and key_of(child) == "constructor":
                for call in child.below("call_expression"):
                    above = call.field("function")
                    if above is not None and above.kind == "super" and (which := self._of_given(call)) != "unknown":
                        return which
                for assigned in child.below("assignment_expression"):
                    left, right = assigned.field("left"), assigned.field("right")
                    if left is not None and right is not None and left.text == f"this.{member}":
                        said = self._texts.constant(right)
                        if said is not None:
                            return self._tables.of_text(said)
        which = self._tables.of_class(around)
        heritage = around.of_kind("class_heritage")
        types = heritage.below("type_arguments") if heritage is not None and which == "unknown" else ()
        for model in (name for listed in types for name in listed.below("type_identifier")):  # extends Crud<Chatbot>
            return self._tables.by_name(model.text)
        return which

    def _of_given(self, call: Node) -> str:
        """By the names that a constructor is given."""
        said = [
            self._tables.of_text(text) if (text := self._texts.constant(one)) else self._tables.of(one)
            for one in arguments(call)
        ]
        said = [which for which in said if which != "unknown"]
        return "ours" if "ours" in said else said[0] if said else "unknown"

    def _written(self, call: Node, store: Node, given: list[Node], within: tuple[AccessPath, ...]) -> Write:
        paths = [(*start, *path) for start in within for path in ((TOKEN,), (ELEMENT, TOKEN))]
        values = [(one, path) for one in given for path in paths]
        named = next((held for node, path in values if (held := self._rows.held(node, path)) is not None), None)
        within_store = enclosing_function(store)
        for row in arguments(store) if within_store is not None else ():  # insert({...row, public_token: made()})
            put = self._rows.held(row)
            if put is not None and within_store is not None and within_store.holds(put) and put.kind == "pair":
                values.append((put.field("value") or put, ()))
                named = named or put
        callee = call.field("function")
        at = callee.field("property") or callee if callee is not None else call
        how = f"{(at or call).text}.{self._names.token}"
        return Write(call, line_of(at or call), how, True, (call, store), tuple(values), named)


def _is_answered(inner: Node, outer: Node) -> bool:
    """Whether a function answers an object that holds another one."""
    return any(unwrapped(value).kind in ("object", *CLASSES) and value.holds(inner) for value in returns(outer))
