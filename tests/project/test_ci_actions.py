"""The action and the workflows of GitHub: their shell is run here on real deployments, and their form is linted.

Steps with `uses:` download an action from GitHub, which cannot be done here; they are held to being pinned.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rehearsal.deployment.start import deployed
from tests.support.gates import ROOT, entry, write_environments
from tests.support.steps import Action, Ending, checkout, document, rows_of, secrets_for, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = [ROOT / "action.yml", *WORKFLOWS]
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
LINTER = Path(sys.executable).with_name("jactionlint")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout of the harness, as a job has one."""
    return checkout(tmp_path / "work")


def acted(workspace: Path, secrets: dict[str, str], end: Ending | None = None, **given: str) -> Action:
    """The action, run with this Python; `read_only="true"` is the input `read-only`."""
    inputs = {name.replace("_", "-"): value for name, value in given.items()}
    return Action(workspace, secrets, inputs, end, python=sys.executable).run()


def with_settings(workspace: Path, deployment: Deployment, **settings: Any) -> dict[str, str]:
    """Another environments file in the workspace; returns the input that names it."""
    write_environments(workspace / "own.yaml", {}, preview=entry(deployment, **settings))
    return {"environments_file": "own.yaml"}


# --- what becomes of exit codes ---------------------------------------------------------------------------------------


