"""Which table a call of an ORM, of a query builder, or of a helper that is given the table's name stores into."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.source.app.tables import is_client
from harness.source.javascript.functions import class_around, declared_member, member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import Node, arguments, unwrapped
from harness.source.spelling import plain, singular

if TYPE_CHECKING:
    from harness.source.app.names import Names
    from harness.source.app.tables import Tables, WhichTable
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

INSERTS = frozenset(
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
        "persistAndFlush",
        "merge",
        "preload",
        "insertOne",
    ]
)
UPDATES = frozenset(
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
# How a chain begins whose method is given the row.
_BEGUN_BY = {"values": ("insert", "insertInto", "into", "replace"), "set": ("update", "updateTable")}
_COLLECTIONS = frozenset(("Map", "Set", "WeakMap", "WeakSet", "Array", "LRUCache", "TTLCache", "QuickLRU"))
_COLLECTION_TYPE = re.compile(
    r":\s*(?:readonly\s+)?(?:(?:Readonly|Weak)?(?:Map|Set|Array)<|(?:Partial<)?Record<|[\w.<>]+\[\]|\{\s*\[)"
)
# Functions for rows of any table, which are given the table's name first.
STORES_ROWS = (
    r"(?:insert|create|save|upsert|batchInsert)_?(?:Rows?|Records?|One|Many|Into|Entity|Item|Data|And\w+|Returning)*"
)
_MAY_STORE = re.compile(
    rf"\binsert\b|\.\s*(?:{'|'.join(sorted(INSERTS))}|query|execute|one|none|unsafe|run|rpc)\s*[(<]", re.IGNORECASE
)
_DEEPEST = 3  # functions that call each other
_NAMES_TABLE = re.compile(rf"(?:^|\.){STORES_ROWS}$")
_BROWSER = re.compile(
    r"""["']use client["']|\bfrom\s+["'](?:react|react-dom\S*|vue|svelte\S*|@angular/core|preact\S*|solid-js\S*"""
    r"""|zustand\S*|jotai\S*|valtio\S*|mobx\S*|recoil|pinia|vuex|redux|react-redux|@reduxjs/toolkit\S*|swr\S*|idb\S*|dexie"""
    r"""|localforage|@tanstack/(?:react|vue|svelte|solid)-\S+)["']|\b(?:localStorage|sessionStorage|indexedDB)\b"""
)


_OF_ASSOCIATION = re.compile(r"create([A-Z]\w+)$")


