"""Parses TypeScript and JavaScript into trees that are cheap to walk: nodes know their parent, their file and line.

tree-sitter parses; its nodes are copied once for each file that matters, since each question put to them crosses into
another language and back. It is imported when the first file is parsed, not before, and nowhere else. What a function,
a class, a field and a wrapper is stands here too, once for all that read source.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from functools import cache
from importlib.util import find_spec
from itertools import accumulate
from typing import TYPE_CHECKING

from harness.errors import NotCovered
from harness.source.checkout import INSTALL, Place, in_one_line
from harness.source.javascript.repairs import mended

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Parser, Query, Tree

    from harness.source.checkout import SourceFile

FUNCTION_DECLARATIONS = ("function_declaration", "generator_function_declaration")
FUNCTIONS = frozenset(
    (
        *FUNCTION_DECLARATIONS,
        "function_expression",
        "generator_function",
        "arrow_function",
        "method_definition",
    )
)
CLASSES = ("class_declaration", "class", "abstract_class_declaration")
FIELD = "public_field_definition"  # of a class
ASSIGNMENTS = ("assignment_expression", "augmented_assignment_expression")
MEMBERS = ("member_expression", "subscript_expression")
# What stands around an expression without changing its value, and which of its children the expression is.
WRAPPERS = {
    "parenthesized_expression": 0,
    "await_expression": 0,
    "yield_expression": 0,  # what Effect, co and redux-saga wait with
    "non_null_expression": 0,
    "as_expression": 0,
    "satisfies_expression": 0,
    "type_assertion": -1,
}
_TAKEN_OFF = {**WRAPPERS, "spread_element": 0}
NAMES = frozenset(("identifier", "property_identifier", "shorthand_property_identifier", "private_property_identifier"))
_GRAMMARS = {".ts": ("typescript",), ".mts": ("typescript",), ".cts": ("typescript",), ".tsx": ("tsx",)}
_OF_JAVASCRIPT = ("tsx", "javascript")  # the first knows types, which much JavaScript of build tools has
# What the second calls otherwise, so that all trees are of one shape.
_KINDS = {"field_definition": FIELD}
_FIELDS = {(FIELD, "property"): "name"}
# Of these, a child is what stands within its wrappers: `(db as any).insert(row)`, and `await f<T>(x)`, of which the
# grammar makes a call of `await f`.
_BARE = frozenset(("function", "constructor", "object"))
_NONE: list[Node] = []
_NEW_LINE = re.compile("\n")
# 1 for each byte that begins a character in UTF-8, 0 for each that goes on with one.
_BEGINS_CHARACTER = bytes(0 if 0x80 <= byte < 0xC0 else 1 for byte in range(256))
_MOST_REPAIRS = 3
_LONGEST_LINE = 4_000  # characters
_QUOTED = 160  # characters of a line


class Node:
    """A node of a parsed file. `start` and `end` are offsets into its text, `role` its field in its parent."""

    __slots__ = ("children", "end", "file", "kind", "operator", "parent", "role", "start")

    def __init__(self, kind: str, span: tuple[int, int], role: str | None, parent: Node | None, file: Parsed) -> None:
        self.kind = kind
        self.start, self.end = span
        self.role = role
        self.parent = parent
        self.file = file
        self.operator = ""  # of a unary or a binary expression
        self.children: list[Node] = []

    @property
    def text(self) -> str:
        """As it is written."""
        return self.file.text[self.start : self.end]

    @property
    def line(self) -> int:
        """On which it begins, counted from 1."""
        return self.file.line_at(self.start)

    def field(self, name: str) -> Node | None:
        """The child that the grammar calls so; of what is called or has a member, without what stands around it."""
        for child in self.children:
            if child.role == name or (child.role is not None and _FIELDS.get((self.kind, child.role)) == name):
                return unwrapped(child) if name in _BARE and child.kind in WRAPPERS else child
        return None

    def of_kind(self, *kinds: str) -> Node | None:
        """The first child of a kind."""
        return next((child for child in self.children if child.kind in kinds), None)

    def above(self) -> Iterator[Node]:
        """Its parents, the nearest first."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def below(self, *kinds: str, into_functions: bool = True) -> Iterator[Node]:
        """The nodes of some kinds in it, itself included."""
        wanted = frozenset(kinds)
        todo = [self]
        while todo:
            node = todo.pop()
            if node.kind in wanted:
                yield node
            if into_functions or node is self or node.kind not in FUNCTIONS:
                todo.extend(reversed(node.children))

    def holds(self, other: Node) -> bool:
        """Whether another node of the same file stands in it."""
        return self.file is other.file and self.start <= other.start and other.end <= self.end

    def __repr__(self) -> str:
        return f"{self.file.path}:{self.line}: {self.kind} {self.text[:60]!r}"


