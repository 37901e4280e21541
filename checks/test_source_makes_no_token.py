"""No random value that the app makes reaches the token column.

An app that still makes tokens itself may pass every test of their form. So the run reads its source. It starts where
the column is stored: an INSERT, the values of an ORM, a default or a hook of its schema, an assignment. From there it
follows names, calls and files back to what makes the value. A random value that goes elsewhere is a note.

It cannot see values that come from another service.
"""

from __future__ import annotations

from harness.errors import CouldNotTell
from harness.findings import finding
from harness.source.evidence import SHOWN_PLACES, Analysis, demand_spoken_of, demand_stored, demand_understood


def test_source_makes_no_token(analysis: Analysis) -> None:
    """Nothing that the app makes at random is stored as a token."""
    demand_spoken_of(analysis)
    assert not analysis.reaching, finding(
        want=f"no random value of the app reaches {analysis.table}.{analysis.token}",
        have=analysis.reaching,
        cause="the old generator is still used: in a statement, or in a default or a hook of what describes the table",
        remedy="take the value out where it is stored: the column's default makes the token; "
        "delete the generator if nothing else uses it",
    )
    demand_understood(analysis)
    if analysis.unread:
        raise CouldNotTell(
            f"what makes a {analysis.token} is imported by an alias whose target is not written out: "
            + "; ".join(analysis.unread[:SHOWN_PLACES]),
            "see what the imported function answers; an alias that is a text or a path.resolve(..) of texts is read",
        )
    if analysis.unfollowed:
        raise CouldNotTell(
            f"what is given to {analysis.token} could not be followed: "
            + "; ".join(analysis.unfollowed[:SHOWN_PLACES]),
            f"take {analysis.token} out of the statement: the column's default makes the token",
        )
    if analysis.unavailable and not analysis.creates:
        raise CouldNotTell(
            f"no place that stores {analysis.table} was recognised, and a random value is called {analysis.token}: "
            + "; ".join(analysis.unavailable[:SHOWN_PLACES]),
            f"see whether it is stored in {analysis.table}; it must not be",
        )
    demand_stored(analysis)
