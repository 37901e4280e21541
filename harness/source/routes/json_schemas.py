"""Reads a JSON Schema that stands in code, as Fastify is given it, as fields of a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.javascript.syntax import line_of
from harness.source.routes.samples import MOMENT, TEXT, Body, Field, Unknown, for_name

if TYPE_CHECKING:
    from harness.source.javascript.syntax import Node
    from harness.source.javascript.values import Values

_FORMATS: dict[str, object] = {
    "email": "smoke@example.com",
    "uri": "https://example.com",
    "url": "https://example.com",
    "date-time": MOMENT,
    "date": "2030-01-01",
    "uuid": Unknown("a UUID that the app knows"),
}
_RULES = ("pattern", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "not", "if")
_DEEPEST = 6


def body_of_json_schema(values: Values, node: Node) -> Body | None:
    """The fields of an object's schema; None where it is none."""
    schema = values.of(node)
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        return None
    place = line_of(values.program.objects.resolved(node))
    said = schema.get("required")
    required = said if isinstance(said, list) else []
    fields = [
        Field(name, name in required and "default" not in of, for_name(name, _sample(of, 0)), place, _longest(of))
        for name, of in schema["properties"].items()
        if isinstance(of, dict)
    ]
    more = next((word for word in ("allOf", "anyOf", "oneOf", "if", "$ref") if word in schema), "")
    return Body(tuple(fields), place, f"{more} sets a rule that was not understood" if more else "")


def _longest(schema: dict[str, object]) -> int | None:
    most = schema.get("maxLength")
    return most if isinstance(most, int) else None


def _sample(schema: dict[str, object], depth: int) -> object:
    kind, listed = schema.get("type"), schema.get("enum")
    if isinstance(listed, list) and listed:
        return listed[0]
    if "const" in schema:
        return schema["const"]
    if any(word in schema for word in _RULES) or depth > _DEEPEST:
        return Unknown("a value that fits the rule in the schema")
    if kind == "string":
        least = schema.get("minLength")
        said = _FORMATS.get(str(schema.get("format")), TEXT)
        short = isinstance(said, str) and isinstance(least, int) and len(said) < least < 200
        return TEXT + "-" * (int(str(least)) - len(TEXT)) if short else said
    if kind in ("integer", "number"):
        least = schema.get("minimum")
        return least if isinstance(least, int) else 1
    if kind == "boolean":
        return False
    if kind == "array":
        return [] if not schema.get("minItems") else Unknown("a list")
    if kind == "object":
        return _object(schema, depth)
    return Unknown("a value")


def _object(schema: dict[str, object], depth: int) -> object:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(required, list) or not required:
        return {}
    if not isinstance(properties, dict):
        return Unknown("an object")
    found = {str(name): for_name(str(name), _sample(properties.get(name) or {}, depth + 1)) for name in required}
    return Unknown("an object") if any(isinstance(value, Unknown) for value in found.values()) else found
