"""Reads SQL as PostgreSQL's own grammar does: the statements of a file with their lines, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.source.checkout import Place, in_one_line
from harness.source.sql.columns import Unclear

if TYPE_CHECKING:
    from collections.abc import Iterator

# dbmate, goose, sql-migrate, node-pg-migrate and what people write by hand: a line that begins `up` or `down`.
_SECTION = re.compile(
    r"^\s*--+\s*(?:migrate:|\+goose\s+|\+migrate\s+|@|=+\s*|#\s*)?(?P<direction>up|down|undo|rollback|revert)"
    r"(?:\s+migration)?\s*(?:transaction:\w+|notransaction|=+|:)?\s*$",
    re.IGNORECASE,
)
_META = re.compile(r"^[ \t]*\\[a-zA-Z!?.]")
_COPY = re.compile(r"^\s*copy\b.*\bfrom\s+stdin\b.*;\s*$", re.IGNORECASE)
_BREAK = re.compile(r"--> ?statement-breakpoint")
_BEFORE = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|;)*", re.DOTALL)
_HOLES = (
    (re.compile(r"\$\{[^{}\n]*\}"), "placeholder"),  # of Flyway
    (re.compile(r"""(?<!:):(?=['"][\w]+['"])"""), ""),  # of psql: :'name' and :"name"
    (re.compile(r"(?<![:\w]):(?=[a-zA-Z_]\w*)"), ""),  # of psql: :name
)
_LARGE = 100_000  # characters: parsing rows takes long, and they say nothing of columns
_ROWS = re.compile(r"(?:insert|copy)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: its text, the message of the parser, where it stands, and what is shown of it.

    `sql` is the whole text that was parsed, to which the parser's positions (in bytes) refer, and `first_line` the
    line of the file on which that begins; None for a statement that was made from code, all of which stands on `line`.
    """

    path: str
    line: int
    text: str
    shown: str
    node: Any
    sql: bytes = b""
    first_line: int | None = None

    def place(self, at: int = -1) -> Place:
        """Where the statement stands; with a position, the line that it is on."""
        if at < 0 or self.first_line is None:
            return Place(self.path, self.line, self.shown)
        number = self.sql.count(b"\n", 0, at)
        begins = self.sql.rfind(b"\n", 0, at) + 1
        ends = self.sql.find(b"\n", at)
        text = self.sql[begins : ends if ends >= 0 else len(self.sql)].decode("utf-8", "replace")
        return Place(self.path, self.first_line + number, in_one_line(text).rstrip(","))


def named_value(message: Any, field: str) -> str:
    """The name of a value of one of the parser's enumerations, such as `OBJECT_TABLE`."""
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    return str(values[getattr(message, field)].name)


def parsed_expression(text: str) -> Any | None:
    """An expression, None where it is none."""
    from postgast import PgQueryError, parse

    try:
        return parse(f"SELECT {text}").stmts[0].stmt.select_stmt.target_list[0].res_target.val
    except (PgQueryError, IndexError):
        return None


def mentions(text: str, *names: str) -> bool:
    """Whether any of the names stands in a text as a word."""
    lowered = text.lower()  # most texts name none, which is seen quicker so
    return any(
        name.lower() in lowered and re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", lowered) for name in names
    )


def read_sql(path: str, text: str) -> list[Statement | Unclear]:
    """The statements of a file in their order, `down` left out; each that does not parse says so."""
    return [*parse_sql(path, cleaned(text))]


def parse_sql(
    path: str, sql: str, first_line: int = 1, shown: str = "", in_code: bool = False
) -> Iterator[Statement | Unclear]:
    """The statements of a text; `in_code` where it was made from code on one line, of which `shown` is shown."""
    from postgast import PgQueryError, parse

    if len(sql) > _LARGE:
        yield from _one_by_one(path, sql, first_line, shown, in_code)
        return
    try:
        parsed = parse(sql)
    except PgQueryError:
        yield from _one_by_one(path, sql, first_line, shown, in_code)
        return
    data = sql.encode()
    for raw in parsed.stmts:
        yield _statement(path, data, raw, first_line, shown, in_code)


def _statement(path: str, data: bytes, raw: Any, first_line: int, shown: str, in_code: bool) -> Statement:
    ends = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(data)
    text = data[raw.stmt_location : ends].decode("utf-8", "replace")
    before = _BEFORE.match(text)
    text = text[before.end() if before else 0 :]
    begins = ends - len(text.encode())
    line = first_line if in_code else first_line + data.count(b"\n", 0, begins)
    return Statement(path, line, text, shown or in_one_line(text), raw.stmt, data, None if in_code else first_line)


def _one_by_one(path: str, sql: str, first_line: int, shown: str, in_code: bool) -> Iterator[Statement | Unclear]:
    """Each statement by itself, so that one which is no SQL of Postgres does not hide the others."""
    from postgast import PgQueryError, parse, split

    try:
        parts = split(sql, method="scanner")
    except PgQueryError as error:
        yield Unclear(_place_of(path, sql, error.cursorpos, first_line, shown, in_code), error.message)
        return
    at = 0
    for part in parts:
        at = sql.index(part, at)
        line = first_line if in_code else first_line + sql.count("\n", 0, at)
        at += len(part)
        before = _BEFORE.match(part)
        if _ROWS.match(part, before.end() if before else 0):
            continue
        parsed, why = None, None
        for holes in ((), _HOLES):
            filled = part
            for hole, by in holes:
                filled = hole.sub(by, filled)
            try:
                parsed = parse(filled)
            except PgQueryError as refused:
                why = why or refused
                continue
            data = filled.encode()
            for raw in parsed.stmts:
                yield _statement(path, data, raw, line, shown, in_code)
            break
        if parsed is None and why is not None:
            yield Unclear(_place_of(path, part, why.cursorpos, line, shown, in_code), why.message)


def _place_of(path: str, sql: str, cursor: int, first_line: int, shown: str, in_code: bool) -> Place:
    before = sql.encode()[: max(cursor - 1, 0)].decode("utf-8", "ignore")
    begun = _BEFORE.match(sql)
    text = in_one_line(sql[begun.end() if begun else 0 :])
    return Place(path, first_line if in_code else first_line + before.count("\n"), shown or text)


def cleaned(text: str) -> str:
    """A file without its `down`, commands of psql and data of COPY, each line still in its place."""
    lines: list[str] = []
    down = data = up_was_named = False
    for line in text.split("\n"):
        section = _SECTION.match(line) if "-" in line else None
        if section:
            direction = section["direction"].lower()
            # A remark that says no more than "revert" begins `down` only where `up` has been named before.
            up_was_named = up_was_named or direction == "up"
            down = direction != "up" and (direction == "down" or up_was_named)
        if data:
            data = line.rstrip() != "\\."
            lines.append("")
        elif down or section or _META.match(line):
            lines.append("")
        else:
            data = bool(_COPY.match(line))
            lines.append(_BREAK.sub(";", line) if "-->" in line else line)
    return "\n".join(lines)
