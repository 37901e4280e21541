"""The POSTs of a run and nothing else of it: `python -m bench.ours URL POSTS BURST`. Exit 1 unless all answered 201.

They are sent and written down as a run does it, to an environment without a database.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

from harness.configuration.models import Environment
from harness.history.writing import Ledger
from harness.http.client import Client
from harness.redaction.redactor import Redactor
from harness.run.workload import post_all


def main(url: str, posts: str, burst: str) -> int:
    """Send them; 0 if every POST was acknowledged."""
    settings = {"url": url, "database": None, "posts": max(1, int(posts)), "burst": int(burst)}
    environment = Environment.model_validate({"name": "bench", **settings})
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "history.jsonl")
        ledger.run("bench", {"bench": {}})
        client = Client(environment, "bench", Redactor(), time.monotonic())
        history = post_all(client, ledger, "bench", 1, threading.Event())
        ledger.close()
    return 0 if len(history.acknowledged) == environment.posts + environment.burst else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
