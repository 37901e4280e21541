"""`chatbots-smoke doctor` asks everything that a run would meet, sends no POST, and exits 0, 4 or 75."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from rehearsal.deployment.start import deployed
from tests.support.gates import entry, run_harness, write_environments
from tests.support.servers import Request, creating, serving
from tests.support.terminals import in_a_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

STEPS = [
    *("file", "variables", "url", "ready page", "login", "connection", "table", "primary", "rights", "id sequence"),
    *("app's statements", "shared database"),
]


def test_a_right_setup_is_ready(tmp_path: Path, healthy: Deployment) -> None:
    """Exit 0, a line for each step in the order of a run, and the same as JSON."""
    file = str(write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy)))
    said, document = (run_harness("doctor", "--environments", file, *more) for more in ((), ("--json",)))
    assert (said.exit_code, document.exit_code) == (0, 0), said.out + said.err
    assert said.out.splitlines()[-1].startswith(
        "ready: nothing that a run of preview needs is missing; what the create"
    )
    answers = json.loads(document.out)
    assert [answer["step"] for answer in answers] == STEPS
    assert {answer["outcome"] for answer in answers} == {"ok"}
    assert set(answers[0]) == {"environment", "step", "outcome", "said", "fix", "key"}


def test_nothing_is_posted_but_the_login(tmp_path: Path) -> None:
    """A page is asked; the create route is not."""

    def answer(request: Request) -> bool:
        if request.target != "/login":
            return creating(request)
        request.answer("200 OK", b"{}", "Set-Cookie: sid=th3-s3ss10n; Path=/")
        return True

    with serving(answer) as server:
        of = {
            "url": server.url,
            "database": None,
            "cleanup": "keep",
            "login": {"path": "/login", "json": {"user": "x"}},
        }
        file = write_environments(tmp_path / "e.yaml", {}, preview=of)
        said = run_harness("doctor", "--environments", str(file))
    assert said.exit_code == 0, said.out + said.err
    assert [(request.method, request.target) for request in server.requests] == [("GET", "/"), ("POST", "/login")]
    assert "POST /login (sent, as a run does)" in said.out


@pytest.mark.parametrize("variant", ["behind_pgbouncer", "login_with_a_cookie", "other_names", "table_is_partitioned"])
def test_what_a_gate_verifies_is_ready(tmp_path: Path, postgres: Postgres, variant: str) -> None:
    """Whatever is unusual and right is no reason to hold; a pooler is named."""
    from rehearsal.servers.programs import UNAVAILABLE

    if variant in UNAVAILABLE:
        pytest.skip(UNAVAILABLE[variant])
    with deployed(postgres, variant=variant) as app:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(app))
        said = run_harness("doctor", "--environments", str(file))
    assert said.exit_code == 0, said.out + said.err
    assert ("through a pooler" in said.out) == (variant == "behind_pgbouncer")


def test_a_wrong_key_wins_over_what_cannot_be_known(tmp_path: Path, healthy: Deployment) -> None:
    """4 over 75, of all environments that are named; one that is right is said to be ready."""
    wrong = {**entry(healthy), "table": {"name": "bots"}}
    away = {"url": "http://127.0.0.1:9", "database": None, "cleanup": "keep"}
    file = write_environments(tmp_path / "e.yaml", {}, right=entry(healthy), wrong=wrong, away=away)

    def exits(*names: str) -> int:
        words = [word for name in names for word in ("--env", name)]
        return run_harness("doctor", "--environments", str(file), *words).exit_code

    assert [exits("right"), exits("away"), exits("wrong"), exits("right", "away", "wrong")] == [0, 75, 4, 4]


def test_with_wait_it_waits_as_a_run_does(tmp_path: Path) -> None:
    """A deployment that starts late is asked again; without --wait it is not."""
    for words, code in (((), 75), (("--wait",), 0)):
        with serving(creating, refuses_for_s=0.5) as server:
            of = {"url": server.url, "database": None, "cleanup": "keep"}
            file = write_environments(tmp_path / "e.yaml", {}, preview=of)
            said = run_harness("doctor", "--environments", str(file), *words)
        assert said.exit_code == code, said.out + said.err


def test_only_the_databases_url_is_wrong(tmp_path: Path) -> None:
    """The deployment is asked all the same: nobody has to come back for it."""
    with serving(creating) as server:
        of = {"url": server.url, "database": "jdbc:postgresql://h/d", "ready": {"path": "/"}}
        file = write_environments(tmp_path / "e.yaml", {}, preview=of)
        said = run_harness("doctor", "--environments", str(file), "--json")
    steps = {answer["step"]: answer["outcome"] for answer in json.loads(said.out)}
    assert steps == {"database url": "wrong", "url": "ok", "ready page": "ok", "login": "ok"}
    assert said.exit_code == 4


def test_write_sets_what_can_only_be_right_so(tmp_path: Path, postgres: Postgres) -> None:
    """By the row that was stored it is known where the token stands: the file keeps its comments, and is ready then."""
    with deployed(postgres, variant="nested_camel_case_answer") as app:
        file = tmp_path / "e.yaml"
        file.write_text(
            f"environments:\n  # ours\n  preview:\n    url: {app.url}   # where it serves\n"
            f"    database: {app.database}\n    table: {{token: publicToken}}   # wrong\n",
            encoding="utf-8",
        )
        before = file.read_text(encoding="utf-8")
        words = ["doctor", "--environments", str(file), "--report-dir", str(tmp_path / "report")]
        read = run_harness(*words, "--write")
        posted = run_harness(*words, "--write", "--post")
        again = run_harness(*words, "--post")
    assert (read.exit_code, posted.exit_code, again.exit_code) == (4, 4, 0), again.out
    assert "-    table: {token: publicToken}   # wrong\n+    table: {token: public_token}   # wrong\n" in read.out
    api = "    api: {id: data.chatbot.id}\n"
    right = before.replace("publicToken", "public_token") + api.replace("}", ", token: data.chatbot.publicToken}")
    assert file.read_text(encoding="utf-8") == right
    assert "api.token: data.chatbot.publicToken; run doctor again to check it" in posted.out


def test_write_leaves_a_variable_to_its_owner(tmp_path: Path) -> None:
    """It says what to give it; the file stays as it is."""
    with serving(creating) as server:
        of = {"url": "${PREVIEW_URL}", "database": None, "cleanup": "keep"}
        file = write_environments(tmp_path / "e.yaml", {}, preview=of)
        before = file.read_bytes()
        url = server.url
        said = run_harness("doctor", "--write", "--environments", str(file), PREVIEW_URL=url.replace("http", "https"))
    assert said.exit_code == 4
    assert f"url was not written: url is filled by PREVIEW_URL: give that the value {url}" in said.out
    assert file.read_bytes() == before


def test_write_writes_nothing_that_a_server_made_up(tmp_path: Path) -> None:
    """A redirect to another host is named, and never followed into the file."""

    def answer(request: Request) -> bool:
        request.answer("301 Moved Permanently", b"", "Location: https://elsewhere.example.com/")
        return True

    with serving(answer) as server:
        of = {"url": server.url, "database": None, "cleanup": "keep"}
        file = write_environments(tmp_path / "e.yaml", {}, preview=of)
        before = file.read_bytes()
        said = run_harness("doctor", "--write", "--environments", str(file))
    assert "set url: https://elsewhere.example.com" in said.out
    assert file.read_bytes() == before


def test_lines_fit_a_terminal(tmp_path: Path) -> None:
    """They are wrapped at its width, with what follows below what began, and no word is parted."""
    file = tmp_path / "e.yaml"
    file.write_text("environments: {preview: {url: '${NOWHERE_URL}', database: null, posts: 1}}\n", encoding="utf-8")
    words = ["-m", "harness", "doctor", "--environments", str(file)]
    printed = in_a_terminal([sys.executable, *words], columns=72)
    lines = printed.replace("\r", "").splitlines()
    assert [line for line in lines if len(line) > 72 and str(file) not in line] == []
    assert "environments.preview.url:" in printed
    plain = run_harness(*words[2:]).out
    assert " ".join(printed.split()) == " ".join(plain.split())
