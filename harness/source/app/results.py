"""Where what a call answers comes from: what a function of the app returns, or what an unknown one is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.steps import Frame, Step, Steps, is_element, is_step, steps_to
from harness.source.javascript.functions import function_name, member_name, returns
from harness.source.javascript.literals import literal
from harness.source.javascript.modules import ELEMENT, AccessPath, Binding
from harness.source.javascript.syntax import FUNCTIONS, MEMBERS, Node, arguments

if TYPE_CHECKING:
    from harness.source.app.bindings import Bindings
    from harness.source.app.names import Names
    from harness.source.app.rules import Generators
    from harness.source.javascript.program import Program

_DEFINES_TABLE = re.compile(r"Table$|^(?:define|model|table)$")  # its columns are no values
# What a statement answers are rows, whatever values it was given.
_ASKS_A_DATABASE = re.compile(
    r"\binsert\s+into\b|\bupdate\b.*?\bset\b|\bselect\b|\bdelete\s+from\b", re.IGNORECASE | re.DOTALL
)
# What these answer comes out of a database, a cache or another service, whatever was put in.
_ASKING = frozenset(
    [
        "query",
        "queryRaw",
        "execute",
        "executeTakeFirst",
        "executeTakeFirstOrThrow",
        "insert",
        "insertInto",
        "values",
        "returning",
        "returningAll",
        "select",
        "selectFrom",
        "from",
        "where",
        "find",
        "findOne",
        "findMany",
        "findFirst",
        "findUnique",
        "findFirstOrThrow",
        "findUniqueOrThrow",
        "findBy",
        "findOneBy",
        "findByPk",
        "findAll",
        "first",
        "firstOrThrow",
        "save",
        "create",
        "createMany",
        "update",
        "updateMany",
        "upsert",
        "delete",
        "destroy",
        "one",
        "many",
        "oneOrNone",
        "any",
        "none",
        "$queryRaw",
        "$executeRaw",
        "$queryRawUnsafe",
        "$executeRawUnsafe",
        "unsafe",
        "fetch",
        "request",
        "get",
        "post",
        "put",
        "patch",
        "mutate",
        "mutateAsync",
        "transaction",
        "$transaction",
        "test",
        "includes",
        "startsWith",
        "endsWith",
        "has",
        "some",
        "every",
        "findIndex",
        "indexOf",
        "setHeader",
        "cookie",
        "sign_in",
        "json",
        "send",
        "status",
        "match",
        "log",
        "info",
        "warn",
        "error",
        "debug",
    ]
)
_BUILT_IN = frozenset(
    ["Array", "Buffer", "Object", "String", "Number", "Promise", "JSON", "Uint8Array", "BigInt", "Math"]
)
_ELEMENTS = frozenset(
    ["filter", "slice", "concat", "reverse", "sort", "toSorted", "toReversed", "flat", "values", "entries", "keys"]
)
# Names of functions that answer what is stored elsewhere, and of objects and methods that answer what they are given.
_FETCHES = ("use", "find", "get", "load", "fetch", "select")
_CARRYING_OWNERS = ("Object", "Effect", "Promise", "JSON", "_", "R", "structuredClone")
# Makers of a wrapper, in small letters, those of one that holds an error, and members that hold neither.
_WRAPS_ERRORS = frozenset(("left", "err", "error", "failure", "fail", "failed", "bad", "reject", "nothing", "none"))
_WRAPS = _WRAPS_ERRORS | {
    "right", "ok", "okasync", "success", "succeed", "some", "just", "of", "resolve", "pure", "good", "valid", "from",
    "fromnullable", "fromvalue", "wrap", "box", "result", "either", "option", "maybe", "done", "return",
}  # fmt: skip
_OF_AN_ERROR = re.compile(r"^(?:left|err(?:or)?s?|failure|cause|reason|exception)$")
_BESIDE = frozenset(("_tag", "tag", "kind", "type", "ok", "isOk", "isErr", "success", "status", "length", "size"))
_IS_FLAG = re.compile(r"_?(?:is|has|can|should)[A-Z_]")
_PUTS = ("assoc", "set")
_CARRYING = frozenset(("parse", "parseAsync", "safeParse", "assign", "merge", "with"))


class Results:
    """Tells the steps from calls."""

    def __init__(self, program: Program, generators: Generators, names: Names, bindings: Bindings) -> None:
        self._program = program
        self._generators = generators
        self._names = names
        self._bindings = bindings

    def of_call(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        """From a call."""
        if self._generators.rule_of(node) is not None:
            yield node
            return
        callee, given = node.field("function"), node.field("arguments")
        if callee is None:
            return
        if given is not None and given.kind == "template_string":
            if _ASKS_A_DATABASE.search(given.text) is None:
                yield Step(given, path, frame)
            return
        functions = self._program.objects.functions(callee)
        if functions:
            yield from _returned(functions, node, path, frame)
            if callee.kind == "call_expression" and not path:  # getOrElse(() => "")(token), of which that is the rest
                yield from steps_to(arguments(node), (), frame)
        elif callee.kind == "call_expression":  # customAlphabet("..", 8)(), getOrElse("")(token)
            yield from steps_to(() if path else (callee, *arguments(node)), (), frame)
        elif callee.kind == "identifier":
            yield from self._of_unknown_function(node, callee, path, frame)
        elif callee.kind in MEMBERS:
            yield from self._of_unknown_method(node, callee, path, frame)

    def _of_unknown_function(self, call: Node, callee: Node, path: AccessPath, frame: Frame | None) -> Steps:
        meant = self._program.resolver.meaning(callee)
        if isinstance(meant, Binding) and meant.kind == "param":
            functions = self._bindings.functions_given(meant, frame)
            yield from _returned(functions, call, path, frame)
            if functions:
                return
        if meant is not None and (not path or (isinstance(meant, Binding) and meant.kind == "var")):
            yield from self._bindings.of(meant, path, frame)
        if isinstance(meant, Binding) and meant.kind == "import":
            self._bindings.ended.add(meant)
        if self._names.is_token(literal(next(iter(arguments(call)), None))):  # uuid("public_token"): a column
            return
        is_foreign = meant is None or (isinstance(meant, Binding) and meant.kind in ("import", "param"))
        if is_foreign and not path and self._generators.by_name(callee) is not None:
            yield call
            return
        name = callee.text
        if is_foreign and path and name.lower() in _WRAPS:
            yield from _out_of_wrapper(name, arguments(call), path, frame)
            return
        if not _DEFINES_TABLE.search(name) and name not in _ASKING and not name.startswith(_FETCHES):
            yield from steps_to(self._bindings.passed_through(arguments(call)), path, frame)

    def _of_unknown_method(self, call: Node, callee: Node, path: AccessPath, frame: Frame | None) -> Steps:
        owner, name, given = callee.field("object"), member_name(callee), arguments(call)
        if owner is None:
            return
        if name == "then":
            yield from steps_to(given[:1], path, frame)
        elif name in ("catch", "finally"):
            yield Step(owner, path, frame)
        elif path and is_element(path[0]) and name in ("map", "flatMap", "from"):
            yield from steps_to(given[-1:], path[1:], frame)
        elif name == "next" and path[:1] == ("value",):  # of a generator
            yield Step(owner, path[1:], frame)
        elif name == "get" and len(given) == 1:  # of a map, [[key, value], ..]
            yield Step(owner, (ELEMENT, "1", *path), frame)
        elif path and name in _ELEMENTS:
            yield from steps_to([owner, *(given if name == "concat" else ())], path, frame)
        elif path:
            if name is not None and name.lower() in _WRAPS:
                yield from _out_of_wrapper(name, given, path, frame)
            elif name in _PUTS and len(given) > 1 and is_step(self._names, literal(given[0]), path[0]):
                yield Step(given[1], path[1:], frame)  # R.assoc("public_token", token, row)
            elif owner.text in _CARRYING_OWNERS or name in _CARRYING:
                yield from steps_to(given, path, frame)
        elif name is not None and _IS_FLAG.match(name):  # whether it went well, and not what came of it
            return
        elif name not in _ASKING or _only_changes(owner, call, name):
            if self._makes_by_name(owner, callee, name):
                yield call
            else:
                yield from steps_to([owner, *self._bindings.passed_through(given)], (), frame)

    def _makes_by_name(self, owner: Node, callee: Node, name: str | None) -> bool:
        """Whether a method of something that is not of the app makes random values, by its name."""
        if owner.kind not in ("identifier", "member_expression") or self._program.objects.of(owner):
            return False
        is_of_tokens = name in ("generate", "next", "rnd", "random") and "oken" in owner.text
        if name == "random" and self._program.resolver.package_of(owner) is not None:  # string.random(8) of AdonisJS
            return True
        return is_of_tokens or self._generators.by_name(callee) is not None

    def of_new(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        """From an object that is made."""
        if self._generators.rule_of(node) is not None:
            if not path:
                yield node
            return
        made = node.field("constructor")
        classes = self._program.objects.of(made) if made is not None else []
        for around in classes if path else ():
            yield from self._bindings.of_object(around, node, path, frame)
        if not classes and path and made is not None and made.text.rpartition(".")[2].lower() in _WRAPS:
            yield from _out_of_wrapper(made.text.rpartition(".")[2], arguments(node), path, frame)
        elif not classes:
            yield from steps_to(arguments(node), path, frame)


def _out_of_wrapper(name: str, given: list[Node], path: AccessPath, frame: Frame | None) -> Steps:
    """From a member of what holds a value beside an error: `E.right(token)`, `ok(token)`, `new Some(token)`."""
    is_error = _OF_AN_ERROR.search(path[0]) is not None
    is_beside = path[0] in _BESIDE
    if not is_beside and is_error == (name.lower() in _WRAPS_ERRORS):
        yield from steps_to(given[:1], path[1:], frame)
    elif path[0].isdecimal():  # Promise.resolve([error, token])
        yield from steps_to(given[:1], path, frame)


def _returned(functions: list[Node], call: Node, path: AccessPath, frame: Frame | None) -> Steps:
    for function in functions:
        if function.kind != "method_definition" or function_name(function) != "constructor":
            yield from steps_to(returns(function), path, Frame(function, call, frame))


def _only_changes(owner: Node, call: Node, name: str) -> bool:
    """Whether a method that elsewhere asks a database only changes a value here: `Array.from`, a hash's `update`."""
    if owner.kind == "identifier" and owner.text in _BUILT_IN:
        return True
    if name == "update":
        return re.search(r"hash|hmac|cipher", owner.text, re.IGNORECASE) is not None
    if name == "match":  # of a Result, and not of a text
        return any(one.kind in (*FUNCTIONS, "object") for one in arguments(call))
    return name in ("values", "first") and not arguments(call)