class Parsed:
    """A parsed file: its tree, its nodes by kind, its names, and how many places of it were not understood."""

    __slots__ = ("_kinds", "_lines", "_names", "errors", "path", "root", "text")

    def __init__(self, path: str, text: str, tree: Tree, errors: int) -> None:
        self.path = path
        self.text = text
        self.errors = errors
        self._lines: list[int] | None = None
        self._kinds: dict[str, list[Node]] = defaultdict(list)
        self._names: dict[str, list[Node]] = defaultdict(list)
        self.root = self._copied(tree)
        todo = [self.root]
        while todo:
            node = todo.pop()
            self._kinds[node.kind].append(node)
            if node.kind in NAMES:
                self._names[text[node.start : node.end]].append(node)
            if node.children:
                todo.extend(reversed(node.children))

    def _copied(self, tree: Tree) -> Node:
        """The named nodes of a tree but for comments, with offsets of characters where the grammar counts bytes."""
        offsets = _offsets_of(self.text)
        cursor = tree.walk()
        root = here = Node("program", (0, len(self.text)), None, None, self)
        if not cursor.goto_first_child():
            return root
        while True:
            made = cursor.node
            assert made is not None  # the cursor stands on one
            kind = made.type
            if not made.is_named:
                if cursor.field_name == "operator":
                    here.operator = kind
            elif kind != "comment":
                start, end = made.start_byte, made.end_byte
                span = (start, end) if offsets is None else (offsets[start], offsets[end])
                child = Node(_KINDS.get(kind, kind), span, cursor.field_name, here, self)
                here.children.append(child)
                if cursor.goto_first_child():
                    here = child
                    continue
            while not cursor.goto_next_sibling():
                cursor.goto_parent()
                if here.parent is None:
                    return root
                here = here.parent

    def line_at(self, offset: int) -> int:
        """The line of an offset, counted from 1."""
        if self._lines is None:
            self._lines = [match.start() for match in _NEW_LINE.finditer(self.text)]
        return bisect_left(self._lines, offset) + 1

    def forget(self) -> None:
        """Take the tree apart: what it is made of refers to each other, and would wait for a collector."""
        for nodes in self._kinds.values():
            for node in nodes:
                node.parent = None
                node.children = _NONE
        self._kinds.clear()
        self._names.clear()

    def of_kind(self, *kinds: str) -> list[Node]:
        """All nodes of some kinds, of each in the order of the text."""
        return [node for kind in kinds for node in self._kinds.get(kind, ())]

    def named(self, name: str) -> Sequence[Node]:
        """The identifiers and properties of this name."""
        return self._names.get(name, ())

    @property
    def names(self) -> Sequence[str]:
        """Each name that is used."""
        return tuple(self._names)


def _offsets_of(text: str) -> array[int] | None:
    """How many characters stand before each byte of a text in UTF-8; None where that is the byte's own offset."""
    if text.isascii():
        return None
    starts = text.encode("utf-8", "surrogatepass").translate(_BEGINS_CHARACTER)
    return array("I", accumulate(starts, initial=0))


def is_installed() -> bool:
    """Whether there is what parses source."""
    return all(find_spec(f"tree_sitter{of}") is not None for of in ("", "_typescript", "_javascript"))


