"""A soak: what it sends is bounded and sent once, what it stores is removed, and all of it is judged together."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psutil
import psycopg
import pytest

from harness.checkers.history import largest_overlap
from harness.cli.plan import in_words, plan
from harness.configuration.loading import ConfigurationError, load
from harness.history.reading import read
from harness.redaction.redactor import Redactor
from harness.soak.configuration import demand_locust
from tests.support.gates import ROOT, Run, clean_environment, entry, run_command, run_harness, write_environments
from tests.support.servers import Request, Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.start import Deployment

with_locust = pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed: nothing is soaked here")
SECRET = "Bearer-of-the-soak-4711"


def soak(file: Path, folder: Path, *arguments: str) -> Run:
    return run_harness("soak", "--environments", str(file), "--report-dir", str(folder), *arguments, report_dir=folder)


def environments(tmp_path: Path, own: dict[str, Any], **bound: Any) -> Path:
    return write_environments(tmp_path / "environments.yaml", {}, preview={**own, **({"soak": bound} if bound else {})})


def of_server(server: Server, **settings: Any) -> dict[str, Any]:
    return {"url": server.url, "database": None, "cleanup": "keep", "api": {"timeout_s": 60}, **settings}


def attempts(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What each history holds, by its file's name: the attempts."""
    return {
        path.name: [
            r for r in map(json.loads, path.read_text(encoding="utf-8").splitlines()) if r["record"] == "attempt"
        ]
        for path in sorted(folder.glob("worker-*.jsonl"))
    }


def smoke_rows(deployment: Deployment) -> int:
    with psycopg.connect(deployment.database) as connection:
        row = connection.execute("SELECT count(*) FROM chatbots WHERE name LIKE 'smoke-%'").fetchone()
    assert row is not None
    return int(row[0])


def names_of(server: Server) -> list[str]:
    return [json.loads(request.body)["name"] for request in server.of("POST")]


