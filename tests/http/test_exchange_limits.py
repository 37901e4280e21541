"""The budget of an exchange and the limit of its body: no server can hold the run, or fill its memory."""

import json
import socket
import threading
import tracemalloc
import zlib
from functools import cache

import pytest

from harness.history.problem import Problem
from harness.http.exchange import exchange
from harness.http.failures import LARGEST_BODY
from harness.http.reply import Reply
from harness.http.session import new_session
from tests.support.exchanges import AMPLE_S, CHUNKED, HEAD, SHORT_S, Answer, post, posted_once, then_trickle
from tests.support.servers import Request, in_turn, serving


def silence(request: Request) -> None:
    request.trickle(b"")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(silence, None, id="silence"),
        pytest.param(then_trickle(b"", b"H"), None, id="a trickling first line"),
        pytest.param(then_trickle(HEAD, b"X"), 201, id="a trickling header"),
        pytest.param(then_trickle(HEAD, b"X: y\r\n"), 201, id="trickling headers"),
        pytest.param(then_trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), None, id="trickling 100s"),
        pytest.param(then_trickle(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), None, id="trickling 103s"),
        pytest.param(then_trickle(HEAD + b"Content-Length: 10000\r\n\r\n", b"{"), 201, id="a trickling body"),
        pytest.param(then_trickle(HEAD + b"\r\n", b"{"), 201, id="a trickling body without a length"),
        pytest.param(
            then_trickle(HEAD + b"Connection: close\r\n\r\n", b"{"), 201, id="a trickling body that ends by closing"
        ),
        pytest.param(then_trickle(CHUNKED, b"1\r\n{\r\n"), 201, id="trickling chunks"),
        pytest.param(then_trickle(CHUNKED, b"0"), 201, id="a trickling chunk length"),
        pytest.param(then_trickle(HEAD + b"Content-Encoding: gzip\r\n\r\n", b"\x1f"), 201, id="a trickling gzip"),
    ],
)
def test_a_trickling_server_cannot_hold_the_run(answer: Answer, status: int | None) -> None:
    """The budget is for the whole exchange, not for each read: a minute of trickling is cut off."""
    reply = posted_once(answer, SHORT_S)
    assert (reply.problem, reply.status) == (Problem.TIMED_OUT, status)
    # A silent one is given up by whoever looks first; one of which something comes only by the budget.
    silent = answer is silence and reply.error == "no answer within the time-out"
    assert silent or reply.error.startswith("no whole answer within 2 s")


def test_the_error_names_the_status_that_had_come() -> None:
    """A 201 whose body never ends is told from no answer at all."""
    reply = posted_once(then_trickle(HEAD + b"Content-Length: 100\r\n\r\n", b"{"), SHORT_S)
    assert reply.error == "no whole answer within 2 s (the status was 201)"


@pytest.mark.parametrize("line", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_endless_interim_answers_end_with_the_budget(line: bytes) -> None:
    """As fast as they may come, they are no answer."""
    reply = posted_once(lambda request: request.flood(line * 100, 10_000), SHORT_S)
    assert (reply.problem, reply.status) == (Problem.TIMED_OUT, None)


def test_a_port_that_accepts_and_never_reads_ends_with_the_budget() -> None:
    """The kernel takes the connection; nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reply = post(f"http://127.0.0.1:{listener.getsockname()[1]}", SHORT_S)
    assert reply.problem is Problem.TIMED_OUT


def test_budgets_of_threads_do_not_mix() -> None:
    """While one exchange runs out of time, those of other threads are answered."""
    replies: list[Reply] = []

    def answer(request: Request) -> bool | None:
        if json.loads(request.body)["name"] == "slow":
            request.trickle(b"")
            return None
        return request.created({"id": 1})

    def send(url: str, name: str, timeout_s: float) -> None:
        with new_session() as session:
            replies.append(exchange(session, "POST", url, timeout_s=timeout_s, json={"name": name}))

    with serving(answer) as server:
        threads = [threading.Thread(target=send, args=(server.url, "slow", SHORT_S))]
        threads += [threading.Thread(target=send, args=(server.url, "fast", AMPLE_S)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(str(reply.problem) for reply in replies) == ["None"] * 8 + ["timed out"]


def test_a_spent_budget_does_not_reach_the_next_exchange() -> None:
    """The same session is usable again after a time-out."""
    with serving(in_turn(silence, lambda r: r.created({"id": 1}))) as server, new_session() as session:
        problems = [exchange(session, "POST", server.url, timeout_s=t, json={}).problem for t in (SHORT_S, AMPLE_S)]
    assert problems == [Problem.TIMED_OUT, None]
    assert len(server.requests) == 2


@cache
def _bomb() -> bytes:
    """200 MB of blanks in 200 KB."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(200)) + packer.flush()


def _forty_megabytes(request: Request) -> None:
    request.send(HEAD + b"Content-Length: 41943040\r\n\r\n")
    request.flood(b" " * 65536, 40)


def _endless_chunks(request: Request) -> None:
    request.send(CHUNKED)
    request.flood((b"10000\r\n" + b" " * 65536 + b"\r\n") * 1, 10_000)


def _one_endless_chunk(request: Request) -> None:
    request.send(CHUNKED + b"FFFFFFFFFF\r\n")
    request.flood(b" " * 65536, 10_000)


def _without_a_length(request: Request) -> None:
    request.send(HEAD + b"\r\n")
    request.flood(b" " * 65536, 10_000)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_forty_megabytes, id="40 MB"),
        pytest.param(_endless_chunks, id="endless chunks"),
        pytest.param(_one_endless_chunk, id="one endless chunk"),
        pytest.param(_without_a_length, id="without a length"),
        pytest.param(lambda r: r.answer("201 Created", _bomb(), "Content-Encoding: gzip"), id="a gzip bomb"),
    ],
)
def test_a_large_body_is_left_unread(answer: Answer) -> None:
    """A mebibyte is kept and no more is held in memory, whatever the encoding."""
    tracemalloc.start()
    try:
        reply = posted_once(answer)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (reply.problem, reply.status) == (Problem.TOO_LARGE, 201)
    assert reply.error == "201 with a body of more than 1024 KiB"
    assert len(reply.body) == LARGEST_BODY
    assert peak < 12 * LARGEST_BODY


def test_a_body_of_exactly_the_limit_is_whole() -> None:
    """The limit itself is allowed."""
    reply = posted_once(lambda request: request.answer("201 Created", b" " * LARGEST_BODY))
    assert (reply.problem, len(reply.body)) == (None, LARGEST_BODY)
