"""Folds statements, in the order in which they would run, into what they leave of tables: a small catalog.

Where a statement depends on what no file tells, both of what could be are kept: a fold ends in one world or in several.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.source.checkout import Place
from harness.source.columns import Column, Unclear, makes_version_4
from harness.source.conditions import holds
from harness.source.sql import Statement, in_one_line, mentions, named_value, parse_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Name = tuple[str, str]
_MOST_WORLDS = 16
_DEEPEST = 20
_CHANGES = re.compile(r"(?i)\b(?:alter|create|drop|rename|change|add|remove|execute|into)")
_REFUSED_CAST = "the default cannot be cast to uuid, 42804"
# pg's order of the actions of one ALTER TABLE (ATPrepCmd, AT_PASS_*): drops, types, new columns, and then the rest.
_PASSES = {"AT_DropColumn": 0, "AT_DropNotNull": 0, "AT_AlterColumnType": 1, "AT_AddColumn": 2}


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns by name. `complete` where all of them are known, `notes` what was said of it in vain."""

    columns: dict[str, Column] = field(default_factory=dict)
    complete: bool = False
    notes: tuple[Unclear, ...] = ()
    refused: tuple[Unclear, ...] = ()

    def having(self, name: str, column: Column) -> Table:
        """The table with this column."""
        return replace(self, columns={**self.columns, name: column})

    def without(self, name: str) -> Table:
        """The table without this column."""
        return replace(self, columns={n: c for n, c in self.columns.items() if n != name})

    def noting(self, place: Place, why: str) -> Table:
        """The table, and that a statement did nothing to it."""
        return replace(self, notes=(*self.notes, Unclear(place, why)))

    def refusing(self, place: Place, why: str) -> Table:
        """The table, and that Postgres would refuse a statement on it."""
        return replace(self, refused=(*self.refused, Unclear(place, why)))


@dataclass(slots=True)
class World:
    """What there is after some statements."""

    tables: dict[Name, Table] = field(default_factory=dict)
    domains: dict[Name, Column] = field(default_factory=dict)
    functions: dict[Name, Place] = field(default_factory=dict)
    gone: dict[Name, Place] = field(default_factory=dict)  # dropped, renamed or moved away
    refused: tuple[Unclear, ...] = ()  # what Postgres would refuse for want of a table
    path: tuple[str, ...] = ("public",)
    raised: bool = False
    returned: bool = False

    def copy(self) -> World:
        """A world that goes on by itself."""
        return replace(
            self,
            tables=dict(self.tables),
            domains=dict(self.domains),
            functions=dict(self.functions),
            gone=dict(self.gone),
        )

    @property
    def refusals(self) -> int:
        """How many statements Postgres would have refused."""
        return len(self.refused) + sum(len(table.refused) for table in self.tables.values())

    def resolve(self, schema: str, name: str) -> Name:
        """The full name of a relation: that of the search path which exists, or where it would be made."""
        if schema:
            return schema, name
        return next(((s, name) for s in self.path if (s, name) in self.tables), (self.path[0], name))


