"""What ties a process of a soak to the one that started it: a word on stdin ends it softly, and so does its end."""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import TYPE_CHECKING, Any

import gevent
import gevent.os
from gevent.event import Event

from harness.soak.assignment import from_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.soak.assignment import Master, Worker


def say(**event: Any) -> None:
    """Tell the process that started this one, as one line of JSON."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def peak_mb() -> int:
    """The most memory that this process had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1 << 20 if sys.platform == "darwin" else 1 << 10))


class ParentPipe:
    """Stdin: first the assignment, then whether to go on.

    `over` is set when it is to end, or nobody is there any more.
    """

    def __init__(self) -> None:
        self.over = Event()
        self._rest = b""

    def assignment(self) -> Master | Worker:
        """The first line.

        Raises:
            EOFError: none came.
        """
        while b"\n" not in self._rest:
            piece = os.read(0, 65536)
            if not piece:
                raise EOFError("no assignment came")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return from_line(line)

    def watch(self) -> None:
        """Begin to listen."""
        gevent.os.make_nonblocking(0)
        gevent.spawn(self._listen)

    def when_over(self, act: Callable[[], None]) -> None:
        """Do this when it is to end."""
        self.over.rawlink(lambda _: act())

    def _listen(self) -> None:
        gevent.os.nb_read(0, 4096)
        self.over.set()
