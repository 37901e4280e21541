"""A migration file is split where psql, and PostgreSQL's own parser, end its statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.dry_run.real_schema import CannotRehearse
from rehearsal.dry_run.runner import created_extensions, demand_runnable
from rehearsal.dry_run.splitting import Script, Statement, split

postgast = pytest.importorskip("postgast")

PIECES = [
    *("select 1", "'a;b'", "'it''s;'", r"E'a\';b'", "U&'a;'", "$$a;b$$", "$t$ ; $$ ;$t$", '"a;""b"', "a$b$c", "$1"),
    *("-- x;\n", "/* ; /* ; */ ; */", "(", ")", ";", "\n", "1e5", "+", "as", "from t", "E", "e'x'", "$", "'", "/*"),
    "create function f() returns int begin atomic select 1; select case when true then 1 end; end",
    "create rule r as on insert to t do also (select 1; select 2)",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from([" ", "\n", ";"]))
def test_what_the_parser_takes_is_split_as_the_parser_splits_it(pieces: list[str], between: str) -> None:
    """As many statements, and the same text but for white space and comments around it."""
    text = between.join(pieces)
    try:
        expected = [part.strip() for part in postgast.split(text)]
    except postgast.PgQueryError:
        return
    got = [statement.text for statement in split(text).statements]
    assert len(got) == len(expected), (got, expected)
    assert all(theirs.endswith(ours) or ours in theirs for ours, theirs in zip(got, expected, strict=True))


@given(st.text(max_size=200))
def test_any_text_is_split(text: str) -> None:
    """Without an error, each statement being a part of the text at the line that is said."""
    for statement in split(text).statements:
        assert statement.text
        assert text.split("\n", statement.line - 1)[-1].find(statement.text.split("\n")[0]) >= 0


def test_lines_are_counted_from_the_first_word() -> None:
    """Comments before it are not part of a statement; the semicolon neither."""
    text = "-- a\n\nselect 1;\n/* b */ select\n  2 ; ;\n\nselect 3"
    assert split(text).statements == (
        Statement(3, "select 1"),
        Statement(4, "select\n  2"),
        Statement(7, "select 3"),
    )


@pytest.mark.parametrize(
    "text", ["select 'a; select 2;", 'select "a; select 2', "select $$a; b; c", "select 1 /* a; b"]
)
def test_what_has_no_end_reaches_to_the_end(text: str) -> None:
    """PostgreSQL says what is wrong with it; no part of it is run."""
    assert len(split(text).statements) == 1


@pytest.mark.parametrize(
    ("text", "one_transaction", "down"),
    [
        ("-- migrate:up\nselect 1;\n-- migrate:down\nselect 2;", True, 3),
        ("-- migrate:up transaction:false\nselect 1;\n-- migrate:down\nselect 2;", False, 3),
        ("-- +goose Up\nselect 1;\n-- +goose Down\nselect 2;", True, 3),
        ("-- +goose NO TRANSACTION\n-- +goose Up\nselect 1;\n-- +goose Down\nselect 2;", False, 4),
        ("-- +migrate Up notransaction\nselect 1;\n-- +migrate Down\nselect 2;", False, 3),
        ("select 1; -- migrate:down is no mark of ours here\n", False, None),
    ],
)
def test_marks_of_tools_are_followed(text: str, one_transaction: bool, down: int | None) -> None:
    """dbmate, goose and sql-migrate keep both ways in one file, and open a transaction unless they are told not to."""
    script = split(text)
    assert [statement.text for statement in script.statements] == ["select 1"]
    assert (script.in_one_transaction, script.down_from_line) == (one_transaction, down)


def test_commands_of_psql_are_told_from_backslashes() -> None:
    """Outside of literals they are its commands: those that change nothing are passed over."""
    script = split("\\set ON_ERROR_STOP on\nselect '\\i a.sql', E'\\\\';\n\\i b.sql\n")
    assert [(command.line, command.text) for command in script.commands] == [
        (1, "\\set ON_ERROR_STOP on"),
        (3, "\\i b.sql"),
    ]
    with pytest.raises(CannotRehearse, match=r"line 3 of the migration is a command of psql, \\i:"):
        demand_runnable(script)
    assert demand_runnable(Script(script.statements, script.commands[:1])) is None  # type: ignore[func-returns-value]


def test_extensions_that_are_created_are_known() -> None:
    """With quotes and without."""
    script = split(
        'create extension "uuid-ossp";CREATE  EXTENSION IF NOT EXISTS Citext with schema x; -- create extension no'
    )
    assert created_extensions(script) == {"uuid-ossp", "citext"}
