"""The real gate against a server that answers every POST with another attack: it ends as the contract says.

Its exit code is 1 or 75, its reports keep to their formats, what it prints moves no cursor and commands no CI, and it
holds a bounded amount of memory.
"""

import itertools
import json
import re
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.report.json_schemas import verdict_schema
from tests.support import attacks
from tests.support.gates import ROOT, Run, run_command, run_pytest, write_environments
from tests.support.hostile_texts import FOLDS
from tests.support.servers import Request, Server, serving

MOST_MB = 200
TIMEOUT_S = 1.0
PREVIEW = {"database": None, "cleanup": "keep", "ready": {"timeout_s": 20}, "api": {"timeout_s": TIMEOUT_S}}
READY = {"revision": "abc1234"}


def each_in_turn(answers: list[attacks.Answer]) -> attacks.Answer:
    """Answers each POST with the next attack, and the ready page as it should be."""
    remaining = itertools.cycle(answers)
    lock = threading.Lock()

    def answer(request: Request) -> Any:
        if request.method != "POST":
            return request.created(READY)
        with lock:
            attack = next(remaining)
        return attack(request)

    return answer


def gate(folder: Path, answer: Callable[[Request], Any], *arguments: str, **preview: Any) -> Run:
    """Run the gate on a server that answers so."""
    with serving(answer) as server:
        return run_pytest(folder / "report", *described(folder, server, preview), *arguments)


def measured(folder: Path, answer: Callable[[Request], Any], **preview: Any) -> tuple[Run, int]:
    """The same, and the most memory that it held, in MB; as a process that begins with none."""
    with serving(answer) as server:
        command = [sys.executable, str(ROOT / "tests" / "support" / "memory.py"), str(folder / "peak"), "pytest"]
        report = folder / "report"
        command += ["-p", "no:cacheprovider", "--report-dir", str(report), *described(folder, server, preview)]
        run = run_command(command, report)
    return run, int((folder / "peak").read_text(encoding="ascii"))


def described(folder: Path, server: Server, preview: dict[str, Any]) -> list[str]:
    """The options that name the server's description, which is written."""
    entry = {**PREVIEW, "url": server.url, "probes": [], **preview}
    return ["--environments", str(write_environments(folder / "environments.yaml", {}, preview=entry))]


def controls(text: str) -> set[str]:
    """What a terminal would obey, or nobody would see."""
    return {c for c in text if c != "\n" and not c.isprintable()}


def outside_of_code(line: str) -> str:
    """What remains of a line of Markdown without its code spans (CommonMark: a run of backticks ends at its equal)."""
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line)


def demand_harmless(run: Run) -> None:
    """Whatever the server sent, terminal and reports are as they always are."""
    report = {file.name: file.read_text(encoding="utf-8") for file in run.report_dir.iterdir()}
    assert set(report) == {"verdict.json", "summary.md", "report.html", "junit.xml", "history.jsonl"}
    printed = run.out + run.err
    for name, text in {"terminal": printed, **report}.items():
        assert not controls(text), name
    for text in (printed, report["summary.md"]):
        assert not re.search(r"(?m)^\s*::|##\[|##vso\[", text)
    assert "Traceback" not in printed
    assert "INTERNALERROR" not in printed
    assert not list(Draft202012Validator(verdict_schema()).iter_errors(json.loads(report["verdict.json"])))
    ET.fromstring(report["junit.xml"])
    assert all(json.loads(line)["record"] for line in report["history.jsonl"].splitlines())
    unfolded = (line for line in report["summary.md"].split("\n") if line not in FOLDS)
    outside = "\n".join(map(outside_of_code, unfolded))
    assert not re.search(r"<\w|javascript:|!\[", outside)
    assert not re.search(r"<script|<img|<iframe|\son\w+=", report["report.html"])


def outcomes(run: Run) -> list[str]:
    """The outcome of each POST, as the history has it."""
    lines = (run.report_dir / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [record["outcome"] for record in map(json.loads, lines) if record["record"] == "attempt"]


@pytest.mark.parametrize("group", ["INJECTIONS", "DOCUMENTS", "FRAMES"])
def test_no_attack_gets_further_than_its_outcome(tmp_path: Path, group: str) -> None:
    """Sent at the same moment, each POST ends in one of the three ways, and the run as the contract says."""
    answers = list(getattr(attacks, group).values())
    run, peak_mb = measured(tmp_path, each_in_turn(answers), posts=1, burst=len(answers))
    assert run.exit_code == 1, run.out + run.err
    demand_harmless(run)
    assert len(outcomes(run)) == len(answers) + 1
    assert set(outcomes(run)) <= {"ok", "fail", "unknown"}
    assert peak_mb < MOST_MB, f"the gate held {peak_mb} MB"


@pytest.mark.parametrize(
    "name",
    [
        "a mebibyte of lists",
        "a mebibyte of objects",
        "an id that is a mebibyte of lists",
        "90 headers of 60 KB",
        "90 cookies of 60 KB",
        "90 cookies",
        "a gzip bomb in chunks",
        "five gzips in each other",
        "endless chunks",
        "many password fields",
    ],
)
def test_sixteen_of_one_attack_fill_no_memory(tmp_path: Path, name: str) -> None:
    """The burst of the defaults, all of its answers at the same moment."""
    run, peak_mb = measured(tmp_path, each_in_turn([attacks.ALL[name]]), posts=3, burst=16)
    assert (run.exit_code, len(outcomes(run))) == (1, 19)
    demand_harmless(run)
    assert peak_mb < MOST_MB, f"the gate held {peak_mb} MB"


@pytest.mark.parametrize("name", ["workflow commands", "osc", "bidi"])
def test_tracebacks_are_harmless_too(tmp_path: Path, name: str) -> None:
    """`--tb=long` shows what the checks compared, as pytest words it."""
    answer = each_in_turn([attacks.ALL[f"{name} as id and token"]])
    run = gate(tmp_path, answer, "--tb=long", "-rA", posts=3, burst=2)
    printed = run.out + run.err
    assert (run.exit_code, controls(printed)) == (1, set())
    assert "assert not " in printed
    assert not re.search(r"(?m)^\s*::|##\[|##vso\[", printed)
    ET.parse(run.report_dir / "junit.xml")


@pytest.mark.parametrize("name", ["in a Location", "in Retry-After", "90 headers of 60 KB", "endless interim answers"])
def test_a_hostile_ready_page_is_a_deployment_that_could_not_be_told(tmp_path: Path, name: str) -> None:
    """Nothing is sent to it."""
    run, peak_mb = measured(tmp_path, attacks.ALL[name], ready={"timeout_s": 1, "revision": "revision"})
    assert run.exit_code == 75, run.out + run.err
    demand_harmless(run)
    assert outcomes(run) == []
    assert peak_mb < MOST_MB, f"the gate held {peak_mb} MB"


@pytest.mark.parametrize("name", attacks.NASTY)
def test_a_hostile_revision_is_words(tmp_path: Path, name: str) -> None:
    """What the ready page names stands in the verdict."""

    def answer(request: Request) -> Any:
        nasty = attacks.NASTY[name]
        return request.created({"revision": nasty, "id": request.number, "public_token": attacks.TOKEN})

    run = gate(tmp_path, answer, "--revision", "abc1234", ready={"timeout_s": 4, "revision": "revision"})
    assert run.exit_code == 75, run.out + run.err
    demand_harmless(run)
    assert "it serves revision " in run.check("deployment_answers")["cause"]
