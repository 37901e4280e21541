"""Where an app stores rows of the table, and where it gives the token column a value.

A `Write` is a place where something is stored: a statement, a call of an ORM, an assignment or a member of an object
that is called like the column. What it does to the token is followed by `harness.source.flow`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.source.checkout import Place
from harness.source.flow import TOKEN
from harness.source.functions import member_name
from harness.source.modules import ELEMENT, Binding
from harness.source.names import plain
from harness.source.rows import PARSES, PARSES_INTO, SHAPES, Rows
from harness.source.statements import Statement, Texts, is_default, may_write, statement_roots, statements_in, values_of
from harness.source.syntax import FUNCTIONS, Node, arguments, enclosing_function, key_of, spot, unwrapped
from harness.source.tables import defined_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.modules import Module
    from harness.source.names import Names
    from harness.source.program import Program
    from harness.source.tables import Tables, Which

_IN_A_CONSTANT = (
    "pair",
    "object",
    "as_expression",
    "satisfies_expression",
    "arguments",
    "enum_assignment",
    "enum_body",
)
_NAMED = ("class_declaration", "class", "function_declaration", "method_definition", "variable_declarator")
Way = tuple[str, ...]
_FIELDS = ("public_field_definition", "field_definition")
_INSERTS = frozenset(
    [
        "values",
        "insert",
        "create",
        "createMany",
        "createManyAndReturn",
        "upsert",
        "save",
        "bulkCreate",
        "build",
        "insertGraph",
        "insertAndFetch",
        "insertGraphAndFetch",
        "findOrCreate",
        "findOrBuild",
        "insertMany",
        "batchInsert",
        "persist",
        "merge",
        "preload",
        "insertOne",
    ]
)
_UPDATES = frozenset(
    [
        "set",
        "update",
        "updateMany",
        "patch",
        "patchAndFetchById",
        "updateAndFetchById",
        "updateOne",
        "assign",
        "doUpdateSet",
    ]
)
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
_ROW_AS_JSON = re.compile(r"\b(?:row_to_json|to_jsonb?)\s*\(\s*(\w+)\s*[,)]", re.IGNORECASE)
_ALIAS = re.compile(r"\binsert\s+into\s+\S+\s+as\s+(\w+)", re.IGNORECASE)
_STORES_NOUN = re.compile(
    r"(?:create|insert|add|save|store|register|make|new)_?"
    r"(?!(?:One|Many|Row|Record|Entity|Item|Data|Into|All|New)\b)([A-Z]\w{3,})$"
)
_SERVES_NOUN = re.compile(r"(?:^|\.)_?([a-z]\w{3,}?)s?(?:Service|Api|Client|Store|Manager|Controller)$")
# Functions for rows of any table, which are told the table first.
_TOLD_THE_TABLE = re.compile(
    r"(?:^|\.)(?:insert|create|save|upsert|batchInsert)_?(?:Rows?|Records?|One|Many|Into|Entity|Item|Data|And\w+|Returning)*$"
)
# Methods of schemas, and of lists of names, whose answer is made of what they are called on.
_CARRIES = (
    PARSES
    | SHAPES
    | PARSES_INTO.keys()
    | {"strict", "partial", "omit", "pick", "strip", "passthrough", "refine", "join", "map"}
)
_BROWSER = re.compile(
    r"""["']use client["']|\bfrom\s+["'](?:react|react-dom\S*|vue|svelte\S*|@angular/core|preact\S*|solid-js\S*"""
    r"""|zustand\S*|jotai\S*|valtio\S*|mobx\S*|recoil|pinia|vuex|redux|react-redux|@reduxjs/toolkit\S*|swr\S*|idb\S*|dexie"""
    r"""|localforage|@tanstack/(?:react|vue|svelte|solid)-\S+)["']|\b(?:localStorage|sessionStorage|indexedDB)\b"""
)
# Stores that hold no tables: what is put into them is in no column.
_NO_TABLES = re.compile(
    r"(?:^|[._])(?:io)?(?:redis|memcached?|mongo(?:db|ose)?|idb|kv|cache|localStorage|sessionStorage)$", re.IGNORECASE
)
_OF_NO_TABLES = frozenset(
    ["redis", "ioredis", "@upstash/redis", "mongodb", "idb", "keyv", "memjs", "memcached", "lru-cache", "node-cache"]
)
_OF_INPUT = re.compile(r"^(?:Create|New|Insert)(?=[A-Z])|(?:Dto|DTO|Input|Request|Payload|Body|Data|Row|Props)$")
_HOOKS = frozenset(["init", "addHook", "beforeCreate", "beforeValidate", "beforeSave", "beforeInsert", "pre", "define"])
_STORING_FUNCTION = re.compile(r"^_?(?:create|insert|add|save|store|register|upsert|persist|write)")


