"""Histories that are read into columns: whoever judges them concludes what it would of the attempts themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.checkers import history as history_checkers
from harness.checkers import latency
from harness.checkers.causes import UNKNOWN, cause_of_repeats
from harness.errors import CouldNotTell
from harness.history import columnar, out_of_core
from harness.history.attempt import Attempt
from harness.history.bulk_reading import read_together
from harness.history.columnar import Attempts, Tokens
from harness.history.history import History
from harness.history.problem import Problem
from harness.history.reading import UnreadableHistory, read
from harness.history.token_sample import sample_of
from harness.history.writing import Ledger
from harness.report import page, plots
from tests.support.histories import failed, history, ok, unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

UUIDS = [
    *(str(UUID(bytes=bytes([n % 3, *range(14), n]), version=4)) for n in range(6)),
    "0" * 8 + "-0000-0000-0000-" + "0" * 12,
    str(UUID(int=1, version=1)),
]
TEXTS = [
    *UUIDS,
    UUIDS[0].upper(),
    f"{{{UUIDS[1]}}}",
    "k3x9ab",
    "",
    "東京-" * 9,
    UUIDS[2].replace("-", ""),
    "x" * 36,
    "\ud800",
]
JUDGES: list[Callable[[History], object]] = [
    history_checkers.wrong_answers,
    history_checkers.repeated_tokens,
    history_checkers.repeated_ids,
    history_checkers.tokens_not_version_4,
    history_checkers.largest_overlap,
    lambda h: history_checkers.shared_tokens(h, [h]),
    lambda h: sample_of(h.tokens),
    lambda h: list(latency.durations_ms(h)),
    lambda h: [a.n for a in latency.slower_than(h, 400)],
    lambda h: list(latency.answered_s(h.attempts)),
    lambda h: plots.latency(latency.answered_s(h.attempts), 4.0),
    lambda h: cause_of_repeats(h, history_checkers.repeated_tokens(h), UNKNOWN),
    lambda h: plots.timeline(h.attempts),
    lambda h: list(page._phases(h)),
    lambda h: [list(h.phase(phase).attempts) for phase in ("sequence", "burst")],
    lambda h: list(h.acknowledged),
    lambda h: list(h.tokens),
    lambda h: (list(h.sent), list(h.probes), len(h.attempts)),
]


def told(judge: Callable[[History], object], of: History) -> object:
    """What a judge says, or why it cannot."""
    try:
        return judge(of)
    except CouldNotTell as error:
        return error.cause


def written(file: Path, attempts: Sequence[Attempt], settled: Sequence[Attempt] | None = None) -> Path:
    """A history with an intent for each attempt, and an outcome for each of those that settled, in their order."""
    ledger = Ledger(file)
    ledger.run(file.name, {"preview": {"url": "http://h"}})
    ledger.intend("preview", [(a.n, a.name, a.phase, [a.name]) for a in attempts])
    for a in attempts if settled is None else settled:
        ledger.settle("preview", a)
    ledger.close()
    return file


def sent(n: int, kind: str, phase: str, token: str, times: tuple[int, int], id_: int) -> Attempt:
    """One attempt of a kind."""
    start_s, took_s = times
    made = failed(n) if kind == "failed" else unanswered(n) if kind == "unanswered" else ok(n)
    made = replace(made, phase=phase, started_s=start_s / 8, ended_s=(start_s + took_s) / 8)
    if kind == "limited":
        return replace(made, outcome="unknown", problem=Problem.RATE_LIMITED, status=429, token=None)
    if kind == "renamed":
        made = replace(made, name=f"bot {n} of another kind")
    return replace(made, token=token, id=str(id_)) if made.outcome == "ok" else made


attempts_of = st.lists(
    st.tuples(
        st.sampled_from(["ok", "ok", "ok", "ok", "failed", "unanswered", "limited", "renamed"]),
        st.sampled_from(["sequence", "burst", "burst", "chosen_token"]),
        st.sampled_from(TEXTS),
        st.tuples(st.integers(1, 30), st.integers(1, 30)),
        st.integers(0, 60),
    ),
    max_size=30,
)


@pytest.fixture(params=["in memory", "out of core"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Columns as they are, or in temporary files of parts that are very small."""
    if request.param == "out of core":
        for name, value in {"MOST_IN_MEMORY": 6, "PIECE": 4, "RUN": 8, "PARTS": 3, "_SAMPLED": 2}.items():
            monkeypatch.setattr(out_of_core, name, value)
            monkeypatch.setattr(columnar, name, value, raising=False)
    return str(request.param)


@settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attempts_of, st.randoms(use_true_random=False), st.integers(0, 3))
def test_columns_are_judged_as_the_attempts_are(
    tmp_path: Path, where: str, made: list[tuple[str, str, str, tuple[int, int], int]], random: object, killed: int
) -> None:
    """Whatever was sent, in whatever order it settled, and where the run was killed before the last had settled."""
    attempts = [sent(n, *one) for n, one in enumerate(made)]
    settled = attempts[: len(attempts) - killed]
    random.shuffle(settled)  # type: ignore[attr-defined]
    file = tmp_path / "history.jsonl"
    file.unlink(missing_ok=True)
    whole = read(written(file, attempts, settled))[1]["preview"].history
    packed = read_together([file])["preview"]
    for judge in JUDGES:
        one, other = told(judge, whole), told(judge, packed)
        assert without_evidence(one) == without_evidence(other)


