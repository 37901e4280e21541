"""The history on disk: what was written comes back, and what a killed run left is still told."""

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from harness.history.attempt import Attempt
from harness.history.bulk_reading import read_together
from harness.history.problem import Problem
from harness.history.reading import UnreadableHistory, read
from harness.history.writing import Ledger
from tests.support.histories import failed, ok, unanswered

SETTINGS = {"url": "http://h", "table": {"name": "chatbots"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the history is written."""
    return tmp_path / "history.jsonl"


def written(file: Path, *attempts: Attempt, run: str = "r", environment: str = "preview") -> Path:
    """A history of these attempts, each with its intent."""
    ledger = Ledger(file)
    ledger.run(run, {environment: SETTINGS})
    for a in attempts:
        ledger.intend(environment, [(a.n, a.name, a.phase, [a.name])])
        ledger.settle(environment, a)
    ledger.close()
    return file


def with_lines(file: Path, *records: Any) -> Path:
    """A file of these lines, after a right first one."""
    first = {"record": "run", "format": 1, "run": "r", "environments": {"preview": SETTINGS}}
    lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in (first, *records)]
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def refusal(file: Path) -> str:
    """The message of the refusal, with the file's path as FILE."""
    with pytest.raises(UnreadableHistory) as caught:
        read(file)
    return str(caught.value).replace(str(file), "FILE")


INTENT = {"record": "intent", "environment": "preview", "n": 1, "name": "smoke-r-1", "phase": "burst", "labels": ["a"]}


# --- what comes back --------------------------------------------------------------------------------------------------


def test_attempts_come_back_as_they_were(file: Path) -> None:
    """Every field of every kind of ending, hostile text included."""
    attempts = (
        ok(1),
        failed(2, evidence="\x1b[2J\n\ud800\u2028 東京 \x00", error='"quoted"\r\n'),
        unanswered(3, Problem.CUT),
        ok(4, phase="burst", token="x" * 100_000, id=str(2**70)),
    )
    run, recorded = read(written(file, *attempts))
    assert run == "r"
    assert recorded["preview"].history.attempts == attempts
    assert recorded["preview"].settings == SETTINGS
    assert set(Attempt.__struct_fields__) <= set(json.loads(file.read_bytes().splitlines()[2]))


def test_attempts_come_back_in_the_order_of_their_numbers(file: Path) -> None:
    """A burst settles in any order."""
    recorded = read(written(file, ok(3), ok(1), ok(2)))[1]
    assert [a.n for a in recorded["preview"].history.attempts] == [1, 2, 3]


def test_an_intent_without_an_outcome_is_unknown(file: Path) -> None:
    """The run was killed after the POST may have left: a row may be stored, and its labels are known."""
    ledger = Ledger(file)
    ledger.run("r", {"preview": SETTINGS})
    ledger.intend("preview", [(1, "smoke-r-1", "sequence", ["bot smoke-r-1", "smoke-r-1"]), (2, "x", "burst", [])])
    (recorded,) = read(file)[1].values()
    first, second = recorded.history.attempts
    assert (first.outcome, first.problem, first.phase) == ("unknown", Problem.NOT_RECORDED, "sequence")
    assert first.error == "the run ended before the outcome was written"
    assert first.may_have_stored
    assert (second.name, second.phase) == ("x", "burst")
    assert recorded.labels == {1: ["bot smoke-r-1", "smoke-r-1"], 2: []}


def test_rows_and_what_was_removed_come_back(file: Path) -> None:
    """As pairs of id and label; the same pair counts once."""
    ledger = Ledger(file)
    ledger.run("r", {"preview": SETTINGS, "production": SETTINGS})
    ledger.rows("row", "preview", [("1", "a"), ("2", "b"), ("1", "a")])
    ledger.rows("removed", "preview", [("1", "a")])
    ledger.rows("row", "production", [("1", "a")])
    recorded = read(file)[1]
    assert (recorded["preview"].rows, recorded["preview"].removed) == ({("1", "a"), ("2", "b")}, {("1", "a")})
    assert (recorded["production"].rows, recorded["production"].removed) == ({("1", "a")}, set())


def test_nothing_to_write_writes_nothing(file: Path) -> None:
    """No rows, no line."""
    ledger = Ledger(file)
    ledger.run("r", {})
    ledger.rows("row", "preview", [])
    assert len(file.read_bytes().splitlines()) == 1


def test_the_file_is_its_owners_alone(file: Path) -> None:
    """It holds tokens and what servers said."""
    Ledger(file).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_ledger_appends(file: Path) -> None:
    """Opened again, it takes nothing away: the clean-up adds to what the run wrote."""
    written(file, ok(1))
    ledger = Ledger(file)
    ledger.rows("removed", "preview", [("1", "smoke-r-1")])
    ledger.close()
    recorded = read(file)[1]["preview"]
    assert (len(recorded.attempts), recorded.removed) == (1, {("1", "smoke-r-1")})


def test_threads_do_not_tear_each_others_lines(file: Path) -> None:
    """Each line is written at once, however long."""
    ledger = Ledger(file)
    ledger.run("r", {"preview": SETTINGS})
    ledger.intend("preview", [(n, f"smoke-r-{n}", "sequence", []) for n in range(80)])

    def settle(first: int) -> None:
        for n in range(first, first + 10):
            ledger.settle("preview", ok(n, evidence="x" * 50_000))

    threads = [threading.Thread(target=settle, args=(first,)) for first in range(0, 80, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.n for a in read(file)[1]["preview"].history.attempts] == list(range(80))


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [b'{"record": "att', b"{", b"\xff\xfe", json.dumps(INTENT).encode()])
def test_a_torn_last_line_is_ignored(file: Path, torn: bytes) -> None:
    """A run that was killed while it wrote leaves one; what was on disk before counts."""
    written(file, ok(1)).open("ab").write(torn)
    assert [a.n for a in read(file)[1]["preview"].history.attempts] == [1]


def test_an_empty_line_is_ignored(file: Path) -> None:
    """Somebody's editor left it."""
    assert read(with_lines(file, b"", INTENT))[1]["preview"].labels == {1: ["a"]}


def test_unknown_fields_of_an_attempt_are_ignored(file: Path) -> None:
    """A later version may write more."""
    intent, line = map(json.loads, written(file, ok(1)).read_bytes().splitlines()[1:])
    assert read(with_lines(file, intent, {**line, "more": 1}))[1]["preview"].history.attempts == (ok(1),)


ATTEMPT = {
    "record": "attempt",
    "environment": "preview",
    "n": 1,
    "name": "a",
    "phase": "burst",
    "outcome": "ok",
    "started_s": 0.0,
    "ended_s": 1.0,
}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{torn in the middle", "is not JSON: "),
        (b"\xff", "byte 1 is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'"text"', "is not a JSON object"),
        ({}, "record: Field required"),
        ({"record": "intent"}, "environment: None is not one that the first line names"),
        ({**INTENT, "environment": "staging"}, "environment: 'staging' is not one that the first line names"),
        ({**INTENT, "n": []}, "n: Expected `int`, got `array`"),
        ({"record": "attempt", "environment": "preview", "n": 1}, "name: Field required"),
        ({**ATTEMPT, "problem": "bad luck"}, "problem: Input should be"),
        ({**ATTEMPT, "started_s": "soon"}, "started_s: Input should be a valid number"),
        ({"record": "row", "environment": "preview", "id": "1"}, "label: Field required"),
        ({"record": "row", "environment": "preview", "id": [], "label": "a"}, "id: Expected `str`, got"),
        (INTENT, "n: 1 is sent a second time"),
        ({**ATTEMPT, "n": 2}, "n: 2 was not sent before with this name and phase"),
        ({"record": "run", "format": 1, "run": "r", "environments": {}}, "another run begins here"),
    ],
)
def test_any_other_unreadable_line_is_named(file: Path, line: object, said: str) -> None:
    """File, line and reason: a clean-up that overlooks a line would leave its row."""
    told = refusal(with_lines(file, INTENT, line, INTENT))
    assert told.startswith(f"FILE: line 3: {said}")
    assert "restore the file as its run wrote it" in told


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ({"record": "intent"}, "not the first record of a history of format 1"),
        ({"record": "run", "format": 2}, "not the first record of a history of format 1"),
        ({"record": "run", "format": 1, "run": "r"}, "environments: Field required"),
        ({"record": "run", "format": 1, "environments": {}}, "run: Field required"),
        ({"record": "run", "format": 1, "run": "r", "environments": []}, "environments: Expected `object`"),
        (
            {"record": "run", "format": 1, "run": "r", "environments": {"preview": "x"}},
            "environments[...]: Expected `object`",
        ),
        ([], "is not a JSON object"),
    ],
)
def test_a_wrong_first_line_is_named(file: Path, first: object, said: str) -> None:
    """It is not a history, or one of another version."""
    file.write_text(json.dumps(first) + "\n", encoding="utf-8")
    assert refusal(file).startswith(f"FILE: line 1: {said}")