@dataclass(frozen=True, slots=True)
class Write:
    """A place that stores a row of the table, or gives its token a value.

    `run_at` are the calls that store, which for a statement in a constant stand elsewhere. `values` are the expressions
    whose member at a path becomes the token; `names_token` is where the token column is named with a value of the
    app's, None where it is not; `returns` whether the token comes back, None where it cannot be told.
    """

    node: Node
    shown: Place
    how: str
    is_create: bool
    run_at: tuple[Node, ...]
    values: tuple[tuple[Node, Way], ...] = ()
    names_token: Node | None = None
    returns: bool | None = None
    conflict: str | None = None
    may_store: bool = False  # a row that was made elsewhere, or is changed: `repository.save(chatbot)`


class Writes:
    """Finds the writes of a program."""

    def __init__(self, program: Program, tables: Tables, names: Names) -> None:
        self._program = program
        self._tables = tables
        self._names = names
        self._texts = Texts(program, names)
        self._rows = Rows(program, names)

    def all(self) -> list[Write]:
        """All writes in the app's own files."""
        found: list[Write] = []
        names, program = self._names, self._program
        speaking = list(program.modules(program.speaking(names.table_in_text, names.table_word)))
        told = [module for constant in self._constants(speaking) for module in program.mentioning(constant)]
        for module in dict.fromkeys([*speaking, *told]):
            found += self._of_statements(module) if may_write(module.parsed.text) else ()
            found += self._of_calls(module)
        for module in program.modules(program.speaking(names.token_in_text, names.token_word)):
            found += self._of_keys(module)
        return found

    def _constants(self, modules: list[Module]) -> list[str]:
        """What the app calls its constants that hold the table's name: `TABLES`, of which a file uses `TABLES.bots`."""
        found: dict[str, None] = {}
        for module in modules:
            for said in module.parsed.of_kind("string"):
                if self._names.is_sql_table(said.text[1:-1]) and (name := _constant_of(said)) is not None:
                    found[name] = None
        return list(found)

    # --- statements

    def _of_statements(self, module: Module) -> Iterator[Write]:
        for root in statement_roots(module.parsed.of_kind("string", "template_string")):
            for statement in statements_in(self._texts, root, self._names):
                if self._tables.of_text(statement.table) == "ours" or self._is_our_hole(statement):
                    yield self._of_statement(statement)

    def _is_our_hole(self, statement: Statement) -> bool:
        hole = statement.hole(statement.table)
        return hole is not None and self._tables.of(hole) == "ours"

    def _of_statement(self, statement: Statement) -> Write:
        names = [name for name in statement.columns or () if self._names.is_token(name)]
        values = list(self._values(statement)) if names or statement.pieces else []
        named = statement.node if names and not is_default(statement.cell) else None
        if named is None and statement.is_insert:
            pieces = [self._rows.behind(piece) or piece for piece in statement.pieces]
            named = next((held for piece in pieces if (held := self._rows.held(piece)) is not None), None)
        said = statement.returning
        if said is not None:
            returns = "*" in said or self._names.token_in_text.search(said) is not None or "\x01" in said
            returns = returns or _answers_whole_row(statement, said)
        else:
            returns = False
        word = "insert" if statement.is_insert else "update"
        at = statement.node.text.lower().find(word)
        runs = [call for call, _ in values_of(self._program, statement.node)]
        return Write(
            statement.node,
            spot(statement.node, statement.node.start + max(at, 0)),
            ("INSERT" if statement.is_insert else "UPDATE") + f" .. {self._names.token}",
            statement.is_insert,
            (statement.node, *runs),
            tuple(values),
            named if statement.is_insert else None,
            returns,
            statement.conflict,
        )

    def _values(self, statement: Statement) -> Iterator[tuple[Node, Way]]:
        for one in statement.pieces:  # sql(row), Object.keys(row)
            piece = self._rows.behind(one) or one
            for given in [piece, *([*arguments(piece)] if piece.kind == "call_expression" else [])]:
                yield given, (TOKEN,)
                yield given, (ELEMENT, TOKEN)
        cell = statement.cell
        hole = statement.hole(cell)
        if hole is not None:
            yield hole, ()
            return
        for number in re.findall("\x01(\\d+)\x02", cell):
            yield statement.holes[int(number)], ()
        uses = list(values_of(self._program, statement.node))
        if not cell and statement.place is not None:  # columns and values are put together in the same order
            for _, values in uses:
                yield from self._at_place(values[:1], *statement.place)
            return
        numbered = re.search(r"\$(\d+)", cell)
        if numbered is not None:
            yield from ((given, (str(int(numbered[1]) - 1),)) for _, values in uses for given in values[:1])
        elif "?" in cell:
            position = statement.text[: statement.cell_offset].count("?")
            for _, values in uses:
                yield from ((given, (str(position),)) for given in values[:1])
                yield from ((given, ()) for given in values[position : position + 1] if given.kind != "array")
        elif (by_name := re.search(r"(?<!:)[:@$][{(\[/<]?(\w+)", cell)) is not None:
            for _, values in uses:
                yield from ((given, way) for given in values[:1] for way in ((by_name[1],), *_nested(by_name[1])))

    def _at_place(self, values: list[Node], before: int, behind: int) -> Iterator[tuple[Node, Way]]:
        """The value with so many others before it; where those cannot be counted, with so many behind it."""
        for given in values:
            listed = self._texts.elements(given)
            if listed is None:
                yield given, (str(before),)
            elif any(one.kind == "spread_element" for one in listed):
                yield from ((one, ()) for one in listed[-1 - behind : len(listed) - behind])
            else:
                yield from ((one, ()) for one in listed[before : before + 1])

    # --- ORMs and query builders

    def _of_calls(self, module: Module) -> Iterator[Write]:
        for call in module.parsed.of_kind("call_expression"):
            callee = call.field("function")
            callee = unwrapped(callee) if callee is not None else None
            if callee is None:
                continue
            if self._told(call) == "ours":
                yield self._of_told(call, callee)
                continue
            if callee.kind != "member_expression":
                continue
            method = member_name(callee)
            if method in _INSERTS or method in _UPDATES:
                yield from self._of_call(call, callee, method)

    def _told(self, call: Node) -> Which:
        """The table that a function which stores is told, with a row: `insert("chatbots", {..})`."""
        callee, given = call.field("function"), arguments(call)
        if callee is None or len(given) < 2 or _TOLD_THE_TABLE.search(callee.text) is None:
            return "unknown"
        owner = callee.field("object") if callee.kind == "member_expression" else None
        if _is_of_browser(call.file.text) or (owner and not self._is_of_storage(owner, given[0])):
            return "unknown"
        table, row = self._texts.constant(given[0]), unwrapped(given[1])
        is_row = row.kind in ("object", "array", "identifier", "call_expression", "member_expression")
        is_name = table is not None and re.fullmatch(r"[\w.\"$]+", table) is not None
        return self._tables.of_text(table) if table is not None and is_name and is_row else "unknown"

    def _of_told(self, call: Node, callee: Node) -> Write:
        given = arguments(call)
        data = ((given[1], (TOKEN,)), (given[1], (ELEMENT, TOKEN)))
        named = next((held for node, way in data if (held := self._rows.held(node, way)) is not None), None)
        # A helper of the app stores where its own statement stands, which is of any table.
        inside = [
            text
            for function in self._program.functions(callee)
            for text in function.below("string", "template_string")
            if may_write(text.text)
        ]
        said = " ".join(one.text for one in given[2:])
        returns = self._names.token_in_text.search(said) is not None or "*" in said if "return" in said else None
        for name, later in _trailing(call):
            if name in ("returning", "returningAll"):
                columns = " ".join(one.text for one in later)
                returns = not columns or "*" in columns or self._names.token_in_text.search(columns) is not None
        at = callee.field("property") or callee
        how = f"{at.text}.{self._names.token}"
        return Write(call, spot(at), how, True, (call, *inside), data, named, returns, self._conflict(call))

    def _of_call(self, call: Node, callee: Node, method: str) -> Iterator[Write]:
        owner, given = callee.field("object"), arguments(call)
        if owner is None or self._is_own_function(callee):
            return
        if self.table_of_call(call) != "ours":
            return
        data = list(self._data(call, method, given))
        if not data:
            return
        is_create = method in _INSERTS and method not in ("merge", "preload")
        if method == "save":  # of a row that was made by create(), or taken out of the table to be changed
            data = [
                (node, way) for node, way in data if unwrapped(node).kind == "object" or self._new(node) is not None
            ]
            is_create = bool(data)
            if not data:
                at = callee.field("property") or call
                yield Write(call, spot(at), f"{method}.{self._names.token}", False, (call,), may_store=True)
        elif method == "create" and given and re.search(r"[rR]epo|manager|\bem\b", owner.text) and len(given) < 2:
            is_create = True
        if data:
            named = next((held for node, way in data if (held := self._rows.held(node, way)) is not None), None)
            yield Write(
                call,
                spot(callee.field("property") or call),
                f"{method}.{self._names.token}",
                is_create,
                (call,),
                tuple(data),
                named if is_create else None,
                self._returns(call, method, owner) if is_create else None,
                self._conflict(call),
            )

    def _new(self, row: Node) -> Node | None:
        """Where a row is made as an object of a class: `new Chatbot()`, also by the name that was given it."""
        inner = unwrapped(row)
        found = self._program.meaning(inner) if inner.kind == "identifier" else None
        if isinstance(found, Binding) and found.kind == "var" and found.value is not None and not found.path:
            inner = unwrapped(found.value)
        return inner if inner.kind == "new_expression" else None

    def stores_another(self, call: Node) -> bool:
        """Whether a call plainly stores a row of another table."""
        callee = call.field("function")
        if callee is None:
            return False
        method = member_name(callee) if callee.kind == "member_expression" else None
        return self._told(call) == "other" or (method in _INSERTS and self.table_of_call(call) == "other")

    def _is_own_function(self, callee: Node) -> bool:
        return bool(self._program.functions(callee))

    def table_of_call(self, call: Node) -> Which:
        """The table that a call of an ORM or a query builder stores into."""
        callee = call.field("function")
        callee = unwrapped(callee) if callee is not None else None
        if callee is None or callee.kind != "member_expression":
            return "unknown"
        owner, method, given = callee.field("object"), member_name(callee), arguments(call)
        if owner is None:
            return "unknown"
        trailing = _trailing(call)
        for name, later in trailing:
            if name in ("into", "from") and later:
                return self._tables.of_argument(later[0])
        if method == "values":
            inner = unwrapped(owner)
            while inner.kind == "call_expression" and (made := inner.field("function")) is not None:
                called = member_name(made) if made.kind == "member_expression" else None
                if called in ("insert", "insertInto", "into", "replace") and arguments(inner):
                    return self._tables.of_argument(arguments(inner)[0])
                inner = unwrapped(made.field("object") or made)
            return "unknown"
        first = unwrapped(given[0]) if given else None
        if method == "insert" and first is not None and len(given) == 1 and _trails(trailing, "values"):
            return "unknown"  # db.insert(table): judged at .values()
        if first is not None and first.kind in ("identifier", "member_expression") and len(given) > 1:
            which = self._of_saved(first)  # manager.save(Chatbot, row)
            if which != "unknown" and method in ("save", "create", "insert", "upsert", "persist", "update"):
                return which
        if first is not None and method in ("save", "persist", "insert") and (made := self._new(first)) is not None:
            which = self._of_saved(made)  # manager.save(chatbot)
            if which != "unknown":
                return which
        if not self._is_of_storage(owner, first):
            return "unknown"
        return self._tables.of(owner)

    def _of_saved(self, node: Node) -> Which:
        """Of a class whose objects are saved: then it is one of a table, by its name where nothing else tells."""
        which = self._tables.of(node)
        named = node.field("constructor") if node.kind == "new_expression" else node
        found = self._program.meaning(named) if named is not None and named.kind == "identifier" else None
        is_class = isinstance(found, Binding) and found.kind == "class"
        if which != "unknown" or named is None or not is_class or self._names.stem in plain(named.text):
            return which
        return self._tables.by_name(named.text)

    def _is_of_storage(self, owner: Node, first: Node | None) -> bool:
        """Whether a method of this owner stores: not a form, a client of an API or a service of the app."""
        text = owner.text
        if re.search(
            r"(?:api|axios|http|trpc|provider|client\.api|service|controller|fetcher|mutation|router|app)\w*$",
            text,
            re.IGNORECASE,
        ):
            return False
        if re.search(r"(?:^|\.)(?:api|trpc|utils|axios|http)\.", text, re.IGNORECASE):
            return False
        return first is not None

    def _data(self, call: Node, method: str, given: list[Node]) -> Iterator[tuple[Node, Way]]:
        """The expressions whose member at a path is the token that a call stores."""
        rows = given[1:] if len(given) > 1 and self._stands_for_table(given[0]) else given[:1]
        if method == "findOrCreate" or method == "findOrBuild":
            yield from ((node, ("defaults", TOKEN)) for node in given[:1])
            return
        for node in rows[:1]:
            row = unwrapped(node)
            keys = {key_of(child) for child in row.children} if row.kind == "object" else set()
            if keys & {"data", "create"} and keys <= {
                "data",
                "create",
                "update",
                "where",
                "select",
                "include",
                "omit",
                "skipDuplicates",
            }:
                for key in ("data", "create", "update"):
                    if key in keys:
                        yield node, (key, TOKEN)
                        yield node, (key, ELEMENT, TOKEN)
            elif row.kind not in FUNCTIONS:
                yield node, (TOKEN,)
                yield node, (ELEMENT, TOKEN)

    def _stands_for_table(self, node: Node) -> bool:
        inner = unwrapped(node)
        return inner.kind in ("identifier", "member_expression") and self._tables.of(inner) != "unknown"

    def _returns(self, call: Node, method: str, owner: Node) -> bool | None:
        """Whether the token comes back from a call that stores a row."""
        names = self._names
        trailing = _trailing(call)
        for name, given in trailing:
            if name in ("returning", "select", "returningAll", "output") and (
                name != "select" or "from(" in owner.text
            ):
                said = " ".join(one.text for one in given)
                if not said or "*" in said or name == "returningAll" or names.token_in_text.search(said):
                    return True
                return any(self._mentions_alias(one) for one in given)
        options = arguments(call)
        if method in ("create", "upsert", "createManyAndReturn") and options and unwrapped(options[0]).kind == "object":
            for child in unwrapped(options[0]).children:
                key, value = key_of(child), child.field("value") if child.kind == "pair" else None
                if key == "select" and value is not None:
                    inner = unwrapped(value)
                    if inner.kind != "object":
                        return None
                    return any(
                        names.is_token(key_of(one), of_table=True) or one.kind == "spread_element"
                        for one in inner.children
                    )
                if key == "omit" and value is not None:
                    return not any(names.is_token(key_of(one), of_table=True) for one in value.children)
        if method == "values" and any(name in ("returning", "returningAll") for name, _ in trailing):
            return True
        if method == "values":
            return False
        if method == "insert":
            if len(options) > 1 and not self._stands_for_table(options[0]):
                said = options[1].text
                return "*" in said or names.token_in_text.search(said) is not None
            return None if self._tables.of(owner) == "ours" and "(" not in owner.text else False
        return None if method in ("save", "insert", "persist", "createMany", "bulkCreate", "build") else True

    def _mentions_alias(self, node: Node) -> bool:
        return any(
            self._names.is_token(n.text, of_table=True)
            for n in node.below("identifier", "property_identifier", "string_fragment")
        ) or (node.kind in ("identifier", "member_expression"))

    def _conflict(self, call: Node) -> str | None:
        for name, given in _trailing(call):
            if name in ("onConflictDoNothing", "onConflictDoUpdate", "onConflict"):
                return " ".join(one.text for one in given)
        return None

    # --- what is called like the column

    def _of_keys(self, module: Module) -> Iterator[Write]:
        for node in module.parsed.of_kind("pair", "shorthand_property_identifier", "assignment_expression", *_FIELDS):
            value, _ = self._token_value(node)
            if value is None:
                continue
            said = (node.field("left") or node).text if node.kind == "assignment_expression" else key_of(node)
            yield Write(node, spot(node), said or self._names.token, False, (), tuple((one, ()) for one in value))

    def is_stored(self, write: Write) -> bool | None:
        """Whether what is called like the column is stored in the table; None where it cannot be told.

        Asked of what a random value reaches only: to find out takes longer than that.
        """
        if write.run_at:
            return True
        _, holder = self._token_value(write.node)
        which = self.destination(write.node, holder)
        if which != "unknown":
            return which == "ours"
        if _is_of_browser(write.node.file.text):
            return False
        return True if self._is_said_to_be_ours(write.node) else None

    def _is_said_to_be_ours(self, node: Node) -> bool:
        """Whether code whose table is not known stores, and is called after the table: a service, a hook, a class."""
        names, text = self._names, ""
        if node.kind in _FIELDS:  # class CreateChatbotDto { publicToken = randomUUID(); }
            around = next((above for above in node.above() if above.kind in _NAMED), None)
            name = around.field("name") if around is not None else None
            said = _OF_INPUT.sub("", name.text) if name is not None else None
            return said is not None and names.is_table(said)
        held = node.parent.parent if node.parent is not None else None
        if held is not None and held.kind == "pair" and names.is_sql_table(key_of(held) or ""):
            return True  # {chatbots: {public_token: () => nanoid()}}: defaults of the tables
        for above in node.above():
            if above.kind == "pair" and names.is_table(key_of(above)):
                text = "$extends"  # prisma.$extends({query: {chatbot: {create(..) {..}}}})
            if above.kind != "call_expression":
                continue
            callee = above.field("function")
            callee = unwrapped(callee) if callee is not None else None
            if callee is None or callee.holds(node):
                continue
            method = member_name(callee) if callee.kind == "member_expression" else None
            if text and method == text:
                return True
            is_said = names.table_in_text.search(callee.text) is not None
            if is_said and (method in _HOOKS or _STORING_FUNCTION.search(method or callee.text) is not None):
                return True
            stores = (method in _INSERTS or method in _UPDATES) and method not in ("set", "assign", "merge")
            owner = callee.field("object") if stores else None
            if owner is None or not self._is_of_storage(owner, next(iter(arguments(above)), None)):
                continue
            if is_said or self._stands_in_ours(above):
                return True
        return False

    def _stands_in_ours(self, node: Node) -> bool:
        """Whether the function or the class that something stands in, or the file, is called after the table."""
        for above in node.above():
            name = above.field("name") if above.kind in _NAMED else None
            if name is not None and self._names.table_in_text.search(name.text) is not None:
                return True
        return self._names.table_in_text.search(node.file.path.rpartition("/")[2]) is not None

    def _token_value(self, node: Node) -> tuple[list[Node] | None, Node | None]:
        """What a member that is called like the column is given, and the object, class or owner of it."""
        names = self._names
        if node.kind == "assignment_expression":
            left, right = node.field("left"), node.field("right")
            if left is None or right is None or left.kind not in ("member_expression", "subscript_expression"):
                return None, None
            name = member_name(left)
            if name is None and (index := left.field("index")) is not None:
                name = self._texts.constant(index)
            owner = left.field("object")
            return ([right], owner) if names.is_token(name) else (None, None)
        if node.kind in _FIELDS:
            if not names.is_token(key_of(node)):
                return None, None
            value = node.field("value")
            decorators = [
                n for child in node.children if child.kind == "decorator" for n in child.below("call_expression")
            ][:1]
            given = [one for call in decorators for one in arguments(call)]
            return ([*([value] if value is not None else []), *given] or None), None
        if not names.is_token(self._program.key(node)):
            return None, None
        value = node.field("value") if node.kind == "pair" else node
        return ([value] if value is not None else None), node.parent

    def destination(self, node: Node, holder: Node | None) -> str:
        """Where a member that is called like the column goes: to the table, plainly elsewhere, or it is not known."""
        if node.kind in _FIELDS:
            around = next(
                (above for above in node.above() if above.kind.endswith("class_declaration") or above.kind == "class"),
                None,
            )
            return self._tables.of_class(around) if around is not None else "unknown"
        if node.kind == "assignment_expression":
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
            return which if which != "unknown" else self._of_uses(holder, 0)
        return self._destination(holder, 0) if holder is not None else "unknown"

    def _destination(self, node: Node, depth: int) -> str:
        above = node.parent
        if above is None or depth > 8:
            return "unknown"
        if above.kind in (
            "spread_element",
            "array",
            "parenthesized_expression",
            "as_expression",
            "satisfies_expression",
            "ternary_expression",
            "await_expression",
            "non_null_expression",
            "object",
        ):
            return self._destination(above, depth + 1)
        if above.kind == "pair":
            return "aside" if key_of(above) in _READS else self._destination(above.parent or above, depth + 1)
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
            return _together([self._destination(call, depth + 1) for call in calls[:8]])
        return "unknown"

    def _of_variable(self, declared: Node, depth: int) -> str:
        name = declared.field("name")
        binding = self._program.of(declared).resolve(name) if name is not None and name.kind == "identifier" else None
        if binding is None:
            return "unknown"
        typed = (
            self._tables.of(name) if name is not None and declared.of_kind("type_annotation") is not None else "unknown"
        )
        if typed != "unknown":
            return typed
        return self._of_binding(binding, depth)

    def _of_uses(self, node: Node, depth: int) -> str:
        """Where what a name stands for goes."""
        inner = unwrapped(node)
        found = self._program.meaning(inner) if inner.kind == "identifier" else None
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
        if self._is_of_no_tables(callee):
            return "aside"
        if callee.text == "Object.assign" and unwrapped(arguments(call)[0]).kind == "identifier":
            return self._of_uses(arguments(call)[0], depth + 1) if not arguments(call)[0].holds(node) else "unknown"
        if member_name(callee) in SHAPES and self._program.package_of(callee) is not None:  # z.object({..})
            return self._destination(call, depth + 1)
        if (told := self._told(call)) != "unknown":
            return told
        said_tables = self._of_statement_beside(call, node)
        if said_tables:
            return _together(said_tables)
        which = self._tables.of(call) if call.kind == "new_expression" else "unknown"
        method = member_name(callee) if callee.kind == "member_expression" else None
        if which == "unknown" and (method in _INSERTS or method in _UPDATES):
            which = self.table_of_call(call)
            if which == "unknown" and method in ("set", "update", "values") and callee.field("object") is not None:
                which = self._tables.of(callee.field("object") or callee)
        if which == "unknown":
            table = defined_table(call)
            which = self._tables.of_text(table) if table is not None else which
        if which != "unknown":
            return which
        functions = self._program.functions(callee)
        if functions:
            return _together(
                [found for function in functions for found in self._of_parameter(function, call, node, depth)]
            )
        said = _STORES_NOUN.match(callee.text.rpartition(".")[2])
        if said is not None and self._names.stem not in plain(said[1]):  # createShare({publicToken: ..})
            return "other"
        owner = callee.field("object") if method is not None else None
        noun = _SERVES_NOUN.search(owner.text) if owner is not None and method in _INSERTS else None
        if noun is not None and self._names.stem not in plain(noun[1]):  # shareService.create(share)
            return "other"
        return "aside" if _ASIDE_CALLS.search(callee.text) else "unknown"

    def _is_of_no_tables(self, callee: Node) -> bool:
        """Whether a method is of a store that holds no tables: of Redis, of Mongo, of a cache, of the browser."""
        owner = callee.field("object") if callee.kind == "member_expression" else None
        for _ in range(8):
            if owner is None:
                return False
            owner = unwrapped(owner)
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
            package = self._program.package_of(owner)
            if _NO_TABLES.search(owner.text) is not None or (package is not None and package[0] in _OF_NO_TABLES):
                return True
            found = self._program.meaning(owner)
            owner = found.value if isinstance(found, Binding) and found.kind == "var" else None
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
        module = self._program.of(function)
        for binding in module.scopes.get(function, {}).values():
            if binding.kind != "param" or binding.index != index:
                continue
            for use in module.parsed.named(binding.name):
                is_whole = use.parent is not None and use.parent.kind != "member_expression"
                if not is_whole or not function.holds(use) or binding.node.holds(use):
                    continue
                if module.resolve(use) is binding:
                    yield self._destination(use, depth + 1)


