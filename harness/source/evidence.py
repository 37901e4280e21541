"""What an app's source was found to say, as data, and what it takes to judge it.

Checks import this and nothing that parses: a run without a checkout does not pay for it.
"""

from __future__ import annotations

from msgspec import Struct

from harness.errors import CouldNotTell

SHOWN_PLACES = 4
_NAME_IT = (
    "name the folder of the app that has the create route in `source`, or with --source; "
    "where that is written in another language than JavaScript, look into it by hand"
)


class Create(Struct, frozen=True):
    """A place that stores a row of the table: whether it names the token column, and whether the token comes back."""

    shown: str
    names_token: str | None
    returns: bool | None


class Analysis(Struct, frozen=True):
    """What an app's source says.

    Each text begins with `path:line:` and quotes the line. `reaching` are random values that reach the token column,
    `left` generators that are left behind, `handlers` those of a collision, `creates` where rows are stored. `unsure`
    are handlers of which it is not known what they guard, since no place that stores was recognised. `unavailable` are
    random values under the token's name of which it is not known in which table they are stored, if in any.
    `unparsed` are places that were not understood where they matter, `unread` tokens that come by an alias of which the
    settings do not say what it means, `unfollowed` statements that name the token with a value that was not found,
    `notes` what decides nothing. `not_read` says what
    the checkout holds in languages that are not read, "" where nothing.
    """

    table: str
    token: str
    speaks: bool
    reaching: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ()
    creates: tuple[Create, ...] = ()
    unsure: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    unparsed: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    unfollowed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_read: str = ""


def demand_spoken_of(analysis: Analysis) -> None:
    """Nothing was found in an app that does not know the table: that proves nothing.

    Raises:
        CouldNotTell: no file speaks of the table or of its token.
    """
    if not analysis.speaks:
        which = "file that was read" if analysis.not_read else "file of the checkout"
        more = f"; {analysis.not_read}" if analysis.not_read else ": not the app that fills it"
        raise CouldNotTell(f"no {which} speaks of {analysis.table} or {analysis.token}{more}", _NAME_IT)


def demand_stored(analysis: Analysis) -> None:
    """Where nothing is seen to store the table, what stores it was not read, and may do anything.

    Raises:
        CouldNotTell: no place that stores a row of the table was recognised.
    """
    if not analysis.creates:
        more = f"; {analysis.not_read}" if analysis.not_read else ""
        raise CouldNotTell(f"nothing that was read writes {analysis.table}{more}", _NAME_IT)


def demand_understood(analysis: Analysis) -> None:
    """What was not understood may hold what is looked for.

    Raises:
        CouldNotTell: a place that speaks of the table, its token or a collision could not be parsed.
    """
    if analysis.unparsed:
        shown = "; ".join(analysis.unparsed[:SHOWN_PLACES])
        raise CouldNotTell(
            f"{len(analysis.unparsed)} places that speak of the token could not be parsed: {shown}",
            "see whether the app's own compiler takes them; if it does, report the line",
        )