def test_a_healthy_deployment_passes(workspace: Path, healthy: Deployment) -> None:
    """Exit 0; the outputs say so, the summary is on the job's page, no row is left, and nothing is annotated."""
    done = acted(workspace, secrets_for(healthy))
    assert done.exit_code == 0, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("pass", "0")
    verdict = json.loads((Path(done.outputs["report-dir"]) / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["exit_code"] == 0
    assert "chatbots smoke: PASS" in done.summary
    assert not re.search(r"^::", done.log, re.MULTILINE)
    assert rows_of(healthy) == 0


def test_the_gate_installs_from_its_lock_alone(workspace: Path, healthy: Deployment) -> None:
    """The step that installs, run for real: what requirements/gate.txt names is enough for a gate."""
    # Compiling all that is installed takes longer than what is run of it.
    done = Action(workspace, {**secrets_for(healthy), "PIP_NO_COMPILE": "1"}).run()
    if re.search(r"NewConnectionError|Temporary failure in name resolution|ConnectTimeout|ProxyError", done.log):
        pytest.skip("no package index is to be reached from here")
    assert done.exit_code == 0, done.log
    assert done.outputs["verdict"] == "pass"
    assert done.steps["prepare"]["outputs"]["python"].startswith(str(workspace))


def test_a_checkout_of_the_app_is_checked_too(workspace: Path, healthy: Deployment) -> None:
    """`source` is seen from the workspace; the verdict is about the source as well."""
    shutil.copytree(ROOT / "rehearsal", workspace / "app")
    done = acted(workspace, secrets_for(healthy), source="app")
    assert done.exit_code == 0, done.log
    verdict = json.loads((Path(done.outputs["report-dir"]) / "verdict.json").read_text(encoding="utf-8"))
    outcomes = {check["id"]: check["outcome"] for check in verdict["checks"]}
    assert outcomes["source_insert"] == "pass"


def test_a_wrong_deployment_fails_with_the_gates_code(workspace: Path, postgres: Postgres) -> None:
    """Exit 1, annotated, and none of the inputs makes it pass."""
    with deployed(postgres, "answers_200") as deployment:
        lenient: dict[str, Any] = {"hold_is_failure": "false", "left_behind_is_failure": "false"}
        done = acted(workspace, secrets_for(deployment), **lenient)
    assert done.exit_code == 1, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("fail", "1")
    assert "\n::error title=[preview] Every POST returns 201" in done.log


@pytest.mark.parametrize(("hold_is_failure", "exit_code"), [("true", 75), ("false", 0)])
def test_could_not_tell_is_the_callers_choice(workspace: Path, hold_is_failure: str, exit_code: int) -> None:
    """By default it fails the step, by 75; either way the outputs tell it from a wrong deployment."""
    write_environments(workspace / "own.yaml", {"ready": {"timeout_s": 1}}, preview={"url": "http://127.0.0.1:1"})
    text = (workspace / "own.yaml").read_text(encoding="utf-8")
    (workspace / "own.yaml").write_text(text + "    database: null\n", encoding="utf-8")
    done = acted(workspace, {}, environments_file="own.yaml", hold_is_failure=hold_is_failure)
    assert done.exit_code == exit_code, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("unknown", "75")


@pytest.mark.parametrize(("left_behind_is_failure", "exit_code"), [("false", 0), ("true", 76)])
def test_rows_left_behind_are_the_callers_choice(
    workspace: Path, healthy: Deployment, left_behind_is_failure: str, exit_code: int
) -> None:
    """By default it passes, since all claims hold; the outputs say 76, and the clean-up is tried once more."""
    given: dict[str, Any] = with_settings(workspace, healthy, cleanup="keep")
    done = acted(workspace, {}, **given, left_behind_is_failure=left_behind_is_failure)
    assert done.exit_code == exit_code, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("pass", "76")
    assert "22 may be left behind" in done.log


def test_a_mistake_of_the_configuration_fails_by_4(workspace: Path) -> None:
    """Whatever the inputs tolerate."""
    done = acted(workspace, {}, hold_is_failure="false")
    assert done.exit_code == 4, done.log
    assert done.outputs["exit-code"] == "4"
    assert "PREVIEW_URL is not set" in done.log


def test_an_install_that_fails_releases_nothing(workspace: Path, healthy: Deployment) -> None:
    """There is no verdict, so that the last step fails too; nothing was sent."""
    (workspace / "requirements" / "gate.txt").write_text("pytest==9.9.9 --hash=sha256:" + "0" * 64, encoding="utf-8")
    done = Action(workspace, {**secrets_for(healthy), "PIP_NO_INDEX": "1"}).run()
    assert done.exit_code == 1, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("", "3")
    assert done.ran == ["Install the gate", "Clean up what the run left", "Conclude"]


def test_a_gate_that_ends_otherwise_than_it_says_releases_nothing(workspace: Path, healthy: Deployment) -> None:
    """Its verdict says release, but the process failed after it was written."""
    with (workspace / "conftest.py").open("a", encoding="utf-8") as file:
        file.write("\n\ndef pytest_unconfigure():\n    os._exit(9)\n")
    done = acted(workspace, secrets_for(healthy))
    assert done.exit_code == 3, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("", "3")


def test_inputs_become_options(workspace: Path, healthy_pair: list[Deployment]) -> None:
    """Several environments, numbers of POSTs and `read-only`; a name that is a pattern or an option stays a name."""
    secrets = secrets_for(healthy_pair[0]) | secrets_for(healthy_pair[1], "PRODUCTION")
    done = acted(workspace, secrets, environments="preview\n production", posts="1", burst="11")
    assert done.exit_code == 0, done.log
    verdict = json.loads((Path(done.outputs["report-dir"]) / "verdict.json").read_text(encoding="utf-8"))
    assert [(e["name"], e["posts"]) for e in verdict["environments"]] == [("preview", 12), ("production", 12)]
    done = acted(workspace, secrets, read_only="true")
    assert "--read-only sends no POST" in done.log
    for hostile in ("*", "--collect-only", "$(touch made)", "x;touch made"):
        done = acted(workspace, secrets, environments=hostile)
        assert done.exit_code == 4, done.log
        assert "there is no environment" in done.log
    assert not list(workspace.rglob("made"))


# --- a run that is ended ----------------------------------------------------------------------------------------------


@pytest.fixture
def slow(postgres: Postgres) -> Iterator[Deployment]:
    """A deployment whose run lasts long enough to be ended."""
    with deployed(postgres, variant="slow_within_budget") as deployment:
        yield deployment


def test_a_cancelled_run_cleans_up_itself(workspace: Path, slow: Deployment) -> None:
    """The runner signals the step's own process: that is the gate, and no shell in between that keeps it to itself."""
    given = with_settings(workspace, slow, posts=200)
    done = acted(workspace, {}, Ending(signal.SIGINT, slow.database), **given)
    assert done.exit_code == 2, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("unknown", "2")
    assert rows_of(slow) == 0


def test_a_killed_run_is_cleaned_up_after(workspace: Path, slow: Deployment) -> None:
    """Nothing has said what it left: the step that runs always removes it, and the job has failed."""
    given = with_settings(workspace, slow, posts=200)
    done = acted(workspace, {}, Ending(signal.SIGKILL, slow.database), **given)
    assert done.exit_code == 2, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("", "2")
    assert re.search(r"run \S+, preview: [1-9]\d* rows removed", done.log)
    assert rows_of(slow) <= 1  # the POST that was under way may be stored after the clean-up has looked


# --- the workflow's own step ------------------------------------------------------------------------------------------


def chosen(folder: Path, **environ: str) -> dict[str, str]:
    """The outputs of the step that chooses, for what the event says."""
    (step,) = [s for s in document(".github/workflows/smoke.yml")["jobs"]["smoke"]["steps"] if s.get("id") == "choose"]
    output = folder / "output"
    output.write_text("", encoding="utf-8")
    names = {name: environ.get(name, "") for name in step["env"]}
    names["ALLOWED"] = environ.get("ALLOWED", "preview")
    done = shell(step["run"], folder, {**names, "GITHUB_OUTPUT": str(output)})
    assert done.exit_code == 0, done.err
    return dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())


def test_a_deployment_chooses_only_among_what_is_allowed(tmp_path: Path) -> None:
    """GitHub's `Preview` is ours; production is verified only where the repository's variable names it."""
    assert chosen(tmp_path, DEPLOYED="Preview", DEFAULT_BRANCH="main") == {"environments": "preview", "ref": "main"}
    assert chosen(tmp_path, DEPLOYED="Production")["environments"] == ""
    assert chosen(tmp_path, DEPLOYED="Production", ALLOWED="preview production")["environments"] == "production"
    assert chosen(tmp_path, DEPLOYED="preview\nenvironments=production")["environments"] == ""


def test_a_caller_chooses_for_itself(tmp_path: Path) -> None:
    """Environments, and the commit of the harness, which a deployed commit never chooses."""
    asked = chosen(tmp_path, ASKED="preview production", HARNESS="o/h", HARNESS_REF="abc", DEPLOYED="Preview")
    assert asked == {"environments": "preview production", "ref": "abc"}
    assert chosen(tmp_path, ASKED="preview", DEFAULT_BRANCH="main")["ref"] == ""


def test_the_workflow_hands_out_what_the_action_takes() -> None:
    """Each input and output that it names exists, and each variable of environments.yaml is an environment variable."""
    job = document(".github/workflows/smoke.yml")["jobs"]["smoke"]
    (gate,) = [step for step in job["steps"] if step.get("uses") == "./"]
    action = document("action.yml")
    assert set(gate["with"]) <= set(action["inputs"])
    assert {re.sub(r".*outputs\.([\w-]+) .*", r"\1", value) for value in job["outputs"].values()} <= set(
        action["outputs"]
    )
    variables = set(re.findall(r"\$\{(\w+)\}", (ROOT / "environments.yaml").read_text(encoding="utf-8")))
    assert set(gate["env"]) == variables
    assert set(document(".github/workflows/smoke.yml")["on"]["workflow_call"]["secrets"]) == variables


# --- their form -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_others_wrote_is_pinned(path: Path) -> None:
    """By the whole commit, with its version in a comment; a tag can be moved."""
    used = [
        line.strip().removeprefix("- ") for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line
    ]
    assert used
    assert [line for line in used if line != "uses: ./" and not PINNED.match(line)] == []


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("uses: actions/checkout@v5", False),
        ("uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", False),
        ("uses: actions/checkout@08c6903 # v5.0.0", False),
        ("uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0", True),
    ],
)
def test_the_rule_on_pins_bites(line: str, right: bool) -> None:
    """A tag, a pin without its version, and a shortened one are seen."""
    assert bool(PINNED.match(line)) == right


