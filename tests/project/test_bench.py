"""What holds `make bench` together; the figures themselves are measured by it alone.

The part of it that every machine has, the task as a shell script, is run on deployments: one that only ever passed
would be no opponent.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from bench import __main__ as bench
from bench.gate import _ahead, _compared, _over, least
from bench.installed import LeftOut, _made, program
from bench.measuring import Command, Failed, Timing, _waited, in_turns, run
from bench.posts import AHEAD, OWN, REQUESTS, _targets
from bench.results import DURATIONS, durations, write
from bench.scale import Cost, _judged
from bench.soak_profile import GROUPS, OTHER, Cpu, Disk, Soaked, model, shares_of, why
from rehearsal.deployment.start import deployed
from tests.support.gates import ROOT, clean_environment
from tests.support.steps import rows_of, secrets_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


# --- parts ------------------------------------------------------------------------------------------------------------


def test_every_part_can_be_measured() -> None:
    """Each module of the folder that has `measure` is one, and says in its first line what it measures."""
    modules = {path.stem for path in (ROOT / "bench").glob("*.py")}
    parts = {name for name in modules if hasattr(import_module(f"bench.{name}"), "measure")}
    assert parts == set(bench.PARTS)
    titles = {(import_module(f"bench.{part}").__doc__ or "").partition("\n")[0] for part in bench.PARTS}
    assert len(titles - {""}) == len(bench.PARTS)


def test_every_part_that_a_document_names_is_there() -> None:
    """As `python -m bench PART`."""
    texts = [path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]]
    words = [text.split("python -m bench ")[1:] for text in texts]
    named = {after.split()[0].strip("`.,;:)") for found in words for after in found}
    assert named - {"PART"} <= set(bench.PARTS)


def part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **measures: object) -> Path:
    """Parts of a test instead of the real ones; returns the file that they are written to."""
    for name, does in measures.items():
        module = type(sys)(f"bench.{name}")
        module.__doc__ = f"Title of {name}.\n\nMore."
        vars(module)["measure"] = does
        monkeypatch.setitem(sys.modules, f"bench.{name}", module)
    monkeypatch.setattr(bench, "PARTS", tuple(measures))
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results.md")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return tmp_path / "results.md"


def refuses(rounds: int) -> str:
    raise Failed("sleep: exit 3 of sleep")


def mistaken(rounds: int) -> str:
    raise ZeroDivisionError


def test_a_part_that_fails_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, nothing of it is written, what was there of it stays, and the exit code is 1."""
    file = part(monkeypatch, tmp_path, one=lambda rounds: f"{rounds} rounds", two=refuses, three=mistaken, four=str)
    write(file, "two", "Title of two", "measured earlier", 61.0, order=bench.PARTS)
    assert bench.main([]) == 1
    text = file.read_text(encoding="utf-8")
    for found in ("## Title of one\n", "5 rounds", "measured earlier", "## Title of four\n"):
        assert found in text
    assert "three" not in text
    assert "| `two` | 61 s |" in text
    err = capsys.readouterr().err
    assert re.search(r"took one \d+ s, two \d+ s, three \d+ s, four \d+ s\ntook \d+\.\d minutes in all\n", err)
    assert "two failed: sleep: exit 3 of sleep" in err
    assert "ZeroDivisionError" in err
    assert "not measured: two, three; results.md keeps their earlier results" in err


def test_few_rounds_are_printed_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The medians of fewer than five are for whoever tries something."""
    file = part(monkeypatch, tmp_path, one=lambda rounds: f"{rounds} rounds")
    assert bench.main(["one", "--rounds", "4"]) == 0
    assert "4 rounds" in capsys.readouterr().out
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["neither"], "there is no part neither; choose from one"), (["--rounds", "0"], "--rounds must be 1 or more")],
)
def test_a_mistake_is_named(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is measured."""
    part(monkeypatch, tmp_path, one=refuses)
    with pytest.raises(SystemExit) as ended:
        bench.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


# --- results.md -------------------------------------------------------------------------------------------------------


