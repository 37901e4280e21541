"""One POST to a server of `servers`, and what became of it."""

import json
from collections.abc import Callable

from harness.http.exchange import exchange
from harness.http.reply import Reply
from harness.http.session import new_session
from tests.support.servers import Request, Server, serving

HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SHORT_S = 2.0  # servers that trickle for a minute outlast it by far, and begin to in time on a machine that is busy
AMPLE_S = 30.0  # a budget that no exchange of these tests needs

Answer = Callable[[Request], bool | None]


def post(server: Server | str, timeout_s: float = AMPLE_S) -> Reply:
    """One POST on a session of its own."""
    url = server if isinstance(server, str) else server.url
    with new_session() as session:
        return exchange(session, "POST", f"{url}/api/chatbots", timeout_s=timeout_s, json={"name": "smoke-1"})


def posted_once(answer: Answer, timeout_s: float = AMPLE_S) -> Reply:
    """The reply to one POST, which must have arrived exactly once, on one connection."""
    with serving(answer) as server:
        reply = post(server, timeout_s)
    assert [(r.method, r.target, json.loads(r.body)) for r in server.requests] == [
        ("POST", "/api/chatbots", {"name": "smoke-1"})
    ]
    assert server.connections == 1
    assert reply.ended_s >= reply.started_s
    return reply


def then_trickle(head: bytes, drip: bytes) -> Answer:
    """An answer that begins so, and then trickles."""

    def answer(request: Request) -> None:
        request.send(head)
        request.trickle(drip)

    return answer
