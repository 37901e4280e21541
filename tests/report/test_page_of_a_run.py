"""The page as a run writes it: how to repeat a request, no secret, nothing that acts, and there whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.configuration.secrets import secrets_of
from harness.history.history import History
from harness.history.problem import Problem
from harness.history.writing import Ledger
from harness.redaction.redactor import Redactor
from harness.report import page
from harness.report.curl import repeated, variables
from harness.report.evidence import EnvironmentEvidence
from harness.report.folder import make_folder
from harness.report.page import page_of, render
from harness.report.verdict import Verdict
from harness.report.writing import write
from rehearsal.deployment.start import deployed
from tests.support.gates import ROOT, Run, run_gate, run_harness, run_pytest, write_environments
from tests.support.histories import failed, ok, unanswered
from tests.support.pages import (
    FOLDER,
    HOSTILE,
    environment,
    hostile_page,
    read_page,
    samples,
    seen,
    shown,
    verdict,
)
from tests.support.verdicts import check, row_left

if TYPE_CHECKING:
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres


# --- how to repeat a request ------------------------------------------------------------------------------------------

SECRETS = ("s3cr3t-bearer", "s3cr3t-password", "s3cr3t-tenant", "s3cr3t-login", "s3cr3t-database")


def secretive(**but: Any) -> Any:
    """Preview with a secret in every place that takes one."""
    return environment(
        **{
            "url": f"https://someone:{SECRETS[1]}@preview.example.com",
            "database": f"postgresql://u:{SECRETS[4]}@h/d",
            "headers": {"X-Api-Key": SECRETS[0], "X-Tenant": SECRETS[2]},
            "login": {"path": "/login", "json": {"user": "someone", "password": SECRETS[3]}},
            "cleanup": "keep",
            **but,
        }
    )


def test_the_command_that_repeats_a_post_has_variables_for_secrets() -> None:
    """One for each header, for the user of the URL and for the cookies of the login, each said what it holds."""
    assert repeated(secretive(), failed(7)).split(" \\\n  ") == [
        "curl --include https://preview.example.com/api/chatbots",
        "--max-time 10",
        "--header 'X-Api-Key: '\"$PREVIEW_X_API_KEY\"",
        "--header 'X-Tenant: '\"$PREVIEW_X_TENANT\"",
        '--user "$PREVIEW_USER"',
        '-b "$PREVIEW_LOGIN_COOKIE"',
        "--header 'Content-Type: application/json'",
        "--header 'X-Request-Id: smoke-r-7'",
        '--data-raw \'{"name": "smoke-r-7", "require_auth": false}\'',
    ]
    assert {v.name: v.holds for v in variables(secretive())} == {
        "PREVIEW_X_API_KEY": "the value of headers.X-Api-Key",
        "PREVIEW_X_TENANT": "the value of headers.X-Tenant",
        "PREVIEW_USER": "user:password of url, percent-decoded",
        "PREVIEW_LOGIN_COOKIE": "the cookies that the login at login.path sets, as name=value",
    }


def test_secrets_in_a_query_and_in_the_payload_are_variables_too(tmp_path: Path) -> None:
    """What sh makes of the command is what the run has sent; without the variables no secret is in it."""
    key, token = "t0p'secret-key", 'a "quoted" s3cret'
    api = {
        "create": "/api?kind=bot&api_key=q-s3cret-1",
        "payload": {"name": "{name}", "api_key": key, "a": {"pwd": token}},
    }
    of = environment(api=api)
    command = repeated(of, failed(7))
    assert not [secret for secret in ("q-s3cret-1", "t0p", "s3cret") if secret in command]
    assert {v.name: v.holds for v in variables(of)} == {
        "PREVIEW_API_KEY": "the value of api_key in the query of api.create",
        "PREVIEW_PAYLOAD_API_KEY": "the value of api.payload.api_key, as JSON spells it",
        "PREVIEW_PAYLOAD_A_PWD": "the value of api.payload.a.pwd, as JSON spells it",
    }
    values = {v.name: v.instead_of for v in variables(of)}
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n', encoding="utf-8")
    curl.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-c", command], env={"PATH": path, **values}, capture_output=True, text=True, check=True
    )
    words = done.stdout.split("\0")
    assert of.url_of(of.api.create) in words
    assert json.dumps(of.payload_for("smoke-r-7")) in words


def test_names_of_variables_are_different_and_never_the_shells_own() -> None:
    """Whatever the environment and its headers are called."""
    alike = environment(name="1 \u751f\u7523", headers={"X-A": "abcdefgh", "X_A": "abcdefgh", "X--A": "abcdefgh"})
    assert [v.name for v in variables(alike)] == ["SMOKE_X_A", "SMOKE_X_A_2", "SMOKE_X_A_3"]
    user = environment(name="__", url="https://u:password@h")
    assert [v.name for v in variables(user)] == ["SMOKE_USER"]


def test_a_shell_takes_the_command_as_it_is_meant(tmp_path: Path) -> None:
    """Run by sh with a curl that prints its arguments: quotes, dollars and backticks of ours start nothing."""
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n', encoding="utf-8")
    curl.chmod(0o755)
    odd = 'it\'s "$HOME" `id` \\ $(id) !! \u00e9'
    of = environment(
        headers={"X-'`$!": "s3cr3t 'x' $HOME"}, api={"create": "/a'b$c", "payload": {"name": "{name}", "x": odd}}
    )
    (variable,) = variables(of)
    done = subprocess.run(
        ["sh", "-c", repeated(of, ok(1))],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", variable.name: "s3cr3t 'x' $HOME"},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.split("\0")
    assert said[:2] == ["--include", "https://preview.example.com/a'b$c"]
    assert "X-'`$!: s3cr3t 'x' $HOME" in said
    assert json.loads(said[said.index("--data-raw") + 1]) == {"name": "smoke-r-1", "x": odd}


def test_a_saved_history_says_that_it_cannot_be_repeated() -> None:
    """It does not hold what was configured."""
    text = shown(verdict(check()), EnvironmentEvidence("preview", None, History.of("preview", [failed(1)])))
    assert "a saved history does not hold what was configured" in text
    assert "curl" not in text


# --- what must not be in it -------------------------------------------------------------------------------------------


def test_no_secret_stands_in_the_page() -> None:
    """However a server echoes it; the variable that stands for it does."""
    of = secretive()
    echo = " ".join([*SECRETS, *(f"<b>{secret}</b>" for secret in SECRETS)])
    sent = [failed(1, evidence=echo, error=echo), unanswered(2, error=echo)]
    left = [row_left(id=echo, reason=echo, remedy=echo)]
    said = verdict(check(want=echo, have=[echo], cause=echo, remedy=echo), left_behind=left, error=echo)
    evidence = EnvironmentEvidence(
        "preview", of, History.of("preview", sent), unavailable=echo, stored_unavailable=echo
    )
    assert SECRETS[0] in render(said, [evidence], FOLDER), "the attack reaches the page that masks nothing"
    html = render(said, [evidence], FOLDER, Redactor(secrets_of(of)))
    assert not [secret for secret in SECRETS if secret in html]
    assert "someone:" not in html
    assert "$PREVIEW_X_API_KEY" in html


def test_a_password_that_is_a_word_spoils_no_name() -> None:
    """Environment, URL, claims and POSTs stay what they are; it is masked only where it stands as a password."""
    masked = Redactor(["preview", "smoke", "token"])
    said = verdict(check(have=["preview smoke: password=smoke"]), environment={"posts": 2, "acknowledged": 1})
    text = read_page(render(said, [seen(ok(1), failed(2, evidence="preview"))], FOLDER, masked)).text
    assert "https://preview.example.com" in text
    assert "No two share a token" in text
    assert "smoke-r-2: 500" in text
    assert "preview smoke: password=***" in text


def test_nothing_that_a_server_sent_is_markup() -> None:
    """Elements and attributes are those of the same page with harmless texts."""
    read = read_page(hostile_page(FOLDER))
    assert read.text.count("<script>") > 20, "the texts are there, as text"
    assert "49" not in read.text.replace("7*7", ""), "and no template of ours reads them"
    assert "\x1b" not in read.text
    assert "\u202e" not in read.text


@pytest.mark.parametrize("name", ["pass", "fail", "dense", "unknown", "left behind", "configuration", "hostile"])
def test_every_page_is_well_formed(name: str) -> None:
    """Each tag closes in order, ids are unique, nothing in it runs or asks, one heading names it."""
    html = samples(FOLDER)[name]
    read = read_page(html)
    assert html.startswith("<!doctype html>")
    assert [tag for tag, _ in read.elements].count("h1") == 1
    assert ("html", {"lang": "en-GB"}) in read.elements


# --- written whatever happens -----------------------------------------------------------------------------------------


def test_the_page_is_for_its_owner_and_replaced_as_a_whole(tmp_path: Path) -> None:
    """An earlier page, of whatever mode, leaves nothing."""
    folder = tmp_path / "r"
    make_folder(folder)
    (folder / "report.html").write_text("x" * 500_000, encoding="utf-8")
    (folder / "report.html").chmod(0o644)
    write(verdict(check()), folder)
    assert (folder / "report.html").stat().st_mode & 0o777 == 0o600
    assert "FAIL" in read_page((folder / "report.html").read_text(encoding="utf-8")).text
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "summary.md", "verdict.json"]
    make_folder(folder)
    assert not (folder / "report.html").exists(), "no run can be told by another one's page"


def test_a_page_that_cannot_be_made_does_not_cost_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Jinja2 is missing, or what was seen cannot be gathered, a plain page says so, secrets masked."""

    def broken() -> list[EnvironmentEvidence]:
        raise RuntimeError("<b>s3cr3t-bearer</b>")

    write(verdict(check()), tmp_path, broken, Redactor(["s3cr3t-bearer"]))
    text = read_page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "FAIL Exit 1: roll back: the deployment is wrong." in text.replace("FAILFAIL", "FAIL ")
    assert "The page could not be made (RuntimeError: <b>***</b>)" in text
    monkeypatch.setitem(sys.modules, "jinja2", None)
    write(verdict(check()), tmp_path)
    assert "The page could not be made (ModuleNotFoundError" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert Verdict.model_validate_json((tmp_path / "verdict.json").read_bytes()) == verdict(check())


