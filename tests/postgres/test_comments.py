"""Comments are taken out of SQL as Postgres' scanner sees them: what stands in one is no statement."""

from __future__ import annotations

import pytest

from harness.postgres.comments import without_comments

SAMPLES = [
    ("select 1 -- one\n, 2", "select 1  \n, 2"),
    ("a /* b */ c", "a   c"),
    ("a /* b /* c */ insert into chatbots */ d", "a   d"),
    ("a /* b /* c */", "a  "),
    ("a -- b", "a  "),
    ("a --b\r\nc", "a  \r\nc"),
    ("'/* no */' -- yes", "'/* no */'  "),
    ("'it''s -- no'", "'it''s -- no'"),
    ("'a\\' -- yes", "'a\\'  "),
    ("E'a\\' -- no' -- yes", "E'a\\' -- no'  "),
    ("e'\\\\' -- yes", "e'\\\\'  "),
    ('"a--b" /* c */', '"a--b"  '),
    ("$$ -- no $$ -- yes", "$$ -- no $$  "),
    ("$a$ -- no $b$ /* $a$ /* yes */", "$a$ -- no $b$ /* $a$  "),
    ("a$b$ -- yes", "a$b$  "),
    ("$1 -- yes", "$1  "),
    ("'not closed -- no", "'not closed -- no"),
    ("$a$ not closed -- no", "$a$ not closed -- no"),
    ("E'not closed\\", "E'not closed\\"),
    ("a - - b", "a - - b"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "bare"), SAMPLES)
def test_comments_are_taken_out(text: str, bare: str) -> None:
    """A blank stands for each, and strings stay as they are."""
    assert without_comments(text) == bare


def test_the_comments_of_a_body_between_dollars() -> None:
    """A function's definition has its body in such a string."""
    definition = "AS $function$ begin /* a /* b */ c */ x := '-- no'; -- yes\n end $function$"
    assert without_comments(definition, in_dollars=True) == "AS $function$ begin   x := '-- no';  \n end $function$"
