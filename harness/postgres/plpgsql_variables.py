"""Follows what a PL/pgSQL function puts into its variables, as far as that can be told without running it.

A variable that is assigned at one place only holds what it was given there, from that place on and as far as the
statements are certain to follow it: not behind the branch, the loop or the block with handlers that the place is in.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.patterns import lazily
from harness.postgres.token_writes import DEEPEST, TooDeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.postgres.token_writes import Writer

    Made = Callable[[str, Mapping[str, Writer]], Writer]

_STRAIGHT = frozenset({"PLpgSQL_function", "action", "PLpgSQL_stmt_block"})
_NAME = lazily(r'\s*(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))\s*:?=')


def queries(function: Any, given: Mapping[str, Writer], made: Made) -> Iterator[tuple[str, str, Mapping[str, Writer]]]:
    """The expressions and statements of a function, each with the kind of its statement and what names hold there.

    Args:
        function: what libpg_query makes of a CREATE FUNCTION.
        given: who makes what its parameters hold.
        made: who makes the value of an expression, by what names hold.
    """
    following = _Following(function, made)
    known = dict(given)
    for name, value in following.declared():
        following.assign(known, name, value)
    yield from following.queries(function, "", known, 0)


class _Following:
    """The variables of one function, and which of them are assigned at one place only."""

    def __init__(self, function: Any, made: Made) -> None:
        self._made = made
        self._datums: list[Any] = [datum for key, each in _pairs(function, 0) if key == "datums" for datum in each]
        names = Counter(self._name_of(place) for place in range(len(self._datums)))
        sites = Counter(name for site in _sites(function) for name in self._assigned_at(site))
        sites.update(name for name, _ in self.declared())
        # Of a name that is declared twice nobody tells which is meant.
        self._once = {name for name, times in sites.items() if times == 1 and names[name] == 1}

    def _name_of(self, place: int) -> str:
        datum = self._datums[place] if 0 <= place < len(self._datums) else {}
        variable: dict[str, Any] = datum.get("PLpgSQL_var") or datum.get("PLpgSQL_rec") or {}
        return str(variable.get("refname", ""))

    def declared(self) -> Iterator[tuple[str, str]]:
        """The variables that are given a value where they are declared, with it."""
        for datum in self._datums:
            variable = datum.get("PLpgSQL_var", {})
            value = variable.get("default_val", {}).get("PLpgSQL_expr", {}).get("query")
            if value is not None:
                yield str(variable.get("refname", "")), str(value)

    def _assigned_at(self, site: tuple[str, Any]) -> frozenset[str]:
        """The names that a place of a function gives a value to."""
        key, value = site
        if key in ("varno", "target") and isinstance(value, int):
            return frozenset({self._name_of(value)})
        if key == "fields":
            return frozenset(str(field.get("name", "")) for field in value if isinstance(field, dict))
        if key == "var":
            return frozenset(str(of.get("refname", "")) for of in value.values() if isinstance(of, dict))
        return frozenset(re.findall(r"[^\W\d][\w$]*", str(value)))  # what a CALL hands over, it may bring back

    def assign(self, known: dict[str, Writer], name: str, value: str) -> None:
        """Note what a variable is given, where that tells what it holds from now on."""
        if name in self._once:
            known[name] = self._made(value, known)

    def queries(
        self, node: Any, kind: str, known: dict[str, Writer], depth: int
    ) -> Iterator[tuple[str, str, Mapping[str, Writer]]]:
        """Those of a node, in the order of the text."""
        if depth > DEEPEST:
            raise TooDeep
        if isinstance(node, list):
            for each in node:
                yield from self.queries(each, kind, known, depth + 1)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key == "PLpgSQL_expr":
                    yield kind, value.get("query", ""), dict(known)
                elif key != "datums":
                    of = key if key.startswith("PLpgSQL_stmt") else "" if key == "params" else kind  # USING
                    straight = key in _STRAIGHT or (
                        key == "body" and kind == "PLpgSQL_stmt_block" and "exceptions" not in node
                    )
                    yield from self.queries(value, of, known if straight else dict(known), depth + 1)
                    self._follow(key, value, known)

    def _follow(self, key: str, statement: Any, known: dict[str, Writer]) -> None:
        """Note what a statement assigns: v := .., or SELECT .. INTO v."""
        if key == "PLpgSQL_stmt_assign":
            query = str(statement["expr"]["PLpgSQL_expr"]["query"])
            name = _NAME.match(query)
            own = self._name_of(int(statement.get("varno", -1)))
            if name is not None and own == (name[1].replace('""', '"') if name[1] else name[2].lower()):
                self.assign(known, own, query[name.end() :])
        elif key == "PLpgSQL_stmt_execsql" and statement.get("into"):
            fields = statement.get("target", {}).get("PLpgSQL_row", {}).get("fields", [])
            query = str(statement["sqlstmt"]["PLpgSQL_expr"]["query"])
            if len(fields) == 1 and query.lstrip()[:6].lower() == "select":
                self.assign(known, str(fields[0].get("name", "")), query)


def _pairs(node: Any, depth: int, beyond: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Every key of a tree with its value, in the order of the text; what stands under the keys `beyond` is left out."""
    if depth > DEEPEST:
        raise TooDeep
    if isinstance(node, list):
        for each in node:
            yield from _pairs(each, depth + 1, beyond)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            if key not in beyond:
                yield from _pairs(value, depth + 1, beyond)


def _sites(function: Any) -> Iterator[tuple[str, Any]]:
    """Every place of a function's statements that gives a variable a value, whatever its kind."""
    for key, value in _pairs(function, 0, frozenset({"datums", "fields"})):
        if key in ("varno", "target", "var", "fields") and not (key == "target" and isinstance(value, dict)):
            yield key, value
        elif key == "PLpgSQL_stmt_call":
            yield key, value["expr"]["PLpgSQL_expr"]["query"]
