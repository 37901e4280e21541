"""The real command, as its users type it: options, mistakes, narrowing, what is left behind, what is never printed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import jsonschema
import psycopg
import pytest

from rehearsal.deployment.start import deployed
from rehearsal.faults.catalogue import ON_DEMAND
from tests.support.gates import ABOUT_SOURCE, entry, run_command, run_gate, run_harness, run_pytest, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

AS_INSTALLED = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "", "PYTEST_PLUGINS": ""}
DEAD = {"url": "http://127.0.0.1:1", "database": "postgresql://app@127.0.0.1:1/none"}


def stored_names(deployment: Deployment) -> set[str]:
    """The names of this harness that are stored in a deployment."""
    with psycopg.connect(deployment.database) as connection:
        rows = connection.execute("select name from chatbots where name like 'smoke-%'")
        return {name for (name,) in rows}


def test_healthy_pair_is_released(tmp_path: Path, healthy_pair: list[Deployment]) -> None:
    """Every claim holds on both environments, the rows of the run are gone, the exit code is 0, and it is soon said."""
    run = run_gate(tmp_path, healthy_pair)
    assert run.exit_code == 0, run.out
    assert run.verdict["verdict"] == "pass"
    for deployment in healthy_pair:
        outcomes = run.outcomes(deployment.name)
        uncovered = {"revision_is_the_one_deployed", *ON_DEMAND, *ABOUT_SOURCE}
        assert {check for check, outcome in outcomes.items() if outcome != "pass"} == uncovered
        assert stored_names(deployment) == set()
    said = run.out.splitlines()
    assert len(said) <= 15
    assert said[0] == "proved       Postgres makes the token: preview, production"
    assert run.out.count(" claims hold; 19 of 19 POSTs acknowledged; 22 rows removed") == 2
    assert said[-2:] == [f"reports: {run.report_dir}", "verdict: PASS (exit 0: release)"]


def test_fixtures_hand_over_the_same(tmp_path: Path, healthy_pair: list[Deployment]) -> None:
    """With `--setup-show`, which sets up every fixture to show it, each claim comes to what it comes to without."""
    run = run_gate(tmp_path, healthy_pair, "--setup-show")
    assert run.exit_code == 0, run.out
    assert "SETUP    F history" in run.out
    uncovered = {"revision_is_the_one_deployed", *ON_DEMAND, *ABOUT_SOURCE}
    for deployment in healthy_pair:
        outcomes = run.outcomes(deployment.name)
        assert {check for check, outcome in outcomes.items() if outcome != "pass"} == uncovered


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], []),
        (
            ["-v"],
            ["test session starts", "PASSED", "generated xml file", "bounds the rate of failing POSTs below 15 %"],
        ),
        (["--tb=long"], ["= FAILURES ="]),
        (["-rA"], ["short test summary info"]),
        (["--durations=1"], ["slowest"]),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) and words[:1] and words[0][0] == "-" else "",
)
def test_pytest_says_of_itself_what_it_was_asked_to(
    tmp_path: Path, healthy: Deployment, arguments: list[str], shown: list[str]
) -> None:
    """No header, letter, percentage or count, unless an option of its own asks for them; the verdict stays."""
    budget = {"latency_p95_ms": 0.001} if "--tb=long" in arguments else {}
    run = run_gate(tmp_path, [healthy], *arguments, **budget)
    assert all(text in run.out for text in shown), run.out
    of_pytest = (
        "test session starts",
        "collected",
        "%]",
        "generated xml file",
        "skipped in",
        "passed in",
        " FAILURES ",
    )
    if "-v" not in arguments:
        assert not [text for text in of_pytest if text in run.out and text.strip() not in "".join(shown)], run.out
    assert "verdict: " in run.out


def test_quiet_is_three_lines(tmp_path: Path, healthy_pair: list[Deployment]) -> None:
    """What holds, the reports, the verdict."""
    run = run_gate(tmp_path, healthy_pair, "-q")
    held = {name: list(run.outcomes(name).values()).count("pass") for name in ("preview", "production")}
    known = "; ".join(f"{name}: PASS, {number} of {number} claims hold" for name, number in held.items())
    assert run.out.splitlines() == [
        f"{known}; 44 rows removed",
        f"reports: {run.report_dir}",
        "verdict: PASS (exit 0: release)",
    ]
    assert run.err == ""


def test_reports_are_written_for_their_owner(tmp_path: Path, healthy: Deployment) -> None:
    """verdict.json follows its published schema, junit.xml is XML, and nobody else may read them."""
    run = run_gate(tmp_path, [healthy], "-q")
    schema = run_harness("schema", "verdict").out
    jsonschema.validate(run.verdict, json.loads(schema))
    assert ET.parse(run.report_dir / "junit.xml").getroot().tag == "testsuites"
    assert "chatbots smoke: PASS" in (run.report_dir / "summary.md").read_text()
    assert (run.report_dir / "history.jsonl").read_text().count('"record":"attempt"') == 22
    assert run.report_dir.stat().st_mode & 0o077 == 0
    for name in ("verdict.json", "summary.md", "history.jsonl", "junit.xml"):
        assert (run.report_dir / name).stat().st_mode & 0o077 == 0, name


# --- mistakes of the user -------------------------------------------------------------------------------------------


def test_unset_variable_names_everything(tmp_path: Path) -> None:
    """Exit 4 and one message: the file, the key, the variable, how to set it, and the rehearsal as the way to try."""
    run = run_pytest(tmp_path / "report", "--env", "preview")
    assert run.exit_code == 4
    for part in ("environments.yaml", "environments.preview.url", "PREVIEW_URL is not set", "export", "make smoke"):
        assert part in run.err
    assert run.verdict["exit_code"] == 4
    assert run.verdict["verdict"] == "unknown"
    assert "PREVIEW_URL" in run.verdict["error"]
    assert "Traceback" not in run.out + run.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--env", "prevew"], "there is no environment 'prevew' (did you mean 'preview'?)"),
        (["--posts", "0"], "--posts: must be greater than or equal to 1"),
        (["--burst", "-1"], "--burst: must be greater than or equal to 0"),
        (["--posts", "many"], "--posts: must be a valid integer"),
        (["--revision", "abc1234"], "environments.preview.ready.revision: --revision needs to know the field"),
        (["--environments", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
        (["-p", "xdist", "-n", "2"], "pytest-xdist is refused"),
        (["checks", "tests/gate/test_command_line.py"], "checks and tests cannot be run together"),
    ],
)
def test_mistake_on_the_command_line_sends_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit 4 and a message that says what is wrong; no traceback."""
    environ = {"PREVIEW_URL": DEAD["url"], "PREVIEW_POSTGRES_URL": DEAD["database"]}
    run = run_pytest(tmp_path / "report", *arguments, **environ)
    assert run.exit_code == 4, run.out + run.err
    assert said in run.err
    assert "Traceback" not in run.out + run.err
    assert (run.verdict["exit_code"], run.verdict["verdict"]) == (4, "unknown")
    assert said in run.verdict["error"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["-k", "colum_is_uuid"], 5, "no check was selected by -k 'colum_is_uuid'; the nearest are column_is_uuid, "),
        (["-k", "stored and not nul", "-m", "preflight"], 5, "no check was selected by -k 'stored and not nul' -m "),
        (["checks/test_no_such_file.py"], 4, "file or directory not found: checks/test_no_such_file.py"),
        (["checks/test_latency.py::test_no_such_check"], 4, "not found: "),
    ],
)
def test_run_that_could_not_select_writes_a_verdict(
    tmp_path: Path, arguments: list[str], exit_code: int, said: str
) -> None:
    """Whatever pytest ends with, the report folder says so, and nothing was sent."""
    environ = {"PREVIEW_URL": DEAD["url"], "PREVIEW_POSTGRES_URL": DEAD["database"]}
    run = run_pytest(tmp_path / "report", *arguments, **environ)
    assert (run.exit_code, run.verdict["exit_code"], run.verdict["verdict"]) == (exit_code, exit_code, "unknown")
    assert said in run.verdict["error"]
    assert not (run.report_dir / "history.jsonl").exists()


