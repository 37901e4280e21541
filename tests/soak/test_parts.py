"""The parts of a soak: numbers that are handed out once, tokens that are told apart, and one POST as it is sent."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from harness.soak.allocation import LARGEST_SHARE, Allocation, SeenTokens, key_of
from harness.soak.result import MOST_LISTED, bounded
from tests.support.exchanges import AMPLE_S, SHORT_S, Answer, post, then_trickle
from tests.support.servers import Request, certificate, in_turn, refusing, serving
from tests.support.verdicts import row_left

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.http.reply import Reply

_HEAD = b"HTTP/1.1 201 Created\r\n"
with_locust = pytest.mark.skipif(find_spec("geventhttpclient") is None, reason="locust's client is not installed here")


@pytest.mark.parametrize(("attempts", "workers"), [(1, 1), (7, 4), (1000, 3), (100_000, 2)])
def test_each_number_is_handed_out_once(attempts: int, workers: int) -> None:
    """All of them and not one more, to whoever asks, in shares that are bounded."""
    allocation = Allocation.among(attempts, workers)
    handed: list[int] = []
    turn = 0
    while (share := allocation.share(f"worker {turn % workers}"))[1]:
        assert share[1] <= LARGEST_SHARE
        handed += range(share[0], sum(share))
        turn += 1
    assert handed == [*range(1, attempts + 1)]


def test_numbers_of_a_worker_that_has_gone_are_not_handed_out_again() -> None:
    """They may have been sent; the others' end is not held up by them."""
    allocation = Allocation(attempts=20, size=10)
    assert allocation.share("lost") == (1, 10)
    assert allocation.share("other") == (11, 10)
    assert allocation.share("other") == (21, 0)
    assert not allocation.done(["lost", "other"])
    allocation.settle("other", 9, 0)
    assert not allocation.done(["other"])
    allocation.settle("other", 1, 0)
    assert allocation.done(["other"])
    assert not allocation.done(["lost", "other"])


def test_when_it_is_over_no_number_is_handed_out() -> None:
    """And it is done when what was handed out is sent or given back."""
    allocation = Allocation(attempts=20, size=10)
    allocation.share("a")
    allocation.over = True
    assert allocation.share("a")[1] == 0
    assert not allocation.done(["a"])
    allocation.settle("a", 4, 6)
    assert allocation.done(["a"])
    assert allocation.settled == 4


def test_a_token_that_comes_twice_is_told() -> None:
    """In either case, within what one worker reports or between two, whatever it looks like."""
    token = str(uuid4())
    seen = SeenTokens()
    assert seen.repeated(key_of(token) + key_of("short") + key_of("Kurz\N{LATIN SMALL LETTER U WITH DIAERESIS}")) == 0
    assert seen.repeated(key_of(token.upper())) == 1
    assert seen.repeated(key_of("shorter") + key_of("SHORT")) == 1
    assert seen.repeated(key_of("again") * 3) == 2


def test_what_may_be_left_is_listed_up_to_a_bound() -> None:
    """With how many there are besides."""
    rows = [row_left(f"smoke-{n}", reason="r") for n in range(MOST_LISTED + 5)]
    assert bounded(rows[:MOST_LISTED], "preview", "reports/r") == rows[:MOST_LISTED]
    listed = bounded(rows, "preview", "reports/r")
    assert len(listed) == MOST_LISTED + 1
    assert listed[-1].name == "and 5 more"
    assert listed[-1].remedy == "run chatbots-smoke cleanup reports/r/worker-*.jsonl"


class Sender:
    """One user of a soak, in this process: without locust, whose import would change it."""

    def __init__(self, url: str, ca_file: Path | None = None, timeout_s: float = AMPLE_S) -> None:
        from geventhttpclient.useragent import UserAgent

        from harness.soak.posting import EVERY_STATUS, OneEach, trusting

        self.url, self.timeout_s = url, timeout_s
        agent: Any = UserAgent()  # a soak has one that knows locust
        self.agent = agent
        self.agent.valid_response_codes = EVERY_STATUS
        self.pool = self.agent.clientpool = OneEach(timeout_s, lambda: trusting(ca_file))

    def send(self, name: str = "a", **headers: str) -> Reply:
        from harness.soak.posting import post

        body = json.dumps({"name": name}).encode()
        return post(self.agent, self.pool, f"{self.url}/api", body, headers, timeout_s=self.timeout_s)


def kept(request: Request) -> bool:
    return request.created({"id": 1})


