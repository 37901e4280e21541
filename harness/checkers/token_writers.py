"""Who gave the tokens of a run their values, judged from the statements that Postgres showed during its POSTs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import CouldNotTell

if TYPE_CHECKING:
    from harness.history.history import History
    from harness.postgres.inserts import ObservedInserts

_LATE_S = 0.05  # a statement may be seen when its answer is there already


def given_by_the_app(observed: ObservedInserts, history: History) -> tuple[str, ...]:
    """Statements of the app that give the token a value, however many others leave it to Postgres.

    Raises:
        CouldNotTell: there are such statements, and they may be another client's: Postgres stored more rows than the
            run sent POSTs, and enough of them without a value to account for every POST; or only UPDATEs give the
            token a value, far fewer than rows were stored, as whoever edits a chatbot sends them.
    """
    if not observed.by_app:
        return ()
    stored = max(observed.counted or 0, len(observed.seen_s))
    if observed.updates == observed.by_app and 2 * observed.updates < max(stored, 1):
        raise CouldNotTell(
            f"{observed.updates} UPDATEs gave a token a value while {stored} rows were stored, so that another client "
            f"may have edited its chatbots: {'; '.join(observed.given)}",
            "run again when nobody else edits chatbots; find out who sends this statement",
        )
    if stored > len(history.sent) and observed.by_database >= len(history.acknowledged):
        raise CouldNotTell(
            f"{observed.by_app} statements gave the token a value, but {stored} rows were stored during "
            f"{len(history.sent)} POSTs, so that another client may have sent them: {'; '.join(observed.given)}",
            "run again when nobody else creates chatbots; find out who sends this statement",
        )
    return observed.given


def posts_seen(observed: ObservedInserts, history: History) -> int:
    """During how many POSTs a statement that stores a row was seen; each sighting is of one POST that was under way."""
    free = sorted(history.sent, key=lambda attempt: attempt.ended_s)
    seen = 0
    for at_s in observed.seen_s:
        of = next((a for a in free if a.started_s <= at_s <= a.ended_s + _LATE_S), None)
        if of is not None:
            free.remove(of)
            seen += 1
    return seen


def demand_seen(observed: ObservedInserts, history: History) -> None:
    """Refuse to say that the app leaves the token alone where its statements were not seen, or not understood.

    Raises:
        CouldNotTell: the cause shows the statement, without its literals; the remedy would let it be seen.
    """
    if observed.unclear:
        raise CouldNotTell(
            f"{observed.unclear} statements may give the token a value, and were not understood: "
            f"{'; '.join(observed.not_understood)}",
            "check whether they set the token; if they do not, waive this claim with the reason",
        )
    if observed.cause:
        raise CouldNotTell(observed.cause, observed.remedy)
    counted, acknowledged = observed.counted, len(history.acknowledged)
    if counted and counted < acknowledged:
        raise CouldNotTell(
            f"pg_stat_statements counted {counted} statements that store a chatbot during {acknowledged} acknowledged "
            "POSTs, so that some were stored by others that were not seen",
            "check whether pg_stat_statements was reset, or the app stores rows in another way too; run again",
        )
