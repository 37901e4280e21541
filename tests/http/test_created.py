"""What a 201 to a create request says: an id and a token as asked, or what is wrong with it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from harness.history.problem import COULD_NOT_TELL, Problem, remedy_for
from harness.http.created import Reading, is_missing, lookup, parse_json, read_created, replay_of
from harness.http.elsewhere import MOST_VALUES, values_of

TOKEN = "0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20"
AS_ASKED = {"id": 7, "public_token": TOKEN, "name": "smoke-1"}


def read(
    status: int,
    body: bytes | str | Any = b"",
    *,
    id_path: str = "id",
    token_path: str = "public_token",
    **headers: str,
) -> Reading:
    """Read an answer; a body that is neither bytes nor text is sent as JSON. Headers are spelt with underscores."""
    sent = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    spelt = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return read_created(status, spelt, sent, id_path=id_path, token_path=token_path)


def test_a_201_as_asked_has_no_problem() -> None:
    """Id and token are read, the id as text."""
    assert read(201, AS_ASKED, content_type="application/json") == Reading(None, "", "7", TOKEN)


@pytest.mark.parametrize("wanted", [200, 201, 202])
def test_what_is_right_is_what_was_asked_for(wanted: int) -> None:
    """Whichever 2xx the app answers with; any other is wrong, and says what was wanted."""
    for status in (200, 201, 202):
        answer = CaseInsensitiveDict({"Content-Type": "application/json"}), json.dumps(AS_ASKED).encode()
        reading = read_created(status, *answer, id_path="id", token_path="public_token", wanted=wanted)
        right = Reading(None, "", "7", TOKEN)
        assert reading == (right if status == wanted else Reading(Problem.WRONG_STATUS, f"{status}, want {wanted}"))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON;charset=UTF-8",
        " application/json ",
        "text/json",
        "application/vnd.api+json",
        "application/hal+json; profile=x",
        "",
    ],
)
def test_json_goes_by_several_names(content_type: str) -> None:
    """Parameters, case and structured suffixes do not matter (RFC 6839), nor does a missing Content-Type."""
    assert read(201, AS_ASKED, content_type=content_type).problem is None


def test_header_names_have_no_case() -> None:
    """An answer of HTTP/2 spells them in lower case."""
    reading = read_created(
        201, CaseInsensitiveDict({"content-type": "text/html"}), b"{}", id_path="id", token_path="token"
    )
    assert reading.error == "201 with Content-Type text/html, want application/json"


@pytest.mark.parametrize(
    ("document", "id_path", "token_path"),
    [
        ({"data": {"chatbot": AS_ASKED}}, "data.chatbot.id", "data.chatbot.public_token"),
        ([AS_ASKED], "0.id", "0.public_token"),
        ({"rows": [{}, {}, AS_ASKED]}, "rows.2.id", "rows.2.public_token"),
        ({"id": 7, "publicToken": TOKEN}, "id", "publicToken"),
        ({"bot": {"Id": 7}, "links": {"public": TOKEN}}, "bot.Id", "links.public"),
        ({"0": {"id": 7, "token": TOKEN}}, "0.id", "0.token"),
        ({"a b": 7, "naïve": TOKEN}, "a b", "naïve"),
        (["x", [[7, TOKEN]]], "1.0.0", "1.0.1"),
    ],
)
def test_dotted_paths_lead_into_objects_and_arrays(document: Any, id_path: str, token_path: str) -> None:
    """A segment is a key of an object, as it is spelt, or an index of an array."""
    assert read(201, document, id_path=id_path, token_path=token_path) == Reading(None, "", "7", TOKEN)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "id"),
        ({"ID": 7}, "id"),
        ({"id": 7}, "id.id"),
        ({"id": "abc"}, "id.0"),
        ([7], "1"),
        ([7], "-1"),
        ([7], "id"),
        ([7], "²"),
        (None, "id"),
        (7, "id"),
        ("id", "id"),
        ({"a": None}, "a.b"),
    ],
)
def test_a_path_that_leads_nowhere_is_missing(document: Any, path: str) -> None:
    """Whatever the document is, also where the path does not fit its shape."""
    assert is_missing(lookup(document, path))


def test_null_at_a_path_is_not_missing() -> None:
    """A field that is null is another finding than a field that is not there."""
    assert lookup({"a": [None]}, "a.0") is None
    assert not is_missing(None)


@pytest.mark.parametrize(
    ("id_", "want"),
    [
        (7, "7"),
        (0, "0"),
        (-3, "-3"),
        (2**63, "9223372036854775808"),
        ("7", "7"),
        (TOKEN.upper(), TOKEN.upper()),
        ("cm3x9k2", "cm3x9k2"),
        (" 7 ", " 7 "),
    ],
    ids=repr,
)
def test_an_id_is_a_number_or_text(id_: object, want: str) -> None:
    """Either is kept as text, unchanged."""
    assert read(201, {"id": id_, "public_token": TOKEN}) == Reading(None, "", want, TOKEN)


@pytest.mark.parametrize(
    ("id_", "said"),
    [
        (None, "is null"),
        ("", "is empty text"),
        (True, "is true or false"),
        (1.5, "is a number"),
        ([7], "is an array"),
        ({"$oid": "x"}, "is an object"),
    ],
)
def test_any_other_id_is_a_finding(id_: object, said: str) -> None:
    """The token of such an answer is kept: it may be a row's."""
    reading = read(201, {"id": id_, "public_token": TOKEN})
    assert reading == Reading(Problem.FIELD_MISSING, f"201, but id {said} (expected a number or a string)", None, TOKEN)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (7, "is a number"),
        (0.5, "is a number"),
        (None, "is null"),
        ([TOKEN], "is an array"),
        ([], "is an array"),
        ({"value": TOKEN}, "is an object"),
        ("", "is empty text"),
        (False, "is true or false"),
    ],
)
def test_a_token_that_is_not_text_is_a_finding(token: object, said: str) -> None:
    """The id of such an answer is kept: the clean-up needs it."""
    reading = read(201, {"id": 7, "public_token": token})
    assert reading == Reading(Problem.FIELD_MISSING, f"201, but public_token {said} (expected a string)", "7", None)


