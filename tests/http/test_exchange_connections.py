"""Connections of an exchange: refused, kept, lost between two requests, and TLS."""

import socket
import threading

import pytest

from harness.history.problem import Problem
from harness.http.exchange import exchange
from harness.http.session import new_session
from tests.support.exchanges import AMPLE_S, HEAD, SHORT_S, Answer, post, posted_once, then_trickle
from tests.support.servers import Request, certificate, refusing, serving


def test_a_refused_connection_is_named() -> None:
    """Nothing listens: the POST was never sent."""
    with refusing() as url:
        reply = post(url)
    assert (reply.problem, reply.status) == (Problem.REFUSED, None)
    assert reply.error == "no connection: ConnectionRefusedError: Connection refused"


def test_an_unknown_host_is_named() -> None:
    """RFC 6761 reserves .invalid for names that do not exist."""
    reply = post("http://nowhere.invalid")
    assert reply.problem is Problem.UNRESOLVED
    assert reply.error.startswith("host not found: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999999",
        f"http://{'a' * 64}.invalid",
        f"http://{'a.' * 200}invalid",
        "http://a..b.invalid",
        "http://\x00",
        "http://\ud800.invalid",
        "ftp://127.0.0.1",
        "nothing",
        "",
    ],
    ids=ascii,
)
def test_an_impossible_url_does_not_raise(url: str) -> None:
    """It is a reply with a problem like any other."""
    reply = post(url, SHORT_S)
    assert reply.problem is not None
    assert reply.error


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X": "\u2603"}, {"bad name": "x"}])
def test_impossible_headers_do_not_raise(headers: dict[str, str]) -> None:
    """Nothing half made leaves: no request arrives, or a single one."""
    with serving(lambda request: request.created({})) as server, new_session() as session:
        reply = exchange(session, "POST", server.url, timeout_s=AMPLE_S, headers=headers, json={})
    assert reply.problem is not None or len(server.requests) == 1
    assert "b" not in [request.headers.get("y") for request in server.requests]


def test_a_body_that_is_no_json_does_not_raise() -> None:
    """A value that json refuses is an ending before anything was sent."""
    with serving(lambda request: request.created({})) as server, new_session() as session:
        reply = exchange(session, "POST", server.url, timeout_s=AMPLE_S, json={"x": object()})
    assert reply.problem is not None
    assert server.requests == []


def test_a_connection_is_kept_between_requests() -> None:
    """The burst relies on it: a warmed connection is used again."""
    with serving(lambda request: request.created({})) as server, new_session() as session:
        for method in ("GET", "POST", "POST"):
            assert exchange(session, method, server.url, timeout_s=AMPLE_S, json=None).status == 201
    assert (len(server.requests), server.connections) == (3, 1)


def test_a_connection_that_idled_out_is_opened_anew() -> None:
    """A server that closed in between is noticed before the POST leaves, which arrives once."""
    closed = threading.Event()

    def answer(request: Request) -> None:
        request.created({})
        request.connection.shutdown(socket.SHUT_RDWR)
        request.connection.close()
        closed.set()

    with serving(answer) as server, new_session() as session:
        assert exchange(session, "GET", server.url, timeout_s=AMPLE_S).status == 201
        closed.wait()
        reply = exchange(session, "POST", server.url, timeout_s=AMPLE_S, json={})
    assert (reply.status, len(server.of("POST")), server.connections) == (201, 1, 2)


@pytest.mark.parametrize("end", [lambda r: None, lambda r: r.reset()], ids=["closed", "reset"])
def test_a_kept_connection_that_fails_is_not_tried_again(end: Answer) -> None:
    """Who reads the POST and closes may have stored its row: it must not be sent a second time."""
    with (
        serving(lambda r: r.created({}) if r.method == "GET" else end(r)) as server,
        new_session() as session,
    ):
        assert exchange(session, "GET", server.url, timeout_s=AMPLE_S).status == 201
        reply = exchange(session, "POST", server.url, timeout_s=AMPLE_S, json={})
    assert (reply.problem, len(server.of("POST")), server.connections) == (Problem.NO_ANSWER, 1, 1)


def test_surroundings_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment would see every POST, and their failures would be taken for the deployment's."""
    with refusing() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        reply = posted_once(lambda request: request.created({}))
    assert reply.status == 201


def test_tls_on_a_plain_port_is_named() -> None:
    """The other side speaks plain HTTP: no request arrives."""
    with serving(lambda request: request.created({})) as server:
        reply = post(server.url.replace("http://", "https://"))
    assert reply.problem is Problem.TLS
    assert reply.error.startswith("TLS failed: SSLError: ")
    assert server.requests == []


def test_a_self_signed_certificate_is_refused() -> None:
    """The reason is said, and nothing is sent to whoever shows it."""
    with certificate() as (context, _), serving(lambda request: request.created({}), tls=context) as server:
        reply = post(server)
    assert reply.problem is Problem.TLS
    assert "self-signed certificate" in reply.error or "self signed certificate" in reply.error
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param(lambda r: r.created({"id": 7}), None, id="answered"),
        pytest.param(lambda r: r.trickle(b""), Problem.TIMED_OUT, id="silence"),
        pytest.param(then_trickle(HEAD, b"X"), Problem.TIMED_OUT, id="a trickling header"),
        pytest.param(
            then_trickle(HEAD + b"Content-Length: 10000\r\n\r\n", b"{"), Problem.TIMED_OUT, id="a trickling body"
        ),
        pytest.param(lambda r: None, Problem.NO_ANSWER, id="closed"),
    ],
)
def test_the_same_holds_inside_of_tls(answer: Answer, problem: Problem | None) -> None:
    """The budget reaches below TLS, and an ending is sorted in the same way."""
    timeout_s = SHORT_S if problem is Problem.TIMED_OUT else AMPLE_S
    with (
        certificate() as (context, path),
        serving(answer, tls=context) as server,
        new_session() as session,
    ):
        session.verify = path
        reply = exchange(session, "POST", server.url, timeout_s=timeout_s, json={})
    assert reply.problem is problem
    assert len(server.requests) == 1


@pytest.mark.parametrize("drip", [b"", b"\x00"], ids=["silent", "trickling"])
def test_a_handshake_that_does_not_end_is_cut_off(drip: bytes) -> None:
    """The server takes the connection and never finishes its first record."""
    stop = threading.Event()

    def accept(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x30\x00")
            for _ in range(1_200):
                if stop.wait(0.05):
                    return
                try:
                    connection.sendall(drip)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        reply = post(f"https://127.0.0.1:{listener.getsockname()[1]}", SHORT_S)
        stop.set()
        thread.join()
    assert reply.problem is Problem.TIMED_OUT
