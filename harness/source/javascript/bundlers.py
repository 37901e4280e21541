"""What the configuration of a bundler or of Babel says of imports: `alias` of Vite, webpack, SvelteKit and others.

Read as it is written, and never run: what is put together from anything else is known to be an alias, but not of what.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.source.javascript.functions import member_name, parameter_names, returns
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.syntax import FUNCTIONS, Node, arguments, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.source.javascript.modules import Module

CONFIGURATION = re.compile(
    r"(?:(?:electron\.)?vite|webpack|babel|rollup|rspack|rsbuild|craco|next|nuxt|svelte|astro|vue|metro)"
    r"(?:[.\-]\w+)*\.[cm]?[jt]s$|\.babelrc\.[cm]?js$"
)
_HERE = re.compile(r"__dirname|import\.meta\.(?:dirname|url)|process\.cwd\(\)|'\.'|\"\.\"")
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Alias:
    """What an import begins with, and what stands for that: a path below the root, None where it could not be read."""

    find: str
    target: str | None
    is_whole: bool = False

    def rest(self, name: str) -> str | None:
        """What follows the alias in an import; None where it is none of it."""
        if name == self.find:
            return ""
        begins = self.find if self.find.endswith("/") else f"{self.find}/"
        return name[len(begins) :] if not self.is_whole and name.startswith(begins) else None


def aliases_of_program(module: Module) -> Iterator[Alias]:
    """The aliases of a file of configuration."""
    for pair in module.parsed.of_kind("pair"):
        value = pair.field("value")
        if value is None:
            continue
        if key_of(pair) == "alias":
            yield from _listed(module, value)
        elif key_of(pair) == "root" and _is_of_babel(pair):
            for node in _meant(module, value).children:
                yield Alias("", _path(module, node, {}))
    for short in module.parsed.of_kind("shorthand_property_identifier"):
        if short.text == "alias":
            yield from _listed(module, short)
    for assigned in module.parsed.of_kind("assignment_expression"):
        left, right = assigned.field("left"), assigned.field("right")
        owner = left.field("object") if left is not None else None
        if left is None or right is None or owner is None:
            continue
        if member_name(left) == "alias":
            yield from _listed(module, right)
        elif re.search(r"(?:^|\.)alias$", owner.text) and (name := member_name(left)) is not None:
            yield _alias(name, _path(module, right, {}))


def aliases_of_document(document: dict[str, Any], folder: str) -> Iterator[Alias]:
    """The same of .babelrc, or of `babel` in package.json."""
    plugins = document.get("plugins")
    for plugin in plugins if isinstance(plugins, list) else ():
        if not (isinstance(plugin, list) and len(plugin) > 1 and "module-resolver" in str(plugin[0])):
            continue
        options = plugin[1] if isinstance(plugin[1], dict) else {}
        listed, roots = options.get("alias"), options.get("root")
        for name, target in listed.items() if isinstance(listed, dict) else ():
            yield _alias(name, _below(folder, target) if isinstance(target, str) else None)
        for root in roots if isinstance(roots, list) else [roots]:
            if isinstance(root, str):
                yield Alias("", _below(folder, root))


def aliased(aliases: Iterable[Alias], name: str) -> tuple[str | None, ...]:
    """What aliases make of an import, the first that fits alone; () where none does, and None where it is not known."""
    roots: list[str | None] = []
    for alias in aliases:
        if not alias.find:
            roots += [posixpath.join(alias.target, name)] if alias.target is not None else []
        elif (rest := alias.rest(name)) is not None:
            return (posixpath.join(alias.target, rest).rstrip("/") if alias.target is not None else None,)
    return tuple(roots)


def _alias(name: str, target: str | None) -> Alias:
    return Alias(name.removesuffix("$"), target, name.endswith("$"))


def _is_of_babel(pair: Node) -> bool:
    return any(above.kind == "array" and "module-resolver" in above.text for above in pair.above())


def _listed(module: Module, node: Node) -> Iterator[Alias]:
    node = _meant(module, node)
    for child in node.children if node.kind == "array" else ():  # [{find: "@", replacement: "./src"}]
        held = {key_of(one): one.field("value") for one in unwrapped(child).children if one.kind == "pair"}
        find, target = held.get("find"), held.get("replacement")
        if find is not None and target is not None and (name := _found(find)) is not None:
            yield Alias(name, _path(module, target, {}))
    for child in node.children if node.kind == "object" else ():
        if child.kind == "spread_element":
            yield from _listed(module, child.children[0])
        value = child.field("value") if child.kind == "pair" else None
        if value is not None and (key := key_of(child)) is not None:
            yield _alias(key, _path(module, value, {}))


def _found(node: Node) -> str | None:
    """What an alias begins with: a text, or a pattern that is one, `/^@\\//`."""
    plain = re.fullmatch(r"/\^((?:[\w@~#-]|\\?/)+)(\$|\(\.\*\)\$?)?/\w*", node.text) if node.kind == "regex" else None
    return plain[1].replace("\\", "") if plain is not None else literal(node)


def _meant(module: Module, node: Node) -> Node:
    """What a name of the file stands for."""
    for _ in range(_DEEPEST):
        node = unwrapped(node)
        found = module.resolve(node) if node.kind in ("identifier", "shorthand_property_identifier") else None
        if found is None or found.kind not in ("var", "function") or found.path or found.value is None:
            break
        node = found.value
    return node


def _path(module: Module, node: Node, given: Mapping[str, str], depth: int = 0) -> str | None:
    """The path below the root that an expression says; None where it is not known. `given` are parameters."""
    said = _text(module, node, given, depth)
    folder = posixpath.dirname(module.path)
    if said is None:
        return None
    return _below(folder, said.removeprefix("file://"))


def _text(module: Module, node: Node, given: Mapping[str, str], depth: int) -> str | None:
    """A path as it is written, beginning with `./` where it begins from the folder of the file."""
    node = unwrapped(node)
    if depth > _DEEPEST:
        return None
    if node.kind == "identifier" and node.text in given:
        return given[node.text]
    if _HERE.fullmatch(node.text):
        return "./"
    if (said := literal(node)) is not None:
        return said
    if node.kind == "identifier":
        meant = _meant(module, node)
        return _text(module, meant, given, depth + 1) if meant is not node else None
    if node.kind == "template_string":
        pieces = [_text(module, one.children[0], given, depth + 1) for one in node.children if one.children]
        written = re.split(r"\$\{[^}]*\}", node.text.strip("`"))
        if None in pieces or len(written) != len(pieces) + 1:
            return None
        return "".join(text + (piece or "") for text, piece in zip(written, [*pieces, ""], strict=True))
    if node.kind == "binary_expression" and node.operator == "+":
        return _joined([_text(module, one, given, depth + 1) for one in node.children[:2]], "")
    if node.kind == "member_expression" and member_name(node) in ("pathname", "href"):
        return _text(module, node.field("object") or node, given, depth + 1)
    if node.kind == "new_expression" and (node.field("constructor") or node).text == "URL":
        return _text(module, arguments(node)[0], given, depth + 1) if arguments(node) else None
    return _called(module, node, given, depth) if node.kind == "call_expression" else None


def _called(module: Module, call: Node, given: Mapping[str, str], depth: int) -> str | None:
    callee = call.field("function")
    if callee is None:
        return None
    said = [_text(module, one, given, depth + 1) for one in arguments(call)]
    name = member_name(callee) if callee.kind == "member_expression" else callee.text
    function = _meant(module, callee) if callee.kind == "identifier" else callee
    if function.kind in FUNCTIONS:  # const here = (folder) => path.resolve(__dirname, folder)
        known = {key: one for key, one in zip(parameter_names(function), said, strict=False) if one is not None}
        answers = returns(function)
        return _text(module, answers[0], known, depth + 1) if len(answers) == 1 else None
    if name == "dirname":
        return "./" if _HERE.search(call.text) else None
    if name in ("fileURLToPath", "normalizePath", "realpathSync"):
        return said[0] if said else None
    return _joined(said, "/") if name in ("resolve", "join") and said else None


def _joined(said: list[str | None], between: str) -> str | None:
    known = [one for one in said if one is not None]
    return between.join(known) if len(known) == len(said) else None


def _below(folder: str, path: str) -> str:
    """A path that a file of a folder says; one that begins with `/` begins from that folder, as Vite has it."""
    found = posixpath.normpath(posixpath.join(folder, path.lstrip("/")))
    return "" if found == "." else found
