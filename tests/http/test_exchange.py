"""One HTTP exchange, on real sockets: every ending is a reply, and a POST arrives once."""

import gzip

import pytest

from harness.history.problem import Problem
from harness.text import printable
from tests.support.exchanges import CHUNKED, HEAD, Answer, posted_once
from tests.support.servers import Request


def test_a_whole_answer_is_read() -> None:
    """Status, headers without regard to case, and body."""
    reply = posted_once(lambda request: request.created({"id": 7}))
    assert (reply.problem, reply.error, reply.status, reply.body) == (None, "", 201, b'{"id": 7}')
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "status", ["200 OK", "204 No Content", "404 Not Found", "429 Slow", "500 Oops", "599 ", "999 x"]
)
def test_any_status_is_an_answer(status: str) -> None:
    """What it means is judged elsewhere."""
    reply = posted_once(lambda request: request.answer(status))
    assert (reply.problem, reply.status) == (None, int(status[:3]))


@pytest.mark.parametrize(
    "location",
    [
        "/login",
        "https://elsewhere.invalid/",
        "http://[",
        "//",
        "",
        "not a URL",
        "javascript:alert(1)",
        "/\xe9\xff",
        "*",
    ],
)
def test_a_redirect_is_not_followed(location: str) -> None:
    """It is an answer like any other, also where its Location is no URL."""
    reply = posted_once(lambda request: request.answer("302 Found", b"", f"Location: {location}"))
    assert (reply.problem, reply.status, reply.headers["Location"]) == (None, 302, location)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """As in HTTP/1.0; nothing tells that it was cut."""
    reply = posted_once(lambda request: request.send(HEAD + b'\r\n{"id": 7}'))
    assert (reply.problem, reply.body) == (None, b'{"id": 7}')


def test_a_chunked_body_is_joined() -> None:
    """Chunks arrive as one body."""
    reply = posted_once(lambda request: request.send(CHUNKED + b'5\r\n{"id"\r\n4\r\n: 7}\r\n0\r\n\r\n'))
    assert (reply.problem, reply.body) == (None, b'{"id": 7}')


def test_an_encoded_body_is_decoded() -> None:
    """A server that compresses unasked is understood."""
    body = gzip.compress(b'{"id": 7}')
    reply = posted_once(lambda request: request.answer("201 Created", body, "Content-Encoding: gzip"))
    assert (reply.problem, reply.body) == (None, b'{"id": 7}')


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 199 x\r\n\r\n",
    ],
)
def test_interim_answers_are_passed_over(interim: bytes) -> None:
    """A client must expect any number of 1xx before the answer (RFC 9110 section 15.2)."""

    def answer(request: Request) -> None:
        request.send(interim)
        request.created({"id": 7})

    reply = posted_once(answer)
    assert (reply.problem, reply.status, reply.body) == (None, 201, b'{"id": 7}')


def test_a_protocol_switch_is_an_answer() -> None:
    """101 is final: after it HTTP is over."""
    reply = posted_once(lambda request: request.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"))
    assert reply.status == 101


@pytest.mark.parametrize(
    ("answer", "problem", "said"),
    [
        pytest.param(lambda r: r.reset(), Problem.NO_ANSWER, "the connection was lost", id="reset"),
        pytest.param(lambda r: None, Problem.NO_ANSWER, "closed connection without response", id="closed"),
        pytest.param(lambda r: r.send(b"HTTP/1.1 2"), Problem.NO_ANSWER, "lost", id="half a status"),
        pytest.param(lambda r: r.send(b"\x00\x01\x02 garbage\r\n\r\n"), Problem.NO_ANSWER, "lost", id="garbage"),
        pytest.param(lambda r: r.send(b"SSH-2.0-OpenSSH_9.6\r\n"), Problem.NO_ANSWER, "lost", id="another protocol"),
        pytest.param(lambda r: r.send(b"HTTP/1.1 abc x\r\n\r\n"), Problem.NO_ANSWER, "lost", id="no status"),
        pytest.param(lambda r: r.send(b"HTTP/1.1 -1 x\r\n\r\n"), Problem.NO_ANSWER, "lost", id="negative status"),
        pytest.param(lambda r: r.send(b"HTTP/9.9 201 x\r\n\r\n"), Problem.NO_ANSWER, "lost", id="no such version"),
        pytest.param(
            lambda r: r.send(b"A" * 200_000 + b"\r\n\r\n"), Problem.NO_ANSWER, "lost", id="endless first line"
        ),
        pytest.param(
            lambda r: r.send(HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + b"\r\n"),
            Problem.NO_ANSWER,
            "more than 100 headers",
            id="5,000 headers",
        ),
        pytest.param(lambda r: r.flood(b"HTTP/1.1 201 x\r\n", 64), Problem.NO_ANSWER, "lost", id="endless headers"),
        pytest.param(
            lambda r: r.send(HEAD + b"X: " + b"y" * 200_000 + b"\r\n\r\n"), Problem.NO_ANSWER, "lost", id="long header"
        ),
        pytest.param(
            lambda r: r.send(HEAD + b"Content-Length: 100\r\n\r\n{"), Problem.CUT, "before its announced end", id="cut"
        ),
        pytest.param(
            lambda r: r.send(HEAD + b"Content-Length: 9\r\n\r\n"), Problem.CUT, "before its announced end", id="no body"
        ),
        pytest.param(
            lambda r: r.send(CHUNKED + b'5\r\n{"id"\r\n'), Problem.CUT, "before its announced end", id="chunks end"
        ),
        pytest.param(lambda r: r.send(CHUNKED + b"5\r\n{"), Problem.CUT, "before its announced end", id="in a chunk"),
        pytest.param(
            lambda r: r.send(CHUNKED + b"zz\r\n{}\r\n"), Problem.CUT, "before its announced end", id="no chunk length"
        ),
        pytest.param(
            lambda r: r.answer("201 Created", b"not gzip", "Content-Encoding: gzip"),
            Problem.NOT_JSON,
            "not encoded as its Content-Encoding says",
            id="not gzip",
        ),
        pytest.param(
            lambda r: r.answer("201 Created", gzip.compress(b"x" * 99)[:20], "Content-Encoding: deflate"),
            Problem.NOT_JSON,
            "not encoded as its Content-Encoding says",
            id="not deflate",
        ),
    ],
)
def test_an_ending_without_a_whole_answer_is_named(answer: Answer, problem: Problem, said: str) -> None:
    """Each is sorted and said in one line, and none makes the POST go out again."""
    reply = posted_once(answer)
    assert reply.problem is problem
    assert said in reply.error
    assert printable(reply.error).isprintable()


def test_a_reset_within_the_body_is_an_ending() -> None:
    """The bytes that were announced do not come."""

    def answer(request: Request) -> None:
        request.send(HEAD + b"Content-Length: 100\r\n\r\n{")
        request.reset()

    reply = posted_once(answer)
    assert reply.problem in (Problem.CUT, Problem.NO_ANSWER)
    assert reply.error


@pytest.mark.parametrize("lengths", [b"Content-Length: 2\r\nContent-Length: 3\r\n", b"Content-Length: many\r\n"])
def test_a_nonsensical_length_does_not_raise(lengths: bytes) -> None:
    """Whether it counts as an answer or not, it is a reply."""
    reply = posted_once(lambda request: request.send(HEAD + lengths + b"\r\n{}"))
    assert reply.problem in (None, Problem.NO_ANSWER)
