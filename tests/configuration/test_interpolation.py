"""`${VAR}`, `${VAR:-default}` and `${VAR:?message}`: what they become, and what is said where they become nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.configuration.interpolation import Unexpandable, expand

ENVIRON = {"HOST": "preview.example.com", "EMPTY": "", "_1": "one", "DOLLAR": "${HOST}"}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", ""),
        ("plain", "plain"),
        ("${HOST}", "preview.example.com"),
        ("https://${HOST}/", "https://preview.example.com/"),
        ("${HOST}${_1}${HOST}", "preview.example.comonepreview.example.com"),
        ("${HOST:-other}", "preview.example.com"),
        ("${HOST:?say which}", "preview.example.com"),
        ("${ABSENT:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${ABSENT:-}", ""),
        ("${ABSENT:-a:-b}", "a:-b"),
        ("${ABSENT:-two\nlines}", "two\nlines"),
        ("${ABSENT:-http://localhost:8000/?a=$b}", "http://localhost:8000/?a=$b"),
    ],
)
def test_references_are_replaced(text: str, want: str) -> None:
    """A reference becomes the variable's value, or its default where the variable is unset or empty."""
    assert expand(text, ENVIRON) == want


@pytest.mark.parametrize("text", ["$", "$HOST", "pa$$word", "a$b${HOST:-}", "$(HOST)", "{HOST}", "{name}", "100 $ {x}"])
def test_a_bare_dollar_stays(text: str) -> None:
    """Only a dollar before a brace begins a reference: passwords hold dollars."""
    assert expand(text, {"HOST": ""}) == text.replace("${HOST:-}", "")


def test_a_value_is_not_expanded_again() -> None:
    """What a variable holds is taken as it is, references in it included."""
    assert expand("${DOLLAR}", ENVIRON) == "${HOST}"


@pytest.mark.parametrize(
    ("text", "variable", "message"),
    [
        ("${ABSENT}", "ABSENT", "the variable ABSENT is not set"),
        ("${EMPTY}", "EMPTY", "the variable EMPTY is set to nothing"),
        ("${ABSENT:?}", "ABSENT", "the variable ABSENT is not set"),
        ("${ABSENT:?ask the team}", "ABSENT", "the variable ABSENT is needed: ask the team"),
        ("${EMPTY:?ask the team}", "EMPTY", "the variable EMPTY is needed: ask the team"),
        ("${HOST}/${ABSENT}/${OTHER}", "ABSENT", "the variable ABSENT is not set"),
    ],
)
def test_a_variable_without_a_value_is_named(text: str, variable: str, message: str) -> None:
    """The error names the variable and whether it is unset, empty, or needed for a reason."""
    with pytest.raises(Unexpandable) as caught:
        expand(text, ENVIRON)
    assert (caught.value.variable, str(caught.value)) == (variable, message)


@pytest.mark.parametrize(
    "text",
    [
        "${}",
        "${ }",
        "${HOST",
        "${HOST ",
        "${HOST-x}",
        "${HOST:=x}",
        "${HOST:+x}",
        "${HOST:}",
        "${1ST}",
        "${A B}",
        "${#HOST}",
        "${HOST:-${OTHER}}",
        "${ümlaut}",
    ],
)
def test_a_malformed_reference_is_refused(text: str) -> None:
    """Anything else in braces is an error that shows the three forms, and blames no variable."""
    with pytest.raises(Unexpandable) as caught:
        expand(text, ENVIRON)
    assert caught.value.variable == ""
    assert "is not a reference; write ${VAR}, ${VAR:-default} or ${VAR:?message}" in str(caught.value)


@settings(deadline=None, derandomize=True, database=None)
@given(st.text(alphabet="${}:-?AB c\n").filter(lambda text: "${" not in text), st.text("${}AB"))
def test_text_around_a_reference_stays(text: str, value: str) -> None:
    """What is no reference is left alone, and so is what a variable held."""
    assert expand(f"{text}|${{A}}|{text}", {"A": value or "x"}) == f"{text}|{value or 'x'}|{text}"
