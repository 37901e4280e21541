"""No two chatbots share a token.

All POSTs of the run are judged together: the ones sent one after another and the ones sent at once.

It stays although an answer that repeats a token disagrees with its row as well: without a database, nothing else
sees it.

It cannot see collisions that are rare: six random characters repeat once in about two billion pairs.
"""

from harness.checkers.causes import Cause, cause_of_repeats
from harness.checkers.history import demand_acknowledged, repeated_tokens
from harness.findings import finding
from harness.history.history import History


def test_tokens_are_distinct(history: History) -> None:
    """Every acknowledged POST returned a token that no other POST returned."""
    demand_acknowledged(history)  # distinctness of nothing proves nothing
    repeated = repeated_tokens(history)
    cause, remedy = cause_of_repeats(
        history,
        repeated,
        Cause(
            "a cached response, or a generator that repeats itself",
            "look at the create route: it must return the row that this INSERT stored",
        ),
    )
    assert not repeated, finding(
        want=f"{len(history.acknowledged)} distinct tokens",
        have=repeated,
        cause=cause,
        remedy=remedy,
    )