def test_report_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Exit 4 with the reason, before anything is sent."""
    (tmp_path / "taken").write_text("")
    run = run_pytest(tmp_path / "taken", PREVIEW_URL=DEAD["url"], PREVIEW_POSTGRES_URL=DEAD["database"])
    assert run.exit_code == 4
    assert "the report folder" in run.err
    assert "cannot be made" in run.err


def test_file_outside_of_the_checkout_is_read(tmp_path: Path, healthy: Deployment) -> None:
    """An option's value that is a path elsewhere does not root pytest there, in either spelling of the option."""
    file = write_environments(tmp_path / "elsewhere.yaml", {}, preview=entry(healthy))
    for option in (["--environments", str(file)], [f"--environments={file}"]):
        run = run_pytest(tmp_path / "report", *option, "-k", "column_is_uuid", **AS_INSTALLED)
        assert run.exit_code == 0, run.out + run.err


def test_listings_need_no_deployment(tmp_path: Path) -> None:
    """`--help` shows the options and `--collect-only` the checks, with nothing configured."""
    run = run_pytest(tmp_path / "report", "--help")
    assert run.exit_code == 0
    assert "--environments=FILE" in run.out
    run = run_pytest(tmp_path / "report", "--collect-only", "-q")
    assert run.exit_code == 0
    assert "test_column_is_uuid[preview]" in run.out
    assert not (tmp_path / "report").exists()


