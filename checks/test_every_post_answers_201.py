"""Every POST returns 201 with an id and a token.

All POSTs of the run count, those sent one after another and those sent at the same moment. The answer must be JSON. If
`api.status` names another status, that one is expected. A POST that a ready deployment leaves without an answer fails
the claim as well, because a user would have seen it too. An answer that says nothing about the create route (not
authorised, rate limited, a login or placeholder page) does not fail it: then it could not be told.

It cannot see what happens once in many POSTs: 19 POSTs without a failure leave a failure rate of up to 15 % possible.
"""

from harness.checkers.history import alike_answers, demand_acknowledged, demand_told, wrong_answers
from harness.checkers.wrong_keys import cause_of
from harness.findings import finding
from harness.history.history import History


def test_every_post_answers_201(history: History, token_column: str, created_status: int) -> None:
    """Each POST was acknowledged: `api.status`, JSON, an id and a token at the configured paths."""
    wrong = wrong_answers(history)
    cause, remedy = cause_of(history, wrong, token_column)
    assert not wrong, finding(
        want=f"{len(history.attempts)} answers of {created_status}",
        have=alike_answers(wrong, len(history.attempts)),
        cause=cause,
        remedy=remedy,
    )
    demand_told(history)
    demand_acknowledged(history)
