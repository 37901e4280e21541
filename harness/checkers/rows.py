"""Pure judgements of stored rows beside the answers: rows in, offending items out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from harness.checkers.causes import REPLICA
from harness.claims import as_reported
from harness.errors import CouldNotTell, NotCovered
from harness.postgres.id_types import INTEGERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.history.attempt import Attempt
    from harness.history.history import History
    from harness.postgres.rows import Row
    from harness.postgres.table import TableFacts
    from harness.postgres.token_scan import StoredTokens


def rows_of_another_table(history: History, rows: Iterable[Row]) -> bool:
    """Whether POSTs were acknowledged and no trace of any is in the table: it is not the one the deployment fills."""
    return bool(history.acknowledged) and not list(rows)


def disagreeing_rows(
    history: History, rows: Sequence[Row], labels: dict[str, list[str]], *, lagging: bool = False
) -> list[str]:
    """Where answers and stored rows differ, a sentence for each attempt.

    Args:
        history: the attempts.
        rows: the rows that carry a label of the run, or a token that an answer held.
        labels: for each attempt's name, what its label column may hold.
        lagging: whether rows may be missing since a replica was read: then none that is does offend.
    """
    by_label: dict[str, list[Row]] = {}
    for row in rows:
        if row.label is not None:
            by_label.setdefault(row.label, []).append(row)
    offending: list[str] = []
    for a in history.attempts:
        own = [row for label in labels[a.name] for row in by_label.get(label, [])]
        if a.outcome == "ok" and (own or not lagging):
            offending.extend(_disagreements(a, own))
        elif a.outcome == "fail" and own and (a.status or 0) >= 300:  # a 2xx that is not as asked may well store one
            offending.append(f"{a.name}: answered {a.status}, yet {_rows_stored(own)}")
        elif a.outcome == "unknown" and len(own) > 1:
            offending.append(f"{a.name}: one POST without an answer, yet {_rows_stored(own)}")
    return offending


EXACT = 2**53  # beyond it a double does not hold every whole number (IEEE 754, ECMA-262 Number.MAX_SAFE_INTEGER)


def rounded_ids(history: History, rows: Sequence[Row], labels: dict[str, list[str]]) -> list[str]:
    """The names of acknowledged attempts whose id is that of their row, rounded to what a double holds."""
    by_label = {row.label: row for row in rows}
    return [
        a.name
        for a in history.acknowledged
        for row in (by_label.get(label) for label in labels[a.name])
        if row is not None and _is_rounded(a.id or "", row.id)
    ]


def _is_rounded(returned: str, stored: str) -> bool:
    if returned == stored or not all(re.fullmatch(r"-?[0-9]{16,19}", id_) for id_ in (returned, stored)):
        return False
    # JavaScript prints 17 digits of a double, and zeros after them.
    return abs(int(stored)) > EXACT and float(returned) == float(stored)


def without_a_row(history: History, rows: Iterable[Row], labels: dict[str, list[str]]) -> list[str]:
    """The names of acknowledged attempts that no row carries."""
    stored = {row.label for row in rows}
    return [a.name for a in history.acknowledged if stored.isdisjoint(labels[a.name])]


def demand_no_lag(history: History, rows: Iterable[Row], labels: dict[str, list[str]]) -> None:
    """Refuse to call rows lost that a replica does not show: it may not have them yet.

    Raises:
        CouldNotTell: an acknowledged attempt has no row.
    """
    missing = without_a_row(history, rows, labels)
    if missing:
        raise CouldNotTell(
            f"{len(missing)} of {len(history.acknowledged)} acknowledged chatbots are not in this table, and "
            f"{REPLICA.cause}",
            REPLICA.remedy,
        )


def _rows_stored(rows: Sequence[Row]) -> str:
    ids = ", ".join(row.id for row in rows[:4])
    return f"a row is stored (id {ids})" if len(rows) == 1 else f"{len(rows)} rows are stored (ids {ids})"


def _disagreements(attempt: Attempt, own: Sequence[Row]) -> list[str]:
    if not own:
        return [f"{attempt.name}: answered {attempt.status} with id {attempt.id}, but no row has this name"]
    if len(own) > 1:
        return [f"{attempt.name}: one POST, yet {_rows_stored(own)}"]
    row, differences = own[0], []
    if row.id.lower() != (attempt.id or "").lower():
        differences.append(f"id {attempt.id} returned, {row.id} stored")
    if not same_token(row.token or "", attempt.token or ""):
        differences.append(f"token {attempt.token} returned, {row.token or 'NULL'} stored")
    return [f"{attempt.name}: {'; '.join(differences)}"] if differences else []


def same_token(one: str, other: str) -> bool:
    """Whether two spellings are one token; that an answer spells it as it should is another claim."""
    if one.strip().lower() == other.strip().lower():
        return True
    try:
        return UUID(one.strip()) == UUID(other.strip())
    except ValueError:
        return False


class Before(NamedTuple):
    """Why stored tokens are not of version 4, and what to do about them."""

    cause: str
    remedy: str


def stored_before(stored: StoredTokens) -> Before:
    """What tokens of other versions mean, by the age of their rows: the old ones, or a generator that still runs."""
    ages = stored.ages
    others = "tokens that are not of version 4"  # named in each remedy: one is also shown by itself, as what to do
    mend = f"give the rows with {others} new tokens: {stored.update}"
    if ages is None or ages.last_id is None:
        return Before(
            "old tokens that the migration carried over, or another generator that still runs",
            f"{mend}; and find out what made the old ones",
        )
    if ages.all_before_the_first_version_4:
        return Before(
            f"all {stored.not_version_4} are older than the first row of version 4 (id {ages.first_version_4_id}): "
            "the migration carried them over, and nothing makes such tokens now. Rolling back does not help",
            f"{mend} (links with an old token stop working then); or, to keep them, set stored.legacy_until: "
            f"{ages.last_id}",
        )
    seen = "no stored token is of version 4"
    if ages.first_version_4_id is not None:
        seen = f"not all are older than the first row of version 4 (id {ages.first_version_4_id})"
    return Before(
        f"{seen}; the last of these is id {ages.last_id}: another generator may still run, or somebody stored them by "
        "hand",
        f"find out what made the {others}; then give their rows new tokens: {stored.update}. If the migration found "
        f"all of them and they should stay, set stored.legacy_until: {ages.last_id}",
    )


def remedy_without_version_4(stored: StoredTokens) -> str:
    """What to do where no stored token is of version 4. It sends a reader only to a claim that reports something."""
    if stored.not_version_4:
        return as_reported("stored_tokens_are_version_4")
    if stored.nulls:
        return as_reported("stored_tokens_are_not_null")
    return "nothing: stored.legacy_until accepts them as they are"


def demand_ages(facts: TableFacts, legacy_until: int | None) -> None:
    """Refuse a key that compares ids where they are not numbers, which tell what was stored first.

    Raises:
        CouldNotTell: `stored.legacy_until` is set, and ids are of another type.
    """
    if legacy_until is not None and facts.id_type not in INTEGERS:
        raise CouldNotTell(
            f"stored.legacy_until: {legacy_until} names an id, and {facts.id_column} of {facts.shown} is "
            f"{facts.id_type}, which does not tell what was stored first",
            "take stored.legacy_until out of this environment: it is for integer ids only",
        )


def demand_stored(stored: StoredTokens, acknowledged: History | None, own_rows: int) -> None:
    """Refuse to judge the stored tokens where there are none but this run's, which other claims judge.

    Raises:
        CouldNotTell: as `demand_the_heap`.
        NotCovered: nothing else is stored.
    """
    demand_the_heap(stored, acknowledged)
    if stored.rows <= own_rows:
        said = f"the table has only the {own_rows} rows of this run" if stored.rows else "the table is empty"
        raise NotCovered(said, "nothing: run again when chatbots are stored")


def demand_the_heap(stored: StoredTokens, acknowledged: History | None) -> None:
    """Refuse counts that prove nothing: read from an index, or of fewer rows than were just stored.

    Raises:
        CouldNotTell: the plan has an index node, or rows are hidden from this role.
    """
    if stored.index_nodes:
        raise CouldNotTell(
            f"Postgres planned the scan on an index ({', '.join(stored.index_nodes)}) although that is switched off",
            "report it with the server's version: the counts would trust the very index that they test",
        )
    expected = len(acknowledged.acknowledged) if acknowledged is not None else 0
    if stored.rows < expected:
        raise CouldNotTell(
            f"{expected} chatbots were acknowledged, but this table shows {stored.rows} rows",
            "check that the role sees every row (row-level security) and that this is the deployment's database",
        )
