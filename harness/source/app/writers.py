"""The files that may store rows of the table: those that name it, or what the app calls it by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.calls import INSERTS, STORES_ROWS, UPDATES
from harness.source.javascript.literals import literal
from harness.source.javascript.syntax import WRAPPERS, Node, enclosing_function

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.app.names import Names
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

_IN_A_CONSTANT = (
    "pair",
    "object",
    "arguments",
    "enum_assignment",
    "enum_body",
    *WRAPPERS,
)
_STORES = re.compile(
    rf"\.\s*(?:{'|'.join(sorted(INSERTS | UPDATES))})\s*[(<]|\b{STORES_ROWS}\s*[(<]|\.create\w+\s*\("
    r"|\binsert\s+into\b|\bmerge\s+into\b|\bcopy\s+\S+[^;]{0,200}\bstdin\b|\bupdate\b[^;]{0,200}\bset\b",
    re.IGNORECASE,
)


def writers(program: Program, names: Names) -> list[Module]:
    """The files in which statements and calls that store the table may stand, each once."""
    speaking = program.files.matching(names.table_in_text, names.table_word)
    holding = program.files.modules(file for file in speaking if _holds_name(names).search(file.text))
    naming = [module for constant in _constants(holding, names) for module in program.files.mentioning(constant)]
    naming += [module for name in sorted(names.spelled) for module in _storing(program, names, name)]
    storing = program.files.modules(f for f in speaking if _STORES.search(f.text) and names.is_table_in_code(f.text))
    return list(dict.fromkeys([*storing, *naming]))


def gives_token(names: Names) -> re.Pattern[str]:
    """Finds where a text may give the token a value: as a key, a member or a text, and not where it is only read."""
    token = f"(?:{names.token_in_text.pattern})"
    if names.aliases:
        token = f"(?:{token}|{'|'.join(sorted(map(re.escape, names.aliases)))})"
    ends = r"""["'`\]]*\s*(?:[?!]\s*)?(?:[:,}]|=(?![=>]))"""
    return re.compile(rf"""["'`]{token}["'`]|{token}{ends}|(?<!\.){token}\s*[;\n]""", re.IGNORECASE)


def _holds_name(names: Names) -> re.Pattern[str]:
    """Finds the table's name as a text of its own, with or without its schema."""
    bare = re.escape(names.table.rpartition(".")[2])
    return re.compile(rf"""["'`](?:[\w"]+\.)?"?{bare}"?["'`]""", re.IGNORECASE)


def _storing(program: Program, names: Names, name: str) -> Iterator[Module]:
    """The files that may store into what the app calls the table: `db.insert(bots)`, `prisma.botLink.create(..)`."""
    stores = re.compile(rf"\b{re.escape(name)}\b")
    held = program.files.holding(name) if not names.table_in_text.search(name) else []
    return program.files.modules(f for f in held if _STORES.search(f.text) and stores.search(f.text))


def _constants(modules: Iterable[Module], names: Names) -> list[str]:
    """What the app calls its constants that hold the table's name: `TABLES`, of which a file uses `TABLES.bots`."""
    found: dict[str, None] = {}
    for module in modules:
        for said in module.parsed.of_kind("string"):
            if names.is_sql_table(literal(said) or "") and (name := _constant_of(said)) is not None:
                found[name] = None
    return list(found)


def _constant_of(said: Node) -> str | None:
    """The name of the constant that a text is, or is a member of: an object's or an enum's."""
    for above in said.above():
        if above.kind in ("variable_declarator", "enum_declaration"):
            name = above.field("name")
            if name is None or name.kind != "identifier" or enclosing_function(above) is not None:
                return None
            # All files that hold the name are read: of what may be called anything, such as `config`, that is too many.
            return name.text if re.match(r"[A-Z]|\w*[tT]able", name.text) is not None else None
        callee = above.field("function") if above.kind == "call_expression" else None
        is_frozen = callee is not None and callee.text in ("Object.freeze", "Object.seal")
        if above.kind not in _IN_A_CONSTANT and not is_frozen:
            return None
    return None
