"""The statements in `.sql` files: queries that code loads, and bodies of functions that code calls.

Each is made a text of a program, as if it stood in code, so that one reader reads all statements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from harness.source.checkout import SourceFile, is_auxiliary
from harness.source.sql.parser import cleaned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.app.names import Names

_STORES = re.compile(r"\b(?:insert|merge)\s+into\b|\bupdate\b[^;]{0,500}\bset\b", re.IGNORECASE)
_DEFINES = re.compile(r"\b(?:create|alter)\s+(?:\w+\s+)?table\b|\bcopy\b[^;]*\bstdin\b", re.IGNORECASE)
_FUNCTION = re.compile(
    r'\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\s+((?:[\w"]+\s*\.\s*)?[\w"]+)\s*\(', re.IGNORECASE
)
_DROP = re.compile(r'\bdrop\s+(?:function|procedure)\s+(?:if\s+exists\s+)?(?:[\w"]+\s*\.\s*)?"?(\w+)"?', re.IGNORECASE)
_BODY = re.compile(r"\bas\s+(\$\w*\$|')|\bbegin\s+atomic\b", re.IGNORECASE)
_END_ATOMIC = re.compile(r"\bend\s*;", re.IGNORECASE)
# pgtyped, sqlc and yesql name each query of a file.
_NAMED = re.compile(r"(?:/\*+\s*@name\s+(\w+)|^[ \t]*--+[ \t]*(?:@?name:?)[ \t]+(\w+))", re.IGNORECASE | re.MULTILINE)
_MODE = re.compile(r"^(?:in|inout|variadic)\s+", re.IGNORECASE)
_MARKS = re.compile(r"[\\`]|\$(?=\{)")
_IN_CODE = "#sql"  # behind the path of a program, for what its texts hold
OF_FILES = (".sql", _IN_CODE)  # how the paths of these texts end
_INTO = re.compile(r'\binsert\s+into\s+((?:[\w"]+\s*\.\s*)?[\w"]+)', re.IGNORECASE)
_BLOCK = re.compile(r"(?<!raise )\bexception\b|\bbegin\b|\bcase\b|\bend\b(?!\s+(?:if|loop)\b)", re.IGNORECASE)
_HANDLES = re.compile(r"\bwhen\b[^;]*?\b(?:unique_violation|others|sqlstate\s+'23505')", re.IGNORECASE)
_LARGEST = 300_000  # characters: dumps are larger


@dataclass(frozen=True, slots=True)
class Query:
    """A text with statements: of a whole file, of what is named in it, or of a function's body.

    `name` is how code calls it, "" where it is but the file; `parameters` are those of a function, None of a query.
    """

    path: str
    start: int
    text: str
    name: str = ""
    parameters: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SqlFiles:
    """What `.sql` files of a checkout hold for code: `modules` are texts of a program, with their queries."""

    modules: tuple[SourceFile, ...] = ()
    queries: tuple[tuple[str, tuple[Query, ...]], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    paths: frozenset[str] = frozenset()


NO_FILES = SqlFiles()


def read_sql_files(files: Iterable[SourceFile], code: Iterable[SourceFile], names: Names) -> SqlFiles:
    """The queries of files that may store rows of the table; of a function that is made twice, the last.

    `code` are files of programs, of which migrations may make functions.
    """
    files = tuple(files)
    found: dict[str, tuple[Query, ...]] = {}
    texts: dict[str, str] = {}
    made: dict[str, str] = {}  # the functions in force, with the file that makes them
    for file in sorted((*files, *_migrations(code, names)), key=lambda one: one.path):
        for dropped in _DROP.finditer(file.text):
            made.pop(dropped[1].lower(), None)
        queries = [*_functions(file)]
        if file.path.endswith(_IN_CODE):  # `up` comes first
            queries = [*{query.name.lower(): query for query in reversed(queries)}.values()][::-1]
        made.update({query.name.lower(): file.path for query in queries})
        if len(file.text) > _LARGEST or names.table_word not in file.text.lower():
            continue
        is_query = not queries and not file.path.endswith(_IN_CODE) and _DEFINES.search(file.text) is None
        if is_query and _STORES.search(file.text) is not None:
            queries = [*_queries(file)]
        if any(_STORES.search(query.text) for query in queries):
            found[file.path], texts[file.path] = tuple(queries), file.text
    kept = {
        path: tuple(q for q in queries if q.parameters is None or made.get(q.name.lower()) == path)
        for path, queries in found.items()
    }
    kept = {path: queries for path, queries in kept.items() if queries}
    modules = tuple(SourceFile(path, _as_texts(texts[path], queries)) for path, queries in kept.items())
    return SqlFiles(
        modules,
        tuple(kept.items()),
        tuple((path, texts[path]) for path in kept),
        frozenset(file.path for file in files),
    )


def _migrations(code: Iterable[SourceFile], names: Names) -> Iterator[SourceFile]:
    for file in code:
        is_ours = is_auxiliary(file.path) and names.table_word in file.text.lower()
        if is_ours and _FUNCTION.search(file.text) is not None:
            yield SourceFile(file.path + _IN_CODE, file.text)


def _functions(file: SourceFile) -> Iterator[Query]:
    if _FUNCTION.search(file.text) is None:
        return
    file = SourceFile(file.path, cleaned(file.text))
    for match in _FUNCTION.finditer(file.text):
        given, at = _brackets(file.text, match.end() - 1)
        body = _BODY.search(file.text, at)
        following = _FUNCTION.search(file.text, at)
        if body is None or (following is not None and following.start() < body.start()):
            continue
        start = body.end()
        end = file.text.find(body[1], start) if body[1] else -1
        if not body[1] and (atomic := _END_ATOMIC.search(file.text, start)) is not None:
            end = atomic.start()
        name = match[1].rpartition(".")[2].strip().strip('"')
        yield Query(file.path, start, file.text[start : end if end >= 0 else None], name, tuple(_parameters(given)))


def _parameters(given: str) -> Iterator[str]:
    for part in re.split(r",(?![^(]*\))", given):
        bare = _MODE.sub("", part.strip())
        if bare and not re.match(r"out\s", bare, re.IGNORECASE):
            words = bare.split()
            yield words[0].strip('"').lower() if len(words) > 1 else ""


def _queries(file: SourceFile) -> Iterator[Query]:
    named = list(_NAMED.finditer(file.text))
    for match, following in zip_longest(named, named[1:]):
        end = following.start() if following is not None else len(file.text)
        yield Query(file.path, match.start(), file.text[match.start() : end], match[1] or match[2])
    if not named:
        yield Query(file.path, 0, file.text)


def _as_texts(text: str, queries: tuple[Query, ...]) -> str:
    """Code that holds each query as a template, on the lines on which it stands."""
    out, at = [], 0
    for query in queries:
        between = "\n" * text.count("\n", at, query.start)
        out.append(f"{between}`{_MARKS.sub(_escaped, query.text)}`;")
        at = query.start + len(query.text)
    return "".join(out)


def _escaped(mark: re.Match[str]) -> str:
    return "\\" + mark[0]


def _brackets(text: str, at: int) -> tuple[str, int]:
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return text[at + 1 : i], i + 1
    return text[at + 1 :], len(text)


def handlers_in(body: str, names: Names) -> Iterator[int]:
    """Where a body of PL/pgSQL handles a unique violation of what it stores in the table: offsets of the conditions."""
    stores = [match.start() for match in _INTO.finditer(body) if names.is_sql_table(match[1])]
    open_blocks: list[list[int]] = []  # where each begins, and its EXCEPTION; CASE has none
    for match in _BLOCK.finditer(body):
        word = match[0].lower()
        if word in ("begin", "case"):
            open_blocks.append([match.start()])
        elif word == "exception" and open_blocks:
            open_blocks[-1].append(match.start())
        elif word.startswith("end") and open_blocks:
            begun, *handled = open_blocks.pop()
            found = _HANDLES.search(body, handled[0], match.start()) if handled else None
            if found is not None and any(begun < at < handled[0] for at in stores):
                yield found.start()
