"""Parses TypeScript and JavaScript into trees that are cheap to walk: nodes know their parent, their file and line.

ast-grep parses; its nodes are copied once for each file that matters, since each question put to them crosses into
another language and back. It is imported when the first file is parsed, not before, and nowhere else. What a function,
a class, a field and a wrapper is stands here too, once for all that read source.
"""

from __future__ import annotations

from collections import defaultdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from harness.errors import NotCovered
from harness.source.checkout import INSTALL, Place, in_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
MEMBERS = ("member_expression", "subscript_expression")
# What stands around an expression without changing its value, and which of its children the expression is.
WRAPPERS = {
    "parenthesized_expression": 0,
    "await_expression": 0,
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
_FIELDS = {(FIELD, "name"): "property"}
# Where a child that is always there stands among the named ones: asking the grammar takes ten times as long.
_POSITIONS = {
    ("call_expression", "function"): 0,
    ("call_expression", "arguments"): -1,
    ("new_expression", "constructor"): 0,
    ("member_expression", "object"): 0,
    ("member_expression", "property"): -1,
    ("subscript_expression", "object"): 0,
    ("subscript_expression", "index"): -1,
    ("pair", "key"): 0,
    ("pair", "value"): -1,
    ("variable_declarator", "name"): 0,
    ("assignment_expression", "left"): 0,
    ("assignment_expression", "right"): -1,
    ("augmented_assignment_expression", "left"): 0,
    ("augmented_assignment_expression", "right"): -1,
    ("binary_expression", "left"): 0,
    ("binary_expression", "right"): -1,
}
# Of these, a child is what stands within its wrappers: `(db as any).insert(row)`, and `await f<T>(x)`, of which the
# grammar makes a call of `await f`.
_BARE = frozenset(("function", "constructor", "object"))
_NONE: list[Node] = []
_QUOTED = 160  # characters of a line


class Node:
    """A node of a parsed file. `start` and `end` are offsets into the file's text, `line` counts from 1."""

    __slots__ = ("_sg", "children", "end", "file", "kind", "line", "parent", "start")

    def __init__(self, sg: Any, parent: Node | None, file: Parsed) -> None:
        span = sg.range()
        self._sg = sg
        self.kind: str = sg.kind()
        self.start: int = span.start.index
        self.end: int = span.end.index
        self.line: int = span.start.line + 1
        self.parent = parent
        self.file = file
        self.children: list[Node] = []

    @property
    def text(self) -> str:
        """As it is written."""
        return self.file.text[self.start : self.end]

    def field(self, name: str) -> Node | None:
        """The child that the grammar calls so; of what is called or has a member, without what stands around it."""
        position = _POSITIONS.get((self.kind, name))
        if position is not None:
            if not self.children:
                return None
            child = self.children[position]
            return unwrapped(child) if child.kind in WRAPPERS and name in _BARE else child
        found = self._sg.field(name)
        if found is None and (self.kind, name) in _FIELDS:
            found = self._sg.field(_FIELDS[self.kind, name])
        if found is None:
            return None
        span = found.range()
        start, end = span.start.index, span.end.index
        return next((child for child in self.children if child.start == start and child.end == end), None)

    @property
    def operator(self) -> str:
        """Of a unary or a binary expression."""
        found = self._sg.field("operator")
        return str(found.text()) if found is not None else ""

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

    __slots__ = ("_kinds", "_names", "_sg", "errors", "path", "root", "text")

    def __init__(self, path: str, text: str, sg: Any, errors: int) -> None:
        self.path = path
        self.text = text
        self._sg = sg
        self.errors = errors
        self._kinds: dict[str, list[Node]] = defaultdict(list)
        self._names: dict[str, list[Node]] = defaultdict(list)
        self.root = Node(sg, None, self)
        todo = [self.root]
        while todo:
            node = todo.pop()
            if node.kind in _KINDS:
                node.kind = _KINDS[node.kind]
            self._kinds[node.kind].append(node)
            if node.kind in NAMES:
                self._names[text[node.start : node.end]].append(node)
            node.children = [Node(child, node, self) for child in node._sg.named_children()]
            if node.children:
                node.children = [child for child in node.children if child.kind != "comment"]
                todo.extend(reversed(node.children))

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

    def found_by(self, patterns: Sequence[str]) -> list[tuple[int, int]]:
        """The offsets of the nodes that one of some patterns finds, as ast-grep has them."""
        found = self._sg.find_all({"rule": {"any": [{"pattern": pattern} for pattern in patterns]}})
        spans = [node.range() for node in found]
        return [(span.start.index, span.end.index) for span in spans]

    @property
    def names(self) -> Sequence[str]:
        """Each name that is used."""
        return tuple(self._names)


def is_installed() -> bool:
    """Whether there is what parses source."""
    return find_spec("ast_grep_py") is not None


def parse(file: SourceFile) -> Parsed:
    """Parse a file by the grammar of its name; of JavaScript's two, the one that understands more of it.

    Raises:
        NotCovered: ast-grep is not installed.
    """
    try:
        from ast_grep_py import SgRoot
    except ImportError:
        raise NotCovered("what parses source is not installed (ast-grep-py)", INSTALL) from None
    best: tuple[int, Any] | None = None
    for grammar in _GRAMMARS.get(file.suffix, _OF_JAVASCRIPT):
        root = SgRoot(file.text, grammar).root()
        errors = len(root.find_all(kind="ERROR"))
        if best is None or errors < best[0]:
            best = errors, root
        if not errors:
            break
    assert best is not None  # there is a grammar for every file
    return Parsed(file.path, file.text, best[1], best[0])


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
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = " ".join(text[start : end if end >= 0 else len(text)].split())
    shown = line if len(line) <= _QUOTED else line[:_QUOTED] + "..."
    return Place(node.file.path, node.line + text.count("\n", node.start, offset), shown)
