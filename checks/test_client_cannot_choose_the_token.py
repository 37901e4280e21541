"""A client cannot choose the token.

An app that copies every field of a request into its INSERT lets a client choose its token: one that another chatbot
should get, or one that is easy to guess. The run checks this if `probes` contains `chosen_token`. It then sends a POST
with a token in it, under the names of `api.token` and `table.token`. The app may refuse that POST, or ignore the token.

It stays although the INSERT of such an app gives it away as well: if the statements cannot be seen, nothing else does.

It cannot see a field that takes a token under a name that is neither `api.token` nor `table.token`.
"""

from harness.checkers.history import chosen_by_client, demand_acknowledged, demand_all_sent, demand_answered
from harness.errors import NotCovered
from harness.findings import finding
from harness.history.attempt import Attempt
from harness.history.history import History
from harness.postgres.rows import Row


def test_client_cannot_choose_the_token(
    history: History, chosen_token: tuple[Attempt, ...], rows_if_any: tuple[Row, ...]
) -> None:
    """The token that the client sent was neither returned nor stored."""
    demand_all_sent(history)
    if not chosen_token:
        demand_acknowledged(history)  # else it was not sent
        raise NotCovered("no POST tried to choose its token", "add chosen_token to probes")
    chosen = chosen_by_client(chosen_token, rows_if_any)
    assert not chosen, finding(
        want="a token that Postgres generated, or a refusal",
        have=chosen,
        cause="the create route copies fields of the request into its INSERT",
        remedy="take only known fields from the request, and let Postgres generate the token",
    )
    demand_acknowledged(history)  # a route that refuses everything refuses this as well
    demand_answered(chosen_token)
