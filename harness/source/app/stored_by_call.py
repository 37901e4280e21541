"""What calls of ORMs, of query builders and of helpers store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.calls import INSERTS, UPDATES, Calls, returns_behind, trailing
from harness.source.app.statements import may_write
from harness.source.app.steps import TOKEN
from harness.source.app.write import Write
from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import ELEMENT, AccessPath, Binding
from harness.source.javascript.syntax import FUNCTIONS, Node, arguments, line_of, unwrapped
from harness.source.spelling import singular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.app.nested import NestedWrites
    from harness.source.app.rows import Rows
    from harness.source.app.tables import Tables
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

_SETS = frozenset(("set", "setFields", "setFieldsRows"))  # of squel
# Methods that store the rows which a row holds as well.
_CASCADES = frozenset(("save", "persist", "persistAndFlush", "insertGraph", "insertGraphAndFetch", "upsertGraph"))

_PUTS = re.compile(r"^(\w+)\.(\w+)\.(?:add|set)$")
_CASCADE = re.compile(rf"\.(?:{'|'.join(sorted(_CASCADES))}|create\w*)\s*[(<]")


class StoredByCall:
    """Finds the writes of calls."""

    def __init__(
        self, program: Program, tables: Tables, names: Names, rows: Rows, calls: Calls, nested: NestedWrites
    ) -> None:
        self._program = program
        self._tables = tables
        self._names = names
        self._rows = rows
        self._calls = calls
        self._nested = nested

    def related(self) -> Iterator[Module]:
        """The files that may store rows of the table by a relation that is not called after it."""
        files = self._program.files
        names = [said for name in self._tables.relations for said in (name, f"create{singular(name).capitalize()}")]
        named = (file for name in names for file in files.holding(name))
        return files.modules(file for file in named if _CASCADE.search(file.text))

    def of(self, module: Module) -> Iterator[Write]:
        """Those of a file."""
        for call in module.parsed.of_kind("call_expression"):
            callee = call.field("function")
            if callee is None:
                continue
            if self._calls.named_table(call) == "ours":
                yield self._of_helper(call, callee)
                continue
            if callee.kind != "member_expression":
                continue
            method = member_name(callee)
            if self._calls.is_of_association(call):
                yield self._of_association(call, callee)
                continue
            if method == "into" and self._is_of_squel(call):
                yield self._of_squel(call, callee)
                continue
            if method in INSERTS or method in UPDATES:
                yield from self._of_call(call, callee, method)

    def _of_helper(self, call: Node, callee: Node) -> Write:
        given = arguments(call)
        data = ((given[1], (TOKEN,)), (given[1], (ELEMENT, TOKEN)))
        named = next((held for node, path in data if (held := self._rows.held(node, path)) is not None), None)
        # A helper of the app stores where its own statement stands, which is of any table.
        inside = [
            text
            for function in self._program.objects.functions(callee)
            for text in function.below("string", "template_string")
            if may_write(text.text)
        ]
        said = " ".join(one.text for one in given[2:])
        returns = self._names.token_in_text.search(said) is not None or "*" in said if "return" in said else None
        for name, later in trailing(call):
            if name in ("returning", "returningAll"):
                columns = " ".join(one.text for one in later)
                returns = not columns or "*" in columns or self._names.token_in_text.search(columns) is not None
        at = callee.field("property") or callee
        how = f"{at.text}.{self._names.token}"
        return Write(call, line_of(at), how, True, (call, *inside), data, named, returns, self._conflict(call))

    def _is_of_squel(self, call: Node) -> bool:
        """Whether a statement of squel begins so: `squel.insert().into("chatbots").set("name", name)`."""
        given, later = arguments(call), {name for name, _ in trailing(call)}
        return bool(later & _SETS) and len(given) == 1 and self._tables.of_argument(given[0]) == "ours"

    def _of_squel(self, call: Node, callee: Node) -> Write:
        values: list[tuple[Node, AccessPath]] = []
        named: Node | None = None
        returns = False
        for name, given in trailing(call):
            if name == "set" and len(given) > 1:
                if self._names.is_token(literal(given[0])):
                    values.append((given[1], ()))
                    named = given[0]
            elif name in _SETS and given:
                values += [(given[0], (TOKEN,)), (given[0], (ELEMENT, TOKEN))]
                named = named or self._rows.held(given[0]) or self._rows.held(given[0], (ELEMENT, TOKEN))
            elif name == "returning":
                said = " ".join(one.text for one in given)
                returns = "*" in said or self._names.token_in_text.search(said) is not None
        at = line_of(callee.field("property") or call)
        return Write(call, at, f"into.{self._names.token}", True, (call,), tuple(values), named, returns)

    def _listed(self, owner: Node, given: list[Node]) -> tuple[Node, Node] | None:
        """The token's name among columns that a query is begun with, and its value among those that it is given.

        `insert("chatbots", "name", "public_token").values(name, token)` of sql-bricks.
        """
        begun = arguments(owner)[1:] if owner.kind == "call_expression" else []
        at = next((i for i, one in enumerate(begun) if self._names.is_token(literal(one))), None)
        return (begun[at], given[at]) if at is not None and at < len(given) else None

    def _of_association(self, call: Node, callee: Node) -> Write:
        values = tuple((node, (TOKEN,)) for node in arguments(call)[:1])
        named = next((held for node, path in values if (held := self._rows.held(node, path)) is not None), None)
        at = callee.field("property") or callee
        return Write(call, line_of(at), f"{at.text}.{self._names.token}", True, (call,), values, named, True)

    def _of_call(self, call: Node, callee: Node, method: str) -> Iterator[Write]:
        owner, given = callee.field("object"), arguments(call)
        if owner is None or self._is_own_function(callee):
            return
        which = self._calls.table_of_call(call)
        if which == "other" and (method in _CASCADES or (method == "create" and _includes(call))):
            yield from self._of_cascade(call, callee, given)
        if which != "ours":
            return
        listed = self._listed(owner, given) if method == "values" else None
        data = [(listed[1], ())] if listed is not None else list(self._data(method, given))
        if not data:
            return
        is_create = method in INSERTS and method not in ("merge", "preload")
        if method == "save":  # of a row that was made by create(), or taken out of the table to be changed
            data = [
                (node, path)
                for node, path in data
                if unwrapped(node).kind == "object" or self._calls.new(node) is not None
            ]
            is_create = bool(data)
            if not data:
                at = callee.field("property") or call
                yield Write(call, line_of(at), f"{method}.{self._names.token}", False, (call,), may_store=True)
        elif method == "create" and given and re.search(r"[rR]epo|manager|\bem\b", owner.text) and len(given) < 2:
            is_create = True
        if data:
            named = (
                listed[0]
                if listed is not None
                else next((held for node, path in data if (held := self._rows.held(node, path)) is not None), None)
            )
            yield Write(
                call,
                line_of(callee.field("property") or call),
                f"{method}.{self._names.token}",
                is_create,
                (call,),
                tuple(data),
                named if is_create else None,
                self._returns(call, method, owner) if is_create else None,
                self._conflict(call),
            )

    def of_nested(self, module: Module) -> Iterator[Write]:
        """Rows that are stored with one of another model, in a client of Prisma."""
        for call in module.parsed.of_kind("call_expression"):
            paths = self._nested.of(call)
            callee = call.field("function")
            if not paths or callee is None:
                continue
            values = self._nested.values(call, paths)
            named = next((held for node, path in values if (held := self._rows.held(node, path)) is not None), None)
            at, how = line_of(callee.field("property") or call), f"{paths[0][1]}.{self._names.token}"
            yield Write(call, at, how, True, (call,), values, named, self._nested.returns(call, paths))

    def _of_cascade(self, call: Node, callee: Node, given: list[Node]) -> Iterator[Write]:
        """Rows that are stored with one of another table: `workspaces.save({name, chatbots: [{..}]})`."""
        rows = given[1:2] if len(given) > 1 and self._stands_for_table(given[0]) else given[:1]
        for row in rows:
            for key in dict.fromkeys(self._relations(row)):
                paths = ((key, TOKEN), (key, ELEMENT, TOKEN), (ELEMENT, key, TOKEN), (ELEMENT, key, ELEMENT, TOKEN))
                values = tuple((row, path) for path in paths)
                named = next((held for node, path in values if (held := self._rows.held(node, path)) is not None), None)
                at, how = line_of(callee.field("property") or call), f"{key}.{self._names.token}"
                yield Write(call, at, how, True, (call,), values, named)

            for key, added in self._collected(row):
                named = next((held for one in added if (held := self._rows.held(one)) is not None), None)
                at, how = line_of(callee.field("property") or call), f"{key}.{self._names.token}"
                yield Write(call, at, how, True, (call,), tuple((one, (TOKEN,)) for one in added), named)

    def _collected(self, row: Node) -> Iterator[tuple[str, list[Node]]]:
        """What is put into a collection of a row before that is stored: `space.bots.add(bot)` of MikroORM."""
        if row.kind != "identifier" or not self._program.files.holding("Collection<"):
            return
        for call in row.file.of_kind("call_expression"):
            put = _PUTS.match((call.field("function") or call).text)
            if put is not None and put[1] == row.text and self._holds_rows(put[2], call):
                yield put[2], arguments(call)

    def _relations(self, row: Node) -> Iterator[str]:
        """The members of a row that hold rows of the table."""
        row = self._program.objects.resolved(row)
        if row.kind == "array":
            yield from (key for one in row.children for key in self._relations(one))
        for child in row.children if row.kind == "object" else ():
            key, value = key_of(child), child.field("value") if child.kind == "pair" else child
            if key is not None and value is not None and self._holds_rows(key, value):
                yield key
        found = self._program.resolver.meaning(row) if row.kind == "identifier" else None
        for name, value in found.members if isinstance(found, Binding) else ():
            if self._holds_rows(name, value):
                yield name
        held = row.parent if row.kind == "new_expression" else None
        name_of = held.field("name") if held is not None and held.kind == "variable_declarator" else None
        binding = self._program.files.of(row).resolve(name_of) if name_of is not None else None
        yield from (name for name, value in (binding.members if binding else ()) if self._holds_rows(name, value))

    def _holds_rows(self, key: str, value: Node) -> bool:
        if unwrapped(value).kind in ("string", "template_string", "number"):
            return False
        return self._names.is_table(key) or self._tables.of_relation(key) == "ours"

    def _is_own_function(self, callee: Node) -> bool:
        return bool(self._program.objects.functions(callee))

    def _data(self, method: str, given: list[Node]) -> Iterator[tuple[Node, AccessPath]]:
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
        later_calls = trailing(call)
        for name, given in later_calls:
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
        if method == "values" and any(name in ("returning", "returningAll") for name, _ in later_calls):
            return True
        if method == "values":
            return False
        if method == "insert" and owner.text.endswith("helpers"):  # of pg-promise: a part of the statement
            return returns_behind(call, names.token_in_text)
        if method == "insert":
            if len(options) > 1 and not self._stands_for_table(options[0]):
                said = options[1].text
                return "*" in said or names.token_in_text.search(said) is not None
            return None if self._tables.of(owner) == "ours" and "(" not in owner.text else False
        return (
            None
            if method in ("save", "insert", "persist", "persistAndFlush", "createMany", "bulkCreate", "build")
            else True
        )

    def _mentions_alias(self, node: Node) -> bool:
        return any(
            self._names.is_token(n.text, of_table=True)
            for n in node.below("identifier", "property_identifier", "string_fragment")
        ) or (node.kind in ("identifier", "member_expression"))

    def _conflict(self, call: Node) -> str | None:
        for name, given in trailing(call):
            if name in ("onConflictDoNothing", "onConflictDoUpdate", "onConflict"):
                return " ".join(one.text for one in given)
        return None


def _includes(call: Node) -> bool:
    """Whether a call of Sequelize stores what its row holds: `create({..}, {include: [Chatbot]})`."""
    return any(key_of(child) == "include" for one in arguments(call)[1:] for child in unwrapped(one).children)
