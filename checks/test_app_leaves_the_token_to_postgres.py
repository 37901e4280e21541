"""The app leaves the token to Postgres.

Its INSERT does not name the token column, or says DEFAULT for it. An app that still makes the token passes every test
of the token's form once its generator is a good one; the statement itself is seen only in Postgres. Where
pg_stat_statements counts statements it is certain which ones stored the rows of this run; otherwise the last statements
of the connections are looked at, and judged only if they agree. Where Postgres shows neither, this is not covered.
"""

from harness.checkers.history import demand_acknowledged
from harness.checkers.rows import maker_observed
from harness.errors import NotCovered
from harness.findings import finding
from harness.history.history import History
from harness.postgres.inserts import ObservedInserts


def test_app_leaves_the_token_to_postgres(history: History, observed_inserts: ObservedInserts) -> None:
    """The INSERTs that were seen during the POSTs give the token no value."""
    demand_acknowledged(history)
    maker = maker_observed(observed_inserts, len(history.acknowledged))
    if maker is None:
        raise NotCovered(
            "no INSERT of the deployment was to be seen in pg_stat_statements or pg_stat_activity",
            "CREATE EXTENSION pg_stat_statements, and GRANT pg_read_all_stats to this role",
        )
    assert maker == "database", finding(
        want="an INSERT that does not name the token column, or says DEFAULT for it",
        have=observed_inserts.examples,
        cause="the app still makes the token itself, whatever the column's default is",
        remedy="take the token out of the INSERT and return it: INSERT .. RETURNING id, public_token",
    )
