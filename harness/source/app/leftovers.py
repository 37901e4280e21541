"""What makes random tokens and is not used any more: helpers, imports, and values that nobody reads.

The change deletes the old generator. By its name, or by standing where rows of the table are stored, a helper that is
left behind is told from one that makes something else.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.app.imports import Imports, made_by
from harness.source.app.rules import may_make
from harness.source.javascript.functions import returns
from harness.source.javascript.literals import key_of
from harness.source.javascript.syntax import FUNCTIONS, Node, enclosing_function, line_of, unwrapped
from harness.source.spelling import plain, snake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.flow import Flow
    from harness.source.app.names import Names
    from harness.source.app.rules import Generators
    from harness.source.app.write import Write
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

_ELSE = re.compile(
    r"session|reset|csrf|xsrf|api|invit|refresh|access|verif|auth|jwt|e?mail|otp|magic|device|push|bearer|upload|"
    r"unsub|passw|confirm|activat|login|state|nonce|webhook|secret|request|trace|job|temp|file|cookie|user|signup|oauth"
)
MOST_PLACES = 4
_SPEAKS = re.compile(r"token|public|slug", re.IGNORECASE)
_TOKEN = re.compile(r"token|publics?(?:id|key|slug|code)|slug")


@dataclass(frozen=True, slots=True)
class Helper:
    """A function of the app that answers a random value, or a name that stands for one.

    `is_on_page` where a page of Vue, Svelte, Astro or MDX names it.
    """

    node: Node
    name: str
    origin: Node
    uses: tuple[Node, ...]
    is_on_page: bool


@dataclass(frozen=True, slots=True)
class Leftovers:
    """`left` are the places of what is left behind with why; `unused` helpers of which it is not known what they
    were for; `elsewhere` what makes random values for something else, as far as it is listed, and `files` how many more
    files may do so."""

    left: tuple[tuple[Node, str], ...]
    unused: tuple[Helper, ...]
    elsewhere: tuple[Node, ...]
    files: int


def leftovers(
    program: Program, generators: Generators, flow: Flow, names: Names, writes: list[Write], reaching: list[Node]
) -> Leftovers:
    """What is left behind in a program. `reaching` is what reaches the token column, and is judged elsewhere."""
    makers = [file for file in program.files.own if may_make(file.text)]
    # A helper that is called after tokens, or stands where rows are stored: other files are looked at for notes only.
    homes = {at.file.path for write in writes if write.is_create for at in write.run_at}
    asked = [
        f.path
        for f in makers
        if f.path in homes or names.is_table_in_code(f.text) or _SPEAKS.search(f.text) or _SPEAKS.search(f.path)
    ]
    modules = [program.files.module(path) for path in asked]
    stores = [at for write in writes if write.is_create for at in write.run_at]
    helpers = [one for one in _helpers(program, flow, modules) if not any(map(one.node.holds, stores))]
    own = set(reaching)
    unused = _unused(helpers, homes, names)
    left: list[tuple[Node, str]] = []
    unknown: list[Helper] = []
    for helper in unused:
        if helper.origin in own:
            continue
        if _is_left(helper, unused, homes, names):
            left.append((helper.node, f"{helper.name} is not used any more"))
        else:
            unknown.append(helper)
    left += Imports(program, generators, flow).unused(homes, [h.name for h in helpers if _is_of_token(h.name, names)])
    for path in sorted(homes):
        left += _unread(program, generators, program.files.module(path), helpers)
    at = {line_of(node).place for node in (*own, *(node for node, _ in left))}
    elsewhere: list[Node] = []
    files = 0
    for file in makers:
        if len(elsewhere) >= MOST_PLACES:
            files += 1
            continue
        elsewhere += [
            node
            for node, rule in generators.in_file(program.files.module(file.path))
            if rule.id not in ("clock", "by_name")
            and node not in own
            and line_of(node).place not in at
            and not any(helper.node.holds(node) for helper in unused)
        ]
    return Leftovers(tuple(left), tuple(unknown), tuple(elsewhere), files)


def _is_of_token(name: str, names: Names) -> bool:
    """Whether a helper's name says that it makes the table's tokens, or random tokens of no other kind."""
    said = plain(name)
    if names.token_in_text.search(snake(name)) is not None or (
        names.stem in said and re.search(r"token|slug|code|key|id$", said)
    ):
        return True
    return _TOKEN.search(said) is not None and _ELSE.search(said) is None


def _is_left(helper: Helper, unused: list[Helper], homes: set[str], names: Names) -> bool:
    """Whether a helper that is not used made the table's tokens, as far as its name, its place or its users say."""
    return _is_of_token(helper.name, names) or helper.node.file.path in homes or _made_for(helper, unused, names)


def _made_for(helper: Helper, unused: list[Helper], names: Names) -> bool:
    """Whether only helpers that were left behind themselves use it."""
    return any(
        other.node.holds(use)
        for use in helper.uses
        for other in unused
        if other is not helper and _is_of_token(other.name, names)
    )


