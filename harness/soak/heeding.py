"""The worker's end of locust's connection to its master, which believes nothing that its own file does not allow.

A master of locust may name another host, other users and their tasks, and as many of them as it likes.
"""

from __future__ import annotations

from typing import Any

import zmq.green as zmq
from locust.rpc import zmqrpc
from locust.runners import WorkerRunner

LARGEST_MESSAGE = 2**20  # bytes; a share of numbers takes less than a hundred
_OF_LOCUST = frozenset({"ack", "stop", "quit", "reconnect", "heartbeat"})


class _Bounded(zmqrpc.Client):
    """A connection that is cut where a longer message comes. The limit must be set before it is made."""

    def __init__(self, host: str, port: int, identity: str) -> None:
        zmqrpc.BaseSocket.__init__(self, zmq.DEALER, self.ipv4_only(host, port))  # type: ignore[no-untyped-call]
        self.socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        self.socket.connect(f"tcp://{host}:{port}")


class Heeding(WorkerRunner):
    """Starts no more users than it was told to heed, and takes nothing else of what a master may steer."""

    def __init__(self, environment: Any, host: str, port: int) -> None:
        self._users, self._host, self._stop_timeout_s = 0, "", 0.0
        zmqrpc.Client = _Bounded  # type: ignore[misc]  # which the runner makes its connections with
        super().__init__(environment, host, port)

    def heed(self, users: int, host: str, stop_timeout_s: float) -> None:
        """What this machine's own file allows."""
        self._users, self._host, self._stop_timeout_s = users, host, stop_timeout_s

    def handle_message(self, msg: Any) -> None:
        """Take a message: those of ours, of locust's those that end or keep the connection, and how many users."""
        if msg.type == "spawn":
            msg.data = self._spawned(msg.data)
        if msg.type in _OF_LOCUST or msg.type in self.custom_messages or (msg.type == "spawn" and msg.data):
            super().handle_message(msg)

    def _spawned(self, said: Any) -> dict[str, Any] | None:
        """How many users to start, in the words of locust, and nothing else of what was said."""
        wanted = said.get("user_classes_count") if isinstance(said, dict) else None
        number = wanted.get("Poster") if isinstance(wanted, dict) else None
        at = said.get("timestamp") if isinstance(said, dict) else None
        if type(number) is not int or type(at) not in (int, float):
            return None
        return {
            "timestamp": at,
            "user_classes_count": {"Poster": max(0, min(number, self._users))},
            "host": self._host,
            "stop_timeout": self._stop_timeout_s,
            "parsed_options": {},
        }