def test_one_section_is_replaced_and_the_others_are_kept(tmp_path: Path) -> None:
    """In the order of the parts, and without those that are no longer measured."""
    file, order = tmp_path / "results.md", ("one", "two")
    write(file, "gone", "Gone", "g", 1.0, order=("gone",))
    write(file, "two", "Two", "second", 100.4, order=order)
    write(file, "one", "One", "first, with \\1 in it", 1.6, order=order)
    before = file.read_text(encoding="utf-8")
    write(file, "two", "Two", "second again", 100.4, order=order)
    text = file.read_text(encoding="utf-8")
    assert text.index("first, with \\1 in it") < text.index("second again")
    assert "Gone" not in text
    assert text == before.replace("second\n", "second again\n")
    assert re.search(r"Measured with `python -m bench two` on .*, in 100 s\.\n", text)
    assert [path.name for path in tmp_path.iterdir()] == ["results.md"]


@pytest.mark.parametrize(
    ("took_s", "all_of_them", "each"),
    [
        ({"one": 180, "two": 20}, "met, 3.3 minutes", "met, `one` took 180 s"),
        ({"one": 181, "two": 20}, "met, 3.4 minutes", "missed, `one` took 181 s"),
        (
            dict.fromkeys(("one", "two", "three", "four", "five"), 181),
            "missed, 15.1 minutes",
            "missed, `one` took 181 s",
        ),
        ({"one": 1, "two": None}, "not measured", "not measured"),
    ],
)
def test_what_all_parts_take_is_judged_by_their_sections(
    took_s: dict[str, int | None], all_of_them: str, each: str
) -> None:
    """Their sum, and the longest; where one does not say how long it took, neither is met or missed."""
    where = "on 2026-11-30, 2 cores, Linux x86_64, Python 3.11.7"
    sections = {
        part: f"## Title\n\nMeasured with `python -m bench {part}` {where}{'' if s is None else f', in {s} s'}.\n\n"
        for part, s in took_s.items()
    }
    said = durations(sections)
    assert f"- Target, `make bench` in at most 15 minutes: {all_of_them}.\n" in said
    assert said.endswith(f"- Target, each part in at most 3: {each}.")
    for part, s in took_s.items():
        assert f"| `{part}` | {'unknown' if s is None else f'{s} s'} |" in said


def test_the_durations_are_those_of_the_sections() -> None:
    """The file's last section says of every part how long it took, as that part's own section does."""
    text = (ROOT / "bench" / "results.md").read_text(encoding="utf-8")
    sections = {part: text.partition(f"<!-- {part} -->\n")[2].partition("<!-- /")[0] for part in bench.PARTS}
    last = text.partition("<!-- durations -->\n")[2]
    assert last == f"## {DURATIONS}\n\n{durations(sections)}\n<!-- /durations -->\n"


# --- measuring --------------------------------------------------------------------------------------------------------


def test_a_wrong_exit_code_is_no_measurement() -> None:
    """The message names who, the code, the command, and the end of what it printed."""
    with pytest.raises(Failed) as failed:
        run("the gate", Command(python("print('no database'); raise SystemExit(3)")))
    assert str(failed.value).startswith(f"the gate: exit 3 of {sys.executable} -c ")
    assert str(failed.value).endswith("\nno database\n")
    assert run("it", Command(python("raise SystemExit(3)"), expected=(0, 3)))[0] > 0


def test_a_command_that_is_not_there_is_named() -> None:
    """And is no traceback."""
    with pytest.raises(Failed, match="it: /no/such/program cannot be run: No such file or directory"):
        run("it", Command(["/no/such/program"]))


def test_a_command_that_hangs_is_ended_with_its_children() -> None:
    """Its children hold its output open; they are ended as well."""
    with pytest.raises(Failed, match="it: not done within 3 s of ") as failed:
        run("it", Command(["sh", "-c", "sleep 600 & echo $!; wait"], timeout_s=3))
    assert gone(int(str(failed.value).split()[-1]))


def test_the_memory_of_a_command_is_its_own() -> None:
    """To Linux the peak of a process begins with that of the process that forked it."""
    held = b"x" * 300_000_000
    _, _, peak_mb = run("it", Command(python("pass")))
    assert 1 < peak_mb < 100, len(held)


