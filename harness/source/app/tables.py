"""Which table something of an app's source stands for: the table under test, plainly another, or it is not known."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from harness.source.app.names import Names
from harness.source.app.prisma import read_models
from harness.source.javascript.functions import class_around, declared_member, member_name
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import CLASSES, FIELD, Node, arguments, unwrapped
from harness.source.providers import of_postgres
from harness.source.spelling import plain, singular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.checkout import SourceFile
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

WhichTable = Literal["ours", "other", "unknown"]
_DEFINES = re.compile(r"(?:^|\.)(?:\w*[tT]able|define|defineEntity|model|createTable|EntitySchema)$")
# What a file holds that defines a table, so that not all that speak of it are parsed.
_MAY_DEFINE = re.compile(
    r"[tT]able\w*\s*(?:<[^>\n]*>\s*)?\(|tableName|\btable\b\s*[:=]|\bdefine\w*\s*\(|\bmodel\s*[(<]|EntitySchema"
    r"|@(?:Entity|Table|ViewEntity|Model)\b|\.init\s*\("
)
_TABLE_KEYS = ("tableName", "table", "name", "collection")
_DATABASE = re.compile(r"(?:^|\.)(?:prisma\w*|db|database|tx|trx|client|ctx|orm)$", re.IGNORECASE)
_NAMES_A_MODEL = re.compile(r"^[A-Z][a-z]\w*$|\w{3,}(?:Repository|Repo|Model|Table|Dao|Entity)$")
# What stands for any table, in code that is written for all of them.
_GENERIC = frozenset(
    [
        "table",
        "model",
        "entity",
        "schema",
        "repo",
        "repository",
        "target",
        "t",
        "tbl",
        "collection",
        "cls",
        "ctor",
        "base",
        "store",
        "data",
        "baserepository",
        "basemodel",
        "entityclass",
        "modelclass",
        "entitymanager",
        "object",
        "array",
        "promise",
        "string",
        "number",
        "type",
        "class",
    ]
)
_RELATES = re.compile(r"@(?:OneToMany|OneToOne|ManyToMany|HasMany|HasOne)\s*\(\s*(?:\w+|\(\w*\))\s*=>\s*(\w+)")
# How relations are declared: which group is the name, and which the model.
_RELATIONS = (
    (re.compile(r"(\w+)\s*:\s*\{[^{}]*\bmodelClass\s*:\s*(\w+)"), 1, 2),
    (re.compile(rf"{_RELATES.pattern}[^;]*?\)\s+(?:(?:public|private|readonly)\s+)*(\w+)\s*[!?]?\s*:"), 2, 1),
    (re.compile(r"""\.has(?:Many|One)\(\s*([\w.]+)\s*,\s*\{[^{}]*\bas\s*:\s*["'](\w+)"""), 2, 1),
)
_OF_ANY_TABLE = ("em", "manager", "entityManager")  # members of a client that store rows of all tables
_IS_NAME = re.compile(r"[\w.\"$]+")


def named_by_app(program: Program, schemas: tuple[SourceFile, ...], names: Names) -> Names:
    """The names with what the app's own schema maps to the table and the column."""
    prisma = read_models(of_postgres(schemas), names)
    models, others, aliases = set(prisma.ours), set(prisma.others), set(prisma.aliases)
    spelled = {client for model, client in prisma.clients.items() if model in prisma.ours}
    speaking = program.files.matching(names.table_in_text, names.table_word)
    for module in program.files.modules(file for file in speaking if _MAY_DEFINE.search(file.text)):
        for name, table, body in _definitions(module.parsed.of_kind("call_expression", "new_expression", *CLASSES)):
            is_ours = names.is_sql_table(table)
            (models if is_ours else others).add(plain(name))
            if is_ours:
                spelled.add(name.rpartition(".")[2])
            if is_ours and body is not None:
                aliases |= {plain(key) for key in _keys_of_column(body, names)}
    return Names(
        names.table, names.token, frozenset(models), frozenset(others - models), frozenset(aliases), frozenset(spelled)
    )


def _definitions(nodes: list[Node]) -> Iterator[tuple[str, str, Node | None]]:
    """What the app calls a table, the table, and where its columns stand."""
    for node in nodes:
        table = defined_table(node)
        if table is None:
            continue
        if node.kind in CLASSES:
            name = node.field("name")
            if name is not None:
                yield name.text, table, node.field("body")
            continue
        above = node.parent
        columns = next((given for given in arguments(node) if given.kind in ("object", "arrow_function")), None)
        name = above.field("name") if above is not None and above.kind == "variable_declarator" else None
        if name is not None:
            yield name.text, table, columns
        callee = node.field("function")
        if callee is not None and callee.kind == "member_expression" and member_name(callee) == "init":
            owner = callee.field("object")
            if owner is not None:
                yield owner.text, table, columns


