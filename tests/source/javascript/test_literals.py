"""What literals say: each escape means the character that ECMAScript says, and no other."""

from __future__ import annotations

import pytest

from harness.source.checkout import SourceFile
from harness.source.javascript.literals import literal, unescaped
from harness.source.javascript.syntax import parse

# As `node` evaluates them.
ESCAPES = {
    r"\n\t\r\b\f\v": "\n\t\r\b\f\v",
    r"\x41\u0042\u{43}\u{1F600}": "ABC\U0001f600",
    r"\ud83d\ude00": "\U0001f600",
    r"\0\101\60\7\1234": "\0A0\x07S4",
    r"\\n": "\\n",
    r"\"\'\`\$\q\8": "\"'`$q8",
    "goes\\\n on": "goes on",
    "goes\\\r\n on": "goes on",
    r"\u{110000}": r"\u{110000}",
    r"\ud83d": "�",
    "none": "none",
}


@pytest.mark.parametrize("text", ESCAPES)
def test_an_escape_is_the_character_that_it_means(text: str) -> None:
    """Half of a pair of surrogates is none: what comes of it can be encoded."""
    assert unescaped(text) == ESCAPES[text]
    unescaped(text).encode()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('"a\\tb"', "a\tb"),
        ("'it\\'s'", "it's"),
        ("`a\\`b`", "a`b"),
        ("(<T>('x' as const))!", "x"),
        ("12", "12"),
        ("`a${b}`", None),
        ("a", None),
        ("/a/", None),
    ],
)
def test_a_literal_says_its_text(code: str, said: str | None) -> None:
    """Whatever stands around it; what is put into a template is none."""
    value = parse(SourceFile("a.ts", f"const x = {code};")).of_kind("variable_declarator")[0].field("value")
    assert literal(value) == said
