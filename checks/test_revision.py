"""Only the deployed revision serves.

The run waits until the ready page names the revision of `--revision`. After the POSTs it asks again, on several fresh
connections, because an old instance may still serve a part of the traffic behind the same address. Without
`--revision`, the revisions only have to agree with each other.

It cannot see an instance that none of its connections reached, or one that names no revision.
"""

from harness.checkers.revision import demand_served_revisions, other_revisions
from harness.errors import NotCovered
from harness.findings import finding
from harness.history.revision import ServedRevision
from harness.http.readiness import Readiness


def test_revision_is_the_one_deployed(
    readiness: Readiness, served_revisions: tuple[ServedRevision, ...], revision: str | None
) -> None:
    """Every fresh connection named the revision that was asked for, or else the one that the run began with."""
    wanted = revision or readiness.revision
    if wanted is None:
        raise NotCovered("this deployment names no revision", "pass --revision SHA, and set ready.revision")
    others = other_revisions(served_revisions, wanted)
    assert not others, finding(
        want=f"{wanted} on each of {len(served_revisions)} fresh connections",
        have=others,
        cause="a mixed deployment: an old instance still serves a part of the traffic, or the deploy was undone",
        remedy="finish or repeat the deploy, so that only the new revision is behind this address",
    )
    demand_served_revisions(served_revisions)
