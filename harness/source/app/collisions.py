"""What an app does about 23505, a unique violation: which handlers guard the storing of a row of the table.

A handler is found by what it recognises the violation by, wherever that is written: in the condition itself, in a
constant or in a helper. What it guards is the block it is to catch errors of, or the calls it is handed to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.source.app.rules import collision_rule
from harness.source.javascript.functions import call_around, function_name, member_name, parameters, returns
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import (
    CLASSES,
    FIELD,
    FUNCTIONS,
    WRAPPERS,
    Node,
    arguments,
    enclosing_function,
    outermost,
    unwrapped,
)
from harness.source.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.calls import Calls
    from harness.source.app.constraints import Constraints, Whose
    from harness.source.app.names import Names
    from harness.source.app.writes import Write
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

_TEXT = re.compile(r"23505|P2002|unique|duplicate key|ER_DUP_ENTRY", re.IGNORECASE)
_WORDS = ("23505", "p2002", "unique", "duplicate key", "er_dup_entry")
_SAID = (
    "constraint",
    "constraint_name",
    "constraintName",
    "target",
    "detail",
    "column",
    "table",
    "table_name",
    "tableName",
    "fields",
    "path",
    "meta",
)
# What is asked of an error where nothing else says that it is one; and what a catalogue's row is asked for.
_OF_AN_ERROR = re.compile(r"\b(?:constraint|constraint_name|constraintName|detail)\b|\bmeta\??\.target\b")
_OF_A_CATALOGUE = re.compile(r"\b(?:conname|indexname|index_name|relname)\b")
_HANDS_ON = re.compile(r"throw\s+\w+\s*;?$|(?:return\s+)?(?:next|reject|Promise\.reject)\(\s*\w+\s*\)\s*;?$")
_EQUAL = frozenset(("==", "===", "!=", "!=="))
_ASKS = frozenset(
    ("includes", "startsWith", "endsWith", "test", "match", "has", "indexOf", "search", "some", "every", "equals")
)
_GLOBAL = re.compile(r"(?:^|\.)(?:use|onError|setErrorHandler|errorHandler|useGlobalFilters|addHook|on)$")
_STORES = re.compile(r"(?:create|insert|save|add|store|register|new)", re.IGNORECASE)
_SAYS_UNIQUE = re.compile(r"duplicate|violat|unique constraint", re.IGNORECASE)
_INSERTS_INTO = re.compile(r"\binsert\s+into\b", re.IGNORECASE)
_AGAIN = re.compile(r"\bcontinue\b|\bretr(?:y|ies)|\battempt|\bagain\b", re.IGNORECASE)
_ANOTHER = re.compile(r"\b(?:name|slug|e-?mail|title|handle|username|domain|subdomain|label|phone)\b", re.IGNORECASE)
_CODE = re.compile(r"23505|P2002")
_ENDS_OF_SCOPE = frozenset(("catch_clause", "statement_block", "switch_body", "program", "decorator"))
_DEEPEST = 6
HandlerScope = Literal["ours", "other", "global"]


@dataclass(frozen=True, slots=True)
class Handler:
    """A place that handles a unique violation, and why it concerns the token or does not."""

    node: Node
    verdict: HandlerScope
    why: str


@dataclass(frozen=True, slots=True)
class _Guard:
    """What an error that is handled may come from."""

    regions: tuple[Node, ...]
    place: Node
    is_global: bool = False


class Collisions:
    """Finds the handlers of a program."""

    def __init__(
        self, program: Program, names: Names, calls: Calls, writes: list[Write], constraints: Constraints
    ) -> None:
        self._program = program
        self._names = names
        self._calls = calls
        self._constraints = constraints
        self._creates = [at for write in writes if write.is_create or write.may_store for at in write.run_at]

    def handlers(self) -> list[Handler]:
        """All handlers, each place once, those of the token's column first."""
        found: dict[tuple[str, int], Handler] = {}
        for module in self._program.files.modules(self._program.files.speaking(_TEXT, *_WORDS)):
            for node in self._candidates(module):
                if collision_rule(self._program, node) is None or _is_declaration(node):
                    continue
                for at in self._decisions(node, 0, set()):
                    handler = self._judged(at)
                    key = at.file.path, at.line
                    if handler is not None and (key not in found or handler.verdict == "ours"):
                        found[key] = handler
        for handler in self._of_constraints():
            near = enclosing_function(handler.node)
            if not any(near is enclosing_function(other.node) for other in found.values() if other.verdict == "ours"):
                found.setdefault((handler.node.file.path, handler.node.line), handler)
        order = {"ours": 0, "global": 1, "other": 2}
        return sorted(found.values(), key=lambda h: (order[h.verdict], h.node.file.path, h.node.line))

    def _of_constraints(self) -> Iterator[Handler]:
        """Those that ask for the token's constraint, or for its column, and for no code."""
        files = self._program.files.speaking(self._names.token_in_text, self._names.token_word)
        named = [name for name, is_ours in self._constraints.known.items() if is_ours]
        files = [
            *files,
            *(f for f in self._program.files.own if f not in files and any(name in f.text for name in named)),
        ]
        for module in self._program.files.modules(files):
            for node in module.parsed.of_kind("string", "template_string", "regex"):
                said = literal(node) or node.text
                if said not in self._constraints.known and self._names.token_word not in said.lower():
                    continue
                whose = self._constraints.of(said)
                if whose in ("other", "silent"):
                    continue
                for at in self._decisions(node, 0, set()):
                    asked = _asked(at)
                    if asked is None or not self._is_of_an_error(asked, whose):
                        continue
                    handler = self._judged(at)
                    if handler is not None:
                        yield handler
            yield from self._of_maps(module)

    def _of_maps(self, module: Module) -> Iterator[Handler]:
        """Of answers by constraint: `{chatbots_public_token_key: "taken"}[err.constraint]`, also by a name."""
        keys = [
            node
            for name in module.parsed.names
            if self._names.token_word in name.lower() and self._constraints.of(name) == "ours"
            for node in module.parsed.named(name)
        ]
        keys += [
            node
            for node in module.parsed.of_kind("string")
            if node.parent is not None
            and node.parent.kind == "pair"
            and self._constraints.of(literal(node) or "") == "ours"
        ]
        for key in keys:
            pair = key.parent
            if pair is None or pair.kind != "pair" or pair.field("key") is not key or pair.parent is None:
                continue
            held = pair.parent
            held = outermost(held)
            declared = held.parent if held.parent is not None and held.parent.kind == "variable_declarator" else None
            name = declared.field("name") if declared is not None else None
            binding = module.resolve(name) if name is not None else None
            for use in [held] if binding is None else self._program.references(binding):
                index = use.parent.field("index") if use.parent is not None and use.parent is not pair else None
                if index is not None and index is not use and _OF_AN_ERROR.search(index.text):
                    yield Handler(use, "ours", f"it asks for {self._names.token}")

    def _is_of_an_error(self, asked: Node, whose: Whose) -> bool:
        """Whether what a text is compared with is an error's; a name of the token's need not say so."""
        said = (asked.field("value") or asked).text if asked.kind == "switch_statement" else asked.text
        if whose == "ours":
            return _OF_A_CATALOGUE.search(said) is None
        return _OF_AN_ERROR.search(said) is not None

    def _candidates(self, module: Module) -> Iterator[Node]:
        """What may recognise a violation: texts, numbers, regular expressions, and names, also of what was renamed."""
        for node in module.parsed.of_kind("string", "template_string", "regex", "number"):
            text = node.text.lower()
            if any(word in text for word in _WORDS) or "unique_" in text:
                yield node
        renamed = {b.name for b in module.imports if b.name != b.imported and _TEXT.search(b.imported)}
        for name in module.parsed.names:
            if name in renamed or _TEXT.search(name):
                yield from (
                    node for node in module.parsed.named(name) if node.kind in ("identifier", "property_identifier")
                )

    # --- from what is recognised to where it decides

    def _decisions(self, node: Node, depth: int, seen: set[Node]) -> Iterator[Node]:
        """Where something that recognises a violation is asked: itself, or the uses of the constant that it is."""
        if depth > _DEEPEST or node in seen:
            return
        seen.add(node)
        held = node
        for above in node.above():
            if above.kind in (
                "array",
                "object",
                "pair",
                *WRAPPERS,
                "new_expression",
                "arguments",
                "enum_assignment",
                "enum_body",
                "call_expression",
            ) and _is_constant(above, node):
                if above.kind in ("pair", "enum_assignment"):
                    held = above
                continue
            if above.kind in ("variable_declarator", "enum_declaration", FIELD, "export_statement"):
                yield from self._uses(above, held, depth, seen)
                return
            break
        yield node

    def _uses(self, declared: Node, held: Node, depth: int, seen: set[Node]) -> Iterator[Node]:
        name = declared.field("name")
        binding = (
            self._program.files.of(declared).resolve(name)
            if name is not None and name.kind in ("identifier", "type_identifier")
            else None
        )
        if declared.kind == "enum_declaration" and name is not None:
            binding = (
                self._program.files.of(declared).scopes[self._program.files.of(declared).parsed.root].get(name.text)
            )
        key = None
        if held.kind in ("pair", "enum_assignment"):
            key = key_of(held) if held.kind == "pair" else held.children[0].text
        if declared.kind == FIELD:
            key = key_of(declared)
        uses = list(self._program.references(binding)) if binding is not None else []
        if binding is None and key is not None:
            uses = [
                n
                for module in self._program.files.mentioning(key)
                for n in module.parsed.named(key)
                if n.kind == "property_identifier" and n.parent is not None and n.parent.kind == "member_expression"
            ]
        for use in uses:
            above = use.parent
            if (
                (
                    key is not None
                    and above is not None
                    and above.kind == "member_expression"
                    and above.field("object") is use
                )
                and member_name(above) not in (key, None)
                and not (key or "").isdecimal()
                and key != "P2002"
            ):
                continue
            yield from self._decisions(use, depth + 1, seen)

    # --- what it guards

    def _judged(self, at: Node) -> Handler | None:
        subject = self._subject(at)
        if subject == "ours":
            return Handler(at, "ours", f"it asks for {self._names.token}")
        guards = list(self._guards(at, 0, set()))
        if subject == "other":
            return Handler(at, "other", "it asks for another constraint")
        if subject == "column":
            regions = [region for guard in guards for region in guard.regions]
            if self._is_anothers(regions):
                return Handler(at, "other", "it guards the storing of another table")
            return Handler(at, "ours", f"it asks for {self._names.token}")
        for guard in guards:
            if any(self._reaches(region, 0, set()) for region in guard.regions) or self._may_store(guard):
                if self._subject(guard.place) == "other":
                    continue
                if self._speaks_of_another(at, guard):
                    return Handler(at, "other", "its answer speaks of another column")
                where = (
                    ""
                    if guard.place.file is at.file and guard.place.line == at.line
                    else f", used at {guard.place.file.path}:{guard.place.line}"
                )
                return Handler(at, "ours", f"it guards the storing of {self._names.table}{where}")
        if any(guard.is_global for guard in guards):
            return Handler(at, "global", "it handles the errors of every route")
        return Handler(at, "other", "it guards nothing that stores this table") if guards else None

    def _guards(self, at: Node, depth: int, seen: set[Node]) -> Iterator[_Guard]:
        if depth > _DEEPEST:
            return
        function = enclosing_function(at)
        yield from self._guards_of_answer(at)
        yield from self._guards_of_decorated(at)
        for above in at.above():
            if above is function:
                break
            if above.kind == "catch_clause" and above.parent is not None:
                body = above.parent.field("body")
                if body is not None:
                    yield _Guard((body,), at)
                return
        if function is None or function in seen:
            return
        seen.add(function)
        yield from self._guards_of_function(function, at, depth, seen)

    def _guards_of_answer(self, at: Node) -> Iterator[_Guard]:
        """Of an error that is answered rather than thrown: `const {data, error} = await client.insert(..)`."""
        asked = next(
            (a for a in at.above() if a.kind in ("binary_expression", "call_expression", "switch_statement")), at
        )
        subject = asked.field("value") or asked if asked.kind == "switch_statement" else asked
        for name in subject.below("identifier"):
            found = self._program.files.of(name).resolve(name)
            value = found.value if found is not None and found.kind == "var" else None
            if value is not None and next(value.below("call_expression"), None) is not None:
                yield _Guard((value,), at)

    def _guards_of_function(self, function: Node, at: Node, depth: int, seen: set[Node]) -> Iterator[_Guard]:
        call = call_around(function)
        if call is not None:
            yield from self._guards_of_call(call, function, at)
        yield from self._guards_of_returned(function)
        if _handles_all(function):
            yield _Guard((), at, is_global=True)
        for use in self._program.calls_of(function):
            yield from self._guards(use, depth + 1, seen)
        name = function_name(function)
        binding = self._program.files.of(function).scopes[self._program.files.of(function).parsed.root].get(name or "")
        for use in self._program.references(binding) if binding is not None else ():
            holder = use.parent
            while holder is not None and holder.kind in ("pair", "object", "array"):
                holder = holder.parent
            if holder is not None and holder.kind == "arguments" and holder.parent is not None:
                yield from self._guards_of_call(holder.parent, use, use)

    def _guards_of_returned(self, function: Node) -> Iterator[_Guard]:
        """Of a function that another one makes: `insert().catch(retryOn(insert))`, also by a name in between."""
        outer = next((above for above in function.above() if above.kind in FUNCTIONS), None)
        if outer is None or not any(unwrapped(value) is function for value in returns(outer)):
            return
        for made in self._program.calls_of(outer):
            uses = [made]
            declared = made.parent
            if declared is not None and declared.kind == "variable_declarator":
                name = declared.field("name")
                binding = self._program.files.of(made).resolve(name) if name is not None else None
                uses += self._program.references(binding) if binding is not None else []
            for use in uses:
                above = use.parent
                if above is not None and above.kind == "arguments" and above.parent is not None:
                    yield from self._guards_of_call(above.parent, use, use)
                elif above is not None and above.kind == "call_expression" and above.field("function") is use:
                    yield _Guard(tuple(arguments(above)), use)

    def _guards_of_decorated(self, at: Node) -> Iterator[_Guard]:
        """Of what a decorator of a method is told, or does itself: `@RetryOn("23505") create() {..}`."""
        told = next((above for above in at.above() if above.kind in ("decorator", *FUNCTIONS)), None)
        if told is not None and told.kind == "decorator":
            is_argument = any(above.kind == "arguments" for above in at.above() if told.holds(above))
            method = _decorated(told)
            if method is not None and is_argument and (literal(at) is None or _CODE.fullmatch(literal(at) or "")):
                yield _Guard((method,), at)
            return
        for function in at.above():
            name = function_name(function) if function.kind in FUNCTIONS else None
            for module in self._program.files.mentioning(f"@{name}") if name is not None else ():
                for decorator in module.parsed.of_kind("decorator"):
                    called = decorator.children[0] if decorator.children else decorator
                    callee = called.field("function") or called
                    method = _decorated(decorator)
                    if method is not None and function in self._program.objects.functions(callee):
                        yield _Guard((method,), decorator)

    def _guards_of_call(self, call: Node, handed: Node, at: Node) -> Iterator[_Guard]:
        """Of a function that is handed to a call: the promise that it catches errors of, or what else is handed on."""
        callee = call.field("function")
        if callee is None:
            return
        name = member_name(callee) if callee.kind == "member_expression" else None
        owner = callee.field("object") if callee.kind == "member_expression" else None
        if name in ("catch", "then", "catchError", "pipe") and owner is not None:
            yield _Guard((owner,), at)
        elif _GLOBAL.search(callee.text) and not arguments(call)[0].holds(call):
            yield _Guard((), at, is_global=True)
        else:
            rest = [given for given in arguments(call) if not given.holds(handed) or given.kind == "object"]
            yield _Guard((*rest, *([owner] if owner is not None else [])), at)

    def _reaches(self, region: Node, depth: int, seen: set[Node]) -> bool:
        """Whether a row of the table may be stored while a region runs."""
        if any(region.holds(create) for create in self._creates):
            return True
        if depth > _DEEPEST or region in seen:
            return False
        seen.add(region)
        called: list[Node] = []
        for call in region.below("call_expression", "new_expression"):
            callee = call.field("function") or call.field("constructor")
            if callee is None or self._calls.stores_another(call):
                continue
            called += self._program.objects.functions(callee)
            called += self._handed(callee)
        if unwrapped(region).kind in ("identifier", "member_expression"):  # a function that is handed on
            called += self._program.objects.functions(region)
        return any(self._reaches(function, depth + 1, seen) for function in called)

    def _is_anothers(self, regions: list[Node]) -> bool:
        """Whether rows of another table are stored while regions run, and of this one none, as far as can be seen."""
        if any(self._reaches(region, 0, set()) for region in regions):
            return False
        return any(self._stores_another(region, 0, set()) for region in regions)

    def _stores_another(self, region: Node, depth: int, seen: set[Node]) -> bool:
        if depth > _DEEPEST or region in seen:
            return False
        seen.add(region)
        if any(_INSERTS_INTO.search(text.text) for text in region.below("string", "template_string")):
            return True
        called: list[Node] = []
        for call in region.below("call_expression", "new_expression"):
            callee = call.field("function") or call.field("constructor")
            if callee is None:
                continue
            if self._calls.stores_another(call):
                return True
            called += [*self._program.objects.functions(callee), *self._handed(callee)]
        return any(self._stores_another(function, depth + 1, seen) for function in called)

    def _handed(self, callee: Node) -> list[Node]:
        """The functions that a parameter which is called may stand for."""
        found = self._program.resolver.meaning(callee) if callee.kind == "identifier" else None
        if not isinstance(found, Binding) or found.kind != "param" or found.function is None or found.path:
            return []
        given = [arguments(call) for call in self._program.calls_of(found.function)]
        return [f for one in given if found.index < len(one) for f in self._program.objects.functions(one[found.index])]

    def _may_store(self, guard: _Guard) -> bool:
        """Whether a region calls something that cannot be followed and that by its name stores a row of the table."""
        for region in guard.regions:
            for call in region.below("call_expression"):
                callee = call.field("function")
                if callee is None or callee.kind not in ("identifier", "member_expression"):
                    continue
                said = callee.text
                if self._program.objects.functions(callee) or not _STORES.search(said.rpartition(".")[2]):
                    continue
                if self._names.stem in plain(said) and not re.search(
                    rf"{self._names.stem}s?[a-z]*(?:message|session|log|event|user|member)", plain(said)
                ):
                    return not self._creates
        return False

    # --- what it says

    def _subject(self, at: Node) -> Literal["ours", "column", "other", "unknown"]:
        """Which column a handler asks for, where it compares the constraint, its columns or the message."""
        scope = self._scope(at)
        asked: dict[Node, None] = {}
        for member in scope.below("member_expression", "identifier"):
            name = member_name(member) if member.kind == "member_expression" else member.text
            if name in _SAID or name == "message":
                place = _asked(member)
                if place is not None and scope.holds(place) and place is not scope:
                    asked[place] = None
        handled: set[Whose] = set()
        own = _asked(at)
        if own is not None and own.kind == "switch_statement" and _OF_AN_ERROR.search((own.field("value") or own).text):
            handled |= {self._constraints.of(text) for text in self._texts(at)}
        for place in asked:
            if _is_done_before(place, at):
                continue
            whose = {self._constraints.of(text) for text in self._texts(place)}
            if not _is_excluded(place):
                handled |= whose
            elif whose & {"ours", "column"}:  # whatever else it handles, not the token's
                return "other"
        if "ours" in handled:
            return "ours"
        if "column" in handled:
            return "column"
        return "other" if handled & {"other", "silent"} else "unknown"

    def _texts(self, asked: Node) -> Iterator[str]:
        """The texts that a comparison holds, also those of constants, without such as only say that it is unique."""
        for node in asked.below("string", "template_string", "regex", "identifier", "member_expression"):
            said: str | None
            if node.kind == "identifier":
                found = self._program.resolver.meaning(node)
                if isinstance(found, Binding) and found.kind == "param":
                    yield from self._texts_given(found, 0)
                    continue
                value = found.value if isinstance(found, Binding) and found.kind == "var" and not found.path else found
                said = literal(value) if isinstance(value, Node) else None
            elif node.kind == "member_expression":
                owner, name = node.field("object"), member_name(node)
                things = self._program.objects.things(owner) if owner is not None and owner.kind == "identifier" else []
                held = self._program.objects.member(things[0], name) if things and name is not None else None
                said = literal(held) if isinstance(held, Node) else None
            else:
                said = literal(node) or node.text
            if said is None or _TEXT.fullmatch(said.strip("\"'`/ ")):
                continue
            speaks = self._names.token_in_text.search(said) is not None or said in self._constraints.known
            if speaks or (len(said) > 3 and not _SAYS_UNIQUE.search(said)):
                yield said

    def _texts_given(self, found: Binding, depth: int) -> list[str]:
        """The texts that a parameter stands for in all calls; of such as are not all known, only those of the token."""
        calls = self._program.calls_of(found.function) if found.function is not None and len(found.path) < 2 else []
        texts: list[str] = []
        is_known = bool(calls)
        for call in calls:
            given = arguments(call)
            value: Binding | Node | None = given[found.index] if found.index < len(given) else found.default
            for step in found.path:
                value = self._program.objects.member(value, step) if isinstance(value, Node) else None
                value = found.default if value is None else value
            if isinstance(value, Node) and unwrapped(value).kind == "identifier":
                value = self._program.resolver.meaning(unwrapped(value))
            if isinstance(value, Binding) and value.kind == "param" and depth < _DEEPEST:
                more = self._texts_given(value, depth + 1)
                texts += more
                is_known = is_known and bool(more)
                continue
            value = value.value if isinstance(value, Binding) and not value.path else value
            said = literal(value) if isinstance(value, Node) else None
            is_known = is_known and said is not None
            texts += [said] if said is not None else []
        return [text for text in texts if is_known or self._constraints.of(text) == "ours"]

    def _scope(self, at: Node) -> Node:
        """The condition and what it leads to."""
        found = at
        for above in at.above():
            if above.kind in FUNCTIONS or above.kind in _ENDS_OF_SCOPE:
                if above.kind == "statement_block" and above.parent is not None and above.parent.kind == "if_statement":
                    found = above.parent
                    continue
                break
            found = above
        return found

    def _speaks_of_another(self, at: Node, guard: _Guard) -> bool:
        """Whether the answer to a violation names another column, and nothing is tried again."""
        for place in (at, guard.place):
            scope = self._scope(place)
            if _AGAIN.search(scope.text) or any(
                a.kind in ("while_statement", "for_statement", "do_statement", "for_in_statement")
                for a in place.above()
            ):
                return False
            texts = [literal(n) or n.text for n in scope.below("string", "template_string")]
            if any(
                _ANOTHER.search(text) and not self._names.token_in_text.search(text) and " " in text for text in texts
            ):
                return True
        return False


