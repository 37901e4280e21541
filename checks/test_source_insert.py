"""The create route's INSERT leaves the token out and returns it.

An INSERT that names a column overrides the column's default. And the route must answer with the row that was stored:
RETURNING, or what an ORM has for it, returns exactly that row. Statements of tests, seeds and migrations do not count.

It cannot see statements that are built at run time from parts that the source does not contain. Then the claim ends in
"could not tell".
"""

from __future__ import annotations

from harness.findings import finding
from harness.source.evidence import Analysis, demand_spoken_of, demand_stored, demand_understood


def test_source_insert(analysis: Analysis) -> None:
    """No INSERT names the token column, and one at least returns it."""
    demand_spoken_of(analysis)
    named = [create.names_token for create in analysis.creates if create.names_token is not None]
    assert not named, finding(
        want=f"an INSERT that does not name {analysis.token}, or says DEFAULT for it",
        have=list(dict.fromkeys(named)),
        cause="the app still gives the token a value, which the column's default never overrides",
        remedy=f"take {analysis.token} out of the columns and of the values",
    )
    demand_understood(analysis)
    demand_stored(analysis)
    without = [create.shown for create in analysis.creates if create.returns is False]
    assert len(without) < len(analysis.creates), finding(
        want=f"RETURNING {analysis.token}, or what the ORM has for it",
        have=without,
        cause="the answer cannot contain the token that Postgres made, except after a second query",
        remedy=f"INSERT .. RETURNING id, {analysis.token}; .returning(); or take it into `select`",
    )
