"""How much of an answer a client keeps: limits that no deployment meets, and that a hostile one cannot pass."""

import json
import threading
from typing import Any

import pytest

from harness.history.problem import Problem
from harness.http.client import MOST_MASKED
from harness.http.created import LONGEST_VALUE
from harness.http.readiness import wait_until_ready
from harness.http.session import LARGEST_COOKIE, LARGEST_HEAD, MOST_COOKIES
from harness.redaction.redactor import MASK
from tests.support.clients import RUN, client_of
from tests.support.clocks import pausing_in_no_time
from tests.support.exchanges import AMPLE_S, HEAD, posted_once
from tests.support.histories import TOKENS
from tests.support.servers import Request, serving


def of_head(size: int) -> bytes:
    """An answer whose status line and headers are of so many bytes, no line beyond http.client's own limit."""
    first = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n" + b"X: " + b"y" * 60_000 + b"\r\n"
    second = b"Y: " + b"y" * 60_000 + b"\r\n"
    rest = size - len(first) - len(second) - len(b"Z: \r\n\r\n")
    return first + second + b"Z: " + b"y" * rest + b"\r\n\r\n{}"


def test_a_head_of_the_limit_is_read_and_a_larger_one_is_not() -> None:
    """All of its lines count together; http.client alone would hold a hundred of 64 KiB."""
    within = posted_once(lambda request: request.send(of_head(LARGEST_HEAD)))
    beyond = posted_once(lambda request: request.send(of_head(LARGEST_HEAD + 1)))
    assert (within.problem, within.status) == (None, 201)
    assert beyond.problem is Problem.NO_ANSWER
    assert beyond.error.endswith("got more than 128 KiB of headers")


def test_lines_between_chunks_are_not_counted_as_headers() -> None:
    """A body in very many chunks is a body like any other."""
    chunks = b"1\r\n \r\n" * 100_000 + b"2\r\n{}\r\n0\r\n\r\n"
    reply = posted_once(lambda request: request.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks))
    assert (reply.problem, len(reply.body)) == (None, 100_002)


def test_no_more_cookies_are_kept_than_a_browser_keeps() -> None:
    """Nor larger ones; those that are kept may still change."""

    def answer(request: Request) -> bool:
        lines = [f"Set-Cookie: c{n}={request.number}-{n}" for n in range(MOST_COOKIES + 10)]
        lines.insert(0, f"Set-Cookie: large={'y' * LARGEST_COOKIE}")
        request.answer("200 OK", b"{}", *lines)
        return True

    with serving(answer) as server:
        client = client_of(server.url)
        for _ in range(2):
            client.get("/", timeout_s=AMPLE_S)
        kept = {cookie.name: cookie.value for cookie in client.session().cookies}
        client.renew_connection()
    assert kept == {f"c{n}": f"2-{n}" for n in range(MOST_COOKIES)}


def test_a_cookie_is_masked_also_beyond_what_is_looked_for_everywhere() -> None:
    """A server that sets a new one each time cannot see the next of them echoed into the history."""
    serial = iter(range(10_000, 20_000))

    def answer(request: Request) -> bool:
        cookie = f"s3ss10n-{next(serial)}"
        request.answer("500 Oops", f'{{"session": "{cookie}"}}'.encode(), f"Set-Cookie: sid={cookie}")
        return True

    with serving(answer) as server:
        client = client_of(server.url)
        attempts = [client.post_chatbot(n, f"smoke-{RUN}-{n}", "sequence") for n in range(MOST_MASKED + 20)]
        client.renew_connection()
    assert {attempt.evidence for attempt in attempts} == {f'{{"session": "{MASK}"}}'}


def test_the_cookies_of_a_login_are_masked_however_many_came_before() -> None:
    """They are what opens the door."""

    def answer(request: Request) -> Any:
        if request.method == "GET":
            lines = [f"Set-Cookie: c{n}=value-{request.number}-{n}" for n in range(MOST_COOKIES - 1)]
            request.answer("200 OK", b"{}", *lines)
        elif request.target == "/login":
            request.answer("200 OK", b"{}", "Set-Cookie: sid=th3-s3ss10n")
        else:
            request.answer("500 Oops", request.headers["cookie"].encode())
        return True

    with serving(answer) as server:
        client = client_of(server.url, login={"path": "/login", "json": {}})
        for _ in range(3):
            client.get("/", timeout_s=AMPLE_S)
        client.login()
        attempt = client.post_chatbot(1, f"smoke-{RUN}-1", "sequence")
        client.renew_connection()
    assert f"sid={MASK}" in attempt.evidence
    assert "th3-s3ss10n" not in attempt.evidence


@pytest.mark.parametrize("length", [LONGEST_VALUE, LONGEST_VALUE + 1])
def test_an_id_or_a_token_is_no_book(length: int) -> None:
    """One that is longer is a finding; nothing of it is kept but its length."""
    with serving(lambda request: request.created({"id": "i" * length, "public_token": "t" * length})) as server:
        client = client_of(server.url)
        attempt = client.post_chatbot(1, f"smoke-{RUN}-1", "sequence")
        client.renew_connection()
    if length == LONGEST_VALUE:
        assert (attempt.outcome, len(attempt.id or ""), len(attempt.token or "")) == ("ok", length, length)
    else:
        assert (attempt.outcome, attempt.id, attempt.token) == ("fail", None, None)
        assert attempt.error == (
            "201, but id has 1001 characters (expected at most 1000); "
            "public_token has 1001 characters (expected at most 1000)"
        )


@pytest.mark.parametrize("retry_after", ["0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_ready_page_that_asks_to_be_asked_at_once_is_not_hammered(
    monkeypatch: pytest.MonkeyPatch, retry_after: str
) -> None:
    """A pause lies between two GETs, whatever Retry-After says: in a second there are not hundreds."""
    pausing_in_no_time(monkeypatch)
    with serving(lambda r: r.answer("503 Soon", b"", f"Retry-After: {retry_after}")) as server:
        client = client_of(server.url, ready={"timeout_s": 1})
        with pytest.raises(Exception, match="it answered 503"):
            wait_until_ready(client, None, threading.Event())
    assert len(server.of("GET")) <= 11


def test_a_cookie_that_repeats_the_token_spoils_no_token() -> None:
    """A create route may remember what it has made in a cookie: id and token are compared as they came."""

    def remembers(request: Request) -> bool:
        token = TOKENS[len(request.server.of("POST"))]
        body = json.dumps({"id": 7_000_001, "public_token": token}).encode()
        cookies = [f"Set-Cookie: chatbot={token}", "Set-Cookie: last=7000001"]
        request.answer("201 Created", body, "Content-Type: application/json", *cookies)
        return True

    with serving(remembers) as server:
        client = client_of(server.url)
        attempts = [client.post_chatbot(n, f"smoke-r-{n}", "sequence") for n in (1, 2)]
    assert [a.token for a in attempts] == TOKENS[1:3]
    assert [a.id for a in attempts] == ["7000001", "7000001"]
    assert all(a.token is not None and a.token in a.evidence for a in attempts)
