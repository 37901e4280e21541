"""Where an app stores rows of the table, and where it gives the token column a value.

A `Write` is a place where something is stored: a statement, a call of an ORM, an assignment or a member of an object
that is called like the column. What it does to the token is followed by `harness.source.app.flow`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.app.calls import INSERTS, UPDATES, Calls, is_page, returns_behind, trailing
from harness.source.app.destinations import Destinations
from harness.source.app.nested import NestedWrites
from harness.source.app.prisma import NO_MODELS
from harness.source.app.rows import Rows
from harness.source.app.statements import (
    WriteStatement,
    is_default,
    may_write,
    statement_roots,
    statements_in,
    uses_of,
)
from harness.source.app.steps import TOKEN
from harness.source.app.writers import gives_token, writers
from harness.source.checkout import Place
from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import ELEMENT, AccessPath
from harness.source.javascript.syntax import (
    ASSIGNMENTS,
    CLASSES,
    FIELD,
    FUNCTIONS,
    MEMBERS,
    Node,
    arguments,
    line_of,
    unwrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.app.prisma import Models
    from harness.source.app.tables import Tables
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

_NAMED = (*CLASSES, *FUNCTIONS, "variable_declarator")
_ROW_AS_JSON = re.compile(r"\b(?:row_to_json|to_jsonb?)\s*\(\s*(\w+)\s*[,)]", re.IGNORECASE)
_ALIAS = re.compile(r"\binsert\s+into\s+\S+\s+as\s+(\w+)", re.IGNORECASE)
_OF_INPUT = re.compile(r"^(?:Create|New|Insert)(?=[A-Z])|(?:Dto|DTO|Input|Request|Payload|Body|Data|Row|Props)$")
_HOOKS = frozenset(["init", "addHook", "beforeCreate", "beforeValidate", "beforeSave", "beforeInsert", "pre", "define"])
_DEFINES = frozenset(["define", "init", "model"])
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
    values: tuple[tuple[Node, AccessPath], ...] = ()
    names_token: Node | None = None
    returns: bool | None = None
    conflict: str | None = None
    may_store: bool = False  # a row that was made elsewhere, or is changed: `repository.save(chatbot)`


class Writes:
    """Finds the writes of a program."""

    def __init__(
        self, program: Program, tables: Tables, names: Names, texts: Texts, calls: Calls, models: Models = NO_MODELS
    ) -> None:
        self._program = program
        self._tables = tables
        self._names = names
        self._texts = texts
        self._rows = Rows(program, names)
        self._nested = NestedWrites(program, models, self._rows)
        self._calls = calls
        self._destinations = Destinations(program, tables, names, texts, calls)

    def all(self) -> list[Write]:
        """All writes in the app's own files."""
        found: list[Write] = []
        names, program = self._names, self._program
        for module in writers(program, names):
            found += self._of_statements(module) if may_write(module.parsed.text) else ()
            found += self._of_calls(module)
        for module in dict.fromkeys(self._nested.modules()):
            found += self._of_nested(module)
        naming, gives = program.files.matching(names.token_in_text, names.token_word), gives_token(names)
        for module in program.files.modules(file for file in naming if gives.search(file.text)):
            found += self._of_keys(module)
        return found

    # --- statements

    def _of_statements(self, module: Module) -> Iterator[Write]:
        for root in statement_roots(module.parsed.of_kind("string", "template_string")):
            for statement in statements_in(self._texts, root, self._names):
                if self._tables.of_text(statement.table) == "ours" or self._is_our_hole(statement):
                    yield self._of_statement(statement)

    def _is_our_hole(self, statement: WriteStatement) -> bool:
        hole = statement.hole(statement.table)
        return hole is not None and self._tables.of(hole) == "ours"

    def _of_statement(self, statement: WriteStatement) -> Write:
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
        runs = [call for call, _ in uses_of(self._program, statement.node)]
        return Write(
            statement.node,
            line_of(statement.node, statement.node.start + max(at, 0)),
            ("INSERT" if statement.is_insert else "UPDATE") + f" .. {self._names.token}",
            statement.is_insert,
            (statement.node, *runs),
            tuple(values),
            named if statement.is_insert else None,
            returns,
            statement.conflict,
        )

    def _values(self, statement: WriteStatement) -> Iterator[tuple[Node, AccessPath]]:
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
        uses = list(uses_of(self._program, statement.node))
        if not cell and statement.place is not None:  # columns and values are put together in the same order
            for _, values in uses:
                yield from self._at_place(values[:1], *statement.place)
            return
        numbered = re.search(r"\$(\d+)", cell)
        if numbered is not None:
            at = int(numbered[1]) - 1
            for call, values in uses:
                is_alone = "RawUnsafe" in (call.field("function") or call).text  # Prisma takes values one by one
                taken = values[at : at + 1] if is_alone else values[:1]
                yield from ((given, () if is_alone else (str(at),)) for given in taken)
        elif (mark := re.search(r"\?|%[Ls]", cell)) is not None:  # `%L` is pg-format's
            position = len(re.findall(re.escape(mark[0]), statement.text[: statement.cell_offset]))
            for _, values in uses:
                yield from ((given, (str(position),)) for given in values[:1])
                yield from ((given, ()) for given in values[position : position + 1] if given.kind != "array")
        elif (by_name := re.search(r"(?<!:)[:@$][{(\[/<]?(\w+)", cell)) is not None:
            for _, values in uses:
                yield from ((given, path) for given in values[:1] for path in ((by_name[1],), *_nested(by_name[1])))

    def _at_place(self, values: list[Node], before: int, behind: int) -> Iterator[tuple[Node, AccessPath]]:
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

    def _of_association(self, call: Node, callee: Node) -> Write:
        values = tuple((node, (TOKEN,)) for node in arguments(call)[:1])
        named = next((held for node, path in values if (held := self._rows.held(node, path)) is not None), None)
        at = callee.field("property") or callee
        return Write(call, line_of(at), f"{at.text}.{self._names.token}", True, (call,), values, named, True)

    def _of_call(self, call: Node, callee: Node, method: str) -> Iterator[Write]:
        owner, given = callee.field("object"), arguments(call)
        if owner is None or self._is_own_function(callee):
            return
        if self._calls.table_of_call(call) != "ours":
            return
        data = list(self._data(method, given))
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
            named = next((held for node, path in data if (held := self._rows.held(node, path)) is not None), None)
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

    def _of_nested(self, module: Module) -> Iterator[Write]:
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

    # --- what is called like the column

    def _of_keys(self, module: Module) -> Iterator[Write]:
        for node in module.parsed.of_kind(
            "pair", "shorthand_property_identifier", *ASSIGNMENTS, FIELD, "call_expression"
        ):
            value, _ = self._token_value(node)
            if value is None:
                continue
            if node.kind == "call_expression":
                yield Write(node, line_of(node), f"setDataValue.{self._names.token}", False, (), ((value[0], ()),))
                continue
            said = (node.field("left") or node).text if node.kind in ASSIGNMENTS else key_of(node)
            yield Write(node, line_of(node), said or self._names.token, False, (), tuple((one, ()) for one in value))

    def is_stored(self, write: Write) -> bool | None:
        """Whether what is called like the column is stored in the table; None where it cannot be told.

        Asked of what a random value reaches only: to find out takes longer than that.
        """
        if write.run_at:
            return True
        _, holder = self._token_value(write.node)
        which = self._destinations.of(write.node, holder)
        if which != "unknown":
            return which == "ours"
        if is_page(write.node):
            return False
        return True if self._is_said_to_be_ours(write.node) else None

    def _is_said_to_be_ours(self, node: Node) -> bool:
        """Whether code whose table is not known stores, and is called after the table: a service, a hook, a class."""
        names, text = self._names, ""
        if node.kind == FIELD:  # class CreateChatbotDto { publicToken = randomUUID(); }
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
            if callee is None or callee.holds(node):
                continue
            method = member_name(callee) if callee.kind == "member_expression" else None
            if (text and method == text) or (method == "$use" and names.table_in_text.search(above.text) is not None):
                return True
            if method in _DEFINES and self._tables.of(above) == "ours":  # hooks of its own definition
                return True
            is_said = names.table_in_text.search(callee.text) is not None
            if is_said and (method in _HOOKS or _STORING_FUNCTION.search(method or callee.text) is not None):
                return True
            stores = (method in INSERTS or method in UPDATES) and method not in ("set", "assign", "merge")
            owner = callee.field("object") if stores else None
            if owner is None or not self._calls.is_of_storage(owner, next(iter(arguments(above)), None)):
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
        if node.kind in ASSIGNMENTS:
            left, right = node.field("left"), node.field("right")
            if left is None or right is None or left.kind not in MEMBERS:
                return None, None
            name = member_name(left)
            if name is None and (index := left.field("index")) is not None:
                name = self._texts.constant(index)
            owner = left.field("object")
            return ([right], owner) if names.is_token(name) else (None, None)
        if node.kind == "call_expression":  # bot.setDataValue("publicToken", ..)
            callee, given = node.field("function"), arguments(node)
            is_setter = (
                callee is not None
                and callee.kind in MEMBERS
                and len(given) == 2
                and member_name(callee) == "setDataValue"
            )
            if callee is None or not is_setter or not names.is_token(self._texts.constant(given[0])):
                return None, None
            return [given[1]], callee.field("object")
        if node.kind == FIELD:
            if not names.is_token(key_of(node)):
                return None, None
            value = node.field("value")
            decorators = [
                n for child in node.children if child.kind == "decorator" for n in child.below("call_expression")
            ][:1]
            given = [one for call in decorators for one in arguments(call)]
            return ([*([value] if value is not None else []), *given] or None), None
        if not names.is_token(self._program.objects.key(node)):
            return None, None
        value = node.field("value") if node.kind == "pair" else node
        return ([value] if value is not None else None), node.parent


def _answers_whole_row(statement: WriteStatement, returning: str) -> bool:
    """Whether a statement answers its row as JSON, which holds every column: `RETURNING row_to_json(chatbots)`."""
    found, alias = _ROW_AS_JSON.search(returning), _ALIAS.search(statement.text)
    row = alias[1] if alias is not None else statement.table.rpartition(".")[2].strip('"')
    return found is not None and found[1].lower() == row.lower()


def _nested(name: str) -> Iterator[AccessPath]:
    yield from (("replacements", name), ("bind", name), ("params", name))
