"""Exit 0 means that the claims were asked: whatever pytest is told, no code of a verdict comes without one.

The real command, in a report folder where an earlier run has left a verdict that says "release".
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from rehearsal.deployment.start import deployed
from tests.support.gates import ROOT, entry, run_module, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run

STALE = {"run": "stale", "exit_code": 0, "verdict": "pass", "left_behind": []}
PLUGINS = {
    "raises_early": "def pytest_load_initial_conftests():\n    raise RuntimeError('secret')\n",
    "raises_late": "def pytest_unconfigure(config):\n    raise RuntimeError('secret')\n",
    "leaves_late": "def pytest_unconfigure(config):\n    raise SystemExit(0)\n",
    "says_0": (
        "import pytest\n\n@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "def pytest_sessionfinish(session):\n    yield\n    session.exitstatus = 0\n"
    ),
    "ends_the_loop": "import pytest\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_runtestloop():\n    return True\n",
    "forks": (
        "import os, pytest\n\n@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    from _pytest.runner import runtestprotocol\n"
        "    if os.fork() == 0:\n        runtestprotocol(item, nextitem=nextitem, log=False)\n        os._exit(0)\n"
        "    os.wait()\n    return True\n"
    ),
}


def gate(folder: Path, deployment: Deployment | None, *arguments: str, **environ: str) -> Run:
    """The gate in a folder where another run has left its verdict."""
    for name, text in PLUGINS.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "test_mine.py").write_text("def test_mine():\n    pass\n", encoding="utf-8")
    (folder / "other.ini").write_text("[pytest]\n", encoding="utf-8")
    report = folder / "report"
    report.mkdir()
    (report / "verdict.json").write_text(json.dumps(STALE), encoding="utf-8")
    at = {"url": "http://127.0.0.1:1", "database": "postgresql://u@127.0.0.1:1/d"}
    file = write_environments(folder / "e.yaml", {}, preview=entry(deployment) if deployment is not None else at)
    own = ["--report-dir", str(report), "--environments", str(file), *(word.format(folder) for word in arguments)]
    path = os.pathsep.join([str(folder), str(ROOT)])
    given = {name: value.format(folder) for name, value in environ.items()}
    return run_module("pytest", own, report, **{"PYTHONPATH": path, **given})


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("--co", "--collect-only would let the gate verify nothing; it was not typed"),
        ("--collect-only -q", "--collect-only would let the gate verify nothing; it was not typed"),
        ("--fixtures", "--fixtures would let the gate verify nothing"),
        ("--fixtures-per-test", "--fixtures-per-test would let the gate verify nothing"),
        ("--markers", "--markers would let the gate verify nothing"),
        ("--setup-plan", "--setup-plan would let the gate verify nothing"),
        ("--cache-show", "--cache-show would let the gate verify nothing"),
        ("--help", "--help would let the gate verify nothing"),
        ("--version", "--version would let the gate verify nothing"),
        ("--setup-only", "--setup-only is refused"),
        ("--noconftest", "cannot be judged without the conftest.py"),
        ("-p no:harness.pytest_plugin.hooks", "-p no:harness.pytest_plugin.hooks is refused"),
        ("-p no:harness.pytest_plugin.conclusion", "-p no:harness.pytest_plugin.conclusion is refused"),
        ("{}/test_mine.py", "and was told to run {}/test_mine.py instead"),
        ("--pyargs json", "and was told to run"),
        ("-c {}/other.ini", "checks and tests cannot be run together"),
        ("-p pytest_timeout --timeout 5 --timeout-method thread", "timeout_method=thread of pytest-timeout is refused"),
    ],
)
def test_what_pytest_addopts_adds_ends_no_gate_with_0(tmp_path: Path, added: str, said: str) -> None:
    """It is refused by name, and the folder says so: no verdict of an earlier run is left there."""
    run = gate(tmp_path, None, PYTEST_ADDOPTS=added)
    assert run.exit_code == 4, run.out + run.err
    assert said.format(tmp_path) in run.err
    assert "Traceback" not in run.err
    assert (run.verdict["exit_code"], run.verdict["verdict"]) == (4, "unknown")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{}/test_mine.py"], "and was told to run {}/test_mine.py instead"),
        (["-o", "testpaths=tests/redaction"], "tests/redaction instead"),
        (["--noconftest"], "cannot be judged without"),
        (["--trace"], "--trace is refused"),
        (["-p", "no:harness.options", "--burst", "3"], "unrecognized arguments"),
        (["--burts", "3"], "unrecognized arguments: --burts"),
        (["-p", "pytest_timeout", "-o", "timeout_method=thread"], "timeout_method=thread of pytest-timeout is refused"),
        (["-o", "faulthandler_timeout=1", "-o", "faulthandler_exit_on_timeout=true"], "faulthandler_exit_on_timeout"),
        (["-p", "raises_early"], "a plugin of pytest failed: RuntimeError in {}/raises_early.py:2"),
    ],
)
def test_what_would_ask_nothing_is_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit 4, nothing sent; no message of a foreign exception, which may quote a secret."""
    run = gate(tmp_path, None, *arguments)
    assert run.exit_code == 4, run.out + run.err
    assert said.format(tmp_path) in run.err
    assert "secret" not in run.err
    if "no:harness.options" not in arguments:  # without it nobody knows where the report folder is
        assert run.verdict["exit_code"] == 4


