"""A soak: POSTs a second by 2 and 4 workers, and what judging and removing them takes

Two servers: one that answers at once and stores nothing (what the soak itself can do), and the rehearsal's deployment,
which stores in a real Postgres (then the deployment is what is slow, and there are rows to remove). SOAK_POSTS and
SOAK_WORKERS set how many POSTs, and by how many workers ("2 4"); each soak is run once, whatever `--rounds` says.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.installed import ROOT
from bench.measuring import Command, run
from bench.results import table
from bench.servers import create_route
from rehearsal.deployment.start import deployed
from rehearsal.servers.postgres import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTS = 30_000
STORED = 12_000  # at most, to the deployment that stores them
USERS = 40
_HEAD = (
    "server, workers",
    "POSTs a second",
    "CPU a POST",
    "names an fsync",
    "ms an fsync",
    "MB a worker",
    "MB of the master",
)
_AFTER = ("server, workers", "distinct tokens", "judged in s", "MB", "removed in s", "MB with all before")


def measure(rounds: int) -> str:
    """Run each soak once; `rounds` is not for what lasts minutes."""
    posts = int(os.environ.get("SOAK_POSTS", POSTS))
    workers = [int(word) for word in os.environ.get("SOAK_WORKERS", "2 4").split()]
    sent, after = [], []
    stored = min(posts, STORED)
    for server, count in ((at_once, posts), (rehearsed, stored)):
        for number in workers:
            with server() as (name, environment), tempfile.TemporaryDirectory() as folder:
                one, other = _soak(f"{name}, {number}", environment, count, number, Path(folder))
                sent.append(one)
                after.append(other)
    return (
        f"{posts:,} POSTs each, {stored:,} where they are stored, {USERS} at once, as many a second as come through; "
        f"server, workers and Postgres share this machine. The CPU is that of the whole command, from its start to its "
        "verdict: the cores have room for so many POSTs a second, without what the server takes of them.\n\n"
        f"{table(_HEAD, sent)}\n\n{table(_AFTER, after)}"
    )


def line_of_soak(folder: Path, environment: dict[str, Any], posts: int, workers: int) -> list[str]:
    """The command of a soak of so many POSTs by so many workers, with all that it reads and writes in this folder."""
    file, reports = folder / "environments.yaml", folder / "reports"
    bound = {"attempts": posts, "users": USERS, "rate": 100_000}
    file.write_text(json.dumps({"environments": {"preview": {**environment, "soak": bound}}}), encoding="utf-8")
    what = ["--environments", str(file), "--report-dir", str(reports), "--workers", str(workers)]
    return [sys.executable, "-m", "harness", "soak", *what]


def notes_of(folder: Path) -> str:
    """What such a soak has noted of itself."""
    verdict = json.loads((folder / "reports" / "verdict.json").read_text(encoding="utf-8"))
    return "\n".join(verdict["environments"][0]["notes"])


def _soak(
    name: str, environment: dict[str, Any], posts: int, workers: int, folder: Path
) -> tuple[tuple[object, ...], tuple[object, ...]]:
    command = line_of_soak(folder, environment, posts, workers)
    expected = (76,) if environment["cleanup"] == "keep" else (0,)
    _, cpu_s, peak_mb = run(name, Command(command, cwd=ROOT, expected=expected))
    reports, notes = folder / "reports", notes_of(folder)
    verdict = json.loads((reports / "verdict.json").read_text(encoding="utf-8"))
    groups = re.findall(r"fsyncs, ([\d.]+) in each .* in ([\d.]+) ms; (\d+) MB", notes)
    histories = tuple(str(path) for path in sorted(reports.glob("worker-*.jsonl")))
    judging = (sys.executable, "-m", "harness", "judge", *histories, "--report-dir", str(folder / "judged"))
    judged_s, _, judged_mb = run(name, Command(judging, cwd=ROOT))
    check = next(check for check in verdict["checks"] if check["id"] == "tokens_are_distinct")
    told = verdict["environments"][0]["acknowledged"]
    removed = re.search(r"(\d+) rows removed in ([\d.]+) s", notes)
    assert removed is not None  # every soak notes it
    return (
        (
            name,
            re.findall(r"\((\d+) a second\)", notes)[0],
            f"{1e6 * cpu_s / posts:.0f} us",
            " / ".join(group[0] for group in groups),
            " / ".join(group[1] for group in groups),
            max(int(group[2]) for group in groups),
            re.findall(r"master: (\d+) MB", notes)[0],
        ),
        (
            name,
            told if check["outcome"] == "pass" else "no",
            f"{judged_s:.1f}",
            f"{judged_mb:.0f}",
            removed[2] if int(removed[1]) else "-",
            f"{peak_mb:.0f}",
        ),
    )


@contextmanager
def at_once() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server in a process of its own that answers each POST with a new UUID and stores nothing."""
    with create_route(0) as (url, _):
        yield "answers at once", {"url": url, "database": None, "cleanup": "keep"}


@contextmanager
def rehearsed() -> Iterator[tuple[str, dict[str, Any]]]:
    """The rehearsal's deployment, in this process, and its Postgres."""
    with embedded_postgres() as server, deployed(server) as deployment:
        own = {"url": deployment.url, "database": deployment.database, "cleanup": "database", **deployment.settings}
        yield "the rehearsal on Postgres", own