@pytest.mark.parametrize(
    ("content", "want"),
    [
        (b"", "FILE: is empty: no run began to write it"),
        (b"\n\n", "FILE: is empty: no run began to write it"),
        (b'{"record": "run"', "FILE: is empty except a torn line: no run began to write it"),
    ],
)
def test_an_empty_file_is_no_history(file: Path, content: bytes, want: str) -> None:
    """The message says whether anything was written."""
    file.write_bytes(content)
    assert refusal(file) == want


def test_a_file_that_is_not_there_is_named(file: Path, tmp_path: Path) -> None:
    """And so is a folder."""
    assert refusal(file) == "FILE: cannot be read: No such file or directory"
    assert refusal(tmp_path) == "FILE: cannot be read: Is a directory"


def test_a_ledger_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    """Before anything is sent: whoever opens it decides."""
    with pytest.raises(FileNotFoundError):
        Ledger(tmp_path / "absent" / "history.jsonl")


# --- several files ----------------------------------------------------------------------------------------------------


def test_histories_of_one_environment_are_joined(tmp_path: Path) -> None:
    """Later files lie behind earlier ones in time, so that no overlap is claimed between them."""
    files = [
        written(tmp_path / "1", ok(1, started_s=0.0, ended_s=5.0)),
        written(tmp_path / "2", ok(2, started_s=1.0, ended_s=2.0)),
        written(tmp_path / "3", ok(3, started_s=0.0, ended_s=1.0), environment="production"),
    ]
    joined = read_together(files)
    assert {name: [a.n for a in h.attempts] for name, h in joined.items()} == {"preview": [1, 2], "production": [3]}
    first, second = joined["preview"].attempts
    assert second.started_s > first.ended_s
    assert second.ended_s - second.started_s == 1.0
    assert joined["production"].attempts[0].started_s > second.ended_s


def test_a_torn_last_line_is_cut_off_before_more_is_written(file: Path) -> None:
    """What a clean-up adds to the history of a killed run does not continue its torn line."""
    written(file, ok(1)).open("ab").write(b'{"record": "att')
    ledger = Ledger(file)
    ledger.rows("row", "preview", [("7", "a")])
    ledger.close()
    recorded = read(file)[1]["preview"]
    assert recorded.rows == {("7", "a")}
    assert [a.n for a in recorded.history.attempts] == [1]


def test_an_environment_without_attempts_is_kept(file: Path) -> None:
    """A run that sent no POST is judged as one, not as none."""
    ledger = Ledger(file)
    ledger.run("r", {"preview": {"url": "http://h"}})
    ledger.close()
    assert not read_together([file])["preview"].attempts


def test_a_closed_ledger_refuses_records(file: Path) -> None:
    """Closing twice is no error, and a late record is refused instead of reaching another file of that descriptor."""
    ledger = Ledger(file)
    ledger.run("r", {"preview": {"url": "http://h"}})
    ledger.close()
    ledger.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        ledger.rows("row", "preview", [("7", "a")])
    assert read(file)[0] == "r"
