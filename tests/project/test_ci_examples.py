"""The examples for GitLab CI, Argo Rollouts and cron: their shell is run here, and each exit code comes out as said."""

from __future__ import annotations

import fcntl
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rehearsal.deployment.start import deployed
from tests.support.gates import ALONE, ROOT, entry, write_environments
from tests.support.steps import WHAT_A_GATE_NEEDS, Done, Ending, checkout, document, rows_of, secrets_for, shell

if TYPE_CHECKING:
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

GITLAB = "examples/gitlab-ci.yml"
INSTALLED = "examples/gitlab-ci-installed.yml"
ARGO = "examples/argo-rollouts.yaml"
CRON = "examples/chatbots-smoke.cron"
NOWHERE = {"PREVIEW_URL": "http://127.0.0.1:1", "PREVIEW_POSTGRES_URL": "postgresql://app@127.0.0.1:1/none"}
NOWHERE |= {"PRODUCTION_URL": NOWHERE["PREVIEW_URL"], "POSTGRES_URL": NOWHERE["PREVIEW_POSTGRES_URL"]}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout."""
    return checkout(tmp_path / "project")


def impatient(project: Path) -> Path:
    """The same, in which nothing waits long any more for what does not answer."""
    file = project / "environments.yaml"
    text = file.read_text(encoding="utf-8")
    assert "timeout_s: 60" in text
    file.write_text(text.replace("timeout_s: 60", "timeout_s: 1"), encoding="utf-8")
    return project


def test_every_example_is_yaml() -> None:
    """Except the Dockerfile, the crontab, and the migrations, which tests/project/test_safe_migration.py runs."""
    files = sorted(path for path in (ROOT / "examples").iterdir() if path.suffix in (".yaml", ".yml"))
    assert [file.name for file in files] == ["argo-rollouts.yaml", "gitlab-ci-installed.yml", "gitlab-ci.yml"]
    for file in files:
        assert yaml.safe_load(file.read_text(encoding="utf-8"))


def keeping(project: Path, deployment: Deployment, name: str = "preview") -> None:
    """Let the project's own environments.yaml keep the rows, so that the gate exits 76."""
    write_environments(project / "environments.yaml", {}, **{name: entry(deployment, cleanup="keep")})


# --- GitLab CI --------------------------------------------------------------------------------------------------------


def gitlab(
    project: Path, secrets: dict[str, str], end: Ending | None = None, example: str = GITLAB
) -> tuple[Done, Done]:
    """The job's script and its after_script, as GitLab's runner calls bash."""
    job = document(example)["smoke"]
    environ = {**secrets, **job.get("variables", {})}
    script = shell("\n".join(job["script"]), project, environ, end=end)
    return script, shell("\n".join(job["after_script"]), project, environ)


def rolls_back(project: Path) -> bool:
    """Whether the job that comes after a failure rolls back."""
    (project / "roll-back.sh").write_text("#!/bin/sh\necho rolled back\n", encoding="utf-8")
    (project / "roll-back.sh").chmod(0o755)
    done = shell("\n".join(document(GITLAB)["roll-back"]["script"]), project, {})
    assert done.exit_code == 0, done.err
    assert ("rolled back" in done.out.splitlines()) != ("held, not rolled back" in done.out)
    return "rolled back" in done.out.splitlines()


def test_gitlab_keeps_the_gates_exit_code(project: Path, postgres: Postgres) -> None:
    """0 releases, 1 fails and rolls back, 75 fails and holds; nothing is cleaned up a second time."""
    with deployed(postgres) as healthy:
        script, after = gitlab(project, secrets_for(healthy))
        assert (script.exit_code, after.exit_code, after.out) == (0, 0, ""), script.out
        assert rows_of(healthy) == 0
    with deployed(postgres, "answers_200") as wrong:
        script, _ = gitlab(project, secrets_for(wrong))
        assert script.exit_code == 1, script.out
        assert rolls_back(project)
    script, after = gitlab(impatient(project), NOWHERE)
    assert (script.exit_code, after.exit_code, after.out) == (75, 0, ""), script.out
    assert not rolls_back(project)