class Created:
    """Answers a GET with 200 and a POST with a new row."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ids = 0

    def __call__(self, request: Request) -> bool | None:
        if request.method == "GET":
            request.answer("200 OK", b"{}", "Content-Type: application/json")
            return True
        with self.lock:
            self.ids += 1
            id_ = self.ids
        return request.created({"id": id_, "public_token": self.token(request), "echo": SECRET})

    def token(self, request: Request) -> str:
        return str(uuid4())


class SameOnEachConnection(Created):
    """Each connection is given the same sequence of tokens, as by two instances that were seeded alike."""

    def token(self, request: Request) -> str:
        return str(UUID(bytes=hashlib.sha256(b"%d" % request.number).digest()[:16], version=4))


@with_locust
def test_two_workers_send_exactly_what_was_asked_for_and_remove_it(healthy: Deployment, tmp_path: Path) -> None:
    """Numbers are distinct over the workers, no row is left, and the verdict is that of part of a gate: no release."""
    file = environments(tmp_path, entry(healthy), attempts=300, users=8, rate=1000)
    run = soak(file, tmp_path / "report", "--workers", "2")
    assert run.exit_code == 0, run.err
    assert "verdict: PASS (exit 0: holds: " in run.out
    summary = (tmp_path / "report" / "summary.md").read_text(encoding="utf-8")
    assert "release" not in (run.out + run.err + summary).lower()
    sent = attempts(tmp_path / "report")
    assert [*sent] == ["worker-1.jsonl", "worker-2.jsonl"]
    assert all(sent.values())
    numbers = [a["n"] for of in sent.values() for a in of]
    assert sorted(numbers) == [*range(1, 301)]
    assert {a["name"] for of in sent.values() for a in of} == {f"smoke-{run.verdict['run']}-{n}" for n in numbers}
    (preview,) = run.verdict["environments"]
    assert (preview["posts"], preview["acknowledged"], preview["rows_removed"]) == (300, 300, 300)
    assert any("names of POSTs on disk by" in note for note in preview["notes"])
    assert "300 of 300 POSTs in" in "\n".join(preview["notes"])
    assert smoke_rows(healthy) == 0
    assert "300 rows removed" in run.out
    assert {path.stat().st_mode & 0o777 for path in run.report_dir.iterdir()} == {0o600}


@with_locust
def test_each_post_is_sent_once_with_its_headers_and_its_secrets_stay_secret(tmp_path: Path) -> None:
    """Also those of the login; what a server echoes of them is masked in all that is printed and written."""

    class WithLogin(Created):
        def __call__(self, request: Request) -> bool | None:
            if request.target == "/login":
                request.answer("204 No Content", b"", "Set-Cookie: session=cookie-of-the-login; Path=/")
                return True
            return super().__call__(request)

    login = {"path": "/login", "json": {"user": "u", "password": "pass-of-the-login"}}
    with serving(WithLogin()) as server:
        url = server.url.replace("://", "://smoke:pass-of-the-url@")
        own = of_server(server, url=url, headers={"X-Api-Key": SECRET}, login=login)
        run = soak(environments(tmp_path, own, attempts=60, users=3, rate=60), tmp_path / "report")
    assert run.exit_code == 76, run.err  # cleanup: keep
    posts = [request for request in server.of("POST") if request.target == "/api/chatbots"]
    names = [json.loads(request.body)["name"] for request in posts]
    assert len(names) == len(set(names)) == 60
    assert [request.headers["x-request-id"] for request in posts] == names
    assert len({request.headers["traceparent"] for request in posts}) == 60
    assert {request.headers["x-api-key"] for request in posts} == {SECRET}
    basic = base64.b64encode(b"smoke:pass-of-the-url").decode()
    assert {request.headers["authorization"] for request in posts} == {f"Basic {basic}"}
    assert {request.headers["content-type"] for request in posts} == {"application/json"}
    assert {request.headers["cookie"] for request in posts} == {"session=cookie-of-the-login"}
    assert all(f"(run {run.verdict['run']})" in request.headers["user-agent"] for request in posts)
    said = [run.out, run.err, *(path.read_text(encoding="utf-8") for path in run.report_dir.iterdir())]
    for secret in (SECRET, "cookie-of-the-login", "pass-of-the-login", "pass-of-the-url", basic):
        assert not any(secret in text for text in said), secret
    assert "***" in (run.report_dir / "worker-1.jsonl").read_text(encoding="utf-8")
    assert len(run.verdict["left_behind"]) == 60
    history = read(run.report_dir / "worker-1.jsonl")[1]["preview"].history
    assert largest_overlap(history) <= 3
    starts_s = [a.started_s for a in history.attempts]
    assert max(starts_s) - min(starts_s) > 19 / (60 / 3) - 0.1  # some user sent 20 or more, 20 a second at most


@with_locust
def test_what_only_both_workers_together_show_is_seen_at_once_and_judged(tmp_path: Path) -> None:
    """Each history alone has distinct tokens; the soak ends early, and both together fail."""
    with serving(SameOnEachConnection()) as server:
        file = environments(tmp_path, of_server(server), attempts=3000, users=2, rate=100)
        run = soak(file, tmp_path / "report", "--workers", "2")
    assert run.exit_code == 1, run.err
    assert run.check("tokens_are_distinct")["outcome"] == "fail"
    assert "returned 2 times" in run.check("tokens_are_distinct")["have"][0]
    (preview,) = run.verdict["environments"]
    assert preview["posts"] == len(names_of(server)) < 1500
    assert "ended early: a token came twice" in preview["notes"]
    alone = [tmp_path / "report" / f"worker-{number}.jsonl" for number in (1, 2)]
    for number, history in enumerate(alone):
        judged = run_harness(
            "judge", str(history), "--report-dir", str(tmp_path / f"{number}"), report_dir=tmp_path / f"{number}"
        )
        assert judged.check("tokens_are_distinct")["outcome"] == "pass"
    together = run_harness(
        "judge", *map(str, alone), "--report-dir", str(tmp_path / "both"), report_dir=tmp_path / "both"
    )
    assert together.exit_code == 1
    assert together.check("tokens_are_distinct")["outcome"] == "fail"


@contextmanager
def soaking(file: Path, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs, once POSTs are being sent."""
    command = [sys.executable, "-m", "harness", "soak", "--environments", str(file), "--report-dir", str(folder)]
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        workers = 2 if "2" in arguments else 1
        while sum(len(of) > 3 for of in attempts_so_far(folder).values()) < workers and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def attempts_so_far(folder: Path) -> dict[str, list[bytes]]:
    return {
        path.name: [line for line in path.read_bytes().splitlines() if b'"record":"attempt"' in line]
        for path in folder.glob("worker-*.jsonl")
    }


