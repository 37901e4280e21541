"""The app as a program: what a name stands for, across files, and who calls what.

Files are parsed when something in them is asked for. What cannot be resolved is `None` or empty, never an error.
"""

from __future__ import annotations

import gc
import posixpath
import re
from collections import defaultdict
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from harness.source.checkout import is_aside
from harness.source.javascript.functions import class_around, function_name, member_name, parameters, returns
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import Binding, Module, required_package
from harness.source.javascript.syntax import (
    CLASSES,
    FIELD,
    FUNCTIONS,
    MEMBERS,
    Node,
    arguments,
    outermost,
    parse,
    unwrapped,
)
from harness.source.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.checkout import SourceFile

_SUFFIXES = ("", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_INDEX = tuple("/index" + suffix for suffix in _SUFFIXES[1:])
_BUILT = re.compile(r"\.[cm]?jsx?$")
_OF_A_DATABASE = re.compile(
    r"(?:^|[.\s])(?:prisma|db|tx|trx|knex|client|pool|supabase|manager|em|connection|sequelize|dataSource|queryRunner"
    r"|axios|fetch|redis|z|console|res|req|reply|request|response)\b"
)
_MEMBERS_OF_TYPES = ("method_definition", FIELD, "enum_assignment")
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


@contextmanager
def opened(files: tuple[SourceFile, ...]) -> Iterator[Program]:
    """The program of some files, taken apart at the end.

    Trees are full of cycles and live until then: to look for garbage among them costs more than to parse.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    program = Program(files)
    try:
        yield program
    finally:
        program.forget()
        if was_enabled:
            gc.enable()


class Program:
    """The source files of a checkout, those aside (tests, seeds, scripts) left out unless they are imported."""

    def __init__(self, files: tuple[SourceFile, ...]) -> None:
        self._files = {file.path: file for file in files}
        self.own = tuple(file for file in files if not is_aside(file.path))
        self._modules: dict[str, Module] = {}
        self._paths: dict[tuple[str, str], Module | None] = {}
        self._members: dict[Node, dict[str, Node]] = {}
        self._own: dict[Node, dict[str, list[Node]]] = {}
        self._exported: dict[str, dict[Node, set[str]]] = {}
        self._callers: dict[Node, list[Node]] = {}
        self._guessed: dict[tuple[str, str], list[Node]] = {}
        self._speaking: dict[str, list[SourceFile]] = {}
        self._mentions: dict[str, list[SourceFile]] = {}

    def module(self, path: str) -> Module:
        """A file, parsed."""
        if path not in self._modules:
            self._modules[path] = Module(parse(self._files[path]))
        return self._modules[path]

    def of(self, node: Node) -> Module:
        """The file that a node stands in."""
        return self.module(node.file.path)

    def forget(self) -> None:
        """Take all trees apart, when nothing is asked any more."""
        for module in self._modules.values():
            module.parsed.forget()
            module.scopes.clear()

    @property
    def parsed(self) -> list[Module]:
        """The files that were parsed, in the order of their paths."""
        return [self._modules[path] for path in sorted(self._modules)]

    def speaking(self, pattern: re.Pattern[str], *words: str) -> list[SourceFile]:
        """The files of the app itself whose text a pattern is found in; each holds one of the words, in small letters.

        The words are looked for first: a pattern that ignores case takes a hundred times as long.
        """
        if pattern.pattern not in self._speaking:
            self._speaking[pattern.pattern] = [
                file
                for file, text in zip(self.own, self._lower, strict=True)
                if any(word in text for word in words) and pattern.search(file.text)
            ]
        return self._speaking[pattern.pattern]

    def modules(self, files: Iterable[SourceFile]) -> Iterator[Module]:
        """Files, parsed."""
        return (self.module(file.path) for file in files)

    @cached_property
    def _lower(self) -> list[str]:
        return [file.text.lower() for file in self.own]

    def mentioning(self, word: str) -> Iterator[Module]:
        """The files of the app itself that hold a word."""
        for file in self._holding(word):
            yield self.module(file.path)

    def _holding(self, word: str) -> list[SourceFile]:
        if word not in self._mentions:
            self._mentions[word] = [file for file in self.own if word in file.text]
        return self._mentions[word]

    # --- imports

    def imported_module(self, importer: str, package: str) -> Module | None:
        """The file of the checkout that an import names: relative, by an alias of paths, or of a workspace."""
        key = (posixpath.dirname(importer), package)
        if key not in self._paths:
            path = self._located(*key)
            self._paths[key] = self.module(path) if path is not None else None
        return self._paths[key]

    def _located(self, folder: str, package: str) -> str | None:
        if package.startswith("."):
            return self._with_suffix(posixpath.normpath(posixpath.join(folder, package)))
        if package.startswith("node:"):
            return None
        bare = re.sub(r"^(?:[@~#]/|~|#|src/|/)", "", package)
        for rest in (bare, bare.partition("/")[2] if package != bare or not package.startswith("@") else ""):
            if rest and (found := self._ending(rest)) is not None and (rest != bare or "/" in rest or bare != package):
                return found
        return self._of_workspace(package)

    def _with_suffix(self, path: str) -> str | None:
        stems = [path, _BUILT.sub("", path)] if _BUILT.search(path) else [path]
        for stem in stems:
            for suffix in (*_SUFFIXES, *_INDEX):
                if stem + suffix in self._files:
                    return stem + suffix
        return None

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        """The files by the last part of their path without suffix; index files by their folder as well."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self._files:
            stem = re.sub(r"(?:\.d)?\.[cm]?[jt]sx?$", "", path)
            found[stem.rpartition("/")[2]].append(path)
            if stem.endswith("/index"):
                found[stem.removesuffix("/index").rpartition("/")[2]].append(path)
        return found

    def _ending(self, rest: str) -> str | None:
        rest = _BUILT.sub("", rest)
        for path in self._by_stem.get(rest.rpartition("/")[2], ()):
            stem = re.sub(r"\.[cm]?[jt]sx?$", "", path)
            if any(f"/{end}".endswith(f"/{rest}") for end in (stem, stem.removesuffix("/index"))):
                return path
        return None

    def _of_workspace(self, package: str) -> str | None:
        """`@acme/ids` or `@acme/db/schema`: a folder of that last name with an index file, below packages or so."""
        parts = package.split("/")
        name, below = (parts[1], parts[2:]) if package.startswith("@") and len(parts) > 1 else (parts[0], parts[1:])
        if not package.startswith("@"):
            return None
        ends = [f"{name}/{middle}{'/'.join(below) or 'index'}" for middle in ("", "src/", "lib/")]
        return next((path for end in ends if (path := self._ending(end)) is not None), None)

    def exported(self, module: Module, name: str, seen: frozenset[str] = frozenset()) -> Binding | Node | None:
        """What a file exports by a name, through files that only pass it on."""
        if name in module.exports:
            found = module.exports[name]
            if isinstance(found, Node) and found.kind == "identifier":
                return module.resolve(found) or found
            if isinstance(found, Node) and found.kind == "shorthand_property_identifier":
                return module.resolve(found) or found
            return found
        if module.path in seen:
            return None
        for own, package, theirs in module.again:
            if own not in (name, "*") or (own == "*" and name == "default"):
                continue
            other = self.imported_module(module.path, package)
            if other is None:
                if own == name:  # passed on from a package
                    return Binding(name, "import", module.parsed.root, package=package, imported=theirs)
                continue
            if theirs == "*all":
                return other.parsed.root
            found_there = self.exported(other, theirs if own == name else name, seen | {module.path})
            if found_there is not None:
                return found_there
        return None

    def behind(self, binding: Binding) -> Binding | Node | None:
        """What an import stands for; the import itself where it is of a package, None where it is not known.

        A whole module is the root of its tree.
        """
        for _ in range(8):
            if binding.kind != "import":
                return binding
            module = self.imported_module(binding.node.file.path, binding.package)
            if module is None:
                return binding
            if binding.imported == "*":
                return _whole(module)
            found = self.exported(module, binding.imported)
            if not isinstance(found, Binding):
                return found
            binding = found
        return None

    def meaning(self, node: Node) -> Binding | Node | None:
        """What an identifier stands for, through imports; a Node is an exported expression or a whole module."""
        binding = self.of(node).resolve(node)
        return self.behind(binding) if binding is not None else None

    def package_of(self, node: Node) -> tuple[str, str] | None:
        """The package and the exported name that an expression is imported from: `v4`, `uuid.v4`, `c.randomBytes`."""
        node = unwrapped(node)
        if node.kind == "identifier":
            found = self.meaning(node)
            if isinstance(found, Binding) and found.kind == "import":
                return found.package, found.imported
            if (
                isinstance(found, Binding)
                and found.kind == "var"
                and found.value is not None
                and found.value is not node
            ):
                inner = (
                    self.package_of(found.value) if found.value.kind in ("identifier", "member_expression") else None
                )
                if inner is not None:
                    return inner[0], found.path[-1] if found.path else inner[1]
            return None
        if node.kind == "member_expression":
            owner, name = node.field("object"), member_name(node)
            known = self.package_of(owner) if owner is not None else None
            if known is not None and name is not None:
                return known[0], name if known[1] in ("*", "default", "webcrypto", "promises") else f"{known[1]}.{name}"
        package = required_package(node) if node.kind == "call_expression" else None
        if package is not None and self.imported_module(node.file.path, package) is None:
            return package, "*"
        return None

    def key(self, node: Node) -> str | None:
        """The name of a member of an object, also where a constant has it: `{[COLUMN]: x}`, `{[C.token]: x}`."""
        known = key_of(node)
        name = node.field("key") if known is None and node.kind == "pair" else None
        if name is None or not name.children:
            return known
        return literal(self.resolved(name.children[0]))

    def resolved(self, node: Node) -> Node:
        """What a name or a member always stands for, through other names; the node itself where that is not known."""
        for _ in range(8):
            node = unwrapped(node)
            value = self._value(node)
            if value is None:
                break
            node = value
        return node

    def _value(self, node: Node) -> Node | None:
        """The one value of a constant, or a function by its name."""
        found: Binding | Node | None = None
        if node.kind in ("identifier", "shorthand_property_identifier"):
            found = self.meaning(node)
        elif node.kind in MEMBERS and (owner := node.field("object")) is not None:
            things, name = self.things(owner), member_name(node)
            found = self.member(things[0], name) if things and name is not None else None
        if isinstance(found, Binding):
            is_constant = found.kind == "function" or (found.kind == "var" and not found.path and not found.assigned)
            return found.value if is_constant else None
        return found

    def left_out(self, binding: Binding) -> list[str]:
        """What a name of the rest of an object does not hold: `{a, b, ...rest}` leaves out a and b."""
        rest = binding.node.parent
        pattern = rest.parent if rest is not None and rest.kind == "rest_pattern" else None
        if pattern is None or pattern.kind != "object_pattern":
            return []
        taken = [
            one.field("left") or one if one.kind == "object_assignment_pattern" else one for one in pattern.children
        ]
        return [key_of(one) or one.text for one in taken if one is not rest]

    # --- functions and objects

    def functions(self, callee: Node, depth: int = 0) -> list[Node]:
        """The functions of the app that an expression stands for when it is called."""
        if depth > 8:
            return []
        callee = unwrapped(callee)
        if callee.kind in FUNCTIONS:
            return [callee]
        if callee.kind == "identifier":
            return self._functions_of(self.meaning(callee), depth)
        if callee.kind == "member_expression":
            owner, name = callee.field("object"), member_name(callee)
            if owner is None or name is None:
                return []
            if name in ("bind", "call", "apply"):
                return self.functions(owner, depth + 1)
            return self.methods(owner, name, depth)
        if callee.kind == "call_expression":  # asyncHandler(fn), memoize(fn), useCallback(fn)
            inner = callee.field("function")
            if inner is not None and self.functions(inner, depth + 1):
                return []
            return [f for given in arguments(callee)[:1] for f in self.functions(given, depth + 1)]
        return []

    def _functions_of(self, found: Binding | Node | None, depth: int) -> list[Node]:
        if isinstance(found, Node):
            return self.functions(found, depth + 1) if found.kind != "program" else []
        if found is None or found.kind not in ("function", "var"):
            return []
        out: list[Node] = []
        if found.value is not None and found.kind == "function":
            out = [found.value]
        elif found.value is not None and not found.path:
            out = self.functions(found.value, depth + 1)
        elif found.value is not None and len(found.path) == 1:
            out = self.methods(found.value, found.path[0], depth + 1)
        for value, path in found.assigned:
            if not path:
                out = out + self.functions(value, depth + 1)
        return out

    def methods(self, owner: Node, name: str, depth: int = 0) -> list[Node]:
        """The functions that `owner.name` stands for when it is called."""
        things = self.things(owner, depth + 1)
        found = [f for thing in things for f in self.member_functions(thing, name, depth)]
        if found or things:
            return found
        return self._methods_by_name(owner, name)

    def member_functions(self, thing: Node, name: str, depth: int = 0) -> list[Node]:
        """The functions by a name of an object, a class or a module."""
        value = self.member(thing, name)
        if isinstance(value, Binding):
            return self._functions_of(value, depth + 1)
        if value is None:
            return []
        return [value] if value.kind in FUNCTIONS else self.functions(value, depth + 1)

    def member(self, thing: Node, name: str) -> Binding | Node | None:
        """What an object, a class, an enum or a module holds by a name: a value, a method, or what a file exports."""
        if thing.kind == "program":
            return self.exported(self.of(thing), name)
        held = self._members_of(thing).get(name)
        if thing.kind == "object":
            return held.field("value") if held is not None and held.kind == "pair" else held
        if thing.kind == "enum_declaration":
            return held.field("value") if held is not None else None
        if held is not None:
            return held if held.kind == "method_definition" else held.field("value")
        parent = self._extended(thing)
        return self.member(parent, name) if parent is not None else None

    def _members_of(self, thing: Node) -> dict[str, Node]:
        """The members of an object, a class or an enum by their names, the first of each: some have thousands."""
        if thing not in self._members:
            members: dict[str, Node] = {}
            is_object = thing.kind == "object"
            body = thing if is_object else thing.field("body")
            for child in body.children if body is not None else ():
                if child.kind == "spread_element" if is_object else child.kind not in _MEMBERS_OF_TYPES:
                    continue
                if (name := key_of(child)) is not None:
                    members.setdefault(name, child)
            self._members[thing] = members
        return self._members[thing]

    def given_to_own(self, around: Node, name: str) -> list[Node]:
        """What a class gives a member of its own objects: `this.name = ..`."""
        if around not in self._own:
            given: dict[str, list[Node]] = defaultdict(list)
            for assigned in around.below("assignment_expression"):
                left, right = assigned.field("left"), assigned.field("right")
                if left is not None and right is not None:
                    given[left.text].append(right)
            self._own[around] = given
        return self._own[around].get(f"this.{name}", [])

    def _extended(self, thing: Node) -> Node | None:
        heritage = thing.of_kind("class_heritage")
        for node in heritage.below("identifier") if heritage is not None else ():
            found = self.meaning(node)
            if isinstance(found, Binding) and found.kind == "class" and found.node is not thing:
                return found.node
        return None

    def things(self, node: Node, depth: int = 0) -> list[Node]:
        """The object literals, classes, enums and modules that an expression may be or be an instance of."""
        if depth > 8:
            return []
        node = unwrapped(node)
        kind = node.kind
        if kind in ("object", *CLASSES, "enum_declaration", "program"):
            return [node]
        if kind == "this":
            owner = class_around(node)
            return [owner] if owner is not None else []
        if kind == "new_expression":
            made = node.field("constructor")
            return self.things(made, depth + 1) if made is not None else []
        if kind == "identifier":
            return self._things_of(self.meaning(node), depth)
        if kind == "member_expression":
            owner, name = node.field("object"), member_name(node)
            if owner is None or name is None:
                return []
            if owner.kind == "this" and (around := class_around(node)) is not None:
                return self._things_of_field(around, name, depth)
            return [
                thing
                for inner in self.things(owner, depth + 1)
                for thing in self._things_of(self.member(inner, name), depth)
            ]
        if kind == "call_expression":
            callee = node.field("function")
            given = node.field("arguments")
            if callee is not None and given is not None and callee.text in ("Object.freeze", "Object.seal"):
                return [thing for one in given.children[:1] for thing in self.things(one, depth + 1)]
            returned = [r for f in self.functions(callee, depth + 1) for r in returns(f)] if callee is not None else []
            if not returned and (package := required_package(node)) is not None:  # require("./names").TABLE
                module = self.imported_module(node.file.path, package)
                return self._things_of(_whole(module), depth) if module is not None else []
            return [thing for value in returned for thing in self.things(value, depth + 1)]
        return []

    def _things_of(self, found: Binding | Node | None, depth: int) -> list[Node]:
        if isinstance(found, Node):
            return self.things(found, depth + 1)
        if found is None:
            return []
        if found.kind in ("class", "enum"):
            return [found.node]
        typed = self.class_of_type(found.node)
        if found.kind == "param":
            return [typed] if typed is not None else []
        if found.kind == "var" and found.value is not None:
            values = self.things(found.value, depth + 1)
            for step in found.path:
                inner = [self.member(value, step) for value in values]
                values = [thing for one in inner for thing in self._things_of(one, depth + 1)]
            if values:
                return values
        return [typed] if typed is not None else []

    def _things_of_field(self, around: Node, name: str, depth: int) -> list[Node]:
        body = around.field("body")
        for child in body.children if body is not None else ():
            if child.kind == FIELD and key_of(child) == name:
                value = child.field("value")
                if value is not None and (found := self.things(value, depth + 1)):
                    return found
                typed = self.class_of_type(child)
                return [typed] if typed is not None else []
            if child.kind == "method_definition" and key_of(child) == "constructor":
                for parameter in parameters(child):
                    pattern = parameter.field("pattern") or parameter
                    if pattern.text == name and (typed := self.class_of_type(parameter)) is not None:
                        return [typed]
                for assigned in child.below("assignment_expression"):
                    left, right = assigned.field("left"), assigned.field("right")
                    if left is not None and right is not None and left.text == f"this.{name}":
                        return self.things(right, depth + 1)
        return []

    def class_of_type(self, node: Node) -> Node | None:
        """The class of the app that a declaration's type annotation names."""
        annotation = node.of_kind("type_annotation")
        holder = node.parent if node.parent is not None else node
        if annotation is None and holder.kind in ("variable_declarator", "required_parameter", "optional_parameter"):
            annotation = holder.of_kind("type_annotation")
        for name in annotation.below("type_identifier") if annotation is not None else ():
            found = self.meaning(name)
            if isinstance(found, Binding) and found.kind == "class":
                return found.node
            break
        return None

    def _methods_by_name(self, owner: Node, name: str) -> list[Node]:
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
        files = self._holding(f"{name}(")
        if name in _COMMON:  # then only its owner's name tells, which that of the class holds
            files = [file for file in files if short in plain(file.text)] if len(files) <= _FEW else []
        known = [
            node.parent
            for module in self.modules(files[:_FEW])
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
            found = self.meaning(owner)
            declared = found.node if isinstance(found, Binding) else None
        elif (inner := owner.field("object")) is not None and inner.kind == "this":
            around = class_around(owner)
            declared = self.declared_member(around, member_name(owner) or "") if around is not None else None
        holders = [declared, declared.parent] if declared is not None else []
        annotation = next(
            (found for one in holders if one is not None and (found := one.of_kind("type_annotation"))), None
        )
        named = next(annotation.below("type_identifier"), None) if annotation is not None else None
        behind = self.meaning(named) if named is not None else None
        return isinstance(behind, Binding) and behind.kind == "import"

    def declared_member(self, around: Node, name: str) -> Node | None:
        """The field of a class, or the parameter of its constructor that is one."""
        body = around.field("body")
        for child in body.children if body is not None else ():
            if child.kind == FIELD and key_of(child) == name:
                return child
            if child.kind == "method_definition" and key_of(child) == "constructor":
                for parameter in parameters(child):
                    pattern = parameter.field("pattern")
                    if pattern is not None and pattern.text == name:
                        return parameter
        return None

    def made(self, around: Node) -> list[Node]:
        """Where objects of a class are made: `new X(..)`, also `new this(..)` in the class itself."""
        name = around.field("name")
        if name is None:
            return []
        return [
            node
            for module in self.mentioning(name.text)
            for node in module.parsed.of_kind("new_expression")
            if (callee := node.field("constructor")) is not None
            and (around in self.things(callee) or (callee.kind == "this" and around.holds(node)))
        ]

    def _is_of_a_package(self, owner: Node) -> bool:
        """Whether what an expression begins with was imported from a package, or made by what was."""
        root = owner
        while root.kind in ("member_expression", "call_expression", "new_expression"):
            inner = root.field("object") or root.field("function") or root.field("constructor")
            assert inner is not None  # each has the one or the other
            root = unwrapped(inner)
        if root.kind != "identifier":
            return False
        found = self.meaning(root)
        if not isinstance(found, Binding):
            return False
        if found.kind == "import":
            return self.imported_module(found.node.file.path, found.package) is None
        if found.kind == "var" and found.value is not None and found.value.kind != "identifier":
            value = unwrapped(found.value)
            return value.kind in ("new_expression", "call_expression") and self._is_of_a_package(value)
        return False

    # --- callers

    def calls_of(self, function: Node) -> list[Node]:
        """The calls of a function in the app."""
        if function not in self._callers:
            self._callers[function] = []
            self._callers[function] = list(self._find_calls(function))
        return self._callers[function]

    def _find_calls(self, function: Node) -> Iterator[Node]:
        name = function_name(function)
        if name is None:
            return
        exports = {name} | self._exported_as(self.of(function), function)
        asked = {file.path for export in exports - {"default"} for file in self._holding(export)}
        if "default" in exports:
            asked |= {
                file.path
                for file in self._holding(self._stem(function))
                if "import" in file.text or "require" in file.text
            }
        for path in sorted(asked):
            module = self.module(path)
            for local in {name} | {b.name for b in module.imports if b.imported in exports}:
                for node in module.parsed.named(local):
                    call = _called(node)
                    if call is not None and function in self.functions(_callee(call)):
                        yield call

    def _exported_as(self, module: Module, function: Node) -> set[str]:
        """The names by which a file exports a function."""
        if module.path not in self._exported:
            known: dict[Node, set[str]] = defaultdict(set)
            for key, found in module.exports.items():
                value = found.value if isinstance(found, Binding) else found
                if value is not None:
                    known[value].add(key)
            self._exported[module.path] = dict(known)
        return self._exported[module.path].get(function, set())

    def _stem(self, node: Node) -> str:
        """What an import of a node's file holds: its name, or its folder's."""
        stem = re.sub(r"\.[cm]?[jt]sx?$", "", node.file.path)
        return stem.removesuffix("/index").rpartition("/")[2]

    def _is_whole(self, found: Binding | Node | None, home: Module) -> bool:
        """Whether an import is of all that a file exports: the module, or the object that is its default."""
        default = home.exports.get("default")
        return found is not None and (found is home.parsed.root or found is default)

    def references(self, binding: Binding) -> Iterator[Node]:
        """The uses of a name that is declared at the top of a file, in all files; not its declaration nor imports."""
        home = self.of(binding.node)
        exports = {key for key, value in home.exports.items() if _stands_for(home, value, binding)}
        for node in home.parsed.named(binding.name):
            if not _declares(node) and home.resolve(node) is binding:
                yield node
        asked = {file.path for export in exports - {"default"} for file in self._holding(export)}
        if "default" in exports:
            asked |= {file.path for file in self._holding(self._stem(binding.node))}
        for path in sorted(asked - {home.path}):
            module = self.module(path)
            for local in module.imports:
                if self.behind(local) is binding:
                    yield from (n for n in module.parsed.named(local.name) if not _declares(n))
                elif local.imported in ("*", "default") and self._is_whole(self.behind(local), home):
                    yield from (n for e in exports for n in module.parsed.named(e) if n.kind == "property_identifier")


def _stands_for(home: Module, value: Binding | Node, binding: Binding) -> bool:
    """Whether what is exported is what a name stands for."""
    if isinstance(value, Binding):
        return value is binding
    if value.kind in ("identifier", "shorthand_property_identifier"):
        return home.resolve(value) is binding
    return value is binding.value


def _whole(module: Module) -> Binding | Node:
    """All that a file exports: what it gives `module.exports`, or the root of its tree."""
    default = module.exports.get("default") if "module.exports" in module.parsed.text else None
    return module.parsed.root if default is None else default


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


def _declares(node: Node) -> bool:
    """Whether an identifier declares or imports rather than uses a name."""
    parent = node.parent
    if parent is None:
        return True
    if parent.kind in (
        "import_specifier",
        "import_clause",
        "namespace_import",
        "export_specifier",
        "import_require_clause",
    ):
        return True
    if parent.kind in ("variable_declarator", *FUNCTIONS, *CLASSES, "enum_declaration"):
        return parent.field("name") is node
    return parent.kind == "pair_pattern" or node.kind == "shorthand_property_identifier_pattern"


def _callee(call: Node) -> Node:
    callee = call.field("function") or call.field("constructor")
    assert callee is not None
    return callee


def _called(node: Node) -> Node | None:
    """The call whose callee ends with this name."""
    above = node.parent
    if node.kind == "property_identifier":
        if above is None or above.kind != "member_expression" or above.field("property") is not node:
            return None
        node = above
    above = outermost(node).parent
    if above is not None and above.kind in ("call_expression", "new_expression"):
        callee = above.field("function") or above.field("constructor")
        return above if callee is node else None
    return None
