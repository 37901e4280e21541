"""Where a member that is called like the token column goes: into the table, plainly elsewhere, or it is not known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.calls import INSERTS, UPDATES, Calls
from harness.source.app.rows import PARSES, PARSES_INTO, SHAPES
from harness.source.app.statements import statements_in
from harness.source.app.tables import defined_table
from harness.source.javascript.functions import call_around, class_around, member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import (
    ASSIGNMENTS,
    FIELD,
    WRAPPERS,
    Node,
    arguments,
    enclosing_function,
    unwrapped,
)
from harness.source.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.app.tables import Tables
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

_READS = frozenset(
    [
        "where",
        "select",
        "include",
        "orderBy",
        "columns",
        "attributes",
        "having",
        "with",
        "omit",
        "distinct",
        "by",
        "params",
        "query",
        "response",
        "schema",
        "body",
        "properties",
        "required",
    ]
)
_ASIDE_CALLS = re.compile(
    r"(?:^|\.)(?:json|send|jsonp|render|log|info|warn|error|debug|trace|expect|toEqual|toMatchObject|eq|and|or|ne|"
    r"where|find\w*|select|returning|omit|pick|count|delete\w*|remove|useState|useMemo|setQueryData|setState|track|emit|"
    r"publish|setItem|redirect|push|replace|navigate|sign|encode|verify)$|(?:^|\.)set[A-Z]\w*$"
)
_STORES_NOUN = re.compile(
    r"(?:create|insert|add|save|store|register|make|new)_?"
    r"(?!(?:One|Many|Row|Record|Entity|Item|Data|Into|All|New)\b)([A-Z]\w{3,})$"
)
_SERVES_NOUN = re.compile(r"(?:^|\.)_?([a-z]\w{3,}?)s?(?:Service|Api|Client|Store|Manager|Controller)$")
# Methods of schemas, and of lists of names, whose answer is made of what they are called on.
_CARRIES = (
    PARSES
    | SHAPES
    | PARSES_INTO.keys()
    | {"strict", "partial", "omit", "pick", "strip", "passthrough", "refine", "join", "map"}
)
# Stores that hold no tables: what is put into them is in no column.
_NO_TABLES = re.compile(
    r"(?:^|[._])(?:io)?(?:redis|memcached?|mongo(?:db|ose)?|idb|kv|cache|localStorage|sessionStorage)$", re.IGNORECASE
)
_OF_NO_TABLES = frozenset(
    ["redis", "ioredis", "@upstash/redis", "mongodb", "idb", "keyv", "memjs", "memcached", "lru-cache", "node-cache"]
)


_OF_AN_EVENT = ("entity", "databaseEntity", "instance", "document")


class Destinations:
    """Follows what holds a token to where it is stored, or is not."""

    def __init__(self, program: Program, tables: Tables, names: Names, texts: Texts, calls: Calls) -> None:
        self._program = program
        self._tables = tables
        self._names = names
        self._texts = texts
        self._calls = calls

    def of(self, node: Node, holder: Node | None) -> str:
        """Where a member that is called like the column goes: to the table, plainly elsewhere, or it is not known."""
        if node.kind == FIELD:
            around = class_around(node)
            return self._tables.of_own(around) if around is not None else "unknown"
        if node.kind in (*ASSIGNMENTS, "call_expression"):
            if holder is None:
                return "unknown"
            if holder.kind == "member_expression" and member_name(holder) in (
                "locals",
                "session",
                "headers",
                "query",
                "params",
            ):
                return "aside"
            which = self._tables.of(holder)
            if which == "unknown" and holder.kind == "member_expression" and member_name(holder) in _OF_AN_EVENT:
                event = holder.field("object")  # beforeInsert(event: InsertEvent<Chatbot>) { event.entity.token = .. }
                which = self._tables.of_event(event) if event is not None else which
            return which if which != "unknown" else self._of_uses(holder, 0)
        return self._destination(holder, 0) if holder is not None else "unknown"

    def _destination(self, node: Node, depth: int) -> str:
        above = node.parent
        if above is None or depth > 8:
            return "unknown"
        if above.kind in (
            *WRAPPERS,
            "spread_element",
            "array",
            "ternary_expression",
            "object",
        ):
            return self._destination(above, depth + 1)
        if above.kind == "pair":
            if key_of(above) in _READS:
                made = next((one for one in above.above() if one.kind in ("call_expression", "new_expression")), None)
                table = defined_table(made) if made is not None else None
                return self._tables.of_text(table) if table is not None else "aside"  # properties of an EntitySchema
            which = self._destination(above.parent or above, depth + 1)
            if which == "ours" and self._tables.of_relation(key_of(above)) == "other":
                return "other"
            # A row that is stored with one of another table: `workspaces.save({chatbots: [{publicToken: ..}]})`.
            return "ours" if which == "other" and self._names.is_table(key_of(above)) else which
        if above.kind == "arguments" and above.parent is not None:
            return self._of_argument(above.parent, node, depth)
        if above.kind == "variable_declarator":
            return self._of_variable(above, depth)
        if above.kind == "member_expression" and above.field("object") is node:
            return self._of_chain(above, depth)
        if above.kind == "template_substitution" and above.parent is not None:
            tables = [self._tables.of_text(s.table) for s in statements_in(self._texts, above.parent, self._names)]
            return _together(list(tables)) if tables else "unknown"
        if above.kind in ("return_statement", "arrow_function"):
            function = above if above.kind == "arrow_function" else enclosing_function(above)
            calls = self._program.calls_of(function) if function is not None else []
            around = call_around(function) if function is not None and not calls else None
            if around is not None and (which := self._of_called_back(around, depth)) != "unknown":
                return which
            return _together([self._destination(call, depth + 1) for call in calls[:8]])
        return "unknown"

    def _of_called_back(self, call: Node, depth: int) -> str:
        """Where what a function answers goes that a call is handed: columns of a table, or elements of a list."""
        table = defined_table(call)
        if table is not None:
            return self._tables.of_text(table)
        callee = call.field("function")
        name = member_name(callee) if callee is not None and callee.kind == "member_expression" else None
        return self._destination(call, depth + 1) if name in ("map", "flatMap", "from") else "unknown"

    def _of_variable(self, declared: Node, depth: int) -> str:
        name = declared.field("name")
        binding = (
            self._program.files.of(declared).resolve(name) if name is not None and name.kind == "identifier" else None
        )
        if binding is None:
            return "unknown"
        typed = (
            self._tables.of(name) if name is not None and declared.of_kind("type_annotation") is not None else "unknown"
        )
        if typed == "other" or (typed == "ours" and not self._is_only_kept(binding)):
            return typed
        return self._of_binding(binding, depth)

    def _of_uses(self, node: Node, depth: int) -> str:
        """Where what a name stands for goes."""
        inner = unwrapped(node)
        found = self._program.resolver.meaning(inner) if inner.kind == "identifier" else None
        return self._of_binding(found, depth) if isinstance(found, Binding) and found.kind == "var" else "unknown"

    def _of_binding(self, binding: Binding, depth: int) -> str:
        uses = list(self._program.references(binding))[:12]
        went = [self._destination(use, depth + 1) for use in uses if _is_whole(use)]
        for use in uses:  # its token alone: a statement of our table that takes it is a write itself
            read = use.parent
            if read is not None and self._is_read(read, use):
                which = self._destination(read, depth + 1)
                went.append(which if which != "ours" else "unknown")
        return _together(went)

    def _is_only_kept(self, binding: Binding) -> bool:
        """Whether a row is put into a map or a list of the app, and else only answered."""
        kept = False
        for use in self._program.references(binding):
            above = use.parent
            if above is None or above.kind in ("member_expression", "return_statement"):
                continue
            callee = above.parent.field("function") if above.kind == "arguments" and above.parent is not None else None
            owner = callee.field("object") if callee is not None and callee.kind == "member_expression" else None
            if owner is None or not self._calls.keeps(owner):
                return False
            kept = True
        return kept

    def _is_read(self, member: Node, owner: Node) -> bool:
        """Whether a member is the token of an owner, and is not given a value here."""
        is_token = member.kind == "member_expression" and self._names.is_token(member_name(member))
        above = member.parent
        is_given = above is not None and above.kind == "assignment_expression" and above.field("left") is member
        return is_token and member.field("object") is owner and not is_given

    def _of_chain(self, member: Node, depth: int) -> str:
        """Where what is made of something goes: of a schema what it answers, of the names of a row their text."""
        name, above = member_name(member), member.parent
        if above is not None and above.kind == "call_expression" and above.field("function") is member:
            return self._destination(above, depth + 1) if name in _CARRIES else "unknown"
        return self._destination(member, depth + 1) if name in ("data", "value", "output") else "unknown"

    def _of_argument(self, call: Node, node: Node, depth: int) -> str:
        callee = call.field("function") or call.field("constructor")
        if callee is None:
            return "unknown"
        is_piece = call.parent is not None and call.parent.kind == "template_substitution"  # sql(row) in a statement
        if is_piece or callee.text in ("Object.keys", "Object.values", "Object.entries"):
            return self._destination(call, depth + 1)
        if callee.text == "JSON.stringify":
            return self._destination(call, depth + 1)
        owner = callee.field("object") if callee.kind == "member_expression" else None
        if self._is_of_no_tables(callee) or (owner is not None and self._calls.keeps(owner)):
            return "aside"
        if callee.text == "Object.assign" and unwrapped(arguments(call)[0]).kind == "identifier":
            return self._of_uses(arguments(call)[0], depth + 1) if not arguments(call)[0].holds(node) else "unknown"
        if member_name(callee) in SHAPES and self._program.resolver.package_of(callee) is not None:  # z.object({..})
            return self._destination(call, depth + 1)
        if (named := self._calls.named_table(call)) != "unknown":
            return named
        said_tables = self._of_statement_beside(call, node)
        if said_tables:
            return _together(said_tables)
        which = self._tables.of(call) if call.kind == "new_expression" else "unknown"
        method = member_name(callee) if callee.kind == "member_expression" else None
        if which == "unknown" and (method in INSERTS or method in UPDATES):
            which = self._calls.table_of_call(call)
            if which == "unknown" and method in ("set", "update", "values") and callee.field("object") is not None:
                which = self._tables.of(callee.field("object") or callee)
        if which == "unknown":
            table = defined_table(call)
            which = self._tables.of_text(table) if table is not None else which
        if which != "unknown":
            return which
        functions = self._program.objects.functions(callee)
        if functions:
            return _together(
                [found for function in functions for found in self._of_parameter(function, call, node, depth)]
            )
        said = _STORES_NOUN.match(callee.text.rpartition(".")[2])
        if said is not None and self._names.stem not in plain(said[1]):  # createShare({publicToken: ..})
            return "other"
        owner = callee.field("object") if method is not None else None
        noun = _SERVES_NOUN.search(owner.text) if owner is not None and method in INSERTS else None
        if noun is not None and self._names.stem not in plain(noun[1]):  # shareService.create(share)
            return "other"
        return "aside" if _ASIDE_CALLS.search(callee.text) else "unknown"

    def _is_of_no_tables(self, callee: Node) -> bool:
        """Whether a method is of a store that holds no tables: of Redis, of Mongo, of a cache, of the browser."""
        owner = callee.field("object") if callee.kind == "member_expression" else None
        for _ in range(8):
            if owner is None:
                return False
            if owner.kind in ("call_expression", "member_expression"):
                if (
                    _NO_TABLES.search(owner.text) is not None
                    or member_name(owner.field("function") or owner) == "collection"
                ):
                    return True
                owner = owner.field("function") or owner.field("object")
                continue
            if owner.kind == "new_expression":
                owner = owner.field("constructor")
                continue
            if owner.kind != "identifier":
                return False
            package = self._program.resolver.package_of(owner)
            if _NO_TABLES.search(owner.text) is not None or (package is not None and package[0] in _OF_NO_TABLES):
                return True
            found = self._program.resolver.meaning(owner)
            value = found.value if isinstance(found, Binding) and found.kind == "var" else None
            owner = unwrapped(value) if value is not None else None
        return False

    def _of_statement_beside(self, call: Node, node: Node) -> list[str]:
        """The tables of the statement that a call is given together with values."""
        first = next(iter(arguments(call)), None)
        if first is None or first.holds(node) or first.kind not in ("string", "template_string", "identifier"):
            return []
        return [str(self._tables.of_text(s.table)) for s in statements_in(self._texts, first, self._names)]

    def _of_parameter(self, function: Node, call: Node, node: Node, depth: int) -> Iterator[str]:
        """Where a function of the app takes an argument."""
        index = next((i for i, given in enumerate(arguments(call)) if given.holds(node)), None)
        module = self._program.files.of(function)
        for binding in module.scopes.get(function, {}).values():
            if binding.kind != "param" or binding.index != index:
                continue
            for use in module.parsed.named(binding.name):
                is_whole = use.parent is not None and use.parent.kind != "member_expression"
                if not is_whole or not function.holds(use) or binding.node.holds(use):
                    continue
                if module.resolve(use) is binding:
                    yield self._destination(use, depth + 1)


def _is_whole(use: Node) -> bool:
    """Whether a use of a name is of all that it stands for, and is no type."""
    above = use.parent
    if above is None or above.kind == "type_query":
        return False
    if above.kind == "arguments" and above.parent is not None and above.children[0] is use:
        callee = above.parent.field("function")
        if callee is not None and callee.text == "Object.assign":  # which only puts something into it
            return False
    if above.kind != "member_expression":
        return True
    called = above.parent is not None and above.parent.kind == "call_expression"
    return called and above.field("object") is use and member_name(above) in _CARRIES


def _together(found: list[str]) -> str:
    if "ours" in found:
        return "ours"
    known = [one for one in found if one != "unknown"]
    return known[0] if known and len(known) == len(found) else "unknown"
