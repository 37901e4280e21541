"""A worker of another machine heeds its own environments.yaml: whatever its master says, real or hostile."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from harness.soak.bounds import Bounds, NotBelieved, Pace, begun_of, bounds_of, strictest
from tests.support.endings import going
from tests.support.gates import Run, run_harness, write_environments
from tests.support.servers import creating, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.servers import Server

if find_spec("locust"):  # which brings both
    import msgpack
    import zmq

with_locust = pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed: nothing is soaked here")
RUN = "20250101-000000-0123abcd"
BEGIN = {"run": RUN, "attempts": 400, "each": 1000}
SPAWN = {
    "timestamp": 1.0,
    "user_classes_count": {"Poster": 50},
    "host": "http://192.0.2.1",
    "stop_timeout": 0,
    "parsed_options": {},
}
SHARE = {"first": 1, "count": 400}


def soak(file: Path, folder: Path, *arguments: str) -> Run:
    return run_harness("soak", "--environments", str(file), "--report-dir", str(folder), *arguments, report_dir=folder)


def file_of(server: Server, file: Path, **bound: Any) -> Path:
    entry = {"url": server.url, "database": None, "cleanup": "keep", "protected": False, "api": {"timeout_s": 5}}
    return write_environments(file, {}, preview={**entry, "soak": bound})


def lead(master: zmq.Socket[bytes], messages: Sequence[tuple[str, Any]], lasts_s: float) -> None:
    """Say this to each worker that says it is there, as locust packs it; and nothing more."""
    until_s, sent = time.monotonic() + 60, False
    while time.monotonic() < until_s:
        if not master.poll(200):
            continue
        address, packed = master.recv_multipart()
        kind = msgpack.loads(packed, strict_map_key=False)[0]
        told: list[tuple[str, Any]] = []
        if kind == "client_ready":
            told = [("ack", {"index": 0})]
        if kind == "here" and not sent:
            sent, until_s, told = True, time.monotonic() + lasts_s, [*messages]
        for name, data in told:
            said = {"first": 1, "count": 1, "more": "x" * 3_000_000} if data == "huge" else data
            master.send_multipart([address, msgpack.dumps((name, said, address.decode()))])
        if kind in ("unavailable", "quit"):
            return


def led(server: Server, folder: Path, *messages: tuple[str, Any], lasts_s: float = 4.0, **bound: Any) -> Run:
    """A worker that is led by a master which says this, and then nothing more until it ends."""
    file = file_of(server, folder / "e.yaml", **bound)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as master:
        master.linger = 0
        place = f"127.0.0.1:{master.bind_to_random_port('tcp://127.0.0.1')}"
        with going(folder, file, "--worker", "--master-host", place, command=("harness", "soak")) as worker:
            lead(master, messages, lasts_s)
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(3)
            worker.process.send_signal(signal.SIGTERM)
            return worker.ended()


@pytest.fixture
def deployment() -> Iterator[Server]:
    with serving(creating) as server:
        yield server


@with_locust
def test_the_stricter_of_both_files_holds_for_all(deployment: Server, tmp_path: Path) -> None:
    """400 POSTs, 50 a second, says the master's file; 10 and 5 a second the worker's: 10 are sent, and it is said."""
    lax = file_of(deployment, tmp_path / "master.yaml", attempts=400, users=20, rate=50)
    strict = file_of(deployment, tmp_path / "worker.yaml", attempts=10, users=2, rate=5)
    runs: list[Run] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    bind = ("--master", "--bind", place)
    leading = threading.Thread(target=lambda: runs.append(soak(lax, tmp_path / "master", *bind)))
    leading.start()
    worker = soak(strict, tmp_path / "worker", "--worker", "--master-host", place)
    leading.join()
    posts = deployment.of("POST")
    assert len(posts) == 10, worker.err
    notes = runs[0].verdict["environments"][0]["notes"]
    said = "the environments.yaml of a worker allows less than this one: 10 POSTs, 2 at once, 5 a second"
    assert said in notes, notes
    assert any("10 of 10 POSTs in" in note for note in notes)


@with_locust
@pytest.mark.parametrize(
    ("messages", "most", "said"),
    [
        ([("begin", BEGIN), ("spawn", SPAWN), ("share", SHARE)], 6, ""),
        ([("begin", {**BEGIN, "run": "customer"}), ("spawn", SPAWN), ("share", SHARE)], 0, "names a run that no run"),
        ([("begin", {**BEGIN, "run": RUN + "\n"}), ("spawn", SPAWN), ("share", SHARE)], 0, "names a run that no run"),
        ([("begin", {**BEGIN, "each": -1}), ("spawn", SPAWN), ("share", SHARE)], 0, "a number or a rate of POSTs"),
        ([("begin", ["run"]), ("spawn", SPAWN), ("share", SHARE)], 0, "does not say which run it leads"),
        ([("begin", BEGIN), ("spawn", SPAWN), ("share", {"first": 1, "count": 10**9})], 0, "no numbers, or too many"),
        ([("begin", BEGIN), ("spawn", SPAWN), ("share", {"first": "1", "count": 3})], 0, "no numbers, or too many"),
        (
            [
                ("begin", BEGIN),
                ("share", {"first": 1, "count": 2}),
                ("share", {"first": 2, "count": 2}),
                ("spawn", SPAWN),
            ],
            2,
            "hands out a number twice",
        ),
        ([("update_user_class", {"user_class_name": "Poster", "host": "http://192.0.2.1"}), ("share", SHARE)], 0, ""),
    ],
    ids=["too many", "label", "label with a line", "rate", "list", "billion", "text", "twice", "steers the class"],
)
def test_a_hostile_master_moves_nothing_beyond_the_workers_own_file(
    deployment: Server, tmp_path: Path, messages: list[tuple[str, Any]], most: int, said: str
) -> None:
    """No more POSTs, none faster, none elsewhere, none twice, none under a name that could be somebody's."""
    run = led(deployment, tmp_path, *messages, attempts=6, users=2, rate=20)
    names = [json.loads(request.body)["name"] for request in deployment.of("POST")]
    assert len(names) <= most, run.err
    assert len(set(names)) == len(names)
    assert all(name.startswith(f"smoke-{RUN}-") for name in names)
    assert not said or said in run.err + json.dumps(run.verdict), run.err
    assert run.exit_code not in (0, 1), run.out
    if not said and most:
        assert len(names) == most