class Calls:
    """Tells the table of a call that stores."""

    def __init__(self, program: Program, tables: Tables, names: Names, texts: Texts) -> None:
        self._program = program
        self._tables = tables
        self._names = names
        self._texts = texts

    def named_table(self, call: Node) -> WhichTable:
        """The table that a helper which stores rows is given by name: `insert("chatbots", {..})`."""
        callee, given = call.field("function"), arguments(call)
        if callee is None or len(given) < 2 or _NAMES_TABLE.search(callee.text) is None:
            return "unknown"
        owner = callee.field("object") if callee.kind == "member_expression" else None
        functions = self._program.objects.functions(callee)
        if functions and not any(self._may_store(function, 0) for function in functions):
            return "unknown"
        if is_of_browser(call.file.text) or (owner and not self.is_of_storage(owner, given[0])):
            return "unknown"
        table, row = self._texts.constant(given[0]), unwrapped(given[1])
        is_row = row.kind in ("object", "array", "identifier", "call_expression", "member_expression")
        is_name = table is not None and re.fullmatch(r"[\w.\"$]+", table) is not None
        return self._tables.of_text(table) if table is not None and is_name and is_row else "unknown"

    def _may_store(self, function: Node, depth: int) -> bool:
        """Whether a function of the app may store rows: it says so, or calls what does."""
        if _MAY_STORE.search((function.field("body") or function).text) is not None:
            return True
        called = [call.field("function") for call in function.below("call_expression")] if depth < _DEEPEST else []
        inner = [made for callee in called if callee is not None for made in self._program.objects.functions(callee)]
        return any(self._may_store(made, depth + 1) for made in inner if made is not function)

    def is_of_association(self, call: Node) -> bool:
        """Whether a call is of a method that Sequelize makes for an association: `workspace.createChatbot({..})`."""
        callee = call.field("function")
        made = _OF_ASSOCIATION.match(member_name(callee) or "") if callee is not None else None
        if callee is None or made is None or is_of_browser(call.file.text):
            return False
        by_relation = {singular(plain(name)) for name in self._tables.relations}
        if not self._names.is_table(made[1]) and singular(plain(made[1])) not in by_relation:
            return False
        if self._program.objects.functions(callee):
            return False
        owner = callee.field("object")
        found = self._program.resolver.package_of(owner) if owner is not None else None
        associates = self._program.files.holding(".hasMany(") or self._program.files.holding(".hasOne(")
        return found is None and bool(associates)

    def stores_another(self, call: Node) -> bool:
        """Whether a call plainly stores a row of another table."""
        callee = call.field("function")
        if callee is None:
            return False
        method = member_name(callee) if callee.kind == "member_expression" else None
        is_write = method in INSERTS or method in UPDATES
        return self.named_table(call) == "other" or (is_write and self.table_of_call(call) == "other")

    def table_of_call(self, call: Node) -> WhichTable:
        """The table that a call of an ORM or a query builder stores into."""
        callee = call.field("function")
        if callee is None or callee.kind != "member_expression":
            return "unknown"
        owner, method, given = callee.field("object"), member_name(callee), arguments(call)
        if owner is None:
            return "unknown"
        later_calls = trailing(call)
        for name, later in later_calls:
            if name in ("into", "from") and later:
                return self._tables.of_argument(later[0])
        if method in ("insert", "update") and owner.text.endswith("helpers") and len(given) > 1:  # of pg-promise
            return self._of_helpers(given[-1])
        if method in _BEGUN_BY:
            begun = _begun(owner, _BEGUN_BY[method])
            if begun is not None or method == "values":
                return self._tables.of_argument(begun) if begun is not None else "unknown"
        if self.keeps(owner):
            return "unknown"
        first = unwrapped(given[0]) if given else None
        if method == "insert" and first is not None and len(given) == 1 and _trails(later_calls, "values"):
            return "unknown"  # db.insert(table): judged at .values()
        if first is not None and first.kind in ("identifier", "member_expression") and len(given) > 1:
            which = self._of_saved(first)  # manager.save(Chatbot, row)
            if which != "unknown" and method in ("save", "create", "insert", "upsert", "persist", "update"):
                return which
        if (
            first is not None
            and method in ("save", "persist", "persistAndFlush", "insert")
            and (made := self.new(first)) is not None
        ):
            which = self._of_saved(made)  # manager.save(chatbot)
            if which != "unknown":
                return which
        if not self.is_of_storage(owner, first):
            return "unknown"
        return self._tables.of(owner)

    def _of_helpers(self, said: Node) -> WhichTable:
        """The table that pg-promise is given: by its name, or in the options of a set of columns."""
        meant = self._program.objects.resolved(said)
        if meant.kind == "new_expression":
            named = [pair for given in arguments(meant) for pair in given.below("pair") if key_of(pair) == "table"]
            meant = named[0].field("value") or meant if named else meant
        name = self._texts.constant(meant)
        return self._tables.of_text(name) if name is not None else "unknown"

    def keeps(self, owner: Node) -> bool:
        """Whether what a method is of keeps what it is given in memory, or hands it on from a page of the browser."""
        return self._is_in_memory(owner) or self._is_handed_to_a_page(owner)

    def _is_in_memory(self, owner: Node) -> bool:
        """Whether what a method is of is a map, a set, a list or a record of the app: what it holds is in no table."""
        owner = unwrapped(owner)
        if owner.kind == "identifier":
            found = self._program.resolver.meaning(owner)
            value = found.value if isinstance(found, Binding) and found.kind == "var" and not found.path else None
            declared = found.node.parent if isinstance(found, Binding) else None
            return _is_collection(value) or (declared is not None and _is_typed_collection(declared))
        inner = owner.field("object") if owner.kind == "member_expression" else None
        around = class_around(owner) if inner is not None and inner.kind == "this" else None
        if around is None:
            return False
        name = member_name(owner) or ""
        held = declared_member(around, name)
        given = self._program.objects.given_to_own(around, name)
        values = [*([held.field("value")] if held is not None else []), *given]
        return any(map(_is_collection, values)) or (held is not None and _is_typed_collection(held))

    def _is_handed_to_a_page(self, owner: Node) -> bool:
        """Whether an object of a component of the browser: what it saves is sent, and stored by somebody else."""
        owner = unwrapped(owner)
        if owner.kind not in ("identifier", "member_expression") or not is_page(owner):
            return False
        inner = owner.field("object") if owner.kind == "member_expression" else None
        return (inner is None or not is_client(inner)) and not owner.text[:1].isupper()

    def _of_saved(self, node: Node) -> WhichTable:
        """Of a class whose objects are saved: then it is one of a table, by its name where nothing else tells."""
        which = self._tables.of(node)
        named = node.field("constructor") if node.kind == "new_expression" else node
        found = self._program.resolver.meaning(named) if named is not None and named.kind == "identifier" else None
        is_class = isinstance(found, Binding) and found.kind == "class"
        if which != "unknown" or named is None or not is_class or self._names.stem in plain(named.text):
            return which
        return self._tables.by_name(named.text)

    def is_of_storage(self, owner: Node, first: Node | None) -> bool:
        """Whether a method of this owner stores: not a form, a client of an API or a service of the app."""
        text = owner.text
        inner = owner.field("object") if owner.kind == "member_expression" else None
        if inner is not None and is_client(inner):  # prisma.apiToken
            return first is not None
        if re.search(
            r"(?:api|axios|http|trpc|provider|client\.api|service|controller|fetcher|mutation|router|app)\w*$",
            text,
            re.IGNORECASE,
        ):
            return False
        if re.search(r"(?:^|\.)(?:api|trpc|utils|axios|http)\.", text, re.IGNORECASE):
            return False
        return first is not None

    def new(self, row: Node) -> Node | None:
        """Where a row is made as an object of a class: `new Chatbot()`, also by the name that was given it."""
        inner = unwrapped(row)
        found = self._program.resolver.meaning(inner) if inner.kind == "identifier" else None
        if isinstance(found, Binding) and found.kind == "var" and found.value is not None and not found.path:
            inner = unwrapped(found.value)
        return inner if inner.kind == "new_expression" else None


