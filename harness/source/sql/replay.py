"""Replays statements, in the order in which they would run, on a small catalog of tables.

Where a statement depends on what no file tells, all that could be is kept: a replay ends in one catalog or in several.
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
from harness.source.sql.parser import Statement, mentions, named_value, parse_sql, parsed_expression
from harness.source.sql.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_CATALOGS = 16
_DEEPEST = 20
_CHANGES = re.compile(r"(?i)\b(?:alter|create|drop|rename|change|add|remove|execute|into)")


@dataclass(slots=True)
class Replay:
    """The catalogs that statements lead to, and what was not understood of them.

    `names` are those of table and column, which make a statement that is not understood worth mentioning.
    """

    names: tuple[str, str]
    catalogs: list[Catalog] = field(default_factory=lambda: [Catalog()])
    unclear: list[Unclear] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)  # of functions that the migrations make, by their names

    def run(self, statements: Iterable[Statement | Unclear]) -> None:
        """Run the statements of one file; `search_path` is its own, and what it rolls back never was."""
        before: list[Catalog] | None = None
        saved: dict[str, list[Catalog]] = {}
        for catalog in self.catalogs:
            catalog.path = ("public",)
        for statement in statements:
            if isinstance(statement, Unclear):
                text = " alter ".join(self.names) if statement.surely else statement.place.text
                self._say(statement.place, text, statement.why)
                continue
            kind = statement.node.WhichOneof("node")
            if kind == "transaction_stmt":
                said = named_value(statement.node.transaction_stmt, "kind")
                if said in ("TRANS_STMT_BEGIN", "TRANS_STMT_START"):
                    before = [catalog.copy() for catalog in self.catalogs]
                elif said == "TRANS_STMT_ROLLBACK" and before is not None:
                    self.catalogs = before
                    before = None
                elif said == "TRANS_STMT_SAVEPOINT":
                    saved[statement.node.transaction_stmt.savepoint_name] = [
                        catalog.copy() for catalog in self.catalogs
                    ]
                elif said == "TRANS_STMT_ROLLBACK_TO":
                    name = statement.node.transaction_stmt.savepoint_name
                    self.catalogs = [catalog.copy() for catalog in saved.get(name, self.catalogs)]
                continue
            self.catalogs = self.apply(statement, self.catalogs)

    def apply(self, statement: Statement, catalogs: list[Catalog], depth: int = 0) -> list[Catalog]:
        """What becomes of catalogs by one statement."""
        kind = statement.node.WhichOneof("node")
        if kind == "do_stmt":
            return self._do(statement, catalogs, depth)
        if kind == "create_function_stmt":
            self.bodies[names_of(statement.node.create_function_stmt.funcname)[1]] = statement.text
        elif kind in ("select_stmt", "call_stmt"):
            for name, body in self.bodies.items():
                if mentions(statement.text, name):
                    self._say(statement.place(), body, f"calls {name}(), whose body is not followed")
        handle = HANDLERS.get(kind)
        if handle is not None:
            for catalog in catalogs:
                handle(catalog, getattr(statement.node, kind), statement)
        return catalogs

    # --- PL/pgSQL -----------------------------------------------------------------------------------------------------

    def _do(self, statement: Statement, catalogs: list[Catalog], depth: int) -> list[Catalog]:
        from postgast import PgQueryError, parse_plpgsql

        said = {arg.def_elem.defname: arg.def_elem.arg.string.sval for arg in statement.node.do_stmt.args}
        body = said.get("as", "")
        if said.get("language", "plpgsql").lower() != "plpgsql" or depth > _DEEPEST:
            self._say(statement.place(), body, "a DO block in another language than PL/pgSQL")
            return catalogs
        try:
            parsed = parse_plpgsql(statement.text)
        except (PgQueryError, json.JSONDecodeError) as error:
            self._say(statement.place(), body, f"PL/pgSQL: {getattr(error, 'message', error)}")
            return catalogs
        at = statement.text.find(body[:40])
        block = _Block(statement, statement.line + statement.text.count("\n", 0, max(at, 0)), body, depth)
        action = parsed[0]["PLpgSQL_function"]["action"]
        after = self._statements(block, [action], catalogs)
        kept = [catalog for catalog in after if not catalog.raised]
        if not kept:
            self._say(statement.place(), body, "a DO block that raises an exception whatever is the case")
            return catalogs
        for catalog in kept:
            catalog.returned = False
        return kept

    def _statements(self, block: _Block, statements: list[dict[str, Any]], catalogs: list[Catalog]) -> list[Catalog]:
        for entry in statements:
            ((kind, node),) = entry.items()
            ended = [catalog for catalog in catalogs if catalog.returned or catalog.raised]
            going = [catalog for catalog in catalogs if not (catalog.returned or catalog.raised)]
            if not going:
                return ended
            catalogs = _distinct([*ended, *self._statement(block, kind.removeprefix("PLpgSQL_stmt_"), node, going)])
            if len(catalogs) > _MOST_CATALOGS:
                self._say(block.statement.place(), block.body, "a DO block with too many branches")
                catalogs = catalogs[:_MOST_CATALOGS]
        return catalogs

    def _statement(self, block: _Block, kind: str, node: dict[str, Any], catalogs: list[Catalog]) -> list[Catalog]:
        if kind == "block":
            return self._with_handlers(block, node, catalogs)
        if kind == "execsql":
            return self._sql(block, node["sqlstmt"]["PLpgSQL_expr"]["query"], node.get("lineno", 1), catalogs)
        if kind == "dynexecute":
            return self._dynamic(block, node, catalogs)
        if kind == "if":
            return self._if(block, node, catalogs)
        if kind == "case":
            branches = [entry["PLpgSQL_case_when"]["stmts"] for entry in node.get("case_when_list", [])]
            return self._any_of(block, [*branches, node.get("else_stmts", [])], catalogs)
        if kind in ("loop", "while", "fori", "fors", "forc", "foreach_a", "dynfors"):
            return self._any_of(block, [node.get("body", []), []], catalogs)
        if kind in ("return", "exit"):
            for catalog in catalogs:
                catalog.returned = kind == "return"
        if kind == "raise" and node.get("elog_level", 21) >= 21:
            for catalog in catalogs:
                catalog.raised = True
        return catalogs

    def _with_handlers(self, block: _Block, node: dict[str, Any], catalogs: list[Catalog]) -> list[Catalog]:
        """A block; where Postgres refuses one of its statements and it has a handler, it is undone as a whole."""
        body = node.get("body", [])
        handlers = node.get("exceptions", {}).get("PLpgSQL_exception_block", {}).get("exc_list", [])
        actions = [entry["PLpgSQL_exception"].get("action", []) for entry in handlers]
        if not actions:
            return self._statements(block, body, catalogs)
        done: list[Catalog] = []
        for catalog in catalogs:
            after = self._statements(block, body, [catalog.copy()])
            held = [one for one in after if not one.raised and one.refusals == catalog.refusals]
            done += held
            # What a handler does that is never needed is done by no catalog; what may be needed is done in another.
            for action in actions if len(held) < len(after) else filter(_does_something, actions):
                done += self._statements(block, action, [catalog.copy()])
        return done

    def _if(self, block: _Block, node: dict[str, Any], catalogs: list[Catalog]) -> list[Catalog]:
        branches = [(node["cond"]["PLpgSQL_expr"]["query"], node.get("then_body", []))]
        for entry in node.get("elsif_list", []):
            elsif = entry["PLpgSQL_if_elsif"]
            branches.append((elsif["cond"]["PLpgSQL_expr"]["query"], elsif.get("stmts", [])))
        done: list[Catalog] = []
        for condition, body in branches:
            yes = [catalog for catalog in catalogs if holds(condition, catalog) is True]
            no = [catalog for catalog in catalogs if holds(condition, catalog) is False]
            open_ = [catalog for catalog in catalogs if holds(condition, catalog) is None]
            done += self._statements(block, body, [*yes, *(catalog.copy() for catalog in open_)])
            catalogs = [*no, *open_]
        return done + (self._statements(block, node.get("else_body", []), catalogs) if catalogs else [])

    def _any_of(self, block: _Block, bodies: list[list[dict[str, Any]]], catalogs: list[Catalog]) -> list[Catalog]:
        return [catalog for body in bodies for catalog in self._statements(block, body, [w.copy() for w in catalogs])]

    def _dynamic(self, block: _Block, node: dict[str, Any], catalogs: list[Catalog]) -> list[Catalog]:
        query = node["query"]["PLpgSQL_expr"]["query"]
        text = _constant(query)
        if text is None:
            self._say(
                block.place(node.get("lineno", 1), query), block.body, "EXECUTE of a text that is built at run time"
            )
            return catalogs
        return self._sql(block, text, node.get("lineno", 1), catalogs)

    def _sql(self, block: _Block, sql: str, lineno: int, catalogs: list[Catalog]) -> list[Catalog]:
        place = block.place(lineno, sql)
        for statement in parse_sql(place.path, sql, place.line, place.text, in_code=True):
            if isinstance(statement, Unclear):
                self._say(statement.place, sql, statement.why)
            else:
                catalogs = self.apply(statement, catalogs, block.depth + 1)
        return catalogs

    def _say(self, place: Place, text: str, why: str) -> None:
        """Note what was not understood; what it may have changed is not known until a later statement says it."""
        if not mentions(text, *self.names) or not _CHANGES.search(text):
            return
        self.unclear.append(Unclear(place, why))
        table, token = self.names
        for catalog in self.catalogs:
            for key in [key for key in catalog.tables if key[1] == table and token in catalog.tables[key].columns]:
                column = replace(
                    catalog.tables[key].columns[token],
                    type="",
                    default=None,
                    type_at=place,
                    default_at=place,
                    unknown=f"not understood ({why})",
                )
                catalog.tables[key] = catalog.tables[key].having(token, column)


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


def _distinct(catalogs: list[Catalog]) -> list[Catalog]:
    found: list[Catalog] = []
    for catalog in catalogs:
        if catalog not in found:
            found.append(catalog)
    return found


def _constant(expression: str) -> str | None:
    """The text that an expression of PL/pgSQL makes of constants: a literal, `||`, and format() of literals."""
    node = parsed_expression(expression)
    return None if node is None else _text(node)


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