def defined_table(node: Node) -> str | None:
    """The table that a definition is of: `pgTable("x", ..)`, `define("X", .., {tableName})`, `@Entity("x") class X`."""
    if node.kind in CLASSES:
        return _table_of_class(node)
    callee = node.field("function") or node.field("constructor")
    if callee is None:
        return None
    given = arguments(node)
    options = next((_table_option(one, ("tableName",)) for one in reversed(given) if one.kind == "object"), None)
    is_init = callee.kind == "member_expression" and member_name(callee) == "init"
    if is_init:
        return options
    if not _DEFINES.search(callee.text) or not given:
        return None
    if options is not None:
        return options
    if callee.text.endswith(("define", "model", "EntitySchema", "defineEntity")):
        return None
    return literal(given[0])


def _table_option(options: Node, keys: tuple[str, ...]) -> str | None:
    for child in options.children:
        if child.kind == "pair" and key_of(child) in keys:
            return literal(child.field("value"))
    return None


def _table_of_class(node: Node) -> str | None:
    holders = [node, *([node.parent] if node.parent is not None and node.parent.kind == "export_statement" else [])]
    for decorator in (child for holder in holders for child in holder.children if child.kind == "decorator"):
        call = decorator.of_kind("call_expression")
        callee = call.field("function") if call is not None else None
        if call is None or callee is None or callee.text not in ("Entity", "Table", "ViewEntity", "Model"):
            continue
        for given in arguments(call):
            said = _table_option(given, _TABLE_KEYS) if given.kind == "object" else literal(given)
            if said is not None:
                return said
    body = node.field("body")
    for child in body.children if body is not None else ():
        if child.kind == FIELD and key_of(child) in ("tableName", "table"):
            return literal(child.field("value"))
    return None


def _is_entity(node: Node) -> bool:
    """Whether a class is declared to be one of a table, though not of which."""
    holders = [node, *([node.parent] if node.parent is not None and node.parent.kind == "export_statement" else [])]
    decorators = (child for holder in holders for child in holder.children if child.kind == "decorator")
    return any(re.match(r"@(?:Entity|Table)\b", decorator.text) is not None for decorator in decorators)


def _keys_of_column(body: Node, names: Names) -> Iterator[str]:
    """The properties that a schema maps to the column: `t: varchar("public_token")`, `@Column({name: ..}) token`."""
    for node in body.below("pair", FIELD):
        key, value = key_of(node), node.field("value")
        if key is None:
            continue
        if node.kind == "pair" and value is not None:
            inner = unwrapped(value)
            if inner.kind == "object" and names.is_token(_table_option(inner, ("field", "fieldName", "columnName"))):
                yield key
            while inner.kind == "call_expression" and (callee := inner.field("function")) is not None:
                if callee.kind == "identifier" and names.is_token(literal(next(iter(arguments(inner)), None))):
                    yield key
                inner = callee.field("object") or callee if callee.kind == "member_expression" else callee
        for decorator in node.children if node.kind != "pair" else ():
            if decorator.kind != "decorator":
                continue
            for said in decorator.below("object"):
                if names.is_token(_table_option(said, ("name", "field", "fieldName", "columnName"))):
                    yield key


def is_client(owner: Node) -> bool:
    """Whether an expression is called like a client of a database whose members are models: `prisma`, `this.db`."""
    return _DATABASE.search(owner.text) is not None