@with_locust
def test_a_message_that_is_too_long_is_not_read(deployment: Server, tmp_path: Path) -> None:
    """The connection is cut, and the worker ends when nobody leads it any more."""
    run = led(deployment, tmp_path, ("begin", BEGIN), ("spawn", SPAWN), ("share", "huge"), attempts=6, users=2, rate=20)
    assert deployment.of("POST") == []
    assert run.exit_code not in (0, 1), run.out


def test_a_pace_is_kept_by_all_users_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes at the same moment waits for its place; what was missed for long is not caught up with."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pace = Pace(2, now)
    assert [pace.wait_s() for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]
    now = 200.0
    assert [pace.wait_s() for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_the_strictest_of_each_number_counts() -> None:
    """Whichever machine it is of."""
    assert strictest([Bounds(400, 2, 50.0), Bounds(10, 20, 50.0), Bounds(400, 20, 1.0)]) == Bounds(10, 2, 1.0)


@pytest.mark.parametrize("said", [{}, None, [], {"first": 1}, {"first": 1, "count": -1}, {"first": 0, "count": 2}])
@with_locust
def test_numbers_that_are_none_are_not_taken(said: Any) -> None:
    """Nor more than the worker's own file allows: the rest is given back."""
    from harness.soak.allotment import Allotment

    allotment = Allotment(lambda: None, 3)
    with pytest.raises(NotBelieved):
        allotment.add(said)
    allotment.add({"first": 5, "count": 10})
    assert [allotment.take() for _ in range(4)] == [5, 6, 7, None]
    assert allotment.give_back() == 7


@pytest.mark.parametrize(
    "said",
    [
        {},
        None,
        [],
        "attempts",
        {"attempts": 0, "users": 1, "rate": 1},
        {"attempts": True, "users": 1, "rate": 1},
        {"attempts": 1.5, "users": 1, "rate": 1},
        {"attempts": 10**9, "users": 1, "rate": 1},
        {"attempts": 1, "users": -1, "rate": 1},
        {"attempts": 1, "users": 1, "rate": float("nan")},
        {"attempts": 1, "users": 1, "rate": float("inf")},
        {"attempts": 1, "users": 1, "rate": "1"},
    ],
)
def test_bounds_that_no_file_has_are_not_believed(said: Any) -> None:
    """A worker that says them ends the soak."""
    with pytest.raises(NotBelieved):
        bounds_of(said)


@pytest.mark.parametrize("run", ["", "r", "20250101-000000-0123ABCD", RUN + "\n", f"{RUN}-1", None, 7, [RUN]])
def test_a_run_that_no_run_has_is_not_believed(run: Any) -> None:
    """It would be part of the name of each row, and what a clean-up looks for."""
    with pytest.raises(NotBelieved):
        begun_of({"run": run, "attempts": 1, "each": 1})
    assert begun_of({"run": RUN, "attempts": 1, "each": 1}).run == RUN
