"""What a check says when it does not pass: bounded, on one line each, and harmless wherever it is printed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import CouldNotTell, NotCovered
from harness.findings import SHOWN_ITEMS, Finding, finding, last_finding
from harness.text import SHOWN_CHARACTERS, printable, printable_lines


def worded(have: object) -> Finding:
    return finding(want="this", have=have, cause="a cause", remedy="a remedy")


def test_a_finding_reads_as_want_have_cause_remedy() -> None:
    """In this order, each item of `have` on a line of its own."""
    assert str(worded(["one", "two"])) == (
        "  want: this\n  have: one\n        two\n  cause: a cause\n  remedy: a remedy"
    )


def test_every_sentence_is_harmless() -> None:
    """A revision or a table's name within them comes from outside too."""
    found = finding(want="\x1b[2J", have=[], cause="a\n::error::b", remedy="x" * 100_000)
    assert (found.want, found.cause) == (r"\x1b[2J", r"a\n::error::b")
    assert found.remedy.endswith("... (100000 characters)")


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ("text", ("text",)),
        (["a", 1, None], ("a", "1", "None")),
        (("a",), ("a",)),
        ({"a"}, ("a",)),
        ([], ()),
        (7, ("7",)),
        ({"a": 1}, ("{'a': 1}",)),
    ],
)
def test_have_is_one_item_or_several(have: object, want: tuple[str, ...]) -> None:
    """Text is one item, not its characters."""
    assert worded(have).have == want


def test_have_is_bounded_and_counts_the_rest() -> None:
    """A thousand offending rows fill no screen."""
    items = worded([f"row {n}" for n in range(1_000)]).have
    assert len(items) == SHOWN_ITEMS + 1
    assert items[-1] == f"and {1_000 - SHOWN_ITEMS} more: 1000 in all"
    assert worded([f"row {n}" for n in range(SHOWN_ITEMS)]).have[-1] == f"row {SHOWN_ITEMS - 1}"


def test_the_total_is_exact_although_examples_are_few() -> None:
    """Whoever looks for offenders in a database asks for some of them, and counts them all."""
    some = [f"row {n}" for n in range(10)]
    items = finding(want="", have=some, cause="", remedy="", total=319, of="400 rows").have
    assert items[-1] == f"and {319 - SHOWN_ITEMS} more: 319 of 400 rows in all"
    assert (
        finding(want="", have=["row 1"], cause="", remedy="", total=1, of="400 rows").have[-1] == "1 of 400 rows in all"
    )
    assert finding(want="", have=["row 1"], cause="", remedy="", total=1).have == ("row 1",)


def test_the_last_finding_is_taken_once() -> None:
    """What was worded for one check is not taken for the next one's."""
    last_finding()
    first, second = worded("1"), worded("2")
    assert first != second
    assert [last_finding(), last_finding()] == [second, None]


def test_could_not_tell_says_cause_and_remedy() -> None:
    """Also where only its text is seen."""
    error = CouldNotTell("it is down", "start it")
    assert str(error) == "could not tell: it is down; start it"
    assert (error.cause, error.remedy) == ("it is down", "start it")


def test_not_covered_says_its_reason() -> None:
    """And keeps the remedy."""
    error = NotCovered("database: null", "give it a database")
    assert (str(error), error.cause, error.remedy) == ("database: null", "database: null", "give it a database")


# --- printable --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "plain", "naïve café 東京 🙂", "a b", "<b>&`|*_", "100 %", "a::b", "# #[x]", "C:\\x"]
)
def test_harmless_text_stays(text: str) -> None:
    """Whatever people write is printed as it is."""
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x1b]8;;http://x\x1b\\link", r"\x1b]8;;http://x\x1b\link"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\nc", r"a\nb\r\nc"),
        ("\x00\x08\x7f\t", r"\x00\x08\x7f\t"),
        ("\x85\u2028\u2029", r"\x85\u2028\u2029"),
        ("\u202eevil", r"\u202eevil"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\ud800", r"\ud800"),
        ("a\ud83dz", r"a\ud83dz"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_moves_a_terminal_is_escaped(text: str, want: str) -> None:
    """ANSI and OSC sequences, line breaks of every kind, text direction, and lone surrogates."""
    assert printable(text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("::error::no", r"\x3a:error::no"),
        ("   ::add-mask::x", r"   \x3a:add-mask::x"),
        ("::::", r"\x3a:::"),
        ("a ##[error]b", r"a \x23#[error]b"),
        ("###[group]", r"#\x23#[group]"),
        ("##vso[task.setvariable]x", r"\x23#vso[task.setvariable]x"),
        ("##teamcity[x]", r"\x23#teamcity[x]"),
    ],
)
def test_what_commands_a_ci_is_escaped(text: str, want: str) -> None:
    """A log reader obeys `::` where a line begins, blanks aside, and `##[` anywhere."""
    assert printable(text) == want


@pytest.mark.parametrize("length", [SHOWN_CHARACTERS + 1, 1_000_000])
def test_long_text_is_cut_and_says_its_length(length: int) -> None:
    """So that nothing is lost in silence."""
    assert printable("x" * length) == "x" * SHOWN_CHARACTERS + f"... ({length} characters)"
    assert printable("x" * SHOWN_CHARACTERS) == "x" * SHOWN_CHARACTERS


def test_the_limit_may_be_another() -> None:
    """Counted before escaping, which at most multiplies it by ten."""
    assert printable("\x1b" * 9, limit=3) == r"\x1b\x1b\x1b... (9 characters)"


@settings(deadline=None, derandomize=True, database=None)
@given(st.text(alphabet=st.characters(categories=None), max_size=50))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    """Whatever was sent: it can be printed, encoded, and is one line."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    assert not shown.lstrip().startswith("::")


def test_the_lines_of_a_traceback_stay_lines() -> None:
    """Each is printable; a comparison that pytest writes out for itself may hold what a server sent."""
    shown = printable_lines("def f():\n  ::error::x\nE  assert not ['##[error]\x1b']\n")
    assert shown == "def f():\n  \\x3a:error::x\nE  assert not ['\\x23#[error]\\x1b']\n"


def test_what_is_not_text_is_shown_as_text() -> None:
    """Bytes, numbers and None by their str()."""
    assert [printable(item) for item in (None, 7, b"\x1b")] == ["None", "7", r"b'\x1b'"]
