"""What a server, a database or a file holds moves no cursor, starts no line, and shows no secret of ours."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.deployment.start import deployed
from tests.support.doctors import ask
from tests.support.gates import entry, write_environments
from tests.support.leaks import leaks
from tests.support.servers import Request, creating, serving

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres
    from tests.support.doctors import Said

EVIL = "\x1b[2J\x07\n::error::x\r\n##[error]y\u202e"
SECRETS = {
    "header": "c4n4ry-he4der-x",
    "login": "c4n4ry-l0gin-x",
    "url": "c4n4ry-ur1-pass",
    "payload": "c4n4ry-payl0ad",
    "dsn": "c4n4ry-dsn-pass",
    "cookie": "c4n4ry-c00kie-x",
}


def harmless(said: Said) -> bool:
    """Whether what was printed is lines of ours, each printable, none a command of a CI."""
    lines = said.printed.split("\n")
    return all(line.isprintable() and not re.match(r"\s*::|.*##\[", line) for line in lines)


def echoing(request: Request) -> bool:
    """A deployment that repeats whatever it was sent."""
    sent = f"{request.headers} {request.body.decode()} {SECRETS['cookie']}"
    if request.target == "/login":
        request.answer("200 OK", sent.encode(), f"Set-Cookie: sid={SECRETS['cookie']}; Path=/")
    elif request.method == "GET":
        return creating(request)
    else:
        request.answer("422 Unprocessable", json.dumps({"message": sent}).encode(), "Content-Type: application/json")
    return True


@pytest.mark.parametrize("words", [("--post",), ("--post", "--json")])
def test_no_secret_is_printed(tmp_path: Path, postgres: Postgres, words: tuple[str, ...]) -> None:
    """Whatever is echoed, and whether or not it is read. The gate that sends the POST logs in once more."""
    with deployed(postgres) as app, serving(echoing) as server:
        name = app.database.partition("@/")[2].partition("?")[0]
        of: dict[str, Any] = {
            "url": server.url.replace("//", f"//user:{SECRETS['url']}@"),
            "database": postgres.dsn(name, "app", SECRETS["dsn"]),
            "late_rows_s": 0,
            "headers": {"X-Api-Key": SECRETS["header"]},
            "login": {"path": "/login", "json": {"user": "x", "password": SECRETS["login"]}},
            "api": {"payload": {"name": "{name}", "api_key": SECRETS["payload"]}},
        }
        file = write_environments(tmp_path / "e.yaml", {}, preview=of)
        said = ask("--environments", str(file), "--report-dir", str(tmp_path / "report"), *words)
    assert [request.target for request in server.of("POST")] == ["/login", "/login", "/api/chatbots"], said
    assert leaks(said.printed, SECRETS.values()) == []
    history = (tmp_path / "report" / "history.jsonl").read_text(encoding="utf-8")
    assert leaks(history, SECRETS.values()) == []


JSON = "Content-Type: application/json"
COMPLAINTS = json.dumps({EVIL: EVIL, "message": EVIL, "errors": {EVIL: [EVIL]}})
OTHER_KEYS = json.dumps({"data": {EVIL: "x", "tok\x1ben": EVIL, "id": EVIL}})
ANSWERS = {
    "a redirect": ("308 Moved", "", f"Location: /{EVIL.encode('unicode_escape').decode()}\x1b[2J"),
    "a header of a platform": ("404 Not Found", "", "x-vercel-error: DEPLOYMENT_\x1b[2J\x07"),
    "a page": ("503 Unavailable", f"<html><title>{EVIL}</title>", "Content-Type: text/html"),
    "complaints": ("422 Unprocessable", COMPLAINTS, JSON),
    "other keys": ("201 Created", OTHER_KEYS, JSON),
    "no JSON": ("201 Created", "{" * 5000, JSON),
    "a large body": ("201 Created", "[" + "1," * 300_000 + "1]", JSON),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_server_sends_is_harmless(tmp_path: Path, answer: str, method: str) -> None:
    """In an answer to a page, and to the POST."""
    status, body, header = ANSWERS[answer]

    def hostile(request: Request) -> bool:
        if request.method != method:
            return creating(request)
        request.answer(status, body.encode(), header)
        return True

    with serving(hostile) as server:
        of = {"url": server.url, "database": None, "cleanup": "keep", "late_rows_s": 0}
        file = write_environments(tmp_path / "e.yaml", {}, preview={**of, "ready": {"path": "/", "revision": "x"}})
        before = file.read_bytes()
        words = ["--environments", str(file), "--report-dir", str(tmp_path / "report"), "--post", "--write"]
        said = ask(*words)
    assert said.exit_code in (4, 75), said
    assert harmless(said), repr(said.printed)
    assert "Traceback" not in said.printed
    assert file.read_bytes() == before or answer == "a redirect"


def test_what_a_database_holds_is_harmless(tmp_path: Path, postgres: Postgres) -> None:
    """Names of tables and columns."""
    with deployed(postgres) as app:
        name = app.database.partition("@/")[2].partition("?")[0]
        quoted = f'"Chat{EVIL}bots"'
        postgres.run(name, [f'create schema "{EVIL}"', f'create table "{EVIL}".{quoted} (id int, {quoted} text)'])
        for table in ({"name": "chat_bots_x"}, {"name": f'"{EVIL}".{quoted}'}, {"name": f"Chat{EVIL}bots"}):
            file = write_environments(tmp_path / "e.yaml", {}, preview={**entry(app), "table": table})
            said = ask("--environments", str(file), "--write")
            assert said.exit_code == 4, said
            assert harmless(said), repr(said.printed)


NO_FILES = (
    *("", "[]", "x", "environments:", "environments: []", "environments: {preview: }", "environments: {preview: []}"),
    *("defaults: 1\nenvironments: {preview: {}}", "\x00", "\xff", "!!python/x y", "a: &a [x]\nb: &b [*a,*a]\n"),
    *("environments: {preview: &a {url: *a}}", "environments: {? [a] : b}"),
    "environments: {preview: {url: {}, database: []}}",
    "environments: {preview: {url: 'http://h', database: null, login: x, ready: x, api: x, table: x, waive: x}}",
    f"environments: {{preview: {{url: 'http://h', database: null, {json.dumps(EVIL)}: 1}}}}",
)


@pytest.mark.parametrize("text", NO_FILES)
def test_no_file_ends_in_a_traceback(tmp_path: Path, text: str) -> None:
    """Exit 4, a line of ours for what is wrong, and nothing written."""
    file = tmp_path / "environments.yaml"
    file.write_bytes(text.encode("latin-1", "replace") if "\xff" in text else text.encode())
    before = file.read_bytes()
    said = ask("--environments", str(file), "--write", "--post")
    assert said.exit_code == 4, said
    assert harmless(said), repr(said.printed)
    assert "Traceback" not in said.printed
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