def test_a_lone_surrogate_does_not_cost_the_page(tmp_path: Path) -> None:
    """A server may have sent one as an escape in JSON."""
    write(
        verdict(check(have=["\ud800"])), tmp_path, lambda: [seen(ok(1, token="\ud800"), failed(2, evidence="\ud800"))]
    )
    assert "\\ud800" in read_page((tmp_path / "report.html").read_text(encoding="utf-8")).text


def test_the_compiled_template_is_kept_and_never_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that changes is compiled anew; a folder that cannot be written to costs nothing but time."""
    template = tmp_path / "report.html.j2"
    monkeypatch.setattr(page, "TEMPLATE", template)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    template.write_text("one", encoding="utf-8")
    assert render(verdict(), [], FOLDER) == "one", "there is no __pycache__ to write to"
    (tmp_path / "__pycache__").mkdir()
    assert render(verdict(), [], FOLDER) == "one"
    assert len(list((tmp_path / "__pycache__").iterdir())) == 1
    template.write_text("two", encoding="utf-8")
    assert render(verdict(), [], FOLDER) == "two"
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    template.write_text("three", encoding="utf-8")
    assert render(verdict(), [], FOLDER) == "three"


def test_the_page_costs_nothing_until_the_end() -> None:
    """Neither Jinja2 nor the page is imported with the gate."""
    code = (
        "import sys, harness.run.gate, harness.report.folder\n"
        "print(*[m for m in ('jinja2', 'harness.report.page') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def page_at(run: Run) -> str:
    """The text of a run's page, which is for its owner alone."""
    file = run.report_dir / "report.html"
    assert file.stat().st_mode & 0o777 == 0o600
    return read_page(file.read_text(encoding="utf-8")).text