def test_missing_fields_are_named_by_their_paths() -> None:
    """Both, where both are missing."""
    reading = read(201, {"bot": {}}, id_path="bot.id", token_path="bot.token")
    assert reading.problem is Problem.FIELD_MISSING
    assert (
        reading.error
        == "201, but bot.id is missing (expected a number or a string); bot.token is missing (expected a string)"
    )


@pytest.mark.parametrize("document", ["null", "true", "7", "1.5", '"text"', "[]", "{}"])
def test_json_that_is_no_object_lacks_both_fields(document: str) -> None:
    """It is JSON, so that what is missing is the finding."""
    assert read(201, document).problem is Problem.FIELD_MISSING


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "201 with an empty body"),
        (b"  \r\n\t", "201 with an empty body"),
        (b"created", "201 whose body is not JSON: Expecting value"),
        (b"<html>created</html>", "201 whose body is not JSON: Expecting value"),
        (b'{"id": 7', "201 whose body is not JSON: Expecting"),
        (b'{"id": 7} trailing', "201 whose body is not JSON: Extra data"),
        (b"{'id': 7}", "201 whose body is not JSON: Expecting property name"),
        (b'{"id": NaN, "public_token": "x"}', "201 whose body is not JSON: NaN is not a JSON number"),
        (b'{"id": Infinity}', "201 whose body is not JSON: Infinity is not a JSON number"),
        (b'{"id": -Infinity}', "201 whose body is not JSON: -Infinity is not a JSON number"),
        (b'{"id": 7, "public_token": "\xff"}', "201 whose body is not JSON: byte 27 is not UTF-8"),
        (b'{"id": 7, "public_token": "a\nb"}', "201 whose body is not JSON: Invalid control character"),
        (b"[" * 200_000, "201 whose body is not JSON: it is nested too deeply"),
        (b'{"a":' * 200_000, "201 whose body is not JSON: it is nested too deeply"),
        (b'{"id": 1' + b"0" * 5_000 + b"}", "201 whose body is not JSON: Exceeds the limit"),
        (json.dumps(AS_ASKED).encode("utf-16"), "201 whose body is not JSON: byte 0 is not UTF-8"),
        (b"\x1f\x8b\x08\x00", "201 whose body is not JSON: byte 1 is not UTF-8"),
    ],
    ids=lambda value: repr(value[:60]),
)
def test_a_201_that_is_not_json_is_a_finding(body: bytes, said: str) -> None:
    """The finding says what is wrong with it."""
    reading = read(201, body)
    assert (reading.problem, reading.id, reading.token) == (Problem.NOT_JSON, None, None)
    assert reading.error.startswith(said)


@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=utf-8", "text/plain", "application/xml"])
def test_a_201_of_another_content_type_is_a_finding(content_type: str) -> None:
    """Also where the body would parse: clients go by the header."""
    reading = read(201, AS_ASKED, content_type=content_type)
    assert reading.problem is Problem.NOT_JSON
    assert reading.error == f"201 with Content-Type {content_type.partition(';')[0]}, want application/json"


def test_an_html_page_with_201_is_a_finding() -> None:
    """A page is never the answer that was asked for, whatever its status."""
    assert read(201, "<!doctype html><p>hi", content_type="text/html").problem is Problem.NOT_JSON


def test_a_byte_order_mark_is_forgiven() -> None:
    """RFC 8259 section 8.1 lets a parser ignore one."""
    assert read(201, b"\xef\xbb\xbf" + json.dumps(AS_ASKED).encode()).problem is None


