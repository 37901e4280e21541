"""Reads a class with decorators of class-validator as fields of a body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.javascript.expressions import chain
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import FIELD, Node, line_of
from harness.source.routes.samples import MOMENT, TEXT, Body, Field, Unknown, for_name, of_type

if TYPE_CHECKING:
    from harness.source.javascript.expressions import Link
    from harness.source.javascript.values import Values

_SAMPLES: dict[str, object] = {
    "IsString": TEXT,
    "IsEmail": "smoke@example.com",
    "IsUrl": "https://example.com",
    "IsBoolean": False,
    "IsArray": [],
    "IsObject": {},
    "IsDateString": MOMENT,
    "IsISO8601": MOMENT,
    "IsUUID": Unknown("a UUID that the app knows"),
}
_RULES = (
    "Matches",
    "Validate",
    "ValidateBy",
    "ValidateIf",
    "IsDivisibleBy",
    "ArrayMinSize",
    "ArrayNotEmpty",
    "Contains",
)
_NUMBERS = ("IsInt", "IsNumber", "IsPositive", "Min", "Max")
_DEEPEST = 4


def body_of_class(values: Values, around: Node, depth: int = 0) -> Body | None:
    """The fields of a class; None where it has none."""
    body = around.field("body")
    if body is None or depth > _DEEPEST:
        return None
    heritage = around.of_kind("class_heritage")
    inherited: tuple[Field, ...] = ()
    doubt = ""
    if heritage is not None:
        inherited, doubt = _inherited(values, heritage, depth)
    fields = [_field(values, member) for member in body.children if member.kind == FIELD and key_of(member)]
    own = {field.name for field in fields}
    kept = [field for field in inherited if field.name not in own]
    return Body((*kept, *fields), line_of(around), doubt) if fields or kept else None


def _inherited(values: Values, heritage: Node, depth: int) -> tuple[tuple[Field, ...], str]:
    named = list(heritage.below("identifier"))
    if len(named) == 1 and heritage.of_kind("call_expression") is None and "(" not in heritage.text:
        found = values.program.resolver.meaning(named[0])
        inner = (
            body_of_class(values, found.node, depth + 1)
            if isinstance(found, Binding) and found.kind == "class"
            else None
        )
        if inner is not None:
            return inner.fields, inner.doubt
    return (), f"what it has of {' '.join(heritage.text.split())[:60]} was not understood"


def _field(values: Values, member: Node) -> Field:
    name = key_of(member) or ""
    said = {
        links[-1].name: links[-1]
        for child in member.children
        if child.kind == "decorator" and child.children and (links := chain(values, child.children[0]))
    }
    annotation = member.of_kind("type_annotation")
    type_ = annotation.text.lstrip(": ").strip() if annotation is not None else ""
    head = member.text[: member.text.find(annotation.text)] if annotation is not None else member.text
    is_optional = "IsOptional" in said or head.rstrip().endswith("?") or member.field("value") is not None
    sample = _sample(said, type_, values)
    longest = None
    for rule in ("MaxLength", "Length"):
        args = said[rule].args if rule in said else None
        if args and args[-1].node.text.isdecimal():
            longest = int(args[-1].node.text)
    return Field(name, not is_optional, for_name(name, sample), line_of(member), longest)


def _sample(said: dict[str, Link], type_: str, values: Values) -> object:
    if any(rule in said for rule in _RULES):
        return Unknown("a value that fits the rule in the class")
    for rule in ("IsEnum", "IsIn"):
        if rule in said:
            return _choice(said[rule], values)
    if any(rule in said for rule in _NUMBERS):
        least = _first_argument(said.get("Min"))
        return 1 if least is None else least
    found = [sample for rule, sample in _SAMPLES.items() if rule in said and rule != "IsString"]
    if found:
        return found[0]
    if "IsString" in said:
        return _text(said)
    return of_type(re.sub(r"\s*\|\s*(?:null|undefined)", "", type_)) if type_ else Unknown("a value")


def _text(said: dict[str, Link]) -> object:
    for rule in ("MinLength", "Length"):
        least = _first_argument(said.get(rule))
        if least is not None and least > len(TEXT):
            return TEXT + "-" * (min(least, 200) - len(TEXT))
    return TEXT


def _first_argument(link: Link | None) -> int | None:
    """The number that a decorator is given first."""
    text = link.args[0].node.text if link is not None and link.args else ""
    return int(text) if text.isdecimal() else None


def _choice(link: Link, values: Values) -> object:
    listed = link.args[0].value() if link.args else None
    if isinstance(listed, list):
        return listed[0] if listed and isinstance(listed[0], (str, int)) else Unknown("one of the values in the class")
    return first_of_enum(values, link.args[0].node) if link.args else Unknown("one of its values")


def first_of_enum(values: Values, node: Node) -> object:
    """The first value of an enum, or of an object that stands for one; Unknown where it has no text."""
    for holder in values.program.objects.of(node):
        first = next(holder.below("enum_assignment", "pair"), None)
        said = literal(first.field("value")) if first is not None else None
        if said is not None:
            return said
    return Unknown(f"one of the values of {node.text[:60]}")
