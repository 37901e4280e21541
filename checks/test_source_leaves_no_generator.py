"""No unused generator of tokens is left in the app's source.

The change deletes the generator. One that stays unused is used again one day. The claim fails if nothing uses a
function that is named after tokens, or that is defined where chatbots are stored. It also fails if nothing reads an
import or a random value there. A generator of session ids, reset codes or passwords is in use, and becomes a note.

It cannot see a generator in a package that the app installs.
"""

from __future__ import annotations

from harness.findings import finding
from harness.source.evidence import Analysis, demand_spoken_of, demand_stored, demand_understood


def test_source_leaves_no_generator(analysis: Analysis) -> None:
    """No helper, import or value that made tokens is left without a use."""
    demand_spoken_of(analysis)
    assert not analysis.left, finding(
        want="no helper, import or random value that nothing uses",
        have=analysis.left,
        cause="the create route was changed, and what it used was not deleted",
        remedy="delete it; tests and seeds that call it as well",
    )
    demand_understood(analysis)
    demand_stored(analysis)
