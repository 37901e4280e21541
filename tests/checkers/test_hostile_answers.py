"""What a server sent decides neither how long judging takes, nor for how long no signal is heard."""

from __future__ import annotations

import itertools
import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from harness.checkers.causes import MOST_READ, UNKNOWN, cause_of_repeats, usual_cause
from harness.checkers.wrong_keys import cause_of, explained
from harness.history.attempt import Attempt
from harness.history.columnar import Attempts
from harness.history.history import History
from harness.history.problem import Problem
from tests.support.histories import failed, history, ok

if TYPE_CHECKING:
    from collections.abc import Callable

POSTS = 2000
HEARD_S = 2.0
REFUSED = '{"message":"title is required"}'
# Each begins like a pattern over and over, and never ends like it.
ALMOST = {
    "function": "function uuid_generate_v4 ",
    "column": 'null value i, in column "o ',
    "constraint": "unique constrain \\ key (a, ",
    "trigger": "PL/pgSQL function f() line 1 at RAIS ",
    "commit": "failed to ,,,, commi ",
    "pool": "acquiring a timeout when trying to connec ",
    "replay": "idempotency-key was alread, request has been previously ",
    "blanks": " ",
    "quotes": "\\\"'\n",
}


@pytest.mark.parametrize("almost", ALMOST)
def test_a_signal_is_heard_while_answers_are_read(almost: str) -> None:
    """Python hears one between two of its steps, and no search in an answer is a long one.

    These are longer than what a run keeps of an answer: somebody wrote the history.
    """
    body = ALMOST[almost] * (100_000 // len(ALMOST[almost]))
    wrong = [failed(n % 100, 500, body, error=body) for n in range(POSTS)]
    judged = history(*wrong)
    said = []
    assert longest_silence_s(lambda: said.append(cause_of(judged, wrong, "public_token"))) < HEARD_S / 4
    assert said == [UNKNOWN]


@pytest.mark.parametrize("value", ['{"msg":"no fiel"}', '"is "', "[[[[]]]]", '{"path":"a/b/c/d"}'])
def test_a_signal_is_heard_while_fields_are_looked_for(value: str) -> None:
    """Likewise what a validator says of the fields that it refuses."""
    body = json.dumps({"errors": json.loads(f"[{','.join([value] * (100_000 // len(value)))}]")})
    wrong = [failed(n % 100, 400, body) for n in range(POSTS)]
    found = []
    assert longest_silence_s(lambda: found.append(explained(history(*wrong), "public_token"))) < HEARD_S / 4
    assert found[0] is not None
    assert found[0].key == "api.payload"


def longest_silence_s(act: Callable[[], object]) -> float:
    """The longest time of the processor in which no signal was heard during an act."""
    heard = [time.process_time()]
    before = signal.signal(signal.SIGVTALRM, lambda *_: heard.append(time.process_time()))
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.005, 0.005)
    try:
        act()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    heard.append(time.process_time())
    return max(later - earlier for earlier, later in itertools.pairwise(heard))


class Looked(Attempts):
    """Attempts that count how many of them were looked at."""

    def __init__(self, attempts: list[Attempt]) -> None:
        super().__init__()
        self.looks = 0
        for attempt in attempts:
            self.add(attempt)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        self.looks += 1
        return super().__getitem__(place)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(failed(1, 400, REFUSED), id="a field"),
        pytest.param(failed(1, 404), id="a route"),
        pytest.param(
            failed(1, 308, problem=Problem.REDIRECTED, error="308: redirected to /a/, want 201: set api.create: /a/"),
            id="a redirect",
        ),
    ],
)
def test_so_many_answers_are_compared(wrong: Attempt) -> None:
    """The first of very many tell whether they are alike, and the cause says how many were compared."""
    very_many = Looked([wrong] * POSTS)
    key = explained(History("preview", very_many), "public_token")
    assert key is not None
    assert key.cause.startswith(f"each of the first 200 POSTs was answered {wrong.status}")
    assert very_many.looks <= 500
    few = explained(history(*[wrong] * 200), "public_token")
    assert few is not None
    assert few.cause == key.cause.replace("each of the first 200 POSTs", "every POST")


def test_one_that_was_acknowledged_explains_away_no_key() -> None:
    """Wherever it stands among very many."""
    assert explained(history(*[failed(1, 404)] * POSTS, ok(2)), "public_token") is None


def test_a_redirect_is_read_up_to_a_bound() -> None:
    """A history that somebody wrote has no bound of its own."""
    error = "308: redirected to /" + "a, want 201: set " * 100_000
    key = explained(history(*[failed(1, 308, problem=Problem.REDIRECTED, error=error)] * 3), "public_token")
    assert key is not None
    assert len(key.cause) + len(key.remedy) < 2 * MOST_READ


def test_where_nothing_came_twice_no_answer_is_looked_at() -> None:
    """A million of them would be made for nothing."""
    usual = usual_cause([], "public_token")
    acknowledged = Looked([ok(1), ok(2)])
    assert cause_of_repeats(History("preview", acknowledged), [], usual) == usual
    assert acknowledged.looks == 0
