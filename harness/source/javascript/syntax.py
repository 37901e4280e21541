"""Parses TypeScript and JavaScript into trees that are cheap to walk: nodes know their parent, their file and line.

ast-grep parses; its nodes are copied once for each file that matters, since each question put to them crosses into
another language and back. It is imported when the first file is parsed, not before.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from harness.errors import NotCovered
from harness.source.checkout import INSTALL, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.source.checkout import SourceFile

FUNCTIONS = frozenset(
    (
        "function_declaration",
        "generator_function_declaration",
        "function_expression",
        "generator_function",
        "arrow_function",
        "method_definition",
    )
)
NAMES = frozenset(("identifier", "property_identifier", "shorthand_property_identifier", "private_property_identifier"))
_GRAMMARS = {".ts": ("typescript",), ".mts": ("typescript",), ".cts": ("typescript",), ".tsx": ("tsx",)}
_OF_JAVASCRIPT = ("tsx", "javascript")  # the first knows types, which much JavaScript of build tools has; one shape
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
_NONE: list[Node] = []
_QUOTED = 160  # characters of a line


class Node:
    """A node of a parsed file. `start` and `end` are offsets into the file's text, `line` counts from 1."""

    __slots__ = ("children", "end", "file", "kind", "line", "parent", "sg", "start")

    def __init__(self, sg: Any, parent: Node | None, file: Parsed) -> None:
        span = sg.range()
        self.sg = sg
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
        """The child that the grammar calls so."""
        position = _POSITIONS.get((self.kind, name))
        if position is not None:
            return self.children[position] if self.children else None
        found = self.sg.field(name)
        if found is None:
            return None
        span = found.range()
        start, end = span.start.index, span.end.index
        return next((child for child in self.children if child.start == start and child.end == end), None)

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

    __slots__ = ("_kinds", "_names", "errors", "path", "root", "sg", "text")

    def __init__(self, path: str, text: str, sg: Any, errors: int) -> None:
        self.path = path
        self.text = text
        self.sg = sg
        self.errors = errors
        self._kinds: dict[str, list[Node]] = defaultdict(list)
        self._names: dict[str, list[Node]] = defaultdict(list)
        self.root = Node(sg, None, self)
        todo = [self.root]
        while todo:
            node = todo.pop()
            self._kinds[node.kind].append(node)
            if node.kind in NAMES:
                self._names[text[node.start : node.end]].append(node)
            node.children = [Node(child, node, self) for child in node.sg.named_children()]
            if node.children:
                node.children = [child for child in node.children if child.kind != "comment"]
                if node.kind == "call_expression":
                    _take_await_off(node)
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

    @property
    def names(self) -> Sequence[str]:
        """Each name that is used."""
        return tuple(self._names)


def _take_await_off(call: Node) -> None:
    """Give a call the callee that it has: of `await f<T>(x)` the grammar makes a call of `await f`.

    A callee that is awaited indeed stands in brackets. Spans are left as the grammar has them.
    """
    callee = call.children[0]
    if callee.kind == "await_expression" and (inner := callee.sg.named_children()):
        call.children[0] = Node(inner[-1], call, call.file)


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
    while True:
        if node.kind in ("parenthesized_expression", "await_expression", "non_null_expression", "spread_element"):
            inner = node.children[0] if node.children else None
        elif node.kind in ("as_expression", "satisfies_expression"):
            inner = node.children[0]
        elif node.kind == "type_assertion":
            inner = node.children[-1]
        else:
            return node
        if inner is None:
            return node
        node = inner


def literal(node: Node | None) -> str | None:
    """The text of a string, a number, or a template without substitutions; None of anything else."""
    if node is None:
        return None
    node = unwrapped(node)
    if node.kind == "string" or (node.kind == "template_string" and not node.of_kind("template_substitution")):
        inner = node.text[1:-1]
        return inner.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"').replace("\\'", "'")
    return node.text if node.kind == "number" else None


def key_of(node: Node) -> str | None:
    """The name of a member of an object, a class or a pattern; None where it is computed from something unknown."""
    name = node.field("name") or node.field("key") if node.kind != "shorthand_property_identifier" else node
    if name is None:
        return None
    if name.kind == "computed_property_name":
        return literal(name.children[0]) if name.children else None
    return literal(name) if name.kind in ("string", "number") else name.text.lstrip("#")


def arguments(call: Node) -> list[Node]:
    """The arguments of a call; of a tagged template, none."""
    given = call.field("arguments")
    return list(given.children) if given is not None and given.kind == "arguments" else []


def enclosing_function(node: Node) -> Node | None:
    """The function that a node stands in."""
    return next((above for above in node.above() if above.kind in FUNCTIONS), None)


def spot(node: Node, at: int | None = None) -> Place:
    """The line on which a node begins, or the one of an offset in it, without the blanks around it."""
    text = node.file.text
    offset = node.start if at is None else at
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = " ".join(text[start : end if end >= 0 else len(text)].split())
    shown = line if len(line) <= _QUOTED else line[:_QUOTED] + "..."
    return Place(node.file.path, node.line + text.count("\n", node.start, offset), shown)
