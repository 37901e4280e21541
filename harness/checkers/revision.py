"""Pure judgements of the revisions that a deployment names."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.errors import CouldNotTell
from harness.history.revision import same_revision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.history.revision import ServedRevision


def other_revisions(served_revisions: Sequence[ServedRevision], wanted: str) -> list[str]:
    """Each revision besides the wanted one that a fresh connection named, with how many did.

    A page that names none where others name one is another revision too; a connection without an answer is not.
    """
    others = Counter(
        one.revision or "(none)"
        for one in served_revisions
        if not one.silent and not (one.revision is not None and same_revision(one.revision, wanted))
    )
    return [f"{found} on {number} of {len(served_revisions)} connections" for found, number in others.items()]


def demand_served_revisions(served_revisions: Sequence[ServedRevision]) -> None:
    """Refuse to call one revision the only one where connections were not answered.

    Raises:
        CouldNotTell: at least one was not; the cause says how.
    """
    silent = [one.silent for one in served_revisions if one.silent]
    if silent:
        raise CouldNotTell(
            f"{len(silent)} of {len(served_revisions)} fresh connections did not say what they serve ({silent[0]})",
            "run again; if the page is limited or protected, let ready.path be one that is not",
        )