def _decorated(decorator: Node) -> Node | None:
    """The method that a decorator stands before."""
    siblings = decorator.parent.children if decorator.parent is not None else []
    after = [one for one in siblings if one.start >= decorator.end and one.kind not in ("decorator", "comment")]
    return after[0] if after and after[0].kind == "method_definition" else None


def _asked(at: Node) -> Node | None:
    """The comparison that something stands in: an operator, a method that looks for it, a switch, a key of a map."""
    for above in at.above():
        if above.kind in FUNCTIONS or above.kind in ("statement_block", "program", "object"):
            return None
        if above.kind == "switch_case" and not above.children[0].holds(at):
            return None
        if above.kind == "switch_statement":
            return above
        if above.kind == "binary_expression":
            if above.operator in _EQUAL:
                return above
            if above.operator in ("&&", "||"):
                return None
        if above.kind == "call_expression":
            callee = above.field("function")
            if callee is None or callee.kind != "member_expression":
                continue  # String(err.constraint)
            if member_name(callee) in _ASKS:
                return above
            if above.field("arguments") is not None and any(given.holds(at) for given in arguments(above)):
                return None
    return None


def _is_excluded(asked: Node) -> bool:
    """Whether what is compared with is left out: told apart by `!==` or `!`, unless what leads to is thrown again."""
    is_negated = asked.kind == "binary_expression" and asked.operator in ("!=", "!==")
    for above in asked.above():
        if above.kind == "unary_expression" and above.text.startswith("!"):
            is_negated = not is_negated
        elif above.kind == "if_statement":
            consequence = above.field("consequence")
            is_condition = consequence is not None and not consequence.holds(asked)
            return is_negated != (is_condition and consequence is not None and _throws_again(consequence))
        elif above.kind in FUNCTIONS or above.kind == "statement_block":
            break
    return is_negated