def test_gitlab_goes_on_with_rows_left_behind(project: Path, healthy: Deployment) -> None:
    """76 is the one exit code that may fail, and the clean-up is tried once more."""
    keeping(project, healthy)
    script, after = gitlab(project, {})
    assert script.exit_code == 76, script.out
    assert document(GITLAB)["smoke"]["allow_failure"] == {"exit_codes": [76]}
    assert "22 may be left behind" in after.out


def test_gitlab_cleans_up_after_a_killed_run(project: Path, postgres: Postgres) -> None:
    """There is no verdict then, and nothing is rolled back."""
    with deployed(postgres, variant="slow_within_budget") as slow:
        write_environments(project / "environments.yaml", {}, preview=entry(slow, posts=200))
        script, after = gitlab(project, {}, Ending(signal.SIGKILL, slow.database))
        assert script.exit_code == -signal.SIGKILL
        assert re.search(r"preview: [1-9]\d* rows removed", after.out), after.out + after.err
        assert rows_of(slow) <= 1  # the POST that was under way may be stored after the clean-up has looked
    assert not rolls_back(project)


def test_gitlab_cleans_up_nothing_that_never_began(project: Path) -> None:
    """A mistake of the configuration sent nothing."""
    script, after = gitlab(project, {})
    assert script.exit_code == 4
    assert (after.exit_code, after.out, after.err) == (0, "", "")


def test_gitlab_runs_an_installed_harness(tmp_path: Path, healthy: Deployment) -> None:
    """In a project that holds an `environments.yaml` and no checkout of the harness: 0, and 76 with its clean-up."""
    command = tmp_path / ".venv" / "bin" / "chatbots-smoke"
    command.parent.mkdir(parents=True)
    command.symlink_to(Path(sys.executable).with_name("chatbots-smoke"))
    write_environments(tmp_path / "environments.yaml", {}, preview=entry(healthy))
    script, after = gitlab(tmp_path, {}, example=INSTALLED)
    assert (script.exit_code, after.exit_code, after.out) == (0, 0, ""), script.out + script.err
    assert rows_of(healthy) == 0
    keeping(tmp_path, healthy)
    script, after = gitlab(tmp_path, {}, example=INSTALLED)
    assert script.exit_code == 76, script.out
    assert "22 may be left behind" in after.out


def test_both_gitlab_examples_decide_alike() -> None:
    """They differ in how the harness is installed and called."""
    checkout_, installed = document(GITLAB), document(INSTALLED)
    assert checkout_["roll-back"] == installed["roll-back"]
    for key in ("allow_failure", "artifacts", "interruptible", "resource_group"):
        assert checkout_["smoke"][key] == installed["smoke"][key]


# --- Argo Rollouts ----------------------------------------------------------------------------------------------------


def job() -> Any:
    """The Job of the analysis."""
    (metric,) = document(ARGO)["spec"]["metrics"]
    return metric["provider"]["job"]["spec"]


def analysed(project: Path, secrets: dict[str, str], end: Ending | None = None) -> Done:
    """The container's command, in the checkout for /gate."""
    (container,) = job()["template"]["spec"]["containers"]
    assert container["command"] == ["bash", "-c"]
    environ = {**secrets, **ALONE, "PATH": f"{project / '.venv' / 'bin'}:/usr/bin:/bin"}
    return shell(container["args"][0].replace("/report/", f"{project}/report/"), project, environ, options="", end=end)


def test_argo_succeeds_only_where_the_gate_releases(project: Path, postgres: Postgres) -> None:
    """0 and 76 are a Job that completed, everything else one that failed, by the gate's own code."""
    with deployed(postgres) as healthy:
        assert analysed(project, secrets_for(healthy)).exit_code == 0
    with deployed(postgres, "answers_200") as wrong:
        assert analysed(project, secrets_for(wrong)).exit_code == 1
    assert analysed(impatient(project), NOWHERE).exit_code == 75
    assert analysed(project, {}).exit_code == 4
    with deployed(postgres) as kept:
        keeping(project, kept)
        done = analysed(project, {})
    assert done.exit_code == 0, done.out
    assert "22 may be left behind" in done.out


