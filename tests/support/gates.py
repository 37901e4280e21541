"""The real commands, run on deployments of the rehearsal as their users run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from rehearsal.deployment.start import deployed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.warm import Warm

ROOT = Path(__file__).parents[2]
GATE_LIMIT_S = 300  # only a command that hangs takes so long, however busy the machine
# What is claimed of an app's source is asked of no deployment: nothing of it is covered without a checkout.
ABOUT_SOURCE = frozenset(
    name
    for file in (ROOT / "checks").glob("test_source*.py")
    for name in re.findall(r"^def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
)
FORGE: Warm | None = None  # what forks commands in a session of the tests; None where nothing does
# A gate is installed without the plugins that the tests of the harness bring; loading them takes longer than a run.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "harness.options"}


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the gate left: its exit code, what it printed, and its reports."""

    exit_code: int
    out: str
    err: str
    report_dir: Path
    took_s: float = 0.0

    @property
    def verdict(self) -> dict[str, Any]:
        """`verdict.json`."""
        document: dict[str, Any] = json.loads((self.report_dir / "verdict.json").read_text(encoding="utf-8"))
        return document

    def outcomes(self, environment: str) -> dict[str, str]:
        """The outcome of each check on an environment, by the check's id."""
        return {c["id"]: c["outcome"] for c in self.verdict["checks"] if c["environment"] == environment}

    def check(self, id_: str, environment: str = "preview") -> dict[str, Any]:
        """What the verdict says of one check."""
        return next(c for c in self.verdict["checks"] if (c["id"], c["environment"]) == (id_, environment))


def clean_environment(**more: str) -> dict[str, str]:
    """The surroundings of a gate in a test: ours, without what would leak into it."""
    dropped = {"PREVIEW_URL", "PREVIEW_POSTGRES_URL", "PRODUCTION_URL", "POSTGRES_URL"}
    dropped |= {"GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "COLUMNS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    kept = {key: value for key, value in os.environ.items() if key not in dropped and not key.startswith("PYTEST_")}
    return {**kept, **ALONE, **more}


def run_command(command: list[str], report_dir: Path, **environ: str) -> Run:
    """A command in the checkout, as a user types it."""
    began_s = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=GATE_LIMIT_S,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr, report_dir, time.monotonic() - began_s)


def run_module(module: str, arguments: list[str], report_dir: Path, **environ: str) -> Run:
    """`python -m`: forked where that cannot be told from a command, since starting Python takes longer than most runs.

    What is proved of the start itself is proved with `run_command`.
    """
    environment = clean_environment(**environ)
    if FORGE is not None and FORGE.can_be(environment):
        return FORGE.run(module, arguments, report_dir, environment)
    return run_command([sys.executable, "-m", module, *arguments], report_dir, **environ)


def run_pytest(report_dir: Path, *arguments: str, **environ: str) -> Run:
    """The gate."""
    words = ["-p", "no:cacheprovider", "--report-dir", str(report_dir), *arguments]
    return run_module("pytest", words, report_dir, **environ)


def run_harness(*arguments: str, report_dir: Path = ROOT, **environ: str) -> Run:
    """`python -m harness`."""
    return run_module("harness", [*arguments], report_dir, **environ)


def write_environments(file: Path, defaults: dict[str, Any], **environments: dict[str, Any]) -> Path:
    """An `environments.yaml` of a test."""
    file.write_text(yaml.safe_dump({"defaults": defaults, "environments": environments}), encoding="utf-8")
    return file


def entry(deployment: Deployment, **settings: Any) -> dict[str, Any]:
    """A deployment's entry in `environments.yaml`. A row of the rehearsal comes soon, or not at all.

    Where a test says how many POSTs are sent, no probes are sent besides.
    """
    own: dict[str, Any] = {"url": deployment.url, "database": deployment.database, "late_rows_s": 1}
    if "posts" in settings or "burst" in settings:
        own["probes"] = []
    return {**own, **deployment.settings, **settings}


def run_gate(folder: Path, deployments: list[Deployment], *arguments: str, **settings: Any) -> Run:
    """Run the gate on deployments of the rehearsal, all of their checks unless arguments narrow it."""
    file = write_environments(folder / "environments.yaml", {}, **{d.name: entry(d, **settings) for d in deployments})
    names = [argument for d in deployments for argument in ("--env", d.name)]
    return run_pytest(folder / "report", "--environments", str(file), *names, *arguments)


READY = {"path": "/", "timeout_s": 20, "revision": "revision"}
NAMES = ("preview", "production")


def verify(
    postgres: Postgres,
    folder: Path,
    *,
    fault: str | None = None,
    variant: str | None = None,
    names: Sequence[str] = NAMES,
) -> Run:
    """Deploy, as preview and as production, and run the gate on both."""
    folder.mkdir()
    with ExitStack() as stack:
        return run_gate_for_revision(
            folder, [stack.enter_context(deployed(postgres, fault, variant, name)) for name in names]
        )


def run_gate_for_revision(folder: Path, deployments: list[Deployment], **settings: Any) -> Run:
    """Run the gate on deployments of one revision, which is waited for on the page that each says it on."""
    ready = [replace(of, settings={"ready": READY, **of.settings}) for of in deployments]
    return run_gate(folder, ready, "--revision", deployments[0].revision, **settings)
