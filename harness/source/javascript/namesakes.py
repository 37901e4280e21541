"""Methods of an owner that nothing is known of: by the name of its class, or where there are but few of the name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.javascript.functions import class_around, declared_member, member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import Node, unwrapped
from harness.source.spelling import plain

if TYPE_CHECKING:
    from harness.source.javascript.files import Files
    from harness.source.javascript.resolver import Resolver

_OF_A_DATABASE = re.compile(
    r"(?:^|[.\s])(?:prisma|db|tx|trx|knex|client|pool|supabase|manager|em|connection|sequelize|dataSource|queryRunner"
    r"|axios|fetch|redis|z|console|res|req|reply|request|response)\b"
)
_FEW = 40  # files that are looked through for a method of which only the name is known
# Methods that many things have: a call of one is not resolved by its name alone.
_COMMON = frozenset(
    [
        "create",
        "insert",
        "save",
        "update",
        "upsert",
        "delete",
        "remove",
        "get",
        "set",
        "add",
        "find",
        "findOne",
        "findMany",
        "findFirst",
        "execute",
        "query",
        "run",
        "call",
        "apply",
        "bind",
        "map",
        "filter",
        "then",
        "catch",
        "finally",
        "push",
        "pop",
        "join",
        "split",
        "replace",
        "slice",
        "toString",
        "parse",
        "stringify",
        "use",
        "on",
        "emit",
        "send",
        "json",
        "status",
        "listen",
        "close",
        "end",
        "next",
        "return",
        "values",
        "where",
        "select",
        "from",
        "returning",
        "all",
        "first",
        "log",
        "error",
        "info",
        "warn",
        "post",
        "put",
        "patch",
        "head",
        "options",
        "handle",
        "handler",
        "init",
        "build",
        "load",
        "start",
        "stop",
        "register",
        "test",
    ]
)


class Namesakes:
    """Finds methods by their names."""

    def __init__(self, files: Files, resolver: Resolver) -> None:
        self._files = files
        self._resolver = resolver
        self._guessed: dict[tuple[str, str], list[Node]] = {}

    def methods(self, owner: Node, name: str) -> list[Node]:
        """Methods of a name, for an owner that nothing is known of: by its own name, or where there are but few."""
        owner = unwrapped(owner)
        if owner.kind not in ("identifier", "member_expression"):
            return []
        if _OF_A_DATABASE.search(owner.text) or self._is_of_a_package(owner) or self._has_type_of_a_package(owner):
            return []
        said = plain(owner.text.rpartition(".")[2])
        key = (said, name)
        if key not in self._guessed:
            self._guessed[key] = self._guess_methods(said, name)
        return self._guessed[key]

    def _guess_methods(self, said: str, name: str) -> list[Node]:
        short = _shortened(said).rstrip("s")
        if name in _COMMON and len(short) < 3:
            return []
        files = self._files.holding(f"{name}(")
        if name in _COMMON:  # then only its owner's name tells, which that of the class holds
            files = [file for file in files if short in plain(file.text)] if len(files) <= _FEW else []
        known = [
            node.parent
            for module in self._files.modules(files[:_FEW])
            for node in module.parsed.named(name)
            if node.parent is not None and node.parent.kind == "method_definition"
        ]
        methods = [method for method in known if method.field("name") is not None and key_of(method) == name]
        alike = [method for method in methods if _alike(said, method)]
        if alike:
            return alike
        return methods if name not in _COMMON and len(methods) <= 3 else []

    def _has_type_of_a_package(self, owner: Node) -> bool:
        """Whether an owner is declared with a type that a package exports, such as `Repository<Chatbot>`."""
        declared: Node | None = None
        if owner.kind == "identifier":
            found = self._resolver.meaning(owner)
            declared = found.node if isinstance(found, Binding) else None
        elif (inner := owner.field("object")) is not None and inner.kind == "this":
            around = class_around(owner)
            declared = declared_member(around, member_name(owner) or "") if around is not None else None
        holders = [declared, declared.parent] if declared is not None else []
        annotation = next(
            (found for one in holders if one is not None and (found := one.of_kind("type_annotation"))), None
        )
        named = next(annotation.below("type_identifier"), None) if annotation is not None else None
        behind = self._resolver.meaning(named) if named is not None else None
        return isinstance(behind, Binding) and behind.kind == "import"

    def _is_of_a_package(self, owner: Node) -> bool:
        """Whether what an expression begins with was imported from a package, or made by what was."""
        root = owner
        while root.kind in ("member_expression", "call_expression", "new_expression"):
            inner = root.field("object") or root.field("function") or root.field("constructor")
            assert inner is not None  # each has the one or the other
            root = unwrapped(inner)
        if root.kind != "identifier":
            return False
        found = self._resolver.meaning(root)
        if not isinstance(found, Binding):
            return False
        if found.kind == "import":
            return self._files.imported_module(found.node.file.path, found.package) is None
        if found.kind == "var" and found.value is not None and found.value.kind != "identifier":
            value = unwrapped(found.value)
            return value.kind in ("new_expression", "call_expression") and self._is_of_a_package(value)
        return False


def _shortened(name: str) -> str:
    """A plain name without what classes of services end with."""
    return re.sub(r"(?:service|repository|repo|store|model|provider|impl)s?$", "", name)


def _alike(owner: str, method: Node) -> bool:
    """Whether an owner's name is that of the method's class, or its beginning or end."""
    around = class_around(method)
    if around is not None:
        name = around.field("name")
        said = plain(name.text) if name is not None else ""
    else:
        holder = method.parent.parent if method.parent is not None else None
        named = holder.field("name") if holder is not None and holder.kind == "variable_declarator" else None
        said = plain(named.text) if named is not None else ""
    short, own = _shortened(said), _shortened(owner)
    return bool(said) and (owner == said or (len(own) > 2 and own.rstrip("s") == short.rstrip("s")))