@dataclass(slots=True)
class Fold:
    """The worlds that statements lead to, and what was not understood of them.

    `names` are those of table and column, which make a statement that is not understood worth mentioning.
    """

    names: tuple[str, str]
    worlds: list[World] = field(default_factory=lambda: [World()])
    unclear: list[Unclear] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)  # of functions that the migrations make, by their names

    def run(self, statements: Iterable[Statement | Unclear]) -> None:
        """Run the statements of one file; `search_path` is its own, and what it rolls back never was."""
        before: list[World] | None = None
        saved: dict[str, list[World]] = {}
        for world in self.worlds:
            world.path = ("public",)
        for statement in statements:
            if isinstance(statement, Unclear):
                text = " alter ".join(self.names) if statement.surely else statement.place.text
                self._say(statement.place, text, statement.why)
                continue
            kind = statement.node.WhichOneof("node")
            if kind == "transaction_stmt":
                said = named_value(statement.node.transaction_stmt, "kind")
                if said in ("TRANS_STMT_BEGIN", "TRANS_STMT_START"):
                    before = [world.copy() for world in self.worlds]
                elif said == "TRANS_STMT_ROLLBACK" and before is not None:
                    self.worlds = before
                    before = None
                elif said == "TRANS_STMT_SAVEPOINT":
                    saved[statement.node.transaction_stmt.savepoint_name] = [world.copy() for world in self.worlds]
                elif said == "TRANS_STMT_ROLLBACK_TO":
                    name = statement.node.transaction_stmt.savepoint_name
                    self.worlds = [world.copy() for world in saved.get(name, self.worlds)]
                continue
            self.worlds = self.apply(statement, self.worlds)

    def apply(self, statement: Statement, worlds: list[World], depth: int = 0) -> list[World]:
        """What becomes of worlds by one statement."""
        kind = statement.node.WhichOneof("node")
        if kind == "do_stmt":
            return self._do(statement, worlds, depth)
        if kind == "create_function_stmt":
            self.bodies[_names(statement.node.create_function_stmt.funcname)[1]] = statement.text
        elif kind in ("select_stmt", "call_stmt"):
            for name, body in self.bodies.items():
                if mentions(statement.text, name):
                    self._say(statement.place(), body, f"calls {name}(), whose body is not followed")
        handle = _HANDLERS.get(kind)
        if handle is not None:
            for world in worlds:
                handle(world, getattr(statement.node, kind), statement)
        return worlds

    # --- PL/pgSQL -----------------------------------------------------------------------------------------------------

    def _do(self, statement: Statement, worlds: list[World], depth: int) -> list[World]:
        from postgast import PgQueryError, parse_plpgsql

        said = {arg.def_elem.defname: arg.def_elem.arg.string.sval for arg in statement.node.do_stmt.args}
        body = said.get("as", "")
        if said.get("language", "plpgsql").lower() != "plpgsql" or depth > _DEEPEST:
            self._say(statement.place(), body, "a DO block in another language than PL/pgSQL")
            return worlds
        try:
            parsed = parse_plpgsql(statement.text)
        except (PgQueryError, json.JSONDecodeError) as error:
            self._say(statement.place(), body, f"PL/pgSQL: {getattr(error, 'message', error)}")
            return worlds
        at = statement.text.find(body[:40])
        block = _Block(statement, statement.line + statement.text.count("\n", 0, max(at, 0)), body, depth)
        action = parsed[0]["PLpgSQL_function"]["action"]
        after = self._statements(block, [action], worlds)
        kept = [world for world in after if not world.raised]
        if not kept:
            self._say(statement.place(), body, "a DO block that raises an exception whatever is the case")
            return worlds
        for world in kept:
            world.returned = False
        return kept

    def _statements(self, block: _Block, statements: list[dict[str, Any]], worlds: list[World]) -> list[World]:
        for entry in statements:
            ((kind, told),) = entry.items()
            ended = [world for world in worlds if world.returned or world.raised]
            going = [world for world in worlds if not (world.returned or world.raised)]
            if not going:
                return ended
            worlds = _distinct([*ended, *self._statement(block, kind.removeprefix("PLpgSQL_stmt_"), told, going)])
            if len(worlds) > _MOST_WORLDS:
                self._say(block.statement.place(), block.body, "a DO block with too many branches")
                worlds = worlds[:_MOST_WORLDS]
        return worlds

    def _statement(self, block: _Block, kind: str, told: dict[str, Any], worlds: list[World]) -> list[World]:
        if kind == "block":
            return self._with_handlers(block, told, worlds)
        if kind == "execsql":
            return self._sql(block, told["sqlstmt"]["PLpgSQL_expr"]["query"], told.get("lineno", 1), worlds)
        if kind == "dynexecute":
            return self._dynamic(block, told, worlds)
        if kind == "if":
            return self._if(block, told, worlds)
        if kind == "case":
            branches = [entry["PLpgSQL_case_when"]["stmts"] for entry in told.get("case_when_list", [])]
            return self._any_of(block, [*branches, told.get("else_stmts", [])], worlds)
        if kind in ("loop", "while", "fori", "fors", "forc", "foreach_a", "dynfors"):
            return self._any_of(block, [told.get("body", []), []], worlds)
        if kind in ("return", "exit"):
            for world in worlds:
                world.returned = kind == "return"
        if kind == "raise" and told.get("elog_level", 21) >= 21:
            for world in worlds:
                world.raised = True
        return worlds

    def _with_handlers(self, block: _Block, told: dict[str, Any], worlds: list[World]) -> list[World]:
        """A block; where Postgres refuses one of its statements and it has a handler, it is undone as a whole."""
        body = told.get("body", [])
        handlers = told.get("exceptions", {}).get("PLpgSQL_exception_block", {}).get("exc_list", [])
        actions = [entry["PLpgSQL_exception"].get("action", []) for entry in handlers]
        if not actions:
            return self._statements(block, body, worlds)
        done: list[World] = []
        for world in worlds:
            after = self._statements(block, body, [world.copy()])
            held = [one for one in after if not one.raised and one.refusals == world.refusals]
            done += held
            # What a handler does that is never needed is done by no world; what may be needed is done in another.
            for action in actions if len(held) < len(after) else filter(_does_something, actions):
                done += self._statements(block, action, [world.copy()])
        return done

    def _if(self, block: _Block, told: dict[str, Any], worlds: list[World]) -> list[World]:
        branches = [(told["cond"]["PLpgSQL_expr"]["query"], told.get("then_body", []))]
        for entry in told.get("elsif_list", []):
            elsif = entry["PLpgSQL_if_elsif"]
            branches.append((elsif["cond"]["PLpgSQL_expr"]["query"], elsif.get("stmts", [])))
        done: list[World] = []
        for condition, body in branches:
            yes = [world for world in worlds if holds(condition, world) is True]
            no = [world for world in worlds if holds(condition, world) is False]
            open_ = [world for world in worlds if holds(condition, world) is None]
            done += self._statements(block, body, [*yes, *(world.copy() for world in open_)])
            worlds = [*no, *open_]
        return done + (self._statements(block, told.get("else_body", []), worlds) if worlds else [])

    def _any_of(self, block: _Block, bodies: list[list[dict[str, Any]]], worlds: list[World]) -> list[World]:
        return [world for body in bodies for world in self._statements(block, body, [w.copy() for w in worlds])]

    def _dynamic(self, block: _Block, told: dict[str, Any], worlds: list[World]) -> list[World]:
        query = told["query"]["PLpgSQL_expr"]["query"]
        text = _constant(query)
        if text is None:
            self._say(block.place(told.get("lineno", 1), query), block.body, "EXECUTE of a text that is put together")
            return worlds
        return self._sql(block, text, told.get("lineno", 1), worlds)

    def _sql(self, block: _Block, sql: str, lineno: int, worlds: list[World]) -> list[World]:
        place = block.place(lineno, sql)
        for statement in parse_sql(place.path, sql, place.line, place.text, in_code=True):
            if isinstance(statement, Unclear):
                self._say(statement.place, sql, statement.why)
            else:
                worlds = self.apply(statement, worlds, block.depth + 1)
        return worlds

    def _say(self, place: Place, text: str, why: str) -> None:
        """Note what was not understood; what it may have changed is not known until a later statement says it."""
        if not mentions(text, *self.names) or not _CHANGES.search(text):
            return
        self.unclear.append(Unclear(place, why))
        table, token = self.names
        for world in self.worlds:
            for key in [key for key in world.tables if key[1] == table and token in world.tables[key].columns]:
                column = replace(
                    world.tables[key].columns[token],
                    type="",
                    default=None,
                    type_at=place,
                    default_at=place,
                    unknown=f"not understood ({why})",
                )
                world.tables[key] = world.tables[key].having(token, column)


