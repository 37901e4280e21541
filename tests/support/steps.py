"""Runs the shell of CI files as a CI does: in a copy of the checkout, with the environment that a runner gives it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml

from tests.support.endings import ours, rows_of_ours
from tests.support.gates import GATE_LIMIT_S, ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.deployment.start import Deployment

WHAT_A_GATE_NEEDS = ("checks", "harness", "requirements", "conftest.py", "environments.yaml", "pyproject.toml")
ALWAYS = "always()"


def checkout(folder: Path) -> Path:
    """A copy of what a gate needs, with a `.venv/bin/python` that is ours.

    It leads to what Python has compiled, which would take as long as a gate does; not to what it writes at this moment.
    """
    folder.mkdir(parents=True)
    for name in WHAT_A_GATE_NEEDS:
        here = ROOT / name
        if here.is_dir():
            shutil.copytree(
                here, folder / name, ignore=shutil.ignore_patterns("*.opt-*", "*.pyc.*"), copy_function=_copied
            )
        else:
            shutil.copy(here, folder / name)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return folder


def _copied(source: str, target: str) -> None:
    """What is compiled is replaced as a whole: it stays as it is here, whatever is done to the copy."""
    if source.endswith(".pyc"):
        Path(target).symlink_to(source)
    else:
        shutil.copy2(source, target)


def secrets_for(deployment: Deployment, name: str = "PREVIEW") -> dict[str, str]:
    """The variables that environments.yaml expands, as a CI hands them out."""
    database = "PREVIEW_POSTGRES_URL" if name == "PREVIEW" else "POSTGRES_URL"
    return {f"{name}_URL": deployment.url, database: deployment.database}


def document(path: str | Path) -> Any:
    """A YAML file of the checkout; `on` stays a word."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return yaml.safe_load(re.sub(r"^on:", '"on":', text, flags=re.MULTILINE))


@dataclass(frozen=True, slots=True)
class Done:
    """What a script left."""

    exit_code: int
    out: str
    err: str


def shell(
    script: str, cwd: Path, environ: Mapping[str, str], options: str = "-eo pipefail", end: Ending | None = None
) -> Done:
    """A script as runners run it: bash, without the user's own settings, from a file of its own."""
    file = cwd / f".script-{time.monotonic_ns()}"
    file.write_text(script, encoding="utf-8")
    command = ["bash", "--noprofile", "--norc", *options.split(), str(file)]
    env = {key: value for key, value in clean_environment(**environ).items() if value or key in environ}
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        try:
            if end is not None:
                end.send(running.pid)
            out, err = running.communicate(timeout=GATE_LIMIT_S)
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    file.unlink()
    return Done(running.returncode, out, err)


@dataclass(frozen=True, slots=True)
class Ending:
    """A signal to a script's own process, when the first rows of the run are stored; SIGKILL goes to all of them."""

    how: signal.Signals
    database: str

    def send(self, pid: int) -> None:
        deadline = time.monotonic() + GATE_LIMIT_S
        with psycopg.connect(self.database, autocommit=True) as connection:
            while ours(connection) < 3:
                assert time.monotonic() < deadline, "the gate has stored nothing"
                time.sleep(0.02)
        (os.killpg if self.how == signal.SIGKILL else os.kill)(pid, self.how)


def rows_of(deployment: Deployment) -> int:
    """How many rows of this harness are stored."""
    return rows_of_ours(deployment.database)


@dataclass(slots=True)
class Action:
    """Runs the steps of action.yml one after another, those with `uses:` left out: they download what is not here.

    `given` are its inputs, `secrets` the environment of the calling step. Afterwards `outputs` are the action's, `log`
    all that was printed, and `exit_code` that of the first step which failed and may not.
    """

    workspace: Path
    secrets: Mapping[str, str]
    given: dict[str, str] = field(default_factory=dict)
    end: Ending | None = None
    python: str = ""  # to run with instead of installing
    log: str = ""
    exit_code: int = 0
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    @property
    def outputs(self) -> dict[str, str]:
        """The action's outputs."""
        return {name: self.resolved(output["value"]) for name, output in document("action.yml")["outputs"].items()}

    @property
    def summary(self) -> str:
        """What stands on the job's page."""
        page = self.workspace / "step-summary"
        return page.read_text(encoding="utf-8") if page.exists() else ""

    def resolved(self, text: str) -> str:
        """A value with its `${{ }}` filled in: inputs, and outputs and outcomes of earlier steps."""

        def value(found: re.Match[str]) -> str:
            first, *rest = found[1].split(".")
            if first == "inputs":
                inputs = document("action.yml")["inputs"]
                return str(self.given.get(rest[0], inputs[rest[0]]["default"]))
            assert first == "steps", found[0]
            step = self.steps.get(rest[0], {"outcome": "skipped", "outputs": {}})
            return str(step["outcome"] if rest[1] == "outcome" else step["outputs"].get(rest[2], ""))

        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", value, text)

    def run(self) -> Action:
        """All steps."""
        (self.workspace / "temp").mkdir(exist_ok=True)
        for step in document("action.yml")["runs"]["steps"]:
            ended = self.exit_code or any(done["outcome"] == "cancelled" for done in self.steps.values())
            if "run" not in step or (ended and step.get("if") != ALWAYS):
                continue
            assert step.get("if") in (None, ALWAYS), "this runner knows no other condition"
            self._run(step)
        return self

    def _run(self, step: dict[str, Any]) -> None:
        output = self.workspace / f"output-{len(self.ran)}"
        output.touch()
        own = {key: self.resolved(str(value)) for key, value in step.get("env", {}).items()}
        environ = {
            **self.secrets,
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.workspace),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.workspace / "step-summary"),
            "RUNNER_TEMP": str(self.workspace / "temp"),
            **own,
        }
        script = step["run"]
        if self.python and step.get("id") == "prepare":
            script = script.partition("python3 -m venv")[0]
        end = self.end if step.get("id") == "verify" else None
        done = shell(script, self.workspace, environ, end=end)
        self.log += done.out + done.err
        self.ran.append(step["name"])
        outputs = dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
        if self.python and "python" in outputs:
            outputs["python"] = self.python
        if "id" in step:
            outcome = "success" if done.exit_code == 0 else "cancelled" if end is not None else "failure"
            self.steps[step["id"]] = {"outcome": outcome, "outputs": outputs}
        if done.exit_code and not step.get("continue-on-error"):
            self.exit_code = self.exit_code or done.exit_code