@pytest.mark.parametrize("optimize", ["1", "2"])
def test_python_without_assertions_is_refused(tmp_path: Path, optimize: str) -> None:
    """With `--assert=plain` every check would pass."""
    run = gate(tmp_path, None, "--assert=plain", PYTHONOPTIMIZE=optimize)
    assert (run.exit_code, run.verdict["exit_code"]) == (4, 4)
    assert "python -O and PYTHONOPTIMIZE are refused" in run.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--co"],
        ["--collect-only", "-q"],
        ["--fixtures"],
        ["--fixtures-per-test"],
        ["--markers"],
        ["--setup-plan"],
        ["-h"],
    ],
    ids=" ".join,
)
def test_a_listing_that_was_typed_says_what_it_is_not(tmp_path: Path, arguments: list[str]) -> None:
    """`nothing was verified`; it is no gate, and touches no folder."""
    run = gate(tmp_path, None, *arguments)
    assert run.exit_code == 0, run.err
    assert run.err.splitlines()[-1].startswith("nothing was verified: --")
    assert run.verdict == STALE


@pytest.mark.parametrize(
    "arguments", [["-q"], ["--setup-show"], ["-o", "addopts="], ["-p", "no:terminal"]], ids=" ".join
)
def test_what_changes_nothing_but_the_output_keeps_working(
    tmp_path: Path, healthy: Deployment, arguments: list[str]
) -> None:
    """Typed, or by PYTEST_ADDOPTS."""
    run = gate(tmp_path, healthy, "-k", "column", PYTEST_ADDOPTS=" ".join(arguments))
    assert (run.exit_code, run.verdict["exit_code"], run.verdict["verdict"]) == (0, 0, "pass"), run.out + run.err


@pytest.mark.parametrize(
    ("plugin", "exit_code", "said"),
    [
        ("raises_late", 3, "pytest, or a plugin of it, failed at its end: RuntimeError in {}/raises_late.py:2"),
        ("leaves_late", 3, "pytest, or a plugin of it, failed at its end: SystemExit in {}/leaves_late.py:2"),
        ("says_0", 1, ""),
        ("ends_the_loop", 75, ""),
        ("forks", 75, ""),
    ],
)
def test_no_plugin_changes_the_exit_code(
    tmp_path: Path, postgres: Postgres, plugin: str, exit_code: int, said: str
) -> None:
    """It is that of the verdict, or 3."""
    with deployed(postgres, "column_is_nullable") as broken:
        run = gate(tmp_path, broken, "-p", plugin, "-k", "column_is_not_null")
    assert run.exit_code == exit_code, run.out + run.err
    assert said.format(tmp_path) in run.err
    assert "secret" not in run.err


def test_a_gate_without_a_verdict_is_3(tmp_path: Path, healthy: Deployment) -> None:
    """Whatever pytest says: here the file cannot be written, since something is in its place."""
    in_the_way = (
        "import pytest\n\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtestloop(session):\n"
        "    import pathlib\n"
        "    folder = pathlib.Path(session.config.getoption('--report-dir'))\n"
        "    (folder / '.verdict.json.part' / 'in the way').mkdir(parents=True)\n"
    )
    (tmp_path / "in_the_way.py").write_text(in_the_way, encoding="utf-8")
    run = gate(tmp_path, healthy, "-p", "in_the_way", "-k", "column_is_uuid")
    assert run.exit_code == 3, run.out + run.err
    assert "ERROR: nothing was verified: pytest ended with 0, and no verdict was written" in run.err


@pytest.mark.parametrize("how", ["typed", "PYTEST_ADDOPTS"])
def test_reruns_tell_each_claim_once(tmp_path: Path, postgres: Postgres, how: str) -> None:
    """A check that is repeated sees the same evidence: it is no second claim, and no POST is sent again."""
    words = ["-p", "pytest_rerunfailures", "--reruns", "2"]
    with deployed(postgres, "answers_200") as broken:
        if how == "typed":
            run = gate(tmp_path, broken, *words)
        else:
            run = gate(tmp_path, broken, PYTEST_ADDOPTS=" ".join(words))
    told = [(check["id"], check["environment"]) for check in run.verdict["checks"]]
    assert run.exit_code == 1, run.out
    assert len(told) == len(set(told))
    assert run.out.count("FAILED [preview] every_post_answers_201:") == 1
    assert (run.report_dir / "history.jsonl").read_text(encoding="utf-8").count('"record":"attempt"') <= 22


def test_judge_heeds_no_addopts(tmp_path: Path, healthy: Deployment) -> None:
    """The pytest that judges a saved history is told by us alone."""
    run = gate(tmp_path, healthy, "-k", "every_post")
    again = tmp_path / "again"
    words = ["judge", str(run.report_dir / "history.jsonl"), "--report-dir", str(again)]
    judged = run_module("harness", words, again, PYTEST_ADDOPTS="--co", PYTHONOPTIMIZE="1")
    assert judged.exit_code == 0, judged.out + judged.err
    assert judged.verdict["verdict"] == "pass"