def test_argo_lets_a_terminated_run_clean_up(project: Path, postgres: Postgres) -> None:
    """SIGTERM goes to the container's first process, which passes it on and waits for the gate."""
    with deployed(postgres, variant="slow_within_budget") as slow:
        write_environments(project / "environments.yaml", {}, preview=entry(slow, posts=200))
        done = analysed(project, {}, Ending(signal.SIGTERM, slow.database))
        assert done.exit_code == 2, done.out
        assert rows_of(slow) == 0


def test_argo_job_is_run_once_and_confined() -> None:
    """Never repeated, time to clean up, no privileges, secrets from a Secret, 75 told apart by the Job's condition."""
    pod = job()["template"]["spec"]
    (container,) = pod["containers"]
    assert (job()["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert job()["activeDeadlineSeconds"] == 600
    assert pod["terminationGracePeriodSeconds"] >= 60
    assert job()["podFailurePolicy"]["rules"] == [
        {"action": "FailJob", "onExitCodes": {"containerName": container["name"], "operator": "In", "values": [75]}}
    ]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    secret = [variable["name"] for variable in container["env"] if "secretKeyRef" in variable.get("valueFrom", {})]
    assert secret == ["PREVIEW_URL", "PREVIEW_POSTGRES_URL"]


def test_argo_image_is_built_of_what_is_there() -> None:
    """Each file that the Dockerfile copies is in the checkout, and a gate needs no other."""
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "examples/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    names = {name for names in copied for name in names.split()}
    assert all((ROOT / name).exists() for name in names)
    assert {name.partition("/")[0] for name in names} == set(WHAT_A_GATE_NEEDS)


# --- cron -------------------------------------------------------------------------------------------------------------


def cron(project: Path, secrets: dict[str, str]) -> Done:
    """The crontab's first command, as cron runs it: with next to nothing in the environment."""
    file = project / "smoke.env"
    file.write_text("".join(f"{name}='{value}'\n" for name, value in secrets.items()), encoding="utf-8")
    lines = (ROOT / CRON).read_text(encoding="utf-8").splitlines()
    assert "SHELL=/bin/bash" in lines
    line = next(line for line in lines if line[0].isdigit())
    command = line.split(maxsplit=6)[6]
    assert "%" not in command  # cron would take it for a line break
    for path, here in (
        ("/opt/chatbots-smoke", str(project)),
        ("/etc/chatbots-smoke.env", str(file)),
        ("/tmp/chatbots-smoke.lock", f"{project}/lock"),
    ):
        assert path in command
        command = command.replace(path, here)
    return shell(command, project, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "", "PYTEST_PLUGINS": ""}, options="")


def test_cron_is_silent_where_it_is_right(project: Path, healthy: Deployment) -> None:
    """No output is no mail."""
    done = cron(project, secrets_for(healthy, "PRODUCTION"))
    assert (done.exit_code, done.out, done.err) == (0, "", "")


def test_cron_mails_the_verdict_and_its_exit_code(project: Path, postgres: Postgres) -> None:
    """1, 75 and 4 are told apart by the last line."""
    with deployed(postgres, "default_is_constant") as wrong:
        done = cron(project, secrets_for(wrong, "PRODUCTION"))
    assert (done.exit_code, done.out.splitlines()[-1]) == (1, "exit 1"), done.out
    assert "FAILED [production] default_is_a_database_v4_generator" in done.out
    done = cron(impatient(project), NOWHERE)
    assert (done.exit_code, done.out.splitlines()[-1]) == (75, "exit 75"), done.out
    done = cron(project, {})
    assert (done.exit_code, done.out.splitlines()[-1]) == (4, "exit 4"), done.out


def test_cron_does_not_run_twice_at_once(project: Path, healthy: Deployment) -> None:
    """A run that has not ended bars the next, which could not tell: flock's own exit 1 would say that it is wrong."""
    with (project / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = cron(project, secrets_for(healthy, "PRODUCTION"))
    assert (done.exit_code, done.out.splitlines()[-1]) == (75, "exit 75")
