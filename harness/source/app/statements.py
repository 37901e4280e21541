"""Reads INSERT and UPDATE statements out of an app's source: texts, templates, what is joined from pieces.

What is not text is a hole: a value, or a piece that is not known. No parser of SQL is used: what stands in source is
seldom a whole statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of, unescaped
from harness.source.javascript.syntax import FIELD, WRAPPERS, Node, arguments, outermost, unwrapped
from harness.source.javascript.texts import HOLE, Texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.javascript.program import Program

_NAME = '(?:"[^"]+"|`[^`]+`|\\[\\w+\\]|\\$\\{[\\w:~.]+\\}|%I|[\\w$]+|\x01\\d+\x02)'
_TABLE = rf"({_NAME}(?:\s*\.\s*{_NAME})?)"
_INSERT = re.compile(rf"\binsert\s+into\s+{_TABLE}(?:\s+as\s+\w+)?\s*", re.IGNORECASE)
_UPDATE = re.compile(rf"\bupdate\s+(?:only\s+)?{_TABLE}(?:\s+(?:as\s+)?(?!set\b)\w+)?\s+set\s+", re.IGNORECASE)
_MERGE = re.compile(rf"\bmerge\s+into\s+(?:only\s+)?{_TABLE}", re.IGNORECASE)
_THEN = re.compile(r"\bthen\s+(insert\s*|update\s+set\s+)", re.IGNORECASE)
_COPY = re.compile(rf"\bcopy\s+{_TABLE}\s*(?=(?:\([^()]*\)\s*)?from\s+stdin\b)", re.IGNORECASE)
_DO_UPDATE = re.compile(r"\bdo\s+update\s+set\s+", re.IGNORECASE)
_SPREAD = re.compile(r"\$[{(\[/<]?(\w+)(?::name|~)")
_ENDS_VALUES = re.compile(r"\b(?:from|returning|on\s+conflict)\b", re.IGNORECASE)
_OF_PGTYPED = re.compile(r"^:(\w+)")  # all rows: VALUES :rows
_UNNESTED = re.compile(r"\*\s+from\s+(?:rows\s+from\s*\(\s*)?unnest\s*\(", re.IGNORECASE)
_OF_ROWS = re.compile("\\*\\s+from\\s+\x01(\\d+)\x02", re.IGNORECASE)
_RETURNING = re.compile(r"\breturning\b(.*)", re.IGNORECASE | re.DOTALL)
_CONFLICT = re.compile(r"\bon\s+conflict\b(.*?)\bdo\s+(?:nothing|update)", re.IGNORECASE | re.DOTALL)
_WRITES = re.compile(
    r"\binsert\s+into\b|\bmerge\s+into\b|\bcopy\s+\S+[^;]{0,500}\bstdin\b"
    r"|\bupdate\s+\S+(?:\s+\w+){0,3}?\s+set\b|\bupdate\b[^;]{0,500}\$\{",
    re.IGNORECASE,
)
_MAY_WRITE = re.compile(r"insert|update|copy|merge", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_QUOTES_NAME = re.compile(r"(?:^|\.)(?:sql|raw|identifier|id|ref|table|unsafe)$")
_IS_NAME = re.compile(r"[\w.\"$]+")
_LONGEST_NAME = 80
_LONGEST = 20_000  # characters of a statement, as far as it is read
_SHORTEST = 8  # characters, such as of "UPDATE "
_TEXT_KEYS = ("text", "sql", "query", "statement")
_VALUE_KEYS = ("values", "params", "args", "bind", "replacements", "parameters", "bindings")


@dataclass(frozen=True, slots=True)
class WriteStatement:
    """An INSERT or UPDATE as far as it can be read.

    `columns` are the names that it lists, None where it lists none that can be read; `cell` is what stands for the
    token column in its VALUES or SET, "" where that is not to be seen; `pieces` are expressions that the list of
    columns, or of columns and values, is made of. `returning` is the text behind RETURNING, None without.
    """

    node: Node
    is_insert: bool
    table: str
    columns: tuple[str, ...] | None
    cell: str
    cell_offset: int
    pieces: tuple[Node, ...]
    returning: str | None
    conflict: str | None
    text: str
    holes: tuple[Node, ...]
    place: tuple[int, int] | None = None  # how many columns stand before the token's, and behind it
    rows: Node | None = None  # what answers all rows as lists of values
    spread: tuple[str, ...] = ()  # parameters whose members are the columns: `${this:name}`

    def hole(self, text: str) -> Node | None:
        """The expression that a text consists of, if it is but a hole."""
        match = HOLE.fullmatch(text.strip().split("::")[0].strip())
        return self.holes[int(match[1])] if match is not None else None


def texts_of(program: Program, names: Names) -> Texts:
    """The texts of an app, in which the definition of its table, and what quotes a name for SQL, stand for a name."""

    def piece(texts: Texts, node: Node, depth: int) -> str | None:
        if node.kind == "identifier" and names.is_table(node.text):  # ${chatbots}, a definition of Drizzle
            return names.table if program.objects.resolved(node).kind == "call_expression" else None
        if node.kind != "call_expression":
            return None
        # sql("chatbots"), sql.identifier(["chatbots"]), sql.raw("x")
        given = [unwrapped(one) for one in arguments(node)]
        callee = node.field("function")
        if callee is None or not given or given[0].kind == "object" or _QUOTES_NAME.search(callee.text) is None:
            return None
        if given[0].kind == "array":
            given = given[0].children
            named = [said for one in given if (said := texts.constant(one, depth + 1)) is not None]
            return ".".join(named) if len(named) == len(given) and callee.text.endswith("identifier") else None
        said = texts.constant(given[0], depth + 1) if len(given) == 1 else None
        if said is not None and not names.is_sql_table(said) and program.objects.functions(callee):
            return None  # id("bot") of the app itself
        if said is not None and callee.text.endswith(("raw", "unsafe")):
            return said
        return said if said is not None and len(said) < _LONGEST_NAME and _IS_NAME.fullmatch(said) else None

    return Texts(program, piece)


def statements_in(texts: Texts, node: Node, names: Names) -> Iterator[WriteStatement]:
    """The statements on tables that an expression's text holds."""
    text, holes = texts.whole(node)
    text = _COMMENT.sub(lambda match: " " * len(match[0]), text)
    for match in _INSERT.finditer(text):
        yield _insert(node, text, holes, _bare(match[1]), match.end(), names)
        yield from _on_conflict(node, text, holes, match, names)
    for match in _UPDATE.finditer(text):
        if text[: match.start()].rstrip()[-2:].lower() != "do":
            yield _update(node, text, holes, _bare(match[1]), match.end(), names)
    for match in _MERGE.finditer(text):
        end = _end_of_statement(text, match.end())
        for then in _THEN.finditer(text, match.end(), end):
            read = _insert if then[1].lower().startswith("insert") else _update
            yield read(node, text, holes, _bare(match[1]), then.end(), names)
    for match in _COPY.finditer(text):
        yield _insert(node, text, holes, _bare(match[1]), match.end(), names)


