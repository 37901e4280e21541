"""Folds statements, in the order in which they would run, into what they leave of tables: a small catalog.

Where a statement depends on what no file tells, both of what could be are kept: a fold ends in one world or in several.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.source.checkout import Place, in_one_line
from harness.source.sql.catalog import Catalog
from harness.source.sql.columns import Unclear
from harness.source.sql.conditions import holds
from harness.source.sql.ddl import HANDLERS, names_of
from harness.source.sql.parser import Statement, mentions, named_value, parse_sql
from harness.source.sql.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_WORLDS = 16
_DEEPEST = 20
_CHANGES = re.compile(r"(?i)\b(?:alter|create|drop|rename|change|add|remove|execute|into)")


@dataclass(slots=True)
class Fold:
    """The worlds that statements lead to, and what was not understood of them.

    `names` are those of table and column, which make a statement that is not understood worth mentioning.
    """

    names: tuple[str, str]
    worlds: list[Catalog] = field(default_factory=lambda: [Catalog()])
    unclear: list[Unclear] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)  # of functions that the migrations make, by their names

    def run(self, statements: Iterable[Statement | Unclear]) -> None:
        """Run the statements of one file; `search_path` is its own, and what it rolls back never was."""
        before: list[Catalog] | None = None
        saved: dict[str, list[Catalog]] = {}
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

    def apply(self, statement: Statement, worlds: list[Catalog], depth: int = 0) -> list[Catalog]:
        """What becomes of worlds by one statement."""
        kind = statement.node.WhichOneof("node")
        if kind == "do_stmt":
            return self._do(statement, worlds, depth)
        if kind == "create_function_stmt":
            self.bodies[names_of(statement.node.create_function_stmt.funcname)[1]] = statement.text
        elif kind in ("select_stmt", "call_stmt"):
            for name, body in self.bodies.items():
                if mentions(statement.text, name):
                    self._say(statement.place(), body, f"calls {name}(), whose body is not followed")
        handle = HANDLERS.get(kind)
        if handle is not None:
            for world in worlds:
                handle(world, getattr(statement.node, kind), statement)
        return worlds

    # --- PL/pgSQL -----------------------------------------------------------------------------------------------------

    def _do(self, statement: Statement, worlds: list[Catalog], depth: int) -> list[Catalog]:
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

    def _statements(self, block: _Block, statements: list[dict[str, Any]], worlds: list[Catalog]) -> list[Catalog]:
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

    def _statement(self, block: _Block, kind: str, told: dict[str, Any], worlds: list[Catalog]) -> list[Catalog]:
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

    def _with_handlers(self, block: _Block, told: dict[str, Any], worlds: list[Catalog]) -> list[Catalog]:
        """A block; where Postgres refuses one of its statements and it has a handler, it is undone as a whole."""
        body = told.get("body", [])
        handlers = told.get("exceptions", {}).get("PLpgSQL_exception_block", {}).get("exc_list", [])
        actions = [entry["PLpgSQL_exception"].get("action", []) for entry in handlers]
        if not actions:
            return self._statements(block, body, worlds)
        done: list[Catalog] = []
        for world in worlds:
            after = self._statements(block, body, [world.copy()])
            held = [one for one in after if not one.raised and one.refusals == world.refusals]
            done += held
            # What a handler does that is never needed is done by no world; what may be needed is done in another.
            for action in actions if len(held) < len(after) else filter(_does_something, actions):
                done += self._statements(block, action, [world.copy()])
        return done

    def _if(self, block: _Block, told: dict[str, Any], worlds: list[Catalog]) -> list[Catalog]:
        branches = [(told["cond"]["PLpgSQL_expr"]["query"], told.get("then_body", []))]
        for entry in told.get("elsif_list", []):
            elsif = entry["PLpgSQL_if_elsif"]
            branches.append((elsif["cond"]["PLpgSQL_expr"]["query"], elsif.get("stmts", [])))
        done: list[Catalog] = []
        for condition, body in branches:
            yes = [world for world in worlds if holds(condition, world) is True]
            no = [world for world in worlds if holds(condition, world) is False]
            open_ = [world for world in worlds if holds(condition, world) is None]
            done += self._statements(block, body, [*yes, *(world.copy() for world in open_)])
            worlds = [*no, *open_]
        return done + (self._statements(block, told.get("else_body", []), worlds) if worlds else [])

    def _any_of(self, block: _Block, bodies: list[list[dict[str, Any]]], worlds: list[Catalog]) -> list[Catalog]:
        return [world for body in bodies for world in self._statements(block, body, [w.copy() for w in worlds])]

    def _dynamic(self, block: _Block, told: dict[str, Any], worlds: list[Catalog]) -> list[Catalog]:
        query = told["query"]["PLpgSQL_expr"]["query"]
        text = _constant(query)
        if text is None:
            self._say(block.place(told.get("lineno", 1), query), block.body, "EXECUTE of a text that is put together")
            return worlds
        return self._sql(block, text, told.get("lineno", 1), worlds)

    def _sql(self, block: _Block, sql: str, lineno: int, worlds: list[Catalog]) -> list[Catalog]:
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


def _distinct(worlds: list[Catalog]) -> list[Catalog]:
    found: list[Catalog] = []
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
        return _formatted(texts) if node.func_call.funcname[-1].string.sval == "format" else quote_ident(texts[0])
    return None


def _formatted(texts: list[str]) -> str | None:
    pattern, *rest = texts
    given = iter(rest)

    def fill(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = next(given)
        return {"I": quote_ident(value), "L": quote_literal(value)}.get(match[1], value)

    try:
        return re.sub(r"%(?:%|([ILs]))", fill, pattern)
    except (StopIteration, RuntimeError):
        return None