# --- narrowed runs ----------------------------------------------------------------------------------------------------


def test_narrowed_run_touches_only_what_it_needs(tmp_path: Path, healthy: Deployment) -> None:
    """A check of the catalog sends no request at all, and the verdict names the claims that were left out."""
    file = write_environments(tmp_path / "e.yaml", {}, preview={**entry(healthy), "url": DEAD["url"]})
    run = run_pytest(tmp_path / "report", "--environments", str(file), "-k", "column_is_uuid")
    assert run.exit_code == 0, run.out
    assert run.outcomes("preview") == {"column_is_uuid": "pass"}
    assert "every_post_answers_201" in run.verdict["left_out"]
    assert re.search(r"^not selected +\w", run.out, re.MULTILINE)


def test_read_only_sends_no_post(tmp_path: Path, healthy: Deployment) -> None:
    """Schema and stored tokens are judged, the claims about POSTs are not covered, and the sequence stands still."""
    with psycopg.connect(healthy.database) as connection:
        before = connection.execute("select last_value from chatbots_id_seq").fetchone()
        run = run_gate(tmp_path, [healthy], "--read-only")
        after = connection.execute("select last_value from chatbots_id_seq").fetchone()
    assert before == after
    assert run.exit_code == 0, run.out
    assert run.check("every_post_answers_201")["outcome"] == "not_covered"
    assert run.check("every_post_answers_201")["cause"] == "--read-only sends no POST"
    assert run.check("stored_tokens_are_distinct")["outcome"] == "pass"


def test_read_only_without_a_database_is_no_pass(tmp_path: Path, healthy: Deployment) -> None:
    """Where nothing but the ready page could be asked, the run could not tell."""
    run = run_gate(tmp_path, [healthy], "--read-only", database=None)
    assert run.exit_code == 75, run.out


def test_no_check_selected(tmp_path: Path, healthy: Deployment) -> None:
    """pytest's own exit code for nothing collected stays, and the verdict is no pass."""
    run = run_gate(tmp_path, [healthy], "-k", "nothing_of_this_name")
    assert run.exit_code == 5
    assert run.verdict["exit_code"] == 5
    assert run.verdict["verdict"] == "unknown"


