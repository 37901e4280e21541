"""Pieces of SQL in code: sql`..`, knex.raw(".."), Sequelize.literal(".."), pgm.func(".."), new PgLiteral("..")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.checkout import in_one_line
from harness.source.javascript.expressions import chain
from harness.source.javascript.functions import returned
from harness.source.javascript.syntax import arguments
from harness.source.javascript.values import Values
from harness.source.language import Opaque
from harness.source.migrations.raw import Defined, Raw, filled

if TYPE_CHECKING:
    from harness.source.javascript.program import Program
    from harness.source.javascript.syntax import Node

# What makes a piece of SQL of a text: sql`..`, knex.raw, Sequelize.literal, pgm.func, sql.raw, PgLiteral.create.
_RAW = frozenset(("sql", "raw", "literal", "func", "create", "rawSql"))


def values_of(program: Program) -> Values:
    """The values of a program's expressions, pieces of SQL among them."""
    return Values(program, _made, lambda value: value.sql if isinstance(value, Raw) else None)


def _made(values: Values, node: Node) -> object | None:
    return _by_new(values, node) if node.kind == "new_expression" else _by_call(values, node)


def _by_new(values: Values, node: Node) -> object | None:
    maker, given = node.field("constructor"), arguments(node)
    if maker is None:
        return None
    text = values.text(given[0]) if given else None
    if text is not None and maker.text.endswith("Literal"):  # new PgLiteral("..")
        return Raw(text)
    if maker.text in ("Table", "TableColumn"):  # of TypeORM
        return Defined(values.of(given[0]) if given else {})
    return None


def _by_call(values: Values, node: Node) -> object | None:
    links = chain(values, node)
    if not links:
        return None
    last = links[-1]
    if len(links) == 1:  # a function of the app
        bodies = [returned(function) for function in values.program.objects.functions(last.at)]
        if bodies and bodies[0] is not None and bodies[0].kind == "call_expression":
            return values.of(bodies[0])
    template = node.field("arguments")
    if template is not None and template.kind == "template_string":  # sql`..`
        text = values.text(template)
        return Opaque(in_one_line(node.text)) if text is None else Raw(text)
    if last.name in _RAW and last.args and (text := last.args[0].text()) is not None:
        return Raw(filled(text, last.args[1].value()) if len(last.args) > 1 else text)
    if last.name == "fn" and last.args is not None and len(last.args) == 1:  # Sequelize.fn("gen_random_uuid")
        text = last.args[0].text()
        if text is not None:
            return Raw(f"{text}()")
    if [link.name for link in links[-2:]] == ["fn", "now"]:  # knex.fn.now(6)
        return Raw("CURRENT_TIMESTAMP")
    if [link.name for link in links[-2:]] == ["fn", "uuid"]:  # knex.fn.uuid()
        return Raw("gen_random_uuid()")
    if [link.name for link in links[-2:]] == ["fn", "now"]:  # knex.fn.now()
        return Raw("CURRENT_TIMESTAMP")
    if last.name in ("as", "mapWith", "$type") and len(links) > 1:
        return values.of(links[-2].node)
    return None