def _helpers(program: Program, flow: Flow, modules: list[Module]) -> Iterator[Helper]:
    asked: dict[str, Module] = {module.path: module for module in modules}
    for module in list(asked.values()):
        root = module.scopes.get(module.parsed.root, {})
        for binding in list(root.values()):
            if binding.kind == "function" or (binding.kind == "var" and binding.value is not None and not binding.path):
                origin = made_by(program, flow, binding)
                if origin is not None:
                    known = [use for use in program.references(binding) if not _is_passed_on(use)]
                    uses = (*known, *(node for node in _members_called(program, binding.name) if node not in known))
                    yield Helper(_whole(binding.node), binding.name, origin, uses, program.is_on_page(binding.name))
        yield from _exported_helpers(program, flow, module)
        for method in module.parsed.of_kind("method_definition"):
            name = key_of(method)
            if name is None or name == "constructor" or _TOKEN.search(plain(name)) is None:
                continue
            origin = next((o for value in returns(method) if (o := flow.origin_within(value)) is not None), None)
            if origin is not None:
                uses = tuple(
                    use
                    for other in program.files.mentioning(name)
                    for use in other.parsed.named(name)
                    if use.parent is not method
                )
                yield Helper(method, name, origin, uses, program.is_on_page(name))


def _exported_helpers(program: Program, flow: Flow, module: Module) -> Iterator[Helper]:
    """The functions that a file exports without a name of its own for them: `exports.createToken = () => ..`."""
    for name, value in module.exports.items():
        if not isinstance(value, Node) or value.kind not in FUNCTIONS:
            continue
        if name == "default":
            yield from _nameless_helper(program, flow, module, value)
            continue
        origin = next((o for one in returns(value) if (o := flow.origin_within(one)) is not None), None)
        if origin is not None:
            imported = (
                node
                for other in program.files.mentioning(name)
                for local in other.imports
                if local.imported == name
                for node in other.parsed.named(local.name)
                if node.parent is not None and not node.parent.kind.startswith("import_")
            )
            uses = (*_members_called(program, name), *imported)
            yield Helper(value.parent or value, name, origin, uses, program.is_on_page(name))


def _nameless_helper(program: Program, flow: Flow, module: Module, made: Node) -> Iterator[Helper]:
    """A function without a name that is all a file exports: called as its file is, and used where that is named."""
    stem = posixpath.basename(module.path).partition(".")[0]
    if stem == "index":
        stem = posixpath.basename(posixpath.dirname(module.path))
    origin = next((o for one in returns(made) if (o := flow.origin_within(one)) is not None), None)
    words = re.split(r"[^A-Za-z0-9]+", stem)
    imported_as = words[0] + "".join(word.capitalize() for word in words[1:])  # by frameworks that import by names
    names = (stem, imported_as)
    if origin is None or any(other.path != module.path for name in names for other in program.files.holding(name)):
        return
    yield Helper(made.parent or made, imported_as, origin, (), any(map(program.is_on_page, names)))


def _whole(node: Node) -> Node:
    """A declaration as a whole: the declarator of a name."""
    return node.parent if node.parent is not None and node.parent.kind == "variable_declarator" else node


def _is_passed_on(use: Node) -> bool:
    """Whether a name is only exported: by a list, as the default, or in what a common module exports."""
    above = use.parent
    if above is not None and above.kind == "pair":
        above = above.parent
    if above is not None and above.kind == "object":
        above = above.parent
    if above is None:
        return False
    if above.kind == "assignment_expression":
        left = above.field("left")
        return left is not None and left.text.startswith(("module.exports", "exports."))
    return above.kind in ("export_specifier", "export_statement")


def _members_called(program: Program, name: str) -> Iterator[Node]:
    """Members of this name that anything is asked for: whose they are is not always known."""
    for module in program.files.mentioning(name):
        for node in module.parsed.named(name):
            above = node.parent
            if node.kind == "identifier":  # const { generateToken } = tokens; generateToken()
                taken = module.resolve(node)
                if taken is not None and taken.kind in ("var", "param") and taken.path[-1:] == (name,):
                    yield node
                continue
            if node.kind != "property_identifier" or above is None or above.kind != "member_expression":
                continue
            if not above.text.startswith(("module.exports.", "exports.")):
                yield node


def _unused(helpers: list[Helper], homes: set[str], names: Names) -> list[Helper]:
    """The helpers that only themselves use, and those left behind.

    One that is not known to have made tokens may be called by what is not seen: what it uses is in use.
    """
    dead: list[Helper] = []
    while True:
        left = [helper for helper in dead if _is_left(helper, dead, homes, names)]
        more = [
            helper
            for helper in helpers
            if helper not in dead
            and not helper.is_on_page
            and all(helper.node.holds(use) or any(other.node.holds(use) for other in left) for use in helper.uses)
        ]
        if not more:
            return dead
        dead += more


def _unread(
    program: Program, generators: Generators, module: Module, helpers: list[Helper]
) -> Iterator[tuple[Node, str]]:
    """Names that are given a random value and never read."""
    made = {unwrapped(helper.node.field("value") or helper.node) for helper in helpers}
    for node in module.parsed.of_kind("variable_declarator"):
        name, value = node.field("name"), node.field("value")
        if name is None or name.kind != "identifier" or value is None or enclosing_function(node) is None:
            continue
        inner = unwrapped(value)
        if inner.kind != "call_expression":
            continue
        callee = inner.field("function")
        functions = program.objects.functions(callee) if callee is not None else []
        if generators.rule_of(inner) is None and not any(function in made for function in functions):
            continue
        binding = module.resolve(name)
        if binding is None:
            continue
        reads = [
            n
            for n in module.parsed.named(name.text)
            if n is not name
            and module.resolve(n) is binding
            and n.kind in ("identifier", "shorthand_property_identifier")
        ]
        if not reads:
            yield node, f"{name.text} is made and never read"
