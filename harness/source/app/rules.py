"""The rules of `rules.yaml`: what makes a value, and what recognises a collision."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.source.javascript.literals import literal
from harness.source.javascript.modules import Binding
from harness.source.javascript.patterns import found_by
from harness.source.javascript.syntax import Node, unwrapped

if TYPE_CHECKING:
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

FILE = Path(__file__).with_name("rules.yaml")
_VALUES = ("call_expression", "member_expression", "new_expression")


@dataclass(frozen=True)
class Rule:
    """A rule as the file has it; the file says what each key means."""

    id: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    patterns: tuple[str, ...] = ()
    packages: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    called: str = ""
    not_from: str = ""

    def is_of_package(self, package: str, name: str) -> bool:
        """Whether something that was imported is what the rule looks for."""
        if package not in self.packages:
            return False
        own = "module" if name == "*" else name
        return "*" in self.names or own in self.names or own.rpartition(".")[2] in self.names

    def is_called(self, name: str) -> bool:
        """Whether a name alone is enough."""
        return bool(self.called) and re.match(self.called, name, re.IGNORECASE) is not None

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Of each pattern a word without which no text can hold it."""
        return tuple(max(re.findall(r"(?<!\$)\b[A-Za-z]\w+", pattern), key=len) for pattern in self.patterns)

    def found_by_pattern(self, module: Module) -> list[tuple[int, int]]:
        """Where a file holds one of the patterns: offsets of its nodes."""
        text = module.parsed.text
        asked = [p for p, word in zip(self.patterns, self.words, strict=True) if word in text]
        return list(found_by(module.parsed, asked))