def test_the_last_of_duplicate_keys_counts() -> None:
    """As in JavaScript, so that what is judged is what a browser would see."""
    assert read(201, '{"id": 1, "id": 2, "public_token": "a", "public_token": "b"}') == Reading(None, "", "2", "b")


def test_escapes_in_a_token_are_text() -> None:
    """Controls and lone surrogates arrive as text; those who print it make them harmless."""
    assert read(201, r'{"id": 7, "public_token": "\u001b[2J\ud800"}').token == "\x1b[2J\ud800"


def test_a_large_number_within_limits_is_exact() -> None:
    """An id beyond 2^53 is not rounded."""
    assert read(201, {"id": 2**64 + 1, "public_token": TOKEN}).id == str(2**64 + 1)


def test_floats_beyond_range_parse() -> None:
    """1e999 is a JSON number; as an id it is refused like any other fraction."""
    assert math.isinf(parse_json(b"1e999"))
    assert read(201, b'{"id": 1e999, "public_token": "x"}').problem is Problem.FIELD_MISSING


@settings(deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=200), st.sampled_from([200, 201, 301, 403, 500]), st.text(max_size=30))
def test_no_answer_raises(body: bytes, status: int, content_type: str) -> None:
    """Whatever bytes arrive, the reading is one; only a 201 can be without a problem."""
    reading = read(status, body, content_type=content_type)
    assert status == 201 or reading.problem is not None
    assert reading.error or reading.problem is None


# --- under another key ------------------------------------------------------------------------------------------------

OTHER_KEYS = {
    "camelCase": ({"id": 7, "publicToken": TOKEN}, "set api.token: publicToken"),
    "nested": (
        {"data": {"chatbot": {"id": 7, "token": TOKEN}}},
        "set api.id: data.chatbot.id, api.token: data.chatbot.token",
    ),
    "an array": ([{"id": 7, "public_token": TOKEN}], "set api.id: 0.id, api.token: 0.public_token"),
    "an old token of the right name": ({"id": 7, "publicToken": "a1b2c3"}, "set api.token: publicToken"),
    "a UUID of any name": ({"id": 7, "share": TOKEN}, "set api.token: share"),
    "the nearest id": ({"chatbot": {"owner": {"id": 1}, "id": 7}, "public_token": TOKEN}, "set api.id: chatbot.id"),
    "no id at all": ({"data": {"share": TOKEN}}, "set api.id: (the key of its id), api.token: data.share"),
}


@pytest.mark.parametrize("how", OTHER_KEYS)
def test_what_stands_under_another_key_says_which_key_to_set(how: str) -> None:
    """The deployment works and is described wrongly: nothing is claimed of it."""
    document, said = OTHER_KEYS[how]
    reading = read(201, document)
    assert reading.problem is Problem.OTHER_KEY
    assert reading.problem in COULD_NOT_TELL
    assert reading.error.endswith(said)
    assert remedy_for(reading.problem, reading.error) == f"in environments.yaml, {said}"


@pytest.mark.parametrize(
    "document",
    [
        {"id": 7},
        {"id": 7, "public_token": None, "share": TOKEN},
        {"id": 7, "public_token": "", "share": TOKEN},
        {"id": TOKEN},
        {"id": 7, "user_id": TOKEN, "requestId": TOKEN},
        {"public_token": TOKEN},
        {"id": 7, "note": f"see {TOKEN}"},
    ],
    ids=["nowhere", "null", "empty", "the id is one", "ids of others", "no id", "in a text"],
)
def test_what_stands_nowhere_is_missing(document: object) -> None:
    """A null is the new code on the old schema, and another row's id is no token."""
    assert read(201, document).problem is Problem.FIELD_MISSING


def test_looking_elsewhere_is_bounded() -> None:
    """However many keys an answer has, and however deep they stand."""
    deep: object = {"share": TOKEN}
    for _ in range(50):
        deep = {"a": deep}
    wide = {f"k{n}": {"x": n} for n in range(MOST_VALUES)} | {"share": TOKEN}
    assert read(201, {"id": 7, "d": deep}).problem is Problem.FIELD_MISSING
    assert len(list(values_of(wide))) <= MOST_VALUES


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"idempotent-replayed": "true"}, "marked Idempotent-Replayed: true"),
        ({"X-Idempotency-Replay": "1"}, "marked X-Idempotency-Replay: 1"),
        ({"Idempotent-Replayed": "false"}, ""),
        ({"Idempotent-Replayed": "true\x1b[2J"}, ""),
        ({}, ""),
    ],
)
def test_an_answer_that_was_given_before_says_so(headers: dict[str, str], said: str) -> None:
    """By the headers of idempotency layers; nothing else that stands in them is told."""
    assert replay_of(CaseInsensitiveDict(headers)) == said