@dataclass(frozen=True, slots=True)
class _Block:
    """A DO block that is being run, and the line of the file on which its body begins."""

    statement: Statement
    first_line: int
    body: str
    depth: int

    def place(self, lineno: int, text: str) -> Place:
        whole = self.statement
        line = whole.line if whole.first_line is None else self.first_line + lineno - 1
        return Place(whole.path, line, in_one_line(text))


def _does_something(action: list[dict[str, Any]]) -> bool:
    return any(next(iter(entry)) not in ("PLpgSQL_stmt_raise", "PLpgSQL_stmt_return") for entry in action)


def _distinct(worlds: list[World]) -> list[World]:
    found: list[World] = []
    for world in worlds:
        if world not in found:
            found.append(world)
    return found


def _constant(expression: str) -> str | None:
    """The text that an expression of PL/pgSQL makes of constants: a literal, `||`, and format() of literals."""
    from postgast import PgQueryError, parse

    try:
        return _text(parse(f"SELECT {expression}").stmts[0].stmt.select_stmt.target_list[0].res_target.val)
    except (PgQueryError, IndexError):
        return None


def _text(node: Any) -> str | None:
    kind = node.WhichOneof("node")
    if kind == "a_const" and node.a_const.WhichOneof("val") == "sval":
        return str(node.a_const.sval.sval)
    if kind == "type_cast":
        return _text(node.type_cast.arg)
    if kind == "a_expr" and node.a_expr.name[-1].string.sval == "||":
        left, right = _text(node.a_expr.lexpr), _text(node.a_expr.rexpr)
        return None if left is None or right is None else left + right
    if kind == "func_call" and node.func_call.funcname[-1].string.sval in ("format", "quote_ident"):
        args = [_text(arg) for arg in node.func_call.args]
        texts = [arg for arg in args if arg is not None]
        if len(texts) != len(args) or not texts:
            return None
        return _formatted(texts) if node.func_call.funcname[-1].string.sval == "format" else _quoted(texts[0])
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _formatted(texts: list[str]) -> str | None:
    pattern, *rest = texts
    given = iter(rest)

    def fill(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = next(given)
        return {"I": _quoted(value), "L": "'" + value.replace("'", "''") + "'"}.get(match[1], value)

    try:
        return re.sub(r"%(?:%|([ILs]))", fill, pattern)
    except (StopIteration, RuntimeError):
        return None


# --- statements of SQL ------------------------------------------------------------------------------------------------


def _names(nodes: Any) -> Name:
    """Schema, or "", and name."""
    parts = [node.string.sval for node in nodes]
    return (parts[-2] if len(parts) > 1 else ""), parts[-1] if parts else ""


def _type(node: Any) -> Name:
    schema, name = _names(node.names)
    schema = "" if schema == "pg_catalog" else schema
    lengths = ",".join(str(mod.a_const.ival.ival) for mod in node.typmods if mod.WhichOneof("node") == "a_const")
    return schema, name + (f"({lengths})" if lengths else "") + "[]" * len(node.array_bounds)


def _expression(node: Any) -> str:
    """An expression as SQL."""
    from postgast import ParseResult, PgQueryError, deparse

    result = ParseResult()
    result.stmts.add().stmt.select_stmt.target_list.add().res_target.val.CopyFrom(node)
    try:
        return str(deparse(result)).removeprefix("SELECT ")
    except PgQueryError:
        return "an expression"


def _typed(world: World, node: Any, place: Place) -> Column:
    """A column of a type; one of a domain has the domain's default where it has none itself."""
    schema, name = _type(node)
    domain = world.domains.get((schema or world.path[0], name)) or world.domains.get((schema or "public", name))
    if domain is None:
        return Column(name, type_at=place)
    return replace(domain, type_at=place)


def _with_default(world: World, column: Column, node: Any, place: Place) -> Column:
    if node.WhichOneof("node") == "a_const" and node.a_const.isnull:
        return replace(column, default=None, default_at=place, unknown="")
    expression = _expression(node)
    return replace(column, default=_own(world, node, expression), default_at=place, unknown="")


def _own(world: World, node: Any, expression: str) -> str:
    """The default; a function that the migrations made themselves is not taken for the one whose name it bears.

    What is said of such a one is no expression of SQL any more, and so never taken for a generator.
    """
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    if node.WhichOneof("node") == "func_call":
        schema, name = _names(node.func_call.funcname)
        built_in = schema == "pg_catalog" or (not schema and name in ("gen_random_uuid", "uuidv4"))
        if not built_in and any((s, name) in world.functions for s in ([schema] if schema else world.path)):
            return f"{expression}, a function that the migrations make"
    return expression


def _column(world: World, definition: Any, statement: Statement) -> Column:
    place = statement.place(definition.location)
    column = _typed(world, definition.type_name, place)
    for constraint in definition.constraints:
        kind = named_value(constraint.constraint, "contype")
        if kind == "CONSTR_DEFAULT":
            column = _with_default(world, column, constraint.constraint.raw_expr, place)
        elif kind in ("CONSTR_NOTNULL", "CONSTR_PRIMARY"):
            column = replace(column, not_null=True)
        elif kind in ("CONSTR_GENERATED", "CONSTR_IDENTITY"):
            column = replace(column, default=f"generated {kind.removeprefix('CONSTR_').lower()}", default_at=place)
    return column


def _create_table(world: World, node: Any, statement: Statement) -> None:
    if node.relation.relpersistence == "t":
        return
    key = _made_in(world, node.relation)
    table = world.tables.get(key)
    if table is not None and (table.complete or node.if_not_exists):
        if node.if_not_exists:
            said = table.noting(statement.place(), "does nothing, since the table is already there")
        else:
            said = table.refusing(statement.place(), "makes a table that is already there, 42P07")
        world.tables[key] = said
        return
    made = Table(complete=True)
    for parent in node.inh_relations:
        above = world.tables.get(world.resolve(parent.range_var.schemaname, parent.range_var.relname), Table())
        made = Table({**made.columns, **above.columns}, made.complete and above.complete)
    for element in node.table_elts:
        kind = element.WhichOneof("node")
        if kind == "column_def":
            made = made.having(element.column_def.colname, _column(world, element.column_def, statement))
        elif kind == "table_like_clause":
            like = element.table_like_clause
            source = world.tables.get(world.resolve(like.relation.schemaname, like.relation.relname), Table())
            with_defaults = bool(like.options & 8)  # CREATE_TABLE_LIKE_DEFAULTS
            copied = {
                name: column if with_defaults else replace(column, default=None, default_at=statement.place())
                for name, column in source.columns.items()
            }
            made = Table({**made.columns, **copied}, made.complete and source.complete)
        elif kind == "constraint" and named_value(element.constraint, "contype") == "CONSTR_PRIMARY":
            for name in (key_.string.sval for key_ in element.constraint.keys):
                if name in made.columns:
                    made = made.having(name, replace(made.columns[name], not_null=True))
    world.tables[key] = made


def _made_in(world: World, relation: Any) -> Name:
    return relation.schemaname or world.path[0], relation.relname


def _create_table_as(world: World, node: Any, statement: Statement) -> None:
    _select_into(world, node.into.rel, node.query.select_stmt, statement)


def _select(world: World, node: Any, statement: Statement) -> None:
    if node.HasField("into_clause"):
        _select_into(world, node.into_clause.rel, node, statement)


def _select_into(world: World, relation: Any, select: Any, statement: Statement) -> None:
    """A table that is made of a query: types where they are those of one table's columns, and no defaults."""
    if relation.relpersistence == "t":
        return
    sources = [item.range_var for item in select.from_clause if item.WhichOneof("node") == "range_var"]
    source = Table()
    if len(sources) == 1 and len(select.from_clause) == 1:
        source = world.tables.get(world.resolve(sources[0].schemaname, sources[0].relname), Table())
    made, place = Table(complete=source.complete), statement.place()
    for target in select.target_list:
        value, name = target.res_target.val, target.res_target.name
        if value.WhichOneof("node") == "column_ref":
            field_ = value.column_ref.fields[-1]
            if field_.WhichOneof("node") == "a_star":
                for own, column in source.columns.items():
                    made = made.having(own, Column(column.type, type_at=place, default_at=place))
                continue
            own = field_.string.sval
            of = source.columns.get(own, Column(""))
            made = made.having(name or own, Column(of.type, type_at=place, default_at=place))
        elif value.WhichOneof("node") == "type_cast":
            inner = value.type_cast.arg
            own = inner.column_ref.fields[-1].string.sval if inner.WhichOneof("node") == "column_ref" else ""
            of = _typed(world, value.type_cast.type_name, place)
            made = made.having(name or own or of.type, replace(of, default=None, default_at=place))
        else:
            type_ = "uuid" if makes_version_4(_expression(value)) else ""
            made = made.having(name, Column(type_, type_at=place, default_at=place))
    world.tables[_made_in(world, relation)] = made


def _alter_table(world: World, node: Any, statement: Statement) -> None:
    if named_value(node, "objtype") not in ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE"):
        return
    key = world.resolve(node.relation.schemaname, node.relation.relname)
    table = _known(world, key, node.missing_ok, statement)
    if table is None:
        return
    commands = [command.alter_table_cmd for command in node.cmds]
    for command in sorted(commands, key=_pass_of):
        table = _altered(world, table, command, statement)
    world.tables[key] = table


def _known(world: World, key: Name, missing_ok: bool, statement: Statement) -> Table | None:
    """A table that is to be altered: one that was never made was made by other means; None where it is gone."""
    table = world.tables.get(key)
    if table is None and key in world.gone:
        if not missing_ok:
            world.refused += (Unclear(statement.place(), f"alters table {key[1]}, which is gone, 42P01"),)
        return None
    return table or Table()


def _pass_of(command: Any) -> int:
    kind = named_value(command, "subtype")
    if kind == "AT_ColumnDefault" and not command.HasField("def"):
        return 0
    return _PASSES.get(kind, 3)


def _altered(world: World, table: Table, command: Any, statement: Statement) -> Table:
    kind, name, place = named_value(command, "subtype"), command.name, statement.place()
    if kind == "AT_AddColumn":
        definition = command.__getattribute__("def").column_def
        if definition.colname not in table.columns:
            return table.having(definition.colname, _column(world, definition, statement))
        if command.missing_ok:
            return table.noting(place, "does nothing, since the column is already there")
        return table.refusing(place, f"adds column {definition.colname}, which is already there, 42701")
    if kind not in ("AT_DropColumn", "AT_AlterColumnType", "AT_ColumnDefault", *_FLAGS):
        return table
    if name not in table.columns:
        if kind == "AT_DropColumn":
            return table
        if table.complete:
            return table.refusing(place, f"alters column {name}, which is not there, 42703")
        table = table.having(name, Column("", unknown="its default was set, or not, before these migrations"))
    column = table.columns[name]
    if kind == "AT_DropColumn":
        return table.without(name)
    definition = getattr(command, "def")
    if kind == "AT_AlterColumnType":
        typed = _typed(world, definition.column_def.type_name, place)
        if typed.type == "uuid" and column.type not in ("", "uuid") and _cannot_be_cast(column.default):
            return table.refusing(place, _REFUSED_CAST)
        column = replace(column, type=typed.type, type_at=place)
        if column.unknown and typed.type == "uuid":
            # Nothing but a generator's call could have stayed, as the default of what was no uuid.
            column = replace(column, unknown="", default_at=place)
        return table.having(name, column)
    if kind == "AT_ColumnDefault":
        if not command.HasField("def"):
            return table.having(name, replace(column, default=None, default_at=place, unknown=""))
        return table.having(name, _with_default(world, column, definition, place))
    return table.having(name, replace(column, **_FLAGS[kind]))


_FLAGS: dict[str, dict[str, Any]] = {"AT_SetNotNull": {"not_null": True}, "AT_DropNotNull": {"not_null": False}}


def _cannot_be_cast(default: str | None) -> bool:
    """Whether ALTER .. TYPE uuid stumbles on a default: text is cast to uuid only where that is asked for."""
    return default is not None and default.upper() != "NULL" and not makes_version_4(default)


def _rename(world: World, node: Any, statement: Statement) -> None:
    kind = named_value(node, "rename_type")
    if kind == "OBJECT_SCHEMA":
        for catalog in (world.tables, world.domains, world.functions):
            _move_schema(catalog, node.subname, node.newname)
    elif kind == "OBJECT_TABLE":
        key = world.resolve(node.relation.schemaname, node.relation.relname)
        table = _known(world, key, node.missing_ok, statement)
        if table is not None:
            _move(world, key, (key[0], node.newname), table, statement)
    elif kind == "OBJECT_COLUMN" and named_value(node, "relation_type") == "OBJECT_TABLE":
        key = world.resolve(node.relation.schemaname, node.relation.relname)
        table = _known(world, key, node.missing_ok, statement)
        if table is not None:
            world.tables[key] = _with_renamed(table, node.subname, node.newname, statement.place())


def _with_renamed(table: Table, old: str, new: str, place: Place) -> Table:
    column = table.columns.get(old)
    if column is None and table.complete:
        return table.refusing(place, f"renames column {old}, which is not there, 42703")
    if new in table.columns:
        return table.refusing(place, f"column {new} is already there, 42701")
    unknown = Column("", unknown="its default was set, or not, before these migrations")
    return table.without(old).having(new, column or unknown)


def _move_schema(catalog: dict[Name, Any], old: str, new: str) -> None:
    for schema, name in list(catalog):
        if schema == old:
            catalog[new, name] = catalog.pop((schema, name))


def _set_schema(world: World, node: Any, statement: Statement) -> None:
    if named_value(node, "object_type") == "OBJECT_TABLE":
        key = world.resolve(node.relation.schemaname, node.relation.relname)
        table = _known(world, key, node.missing_ok, statement)
        if table is not None:
            _move(world, key, (node.newschema, key[1]), table, statement)


def _move(world: World, key: Name, to: Name, table: Table, statement: Statement) -> None:
    if to in world.tables and world.tables[to].complete:
        world.tables[to] = world.tables[to].refusing(statement.place(), f"table {to[1]} is already there, 42P07")
        return
    world.tables.pop(key, None)
    world.gone[key] = statement.place()
    world.tables[to] = table


def _drop(world: World, node: Any, statement: Statement) -> None:
    kind = named_value(node, "remove_type")
    for item in node.objects:
        if kind == "OBJECT_TABLE":
            key = world.resolve(*_names(item.list.items))
            world.tables.pop(key, None)
            world.gone[key] = statement.place()
        elif kind == "OBJECT_SCHEMA":
            for key in [key for key in world.tables if key[0] == item.string.sval]:
                del world.tables[key]
                world.gone[key] = statement.place()
        elif kind == "OBJECT_FUNCTION":
            schema, name = _names(item.object_with_args.objname)
            world.functions.pop((schema or world.path[0], name), None)


def _create_domain(world: World, node: Any, statement: Statement) -> None:
    schema, name = _names(node.domainname)
    column = _typed(world, node.type_name, statement.place())
    for entry in node.constraints:
        if named_value(entry.constraint, "contype") == "CONSTR_DEFAULT":
            column = _with_default(world, column, entry.constraint.raw_expr, statement.place())
    world.domains[schema or world.path[0], name] = column


def _create_function(world: World, node: Any, statement: Statement) -> None:
    schema, name = _names(node.funcname)
    world.functions[schema or world.path[0], name] = statement.place()


def _set_variable(world: World, node: Any, statement: Statement) -> None:
    if node.name.lower() != "search_path":
        return
    schemas = tuple(arg.a_const.sval.sval for arg in node.args)
    # Names such as "$user" lead nowhere here; pg_dump sets none and qualifies all.
    world.path = tuple(s for s in schemas if s and not s.startswith("$")) or ("public",)


def _create_schema(world: World, node: Any, statement: Statement) -> None:
    before, world.path = world.path, (node.schemaname, *world.path)
    for element in node.schema_elts:
        if element.WhichOneof("node") == "create_stmt":
            _create_table(world, element.create_stmt, statement)
    world.path = before


_HANDLERS: dict[str, Callable[[World, Any, Statement], None]] = {
    "create_stmt": _create_table,
    "create_table_as_stmt": _create_table_as,
    "select_stmt": _select,
    "alter_table_stmt": _alter_table,
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _set_schema,
    "drop_stmt": _drop,
    "create_domain_stmt": _create_domain,
    "create_function_stmt": _create_function,
    "variable_set_stmt": _set_variable,
    "create_schema_stmt": _create_schema,
}
