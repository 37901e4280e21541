"""Finds columns in the schema files of ORMs: Drizzle, Prisma, TypeORM, MikroORM and Sequelize.

What such a file declares is what its tool would push, and what the app's own statements are made from.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from harness.source.checkout import SOURCE, Place, in_one_line
from harness.source.javascript.expressions import Link, chain
from harness.source.javascript.functions import parameter_names, returned
from harness.source.javascript.syntax import CLASSES, FIELD, FUNCTIONS, Node, place_of, unwrapped
from harness.source.language import Opaque
from harness.source.migrations.definitions import Unknown, type_of
from harness.source.migrations.fragments import values_of
from harness.source.migrations.raw import Raw
from harness.source.providers import of_postgres
from harness.source.spelling import snake
from harness.source.sql.columns import Column, Declared
from harness.source.sql.quoting import quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.checkout import Checkout, SourceFile
    from harness.source.javascript.program import Program
    from harness.source.javascript.syntax import Parsed
    from harness.source.javascript.values import Values

_ORMS = re.compile(r"drizzle-orm|pgTable|typeorm|mikro-orm|sequelize|@Entity|@Table\b", re.IGNORECASE)
# Sequelize's DataTypes.UUIDV4, a function, or a call of what makes ids.
_BY_THE_APP = re.compile(
    r"(?i)\bUUIDV\d|=>|^function\b|\bv[1-7]\(|uuidv?\d?\(|nanoid|random|cuid|create_?id|token\w*\("
)
_OTHER_DATABASE = re.compile(r"drizzle-orm/(?:mysql|sqlite|singlestore)-core")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which column is looked for: the names in the database."""

    table: str
    token: str

    def is_table(self, *names: str | None) -> bool:
        """Whether one of these is the table, with or without its schema."""
        bare = self.table.rpartition(".")[2]
        return any(name is not None and name.rpartition(".")[2] == bare for name in names)

    def is_token(self, key: str, named: str | None = None) -> bool:
        """Whether a property is the column: by the name that it is given, or else by its own, in camelCase too."""
        return named == self.token if named is not None else self.token in (key, snake(key))


class Every(Wanted):
    """Every column of every table is looked for."""

    def __init__(self) -> None:
        super().__init__("", "")

    def is_table(self, *_names: str | None) -> bool:
        """It is."""
        return True

    def is_token(self, _key: str, _named: str | None = None) -> bool:
        """It is."""
        return True


class Declaration(NamedTuple):
    """A column that a schema file declares.

    `tables` are the names that its table may have, of which an ORM makes the right one. `key` is what the app calls the
    column, `name` what the file says that it is called in the database; None where an ORM makes that of the key.
    """

    tables: tuple[str, ...]
    key: str
    name: str | None
    declared: Declared


def read_declarations(checkout: Checkout, wanted: Wanted, program: Program) -> list[Declared]:
    """What the schema files of a checkout declare of the column; `program` is of its files of code."""
    return [each.declared for each in declarations(checkout, wanted, program)]


def declarations(checkout: Checkout, wanted: Wanted, program: Program) -> list[Declaration]:
    """The same, each with the names that the files give; of `Every()`, all columns of all tables."""
    found: list[Declaration] = []
    found += [declared for file in of_postgres(checkout.of(".prisma")) for declared in _prisma(file, wanted)]
    words = (wanted.token.lower(), wanted.token.replace("_", "").lower())
    values = values_of(program)
    for file in checkout.of(*SOURCE):
        lowered = file.text.lower()
        if any(word in lowered for word in words) and _ORMS.search(file.text) and not _OTHER_DATABASE.search(file.text):
            parsed = program.files.module(file.path).parsed
            with suppress(RecursionError):  # code that was generated, or made small, which nobody declares a schema in
                found += [*_drizzle(values, parsed, wanted), *_entities(values, parsed, wanted)]
                found += _sequelize(values, parsed, wanted)
    return found


