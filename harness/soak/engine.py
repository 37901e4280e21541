"""One process of a soak, with locust in it: the master, or a worker. Started by `harness.soak.command` only.

What to do comes as one line of JSON on stdin, what becomes of it goes as lines of JSON to stdout, and what locust logs
to stderr, secrets masked.
"""

from __future__ import annotations

# First of all: importing it changes what the modules below are made of.
import locust  # noqa: F401  # isort: skip

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent

from harness.configuration.loading import load
from harness.soak import master, worker
from harness.soak.assignment import Master
from harness.soak.configuration import redactor_of
from harness.soak.parent_pipe import ParentPipe

if TYPE_CHECKING:
    from harness.redaction.redactor import Redactor


def main() -> None:
    """Take the assignment and carry it out. Whatever goes wrong is told without a secret, and exits 3."""
    parent = ParentPipe()
    assignment = parent.assignment()
    file = Path(assignment.environments)
    (environment,) = load(file, [assignment.environment])
    redact = redactor_of(file, environment)
    _mask(redact)
    parent.watch()
    try:
        if isinstance(assignment, Master):
            master.run(assignment, parent)
        else:
            worker.run(assignment, environment, redact, parent)
    except BaseException:
        print(redact(traceback.format_exc()), file=sys.stderr)
        _leave(3)
    _leave(0)


def _leave(code: int) -> None:
    """At once: threads and sockets of the engine may keep a process that is done."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class _Masked(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__("locust: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def _mask(redact: Redactor) -> None:
    """Mask what is logged, and what a greenlet dies of."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Masked(redact))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)

    def tell(_: Any, kind: Any, value: Any, trace: Any) -> None:
        print(redact("".join(traceback.format_exception(kind, value, trace))), file=sys.stderr)

    gevent.get_hub().print_exception = tell


if __name__ == "__main__":
    main()
