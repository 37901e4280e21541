"""Servers in processes of their own, for the time of a block. They end with this process, however it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.installed import ROOT
from bench.measuring import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the rehearsal runs: says where the deployments are, and waits until nobody holds its standard input any more.
_SAY_AND_WAIT = """\
import json, os, sys
names = ("PREVIEW_URL", "PREVIEW_POSTGRES_URL", "PRODUCTION_URL", "POSTGRES_URL")
print(json.dumps({name: os.environ[name] for name in names}), flush=True)
sys.stdin.read()
"""


@contextmanager
def rehearsal() -> Iterator[tuple[dict[str, str], int]]:
    """`python -m rehearsal`, up: the variables that it sets, and its process id.

    Raises:
        Failed: it did not start; stderr says why.
    """
    waiting = [sys.executable, "-c", _SAY_AND_WAIT]
    with _up([sys.executable, "-m", "rehearsal", "--", *waiting]) as (said, pid):
        variables: dict[str, str] = json.loads(said)
        yield variables, pid


@contextmanager
def create_route(delay_s: float) -> Iterator[tuple[str, int]]:
    """`bench/opponents/server.py`, up: its URL and its process id.

    Raises:
        Failed: it did not start; stderr says why.
    """
    with _up([sys.executable, "bench/opponents/server.py", str(delay_s)]) as (said, pid):
        yield said.strip(), pid


@contextmanager
def sync_server(workers: int, delay_s: float, kind: str, **variables: str) -> Iterator[tuple[str, int]]:
    """`bench/opponents/sync_server.py`, up: its URL and its process id.

    Raises:
        Failed: it did not start; stderr says why.
    """
    line = [sys.executable, "bench/opponents/sync_server.py", str(workers), str(delay_s), *kind.split()]
    with _up(line, **variables) as (said, pid):
        yield said.strip(), pid


@contextmanager
def _up(line: list[str], **variables: str) -> Iterator[tuple[str, int]]:
    """A server that says one line when it is up and ends when its standard input does: the line, its process id."""
    env = {**os.environ, **variables}
    with subprocess.Popen(line, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            if not said:
                raise Failed(f"{' '.join(line[:3])} did not start")
            yield said, process.pid
        finally:
            process.stdin.close()