def without_evidence(said: object) -> object:
    """The same without the bodies of right answers, which columns do not keep."""
    if isinstance(said, (list, tuple)) and type(said) in (list, tuple):
        return [without_evidence(one) for one in said]
    return replace(said, evidence="") if isinstance(said, Attempt) and said.outcome == "ok" else said


def test_usual_attempts_are_in_columns(tmp_path: Path) -> None:
    """None of them is an object of its own, and what they hold comes back; a failure is whole, evidence included."""
    attempts = [ok(1), failed(2, evidence="duplicate key"), ok(3, token="k3x9ab")]
    packed = read_together([written(tmp_path / "h", attempts)])["preview"].attempts
    assert isinstance(packed, Attempts)
    assert list(packed.others) == [1]
    assert list(packed) == attempts
    assert (packed[-1], list(packed[1:])) == (attempts[-1], attempts[1:])
    assert packed.tokens.others == {1: "", 2: "k3x9ab"}


def test_several_pieces_make_one_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that lie across pieces of the file, an attempt in another piece than its intent, and a torn last line."""
    attempts = [ok(n, phase="burst") for n in range(40)]
    file = written(tmp_path / "h", attempts, [attempts[n] for n in range(39, 0, -1)])
    file.open("ab").write(b'{"record":"attempt","environment":"pre')
    monkeypatch.setattr("harness.history.bulk_reading._PIECE", 97)
    packed = read_together([file])["preview"]
    assert [a.n for a in packed.attempts] == list(range(40))
    assert packed.attempts[0].problem == Problem.NOT_RECORDED
    assert list(packed.attempts)[1:] == attempts[1:]


@pytest.mark.parametrize(
    "line",
    [
        {"record": "of a later version", "environment": "preview", "n": "?"},
        {
            "record": "attempt",
            "environment": "preview",
            **{f: getattr(ok(1), f) for f in type(ok(1)).__struct_fields__},
        },
        {"record": "intent", "environment": "preview", "n": 9, "name": "x\ud800", "phase": "burst", "labels": []},
    ],
)
def test_a_line_that_does_not_fit_costs_only_time(tmp_path: Path, line: dict[str, object]) -> None:
    """The file is read as clean-up reads it."""
    file = written(tmp_path / "h", [ok(1), ok(2)])
    with file.open("a", encoding="utf-8") as more:
        more.write(json.dumps(line) + "\n")
    whole = read(file)[1]["preview"].history
    assert list(read_together([file])["preview"].attempts) == list(whole.attempts)
    assert whole.attempts[:2] == (ok(1), ok(2))


@pytest.mark.parametrize(
    "line",
    ['{"record":"intent","environment":"staging","n":1,"name":"a","phase":"burst"}', '{"record":"attempt"}', "{"],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str) -> None:
    """File and line, as everywhere."""
    file = written(tmp_path / "h", [ok(1)])
    file.open("a", encoding="utf-8").write(line + "\n")
    with pytest.raises(UnreadableHistory, match=r"/h: line 4: "):
        read_together([file])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As everywhere."""
    with pytest.raises(UnreadableHistory, match=r"/none: cannot be read: No such file"):
        read_together([tmp_path / "none"])


def test_joined_histories_keep_their_attempts(tmp_path: Path) -> None:
    """Two runs that number alike, the later one moved behind the earlier one, whole attempts included."""
    files = [written(tmp_path / name, [ok(1), failed(2), ok(3)]) for name in ("a", "b")]
    joined = read_together(files)["preview"]
    assert [a.n for a in joined.attempts] == [1, 2, 3, 1, 2, 3]
    assert joined.attempts[4].started_s > joined.attempts[2].ended_s
    assert [a.n for a in joined.unacknowledged] == [2, 2]
    assert len(history_checkers.repeated_tokens(joined)) == 2


@pytest.mark.parametrize("text", TEXTS)
def test_a_token_comes_back_as_it_was(text: str) -> None:
    """Packed or not, among others of either kind."""
    tokens = Tokens([UUIDS[0], text, UUIDS[1], text])
    assert list(tokens) == [UUIDS[0], text, UUIDS[1], text]
    assert list(tokens[1:3]) == [text, UUIDS[1]]
    assert tokens[-1] == text


@pytest.mark.parametrize(("text", "right"), [(text, text in UUIDS[:6]) for text in TEXTS])
def test_only_canonical_version_4_is_all_version_4(text: str, right: bool) -> None:
    """Not another version, another spelling, or a nil UUID, with whose bytes others are packed."""
    assert Tokens([UUIDS[0], text]).all_version_4 is right


def test_halves_are_counted_anew_when_tokens_were_added() -> None:
    """What was counted before is not what is there now."""
    tokens = Tokens([UUIDS[0]])
    assert tokens.distinct_halves == (1, 1)
    tokens.extend([UUIDS[0], UUIDS[1]])
    assert tokens.distinct_halves == (2, 2)


def test_a_column_is_a_field_of_each(tmp_path: Path) -> None:
    """Of a tuple and of columns."""
    attempts = (ok(1), ok(2))
    packed = read_together([written(tmp_path / "h", attempts)])["preview"].attempts
    for name, values in (("n", [1, 2]), ("id", ["1", "2"]), ("ended_s", [1.5, 2.5])):
        assert list(columnar.column(attempts, name)) == list(columnar.column(packed, name)) == values
    assert history(*attempts).unacknowledged == []