def _bare(table: str) -> str:
    """A table without a schema that is put in later: `${schema:name}.chatbots` of pg-promise."""
    return re.sub(r"^\$\{[^}]*\}\s*\.\s*", "", table)


def _on_conflict(
    node: Node, text: str, holes: list[Node], match: re.Match[str], names: Names
) -> Iterator[WriteStatement]:
    """What an INSERT does to a row that is there: `ON CONFLICT (id) DO UPDATE SET ..`."""
    found = _DO_UPDATE.search(text, match.end(), _end_of_statement(text, match.end()))
    if found is not None:
        yield _update(node, text, holes, _bare(match[1]), found.end(), names)


def _insert(node: Node, text: str, holes: list[Node], table: str, at: int, names: Names) -> WriteStatement:
    columns, pieces = None, []
    listed: list[str] = []
    end = _end_of_statement(text, at)
    if text[at : at + 1] == "(":
        inner, at = _brackets(text, at)
        parts = [part.strip() for part, _ in _split(inner, 0)]
        listed = [part.strip('"`') for part in parts]
        columns = tuple(part for part in listed if not HOLE.search(part))
        pieces = [holes[int(number)] for part in parts for number in HOLE.findall(part)]
    elif (hole := HOLE.match(text, at)) is not None:
        pieces, at = [holes[int(hole[1])]], hole.end()
    cell, offset = "", at
    spread = [found[1] for part in listed if (found := _SPREAD.match(part)) is not None]
    rows: Node | None = None
    position = next((i for i, name in enumerate(columns or ()) if names.is_token(name)), None)
    place = next(((i, len(listed) - 1 - i) for i, name in enumerate(listed) if names.is_token(name)), None)
    values = re.compile(r"\s*(?:overriding\s+\w+\s+value\s*)?(values|select)[\s,]*", re.IGNORECASE).match(text, at)
    if position is not None and not pieces and values is not None:
        start = values.end()
        if values[1].lower() == "values" and text[start : start + 1] == "(":
            inner, _ = _brackets(text, start)
            cells = list(_split(inner, start + 1))
        else:
            cells = list(_split(_ENDS_VALUES.split(text[start:end], maxsplit=1)[0], start))
            spread += _OF_PGTYPED.findall(text[start:end])[:1]
            if (unnested := _UNNESTED.match(text, start)) is not None:  # SELECT * FROM unnest($1::text[], $2::text[])
                inner, _ = _brackets(text, unnested.end() - 1)
                cells = list(_split(inner, unnested.end()))
            elif (hole := _OF_ROWS.match(text, start)) is not None:  # SELECT * FROM ${sql.unnest(rows, types)}
                rows = holes[int(hole[1])]
        is_put_together = len(cells) == 1 < len(columns or ()) and HOLE.fullmatch(cells[0][0].strip()) is not None
        if position < len(cells) and not is_put_together:
            cell, offset = cells[position]
    rest = text[at:end]
    returning, conflict = _RETURNING.search(rest), _CONFLICT.search(rest)
    return WriteStatement(
        node=node,
        is_insert=True,
        table=table,
        columns=columns,
        cell=cell.strip(),
        cell_offset=offset,
        pieces=tuple(pieces),
        returning=returning[1] if returning is not None else None,
        conflict=conflict[1].strip() if conflict is not None else None,
        text=text,
        holes=tuple(holes),
        place=place,
        rows=rows,
        spread=tuple(spread),
    )