def scripts(path: Path) -> list[str]:
    """Every `run:` of a file."""
    of = document(path)
    steps = [*of.get("runs", {}).get("steps", ()), *(s for job in of.get("jobs", {}).values() for s in job["steps"])]
    return [step["run"] for step in steps if "run" in step]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_expression_stands_in_a_script(path: Path) -> None:
    """What an event or an input says comes by environment: pasted into a script it would be run."""
    assert scripts(path)
    assert [script for script in scripts(path) if "${{" in script] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read(path: Path) -> None:
    """And no job takes more for itself."""
    of = document(path)
    assert of["permissions"] == {"contents": "read"}
    assert all("permissions" not in job and job["timeout-minutes"] <= 60 for job in of["jobs"].values())


def described(path: str) -> list[Any]:
    """The workflows that a document shows."""
    texts = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for text in texts if text.startswith("name:")]


def test_what_the_documents_show_is_right() -> None:
    """It is YAML, and every input and secret that it names exists."""
    action, workflow = document("action.yml"), document(".github/workflows/smoke.yml")["on"]["workflow_call"]
    direct, calling = map(yaml.safe_load, described("docs/ci.md"))
    (used,) = [s for s in direct["jobs"]["smoke"]["steps"] if "chatbots-smoke@" in s.get("uses", "")]
    assert set(used["with"]) <= set(action["inputs"])
    assert set(used["env"]) <= set(workflow["secrets"])
    assert set(calling["jobs"]["smoke"]["with"]) <= set(workflow["inputs"])
    assert set(calling["jobs"]["smoke"]["secrets"]) <= set(workflow["secrets"])


@pytest.mark.skipif(not LINTER.exists(), reason="jactionlint is not installed beside this Python")
def test_workflows_of_the_documents_are_linted(tmp_path: Path) -> None:
    """They can be copied as they stand: jactionlint finds nothing in them but that COMMIT is to be replaced."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for n, text in enumerate(described("docs/ci.md")):
        (folder / f"{n}.yml").write_text(text.replace("COMMIT", "5ca1ab1e" * 5), encoding="utf-8")
    done = lint([str(LINTER)], tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def lint(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(not LINTER.exists(), reason="jactionlint is not installed beside this Python")
def test_action_and_workflows_are_linted(tmp_path: Path) -> None:
    """jactionlint (actionlint's checks, and those of composite actions) finds nothing; a mistake it does find."""
    (tmp_path / ".git").mkdir()
    for path in FILES:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    done = lint([str(LINTER)], tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    action = tmp_path / "action.yml"
    text = action.read_text(encoding="utf-8").replace("steps.prepare.outputs.python", "steps.prepar.outputs.python")
    action.write_text(text, encoding="utf-8")
    done = lint([str(LINTER)], tmp_path)
    assert done.returncode == 1
    assert "prepar" in done.stdout


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="there is no actionlint on the PATH")
def test_workflows_pass_actionlint() -> None:
    """The linter that most people have."""
    done = lint(["actionlint", *map(str, WORKFLOWS)], ROOT)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
