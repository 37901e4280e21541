"""POSTs sent at the same moment succeed like any other.

Collisions, exhausted pools and locks show only under concurrency. The run measures the overlap: if no two POSTs were in
flight together, the claim was not checked.

It stays although other checks look at every POST of the burst as well: it alone shows whether there was any real
concurrency.

It cannot see what needs more POSTs at once than `burst`.
"""

from harness.checkers.history import (
    alike_answers,
    demand_all_sent,
    demand_told,
    largest_overlap,
    repeated_tokens,
    wrong_answers,
)
from harness.checkers.wrong_keys import cause_of
from harness.errors import CouldNotTell, NotCovered
from harness.findings import finding
from harness.history.history import History


def test_posts_at_once_answer_201(history: History, token_column: str, created_status: int) -> None:
    """Each POST of the burst was acknowledged with a token of its own, and at least two were in flight together."""
    demand_all_sent(history)
    burst = history.phase("burst")
    if len(burst.attempts) < 2:
        raise NotCovered(f"no POSTs were sent at once (burst: {len(burst.attempts)})", "set burst to 2 or more")
    wrong = wrong_answers(burst)
    cause, remedy = cause_of(history, wrong, token_column)
    assert not wrong, finding(
        want=f"{len(burst.attempts)} answers of {created_status} to POSTs sent at the same moment",
        have=alike_answers(wrong, len(burst.attempts)),
        cause=cause,
        remedy=remedy,
    )
    demand_told(burst)
    repeated = repeated_tokens(burst)
    assert not repeated, finding(
        want=f"{len(burst.acknowledged)} distinct tokens",
        have=repeated,
        cause="a token is shared between requests that run at the same time",
        remedy="look at the create route for state that requests share",
    )
    if largest_overlap(burst) < 2:
        raise CouldNotTell(
            f"of {len(burst.attempts)} POSTs sent at once no two were in flight together",
            "raise burst, or run the harness farther away from the deployment",
        )