@cache
def _parser(grammar: str) -> tuple[Parser, Query]:
    """The parser of a grammar, and what finds the places that it did not understand."""
    import tree_sitter_javascript
    import tree_sitter_typescript
    from tree_sitter import Language, Parser, Query

    made = {
        "typescript": tree_sitter_typescript.language_typescript,
        "tsx": tree_sitter_typescript.language_tsx,
        "javascript": tree_sitter_javascript.language,
    }[grammar]
    language = Language(made())
    return Parser(language), Query(language, "(ERROR) @error")


def parse(file: SourceFile) -> Parsed:
    """Parse a file by the grammar of its name; of JavaScript's two, the one that understands more of it.

    Raises:
        NotCovered: tree-sitter or one of its grammars is not installed.
    """
    if not is_installed():
        raise NotCovered("what parses source is not installed (tree-sitter)", INSTALL)
    best: tuple[int, Tree] | None = None
    for grammar in _GRAMMARS.get(file.suffix, _OF_JAVASCRIPT):
        tree, errors = _parsed(file.text, grammar)
        if best is None or errors < best[0]:
            best = errors, tree
        if not errors:
            break
    assert best is not None  # there is a grammar for every file
    return Parsed(file.path, file.text, best[1], best[0])


def _errors(tree: Tree, query: Query) -> int:
    from tree_sitter import QueryCursor

    return len(QueryCursor(query).captures(tree.root_node).get("error", [])) if tree.root_node.has_error else 0


def _parsed(text: str, grammar: str) -> tuple[Tree, int]:
    """The tree of a text, and how many places were not understood; what the grammar is known to misread is mended."""
    from tree_sitter import QueryCursor

    parser, query = _parser(grammar)
    data = text.encode("utf-8", "surrogatepass")
    tree = parser.parse(data)
    for _ in range(_MOST_REPAIRS):
        if not tree.root_node.has_error:
            return tree, 0
        broken = QueryCursor(query).captures(tree.root_node).get("error", [])
        places = [(node.start_byte, node.end_byte) for node in broken]
        repaired = mended(data, places, holds_elements=grammar != "typescript")
        again = parser.parse(repaired) if repaired != data else None
        if again is None or (again.root_node.has_error and _errors(again, query) >= len(broken)):
            break
        data, tree = repaired, again
    return tree, _errors(tree, query)


def unwrapped(node: Node) -> Node:
    """An expression without what does not change its value: brackets, `await`, types, `!`."""
    while (position := _TAKEN_OFF.get(node.kind)) is not None and node.children:
        node = node.children[position]
    return node


def outermost(node: Node) -> Node:
    """An expression with all that stands around it without changing its value."""
    while (above := node.parent) is not None and above.kind in WRAPPERS:
        node = above
    return node


def arguments(call: Node) -> list[Node]:
    """The arguments of a call; of a tagged template, none."""
    given = call.field("arguments")
    return list(given.children) if given is not None and given.kind == "arguments" else []


def enclosing_function(node: Node) -> Node | None:
    """The function that a node stands in."""
    return next((above for above in node.above() if above.kind in FUNCTIONS), None)


def place_of(node: Node) -> Place:
    """The line on which a node begins, with all of its text in one line."""
    return Place(node.file.path, node.line, in_one_line(node.text))


def line_of(node: Node, at: int | None = None) -> Place:
    """The line on which a node begins, or the one of an offset in it, without the blanks around it."""
    text = node.file.text
    offset = node.start if at is None else at
    # Of a line that is longer than anybody reads, what is near: to look for its ends each time would take long.
    start = text.rfind("\n", max(offset - _LONGEST_LINE, 0), offset) + 1
    end = text.find("\n", offset, offset + _LONGEST_LINE)
    if not start and offset > _LONGEST_LINE:
        start = offset
    line = " ".join(text[start : end if end >= 0 else min(offset + _LONGEST_LINE, len(text))].split())
    shown = line if len(line) <= _QUOTED else line[:_QUOTED] + "..."
    return Place(node.file.path, node.line + text.count("\n", node.start, offset), shown)
