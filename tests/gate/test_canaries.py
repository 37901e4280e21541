"""No secret gets out of the real commands, whatever a server gives back and whatever pytest is asked to show.

Each secret is a canary that stands nowhere else; `tests/support/leaks.py` looks for it, and for every part of it, in
all that was printed and written.
"""

from __future__ import annotations

import base64
import html
import json
import pprint
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import yaml

from tests.support.gates import ROOT, Run, clean_environment, run_command, run_module, run_pytest
from tests.support.leaks import leaks, leaks_of_folder
from tests.support.servers import Request, Server, serving

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres

IN_THE_ENVIRONMENT = {"SMOKE_API_TOKEN": "v4r-Zk81qWmXe93", "SMOKE_DB_PASSWORD": "d4t-Rb72+uJx/L0pG&5"}
IN_THE_FILE = {
    "header": "h3d-Tq92mVxLw07sKd",
    "basic user and password": 'u5r-Hw61:p4s-Nc83 vYt"Ke<2>',
    "cookie": "c0k-Pm49zGbQr76uYh",
    "login": "l0g-Fd58'nSjZ/w\\13xAü",
    "payload": "p4y-Wv27kBhMt94gRe",
    "create query": "q1c-Xs35jDnLf68pUz",
    "ready query": "q2r-Gy16tCkVb52oEi",
}
SECRETS = [*IN_THE_ENVIRONMENT.values(), *IN_THE_FILE.values(), 'p4s-Nc83 vYt"Ke<2>', "s3t-Jl40bNwXe19qIa"]
SET_COOKIE = SECRETS[-1]
LOUD = ["-vv", "-rA", "--showlocals", "--durations=0", "-W", "always", "-o", "junit_logging=all"]
FEW = ["-k", "every_post or stored_tokens_are_random or ready"]  # all others would end in the same errors
LOGGED = ["-o", "log_cli=true", "--log-cli-level=DEBUG", "--log-file-level=DEBUG", "-o", "log_level=DEBUG"]


def wrapped(text: str, columns: int) -> str:
    return "\n".join(text[i : i + columns] for i in range(0, len(text), columns))


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def each(text: str, spell: Callable[[str], str]) -> str:
    return "".join(map(spell, text))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "HTML": html.escape,
    "repr": repr,
    "base64": in_base64,
    "base64, one byte on": lambda text: in_base64("x" + text),
    "base64, two bytes on": lambda text: in_base64("xy" + text),
    "base64 of URLs": lambda text: base64.urlsafe_b64encode(b"x" + text.encode()).decode(),
    "base64 at 76 columns": lambda text: wrapped(in_base64("xy" + text), 76),
    "base64 at 64 columns": lambda text: wrapped(in_base64(text), 64),
    "base64 at 10 columns": lambda text: wrapped(in_base64(text), 10),
    "at 10 columns": lambda text: wrapped(text, 10),
    "at 7 columns in JSON": lambda text: json.dumps(wrapped(text, 7)),
    "lines of JSON": lambda text: json.dumps(wrapped(text, 9).split("\n"), indent=2),
    "pprint": lambda text: pprint.pformat(text, width=16),
    "at blanks": lambda text: textwrap.fill(text, 12, break_long_words=False),
    "upper case": str.upper,
    "breaks of HTML": lambda text: wrapped(text, 11).replace("\n", "<br>\n"),
    "percent, each": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "u, each": lambda text: each(text, lambda c: json.dumps(c)[1:-1] if ord(c) > 126 else f"\\u{ord(c):04X}"),
    "x, each": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "HTML, each": lambda text: each(text, lambda c: f"&#{ord(c)};"),
    "HTML, hexadecimal": lambda text: each(text, lambda c: f"&#x{ord(c):X};"),
    "some of each": lambda text: "".join(
        (str, quote, lambda c: f"&#{ord(c)};")[n % 3](c) if c.isalnum() else f"&#x{ord(c):x};"
        for n, c in enumerate(text)
    ),
    "soft breaks": lambda text: wrapped(text, 11).replace("\n", "=\r\n"),
}
CUTS = range(1_972, 2_001, 4)  # the evidence of a POST ends after 2,000 characters


