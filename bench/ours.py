"""The POSTs of a run and nothing else of it: `python -m bench.ours URL POSTS BURST`. Exit 1 unless all answered 201.

They are sent and written down as a run does it, to an environment without a database.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.configuration.models import Environment
from harness.history.writing import Ledger
from harness.http.client import Client
from harness.redaction.redactor import Redactor
from harness.run.workload import post_all

if TYPE_CHECKING:
    from harness.history.history import History


def main(url: str, posts: str, burst: str) -> int:
    """Send them; 0 if every POST was acknowledged."""
    sent = max(1, int(posts)), int(burst)
    return 0 if len(post(url, *sent).acknowledged) == sum(sent) else 1


def post(url: str, posts: int, burst: int, **settings: object) -> History:
    """Send them in this process, to an environment that these settings say more of."""
    given = {"url": url, "database": None, "posts": posts, "burst": burst, **settings}
    environment = Environment.model_validate({"name": "bench", **given})
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "history.jsonl")
        ledger.run("bench", {"bench": {}})
        client = Client(environment, "bench", Redactor(), time.monotonic())
        history = post_all(client, ledger, "bench", 1, threading.Event())
        ledger.close()
    return history


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