def sent(answer: Callable[[Request], bool | None], timeout_s: float = AMPLE_S) -> tuple[Reply, list[Request]]:
    with serving(answer) as server:
        return Sender(server.url, timeout_s=timeout_s).send(), server.requests


@with_locust
@pytest.mark.parametrize("goes", [Request.reset, lambda request: None], ids=["reset", "closed"])
def test_a_post_on_a_kept_connection_that_fails_is_not_sent_again(goes: Callable[[Request], None]) -> None:
    """It is without an answer, and the next one gets a new connection."""
    with serving(in_turn(kept, goes, kept)) as server:
        sender = Sender(server.url)
        replies = [sender.send(name) for name in "abc"]
    assert [reply.status for reply in replies] == [201, None, 201]
    assert replies[1].problem == "connection lost"
    assert [json.loads(request.body)["name"] for request in server.requests] == ["a", "b", "c"]
    assert server.connections == 2


@with_locust
def test_a_client_that_would_send_again_is_not_let() -> None:
    """geventhttpclient does so where a header asks it to wait for 100 Continue: its request stays one."""
    heads: list[bytes] = []

    def hang_up() -> None:
        with suppress(OSError):  # the listener is closed before a second one comes
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    heads.append(connection.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, daemon=True).start()
        reply = Sender(f"http://127.0.0.1:{listener.getsockname()[1]}").send(Expect="100-continue")
    assert reply.problem == "connection lost"
    assert "nothing is sent a second time" in reply.error
    assert len(heads) == 1


@with_locust
def test_a_connection_that_idled_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may be about to close it, and the POST would be lost."""
    monkeypatch.setattr("harness.soak.posting.LONGEST_IDLE_S", -1.0)
    with serving(kept) as server:
        sender = Sender(server.url)
        assert [sender.send().status for _ in range(3)] == [201] * 3
    assert server.connections == 3


_CREATED = _HEAD + b'Content-Length: 9\r\n\r\n{"id": 1}'
_CHUNKS = _HEAD + b'Transfer-Encoding: chunked\r\n\r\n4;x=y\r\n{"id\r\n5\r\n": 1}\r\n0\r\nStatus: none\r\n\r\n'
_EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_SECOND = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\nX: y\r\n\r\nbad"


@with_locust
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("behind", [b"xyz", _SECOND, b"\r\n"], ids=["stray bytes", "second answer", "empty line"])
@pytest.mark.parametrize("first", [_CREATED, _CHUNKS, _EARLY + _CREATED], ids=["length", "chunks", "interim"])
def test_what_comes_behind_an_answer_is_not_read(first: bytes, behind: bytes, tls: bool) -> None:
    """The answer is the first one, as for the gate; the connection is not used again."""

    def both(request: Request) -> bool:
        request.send(first + behind)
        return True

    with certificate() as (context, chain), serving(both, context if tls else None) as server:
        sender = Sender(server.url, chain if tls else None)  # type: ignore[arg-type]
        replies = [sender.send() for _ in range(3)]
    assert [(r.status, r.problem, r.error, r.body) for r in replies] == [(201, None, "", b'{"id": 1}')] * 3
    assert "X" not in replies[0].headers
    assert (len(server.requests), server.connections) == (3, 3)


@with_locust
def test_a_connection_stays_open_whatever_pieces_its_answers_come_in() -> None:
    """With lengths and with chunks, byte by byte or at once, and without a body."""
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"

    def slowly(request: Request) -> bool:
        for byte in _EARLY + _CHUNKS:
            request.send(bytes([byte]))
        return True

    def whole(data: bytes) -> Callable[[Request], bool]:
        def answer(request: Request) -> bool:
            request.send(data)
            return True

        return answer

    with serving(in_turn(slowly, whole(_CHUNKS), whole(empty), whole(_CREATED), slowly)) as server:
        sender = Sender(server.url)
        replies = [sender.send() for _ in range(5)]
    assert [(r.status, r.error) for r in replies] == [(201, ""), (201, ""), (204, ""), (201, ""), (201, "")]
    assert [r.body for r in replies] == [b'{"id": 1}'] * 2 + [b""] + [b'{"id": 1}'] * 2
    assert server.connections == 1


@with_locust
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"], ids=["", "408"])
def test_a_connection_that_the_server_gave_up_is_not_used(
    says: bytes, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor where the library does not look, as some of its versions do not."""
    monkeypatch.setattr(
        "geventhttpclient.connectionpool.ConnectionPool._is_socket_alive", lambda *_: True, raising=False
    )
    answered, given_up = threading.Event(), threading.Event()

    def gives_up(request: Request) -> None:
        kept(request)
        answered.wait(AMPLE_S)
        request.send(says)
        request.connection.shutdown(socket.SHUT_WR)
        given_up.set()
        request.server.closed.wait(AMPLE_S)

    with certificate() as (context, chain), serving(in_turn(gives_up, kept), context if tls else None) as server:
        sender = Sender(server.url, chain if tls else None)  # type: ignore[arg-type]
        replies = [sender.send()]
        answered.set()
        assert given_up.wait(AMPLE_S)
        replies.append(sender.send())
        server.closed.set()
    assert [(reply.status, reply.error) for reply in replies] == [(201, ""), (201, "")]
    assert (len(server.requests), server.connections) == (2, 2)


