"""Who gave the tokens their values, judged from what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.checkers.token_writers import demand_seen, given_by_the_app, posts_seen
from harness.errors import CouldNotTell
from harness.history.attempt import Attempt
from harness.history.history import History
from harness.postgres.inserts import ObservedInserts

if TYPE_CHECKING:
    from harness.history.attempt import Phase

GIVEN = ("update chatbots set public_token = $1",)


def history(posts: int = 19, probes: int = 3) -> History:
    """So many acknowledged POSTs, one second each, and probes after them."""
    sent = []
    for n in range(posts + probes):
        phase: Phase = "sequence" if n < posts else "same_payload"
        sent.append(Attempt(n, f"smoke-r-{n}", phase, "ok", float(n), n + 1.0))
    return History.of("preview", sent)


@pytest.mark.parametrize(
    "observed",
    [
        ObservedInserts(counted=22, by_database=22),
        ObservedInserts(counted=40, by_database=40),  # another client creates chatbots too
        ObservedInserts(by_database=1, seen_s=(0.5,)),
        ObservedInserts(counted=0, by_database=3, seen_s=(0.5, 1.5, 2.5)),
    ],
)
def test_app_leaves_it_out(observed: ObservedInserts) -> None:
    """Every statement that was seen leaves the token to Postgres, and those that are counted account for the POSTs."""
    assert given_by_the_app(observed, history()) == ()
    demand_seen(observed, history())


@pytest.mark.parametrize(
    "observed",
    [
        ObservedInserts(counted=22, by_app=22, given=GIVEN),
        ObservedInserts(counted=22, by_database=21, by_app=1, given=GIVEN),
        ObservedInserts(counted=22, by_database=19, by_app=3, given=GIVEN),  # hidden behind the probes' own INSERTs
        ObservedInserts(counted=22, by_database=22, by_app=22, updates=22, given=GIVEN),  # an UPDATE after each INSERT
        ObservedInserts(by_database=4, by_app=2, updates=2, given=GIVEN, seen_s=(0.1, 1.1, 2.1, 3.1)),
        ObservedInserts(by_database=18, by_app=1, given=GIVEN, seen_s=(0.5, 1.5)),
        ObservedInserts(counted=40, by_database=10, by_app=30, given=GIVEN),  # too few leave it out for these POSTs
    ],
)
def test_one_statement_that_gives_a_value_is_enough(observed: ObservedInserts) -> None:
    """However many others leave it out."""
    assert given_by_the_app(observed, history()) == GIVEN


def test_statement_of_somebody_else_is_not_told_from_ours() -> None:
    """More rows were stored than POSTs were sent: it may be another client's, and is shown."""
    observed = ObservedInserts(counted=40, by_database=33, by_app=7, given=GIVEN)
    with pytest.raises(CouldNotTell, match="40 rows were stored during 22 POSTs") as raised:
        given_by_the_app(observed, history())
    assert GIVEN[0] in raised.value.cause


@pytest.mark.parametrize(
    "observed",
    [
        ObservedInserts(counted=22, by_database=22, by_app=2, updates=2, given=GIVEN),
        ObservedInserts(by_database=9, by_app=1, updates=1, given=GIVEN, seen_s=(0.1, 1.1, 2.1)),
    ],
)
def test_few_updates_may_be_somebody_elses(observed: ObservedInserts) -> None:
    """Whoever edits a chatbot while the POSTs run may send all its columns back."""
    with pytest.raises(CouldNotTell, match="another client may have edited its chatbots"):
        given_by_the_app(observed, history())


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        (ObservedInserts(cause="nothing was seen", remedy="grant it"), "nothing was seen"),
        (ObservedInserts(counted=22, by_database=21, unclear=1, not_understood=("call f(?)",)), "call f"),
        (ObservedInserts(counted=15, by_database=15), "counted 15 statements"),
    ],
)
def test_what_was_not_seen_proves_nothing(observed: ObservedInserts, said: str) -> None:
    """Nothing seen, not understood, or fewer than the POSTs that were acknowledged."""
    assert given_by_the_app(observed, history()) == ()
    with pytest.raises(CouldNotTell, match=said):
        demand_seen(observed, history())


def test_each_sighting_is_of_one_post() -> None:
    """Two during one POST count once; one between the POSTs is of nobody."""
    sent = [Attempt(n, f"smoke-r-{n}", "sequence", "ok", float(n), n + 0.5) for n in range(3)]
    of = History.of("preview", sent)
    assert posts_seen(ObservedInserts(seen_s=(0.1, 0.2, 1.3, 1.8)), of) == 2
    assert posts_seen(ObservedInserts(), of) == 0