def test_stop_at_the_first_failure(tmp_path: Path, postgres: Postgres) -> None:
    """`-x` keeps working: later claims are not judged, they are named, and the rows are still removed."""
    with deployed(postgres, "answers_200") as deployment:
        run = run_gate(tmp_path, [deployment], "-x")
        assert run.exit_code == 1
        assert "tokens_are_version_4" in run.verdict["left_out"]
        assert stored_names(deployment) == set()


# --- what is left behind ----------------------------------------------------------------------------------------------


def test_kept_rows_are_listed(tmp_path: Path, healthy: Deployment) -> None:
    """`cleanup: keep` leaves the rows, lists each, and exits 76."""
    run = run_gate(tmp_path, [healthy], cleanup="keep")
    assert run.exit_code == 76, run.out
    assert {row["name"] for row in run.verdict["left_behind"]} == stored_names(healthy)
    assert len(run.verdict["left_behind"]) == 22
    assert "may be left behind: preview smoke-" in run.out


def test_without_a_database_the_rows_are_listed(tmp_path: Path, healthy: Deployment) -> None:
    """`database: null` waives the claims about the database, says so in the headline, and cannot clean up: exit 76."""
    run = run_gate(tmp_path, [healthy], database=None)
    assert run.exit_code == 76, run.out
    assert run.check("column_is_uuid")["outcome"] == "waived"
    assert run.check("column_is_uuid")["cause"] == "database: null"
    waived = run.verdict["coverage"]["waived"]
    assert (
        f"verdict: PASS (exit 76: release, then clean up the rows that may be left; {waived} claims are waived)"
        in run.out
    )
    assert len(run.verdict["left_behind"]) == 22


@pytest.mark.parametrize("with_database", [True, False])
def test_clean_up_by_api(tmp_path: Path, healthy: Deployment, with_database: bool) -> None:
    """`cleanup: api` deletes through the app; with a database it looks whether the rows are gone."""
    settings: dict[str, Any] = {"cleanup": "api", "api": {"delete": "/api/chatbots/{id}"}}
    if not with_database:
        settings["database"] = None
    run = run_gate(tmp_path, [healthy], **settings)
    assert run.exit_code == 0, run.out
    assert stored_names(healthy) == set()


def test_rows_that_cannot_be_deleted_are_listed(tmp_path: Path, healthy: Deployment) -> None:
    """Where other rows refer to the run's, nothing is deleted and the reason is given: exit 76."""
    with psycopg.connect(healthy.database, autocommit=True) as connection:
        connection.execute("create table setting (chatbot int references chatbots (id))")
        connection.execute(
            "create function remember() returns trigger language plpgsql as "
            "$$ begin insert into setting values (new.id); return new; end $$"
        )
        connection.execute("create trigger remember after insert on chatbots for each row execute function remember()")
    run = run_gate(tmp_path, [healthy])
    assert run.exit_code == 76, run.out
    assert "other rows refer to them (23503" in run.verdict["left_behind"][0]["reason"]


def test_cleanup_command_finishes_what_was_left(tmp_path: Path, healthy: Deployment) -> None:
    """`python -m harness cleanup` removes the rows of a history, spares all others, and may be repeated."""
    with psycopg.connect(healthy.database, autocommit=True) as connection:
        connection.execute("insert into chatbots (name) values ('smoke-somebody-else-1')")
    run_gate(tmp_path, [healthy], cleanup="keep")
    write_environments(tmp_path / "environments.yaml", {}, preview=entry(healthy))
    command = [
        "cleanup",
        str(tmp_path / "report" / "history.jsonl"),
        "--environments",
        str(tmp_path / "environments.yaml"),
    ]
    first = run_harness(*command)
    assert (first.exit_code, first.err) == (0, "")
    assert "22 rows removed, 0 may be left behind" in first.out
    assert stored_names(healthy) == {"smoke-somebody-else-1"}
    again = run_harness(*command)
    assert again.exit_code == 0
    assert "0 rows removed, 0 may be left behind" in again.out


# --- saved histories --------------------------------------------------------------------------------------------------