class Echo:
    """Gives back all that it was ever sent, each time in another spelling, at last across the end of the evidence."""

    def __init__(self, spellings: Sequence[str] = tuple(SPELLINGS)) -> None:
        self.spellings = spellings
        self.login: list[str] = []
        self.titles: list[str] = []
        self.posts = 0

    def __call__(self, request: Request) -> bool:
        if request.method == "GET":
            request.answer("200 OK", b"{}", f"Location: {request.target}")
        elif request.target.startswith("/login"):
            self.login = [request.target, *json.loads(request.body).values()]
            request.answer("200 OK", b"", f"Set-Cookie: sid={SET_COOKIE}; Path=/")
        else:
            self.titles += titles()
            request.answer("500 Sorry", self.answer(request).encode("utf-8", "replace"), "Content-Type: text/plain")
        return True

    def answer(self, request: Request) -> str:
        sent = [request.target, *request.headers.values(), *self.login, request.body.decode()]
        user_and_password = request.headers["authorization"].removeprefix("Basic ")
        sent += [base64.b64decode(user_and_password).decode(), *in_json(json.loads(request.body))]
        sent = [text.encode("latin-1", "replace").decode("utf-8", "replace") if "Ã" in text else text for text in sent]
        number, self.posts = self.posts, self.posts + 1
        if number < len(self.spellings):
            return "\n~\n".join(map(SPELLINGS[self.spellings[number]], sent))
        at = CUTS[number - len(self.spellings)]
        return IN_THE_FILE["header"] * 10 + "x" * (at - 10 * len(IN_THE_FILE["header"])) + IN_THE_FILE["login"]


