"""What a session makes of a request, and how it leaves."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
import requests

from harness.http.exchange import exchange
from harness.http.session import new_session
from tests.support.exchanges import AMPLE_S

URL = "http://127.0.0.1:5/api/chätbots?q=a b"
ASKED: list[dict[str, Any]] = [
    {"method": "POST", "url": URL, "headers": {"x-request-id": "own"}, "json": {"name": "Zoë", "n": [1, None]}},
    {"method": "POST", "url": URL, "headers": {}, "json": []},
    {"method": "GET", "url": "http://127.0.0.1:5"},
    {"method": "DELETE", "url": f"{URL}#{'x' * 3}", "headers": {"traceparent": "00-1-2-01"}},
    {"method": "POST", "url": URL, "headers": {"X-Request-Id": "again"}, "json": {}},
]


def test_a_request_is_what_requests_makes_of_it() -> None:
    """Method, URL, headers with cookies, and body, of one request after another in one session."""
    own, theirs = new_session(), requests.Session()
    for session in (own, theirs):
        session.trust_env = False
        session.headers.clear()
        session.headers.update({"User-Agent": "chatbots-smoke", "X-Request-ID": "configured", "Accept": "*/*"})
        session.cookies.set("session", 'a"b', domain="127.0.0.1", path="/")
        session.cookies.set("elsewhere", "1", domain="example.org", path="/")
        session.cookies.set("secure", "1", domain="127.0.0.1", path="/", secure=True)
        session.cookies.set("expired", "1", domain="127.0.0.1", path="/", expires=1)
    own.cookies.clear("127.0.0.1", "/", "secure")  # which it sends to this machine, as browsers do
    for asked in ASKED:
        one, other = (session.prepare_request(requests.Request(**asked)) for session in (own, theirs))
        assert (one.method, one.url, one.body) == (other.method, other.url, other.body)
        assert dict(one.headers.lower_items()) == dict(other.headers.lower_items())
        assert list(one.headers) == list(other.headers)


def test_a_cookie_that_has_expired_is_not_forgotten() -> None:
    """It is sent no more, and whoever masks cookies still knows it."""
    session = new_session()
    session.cookies.set("sid", "s3cret", domain="127.0.0.1", path="/", expires=1)
    prepared = session.prepare_request(requests.Request("POST", "http://127.0.0.1:5", json={}))
    assert "Cookie" not in prepared.headers
    assert [cookie.value for cookie in session.cookies] == ["s3cret"]


def test_what_is_no_number_of_json_is_not_sent() -> None:
    """As requests refuses it."""
    with pytest.raises(requests.exceptions.InvalidJSONError):
        new_session().prepare_request(requests.Request("POST", URL, json={"n": float("nan")}))


def test_head_and_body_leave_in_one_write() -> None:
    """So that a server has the whole POST as soon as it has the first of it."""
    pieces: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening, new_session() as session:

        def answer() -> None:
            accepted, _ = listening.accept()
            with accepted:
                pieces.append(accepted.recv(65536))
                accepted.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        serving = threading.Thread(target=answer)
        serving.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        reply = exchange(session, "POST", url, timeout_s=AMPLE_S, json={"name": "smoke"})
        serving.join()
    assert (reply.status, reply.problem) == (201, None)
    (whole,) = pieces
    assert whole.startswith(b"POST / HTTP/1.1\r\n")
    assert whole.endswith(b'\r\n\r\n{"name": "smoke"}')
