"""The app leaves the token to Postgres.

Its INSERT does not name the token column, or says DEFAULT for it. An app that still makes the token passes every test
of the token's form if its generator is a good one. Only Postgres shows the statement itself. So the run looks at the
statements of all connections again and again while it POSTs, and counts them if pg_stat_statements is loaded. One
statement that gives the token a value is enough, however many others leave it out. What was not seen, or not
understood, proves nothing: then it could not be told.

It cannot see statements that Postgres hides from the role of `database`, or an INSERT that ran between two looks if
`pg_stat_statements` counts nothing. Then it could not be told.
"""

from harness.checkers.history import demand_acknowledged
from harness.checkers.token_writers import demand_seen, given_by_the_app
from harness.findings import finding
from harness.history.history import History
from harness.postgres.inserts import ObservedInserts


def test_app_leaves_the_token_to_postgres(history: History, observed_inserts: ObservedInserts) -> None:
    """The statements that were seen during the POSTs give the token no value."""
    demand_acknowledged(history)
    given = given_by_the_app(observed_inserts, history)
    assert not given, finding(
        want="an INSERT that does not name the token column, or says DEFAULT for it",
        have=given,
        cause="the app still makes the token itself, whatever the column's default is",
        remedy="take the token out of the INSERT and return it: INSERT .. RETURNING id, public_token",
    )
    demand_seen(observed_inserts, history)