def test_ctrl_c_ends_what_is_measured(tmp_path: Path) -> None:
    """It runs in a session of its own, which a terminal's Ctrl-C does not reach."""
    noted = tmp_path / "pid"
    threading.Thread(target=interrupt_when, args=(noted,), daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run("it", Command(["sh", "-c", f"echo $$ > {noted}.new; mv {noted}.new {noted}; sleep 600"]))
    assert gone(int(noted.read_text(encoding="utf-8")))


def interrupt_when(noted: Path) -> None:
    """Send this process SIGINT when the command has begun and the main thread waits for its end."""
    main = threading.main_thread().ident
    while not noted.exists() or sys._current_frames()[main or 0].f_code is not _waited.__code__:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def gone(pid: int) -> bool:
    """Whether a process has ended, within ten seconds."""
    for _ in range(1000):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:  # whoever got it has not waited for it
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def test_turns_are_taken_and_the_first_is_not_counted() -> None:
    """What follows a turn is not measured, and may refuse it."""
    took: list[str] = []

    def turn(name: str) -> Command:
        return Command(python(""), after=lambda: took.append(name))

    timings = in_turns({"a": lambda: turn("a"), "b": lambda: took.append("b")}, rounds=2)
    assert took == ["a", "b"] * 3
    assert [len(timing.wall_s) for timing in timings.values()] == [2, 2]
    assert min(timings["a"].cpu_s) > 0
    assert min(timings["a"].peak_mb) > 1


@pytest.mark.parametrize("part", bench.PARTS)
def test_results_are_of_what_the_code_measures(part: str) -> None:
    """Each part has its section, under its own title, and says of each of its targets whether it was met."""
    written = (ROOT / "bench" / "results.md").read_text(encoding="utf-8")
    section = written.partition(f"<!-- {part} -->\n")[2].partition(f"<!-- /{part} -->\n")[0]
    module = import_module(f"bench.{part}")
    title = (module.__doc__ or "").partition("\n")[0].removesuffix(".")
    assert section.startswith(f"## {title}\n\nMeasured with `python -m bench {part}` on 20")
    if hasattr(module, "target"):
        assert re.search(r"(?m)^(- )?Target, [^:\n]+: (met|missed), ", section)
    assert not re.search(r"(?m)^Targets?:|Target, [^:\n]+: (?!met, |missed, |not measured\.)", section)


# --- the gate and its opponents ---------------------------------------------------------------------------------------


def timed(**seconds: float) -> dict[str, Timing]:
    names = {"gate": "the gate", "bare": "(a) bare pytest", "least": "the least"}
    names |= {"packages": "the least, with the packages of the gate", "tavern": "(c) Tavern", "newman": "(d) Newman"}
    names |= {"claims": "the same, and a test for each claim", "reports": "the same, and a history and reports"}
    return {names[who]: Timing([s], [s], [1.0]) for who, s in seconds.items()}


def test_the_target_is_judged_by_the_figures() -> None:
    """Each of its four parts by itself; one that was not measured is neither met nor missed."""
    timings = timed(gate=1.5, bare=1.0, least=1.4, packages=1.47, tavern=1.6, newman=1.4)
    assert [*_over(timings), *_ahead(timings)] == [
        "Target, at most 1.5 x (a): met, 1.50 x, where the least is at 1.40 x.",
        "Target, at most 1.15 x the least: met, 1.07 x, where importing its packages alone is at 1.05 x.",
        "Target, ahead of (c) Tavern: met, 0.94 x.",
        "Target, ahead of (d) Newman: missed, 1.07 x.",
    ]
    timings = timed(gate=1.51, bare=1.0, least=1.2, packages=1.26, newman=2.0)
    assert [*_over(timings), *_ahead(timings)] == [
        "Target, at most 1.5 x (a): missed, 1.51 x, where the least is at 1.20 x.",
        "Target, at most 1.15 x the least: missed, 1.26 x, where importing its packages alone is at 1.05 x.",
        "Target, ahead of (c) Tavern: not measured.",
        "Target, ahead of (d) Newman: met, 0.76 x.",
    ]
    timings = timed(gate=1.5, bare=1.0, least=1.0, packages=1.1, claims=1.2, reports=1.4)
    assert _over(timings)[1] == (
        "Target, at most 1.15 x the least: missed, 1.50 x, where importing its packages alone is at 1.10 x, "
        "a test for each claim besides at 1.20 x, a history and reports besides at 1.40 x."
    )


def test_what_a_post_costs_is_judged_by_the_figures() -> None:
    """The gate's POSTs alone, of CPU; the least that writes ahead is said beside it."""
    for own_s, word in [(1.25, "met"), (1.26, "missed")]:
        cost = {name: ([1.0], [s]) for name, s in {OWN: own_s, REQUESTS: 1.0, AHEAD: 1.2}.items()}
        said = f": {word}, {own_s:.2f} x, where requests that write ahead are at 1.20 x ({own_s / 1.2:.2f} x of those)."
        assert _targets(cost).endswith(said)
    assert _targets({OWN: ([1.0], [1.0])}).endswith("not measured.")


def test_what_a_large_history_costs_is_judged_by_the_figures() -> None:
    """Of the largest size alone: CPU and memory together."""
    for cpu_s, peak_mb, word in [(59.0, 499.0, "met"), (61.0, 300.0, "missed"), (50.0, 501.0, "missed")]:
        costs = {10_000_000: Cost(400.0, cpu_s, peak_mb, 1.0), 1_000_000: Cost(0.1, 0.1, 1.0, 1.0)}
        said = f"{word}, {cpu_s:.0f} s and {peak_mb:.0f} MB."
        assert _judged(costs) == f"Target, 10,000,000 attempts judged in at most 60 s of CPU and 500 MB: {said}"


def looked(*frames: str, number: int) -> str:
    """A line of py-spy's, of a process of a soak."""
    return ";".join(['process 1:"python -m harness soak"', *frames]) + f" {number}"


def test_looks_at_a_soak_are_shared_out_by_the_innermost_frame() -> None:
    """By process, which is master or worker by what it runs. What imports is left out, and who is no engine."""
    one, two = (f'process {pid}:"python -m harness.soak.engine"' for pid in (2, 3))
    shares = shares_of(
        [
            looked(one, "run (harness/soak/master.py:9)", "send (zmq/sugar/socket.py:1)", number=3),
            looked(one, "run (gevent/hub.py:9)", number=1),
            looked(
                two,
                "create (harness/soak/worker.py:9)",
                "settle (harness/history/writing.py:9)",
                "dumps (json/a.py:1)",
                number=6,
            ),
            looked(two, "run (gevent/hub.py:9)", "send (gevent/_socketcommon.py:1)", number=2),
            looked(two, "<module> (made_up.py:9)", number=2),
            looked(
                two, "_find_and_load (<frozen importlib._bootstrap>:9)", "run (harness/soak/worker.py:9)", number=90
            ),
            looked("main (harness/soak/command.py:9)", number=90),
        ]
    )
    on_disk, _, sockets, _, locust, loop = GROUPS
    assert {group: share for group, share in shares["master"].items() if share} == {locust: 0.75, loop: 0.25}
    assert {group: share for group, share in shares["worker"].items() if share} == {
        on_disk: 0.6,
        sockets: 0.2,
        OTHER: 0.2,
    }


@pytest.mark.parametrize(
    ("worker_us", "fsyncs", "each_ms", "limit"),
    [
        (400.0, 40_000.0, 0.5, "the users"),
        (30_000.0, 20_000.0, 0.5, "the CPU of 15 workers, a core each"),
        (400.0, 500.0, 0.5, "the disk"),
    ],
)
def test_the_least_limit_is_that_of_sixteen_cores(worker_us: float, fsyncs: float, each_ms: float, limit: str) -> None:
    """Whichever of them it is; the server that was measured with is not the deployment."""
    spent = {n: Soaked(3000.0, 4.5, 4.0, Cpu(worker_us), Cpu(20.0), Cpu(50.0)) for n in (2, 4)}
    said = model(spent, {writers: Disk(fsyncs, each_ms, 60.0) for writers in (1, 16)})
    assert said.endswith(f"the limit is {limit}.")


def test_more_workers_are_told_what_they_cost() -> None:
    """How many cores are at work, what room is left, what a POST costs more, and what of that its name on disk."""
    on_disk = next(iter(GROUPS))
    spent = {
        2: Soaked(2_500.0, 9.0, 4.0, Cpu(300.0, 100.0, 0.01), Cpu(20.0), Cpu(80.0)),
        4: Soaked(2_600.0, 4.5, 6.0, Cpu(400.0, 100.0, 0.05), Cpu(20.0), Cpu(80.0)),
    }
    told = why(spent, {n: {"worker": {on_disk: share}} for n, share in ((2, 0.1), (4, 0.2))}, cores=2)
    for said in (
        "1.2 of 2 with 2 workers, 1.6 with 4. So the cores have room for 1.60 x the POSTs of 2 workers",
        "with 4 workers it costs 1.20 x as much. That is 100 us more of the workers: 50 us to have names",
        "since 4.5 names share an fsync where 9.0 did, and 50 us for all else",
        "0.05 times a POST, and 0.01 times where there were 2.",
    ):
        assert said in told


def test_what_cannot_be_had_is_a_row_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Node.js is no reason to measure nothing."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(LeftOut, match="there is no npm here") as reason:
        program("npm")
    rows = _compared(timed(gate=3.0, bare=2.0), {"(d) Newman": str(reason.value)})
    assert "| the gate | 3.00 s (3.00-3.00) | 3.00 s (3.00-3.00) | 1.50 | 1.50 |" in rows
    assert rows.endswith("| (d) Newman | left out: there is no npm here |  |  |  |")


def test_what_cannot_be_installed_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In one line. It is made anew where it was not made to its end, or from another list; else not."""
    monkeypatch.setattr("bench.installed.ROOT", tmp_path)
    folder, listed, made = tmp_path / "newman", tmp_path / "list", tmp_path / "made"
    listed.write_text("1", encoding="utf-8")
    with pytest.raises(LeftOut, match=r"^newman cannot be installed: no network$"):
        _made(folder, [listed], [python("print('Collecting', flush=True); raise SystemExit('no network')")])
    for text, times in [("1", 1), ("1", 1), ("2", 2)]:
        listed.write_text(text, encoding="utf-8")
        _made(folder, [listed], [["sh", "-c", f"echo once >> {made}"]])
        assert len(made.read_text(encoding="utf-8").splitlines()) == times


def asked_by(line: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """How an opponent ended that is started in the checkout, as the measurement does."""
    return subprocess.run(
        line, cwd=ROOT, env=clean_environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )


needs_programs = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("bash", "curl", "psql")), reason="there is no bash, curl or psql here"
)


@needs_programs
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (None, ""),
        ("answers_200", "POST 19 answered 200, not 201"),
        ("reuses_token", "there are not 19 distinct tokens"),
        ("column_is_varchar_36", "the column is no uuid"),
        ("duplicates_are_stored", "tokens are stored twice"),
    ],
)
def test_the_shell_script_is_an_opponent_that_can_fail(postgres: Postgres, fault: str | None, said: str) -> None:
    """It passes on a healthy deployment and fails on a broken one, for the right reason, and leaves no row."""
    with deployed(postgres, fault) as deployment:
        secrets = secrets_for(deployment)
        secrets |= {"PRODUCTION_URL": secrets["PREVIEW_URL"], "POSTGRES_URL": secrets["PREVIEW_POSTGRES_URL"]}
        done = asked_by(["bench/opponents/script.sh"], **secrets)
        assert done.returncode == (1 if said else 0), done.stderr
        assert said in done.stderr
        assert bool(done.stderr) == bool(said)
        with psycopg.connect(deployment.database) as connection:
            left = connection.execute("select name from chatbots where name ~ '^bench-'").fetchall()
        assert left == []
        assert rows_of(deployment) == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [(None, "1 passed"), ("answers_200", "assert 200 == 201"), ("answers_201_and_stores_nothing", "assert 0 == 19")],
)
def test_the_least_asks_all_and_leaves_nothing(postgres: Postgres, fault: str | None, said: str) -> None:
    """What the gate has to ask in any case is asked of each deployment, or else the run that is timed fails."""
    with deployed(postgres) as healthy, deployed(postgres, fault) as deployment:
        both = json.dumps([[of.url, of.database] for of in (healthy, deployment)])
        command = least(sys.executable, DEPLOYMENTS=both)
        done = asked_by(command.line, **command.env)
        assert done.returncode == (1 if fault else 0), done.stdout
        assert said in done.stdout
        assert rows_of(healthy) == 0


def test_the_least_has_tests_and_reports_where_they_are_asked_for(postgres: Postgres, tmp_path: Path) -> None:
    """What is measured besides is really done: so many tests, each POST on disk twice, and every report."""
    with deployed(postgres) as deployment:
        asked = json.dumps([[deployment.url, deployment.database]])
        command = least(sys.executable, DEPLOYMENTS=asked, CLAIMS="3", REPORTS=str(tmp_path), PACKAGES="msgspec")
        done = asked_by(command.line, **command.env)
        assert done.returncode == 0, done.stdout
        assert "4 passed" in done.stdout
        assert rows_of(deployment) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"history.jsonl", "verdict.json", "summary.md", "report.html"}
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    sent = [name for what, names in history if what == "sends" for name in names.split()]
    assert sorted(sent) == sorted(name for what, name in history if what == "answered")
    assert len(sent) == 19
