"""No token is returned by two environments.

Each database generates its own tokens. A token that two of them return comes from a generator with a fixed seed, or
from a cache or a table of prepared tokens that they share. It stays although the statement of an app that stores such
tokens gives it away as well: if the statements cannot be seen, nothing else does.

It cannot see environments that are not part of the run.
"""

from harness.checkers.history import demand_acknowledged, shared_tokens
from harness.errors import NotCovered
from harness.findings import finding
from harness.history.history import History


def test_tokens_differ_between_environments(history: History, other_histories: list[History]) -> None:
    """No token that this environment returned was returned by another environment of the run."""
    demand_acknowledged(history)
    others = [other for other in other_histories if other.acknowledged]
    if not others:  # which is no fault of this environment
        raise NotCovered("no other environment acknowledged a POST in this run", "name a second one with --env")
    shared = shared_tokens(history, others)
    assert not shared, finding(
        want="tokens that no other environment returned",
        have=shared,
        cause="a generator with a fixed seed, or a cache that the environments share",
        remedy="find out what makes the token: it must be this environment's own database",
    )
