"""No two chatbots share an id.

A repeated id means a cached or repeated answer, even if the tokens differ.

It stays although an answer that repeats an id disagrees with its row as well: without a database, nothing else sees
it.

It cannot see ids of other runs or of users.
"""

from harness.checkers.causes import Cause, cause_of_repeats
from harness.checkers.history import demand_acknowledged, repeated_ids
from harness.findings import finding
from harness.history.history import History


def test_ids_are_distinct(history: History) -> None:
    """Every acknowledged POST returned an id that no other POST returned."""
    demand_acknowledged(history)
    repeated = repeated_ids(history)
    cause, remedy = cause_of_repeats(
        history,
        repeated,
        Cause(
            "a cached response, or a create route that answers with an earlier row",
            "look at the create route and at caches in front of it: POST must not be answered from one",
        ),
    )
    assert not repeated, finding(
        want=f"{len(history.acknowledged)} distinct ids",
        have=repeated,
        cause=cause,
        remedy=remedy,
    )