def _update(node: Node, text: str, holes: list[Node], table: str, begins: int, names: Names) -> WriteStatement:
    end = _end_of_statement(text, begins)
    body = re.split(r"\b(?:where|from|returning|when)\b", text[begins:end], maxsplit=1, flags=re.IGNORECASE)[0]
    cell, offset, columns, pieces = "", begins, [], []
    for part, at in _split(body, begins):
        name, equals, value = part.partition("=")
        if not equals:
            pieces += [holes[int(number)] for number in HOLE.findall(part)]
            continue
        columns.append(name.strip().strip('"`'))
        if names.is_token(columns[-1]):
            cell, offset = value.strip(), at + len(name) + 1
    returning = _RETURNING.search(text[begins:end])
    return WriteStatement(
        node=node,
        is_insert=False,
        table=table,
        columns=tuple(columns),
        cell=cell,
        cell_offset=offset,
        pieces=tuple(pieces),
        returning=returning[1] if returning is not None else None,
        conflict=None,
        text=text,
        holes=tuple(holes),
    )


def _end_of_statement(text: str, at: int) -> int:
    end = text.find(";", at, at + _LONGEST)
    return end if end >= 0 else min(len(text), at + _LONGEST)


def _brackets(text: str, at: int) -> tuple[str, int]:
    """What stands in the brackets that open at an offset, and the offset behind them."""
    depth = 0
    for i in range(at, min(len(text), at + _LONGEST)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return text[at + 1 : i], i + 1
    end = min(len(text), at + _LONGEST)
    return text[at + 1 : end], end


def _split(text: str, offset: int) -> Iterator[tuple[str, int]]:
    """The parts between commas that stand in no brackets or quotes, each with its offset."""
    depth, start, quote = 0, 0, ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "," and depth == 0:
            yield text[start:i], offset + start
            start = i + 1
    if text[start:].strip():
        yield text[start:], offset + start


def may_write(text: str) -> bool:
    """Whether a file's text can hold a statement that stores."""
    return _MAY_WRITE.search(text) is not None


def statement_roots(module_nodes: list[Node]) -> list[Node]:
    """The expressions, as large as they are joined, that hold the text of an INSERT or UPDATE."""
    found: dict[tuple[int, int], Node] = {}
    for node in module_nodes:
        if node.end - node.start < _SHORTEST or not _WRITES.search(unescaped(node.text)):
            continue
        top = node
        while (larger := _larger(top)) is not None:
            top = larger
        top = _joined_later(top) or top
        found[top.start, top.end] = top
    return list(found.values())


def _larger(text: Node) -> Node | None:
    """The expression around a text that is a text itself: a sum, `[..].join()`, what stands around it; None if none."""
    above = text.parent
    if above is None or above.kind in WRAPPERS or (above.kind == "binary_expression" and above.operator == "+"):
        return above
    member = outermost(above).parent if above.kind == "array" else None
    if member is None or member.kind != "member_expression" or member_name(member) != "join":
        return None
    return member.parent if member.parent is not None and member.parent.kind == "call_expression" else None


def _joined_later(text: Node) -> Node | None:
    """Where a list that a text is put into is joined by the name that it has: `parts.join(" ")`, `sql.join(parts)`."""
    if text.parent is not None and text.parent.field("arguments") is text:  # sql`..`
        text = text.parent
    held = text.parent.parent if text.parent is not None and text.parent.kind == "array" else None
    name = held.field("name") if held is not None and held.kind == "variable_declarator" else None
    for use in text.file.named(name.text) if name is not None else ():
        member = use.parent
        is_join = member is not None and member.kind == "member_expression" and member_name(member) == "join"
        call = member.parent if member is not None and is_join and member.field("object") is use else None
        if member is not None and member.kind == "arguments" and member.parent is not None:
            callee = member.parent.field("function")
            is_join = callee is not None and (member_name(callee) or callee.text) in ("join", "glue")
            call = member.parent if is_join else None
        if call is not None and call.kind == "call_expression":
            return call
    return None


def is_default(cell: str) -> bool:
    """Whether a cell says DEFAULT."""
    return cell.strip().lower() == "default"


def uses_of(program: Program, node: Node, depth: int = 0) -> Iterator[tuple[Node, list[Node]]]:
    """Where a statement's text is used: the call, and the expressions that hold its values.

    Of a tagged template there are none: its values are its holes.
    """
    node = outermost(node)
    above = node.parent
    if above is None or depth > 5:
        return
    if above.kind == "call_expression" and above.field("arguments") is node:
        yield above, []
        yield from _uses_of_template(above, depth)
    elif above.kind == "arguments" and above.parent is not None:
        position = next((i for i, given in enumerate(above.children) if given.start == node.start), 0)
        yield above.parent, above.children[position + 1 :]
    elif (above.kind == "pair" and above.parent is not None) or (
        above.kind == "object" and node.kind == "shorthand_property_identifier"
    ):
        above = above if above.kind == "pair" else node
        yield from _values_in_object(program, above, depth)
    elif above.kind in ("variable_declarator", "assignment_expression", FIELD):
        for use in _uses_of_name(program, above):
            yield from uses_of(program, use, depth + 1)
    elif above.kind in ("return_statement", "arrow_function"):
        function = (
            above if above.kind == "arrow_function" else next((a for a in above.above() if a.field("body")), None)
        )
        for call in program.calls_of(function) if function is not None else ():
            yield from uses_of(program, call, depth + 1)


def _uses_of_template(call: Node, depth: int) -> Iterator[tuple[Node, list[Node]]]:
    """A tagged template that is handed on: `db.execute(sql..)`, `pool.one(sql..)`."""
    above = call.parent
    if above is not None and above.kind == "arguments" and above.parent is not None and depth < 2:
        yield above.parent, []


def _values_in_object(program: Program, pair: Node, depth: int) -> Iterator[tuple[Node, list[Node]]]:
    holder, key = pair.parent, key_of(pair)
    assert holder is not None
    beside = _beside(holder)
    around = next((above for above in holder.above() if above.kind == "call_expression"), None)
    spread = list(_spread(program, holder)) if not beside and around is None and key in _TEXT_KEYS else []
    if spread:
        yield from spread
        return
    if beside or key in _TEXT_KEYS:
        call = around or holder
        later = [given for given in arguments(call) if given.start > holder.end]
        yield call, [*beside, *later]
        return
    for module in program.files.mentioning(key or "\x00"):
        for node in module.parsed.named(key or ""):
            above = node.parent
            if above is None or above.kind != "member_expression" or above.field("property") is not node:
                continue
            owner = above.field("object")
            if owner is not None and holder in program.objects.of(owner):
                yield from uses_of(program, above, depth + 1)


def _beside(holder: Node) -> list[Node]:
    """The values that an object holds for the statement in it."""
    values = [child.field("value") if child.kind == "pair" else child for child in holder.children]
    keys = [key_of(child) for child in holder.children]
    return [value for key, value in zip(keys, values, strict=True) if key in _VALUE_KEYS and value is not None]


def _spread(program: Program, holder: Node) -> Iterator[tuple[Node, list[Node]]]:
    """Where an object with a statement is spread beside its values: `pool.query({...queries.add, values: [name]})`."""
    above = outermost(holder).parent
    name = key_of(above) if above is not None and above.kind == "pair" else None
    if above is not None and above.kind == "variable_declarator":
        name = (above.field("name") or above).text
    for module in program.files.mentioning(name) if name else ():
        for node in module.parsed.named(name or ""):
            is_member = node.kind == "property_identifier" and node.parent is not None
            used = node.parent if is_member and node.parent is not None else node
            spread = used.parent
            if spread is None or spread.kind != "spread_element" or spread.parent is None:
                continue
            call = next((one for one in spread.above() if one.kind == "call_expression"), spread.parent)
            yield call, _beside(spread.parent)


def _uses_of_name(program: Program, declared: Node) -> Iterator[Node]:
    name = declared.field("name") or declared.field("left")
    if name is None:
        return
    if declared.kind == FIELD or name.kind == "member_expression":
        said = (member_name(name) if name.kind == "member_expression" else name.text) or ""
        for node in declared.file.named(said.lstrip("#")):
            if node.parent is not None and node.parent.kind == "member_expression" and node.parent is not name:
                yield node.parent
        return
    binding = program.files.of(name).resolve(name)
    for use in program.references(binding) if binding is not None else ():
        is_member = use.parent is not None and use.kind == "property_identifier"
        yield use.parent if is_member and use.parent is not None else use
