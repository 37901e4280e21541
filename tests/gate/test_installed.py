"""`chatbots-smoke`, installed from a wheel with its core dependencies alone, in folders of its users."""

from __future__ import annotations

import os
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.cli.parser import build_parser
from tests.support.gates import ROOT, entry, write_environments
from tests.support.installed import Installed, NoIndex

if TYPE_CHECKING:
    from rehearsal.deployment.start import Deployment
    from tests.support.gates import Run

COMMANDS = tuple(build_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr, arg-type]
# What a folder of somebody may hold: each of these would end a pytest that is run there, or let it do something else.
OF_THE_FOLDER = {
    "conftest.py": "raise RuntimeError('the conftest.py of the folder was loaded')\n",
    "pytest.ini": "[pytest]\naddopts = --collect-only\npython_files = nothing.py\n",
    "pytest.toml": "[pytest]\naddopts = ['--collect-only']\n",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--collect-only'\n",
    "tox.ini": "[pytest]\naddopts = --collect-only\n",
    "setup.cfg": "[tool:pytest]\naddopts = --collect-only\n",
    "test_own.py": "def test_own():\n    raise RuntimeError\n",
    "checks/test_own.py": "def test_own():\n    raise RuntimeError\n",
    "checks/conftest.py": "raise RuntimeError('the conftest.py of the folder was loaded')\n",
    "harness/__init__.py": "raise RuntimeError('the harness of the folder was imported')\n",
    "requests.py": "raise RuntimeError('a module of the folder was imported')\n",
    "yaml/__init__.py": "raise RuntimeError('a module of the folder was imported')\n",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The installation that all of these tests run, in whichever process."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installed"
    folder.mkdir(exist_ok=True)
    try:
        return Installed(folder)
    except NoIndex:
        pytest.skip("no package index answers from here")


@pytest.fixture
def folder(tmp_path: Path, healthy: Deployment) -> Path:
    """A folder that holds an `environments.yaml` and nothing else."""
    write_environments(tmp_path / "environments.yaml", {}, preview=entry(healthy, posts=2, burst=11))
    return tmp_path


def ended(run: Run) -> tuple[int, str]:
    """How a run ended, by its exit code and by its verdict."""
    return run.exit_code, run.verdict["verdict"]


def files_of(folder: Path) -> set[str]:
    """What is installed, whatever Python compiles of it."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts and path.is_file()
    }


def test_an_empty_folder_with_a_configuration_is_enough(installed: Installed, folder: Path) -> None:
    """The gate passes, its reports are in that folder and are found there later; nothing else is written."""
    before = files_of(installed.packages)
    run = installed.run(folder, "run")
    assert ended(run) == (0, "pass"), run.out + run.err
    assert run.verdict["scope"] == "full"
    assert {path.name for path in folder.iterdir()} == {"environments.yaml", "reports"}
    history = str(run.report_dir / "history.jsonl")
    past = installed.run(folder, "runs")
    assert run.verdict["run"] in past.out
    assert installed.run(folder, "plan").exit_code == 0
    assert installed.run(folder, "cleanup", history).exit_code == 0
    assert ended(judged := installed.run(folder, "judge", history)) == (0, "pass"), judged.out
    assert files_of(installed.packages) == before


def test_the_doctor_needs_nothing_else(installed: Installed, folder: Path) -> None:
    """With core dependencies alone it asks, posts and writes in that folder."""
    before = files_of(installed.packages)
    said = installed.run(folder, "doctor", "--post", "--write")
    assert said.exit_code == 0, said.out + said.err
    assert "ready: nothing that a run of preview needs is missing" in said.out
    assert {path.name for path in folder.iterdir()} == {"environments.yaml", "reports"}
    assert [path.name for path in (folder / "reports").glob("*/*")] == ["history.jsonl"]
    assert files_of(installed.packages) == before


def test_pytests_own_options_work(installed: Installed, folder: Path) -> None:
    """`-k` narrows, `-x` and `-v` are taken, and another folder is reported to."""
    run = installed.run(folder, "run", "-x", "-v", "-k", "column_is_not_null", "--report-dir", "elsewhere")
    assert run.exit_code == 0, run.out + run.err
    assert "holds: 1 claim of" in run.out
    assert (folder / "elsewhere" / "verdict.json").exists()
    assert not (folder / "reports").exists()


def test_what_the_folder_holds_has_no_part_in_it(installed: Installed, folder: Path) -> None:
    """Settings, conftest.py, tests and modules of the folder, and the user's variables of pytest, change nothing."""
    for name, text in OF_THE_FOLDER.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    run = installed.run(
        folder, "run", PYTEST_ADDOPTS="--collect-only test_own.py", PYTEST_PLUGINS="no_such_plugin", PYTHONOPTIMIZE="1"
    )
    assert ended(run) == (0, "pass"), run.out + run.err
    assert run.verdict["scope"] == "full"


def test_a_conftest_beside_the_installation_has_no_part_in_it(installed: Installed, folder: Path) -> None:
    """Some packages leave one in site-packages."""
    own = installed.copied(folder / "own")
    (own.packages / "conftest.py").write_text("raise RuntimeError('loaded')\n", encoding="utf-8")
    run = own.run(folder, "run", "-k", "column_is_uuid")
    assert run.exit_code == 0, run.out + run.err


def test_a_folder_without_a_configuration_is_said(installed: Installed, tmp_path: Path) -> None:
    """Exit 4; the file that was looked for is named."""
    run = installed.run(tmp_path, "run")
    assert (run.exit_code, run.verdict["exit_code"]) == (4, 4)
    assert f"{tmp_path / 'environments.yaml'}: cannot be read" in run.err


def test_a_test_of_the_folder_is_refused(installed: Installed, folder: Path) -> None:
    """It would be run beside the checks; the message says how to select among them."""
    (folder / "test_own.py").write_text("def test_own():\n    pass\n", encoding="utf-8")
    run = installed.run(folder, "run", "test_own.py::test_own")
    assert run.exit_code == 4
    assert "Select among them with -k" in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--ctrf", "ctrf.json"], "pip install 'chatbots-smoke[ctrf]'"),
        (["soak"], "pip install 'chatbots-smoke[soak]'"),
        (["run", "-k", "source_insert", "--source", "."], "pip install 'chatbots-smoke[source]'"),
    ],
)
def test_what_needs_an_optional_group_says_how_to_install_it(
    installed: Installed, folder: Path, words: list[str], said: str
) -> None:
    """By its name."""
    run = installed.run(folder, *words)
    assert run.exit_code in (4, 75), run.out
    assert said in run.err + run.out
    assert "Traceback" not in run.err


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(installed: Installed, tmp_path: Path, command: str) -> None:
    """`--help` of each has an example that begins with the command itself, and touches nothing."""
    run = installed.run(tmp_path, command, "--help")
    assert run.exit_code == 0, run.err
    assert f"example:\n  chatbots-smoke {command}" in run.out
    assert not list(tmp_path.iterdir())


def test_the_version_is_that_of_the_project(installed: Installed, tmp_path: Path) -> None:
    """`--version` prints it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert installed.run(tmp_path, "--version").out == f"chatbots-smoke {project['version']}\n"


def test_the_wheel_holds_what_a_gate_needs_and_no_tests(installed: Installed) -> None:
    """Checks, the page's template, settings: whatever git tracks of the two packages, and nothing else."""
    with zipfile.ZipFile(installed.wheel) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tracked = {
        path.relative_to(ROOT).as_posix()
        for package in ("harness", "checks")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == tracked


def test_its_settings_are_those_of_a_checkout() -> None:
    """pytest reads `harness/pytest.toml` for the command, and pyproject.toml for a `pytest` in a checkout."""
    own = tomllib.loads((ROOT / "harness" / "pytest.toml").read_text(encoding="utf-8"))["pytest"]
    checkout = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    assert own == {key: value for key, value in checkout.items() if key not in ("addopts", "testpaths")}