def test_a_run_that_passes_shows_what_it_saw(healthy: Deployment, tmp_path: Path) -> None:
    """And its saved history, judged again, shows the same POSTs."""
    run = run_gate(tmp_path, [healthy])
    assert run.exit_code == 0, run.out
    text = page_at(run)
    assert "PASS Release." in text
    assert "11 acknowledged in" in text
    assert "22 of 31 claims asked" in text
    assert "Postgres makes the token: proved" in text[: text.index("exit 0")]
    assert "Returned tokens: 19; bits of fewer than 100 tokens show nothing." in text
    judged = run_harness(
        "judge", str(run.report_dir / "history.jsonl"), "--report-dir", str(tmp_path / "j"), report_dir=tmp_path / "j"
    )
    assert judged.exit_code == 0, judged.out
    again = page_at(judged)
    assert "11 acknowledged in" in again
    assert "Stored tokens: none to show (judged from a saved history, nothing was asked)." in again


def test_a_run_that_fails_shows_how_to_repeat_it(postgres: Postgres, tmp_path: Path) -> None:
    """A secret header is a variable of the command, and its value nowhere in the page."""
    with deployed(postgres, "answers_500_on_every_third", name="preview") as broken:
        run = run_gate(tmp_path, [broken], headers={"X-Api-Key": SECRETS[0]})
    assert run.exit_code == 1, run.out
    html = (run.report_dir / "report.html").read_text(encoding="utf-8")
    assert SECRETS[0] not in html
    text = page_at(run)
    assert "FAIL Roll back: the deployment is wrong." in text
    assert f"curl --include {broken.url}/api/chatbots" in text
    assert '"$PREVIEW_X_API_KEY"' in text
    assert "$PREVIEW_X_API_KEY the value of headers.X-Api-Key" in text.replace("KEYthe", "KEY the")