@lru_cache(maxsize=8)
def _is_of_browser(text: str) -> bool:
    """Whether a file's text imports what runs in a browser: asked of each place in it, and files may be large."""
    return _BROWSER.search(text) is not None


def _answers_whole_row(statement: Statement, returning: str) -> bool:
    """Whether a statement answers its row as JSON, which holds every column: `RETURNING row_to_json(chatbots)`."""
    found, alias = _ROW_AS_JSON.search(returning), _ALIAS.search(statement.text)
    row = alias[1] if alias is not None else statement.table.rpartition(".")[2].strip('"')
    return found is not None and found[1].lower() == row.lower()


def _constant_of(said: Node) -> str | None:
    """The name of the constant that a text is, or is a member of: an object's or an enum's."""
    for above in said.above():
        if above.kind in ("variable_declarator", "enum_declaration"):
            name = above.field("name")
            if name is None or name.kind != "identifier" or enclosing_function(above) is not None:
                return None
            # All files that hold the name are read: of what may be called anything, such as `config`, that is too many.
            return name.text if re.match(r"[A-Z]|\w*[tT]able", name.text) is not None else None
        callee = above.field("function") if above.kind == "call_expression" else None
        is_frozen = callee is not None and callee.text in ("Object.freeze", "Object.seal")
        if above.kind not in _IN_A_CONSTANT and not is_frozen:
            return None
    return None


def _nested(name: str) -> Iterator[Way]:
    yield from (("replacements", name), ("bind", name), ("params", name))


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


def _trailing(call: Node) -> list[tuple[str, list[Node]]]:
    """The methods that are called on what a call answers: their names and arguments."""
    found = []
    node = call
    while (member := node.parent) is not None and member.kind == "member_expression" and member.field("object") is node:
        above = member.parent
        if above is None or above.kind != "call_expression" or above.field("function") is not member:
            break
        found.append((member_name(member) or "", arguments(above)))
        node = above
    return found


def _trails(trailing: list[tuple[str, list[Node]]], name: str) -> bool:
    return any(method == name for method, _ in trailing)
