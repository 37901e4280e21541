"""A POST of a burst is held back when it is made and its connection open: then it has only to be written."""

import socket
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from harness.history.problem import Problem
from harness.http.exchange import exchange
from harness.http.reply import Withheld
from harness.http.session import new_session
from tests.support.exchanges import AMPLE_S, SHORT_S, then_trickle
from tests.support.servers import Request, certificate, refusing, serving


def creating(request: Request) -> bool:
    return request.created({})


def test_it_leaves_when_it_is_let_go() -> None:
    """With its connection open and nothing written; both parts of it follow, and nothing is held a second time."""
    connections: list[tuple[int, int]] = []
    with serving(creating) as server, new_session() as session:

        def hold() -> None:
            while not server.connections:
                time.sleep(0.01)
            connections.append((server.connections, len(server.requests)))

        reply = exchange(session, "POST", server.url, timeout_s=AMPLE_S, json={"a": 1}, hold=hold)
    assert (reply.status, [request.body for request in server.requests]) == (201, [b'{"a": 1}'])
    assert (connections, server.connections) == ([(1, 0)], 1)


def test_its_time_begins_when_it_is_let_go() -> None:
    """Waiting for the others is no time that the deployment took, and spends no budget."""
    let_go: list[float] = []

    def hold() -> None:
        time.sleep(SHORT_S + 0.5)
        let_go.append(time.monotonic())

    with serving(creating) as server, new_session() as session:
        reply = exchange(session, "POST", server.url, timeout_s=SHORT_S, json={}, hold=hold)
    assert (reply.status, reply.problem) == (201, None)
    assert reply.started_s >= let_go[0]


def test_its_time_is_still_limited() -> None:
    """A budget that begins later ends as well, however busy the server seems."""
    trickling = then_trickle(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n", b" ")
    with serving(trickling) as server, new_session() as session:
        hold = partial(time.sleep, SHORT_S + 0.5)
        reply = exchange(session, "POST", server.url, timeout_s=SHORT_S, json={}, hold=hold)
    assert reply.problem is Problem.TIMED_OUT


def test_one_that_is_withheld_is_not_sent() -> None:
    """It is no outcome of a POST; the session can be used on."""
    with serving(creating) as server, new_session() as session:

        def hold() -> None:
            raise Withheld

        with pytest.raises(Withheld):
            exchange(session, "POST", server.url, timeout_s=AMPLE_S, json={}, hold=hold)
        assert exchange(session, "GET", server.url, timeout_s=AMPLE_S).status == 201
    assert [request.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
def test_a_connection_that_idled_out_meanwhile_is_opened_anew(encrypted: bool) -> None:
    """The slowest of a burst may take longer than a server keeps a connection that says nothing."""
    let_go, closed = threading.Event(), threading.Event()

    def answer(request: Request) -> bool:
        request.created({})
        if request.method == "POST":
            return True
        let_go.wait(AMPLE_S)
        request.connection.shutdown(socket.SHUT_RDWR)
        closed.set()
        return False

    def hold() -> None:
        let_go.set()
        closed.wait(AMPLE_S)

    with (
        certificate() as (context, file),
        serving(answer, context if encrypted else None) as server,
        new_session(Path(file) if encrypted else None) as session,
    ):
        assert exchange(session, "GET", server.url, timeout_s=AMPLE_S).status == 201
        reply = exchange(session, "POST", server.url, timeout_s=AMPLE_S, json={}, hold=hold)
    assert (reply.status, len(server.of("POST")), server.connections) == (201, 1, 2)


def test_one_that_cannot_be_sent_is_not_held() -> None:
    """Nobody has to let go what has failed already."""
    held = threading.Event()
    with refusing() as url, new_session() as session:
        reply = exchange(session, "POST", url, timeout_s=AMPLE_S, json={}, hold=held.set)
    assert reply.problem is Problem.REFUSED
    assert not held.is_set()