class Tables:
    """Says which table something stands for."""

    def __init__(self, program: Program, names: Names, texts: Texts) -> None:
        self._program = program
        self._names = names
        self._texts = texts

    def by_name(self, name: str) -> WhichTable:
        """Of a model or a table by its name, where nothing else is known of it: `Share`, `shareRepo` are others."""
        if self._names.is_table(name):
            return "ours"
        return "other" if _NAMES_A_MODEL.search(name) and plain(name) not in _GENERIC else "unknown"

    def of_argument(self, node: Node) -> WhichTable:
        """Of what a query builder is given to store into: a name that is not the table's is another's."""
        which = self.of(node)
        inner = unwrapped(node)
        if which != "unknown" or inner.kind not in ("identifier", "member_expression"):
            return which
        name = plain(inner.text.rpartition(".")[2])
        return "unknown" if name in _GENERIC or self._is_parameter(inner) else "other"

    def _is_parameter(self, node: Node) -> bool:
        found = self._program.resolver.meaning(node) if node.kind == "identifier" else None
        return isinstance(found, Binding) and found.kind == "param"

    def of_text(self, text: str) -> WhichTable:
        """Of a table's name in SQL."""
        if "\x01" in text:
            return "unknown"
        return "ours" if self._names.is_sql_table(text) else "other"

    def _named(self, node: Node) -> str | None:
        """The name that a text or a constant of the app has."""
        said = self._texts.constant(node)
        return said if said is not None and _IS_NAME.fullmatch(said) is not None else None

    def of(self, node: Node, depth: int = 0) -> WhichTable:
        """Of an expression that stands for a table, a model, a repository or a row."""
        node = unwrapped(node)
        if depth > 6:
            return "unknown"
        if node.kind in CLASSES:
            return self.of_class(node)
        if (said := literal(node)) is not None:
            return self.of_text(said)
        if node.kind in ("this", "super"):
            around = class_around(node)
            return self.of_own(around) if around is not None else "unknown"
        if node.kind in ("identifier", "shorthand_property_identifier"):
            return self._of_meaning(node.text, self._program.resolver.meaning(node), depth)
        if node.kind == "member_expression":
            which = self._of_member(node, depth)
            said = self._named(node) if which == "unknown" else None  # a member of an enum
            return self.of_text(said) if said is not None else which
        if node.kind in ("call_expression", "new_expression"):
            return self._of_call(node, depth)
        return "unknown"

    def of_class(self, node: Node) -> WhichTable:
        """Of a class: by what it says of its table, else by its name."""
        said = _table_of_class(node)
        if said is not None:
            return self.of_text(said)
        name = node.field("name")
        if name is None:
            return "unknown"
        if self._names.is_table(name.text):
            return "ours"
        heritage = node.of_kind("class_heritage")
        is_model = heritage is not None and re.search(r"\bModel\b|\bBaseEntity\b", heritage.text) is not None
        is_model = is_model or _is_entity(node)
        return "other" if is_model or plain(name.text) in self._names.others else "unknown"

    def of_own(self, around: Node) -> WhichTable:
        """Of what a class stores of its own objects: also where it is only what the table's class is made of."""
        which, name = self.of_class(around), around.field("name")
        for module in self._program.files.mentioning(name.text) if which != "ours" and name is not None else ():
            for one in module.parsed.of_kind(*CLASSES):
                if one is not around and self._program.objects.extends(one, around) and self.of_class(one) == "ours":
                    return "ours"
        return which

    def _of_meaning(self, name: str, found: Binding | Node | None, depth: int) -> WhichTable:
        if isinstance(found, Node):
            which = self.of(found, depth + 1) if found.kind != "program" else "unknown"
            if which == "unknown" and found.kind == "call_expression":  # require("./bot")(sequelize)
                made = [held for held in self._program.objects.of(found) if held.kind in CLASSES]
                return self.of_class(made[0]) if made else self.by_name(name)
            return which
        if found is None or found.kind == "import":
            return self.by_name(name)
        if found.kind == "class":
            return self.of_class(found.node)
        if (typed := self._of_type(found.node)) != "unknown":
            return typed
        value = found.value if found.kind == "var" and not found.path else None
        which = self.of(value, depth + 1) if value is not None else "unknown"
        return which if which != "unknown" else self.by_name(name)

    def of_event(self, node: Node) -> WhichTable:
        """Of the row that an event of an ORM carries: by the event's type, else by the class of what listens to it."""
        found = self._program.resolver.meaning(node) if node.kind == "identifier" else None
        which = self._of_type(found.node) if isinstance(found, Binding) and found.kind == "param" else "unknown"
        around = class_around(node)
        heritage = around.of_kind("class_heritage") if around is not None and which == "unknown" else None
        for name in heritage.below("type_identifier") if heritage is not None else ():
            if (which := self.by_name(name.text)) == "ours":
                return which
        return which

    def _of_type(self, node: Node) -> WhichTable:
        """By a type annotation, `Repository<Chatbot>` or `Chatbot`, and by `@InjectRepository(Chatbot)`."""
        holders = [node, *([node.parent] if node.parent is not None else [])]
        for holder in holders:
            if holder.kind not in (
                "variable_declarator",
                "required_parameter",
                "optional_parameter",
                FIELD,
            ):
                continue
            annotation = holder.of_kind("type_annotation")
            said = list(annotation.below("type_identifier", "identifier")) if annotation is not None else []
            for decorator in (child for child in holder.children if child.kind == "decorator"):
                said += [
                    n for n in decorator.below("identifier") if n.parent is not None and n.parent.kind == "arguments"
                ]
            for name in reversed(said):
                found = self._program.resolver.meaning(name)
                if isinstance(found, Binding) and found.kind == "class":
                    which = self.of_class(found.node)
                    if which != "unknown":
                        return which
                if self._names.is_table(name.text):
                    return "ours"
        return "unknown"

    def _of_member(self, node: Node, depth: int) -> WhichTable:
        owner, name = node.field("object"), member_name(node)
        if owner is None or name is None:
            return "unknown"
        if owner.kind == "this":
            around = class_around(node)
            held = declared_member(around, name) if around is not None else None
            if held is not None and (typed := self._of_type(held)) != "unknown":
                return typed
            initial = held.field("value") if held is not None else None
            if initial is not None and (which := self.of(initial, depth + 1)) != "unknown":
                return which
            which = self.by_name(name)
            return which if which != "unknown" or around is None else self._of_namesake(name, around)
        if is_client(owner) and name not in _OF_ANY_TABLE:  # prisma.chatbot
            return "ours" if self._names.is_table(name) else "other"
        for holder in self._program.objects.of(owner):
            value = self._program.objects.member(holder, name)
            if value is not None and (which := self._of_meaning(name, value, depth + 1)) != "unknown":
                return which
        return self.by_name(name)

    @cached_property
    def relations(self) -> list[str]:
        """The names of relations to the table that are not called after it."""
        names, found = self._names, dict[str, None]()
        for file in self._program.files.matching(names.table_in_text, names.table_word):
            for pattern, name, model in _RELATIONS:
                found.update(
                    {match[name]: None for match in pattern.finditer(file.text) if names.is_table(match[model])}
                )
        return [name for name in found if not names.table_in_text.search(name)]

    def of_relation(self, name: str | None, depth: int = 0) -> WhichTable:
        """Of a relation, by the model that its declaration names.

        `{bots: {modelClass: Chatbot, ..}}` of Objection, `@OneToMany(() => Chatbot, ..) bots`, and
        `hasMany(Chatbot, {as: "bots"})`.
        """
        for module in self._program.files.mentioning(name) if name else ():
            for key in module.parsed.named(name or ""):
                above = key.parent
                value = above.field("value") if above is not None and above.kind == "pair" else None
                for child in value.children if value is not None and value.kind == "object" else ():
                    model = child.field("value") if key_of(child) == "modelClass" else None
                    if model is not None and (which := self.of(model, depth + 1)) != "unknown":
                        return which
                for decorator in above.children if above is not None and above.kind == FIELD else ():
                    found = _RELATES.match(decorator.text) if decorator.kind == "decorator" else None
                    if found is not None:
                        return self.by_name(found[1])
            for said in module.parsed.of_kind("string"):
                pair = said.parent
                if pair is None or pair.kind != "pair" or key_of(pair) != "as" or literal(said) != name:
                    continue
                call = next((one for one in pair.above() if one.kind == "call_expression"), None)
                if call is not None and arguments(call) and (which := self.of(arguments(call)[0])) != "unknown":
                    return which
        return "ours" if self._names.is_table(name) else "unknown"

    def _of_namesake(self, name: str, around: Node) -> WhichTable:
        """Of a field that is called like its class: `documents` in a DocumentService stores no chatbots."""
        called = around.field("name")
        said = plain(called.text) if called is not None else ""
        is_namesake = len(name) > 3 and singular(plain(name)) in said and plain(name) not in _GENERIC
        return "other" if is_namesake and self._names.stem not in said else "unknown"

    def _of_call(self, node: Node, depth: int) -> WhichTable:
        table = defined_table(node)
        if table is not None:
            return self.of_text(table)
        callee = node.field("function") or node.field("constructor")
        if callee is None:
            return "unknown"
        name = member_name(callee) if callee.kind == "member_expression" else callee.text
        given = arguments(node)
        if (
            name
            in (
                "from",
                "into",
                "table",
                "insertInto",
                "updateTable",
                "insert",
                "update",
                "getRepository",
                "model",
                "repo",
            )
            and given
            and (which := self.of(given[0], depth + 1)) != "unknown"
        ):
            return which
        if name in ("$relatedQuery", "relatedQuery") and given:
            return self.of_relation(literal(given[0]), depth)
        if name in ("define", "model") and given and (said := literal(given[0])) is not None:
            return "ours" if self._names.is_table(said) else "other"
        if callee.kind == "identifier" and given and (said := self._named(given[0])) is not None:  # knex("chatbots")
            return self.of_text(said) if re.search(r"knex|db|trx|tx|table", name or "", re.IGNORECASE) else "unknown"
        if node.kind == "new_expression":
            return self.of(callee, depth + 1)
        owner = callee.field("object") if callee.kind == "member_expression" else None
        return self.of(owner, depth + 1) if owner is not None else "unknown"
