"""The app's source handles no unique violation of the token column.

Version 4 UUIDs do not collide. A retry on 23505 would only hide a default that repeats itself. The run recognises a
handler by the code, a constant, Prisma's P2002, the message or the constraint's name, in any spelling. The handler
counts if it guards code that stores a chatbot, or if it names the token's constraint. A handler for another constraint
or another table is a note.

It cannot see handlers in libraries or in other services.
"""

from __future__ import annotations

from harness.errors import CouldNotTell
from harness.findings import finding
from harness.source.evidence import SHOWN_PLACES, Analysis, demand_spoken_of, demand_stored, demand_understood


def test_source_handles_no_collision(analysis: Analysis) -> None:
    """No 23505 of the token column is caught."""
    demand_spoken_of(analysis)
    assert not analysis.handlers, finding(
        want=f"no handler for 23505 around what stores {analysis.table}",
        have=analysis.handlers,
        cause="the handler of the old tokens was left in place: it hides a default that repeats itself",
        remedy="delete it, with its loop; recognise a violation of another column by its constraint's name",
    )
    if analysis.unsure:
        handlers = ", ".join(analysis.unsure[:SHOWN_PLACES])
        raise CouldNotTell(
            f"nothing that stores {analysis.table} was recognised, and 23505 is handled: {handlers}",
            "see whether one of them guards the create route; if not, compare the constraint's name there",
        )
    demand_understood(analysis)
    demand_stored(analysis)
