"""Statements of other clients hold their data: names of tables and columns are shown, nothing else of theirs."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.postgres.literals import without_literals
from tests.support.examples import MANY

CANARIES = ("Max", "Mustermann", "kunde", "DE89", "k3x9", "4711")
STATEMENTS = [
    ("update chatbots set name = 'Max Mustermann' where id = 4711", "update chatbots set name = ? where id = ?"),
    (r"update t set a = E'Max\'Mustermann kunde', x = 1", "update t set a = ?, x = ?"),
    (r"update t set a = e'\'', b = 'max@kunde.eu'", "update t set a = ?, b = ?"),
    (r"update t set a = e'Mustermann\\', b = 'kunde'", "update t set a = ?, b = ?"),
    (r"select U&'\0041 Mustermann' from t", "select ? from t"),
    ("select u&'Max!0041 kunde' UESCAPE '!'", "select ? UESCAPE ?"),
    ("update t set a = $$Max Mustermann$$, b = 2", "update t set a = ?, b = ?"),
    ("update t set a = $tag$Max $$ Mustermann$tag$ where b = 'kunde'", "update t set a = ? where b = ?"),
    ("select $a$ $b$ kunde $b$ Mustermann $a$", "select ?"),
    ("update t set a = $t$max@kunde.eu", "update t set a = ?"),
    ("update t set a = 'it''s Max Mustermann", "update t set a = ?"),
    ("update t /* user=max@kunde.eu */ set a = 1", "update t set a = ?"),
    ("update t /* outer /* inner */ user=kunde */ set a = 1", "update t set a = ?"),
    ("update t set a = 1 /* user=max@kunde.eu", "update t set a = ?"),
    ("update t set a = 1 /* /* user=max@kunde.eu */", "update t set a = ?"),
    ("update t set a = 1 -- user=max@kunde.eu", "update t set a = ?"),
    ("-- it's max@kunde.eu\nupdate t set a = 'x'", "update t set a = ?"),
    ("/* it's */ update t set a = 'kunde'", "update t set a = ?"),
    ("select 'a' -- 'Mustermann\n, 'kunde'", "select ? , ?"),
    ("update t set a = b'01', c = X'4d75', d = N'Mustermann'", "update t set a = ?, c = ?, d = ?"),
    (r"update t set a = 'x\'Mustermann', b = 1", "update t set a = ?"),
    (r"update t set a = 'C:\', b = 'Mustermann\', c = 'kunde'", "update t set a = ?"),
    ('update t set a = "max@kunde.eu"', 'update t set a = "?"'),
    ('select 1 as "Max Mustermann"', 'select ? as "?"'),
    ('update t set a = "unterminated Mustermann', 'update t set a = "?"'),
    ("select 'x'\n'Mustermann'", "select ? ?"),
    ("do $do$ begin update t set a = 'Mustermann'; end $do$", "do ?"),
    ('select fn(\'{"mail": "max@kunde.eu"}\'::jsonb, -4711.5e-3, .4711, 0x4711)', "select fn(?::jsonb, -?-?, .?, ?)"),
    (
        'insert into "Chatbots" (name, a1) values ($1, $2::uuid)',
        'insert into "Chatbots" (name, a1) values ($1, $2::uuid)',
    ),
    ("select a$1$b, t2.c3 from t2 where t2.x=$12", "select a$1$b, t2.c3 from t2 where t2.x=$12"),
]


@pytest.mark.parametrize(("statement", "shown"), STATEMENTS)
def test_literals_are_left_out(statement: str, shown: str) -> None:
    """Strings of every kind, numbers and comments; cut off anywhere, as Postgres cuts long statements."""
    assert without_literals(statement) == shown
    for end in range(len(statement)):
        cut = without_literals(statement[:end])
        assert not any(canary in cut for canary in CANARIES), cut


WHOLE = ("'{}'", "E'{}'", "U&'{}'", "$${}$$", "$x${}$x$", "/* {} */", "/* /* {} */ */", "-- {}\n")
CUT = (*WHOLE, "'{}", "E'{}", "$x${}", "/*{}")


@settings(deadline=None, derandomize=True, database=None, max_examples=MANY)
@given(st.lists(st.sampled_from(WHOLE), max_size=4), st.sampled_from(CUT))
def test_whatever_stands_side_by_side_is_left_out(quotes: list[str], last: str) -> None:
    """One way of quoting ends where it ends, and not within another one; the last may be cut off."""
    statement = "select 1 " + " , ".join(quote.format("it is Mustermann") for quote in [*quotes, last])
    assert "Mustermann" not in without_literals(statement)


@pytest.mark.parametrize(
    "piece", ["/*", "'", '"', "$a$", "--", "$", "\\'", "E'\\", "a.", "/* */", "1", "''", "$a$ $b$ "]
)
def test_it_takes_time_in_proportion(piece: str) -> None:
    """A megabyte of each takes a second or two; were it quadratic, it would take hours."""
    began_s = time.monotonic()
    shown = without_literals("select " + piece * (1_000_000 // len(piece)))
    assert time.monotonic() - began_s < 60
    assert len(shown) <= 1_000_010