def test_judge_repeats_the_verdict_offline(tmp_path: Path, postgres: Postgres) -> None:
    """A saved history is judged by the same checks, with the deployment gone."""
    with deployed(postgres, "reuses_token") as deployment:
        run_gate(tmp_path, [deployment])
    folder = tmp_path / "judged"
    history = str(tmp_path / "report" / "history.jsonl")
    judged = run_harness("judge", history, "--report-dir", str(folder), report_dir=folder)
    assert judged.exit_code == 1, judged.out
    assert judged.check("tokens_are_distinct")["outcome"] == "fail"
    assert judged.check("column_is_uuid")["outcome"] == "not_covered"


def test_judge_prints_its_verdict_as_json(tmp_path: Path, healthy: Deployment) -> None:
    """And nothing else; without a report folder of its own none is left."""
    run = run_gate(tmp_path, [healthy], "-k", "every_post")
    judged = run_harness("judge", str(run.report_dir / "history.jsonl"), "--json")
    verdict = json.loads(judged.out)
    assert (judged.exit_code, verdict["verdict"], verdict["schema"]) == (0, "pass", "chatbots-smoke/verdict/1")
    assert json.loads(run_harness("schema", "verdict", "--json").out)["title"] == "Verdict"


def test_judge_refuses_what_is_no_history(tmp_path: Path) -> None:
    """A file of another kind is refused by name and line, exit 4."""
    (tmp_path / "history.jsonl").write_text("not JSON\n")
    done = run_harness("judge", str(tmp_path / "history.jsonl"), "--report-dir", str(tmp_path / "judged"))
    assert done.exit_code == 4
    assert "history.jsonl: line 1" in done.err


@pytest.mark.parametrize("command", [["plan"], ["plan", "--json"], ["schema", "verdict"], ["runs"]], ids=" ".join)
@pytest.mark.parametrize("where", ["full", "closed"])
def test_other_commands_whose_output_nobody_takes_end_as_they_would(
    tmp_path: Path, command: list[str], where: str
) -> None:
    """A full disk or a closed pipe behind stdout is no traceback and no exit 1."""
    file = write_environments(tmp_path / "e.yaml", {}, preview={"url": "http://127.0.0.1:1", "database": None})
    options = {"plan": ["--environments", str(file)], "runs": ["--runs", str(tmp_path / "runs.sqlite")]}
    line = shlex.join([sys.executable, "-m", "harness", *command, *options.get(command[0], [])])
    sink = "> /dev/full" if where == "full" else "| true"
    done = run_command(["bash", "-o", "pipefail", "-c", f"{line} {sink}"], tmp_path)
    assert done.exit_code == (4 if command == ["runs"] else 0), done.err
    assert "Traceback" not in done.err


# --- surroundings -----------------------------------------------------------------------------------------------------