# --- Prisma -----------------------------------------------------------------------------------------------------------

_MODEL = re.compile(r"^\s*model\s+(\w+)\s*\{")
_FIELD = re.compile(r"^\s*(\w+)\s+(Unsupported\(\"[^\"]*\"\)|\w+)(\[\]|\?)?(.*)$")
_NAMED = r"\((?:\s*(?:name|map)\s*:)?\s*\"([^\"]*)\""
_PRISMA_TYPES = {"String": "text", "Int": "integer", "BigInt": "bigint", "Boolean": "boolean", "Bytes": "bytea"}


def _prisma(file: SourceFile, wanted: Wanted) -> Iterator[Declaration]:
    model, mapped = "", ""
    fields: list[tuple[int, str]] = []
    for number, line in enumerate(file.text.split("\n"), 1):
        bare = re.sub(r'("(?:[^"\\]|\\.)*")|//.*', lambda match: match[1] or "", line)
        begins = _MODEL.match(bare)
        if begins:
            model, mapped, fields = begins[1], begins[1], []
        elif model and (named := re.search(r"@@map\s*" + _NAMED, bare)):
            mapped = f"{mapped.rpartition('.')[0]}.{named[1]}".lstrip(".")
        elif model and (schema := re.search(r"@@schema\s*" + _NAMED, bare)):
            mapped = f"{schema[1]}.{mapped}"
        elif model and bare.strip() == "}":
            if wanted.is_table(mapped):
                yield from _prisma_fields(file, mapped, fields, wanted)
            model = ""
        elif model and "@@" not in bare:
            fields.append((number, bare))


def _prisma_fields(
    file: SourceFile, table: str, fields: list[tuple[int, str]], wanted: Wanted
) -> Iterator[Declaration]:
    for number, line in fields:
        field = _FIELD.match(line)
        if field is None:
            continue
        key, type_, _, attributes = field.groups()
        named = re.search(r"(?<!@)@map\s*" + _NAMED, attributes)
        name = named[1] if named else key
        if not wanted.is_token(key, name):
            continue
        place = Place(file.path, number, in_one_line(line))
        native = re.search(r"@\w+\.(Uuid|VarChar|Char|Text|Citext)\b(\(\d+\))?", attributes)
        unsupported = re.match(r'Unsupported\("([^"]*)"\)', type_)
        is_type = _PRISMA_TYPES.get(type_, type_.lower())
        if native:
            is_type = native[1].lower() + (native[2] or "")
        elif unsupported:
            is_type = unsupported[1]
        column = Column(is_type, not_null="?" not in line, type_at=place, default_at=place)
        yield Declaration((table,), key, name, Declared(place, _prisma_default(column, attributes), "prisma"))


def _prisma_default(column: Column, attributes: str) -> Column:
    begins = re.search(r"@default\s*\(", attributes)
    if begins is None:
        return column
    given = _balanced(attributes[begins.end() :]).strip()
    made = re.fullmatch(r'dbgenerated\(\s*(?:"((?:[^"\\]|\\.)*)")?\s*\)', given)
    if made:
        expression = (made[1] or "").replace('\\"', '"')
        return (
            replace(column, default=expression) if expression else replace(column, unknown="dbgenerated() names none")
        )
    if re.match(r"(?:uuid|cuid|nanoid|ulid)\(", given):
        return replace(column, by_the_app=f"@default({given}) is made by Prisma's client")
    text = given[1:-1] if given.startswith('"') else given
    return replace(column, default=quote_literal(text))


def _balanced(text: str) -> str:
    """A text up to the parenthesis that ends it."""
    depth, quoted = 1, False
    for at, character in enumerate(text):
        if character == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return text[:at]
    return text


# --- Drizzle ----------------------------------------------------------------------------------------------------------