def in_json(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from in_json(item)


def titles() -> list[str]:
    """The command line of every process there is, as anybody on this machine may read it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def settings(url: str, postgres: Postgres | None = None) -> dict[str, Any]:
    """Everything that can hold a secret holds one."""
    user, _, password = IN_THE_FILE["basic user and password"].partition(":")
    host = quote(str(postgres.directory), safe="") if postgres else "/nowhere"
    return {
        "url": url.replace("http://", f"http://{user}:{quote(password, safe='')}@"),
        "database": f"postgresql://locked_out:${{SMOKE_DB_PASSWORD}}@/postgres?host={host}&port=5432",
        "headers": {"X-Api-Key": IN_THE_FILE["header"], "Cookie": f"own={IN_THE_FILE['cookie']}"},
        "login": {"path": "/login", "json": {"user": "smoke@example.com", "password": IN_THE_FILE["login"]}},
        "probes": [],  # the server gives as many answers as it has ways to betray
        "ready": {"path": f"/?token={IN_THE_FILE['ready query']}", "timeout_s": 20},
        "api": {
            "create": f"/api/chatbots?api_key={IN_THE_FILE['create query']}",
            "payload": {
                "name": "{name}",
                "integration": {"client_secret": IN_THE_FILE["payload"]},
                "note": "${SMOKE_API_TOKEN}",
            },
            "timeout_s": 60,
        },
        "posts": len(SPELLINGS) + len(CUTS),
        "burst": 0,
        "cleanup": "keep",
    }


def written(folder: Path, described: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "environments.yaml"
    file.write_text(yaml.safe_dump({"environments": {"preview": described}}, width=1000), encoding="utf-8")
    return file


def environment_of_a_run() -> dict[str, str]:
    return {**IN_THE_ENVIRONMENT, "SMOKE_DB_PASSWORD": quote(IN_THE_ENVIRONMENT["SMOKE_DB_PASSWORD"], safe="")}


def gate(folder: Path, described: dict[str, Any], *arguments: str, **environ: str) -> Run:
    """The gate on a deployment that is described so; what it wrote is below `folder / "report"`."""
    file = written(folder / "configuration", described)
    environ = {**environment_of_a_run(), **environ}
    return run_pytest(folder / "report", "--environments", str(file), *arguments, **environ)


def demand_silence(run: Run, *folders: Path) -> None:
    """Nothing that was printed, and no file, tells any part of a secret."""
    assert leaks(run.out, SECRETS) == []
    assert leaks(run.err, SECRETS) == []
    for folder in folders or (run.report_dir,):
        assert leaks_of_folder(folder, SECRETS) == {}


@contextmanager
def echoing(*spellings: str) -> Iterator[tuple[Server, Echo]]:
    echo = Echo(spellings or tuple(SPELLINGS))
    with serving(echo) as server:
        yield server, echo


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_leaks_are_found_in_every_spelling(spelling: str) -> None:
    """What the tests below look for, they would find: each secret by itself, and half of one."""
    for secret in SECRETS:
        assert leaks("before " + SPELLINGS[spelling](secret) + " after", [secret]) != [], secret
        assert leaks(SPELLINGS[spelling](secret[: len(secret) // 2 + 2]), [secret]) != [], secret
    assert leaks("nothing of that kind", SECRETS) == []


# With all spellings a traceback has 8 megabytes. How Python prints one itself does not depend on what is spelt how.
@pytest.mark.parametrize(
    ("how", "spellings"),
    [("long", list(SPELLINGS)), ("native", list(SPELLINGS)[::3]), ("no", list(SPELLINGS))],
    ids=["long", "native", "no"],
)
def test_a_server_that_echoes_everything_betrays_nothing(
    tmp_path: Path, postgres: Postgres, how: str, spellings: list[str]
) -> None:
    """Nor does a real Postgres that refuses the password; in no report, traceback, log or title of a process."""
    posts = len(spellings) + len(CUTS)
    with echoing(*spellings) as (server, echo):
        log, junit = tmp_path / "logs" / "gate.log", tmp_path / "logs" / "junit.xml"
        more = [*LOUD, *LOGGED, f"--tb={how}", f"--log-file={log}", f"--junitxml={junit}", "--full-trace"]
        more += FEW
        described = {**settings(server.url, postgres), "posts": posts}
        file, report = written(tmp_path / "configuration", described), tmp_path / "report"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file)]
        # As a user starts it: a process that is forked has the title of another.
        run = run_command([*command, "--report-dir", str(report), *more], report, **environment_of_a_run())
    assert run.exit_code == 1, run.out
    assert echo.posts == posts
    assert "the database refused the user or the password" in run.out
    evidence = (run.report_dir / "history.jsonl").read_text(encoding="utf-8")
    assert evidence.count("***") > echo.posts
    assert "urllib3.connectionpool" in log.read_text(encoding="utf-8")
    demand_silence(run, run.report_dir, log.parent)
    assert any("pytest" in title for title in echo.titles)
    assert leaks("\n".join(echo.titles), SECRETS) == []


def test_files_are_their_owners_whatever_the_umask(tmp_path: Path) -> None:
    """Also what pytest itself was asked to write elsewhere, and histories that are set aside."""
    with echoing() as (server, _):
        file = written(tmp_path / "configuration", {**settings(server.url), "database": None, "posts": 1})
        report, logs = tmp_path / "reports" / "today", tmp_path / "logs"
        logs.mkdir()
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file)]
        command += ["--report-dir", str(report), f"--junitxml={logs / 'junit.xml'}", f"--log-file={logs / 'gate.log'}"]
        for _ in range(2):
            run = run_command(["sh", "-c", 'umask 000; exec "$@"', "sh", *command], report, **environment_of_a_run())
            assert run.exit_code == 1, run.out
            (report / "history.jsonl").chmod(0o644)
            (report / ".verdict.json.part").touch(0o666)
        run = run_command(["sh", "-c", 'umask 000; exec "$@"', "sh", *command], report, **environment_of_a_run())
    assert {path.name for path in report.iterdir()} >= {"history-1.jsonl", "history-2.jsonl", "junit.xml"}
    for path in [report, *report.iterdir(), *logs.iterdir()]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert report.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("sets_no_cookie", [False, True], ids=["refused", "no cookie"])
def test_a_login_that_fails_betrays_nothing(tmp_path: Path, sets_no_cookie: bool) -> None:
    """Whatever it answers, in its status line, its headers and its body."""

    def answer(request: Request) -> bool:
        if request.method == "GET":
            request.answer("200 OK", b"{}")
        else:
            said = quote(request.body.decode())
            status = "200 OK" if sets_no_cookie else f"401 {said}"
            request.answer(status, request.body + repr(request.headers).encode(), f"WWW-Authenticate: {said}")
        return True

    with serving(answer) as server:
        login = {"path": f"/login?key={IN_THE_FILE['create query']}", "json": {"password": IN_THE_FILE["login"]}}
        run = gate(tmp_path, {**settings(server.url), "login": login, "database": None}, *LOUD, *FEW, "--tb=long")
    assert run.exit_code == 75, run.out
    assert "the login at /login?key=*** answered" in run.out
    demand_silence(run)


def test_a_redirect_and_a_ready_page_betray_nothing(tmp_path: Path) -> None:
    """A secret across the 600 characters that are shown of one is not halved."""

    def answer(request: Request) -> bool:
        padding = "x" * (590 - len("it answered 302 to "))
        request.answer("302 Found", b"", f"Location: /{padding}{request.headers['x-api-key']}")
        return True

    with serving(answer) as server:
        described = settings(server.url)
        described["ready"]["timeout_s"] = 2  # it never is
        run = gate(tmp_path, {**described, "database": None}, *LOUD, *FEW, "--tb=long")
    assert run.exit_code == 75, run.out
    assert "it answered 302 to /xxx" in run.out
    demand_silence(run)


SHORT = {"X-Pin": "k3y9", "X-Bypass": "a1b2c3"}
NUMBER = 482913


@pytest.mark.parametrize("spelling", ["plain", "percent, each", "u, each", "HTML, hexadecimal", "base64, one byte on"])
def test_short_secrets_go_and_the_words_of_the_report_stay(tmp_path: Path, spelling: str) -> None:
    """A user called smoke and a password postgres turn nothing into masks; a short key is in no output of a CI."""

    def answer(request: Request) -> bool:
        said = [SHORT["X-Pin"], SHORT["X-Bypass"], str(NUMBER), "s1d-9"]
        body: dict[str, Any] = {"id": f"x-{SHORT['X-Pin']}-x", "public_token": f"{SHORT['X-Bypass']}~", "said": said}
        body["spelt"] = [SPELLINGS[spelling](text) for text in said]
        body["login"] = {"user": "smoke", "password": "postgres"}
        request.answer("201 Created", json.dumps(body).encode(), "Set-Cookie: sid=s1d-9")
        return True

    (tmp_path / "report").mkdir(mode=0o700)
    with serving(answer) as server:
        run = gate(
            tmp_path,
            {
                "url": server.url,
                "database": None,
                "headers": {**SHORT, "Cookie": "a=b;sid=s1d-9"},
                "login": {"path": "/login", "json": {"user": "smoke", "password": "postgres"}},
                "api": {"payload": {"name": "{name}", "pin": NUMBER, "max_tokens": 4096}},
                "posts": 2,
                "burst": 0,
                "probes": [],
                "ready": {"timeout_s": 20},
            },
            *LOUD,
            f"--debug={tmp_path / 'report' / 'trace.log'}",
            GITHUB_ACTIONS="true",
            GITHUB_STEP_SUMMARY=str(tmp_path / "report" / "step.md"),
        )
    assert run.exit_code == 1, run.out + run.err
    files = {path.name: path.read_bytes().decode("utf-8", "replace") for path in (tmp_path / "report").glob("*.*")}
    assert {"verdict.json", "summary.md", "report.html", "junit.xml", "history.jsonl", "step.md", "trace.log"} <= {
        *files
    }
    outputs = {**files, "terminal": run.out + run.err}
    for secret in (*SHORT.values(), "s1d-9", f": {NUMBER}", f'"{NUMBER}"'):
        assert [name for name, text in outputs.items() if secret in text] == []
        for each_of in (secret, SPELLINGS[spelling](secret)):
            assert [name for name, text in outputs.items() if each_of in text] == []
    assert '\\"password\\": \\"***\\"' in files["history.jsonl"]
    verdict = json.loads(files["verdict.json"])
    assert f"smoke-{verdict['run']}-1" in files["history.jsonl"]
    assert "chatbots smoke" in files["report.html"]
    assert [note.partition(" ")[0] for note in verdict["environments"][0]["notes"]] == ["login:", "login.json.password"]


# --- our own mistakes -------------------------------------------------------------------------------------------------

BROKEN = """\
import logging, threading, warnings
import pytest
import harness.run.gate

SECRETS = {secrets!r}

class Held:
    def __repr__(self):
        return "x" * 110 + SECRETS[0] + "y" * 400 + SECRETS[1] + "z" * 110

def fail(held, halves):
    both = "\\n".join(SECRETS)
    wide = [SECRETS[2] * 9, Held(), {{"a": SECRETS[3]}}]
    if {captured}:  # elsewhere pytest captures nothing, and nothing of ours prints
        print(both, wide)
    logging.getLogger("ours").warning("said %s %s", SECRETS, halves)
    try:
        raise KeyError(both)
    except KeyError:
        logging.getLogger("ours").exception("caught")
    logging.getLogger("ours").warning("not %s enough", *SECRETS)
    warnings.warn("warned of " + SECRETS[4])
    threading.Thread(target=lambda: 1 / len(SECRETS[len(SECRETS):][0])).start()
    thread = threading.Thread(target=raises)
    thread.start()
    thread.join()
    raise ValueError("broken by " + both)

def raises():
    raise LookupError(SECRETS[5])
"""
IN_A_CHECK = """
@pytest.fixture(autouse=True)
def broken():
    fail(Held(), [secret[:len(secret)] for secret in SECRETS] * 3)
"""
IN_THE_EXAMINATION = "\ndef examine(*_):\n    fail(Held(), SECRETS * 3)\nharness.run.gate.examine = examine\n"
IN_PYTEST = "\ndef pytest_runtest_logreport(report):\n    fail(Held(), SECRETS)\n"


@pytest.mark.parametrize(
    ("where", "arguments", "exit_code"),
    [
        (IN_A_CHECK, ["--tb=long"], 75),
        (IN_A_CHECK, ["--tb=short", "-s"], 75),
        (IN_A_CHECK, ["--tb=native", "-q"], 75),
        (IN_A_CHECK, ["--tb=long", "--showlocals", "-q"], 75),
        (IN_THE_EXAMINATION, ["--tb=long", "--full-trace", "--showlocals"], 75),
        (IN_THE_EXAMINATION, [*LOUD, *LOGGED, "--tb=long"], 75),
        (IN_PYTEST, ["--showlocals"], 3),
        (IN_PYTEST, ["--full-trace", *LOUD], 3),
    ],
    ids=range(1, 9),
)
def test_our_own_mistakes_betray_nothing(tmp_path: Path, where: str, arguments: list[str], exit_code: int) -> None:
    """With secrets in messages, locals, logs, warnings, threads and what was printed while output was captured."""
    (tmp_path / "report").mkdir(mode=0o700)
    plugin = tmp_path / "broken_plugin.py"
    plugin.write_text(BROKEN.format(secrets=SECRETS[2:-1], captured=where == IN_A_CHECK) + where, encoding="utf-8")
    with echoing() as (server, _):
        captured = [argument for argument in arguments if argument != "-s"]
        run = gate(
            tmp_path,
            {**settings(server.url), "database": None, "posts": 1},
            *captured,
            *("-p", "broken_plugin", "-k", "every_post or uuid", f"--debug={tmp_path / 'report' / 'trace.log'}"),
            PYTHONPATH=str(tmp_path),
        )
    assert run.exit_code == exit_code, run.out + run.err
    assert "broken by" in run.out + run.err
    demand_silence(run)


# --- the other commands -----------------------------------------------------------------------------------------------


def command(*arguments: str, **environ: str) -> Run:
    return run_module("harness", [*arguments], ROOT, **environment_of_a_run(), **environ)


def test_the_other_commands_betray_nothing(tmp_path: Path, postgres: Postgres) -> None:
    """plan, judge and cleanup, in words and in JSON, of what a run left; and the titles of their processes."""
    with echoing() as (server, _):
        described = settings(server.url, postgres)
        history = gate(tmp_path, described).report_dir / "history.jsonl"
        api = {**described["api"], "delete": f"/api/chatbots/{{id}}?sig={IN_THE_FILE['create query']}"}
        of = {
            mode: written(tmp_path / mode, {**described, "api": api, "cleanup": mode}) for mode in ("database", "api")
        }
        for arguments in (
            ["plan", "--environments", str(of["database"])],
            ["plan", "--sql", "--environments", str(of["database"])],
            ["plan", "--environments", str(of["api"]), "--json"],
            ["cleanup", "--environments", str(of["database"]), str(history)],
            ["cleanup", "--environments", str(of["api"]), str(history), "--json"],
        ):
            run = command(*arguments)
            assert run.exit_code in (0, 76), run.out + run.err
            demand_silence(run, history.parent)
    judging = subprocess.Popen(
        [sys.executable, "-m", "harness", "judge", str(history), "--report-dir", str(tmp_path / "judged")],
        cwd=ROOT,
        env=clean_environment(**environment_of_a_run()),
        stdout=subprocess.DEVNULL,
    )
    seen: list[str] = []
    while judging.poll() is None:
        seen += titles()
        time.sleep(0.05)
    assert judging.returncode == 1
    assert any("harness judge" in title and str(history) in title for title in seen)
    assert leaks("\n".join(set(seen)), SECRETS) == []
    assert leaks_of_folder(tmp_path / "judged", SECRETS) == {}


@pytest.mark.parametrize("name", ["plan", "cleanup"])
def test_the_mistakes_of_other_commands_betray_nothing(tmp_path: Path, name: str) -> None:
    """A traceback of ours is masked, and ends with the code for an internal error, not that for a roll-back."""
    with echoing() as (server, _):
        file = written(tmp_path, {**settings(server.url), "database": None, "posts": 1})
        history = gate(tmp_path, {**settings(server.url), "database": None, "posts": 1}).report_dir / "history.jsonl"
    (tmp_path / "sitecustomize.py").write_text(
        "import harness.http.client, harness.cli.plan\n"
        f"def fail(*_, **__):\n    raise ValueError({SECRETS[2:-1]!r})\n"
        "harness.http.client.headers_of = harness.cli.plan.headers_of = fail\n",
        encoding="utf-8",
    )
    arguments = [str(history)] if name == "cleanup" else []
    run = command(name, "--environments", str(file), *arguments, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert run.exit_code == 3, run.out + run.err
    assert "ValueError" in run.err
    assert "the harness itself failed" in run.err
    demand_silence(run, history.parent)
