"""Other people's data: what Postgres quotes of rows in its errors, tokens, and ids that may name somebody."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.redaction.redactor import Redactor
from harness.redaction.row_values import masked_token, shown_id, without_row_values
from tests.support.examples import MANY

CANARIES = ("Max Mustermann", "Mustermann", "max@kunde.eu", "kunde", "DE89370400440532013000", "k3x9ab7q")
ERRORS = [
    'ERROR:  duplicate key value violates constraint "c"\nDETAIL:  Key (email)=(max@kunde.eu) already exists.',
    r'{"error":"duplicate key \"c\"","detail":"Key (email)=(max@kunde.eu) already exists."}',
    r'{"message":"duplicate key\nDETAIL:  Key (name, mail)=(Max Mustermann (GmbH), max@kunde.eu) already exists."}',
    'DETAIL:  Key (email)=(a"max@kunde.eu) already exists.',
    '{"a": "b"}\nDETAIL:  Key (email)=(a"max@kunde.eu) already exists.',
    'ERROR:  null value in column "x"\nDETAIL:  Failing row contains (4, Max Mustermann, k3x9ab7q, null).',
    r'{"code":"23502","detail":"Failing row contains (4, Max \"M\" Mustermann, k3x9ab7q).","routine":"x"}',
    "DETAIL:  Failing row contains (4, Max\nMustermann).\nCONTEXT:  PL/pgSQL function f() line 3 at RAISE",
    'ERROR:  invalid input syntax for type uuid: "k3x9ab7q"',
    r'{"error":"invalid input syntax for type uuid: \"k3x9ab7q\""}',
    'invalid input syntax for type json\nDETAIL:  Token "Mustermann" is invalid.\nCONTEXT:  JSON data, line 1: kunde',
    'CONTEXT:  COPY chatbots, line 3, column email: "max@kunde.eu"',
    "ERROR: x\nHINT:  ask Max Mustermann\nQUERY:  INSERT INTO t VALUES ('kunde')",
    "CONTEXT:  SQL statement \"insert into t values ('Mustermann')\"\nPL/pgSQL function f() line 3 at SQL statement",
    r'{"code":"P0001","detail":"of Max Mustermann","hint":"ask kunde","where":"\"kunde\"","internalQuery":"kunde"}',
    "(UniqueViolation) x\nDETAIL:  Key (a)=(kunde) already exists.\n\n[SQL: x]\n[parameters: ('Mustermann',)]",
    "FEHLER: doppelt\nDETAIL:  Schlüssel »(email)=(max@kunde.eu)« existiert bereits.",
    r'{"message":"{\"code\":\"23505\",\"detail\":\"Key (email)=(max@kunde.eu) already exists.\"}"}',
    "<pre>error: duplicate key\nDETAIL: Key (email)=(max@kunde.eu) already exists.</pre>",
    "DETAIL:  Key (during)=([2020,Mustermann)) conflicts with existing key (during)=([2020,kunde)).",
    'violates foreign key\nDETAIL:  Key (owner)=(Mustermann) is not present in table "owners".',
    "CONTEXT:  unnamed portal with parameters: $1 = 'Max Mustermann', $2 = 'kunde'",
    "unnamed portal with parameters: $1 = 'Max Mustermann', $2 = 'kunde'",
    'invalid input value for enum plan: "Mustermann"',
    'malformed array literal: "Mustermann"',
    'value "89370400440532013000Mustermann" is out of range for type integer',
    'date/time field value out of range: "Mustermann"',
    'syntax error at or near "Mustermann"',
    "Raw query failed. Code: `23505`. Message: `Key (email)=(max@kunde.eu) already exists.`",
    "<li>Key (email)=(max@kunde.eu) already exists.</li><li>Failing row contains (1, Mustermann).</li>",
    "{'detail': 'Key (email)=(max@kunde.eu) already exists.', 'x': 1}",
    "duplicate key DETAIL: Key (email)=(max@kunde.eu) already exists. (SQLSTATE 23505)",
]


@pytest.mark.parametrize("error", ERRORS)
def test_values_of_rows_are_taken_out_of_errors(error: str) -> None:
    """As psql prints them, as drivers and ORMs hand them on, inside JSON, cut off anywhere; twice is as once."""
    for end in range(len(error) + 1):
        shown = Redactor()(error[:end])
        assert not any(canary in shown for canary in CANARIES), shown
    assert without_row_values(shown) == shown


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ERRORS[0], ['constraint "c"', "DETAIL:  Key (email)=(…) already exists."]),
        (ERRORS[2], ["Key (name, mail)=(…) already exists."]),
        (ERRORS[5], ['null value in column "x"', "Failing row contains (…)."]),
        (ERRORS[7], ["PL/pgSQL function f() line 3 at RAISE"]),
        (ERRORS[8], ['invalid input syntax for type uuid: "k3x…"']),
        (ERRORS[20], ['Key (owner)=(…) is not present in table "owners".']),
        (ERRORS[31], ["Key (email)=(…) already exists. (SQLSTATE 23505)"]),
    ],
)
def test_what_tells_the_cause_is_kept(error: str, kept: list[str]) -> None:
    """Names of tables, columns and constraints, places in functions, SQLSTATEs."""
    shown = without_row_values(error)
    assert [words for words in kept if words not in shown] == []


@pytest.mark.parametrize(
    "text",
    [
        '{"detail":"Not Found"}',
        '{"detail":[{"loc":["body","name"],"msg":"field required"}]}',
        "invalid configuration: url: must be a URL",
        "the details: HINTS are below",
        "a = (b)",
        'relation "chatbots" does not exist',
        'want: 201\n  have: smoke-1: 500: "it failed"',
    ],
)
def test_other_texts_stay(text: str) -> None:
    """Nothing is taken out that no row is quoted in."""
    assert without_row_values(text) == text


@settings(deadline=None, derandomize=True, database=None, max_examples=MANY)
@given(st.text(max_size=40), st.sampled_from(["already exists.", 'is not present in table "t".', ""]))
def test_no_value_of_a_key_is_shown(value: str, ending: str) -> None:
    """Whatever it is: in plain text it may hold quotes and brackets."""
    shown = without_row_values(f"DETAIL:  Key (email)=(<canary>{value}<canary>) {ending}".rstrip())
    assert "<canary>" not in shown
    assert shown.startswith("DETAIL:  Key (email)=(…)")


@pytest.mark.parametrize(
    ("id_", "shown"),
    [
        ("7", "7"),
        ("-7", "-7"),
        ("123456789012", "123456789012"),
        ("4915112345678", "491…"),
        ("0a1b2c3d-1111-4222-8333-444455556666", "0a1b2c3d-1111-4222-8333-444455556666"),
        ("max@kunde.eu", "max…"),
        ("DE89370400440532013000", "DE8…"),
        ("bob", "…"),
        ("", "…"),
    ],
)
def test_ids_that_may_name_somebody_are_masked(id_: str, shown: str) -> None:
    """Numbers and UUIDs are needed to find a row by; a mail address or an account is somebody's."""
    assert shown_id(id_) == shown


def test_of_a_token_three_characters_are_shown() -> None:
    """And of one that is as short, none."""
    assert [masked_token(token) for token in ("k3x9ab7q", "k3x9", "k3x", "")] == ["k3x…", "k3x…", "…", "…"]


@pytest.mark.parametrize(
    "piece",
    [
        *(")=(", "DETAIL: ", "DETAIL: x\n", '"detail":"', '"code":"23505",', "\\", '\\"', "Failing row contains ("),
        *('": "', 'invalid: "', "CONTEXT: Key (", "at or near '", "parameters: $1 ", "\nHINT: ", "(", "PL/pgSQL "),
    ],
)
def test_it_takes_time_in_proportion(piece: str) -> None:
    """Half a megabyte of each takes a part of a second; were it quadratic, it would take a quarter of an hour."""
    text = '{"code":"23505"} ' + piece * (500_000 // len(piece))
    began_s = time.monotonic()
    without_row_values(text)
    assert time.monotonic() - began_s < 60
