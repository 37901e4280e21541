"""What is called like the token column (members of objects, assignments, fields), and whether it is stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.calls import INSERTS, UPDATES, Calls, is_page
from harness.source.app.write import Write
from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.syntax import (
    ASSIGNMENTS,
    CLASSES,
    FIELD,
    FUNCTIONS,
    MEMBERS,
    Node,
    arguments,
    line_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.destinations import Destinations
    from harness.source.app.names import Names
    from harness.source.app.tables import Tables
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

_NAMED = (*CLASSES, *FUNCTIONS, "variable_declarator")
_OF_INPUT = re.compile(r"^(?:Create|New|Insert)(?=[A-Z])|(?:Dto|DTO|Input|Request|Payload|Body|Data|Row|Props)$")
_HOOKS = frozenset(["init", "addHook", "beforeCreate", "beforeValidate", "beforeSave", "beforeInsert", "pre", "define"])
_DEFINES = frozenset(["define", "init", "model"])
_STORING_FUNCTION = re.compile(r"^_?(?:create|insert|add|save|store|register|upsert|persist|write)")


class NamedMembers:
    """Finds them in a program, and says of each whether it is stored."""

    def __init__(
        self, program: Program, tables: Tables, names: Names, texts: Texts, calls: Calls, destinations: Destinations
    ) -> None:
        self._program = program
        self._tables = tables
        self._names = names
        self._texts = texts
        self._calls = calls
        self._destinations = destinations

    def of(self, module: Module) -> Iterator[Write]:
        """Those of a file."""
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
