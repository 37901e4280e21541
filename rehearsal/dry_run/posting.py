"""Sends POSTs to the reference app at a rate, whether or not it answers, and keeps what became of each."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE_S = 30  # for one answer, as a browser's user has it at most
MOST_UNDER_WAY = 64  # POSTs at the same moment
MOST_READ = 1 << 16  # bytes of an answer
SQLSTATE = re.compile(r"SQLSTATE ([0-9A-Z]{5})")


@dataclass(frozen=True)
class Post:
    """One POST, on the monotonic clock. `failure` is "" of one that was answered 201, else why without any value."""

    begun_s: float
    ended_s: float
    failure: str

    @property
    def took_s(self) -> float:
        """From the connection to the end of the answer."""
        return self.ended_s - self.begun_s


class Posting:
    """POSTs that are sent from a thread until it is told to end. `withheld` were due while too many were under way."""

    def __init__(self, url: str, rate: int) -> None:
        self._place, self._rate = urlsplit(url), rate
        self._enough = threading.Event()
        self._under_way, self._sent = 0, 0
        self._changed = threading.Condition()
        self.posts: list[Post] = []
        self.withheld = 0

    def wait_for(self, more: int) -> None:
        """Wait until so many more POSTs have begun from now on, and ended; not longer than they may take."""
        deadline = time.monotonic() + more / self._rate + PATIENCE_S + 1
        with self._changed:
            began_s, wanted = time.monotonic(), more
            self._changed.wait_for(
                lambda: sum(post.begun_s >= began_s for post in self.posts) >= wanted, deadline - time.monotonic()
            )

    def send(self) -> None:
        """Send them, each when it is due, until `end`."""
        due_s = time.monotonic()
        with ThreadPoolExecutor(MOST_UNDER_WAY, thread_name_prefix="post") as pool:
            while not self._enough.wait(max(0.0, due_s - time.monotonic())):
                due_s = max(due_s + 1 / self._rate, time.monotonic())  # what was late is not caught up with
                with self._changed:
                    if self._under_way >= MOST_UNDER_WAY:
                        self.withheld += 1
                        continue
                    self._under_way += 1
                    self._sent += 1
                pool.submit(self._post, self._sent)

    def end(self) -> None:
        """Send no further one."""
        self._enough.set()

    def _post(self, number: int) -> None:
        begun_s = time.monotonic()
        failure = self._failure(number)
        with self._changed:
            self.posts.append(Post(begun_s, time.monotonic(), failure))
            self._under_way -= 1
            self._changed.notify_all()

    def _failure(self, number: int) -> str:
        connection = http.client.HTTPConnection(self._place.hostname or "", self._place.port, timeout=PATIENCE_S)
        try:
            body = json.dumps({"name": f"traffic-{number}"})
            connection.request("POST", "/api/chatbots", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            said = response.read(MOST_READ)
        except (OSError, http.client.HTTPException) as error:
            return f"no answer ({type(error).__name__})"
        finally:
            connection.close()
        if response.status == http.client.CREATED:
            return ""
        found = SQLSTATE.search(said.decode(errors="replace"))
        return f"{response.status}, {found[1]}" if found else f"{response.status}"


@contextmanager
def posting(url: str, rate: int) -> Iterator[Posting]:
    """POSTs to this URL for the time of the block; those under way at its end are waited for."""
    sender = Posting(url, rate)
    thread = threading.Thread(target=sender.send, name="traffic", daemon=True)
    thread.start()
    try:
        yield sender
    finally:
        sender.end()
        thread.join()
