"""The processes of a soak, as the one that started them sees them: what they say, how they ended, and their end."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.run.pytest_process import ROOT
from harness.soak.assignment import as_line

if TYPE_CHECKING:
    from harness.redaction.redactor import Redactor
    from harness.soak.assignment import Master, Worker

Event = tuple["Child", dict[str, Any]]


@dataclass(slots=True, eq=False)
class Child:
    """One process. `name` is what messages call it."""

    name: str
    process: subprocess.Popen[bytes]
    threads: list[threading.Thread] = field(default_factory=list)

    def end(self) -> None:
        """Ask it to end softly."""
        with suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.write(b"end\n")
            self.process.stdin.flush()

    def kill(self) -> None:
        """End it now."""
        self.process.kill()

    @property
    def how_it_ended(self) -> str:
        """In words, of one that has ended otherwise than it should; "" of any other."""
        code = self.process.returncode
        if not code:
            return ""
        return f"{self.name} was ended by {signal.Signals(-code).name}" if code < 0 else f"{self.name} failed"


def start(name: str, assignment: Master | Worker, said: queue.Queue[Event], redact: Redactor) -> Child:
    """Start a process of the engine with its assignment. It ends softly when this one ends, however it does."""
    # locust and gevent are steered by variables too, and none of them is for this.
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST", "GEVENT"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.soak.engine"],
        cwd=ROOT,
        env=surroundings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the one that started them
    )
    child = Child(name, process)
    assert process.stdin is not None
    with suppress(OSError):  # it has ended already, which is seen later
        process.stdin.write(as_line(assignment))
        process.stdin.flush()
    for listen in (_hear, _pass_on):
        thread = threading.Thread(target=listen, args=(child, said, redact), daemon=True)
        thread.start()
        child.threads.append(thread)
    return child


def _hear(child: Child, said: queue.Queue[Event], _: Redactor) -> None:
    assert child.process.stdout is not None
    for line in child.process.stdout:
        with suppress(ValueError):
            said.put((child, json.loads(line)))
    child.process.wait()
    said.put((child, {"event": "exited"}))


def _pass_on(child: Child, _: queue.Queue[Event], redact: Redactor) -> None:
    assert child.process.stderr is not None
    for line in child.process.stderr:
        text = redact(line.decode("utf-8", "replace").rstrip("\n"))
        print(f"{child.name}: {''.join(c if c.isprintable() else '?' for c in text)}", file=sys.stderr)
