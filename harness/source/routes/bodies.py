"""What a route wants in its body: by a schema, by a class with decorators, or by what its code reads and refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.source.javascript.functions import parameters
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import Node, arguments, line_of, unwrapped
from harness.source.routes.classes import body_of_class
from harness.source.routes.json_schemas import body_of_json_schema
from harness.source.routes.samples import TEXT, Body, Field, for_name, of_type
from harness.source.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.javascript.values import Values
    from harness.source.migrations.tables import SourceColumn, SourceTable
    from harness.source.routes.route import Route
    from harness.source.routes.routers import Routers
    from harness.source.routes.zod import Zod

_IS_BODY = re.compile(r"^(?:\w+\.)*(?:req|request|ctx|context|c|event)(?:\.req|\.request)*\.(?:body|json\(\))$")
_READS_BODY = re.compile(r"^(?:readBody|readValidatedBody|c\.req\.valid|parseBody)\(")
_PARSES = ("parse", "safeParse", "parseAsync", "safeParseAsync", "validate")
_WAYS_TO_A_SCHEMA = (("schema", "body"), ("request", "body", "content", "application/json", "schema"))
_PARSES_BYTES = re.compile(r"bodyParser|koaBody|^express\.|multer|upload", re.IGNORECASE)
_TAKES_A_SCHEMA = re.compile(r"valid|schema|parse|body|zod", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bodies:
    """Reads the bodies of routes; `table` is where the create route stores, None for any other route."""

    values: Values
    routers: Routers
    zod: Zod
    table: SourceTable | None

    def of(self, route: Route) -> Body | None:
        """The body that a route wants; None where nothing is known of it."""
        unread: list[Node] = []
        found = [
            *self._of_options(route, unread),
            *self._of_validators(route, unread),
            *self._of_parameters(route),
            *self._of_parsing(route, unread),
        ]
        distinct = {(field.name, field.required) for body in found[1:] for field in body.fields} - {
            (field.name, field.required) for field in (found[0].fields if found else ())
        }
        if found:
            return replace(found[0], doubt="several schemas are asked") if distinct else found[0]
        read = self._of_reading(route)
        if not unread:
            return read
        place = line_of(unread[0])
        return replace(read or Body((), place), doubt=f"what checks it was not understood ({place.place})")

    def _of_options(self, route: Route, unread: list[Node]) -> Iterator[Body]:
        """By the schema that stands in the route's options, as Fastify and the OpenAPI of Hono have it."""
        for way in _WAYS_TO_A_SCHEMA:
            body = route.options
            for name in way:
                body = self.routers.option(body, name) if body is not None else None
            if body is None:
                continue
            found = self.zod.body(body) or body_of_json_schema(self.values, body)
            if found is not None:
                yield found
            else:
                unread.append(body)

    def _of_validators(self, route: Route, unread: list[Node]) -> Iterator[Body]:
        """By what runs before: `zValidator("json", Schema)`, `validate(Schema)`, `validate({ body: Schema })`."""
        for before in route.before:
            call = unwrapped(before)
            callee = call.field("function") if call.kind == "call_expression" else None
            if callee is None or _PARSES_BYTES.search(callee.text):
                continue
            given = arguments(call)
            if given and self.values.text(given[0]) in ("param", "query", "header", "cookie", "params", "headers"):
                continue
            bodies = [self.zod.body(self.routers.option(one, "body") or one) for one in given]
            yield from (body for body in bodies if body is not None)
            if given and not any(bodies) and (_TAKES_A_SCHEMA.search(callee.text) or any(map(self._is_foreign, given))):
                unread.append(call)

    def _is_foreign(self, node: Node) -> bool:
        """Whether something is made by a package, as the schema of another library is."""
        made = self.values.program.objects.resolved(node)
        while made.kind in ("call_expression", "member_expression"):
            inner = made.field("function") or made.field("object")
            if inner is None:
                return False
            made = unwrapped(inner)
            if self.values.program.resolver.package_of(made) is not None:
                return True
        return False

    def _of_parameters(self, route: Route) -> Iterator[Body]:
        """By the class, or the pipe, of a parameter that NestJS gives the body."""
        for parameter in parameters(route.handler):
            for decorator in (child for child in parameter.children if child.kind == "decorator"):
                call = unwrapped(decorator.children[0])
                callee = call.field("function") if call.kind == "call_expression" else None
                if callee is None or callee.text != "Body":
                    continue
                for made in (one for given in arguments(call) for one in given.below("new_expression")):
                    yield from (body for one in arguments(made) if (body := self.zod.body(one)) is not None)
                around = self.values.program.objects.class_of_type(parameter)
                if around is not None and (found := body_of_class(self.values, around)) is not None:
                    yield found

    def _of_parsing(self, route: Route, unread: list[Node]) -> Iterator[Body]:
        """By the schemas that the handler, or a function before it, has parse the body."""
        program = self.values.program
        functions = [f for before in route.before for f in program.objects.functions(before)]
        for function in (route.handler, *functions):
            for call in function.below("call_expression"):
                callee, given = call.field("function"), arguments(call)
                if callee is None or callee.kind != "member_expression" or not given:
                    continue
                name, owner = callee.field("property"), callee.field("object")
                if name is None or owner is None or name.text not in _PARSES or not self.is_body(given[0]):
                    continue
                found = self.zod.body(owner)
                if found is not None:
                    yield found
                elif owner.text != "JSON":
                    unread.append(call)

    def is_body(self, node: Node, depth: int = 0) -> bool:
        """Whether an expression is the whole body of a request."""
        inner = unwrapped(node)
        if inner.kind == "binary_expression" and inner.operator in ("??", "||"):  # req.body ?? {}
            left = inner.field("left")
            return left is not None and self.is_body(left, depth + 1)
        callee = inner.field("function") if inner.kind == "call_expression" else None
        said = f"{callee.text}()" if callee is not None else inner.text  # without what stands in <> and ()
        if _IS_BODY.match(said) or _READS_BODY.match(said):
            return True
        if inner.kind != "identifier" or depth > 4:
            return False
        found = self.values.program.resolver.meaning(inner)
        if not isinstance(found, Binding) or found.kind != "var" or found.value is None:
            return False
        if found.path:  # const { body } = req
            return found.path == ("body",) and unwrapped(found.value).text in ("req", "request", "ctx.request")
        return self.is_body(found.value, depth + 1)

    # --- code that reads and refuses

    def _of_reading(self, route: Route) -> Body | None:
        program = self.values.program
        functions = [route.handler, *(f for before in route.before for f in program.objects.functions(before))]
        read: dict[str, tuple[Node, bool]] = {}
        whole: Node | None = None
        for function in functions:
            more, used = self._read(function)
            read, whole = {**more, **read}, whole or used
        if not read and whole is None:
            return None
        refused = [node for function in functions for node in function.below("if_statement") if _refuses(node)]
        fields, doubt = [], "" if whole is None else f"it is passed on as a whole ({line_of(whole).place})"
        for name, (node, has_default) in read.items():
            column = self._column(name)
            guard = next((one for one in refused if _guards(one, name)), None)
            if guard is None and column is None and not has_default:
                doubt = doubt or f"whether {name} is needed is not known"
            is_needed = column is not None and column.not_null and not column.filled
            required = not has_default and (guard is not None or is_needed)
            sample = of_type(column.type) if column is not None else TEXT
            fields.append(Field(name, required, for_name(name, sample), line_of(guard or node)))
        return Body(tuple(fields), fields[0].place if fields else line_of(route.handler), doubt)

    def _read(self, handler: Node) -> tuple[dict[str, tuple[Node, bool]], Node | None]:
        """The fields that are read, each with whether it has a default, and where the body is used as a whole."""
        found: dict[str, tuple[Node, bool]] = {}
        whole: Node | None = None
        for declared in handler.below("variable_declarator"):
            name, value = declared.field("name"), declared.field("value")
            if name is None or value is None or name.kind != "object_pattern" or not self.is_body(value):
                continue
            for child in name.children:
                key = child.field("left") or (child.children[0] if child.children else child)
                said = key_of(child) if child.kind == "pair_pattern" else key.text
                if child.kind == "rest_pattern" or said is None:
                    whole = child
                else:
                    has_default = child.kind == "object_assignment_pattern" or child.of_kind("assignment_pattern")
                    found[said] = child, bool(has_default)
        for member in handler.below("member_expression"):
            owner, name = member.field("object"), member.field("property")
            if owner is not None and name is not None and self.is_body(owner) and name.text != "json":
                found.setdefault(name.text, (member, False))
        for used in handler.below("spread_element", "arguments"):
            for one in used.children:
                if self.is_body(one) and not (used.kind == "arguments" and _is_of_a_builtin(used)):
                    whole = one
        return found, whole

    def _column(self, name: str) -> SourceColumn | None:
        columns = self.table.columns if self.table is not None else ()
        return next((c for c in columns if plain(name) in (plain(c.name), plain(c.key))), None)


def _refuses(node: Node) -> bool:
    consequence = node.field("consequence")
    if consequence is None:
        return False
    text = consequence.text
    return "throw" in text or ("return" in text and re.search(r"\b4\d\d\b|badRequest|BAD_REQUEST", text) is not None)


def _guards(node: Node, name: str) -> bool:
    """Whether a condition is met where a field is missing: `!name`, `typeof name !== "string"`, `name == null`."""
    condition = node.field("condition")
    if condition is None or "&&" in condition.text:
        return False
    word = rf"(?:[\w.?]+\.)?{re.escape(name)}\b"
    missing = (
        rf"!\s*{word}(?!\s*\.)|!\s*{word}\??\.trim\(|typeof\s+{word}\s*!==?|{word}\s*===?\s*(?:null|undefined|\"\"|'')"
    )
    return re.search(missing, condition.text) is not None


def _is_of_a_builtin(given: Node) -> bool:
    callee = given.parent.field("function") if given.parent is not None else None
    return (
        callee is not None
        and re.match(r"(?:console\.|logger?\.|Array\.isArray|Object\.keys|typeof)", callee.text) is not None
    )
