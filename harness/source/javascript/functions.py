"""Functions, classes and members in a tree: their names, parameters, returns, and who they are handed to."""

from __future__ import annotations

from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.syntax import CLASSES, FIELD, FUNCTIONS, WRAPPERS, Node, unwrapped


def member_name(node: Node) -> str | None:
    """The property of `a.b`, `a?.b` or `a["b"]`; None where it is computed."""
    if node.kind == "member_expression":
        prop = node.field("property")
        return prop.text.lstrip("#") if prop is not None else None
    index = node.field("index")
    return literal(index)


def parameters(function: Node) -> list[Node]:
    """The parameters of a function, in their order; the type of its `this` is none."""
    given = function.field("parameters")
    if given is not None:
        return [child for child in given.children if child.of_kind("this") is None]
    single = function.field("parameter")
    return [single] if single is not None else []


def parameter_names(function: Node) -> list[str]:
    """The names of a function's parameters; of a pattern, its text."""
    return [(parameter.field("pattern") or parameter).text for parameter in parameters(function)]


def class_around(node: Node) -> Node | None:
    """The class whose `this` a node would mean."""
    return next((above for above in node.above() if above.kind in CLASSES), None)


def declared_member(around: Node, name: str) -> Node | None:
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


def function_name(function: Node) -> str | None:
    """The name by which a function is called."""
    own = function.field("name")
    if own is not None:
        name = key_of(function) if function.kind == "method_definition" else own.text
        return class_name(function) if name == "constructor" else name
    holder = function.parent
    while holder is not None and holder.kind in (*WRAPPERS, "call_expression", "arguments"):
        holder = holder.parent
    if holder is None:
        return None
    if holder.kind == "variable_declarator":
        named = holder.field("name")
        return named.text if named is not None and named.kind == "identifier" else None
    if holder.kind in ("pair", FIELD) and unwrapped_value(holder) is not None:
        return key_of(holder)
    if holder.kind == "assignment_expression" and (left := holder.field("left")) is not None:
        return left.text if left.kind == "identifier" else member_name(left)
    return "default" if holder.kind == "export_statement" else None


def class_name(function: Node) -> str | None:
    """The name of the class around a method."""
    around = class_around(function)
    name = around.field("name") if around is not None else None
    return name.text if name is not None else None


def unwrapped_value(holder: Node) -> Node | None:
    """The value of a pair or a field."""
    value = holder.field("value")
    return unwrapped(value) if value is not None else None


def returns(function: Node) -> list[Node]:
    """What a function may return."""
    body = function.field("body")
    if body is None:
        return []
    if body.kind != "statement_block":
        return [body]
    found = body.below("return_statement", "yield_expression", into_functions=False)
    return [node.children[0] for node in found if node.children]


def returned(function: Node) -> Node | None:
    """What a function returns at its end: the body of an arrow, or of its last `return`; None of anything else."""
    body = function.field("body") if function.kind in FUNCTIONS else None
    if body is None:
        return None
    if body.kind != "statement_block":
        return unwrapped(body)
    values = [child for child in body.children if child.kind == "return_statement" and child.children]
    return unwrapped(values[-1].children[0]) if values else None


def call_around(function: Node) -> Node | None:
    """The call that a function is handed to, directly or within an object."""
    above = function.parent
    while above is not None and above.kind in ("pair", "object", "array", *WRAPPERS):
        above = above.parent
    if above is not None and above.kind == "arguments":
        return above.parent
    return None