def test_rows_that_are_kept_are_listed(healthy: Deployment, tmp_path: Path) -> None:
    """Exit 76, without a database to look into."""
    run = run_gate(tmp_path, [healthy], database=None, cleanup="keep")
    assert run.exit_code == 76, run.out
    text = page_at(run)
    assert "PASS Release, then clean up the rows that may be left; 13 claims are waived." in text
    assert "22 rows of this run may be left behind" in text
    assert "Stored tokens: none to show (database: null)." in text


def test_a_run_that_sends_nothing_says_so(healthy: Deployment, tmp_path: Path) -> None:
    """With --read-only: the stored tokens are shown, POSTs are not."""
    run = run_gate(tmp_path, [healthy], "--read-only")
    text = page_at(run)
    assert "No POST was sent: --read-only sends no POST." in text
    assert "Stored tokens: " in text


def test_a_run_that_could_not_tell_says_what_stood_in_the_way(healthy: Deployment, tmp_path: Path) -> None:
    """Nothing listens: the cause stands where the POSTs would."""
    run = run_gate(tmp_path, [healthy], url="http://127.0.0.1:9", ready={"timeout_s": 0.5})
    assert run.exit_code == 75, run.out
    text = page_at(run)
    assert "COULD NOT TELL Hold: fix the setup and run again." in text
    assert "No POST was sent: " in text
    assert "http://127.0.0.1:9" in text


def test_a_run_that_could_not_begin_has_a_page(tmp_path: Path) -> None:
    """A mistake of the configuration, and a selection that selects nothing."""
    file = write_environments(tmp_path / "e.yaml", {}, preview={"url": "${NOT_SET_ANYWHERE}", "database": None})
    run = run_pytest(tmp_path / "r", "--environments", str(file))
    assert run.exit_code == 4
    text = page_at(run)
    assert "COULD NOT TELL Hold: fix the command line or the configuration; nothing was sent." in text
    assert "NOT_SET_ANYWHERE" in text
    file = write_environments(tmp_path / "e.yaml", {}, preview={"url": "http://127.0.0.1:9", "database": None})
    run = run_pytest(tmp_path / "r", "--environments", str(file), "-k", "no_such_check")
    assert run.exit_code == 5
    assert "Hold: no check was selected." in page_at(run)


def test_a_run_that_broke_down_shows_what_is_on_disk(tmp_path: Path) -> None:
    """An examination without a result: the history says which POSTs left."""
    from harness.run.gate import Gate
    from harness.run.settings import RunSettings

    gate = Gate(RunSettings("r", [environment(database=None)], tmp_path))
    gate._ledger = Ledger(tmp_path / "history.jsonl")
    gate._ledger.run("r", {"preview": {"url": "http://h"}})
    gate._ledger.intend("preview", [(1, "smoke-r-1", "sequence", ["smoke-r-1"])])
    (evidence,) = gate.evidence()
    assert evidence.history is not None
    assert [a.problem for a in evidence.history.attempts] == [Problem.NOT_RECORDED]
    assert page_of(verdict(), [evidence], FOLDER).environments[0].phases[0].untimed == 1
    assert HOSTILE not in evidence.unavailable


def test_pictures_of_the_documentation_are_small() -> None:
    """`python -m tools.screenshots` makes them anew."""
    pictures = list((ROOT / "docs" / "images").glob("*.png"))
    assert len(pictures) == 3
    assert all(picture.stat().st_size < 150_000 for picture in pictures)
    shown = "".join((ROOT / path).read_text(encoding="utf-8") for path in ("README.md", "docs/verdict.md"))
    assert all(f"images/{picture.name}" in shown for picture in pictures)