def test_job_summary_and_junit_file(tmp_path: Path, healthy: Deployment) -> None:
    """The summary is appended to a job's page, and `--junitxml` writes where it is told and into the report."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    run = run_pytest(
        tmp_path / "report",
        *("--environments", str(file), f"--junitxml={tmp_path / 'out.xml'}"),
        GITHUB_STEP_SUMMARY=str(page),
    )
    assert run.exit_code == 0, run.out
    assert re.match(r"before\n## chatbots smoke: PASS", page.read_text())
    assert (run.report_dir / "junit.xml").read_bytes() == (tmp_path / "out.xml").read_bytes()


def test_could_not_tell_is_an_error_and_wrong_a_failure_in_junit(tmp_path: Path, postgres: Postgres) -> None:
    """JUnit readers see a wrong deployment as failures and what could not be told as errors."""
    with deployed(postgres, "answers_200") as deployment:
        run = run_gate(tmp_path, [deployment])
    suite = ET.parse(run.report_dir / "junit.xml").getroot()[0]
    outcomes = list(run.outcomes("preview").values())
    assert int(suite.get("failures", "")) == outcomes.count("fail")
    assert int(suite.get("errors", "")) == outcomes.count("unknown")
    assert int(suite.get("skipped", "")) == outcomes.count("not_covered")
    assert int(suite.get("tests", "")) == len(outcomes)


def test_no_secret_is_printed_or_written(tmp_path: Path, healthy: Deployment) -> None:
    """Neither the terminal nor any report holds a password, a header's or a login's value."""
    canaries = {"header": "canary-header-5db1", "password": "canary-pass-5db2", "user": "canary-user-5db3"}
    settings: dict[str, Any] = {
        "url": healthy.url.replace("http://", f"http://{canaries['user']}:{canaries['password']}@"),
        "database": f"postgresql://app:{canaries['password']}@127.0.0.1:1/none",
        "headers": {"Authorization": f"Bearer {canaries['header']}"},
    }
    # All others would end in the same errors.
    few = ["-k", "every_post or stored_tokens_are_random"]
    run = run_gate(tmp_path, [healthy], "-vv", "--tb=long", "--showlocals", *few, **settings)
    assert run.exit_code == 75, run.out
    texts = [run.out, run.err, *(path.read_text() for path in run.report_dir.iterdir())]
    for secret in canaries.values():
        assert not any(secret in text for text in texts), secret


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_healthy_rehearsal_is_asked_all_there_is_to_ask(tmp_path: Path) -> None:
    """`make smoke`: revision, latency, probes, the app's statements and its source, on both deployments."""
    run = run_command(["make", "smoke", f"ARGS=--report-dir {tmp_path}"], tmp_path)
    assert run.exit_code == 0, run.out
    for name in ("preview", "production"):
        assert set(run.outcomes(name).values()) == {"pass"}, run.out
    assert len(run.out.splitlines()) <= 15
    assert run.out.count("31 of 31 claims hold") == 2
    assert "verdict: PASS (exit 0: the rehearsal holds; it is not a real deployment)" in run.out


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
@pytest.mark.parametrize("word", ["fault=reuses_token", "Fault=x", "FAULTS=reuses_token"])
def test_make_refuses_a_variable_that_would_change_nothing(tmp_path: Path, word: str) -> None:
    """What breaks nothing would pass, and look like a harness that catches nothing."""
    run = run_command(["make", "smoke", word], tmp_path)
    assert run.exit_code == 2
    assert run.out == ""
    assert f"there is no variable {word.partition('=')[0]}; make knows FAULT " in run.err


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_broken_rehearsal_is_shown_by_make(tmp_path: Path) -> None:
    """`make smoke FAULT=..` shows a failure that a newcomer understands; make itself reports the gate's exit 1."""
    run = run_command(["make", "smoke", "FAULT=default_is_constant", f"ARGS=--report-dir {tmp_path}"], tmp_path)
    assert "verdict: FAIL (exit 1: roll back: the deployment is wrong)" in run.out
    assert run.verdict["exit_code"] == 1
    assert re.search(r"make: \*\*\* .*smoke.* 1$", run.err, re.MULTILINE)


def test_keys_that_a_fault_needs_are_said_and_show_it(tmp_path: Path) -> None:
    """A fault that the usual file passes is no riddle: with the keys that are printed it fails."""
    rehearse = [sys.executable, "-m", "rehearsal", "--fault", "is_slow", "--", sys.executable, "-m", "pytest"]
    usual = run_command([*rehearse, "--report-dir", str(tmp_path / "usual")], tmp_path / "usual")
    assert usual.exit_code == 0, usual.out
    said = re.search(
        r"^rehearsal: the catalogue's outcome is that with (.*) in environments\.yaml$", usual.err, re.MULTILINE
    )
    assert said is not None
    needed = json.loads(said[1])["defaults"]
    preview = {"url": "${PREVIEW_URL}", "database": "${PREVIEW_POSTGRES_URL}"}
    file = write_environments(tmp_path / "e.yaml", needed, preview=preview)
    report = tmp_path / "shown"
    shown = run_command([*rehearse, "--environments", str(file), "--report-dir", str(report)], report)
    assert shown.exit_code == 1, shown.out
    assert shown.check("latency_is_within_budget")["outcome"] == "fail"
