"""Whose a unique constraint or index is: by what the checkout calls it, else by how its name is made up.

Postgres calls what is not named `{table}_{column}_key`, and people keep to it: the words before the column say the
table. A name that says no table, or another that might be a shorter one of the same, is left to what it guards.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from harness.source.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.checkout import SourceFile

# ours: of the token's column. column: says the column and no table. silent: says neither the column nor the table.
WhoseConstraint = Literal["ours", "column", "other", "unknown", "silent"]

_QUOTED = r"""["'`]"""
_NAME = r"""["'`]?([\w$]+)["'`]?"""
_TABLE = re.compile(
    r"\b(?:create|alter)\s+table\s+(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?([\w\".$]+)"
    rf"|(?:\w*[tT]able|\.table|define)\(\s*{_QUOTED}([\w.$]+){_QUOTED}"
    rf"|@Entity\(\s*(?:\{{\s*name\s*:\s*)?{_QUOTED}([\w.$]+)"
    r"|^\s*model\s+(\w+)\s*\{",
    re.IGNORECASE | re.MULTILINE,
)
_INDEX = re.compile(  # name, table, columns
    rf"\bunique\s+index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?{_NAME}\s+on\s+(?:only\s+)?([\w\".$]+)"
    r"\s*(?:using\s+\w+\s*)?\(([^;]{0,200})",
    re.IGNORECASE,
)
_CALLED_INDEX = re.compile(  # table, columns, name
    rf"(?:createIndex|addIndex|addConstraint)\(\s*{_QUOTED}([\w.$]+){_QUOTED}\s*,\s*([^{{}}]*?)\s*,?\s*"
    rf"\{{[^}}]*?\bname\s*:\s*{_QUOTED}([\w$]+)"
)
_COLUMNS_LAST = (  # name, columns, of the table that was named before
    re.compile(rf"\bconstraint\s+{_NAME}\s+unique\s*(?:nulls\s+(?:not\s+)?distinct\s*)?\(([^)]*)\)", re.IGNORECASE),
    re.compile(rf"\bunique(?:Index)?\(\s*{_QUOTED}([\w$]+){_QUOTED}\s*\)\s*\.on\(([^)]*)\)"),
    re.compile(rf"@(?:Unique|Index)\(\s*{_QUOTED}([\w$]+){_QUOTED}\s*,\s*\[([^\]]*)\]"),
)
_COLUMNS_FIRST = (  # columns, name
    re.compile(rf"\.unique\(\s*(\[[^\]]*\]|{_QUOTED}\w+{_QUOTED})\s*,\s*(?:\{{[^}}]*?\w+\s*:\s*)?{_QUOTED}([\w$]+)"),
    re.compile(r"^\s*(\w+)\s+\w+[^\n]*@unique\([^)\n]*\bmap\s*:\s*\"([\w$]+)\"", re.MULTILINE),
    re.compile(r"@@unique\(\s*(?:fields\s*:\s*)?\[([^\]]*)\][^)\n]*\bmap\s*:\s*\"([\w$]+)\""),
)
# Words of a name that say what it is, not whose.
_KINDS = frozenset(
    ("uq", "uk", "ux", "ui", "uix", "unq", "uniq", "unique", "idx", "ix", "index", "key", "constraint", "con", "un")
)


class Constraints:
    """Says whose a name is that an error is asked for."""

    def __init__(self, files: tuple[SourceFile, ...], names: Names) -> None:
        self._files = files
        self._names = names

    def of(self, text: str) -> WhoseConstraint:
        """Of a text that an error's constraint, its columns or its message is compared with."""
        known = self.known.get(text)
        if known is not None:
            return "ours" if known else "other"
        match = self._names.token_in_text.search(text)
        if match is None:
            bare = text.strip("\"'`/^$_%. ")
            return "unknown" if self._names.is_sql_table(bare) or self._names.is_table(bare) else "silent"
        before = re.search(r"[\w.$]*$", text[: match.start()])
        behind = re.match(r"\w*", text[match.end() :])
        table = _words(before[0].rpartition(".")[2] if before is not None else "")
        if behind is not None and _words(behind[0]):  # chatbots_public_token_hash_key
            return "unknown"
        if not table:
            return "column"
        said = plain("".join(table))
        if self._names.is_table(said):
            return "ours"
        stem = self._names.stem
        return "unknown" if said not in self._names.others and (said in stem or stem in said) else "other"

    @cached_property
    def known(self) -> dict[str, bool]:
        """The unique constraints and indexes that the checkout names, of a column called like ours: is it ours?"""
        found: dict[str, bool] = {}
        for file in self._files:
            text = file.text
            if "nique" not in text and "NIQUE" not in text:
                continue
            lowered = text.lower()  # a pattern that ignores case takes a hundred times as long
            is_aliased = self._names.aliases and any(alias in lowered.replace("_", "") for alias in self._names.aliases)
            if self._names.token_word not in lowered and not is_aliased:
                continue
            for name, table, columns in _named(text):
                is_ours = self._names.is_sql_table(table.replace('"', "")) or self._names.is_table(plain(table))
                if any(self._names.is_token(word, of_table=is_ours) for word in re.findall(r"\w+", columns)):
                    found[name] = found.get(name, False) or is_ours
        return found


def _words(name: str) -> list[str]:
    """The words of a part of a name, without those that say what it is, and numbers."""
    words = re.split(r"[^a-zA-Z0-9]+", name)
    return [word for word in words if word and not word.isdecimal() and word.lower() not in _KINDS]


def _named(text: str) -> Iterator[tuple[str, str, str]]:
    """The name, the table and the columns of each unique constraint or index that a file names."""
    for match in _INDEX.finditer(text):
        yield match[1], match[2], match[3]
    for match in _CALLED_INDEX.finditer(text):
        yield match[3], match[1], match[2]
    tables = [(match.start(), next(filter(None, match.groups()))) for match in _TABLE.finditer(text)]
    for patterns, name, columns in ((_COLUMNS_LAST, 1, 2), (_COLUMNS_FIRST, 2, 1)):
        for match in (match for pattern in patterns for match in pattern.finditer(text)):
            before = [table for at, table in tables if at < match.start()]
            if before:
                yield match[name], before[-1], match[columns]
