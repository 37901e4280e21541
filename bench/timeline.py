"""A pytest plugin that takes the time of a gate's parts from outside: `-p bench.timeline`, with TIMELINE=file.

The file gets one JSON object: seconds since TIMELINE_BEGAN (`time.time()` of whoever started the process) by mark, and
seconds by part. The product has no instruments of its own; its functions are wrapped here.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGAN_S = float(os.environ.get("TIMELINE_BEGAN", 0))  # what `bench.where` sets, by the clock of `time.time`
_marks: dict[str, float] = {}
_parts: dict[str, float] = defaultdict(float)
_lock = threading.Lock()


def _mark(name: str) -> None:
    _marks[name] = time.time() - _BEGAN_S


def _take(owner: Any, name: str, part: str) -> None:
    """Add up how long the calls of a function last, in whatever thread."""
    function = getattr(owner, name)

    def timed(*arguments: Any, **named: Any) -> Any:
        began_s = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            with _lock:
                _parts[part] += time.perf_counter() - began_s

    setattr(owner, name, timed)


_mark("pytest is there")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """All that the run needs is imported, and its configuration is read."""
    _mark("configured")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop() -> Iterator[Any]:
    """Collected; from here on the deployments are examined."""
    _mark("collected")
    from harness.run import evidence, examination, gate, posting

    _take(gate.Gate, "next_examined", "waited")
    _take(gate.Gate, "examination", "waited")
    _take(evidence, "wait_until_ready", "ready")
    _take(posting, "post_all", "posts")
    _take(posting, "demand_clean_up", "sql")
    _take(examination, "_read_database", "sql")
    _take(gate.Gate, "conclude", "clean-up")
    result = yield
    _mark("judged")
    return result


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """All is written; what is left is the end of the process."""
    _mark("written")
    Path(os.environ["TIMELINE"]).write_text(json.dumps({"marks": _marks, "parts": _parts}), encoding="utf-8")