@cache
def rules(section: str) -> tuple[Rule, ...]:
    """The rules of `generators` or of `collisions`."""
    document: dict[str, list[dict[str, Any]]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(_rule(entry) for entry in document[section])


def _rule(entry: dict[str, Any]) -> Rule:
    made: dict[str, Any] = {key: value if isinstance(value, str) else tuple(value) for key, value in entry.items()}
    for key in ("packages", "names", "texts"):
        made[key] = frozenset(made.get(key, ()))
    return Rule(**made)


_IMPORTED = re.compile(r"""(?:from|require\(|import\(|import)\s*["']([^"'\n]+)["']""")


@cache
def _triggers() -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The packages, each with the names of which a text must hold one (none where any use of it counts), and words."""
    words = {word for rule in rules("generators") for word in rule.words if rule.id != "clock"}
    packages: dict[str, tuple[str, ...]] = {}
    for rule in rules("generators"):
        needed = () if rule.names & {"*", "default", "module"} else tuple(sorted(rule.names))
        packages |= dict.fromkeys(rule.packages, needed)
    return packages, tuple(sorted(words))


def may_make(text: str) -> bool:
    """Whether a file's text imports what makes random values, or holds a word of a pattern that does."""
    packages, words = _triggers()
    if any(word in text for word in words):
        return True
    needed = (packages[package] for package in _IMPORTED.findall(text) if package in packages)
    return any(not names or any(name in text for name in names) for names in needed)


# The rules whose packages, imported as a whole where tokens were made, were imported for that.
_MAKES_NOTHING_ELSE = ("crypto", "nanoid", "uuid", "other_packages")


class Generators:
    """Recognises what makes a random value in the files of a program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._marks: dict[str, dict[tuple[int, int], Rule]] = {}

    def marks(self, module: Module) -> dict[tuple[int, int], Rule]:
        """The nodes of a file that a pattern finds, by their offsets."""
        if module.path not in self._marks:
            self._marks[module.path] = {
                span: rule for rule in rules("generators") for span in rule.found_by_pattern(module)
            }
        return self._marks[module.path]

    def rule_of(self, node: Node) -> Rule | None:
        """The rule by which an expression makes a value, or is a function that does; None where it is no such thing."""
        node = unwrapped(node)
        if node.kind in _VALUES:
            found = self.marks(self._program.files.of(node)).get((node.start, node.end))
            if found is not None:
                return found
        if node.kind in ("call_expression", "new_expression"):
            callee = node.field("function") or node.field("constructor")
            return self._imported(callee) if callee is not None else None
        return self._imported(node) if node.kind in ("identifier", "member_expression") else None

    def _imported(self, node: Node) -> Rule | None:
        known = self._program.resolver.package_of(node)
        if known is None:
            return None
        return next((rule for rule in rules("generators") if rule.is_of_package(*known)), None)

    def is_imported(self, binding: Binding) -> bool:
        """Whether an import is of something that makes random values."""
        return any(rule.is_of_package(binding.package, binding.imported) for rule in rules("generators"))

    def may_be_imported(self, binding: Binding) -> bool:
        """Whether an import is of all of a package that makes them, or is not seen and says so by its name."""
        if binding.imported in ("*", "default") and any(
            binding.package in rule.packages for rule in rules("generators") if rule.id in _MAKES_NOTHING_ELSE
        ):
            return True
        rule = self.by_name_rule
        is_of_others = re.match(rule.not_from, binding.package) is not None
        return not is_of_others and rule.is_called(binding.imported)

    def by_name(self, callee: Node) -> Rule | None:
        """The rule for a function that is called and not to be found, whose name says that it makes one."""
        name = callee.text.rpartition(".")[2].strip("()!? ")
        known = self._program.resolver.package_of(callee)
        if known is not None and self.by_name_rule.not_from and re.match(self.by_name_rule.not_from, known[0]):
            return None
        return next((rule for rule in rules("generators") if rule.is_called(name)), None)

    @property
    def by_name_rule(self) -> Rule:
        """The rule that goes by names."""
        return next(rule for rule in rules("generators") if rule.called)

    def in_file(self, module: Module) -> list[tuple[Node, Rule]]:
        """What makes a random value in a file, each place once, in the order of the text."""
        found: dict[tuple[int, int], tuple[Node, Rule]] = {}
        for node in module.parsed.of_kind(*_VALUES):
            rule = self.rule_of(node)
            if rule is None and node.kind == "call_expression":
                callee = node.field("function")
                is_unknown = callee is not None and callee.kind == "identifier" and self._is_unknown(callee)
                rule = self.by_name(callee) if callee is not None and is_unknown else None
            if rule is not None:
                found[node.start, node.end] = node, rule
        for binding in module.imports:
            for node in module.parsed.named(binding.name):
                handed_on = node.parent is not None and node.parent.kind in ("arguments", "pair")
                if handed_on and node.kind == "identifier" and (rule := self.rule_of(node)) is not None:
                    found[node.start, node.end] = node, rule
        # `crypto.randomBytes` in `crypto.randomBytes(8)` is the same place, listed once.
        called = {(c.start, c.end) for node, _ in found.values() if (c := node.field("function")) is not None}
        return [found[key] for key in sorted(found) if key not in called or found[key][0].kind == "call_expression"]

    def _is_unknown(self, callee: Node) -> bool:
        found = self._program.resolver.meaning(callee)
        return isinstance(found, Binding) and found.kind == "import"


def collision_rule(program: Program, node: Node) -> Rule | None:
    """The rule by which a string, a number, a regular expression or a name recognises a unique violation."""
    if node.kind in ("string", "template_string", "number", "regex"):
        said = node.text.strip("/") if node.kind == "regex" else literal(node)
        if said is None:
            return None
        for rule in rules("collisions"):
            if said in rule.texts or any(re.search(phrase, said, re.IGNORECASE) for phrase in rule.phrases):
                return rule
        return None
    known = program.resolver.package_of(node) if node.kind == "identifier" else None
    if node.kind == "identifier" and (known is None or known[0].startswith(".")):
        return None
    name = node.text if known is None else known[1]
    return next((rule for rule in rules("collisions") if rule.is_called(name)), None)