def _begun(chain: Node, names: tuple[str, ...]) -> Node | None:
    """What the call that a chain begins with is given: `shares` of `db.insert(shares).values(row)`."""
    while chain.kind == "call_expression" and (made := chain.field("function")) is not None:
        called = member_name(made) if made.kind == "member_expression" else None
        if called in names and arguments(chain):
            return arguments(chain)[0]
        chain = made.field("object") or made
    return None


def _is_collection(value: Node | None) -> bool:
    if value is None:
        return False
    value = unwrapped(value)
    made = value.field("constructor") if value.kind == "new_expression" else None
    is_literal = value.kind == "array" or (value.kind == "object" and not value.children)
    return is_literal or (made is not None and made.text in _COLLECTIONS)


def _is_typed_collection(declared: Node) -> bool:
    """Whether a declaration's type says that it is a collection."""
    annotation = declared.of_kind("type_annotation")
    return annotation is not None and _COLLECTION_TYPE.match(annotation.text) is not None


def is_page(node: Node) -> bool:
    """Whether a file is of the browser: it imports what runs there, or writes elements."""
    return is_of_browser(node.file.text) or bool(node.file.of_kind("jsx_element", "jsx_self_closing_element"))


@lru_cache(maxsize=8)
def is_of_browser(text: str) -> bool:
    """Whether a file's text imports what runs in a browser: asked of each place in it, and files may be large."""
    return _BROWSER.search(text) is not None


def trailing(call: Node) -> list[tuple[str, list[Node]]]:
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


def returns_behind(call: Node, token: re.Pattern[str]) -> bool:
    """Whether a statement that goes on behind a call returns the token: `helpers.insert(row, set) + " RETURNING *"`."""
    parts = ("binary_expression", "template_substitution")
    around = next((above for above in call.above() if above.kind not in parts), call)
    behind = around.text.partition(call.text)[2]
    said = re.search(r"returning\b(.*)", behind, re.IGNORECASE | re.DOTALL)
    return said is not None and ("*" in said[1] or token.search(said[1]) is not None)


def _trails(later_calls: list[tuple[str, list[Node]]], name: str) -> bool:
    return any(method == name for method, _ in later_calls)