def _drizzle(values: Values, parsed: Parsed, wanted: Wanted) -> Iterator[Declaration]:
    if "drizzle" not in parsed.text and "pgTable" not in parsed.text:
        return
    for node in parsed.of_kind("call_expression"):
        links = chain(values, node)
        args = links[-1].args if links else None
        if not args or len(args) < 2 or not wanted.is_table(*(names := _drizzle_names(values, links))):
            continue
        columns = args[1].resolved()
        columns = returned(columns) or columns
        if columns.kind != "object" or (isinstance(wanted, Every) and not _makes_a_table(values, links[-1])):
            continue
        for key, value in values.pairs(columns):
            declared = _drizzle_column(values, wanted, key, value)
            if declared is not None:
                yield Declaration(_said(names), key, *declared)


def _said(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(name for name in names if name)


def _makes_a_table(values: Values, link: Link) -> bool:
    """Whether a call of this name and arguments makes a table: many others are given a text and an object."""
    made = chain(values, values.program.objects.resolved(link.at))
    return "table" in link.name.lower() or bool(made and made[-1].name == "pgTableCreator")


def _drizzle_names(values: Values, links: list[Link]) -> list[str | None]:
    """The name that a table is given, with its pgSchema, and the one that a pgTableCreator makes of it."""
    link = links[-1]
    name = link.args[0].text() if link.args else None
    if name is not None and link.name == "table" and len(links) > 1:
        owner = chain(values, values.program.objects.resolved(links[-2].node))
        schema = owner[-1].args[0].text() if owner and owner[-1].name == "pgSchema" and owner[-1].args else None
        return [f"{schema}.{name}" if schema else name]
    made = chain(values, values.program.objects.resolved(link.at))
    if name is None or not made or made[-1].name != "pgTableCreator" or not made[-1].args:
        return [name]
    function = made[-1].args[0].resolved()
    template, names = returned(function), parameter_names(function)
    if template is None or not names:
        return [name]
    return [template.text.strip("`").replace("${" + names[0] + "}", name)]


def _drizzle_column(values: Values, wanted: Wanted, key: str, value: Node) -> tuple[str | None, Declared] | None:
    links, helper = _drizzle_chain(values, value)
    base = next((n for n, link in enumerate(links) if link.args is not None), None)
    if base is None:
        return None
    args = links[base].args or ()
    named = args[0].text() if args else None
    if not wanted.is_token(key, named):
        return None
    place = replace(place_of(value), text=f"{key}: {in_one_line(value.text)}")
    column = Column(_drizzle_type(values, links[base], helper), type_at=place, default_at=place)
    if not column.type:
        column = replace(column, unknown=f"{links[base].name}() stands elsewhere")
    for link in links[base + 1 :]:
        column = _drizzle_modified(column, link)
    return named, Declared(place, column, "drizzle")


def _drizzle_chain(values: Values, value: Node) -> tuple[list[Link], bool]:
    """The calls that make a column, with those of a function of this file that begins it put in its place."""
    links = chain(values, values.program.objects.resolved(value))
    maker = values.program.objects.resolved(links[0].at) if links else None
    if maker is not None and maker is not links[0].at:
        if maker.kind in FUNCTIONS:
            body = returned(maker)
            inner = chain(values, body) if body is not None else []
            first = next((n for n, link in enumerate(inner) if link.args is not None), None)
            if first is not None:
                given = links[0].args or ()
                own = inner[first].args or ()
                passed = bool(own) and own[0].node.text in parameter_names(maker)
                args = given[:1] if passed else own
                begins = replace(inner[first], args=args)
                return [begins, *inner[first + 1 :], *links[1:]], True
        elif links[0].args is None:  # a constant that is modified: token.notNull()
            return [*chain(values, maker), *links[1:]], True
    return links, False


def _drizzle_type(values: Values, base: Link, helper: bool) -> str:
    maker = values.program.objects.resolved(base.at)
    if maker is not base.at and not helper:  # customType({ dataType() { return "uuid" } })
        called = chain(values, maker)
        options = called[-1].args[0].resolved() if called and called[-1].args else None
        if options is not None and options.kind == "object":
            for key, value in values.pairs(options):
                given = returned(value)
                if key == "dataType" and given is not None:
                    return values.text(given) or ""
        return ""
    known = {"uuid", "text", "varchar", "char", "integer", "serial", "bigint", "bigserial", "json", "jsonb", "numeric"}
    return base.name if base.name in known else ""


def _drizzle_modified(column: Column, link: Link) -> Column:
    code = in_one_line(link.args[0].node.text) if link.args else ""
    if link.name == "defaultRandom":
        return replace(column, default="gen_random_uuid()", unknown="")
    if link.name in ("$defaultFn", "$default"):
        return replace(column, by_the_app=f"{link.name}({code})")
    if link.name == "default" and link.args:
        return _with_value(column, link.args[0].value())
    if link.name == "generatedAlwaysAs":
        return replace(column, default=f"generated always as {code}")
    return replace(column, not_null=True) if link.name in ("notNull", "primaryKey") else column


def _with_value(column: Column, value: object) -> Column:
    """The column with a default that code gives it: a piece of SQL, a constant, or what the app computes."""
    if value is None:
        return column
    if isinstance(value, Raw):
        return replace(column, default=value.sql, unknown="")
    if isinstance(value, Opaque):
        if _BY_THE_APP.search(value.code):
            return replace(column, by_the_app=value.code)
        return replace(column, unknown=f"its default is {value.code}")
    return replace(column, default=quote_literal(value), unknown="")


# --- classes with decorators: TypeORM, MikroORM, sequelize-typescript -------------------------------------------------

_COLUMNS = frozenset(
    ("Column", "Property", "PrimaryGeneratedColumn", "PrimaryColumn", "PrimaryKey", "Generated", "Default")
)


def _entities(values: Values, parsed: Parsed, wanted: Wanted) -> Iterator[Declaration]:
    if "@" not in parsed.text:
        return
    for node in parsed.of_kind(*CLASSES):
        above = node.parent
        holders = [node, above] if above is not None and above.kind == "export_statement" else [node]
        tables = [
            link for holder in holders for link in _decorators(values, holder) if link.name in ("Entity", "Table")
        ]
        if not tables or not wanted.is_table(*(names := _entity_names(tables[0], node))):
            continue
        body = node.field("body")
        for member in body.children if body is not None else []:
            if member.kind == FIELD:
                declared = _entity_column(values, wanted, member)
                if declared is not None:
                    yield Declaration(_said(names), *declared)


def _decorators(values: Values, node: Node) -> list[Link]:
    found = []
    for child in node.children:
        if child.kind == "decorator":
            found += chain(values, child.children[0])[-1:]
    return found


def _entity_names(link: Link, node: Node) -> list[str | None]:
    value = link.args[0].value() if link.args else None
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        schema = f"{value['schema']}." if isinstance(value.get("schema"), str) else ""
        for key in ("name", "tableName"):
            if isinstance(value.get(key), str):
                return [schema + value[key]]
    name = node.field("name")
    bare = name.text.removesuffix("Entity") if name is not None else ""
    return [snake(bare), snake(bare) + "s", bare + "s"]


def _entity_column(values: Values, wanted: Wanted, member: Node) -> tuple[str, str | None, Declared] | None:
    decorators = [link for link in _decorators(values, member) if link.name in _COLUMNS]
    name = member.field("name")
    if not decorators or name is None:
        return None
    given = {link.name: [arg.value() for arg in link.args or ()] for link in decorators}
    options: dict[str, object] = {}
    for value in (value for each in given.values() for value in each):
        options |= value if isinstance(value, dict) else {}
    named = next((options[key] for key in ("name", "fieldName", "field") if isinstance(options.get(key), str)), None)
    column_name = None if named is None else str(named)
    if not wanted.is_token(name.text, column_name):
        return None
    place = place_of(decorators[0].node)
    column = Column(_entity_type(given, options), type_at=place, default_at=place)
    return name.text, column_name, Declared(place, _entity_default(column, given, options))


def _entity_type(decorators: dict[str, list[object]], options: dict[str, object]) -> str:
    if decorators.get("Generated") == ["uuid"] or "uuid" in decorators.get("PrimaryGeneratedColumn", []):
        return "uuid"
    given = options.get("columnType", options.get("type"))
    for decorator in ("Column", "PrimaryColumn"):
        first = (decorators.get(decorator) or [None])[0]
        if isinstance(first, (str, Opaque)):
            given = first
    if given is None:
        return "character varying"  # of a property that is a string
    try:
        return type_of(given)
    except Unknown:
        return ""


def _entity_default(column: Column, decorators: dict[str, list[object]], options: dict[str, object]) -> Column:
    if decorators.get("Generated") == ["uuid"] or "uuid" in decorators.get("PrimaryGeneratedColumn", []):
        return replace(column, default="uuid_generate_v4()")
    if options.get("generated") == "uuid":
        return replace(column, default="uuid_generate_v4()")
    if isinstance(options.get("defaultRaw"), str):
        return replace(column, default=str(options["defaultRaw"]))
    if "onCreate" in options:
        return replace(column, by_the_app=f"onCreate: {_code(options['onCreate'])}")
    for value in (options.get("default"), options.get("defaultValue"), *decorators.get("Default", [])):
        function = re.fullmatch(r"\(\s*\)\s*=>\s*(['\"`])(.*)\1", value.code) if isinstance(value, Opaque) else None
        if function:  # TypeORM's default: () => "gen_random_uuid()" is a piece of SQL
            return replace(column, default=function[2])
        if value is not None:
            return _with_value(column, value)
    return column


def _code(value: object) -> str:
    return value.code if isinstance(value, Opaque) else str(value)


# --- Sequelize --------------------------------------------------------------------------------------------------------


def _sequelize(values: Values, parsed: Parsed, wanted: Wanted) -> Iterator[Declaration]:
    if "sequelize" not in parsed.text.lower():
        return
    for node in parsed.of_kind("call_expression"):
        links = chain(values, node)
        if len(links) < 2 or links[-1].name not in ("define", "init") or not links[-1].args:
            continue
        args = links[-1].args
        at = 1 if links[-1].name == "define" else 0
        if len(args) <= at or args[at].resolved().kind != "object":
            continue
        options = args[at + 1].value() if len(args) > at + 1 else {}
        given = options if isinstance(options, dict) else {}
        model = args[0].text() if at else given.get("modelName", links[-2].name)
        names: list[str | None] = (
            [given.get("tableName")] if isinstance(given.get("tableName"), str) else [*_plurals(str(model))]
        )
        if wanted.is_table(*names):
            for key, name, declared in _sequelize_columns(values, wanted, args[at].resolved()):
                yield Declaration(_said(names), key, name, declared)


def _plurals(model: str) -> list[str]:
    return [model, model + "s", snake(model), snake(model) + "s"]


def _sequelize_columns(values: Values, wanted: Wanted, node: Node) -> Iterator[tuple[str, str | None, Declared]]:
    for key, value in values.pairs(node):
        of = values.of(value)
        given = of if isinstance(of, dict) else {"type": of}
        named = given.get("field")
        name = named if isinstance(named, str) else None
        if not wanted.is_token(key, name):
            continue
        place = replace(place_of(value), text=f"{key}: {in_one_line(unwrapped(value).text)}")
        try:
            type_ = type_of(given.get("type", "text"))
        except Unknown:
            type_ = ""
        column = Column(type_, type_at=place, default_at=place)
        yield key, name, Declared(place, _with_value(column, given.get("defaultValue")))