@with_locust
def test_what_a_killed_worker_sent_still_counts(healthy: Deployment, tmp_path: Path) -> None:
    """Its history is judged with the others, its rows are removed, and it is no pass: it had not told all."""
    folder = tmp_path / "report"
    file = environments(tmp_path, entry(healthy), attempts=400, users=4, rate=150)
    with soaking(file, folder, "--workers", "2") as process:
        (victim,) = [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if any(opened.path.endswith("worker-2.jsonl") for opened in child.open_files())
        ]
        victim.kill()
        out, err = process.communicate(timeout=90)
    run = Run(process.returncode, out, err, folder)
    assert run.exit_code == 75, err
    assert "worker 2 was ended by SIGKILL before it was done" in run.verdict["error"]
    sent = attempts(folder)
    assert len(sent["worker-2.jsonl"]) >= 4
    (preview,) = run.verdict["environments"]
    assert preview["acknowledged"] == sum(map(len, sent.values())) <= 400
    assert preview["posts"] <= 400
    assert smoke_rows(healthy) == 0


@with_locust
def test_ctrl_c_ends_it_softly(healthy: Deployment, tmp_path: Path) -> None:
    """No further POST is sent, those under way are waited for, rows are removed, and it exits 2."""
    folder = tmp_path / "report"
    file = environments(tmp_path, entry(healthy), attempts=5000, users=4, rate=100)
    with soaking(file, folder) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    run = Run(process.returncode, out, err, folder)
    assert run.exit_code == 2, err
    assert "ending: no further POST is sent" in err
    (preview,) = run.verdict["environments"]
    assert 0 < preview["posts"] == preview["acknowledged"] < 5000
    assert preview["rows_removed"] == preview["posts"]
    assert smoke_rows(healthy) == 0


@with_locust
def test_a_second_signal_leaves_at_once_and_lists(tmp_path: Path) -> None:
    """Even where POSTs would be waited for for a minute."""

    class Silent(Created):
        def token(self, request: Request) -> str:
            if self.ids > 8:
                request.server.closed.wait(60)
            return super().token(request)

    folder = tmp_path / "report"
    with serving(Silent()) as server:
        file = environments(tmp_path, of_server(server, api={"timeout_s": 60}), attempts=500, users=2, rate=100)
        with soaking(file, folder) as process:
            for _ in range(2):
                process.send_signal(signal.SIGINT)
                time.sleep(0.5)
            out, err = process.communicate(timeout=30)
    run = Run(process.returncode, out, err, folder)
    assert run.exit_code == 2, err
    left = {row["name"] for row in run.verdict["left_behind"]}
    assert set(names_of(server)) <= left
    assert "the run was ended before it could clean up" in run.verdict["left_behind"][0]["reason"]


@with_locust
def test_a_history_that_cannot_be_written_ends_it(healthy: Deployment, tmp_path: Path) -> None:
    """No POST leaves whose name is not on disk; what was sent before is removed, and it could not tell."""
    folder = tmp_path / "report"
    file = environments(tmp_path, entry(healthy), attempts=2000, users=4, rate=1000)
    command = f"ulimit -f 200; exec {sys.executable} -m harness soak --environments {file} --report-dir {folder}"
    run = run_command(["bash", "-c", command], folder)
    assert run.exit_code == 75, run.err
    assert "the history cannot be written (File too large), and no POST is sent" in run.verdict["error"]
    (preview,) = run.verdict["environments"]
    assert 0 < preview["acknowledged"] < 2000
    assert smoke_rows(healthy) == 0


