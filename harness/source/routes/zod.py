"""Reads schemas of zod, and those that drizzle-zod makes of a table, as fields of a body."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.source.javascript.expressions import chain
from harness.source.javascript.literals import literal
from harness.source.javascript.syntax import place_of
from harness.source.routes.classes import first_of_enum
from harness.source.routes.samples import MOMENT, TEXT, Body, Field, Unknown, for_name, of_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.source.javascript.expressions import Expression, Link
    from harness.source.javascript.syntax import Node
    from harness.source.javascript.values import Values
    from harness.source.migrations.tables import SourceTable

_ZOD = re.compile(r"zod")
_OBJECTS = ("object", "strictObject", "looseObject")
_LEFT_OUT = ("optional", "nullish", "default", "catch", "prefault", "undefined", "exactOptional")
_RULES = (
    "refine",
    "superRefine",
    "check",
    "and",
    "pipe",
    "regex",
    "startsWith",
    "endsWith",
    "includes",
    "length",
    "toUpperCase",
)
_TEXTS: dict[str, object] = {
    "email": "smoke@example.com",
    "url": "https://example.com",
    "httpUrl": "https://example.com",
    "datetime": MOMENT,
    "date": "2030-01-01",
    "uuid": Unknown("a UUID that the app knows"),
    "cuid": Unknown("an id that the app knows"),
    "ulid": Unknown("an id that the app knows"),
}
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Zod:
    """Reads schemas; `table_of` tells the table that a definition of Drizzle is of, if it is known."""

    values: Values
    table_of: Callable[[Node], SourceTable | None]

    def body(self, node: Node, depth: int = 0) -> Body | None:
        """The fields of an object's schema; None where it is none."""
        if depth > _DEEPEST:
            return None
        made = self.values.program.objects.resolved(node)
        links = chain(self.values, made)
        if not links or not self._is_of_zod(links[0]):
            return None
        found = self._begun(made, links, depth)
        if found is None:
            return None
        body, rest = found
        for link in rest:
            body = self._changed(body, link, depth)
        fields = body.fields
        if fields and {field.name for field in fields} <= {"body", "params", "query", "headers", "cookies"}:
            return self._inner(made, links, depth)  # validate(z.object({ body: .. }))
        return body

    def _is_of_zod(self, first: Link) -> bool:
        """Whether a chain begins with zod, as far as it begins with a package: Joi and yup have the same words."""
        package = self.values.program.resolver.package_of(first.at)
        return package is None or _ZOD.search(package[0]) is not None

    def _begun(self, made: Node, links: list[Link], depth: int) -> tuple[Body, list[Link]] | None:
        for n, link in enumerate(links):
            if link.args and link.name in _OBJECTS and n <= 1:
                shape = link.args[0].resolved()
                return (self._object(shape, depth), links[n + 1 :]) if shape.kind == "object" else None
            if link.args and link.name in ("createInsertSchema", "createSelectSchema") and n <= 1:
                table = self.table_of(link.args[0].node) if link.name == "createInsertSchema" else None
                return (self._of_table(table, link), links[n + 1 :]) if table is not None else None
        first = self.values.program.objects.resolved(links[0].node)
        if len(links) > 1 and links[0].args is None and first is not made and first is not links[0].node:
            inner = self.body(first, depth + 1)
            return (inner, links[1:]) if inner is not None else None
        return None

    def _inner(self, _made: Node, links: list[Link], depth: int) -> Body | None:
        shape = next(link.args[0].resolved() for link in links if link.args and link.name in _OBJECTS)
        value = next((value for key, value in self.values.pairs(shape) if key == "body"), None)
        return self.body(value, depth + 1) if value is not None else None

    def _object(self, shape: Node, depth: int) -> Body:
        fields = [self._field(key, value, depth) for key, value in self.values.pairs(shape)]
        return Body(tuple(fields), place_of(shape))

    def _of_table(self, table: SourceTable, link: Link) -> Body:
        fields = [
            Field(
                column.key or column.name,
                column.not_null and not column.filled,
                for_name(column.key or column.name, of_type(column.type)),
                link.place,
            )
            for column in table.columns
        ]
        return Body(
            tuple(fields), link.place, "fields are given rules of their own" if len(link.args or ()) > 1 else ""
        )

    def _changed(self, body: Body, link: Link, depth: int) -> Body:
        names = self._names(link)
        if link.name in ("extend", "safeExtend", "augment", "setKey", "merge"):
            more = link.args[0].resolved() if link.args else None
            inner = None
            if more is not None:
                inner = self._object(more, depth) if more.kind == "object" else self.body(more, depth + 1)
            if inner is None:
                return replace(body, doubt=f"what {link.name}() adds was not understood")
            added = {field.name: field for field in inner.fields}
            kept = [field for field in body.fields if field.name not in added]
            return replace(body, fields=(*kept, *added.values()), doubt=body.doubt or inner.doubt)
        if link.name == "omit" and names is not None:
            return replace(body, fields=tuple(f for f in body.fields if f.name not in names))
        if link.name == "pick" and names is not None:
            return replace(body, fields=tuple(f for f in body.fields if f.name in names))
        if link.name in ("partial", "deepPartial", "required"):
            meant = names if link.args else None
            changed = (
                replace(f, required=link.name == "required") if meant is None or f.name in meant else f
                for f in body.fields
            )
            return replace(body, fields=tuple(changed))
        if link.name in (*_RULES, "omit", "pick"):
            return replace(body, doubt=f"{link.name}() sets a rule that was not understood")
        return body

    def _names(self, link: Link) -> set[str] | None:
        shape = link.args[0].resolved() if link.args else None
        return {key for key, _ in self.values.pairs(shape)} if shape is not None and shape.kind == "object" else None

    def _field(self, name: str, value: Node, depth: int) -> Field:
        required, sample, longest = self._value(value, depth)
        return Field(name, required, for_name(name, sample), place_of(value), longest)

    def _value(self, node: Node, depth: int) -> tuple[bool, object, int | None]:
        """Whether a schema wants a value, one that it takes, and how many characters that may have."""
        made = self.values.program.objects.resolved(node)
        links = chain(self.values, made)
        if not links or depth > _DEEPEST:
            return True, Unknown("a value"), None
        modifiers = {link.name: link for link in links if link.args is not None}
        required = not any(name in modifiers for name in _LEFT_OUT)
        base = next((n for n, link in enumerate(links) if link.args is not None), len(links) - 1)
        if links[base].name == "coerce" or (links[0].name == "z" and base == 0):
            return required, Unknown("a value"), None
        if links[0].args is None and links[0].name not in ("z", "zod") and base > 0:
            first = self.values.program.objects.resolved(links[0].node)
            if first is not links[0].node and first is not made:  # a schema by its name: nameSchema.optional()
                inner_required, sample, longest = self._value(first, depth + 1)
                return required and inner_required, sample, longest
        sample = self._sample(links[base], links[base + 1 :], depth)
        ends = modifiers.get("max") or modifiers.get("length")
        longest = _number(ends) if isinstance(sample, str) and ends is not None else None
        return required and not isinstance(sample, _Nothing), sample, longest

    def _sample(self, base: Link, rest: list[Link], depth: int) -> object:
        args = base.args or ()
        rules = {link.name: link for link in rest}
        if any(name in rules for name in _RULES):
            return Unknown("a value that fits the rule in the schema")
        if base.name == "string":
            formats = [_TEXTS[name] for name in rules if name in _TEXTS]
            return formats[0] if formats else _long_enough(_number(rules.get("min")))
        if base.name in _TEXTS:
            return _TEXTS[base.name]
        if base.name in ("number", "int", "bigint", "float32", "int32"):
            return _in_range(rules)
        if base.name == "boolean":
            return False
        if base.name == "literal" and args:
            return args[0].value()
        if base.name in ("enum", "nativeEnum") and args:
            listed = args[0].value()
            choices = list(listed.values()) if isinstance(listed, dict) else listed
            first = choices[0] if isinstance(choices, list) and choices else None
            return first if isinstance(first, (str, int)) else first_of_enum(self.values, args[0].node)
        if base.name == "array":
            wanted = "nonempty" in rules or (_number(rules.get("min")) or 0) > 0
            return [self._value(args[0].node, depth + 1)[1]] if wanted and args else []
        if base.name in ("record", "map"):
            return {}
        if base.name in _OBJECTS:
            return self._nested(base, depth)
        if base.name in ("optional", "nullish"):
            return _Nothing("nothing")
        if base.name == "nullable" and args:
            return self._value(args[0].node, depth + 1)[1]
        if base.name in ("union", "discriminatedUnion") and args:
            return self._first_of(args[-1], depth)
        return MOMENT if base.name == "date" else Unknown("a value")

    def _nested(self, base: Link, depth: int) -> object:
        shape = base.args[0].resolved() if base.args else None
        if shape is None or shape.kind != "object":
            return Unknown("an object")
        fields = self._object(shape, depth + 1).fields
        found = {field.name: field.sample for field in fields if field.required}
        unknown = next((sample for sample in found.values() if isinstance(sample, Unknown)), None)
        return found if unknown is None else Unknown(f"an object in which stands {unknown.why}")

    def _first_of(self, listed: Expression, depth: int) -> object:
        node = listed.resolved()
        return self._value(node.children[0], depth + 1)[1] if node.kind == "array" and node.children else Unknown("one")


class _Nothing(Unknown):
    """That a field may be left out, said by what wraps its schema."""


def _number(link: Link | None) -> int | None:
    said = literal(link.args[0].node) if link is not None and link.args else None
    return int(said) if said is not None and said.isdecimal() else None


def _long_enough(least: int | None) -> object:
    if least is not None and least > 200:
        return Unknown(f"a text of at least {least} characters")
    return TEXT if least is None or least <= len(TEXT) else TEXT + "-" * (least - len(TEXT))


def _in_range(rules: dict[str, Link]) -> object:
    least, most = _number(rules.get("min") or rules.get("gte")), _number(rules.get("max") or rules.get("lte"))
    if any(name in rules for name in ("multipleOf", "step", "negative", "gt", "lt")):
        return Unknown("a number that fits the rule in the schema")
    value = 1 if least is None else least
    return value if most is None or value <= most else most
