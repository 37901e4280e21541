"""What literals of JavaScript say: strings and templates with their escapes, numbers, and the names of members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.javascript.syntax import unwrapped

if TYPE_CHECKING:
    from harness.source.javascript.syntax import Node

_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-3][0-7]{0,2}|[4-7][0-7]?)|(\r\n|[\s\S]))"
)
_CHARACTERS = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    **dict.fromkeys(("\n", "\r", "\r\n", "\u2028", "\u2029"), ""),  # a line that goes on
}
_SURROGATE = re.compile("[\ud800-\udfff]")


def unescaped(text: str) -> str:
    """What stands between the quotes of a string or a template, with the characters that its escapes mean."""
    if "\\" not in text:
        return text
    text = _ESCAPE.sub(_character, text)
    if _SURROGATE.search(text):  # two escapes that make one character
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _character(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2] or escape[3]
    if digits:
        code = int(digits, 16)
        return chr(code) if code < 0x110000 else escape[0]
    return chr(int(escape[4], 8)) if escape[4] else _CHARACTERS.get(escape[5], escape[5])


def literal(node: Node | None) -> str | None:
    """The text of a string, a number, or a template without substitutions; None of anything else."""
    if node is None:
        return None
    node = unwrapped(node)
    if node.kind == "string" or (node.kind == "template_string" and not node.of_kind("template_substitution")):
        return unescaped(node.text[1:-1])
    return node.text if node.kind == "number" else None


def key_of(node: Node) -> str | None:
    """The name of a member of an object, a class or a pattern; None where it is computed from something unknown."""
    name = node.field("name") or node.field("key") if node.kind != "shorthand_property_identifier" else node
    if name is None:
        return None
    if name.kind == "computed_property_name":
        return literal(name.children[0]) if name.children else None
    return literal(name) if name.kind in ("string", "number") else name.text.lstrip("#")