@with_locust
def test_a_deployment_that_fails_is_not_asked_for_ever(tmp_path: Path) -> None:
    """A thousand failures say as much as more would."""

    class Failing(Created):
        def __call__(self, request: Request) -> bool | None:
            if request.method == "GET":
                return super().__call__(request)
            request.answer("500 Internal Server Error", b"duplicate key value (23505)")
            return True

    with serving(Failing()) as server:
        file = environments(tmp_path, of_server(server), attempts=20_000, users=8, rate=2000)
        run = soak(file, tmp_path / "report", "--json")
    assert run.exit_code == 1, run.err
    assert 1000 <= len(server.of("POST")) < 10_000
    assert any(note.startswith("ended early: ") for note in run.verdict["environments"][0]["notes"])
    assert json.loads(run.out) == run.verdict
    assert "the original bug" in run.check("every_post_answers_201")["cause"]


@with_locust
def test_without_whoever_started_them_its_processes_end(healthy: Deployment, tmp_path: Path) -> None:
    """Killed, it leaves no process that sends on; `cleanup` takes all histories and removes what they name."""
    folder = tmp_path / "report"
    file = environments(tmp_path, entry(healthy), attempts=5000, users=4, rate=100)
    with soaking(file, folder, "--workers", "2") as process:
        children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs(children, timeout=30)
    assert (len(gone), alive) == (3, [])
    histories = map(str, sorted(folder.glob("worker-*.jsonl")))
    cleaned = run_harness("cleanup", "--environments", str(file), *histories)
    assert cleaned.exit_code == 0, cleaned.out
    assert cleaned.out.count("rows removed, 0 may be left behind") == 2
    assert smoke_rows(healthy) == 0


@with_locust
def test_master_and_worker_of_two_machines(healthy: Deployment, tmp_path: Path) -> None:
    """The worker cleans up and judges what it sent; the master says that nothing is judged together yet."""
    file = environments(tmp_path, entry(healthy), attempts=50, users=2, rate=200)
    place = f"127.0.0.1:{free_port()}"
    runs: list[Run] = []
    leading = threading.Thread(target=lambda: runs.append(soak(file, tmp_path / "master", "--master", "--bind", place)))
    leading.start()
    worker = soak(file, tmp_path / "worker", "--worker", "--master-host", place)
    leading.join()
    (master,) = runs
    assert worker.exit_code == 75, worker.err
    assert "this is a part of a soak, which alone is not a verdict" in worker.verdict["error"]
    assert "for up to five minutes" in worker.err
    (preview,) = worker.verdict["environments"]
    assert (preview["posts"], preview["rows_removed"]) == (50, 50)
    (history,) = (tmp_path / "worker").glob("worker-*.jsonl")
    assert run_harness("judge", str(history)).exit_code == 0
    assert master.exit_code == 75, master.err
    assert "judge them together" in master.verdict["error"]
    assert any("50 of 50 POSTs in" in note for note in master.verdict["environments"][0]["notes"])
    assert smoke_rows(healthy) == 0


@with_locust
def test_a_part_of_a_soak_is_no_pass_and_a_history_counts_once(tmp_path: Path) -> None:
    """What another worker was given may be what a token of these comes again in; a file named twice proves nothing."""
    with serving(Created()) as server:
        file = environments(tmp_path, of_server(server), attempts=60, users=4, rate=200)
        assert soak(file, tmp_path / "report", "--workers", "2").exit_code == 76
    one, other = (str(tmp_path / "report" / f"worker-{number}.jsonl") for number in (1, 2))
    assert run_harness("judge", one, other).exit_code == 0
    alone = run_harness("judge", one, "--report-dir", str(tmp_path / "alone"), report_dir=tmp_path / "alone")
    assert alone.exit_code == 75
    assert "of the 60 POSTs of its soak are in these histories" in alone.verdict["error"]
    assert alone.check("tokens_are_distinct")["outcome"] == "pass"
    twice = run_harness("judge", one, other, one)
    assert twice.exit_code == 4
    assert re.search(r"worker-1\.jsonl: number \d+ of run \S+ is in another of these histories as well", twice.err)