@with_locust
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda r: r.send(b"SSH-2.0-OpenSSH\r\n"), "the answer is not HTTP"),
        (lambda r: r.send(b"HTTP/1.1 201 Created\r\nX y\r\n\r\n"), "the answer is not HTTP"),
        (lambda r: None, "RemoteDisconnected: Remote end closed connection without response"),
        (lambda r: r.reset(), "ConnectionResetError: Connection reset by peer"),
        (lambda r: r.send(_HEAD + b"X: y\r\n"), "it was closed before the end of the headers"),
    ],
    ids=["another protocol", "no header", "closed", "reset", "half a head"],
)
def test_no_answer_is_told_in_our_words(answer: Callable[[Request], None], said: str) -> None:
    """Those of the gate, not those of a parser."""
    reply, _ = sent(answer)
    assert (reply.problem, reply.error) == ("connection lost", f"the connection was lost: {said}")


def _floods(request: Request) -> None:
    request.send(_HEAD)
    request.flood(b"X: y\r\n" * 99, 64)


# What a server answers, which problem that is, and what is said of it.
FAILURES: dict[str, tuple[Answer, str, str]] = {
    "trickles": (then_trickle(_HEAD + b"X: ", b"y"), "timed out", "no whole answer within 2 s"),
    "floods": (_floods, "connection lost", "128 KiB of headers"),
    "cut": (
        lambda r: r.send(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{"),
        "cut off",
        "before its announced end",
    ),
    "garbage": (lambda r: r.send(b"garbage\r\n\r\n"), "connection lost", "the connection was lost"),
    "large": (lambda r: r.answer("201 Created", b" " * (1 << 21)), "too large", "a body of more than 1024 KiB"),
    "bomb": (
        lambda r: r.answer("201 Created", gzip.compress(bytes(1 << 26)), "Content-Encoding: gzip"),
        "too large",
        "a body of more than 1024 KiB",
    ),
    "encoding": (lambda r: r.answer("201 Created", b"{}", "Content-Encoding: gzip"), "not JSON", "Content-Encoding"),
}


@with_locust
@pytest.mark.parametrize("what", FAILURES)
def test_whatever_a_server_answers_is_an_outcome(what: str) -> None:
    """Bounded in time and memory, and told as the gate tells it."""
    answer, problem, said = FAILURES[what]
    timeout_s = SHORT_S if problem == "timed out" else AMPLE_S
    reply, requests = sent(answer, timeout_s)
    assert (reply.problem, len(requests)) == (problem, 1)
    assert said in reply.error
    with serving(answer) as server:
        of_the_gate = post(server, timeout_s)
    assert of_the_gate.problem == reply.problem
    # But for what a library says besides, and for a status that requests takes of a head which is cut.
    assert re.split(r": | \(the status", of_the_gate.error)[0] == re.split(r": | \(the status", reply.error)[0]


@with_locust
def test_no_redirect_is_followed() -> None:
    """Its status is what is judged."""
    reply, requests = sent(lambda request: request.answer("307 Temporary Redirect", b"", "Location: /elsewhere"))
    assert (reply.status, reply.problem, len(requests)) == (307, None, 1)
    assert reply.headers["location"] == "/elsewhere"


@with_locust
def test_what_was_not_sent_is_told_from_what_was() -> None:
    """Nothing listens, no such host, or a certificate that nobody vouches for: no row can have been stored."""
    with refusing() as url:
        assert Sender(url).send().problem == post(url).problem == "connection refused"
    assert Sender("http://nobody.invalid").send().problem == post("http://nobody.invalid").problem == "host not found"
    with certificate() as (context, chain), serving(kept, context) as server:
        untrusted = Sender(server.url).send()
        trusted = Sender(server.url, chain).send()  # type: ignore[arg-type]
        assert post(server).problem == untrusted.problem == "TLS failed"
    assert "certificate" in untrusted.error
    assert trusted.status == 201