def _is_done_before(asked: Node, at: Node) -> bool:
    """Whether what is compared decided an `if` in whose `else` something stands."""
    return any(
        above.kind == "if_statement"
        and (otherwise := above.field("alternative")) is not None
        and otherwise.holds(at)
        and not otherwise.holds(asked)
        for above in asked.above()
    )


def _throws_again(consequence: Node) -> bool:
    """Whether a branch hands on the error itself: `throw err`, `next(err)`, `Promise.reject(err)`."""
    steps = consequence.children if consequence.kind == "statement_block" else [consequence]
    return any(_HANDS_ON.match(step.text) is not None for step in steps)


def _is_declaration(node: Node) -> bool:
    above = node.parent
    if above is None or above.kind in (
        "import_specifier",
        "import_statement",
        "import_clause",
        "export_specifier",
        "namespace_import",
    ):
        return True
    if above.kind in (
        "variable_declarator",
        *FUNCTIONS,
        *CLASSES,
        "pair_pattern",
        "enum_assignment",
        "method_signature",
    ):
        return (
            above.field("name") is node
            or (above.kind == "enum_assignment" and above.children[0] is node)
            or above.kind == "pair_pattern"
        )
    if above.kind == "pair" and above.field("key") is node:
        return node.kind == "property_identifier"
    return any(
        one.kind in ("type_annotation", "type_alias_declaration", "interface_declaration", "literal_type")
        for one in node.above()
    )


def _is_constant(above: Node, node: Node) -> bool:
    """Whether what holds a code only keeps it: a list, a map, `new Set([..])`, `Object.freeze({..})`."""
    if above.kind == "call_expression":
        callee = above.field("function")
        return callee is not None and callee.text in ("Object.freeze", "Symbol", "String") and not callee.holds(node)
    if above.kind == "new_expression":
        made = above.field("constructor")
        return made is not None and made.text in ("Set", "Map")
    if above.kind == "object" and above.parent is not None and above.parent.kind == "subscript_expression":
        return False
    if above.kind == "arguments" and above.parent is not None:
        return _is_constant(above.parent, node)
    return True


def _handles_all(function: Node) -> bool:
    """Whether a function is an error handler of a framework: by its parameters, its name or its decorator."""
    given = [parameter.text.partition(":")[0].strip() for parameter in parameters(function)]
    if len(given) == 4 and re.match(r"_?(?:err|error|e|ex)\w*$", given[0]):
        return True
    name = function_name(function) or ""
    if function.kind == "method_definition" and name == "catch":
        return True
    return (
        re.search(r"error_?(?:handler|middleware|filter)$|^handle_?errors?$|^onError$", name, re.IGNORECASE) is not None
    )