@with_locust
@pytest.mark.parametrize("wrong", [["--workers", "0"], ["--master", "--worker"], ["--posts", "3"]])
def test_a_mistake_on_the_command_line_is_no_interruption(wrong: list[str]) -> None:
    """Exit 4, as of any other: 2 is that of a run that was ended."""
    assert run_harness("soak", *wrong).exit_code == 4


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@with_locust
def test_a_port_that_is_taken_is_told_in_words(tmp_path: Path) -> None:
    """Without a traceback, and nothing was sent."""
    with serving(Created()) as server:
        file = environments(tmp_path, of_server(server), attempts=10, users=1, rate=10)
        taken = server.url.rpartition("/")[2]
        run = soak(file, tmp_path / "report", "--master", "--bind", taken)
    assert run.exit_code == 75, run.err
    assert f"the master did not start: it cannot listen on {taken}" in run.verdict["error"]
    assert "Traceback" not in run.err
    assert not server.of("POST")


def test_without_a_bound_nothing_is_sent(tmp_path: Path) -> None:
    """On any environment: the error names file, environment and key."""
    with serving(Created()) as server:
        file = environments(tmp_path, of_server(server))
        run = soak(file, tmp_path / "report")
    assert run.exit_code == 4
    assert f"{file}: environments.preview.soak: is not set, and a soak sends nothing without a bound" in run.err
    assert "soak: {attempts: 10000, users: 20, rate: 100}" in run.err
    assert not server.requests


def test_many_posts_to_a_protected_environment_need_to_be_meant(tmp_path: Path) -> None:
    """As for the gate, 200 is the most that nobody has to confirm."""
    with serving(Created()) as server:
        file = environments(tmp_path, of_server(server, protected=True), attempts=201, users=1, rate=1)
        run = soak(file, tmp_path / "report")
    assert run.exit_code == 4
    assert "environments.preview is protected, and soak.attempts is 201: more than 200 need --allow-many" in run.err
    assert not server.requests


def test_nothing_is_sent_that_could_not_be_removed(tmp_path: Path) -> None:
    """Without a database to delete from, unless `keep` or `api` is meant; the verdict says why."""
    with serving(Created()) as server:
        file = environments(tmp_path, of_server(server, cleanup="database"), attempts=10, users=1, rate=10)
        run = soak(file, tmp_path / "report")
    assert run.exit_code == 75
    assert "no POST was sent, because its row could not be removed: database: null" in run.verdict["error"]
    assert not server.of("POST")


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ({"attempts": 10, "users": 1}, "soak.rate: is missing"),
        ({"attempts": 0, "users": 1, "rate": 1}, "soak.attempts: input should be greater than or equal to 1"),
        ({"attempts": 10, "users": 1, "rate": 1, "spawn": 2}, "soak.spawn: unknown key"),
    ],
)
def test_a_bound_is_whole(bound: dict[str, Any], said: str, tmp_path: Path) -> None:
    """Each of its three numbers is needed, and nothing else may stand there."""
    file = environments(tmp_path, {"url": "http://127.0.0.1:9", "database": None}, **bound)
    run = soak(file, tmp_path / "report")
    assert run.exit_code == 4
    assert said.replace("input should", "must") in run.err


def test_without_locust_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error; a gate does not need it."""
    monkeypatch.setitem(sys.modules, "locust", None)
    with pytest.raises(ConfigurationError, match=r"locust is not installed here.*pip install 'chatbots-smoke\[soak\]'"):
        demand_locust()


def test_a_plan_says_what_a_soak_would_send(tmp_path: Path) -> None:
    """How many, how fast and how long; where no bound is set there is none."""
    file = environments(tmp_path, {"url": "http://127.0.0.1:9", "database": None}, attempts=6000, users=20, rate=50)
    (environment,) = load(file, ["preview"])
    planned = plan(environment, Redactor())
    until = "6000 times in all, 20 at once at most, 50 a second at most: 120 s or longer"
    assert planned["soak"]["until"].startswith(until)
    assert f"chatbots-smoke soak, and no other command, WRITES, {until}" in in_words(planned)
    assert "soak" not in plan(environment.model_copy(update={"soak": None}), Redactor())
    assert "soak" not in plan(environment, Redactor(), read_only=True)
