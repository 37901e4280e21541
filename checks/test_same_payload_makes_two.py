"""The same payload sent twice makes two chatbots.

A cache or an idempotency layer that compares payloads answers the second POST with the first chatbot. `probes` decides
whether the two POSTs are sent. An app that refuses a name that is taken cannot be checked in this way.

It cannot see a cache that goes by something else, such as an idempotency key in a header.
"""

from harness.checkers.causes import Cause, cause_of_repeats
from harness.checkers.history import (
    demand_acknowledged,
    demand_all_sent,
    demand_answered,
    repeated_ids,
    repeated_tokens,
)
from harness.errors import NotCovered
from harness.findings import finding
from harness.history.attempt import Attempt
from harness.history.history import History


def test_same_payload_makes_two(history: History, same_payload: tuple[Attempt, ...]) -> None:
    """Two POSTs that were alike to the letter returned different ids and tokens."""
    demand_all_sent(history)
    if not same_payload:
        demand_acknowledged(history)  # else it was not sent
        raise NotCovered("no payload was sent twice", "add same_payload to probes")
    pair = History(history.environment, same_payload)
    repeated = repeated_ids(pair) + repeated_tokens(pair)
    cause, remedy = cause_of_repeats(
        pair,
        repeated,
        Cause(
            "a cache or an idempotency layer that goes by the request's content",
            "let only an explicit key (Idempotency-Key) make two requests one",
        ),
    )
    assert not repeated, finding(
        want="two ids and two tokens",
        have=repeated,
        cause=cause,
        remedy=remedy,
    )
    demand_acknowledged(history)  # a route that refuses everything has decided nothing
    demand_answered(same_payload)
    if len(pair.acknowledged) < len(same_payload):
        refusal = same_payload[-1].error
        raise NotCovered(f"the app refused one of them ({refusal})", "nothing, if names must be unique")
