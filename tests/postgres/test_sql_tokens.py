"""SQL in tokens: as Postgres' scanner cuts it, or refused; and shown without what its strings hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.postgres.sql_tokens import LONGEST, tokens_of, without_long_strings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT md5('it''s' || 1.5e3)::uuid -- x\n;", "select md5 ( 'it''s' || 1.5e3 ) :: uuid ;"),
        ("for i in 1..8 loop", "for i in 1 .. 8 loop"),
        ("select $$a'b$$, $x$ $$ $x$, $1", "select $$a'b$$ , $x$ $$ $x$ , $1"),
        ("a/* b -- c */d", "a d"),
        ('"A""b"."c"()', 'A"b . c ( )'),
        ("a->>'b' --", "a ->> 'b'"),
        ("x:=-1+ -2", "x := - 1 + - 2"),
        ("a--1\n+/*2*/b", "a + b"),
    ],
)
def test_tokens_are_those_of_postgres(text: str, said: str) -> None:
    """Names folded, quotes off names, comments gone."""
    tokens = tokens_of(text)
    assert tokens is not None
    assert " ".join(token.said for token in tokens) == said


@pytest.mark.parametrize(
    "text",
    ["a/* /* b */c */", r"'a\'b'", "é", "1a", "'open", '"open', "$a$open", "/* open", "a\x00b", "x" * LONGEST],
    ids=["nested", "escape", "letter", "number", "string", "name", "dollar", "comment", "control", "long"],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    """And not shown."""
    assert tokens_of(text) is None
    assert without_long_strings(text, 100) == "(not shown: it cannot be read)"


@given(
    st.lists(st.sampled_from(["'", "$$", '"', "--", "/*", "*/", "\n", "a", "(", "\\", "'secret'", "$q$secret$q$", " "]))
)
def test_no_string_is_shown(parts: list[str]) -> None:
    """Whatever stands around it, what is in a string is left out of what is shown; or it is in no string."""
    text = "".join(parts)
    shown, tokens = without_long_strings(text, 10_000), tokens_of(text)
    strings = [token.text for token in tokens or () if token.kind == "string" and len(token.text) > 5]
    rest = [token.text for token in tokens or () if token.kind != "string"]
    assert "secret" not in shown or any("secret" in text for text in rest)
    assert all(text not in shown or any(text in other for other in rest) for text in strings)
