"""Pure judgements: a history or table facts in, offending items out. An empty answer means that nothing offends."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from uuid import UUID

from harness.findings import CouldNotTell
from harness.history import COULD_NOT_TELL, Attempt, History, Tokens, chosen_token, column
from harness.remedies import remedy_for
from harness.revision import same_revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.revision import Heard
    from harness.statements import Maker
    from harness.stored import Row, StoredTokens
    from harness.watch import Seen


def demand_acknowledged(history: History) -> None:
    """Refuse to judge where nothing was acknowledged: any claim holds of nothing.

    Raises:
        CouldNotTell: no POST ended ok; the cause names how they ended.
    """
    if history.acknowledged:
        return
    if not history.attempts:
        raise CouldNotTell("no POST was sent", "the run was stopped: run it again")
    first = history.attempts[0]
    raise CouldNotTell(
        f"none of {len(history.attempts)} POSTs was acknowledged (the first: {first.error or first.problem})",
        "mend what every_post_answers_201 reports, and run again",
    )


def wrong_answers(history: History) -> list[Attempt]:
    """The attempts that were answered wrongly or left without an answer by a deployment that was ready."""
    return [a for a in history.unacknowledged if a.problem not in COULD_NOT_TELL]


def demand_told(history: History) -> None:
    """Refuse to call answers right that say nothing about the create route.

    Raises:
        CouldNotTell: some POSTs met a login, a limit, or nothing that listens.
    """
    silent = [a for a in history.unacknowledged if a.problem in COULD_NOT_TELL]
    if silent:
        first = silent[0]
        assert first.problem is not None  # it is in COULD_NOT_TELL
        remedy = remedy_for(first.problem, first.error)
        raise CouldNotTell(f"{len(silent)} of {len(history.attempts)} POSTs: {first.error}", remedy)


def usual_cause(wrong: Iterable[Attempt]) -> tuple[str, str]:
    """What the evidence of wrong answers usually means, and what to do: (cause, remedy).

    SQLSTATEs are of PostgreSQL's appendix A.
    """
    said = "\n".join(f"{a.evidence}\n{a.error}" for a in wrong)
    for pattern, cause, remedy in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            return cause, remedy
    return "the create route fails, or is not the one that was meant", "look at the deployment's log for these names"


_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"(duplicate key|23505|unique constraint)(?s:.*)(_pkey|\bkey \(\"?id\"?\))",
        "a duplicate primary key (23505): the id sequence is behind the ids that are stored",
        "set the sequence to max(id) and look for the import that left it behind",
    ),
    (
        r"duplicate key|23505|unique constraint|P2002",
        "the original bug: a duplicate key (23505) on the token reaches the user as an error",
        "the old generator still makes the token: roll back, or deploy the change that leaves it to Postgres",
    ),
    (
        r"cached plan must not change result type|0A000",
        "statements that were prepared before the migration (0A000): connections of the pool are older than the table",
        "restart the deployment, so that its pool reconnects",
    ),
    (
        r"invalid input syntax for type uuid|22P02",
        "the old code runs on the new schema (22P02): it still sends its own short token",
        "deploy the code that no longer names the column",
    ),
    (
        r"null value in column|23502|not-null constraint",
        "the new code runs on the old schema (23502): the column has no default yet",
        "run the migration on this deployment's database",
    ),
    (
        r"function .*(uuid_generate_v4|gen_random_uuid).* does not exist|42883",
        "the default's function is not to be found (42883): uuid-ossp is missing or outside the search_path",
        "create the extension in this database, or name its schema in the default",
    ),
    (
        r"no whole answer within|time-out",
        "the deployment did not answer in time",
        "look for locks, a full connection pool or a cold start; raise api.timeout_s only if users wait that long",
    ),
    (
        r"the connection was lost|ended before its announced end",
        "the deployment dropped the request without a whole answer; its row may be stored",
        "look for a crash or a restart in the deployment's log",
    ),
)


def chosen_by_client(probes: Iterable[Attempt], rows: Iterable[Row]) -> list[str]:
    """Where a token that a POST brought was returned, or stored under its name or any other."""
    stored = {row.token.lower() for row in rows if row.token is not None}
    found = []
    for a in probes:
        token = chosen_token(a.name)
        if (a.token or "").lower() == token:
            found.append(f"{a.name}: {token} was sent and returned")
        elif token in stored:
            found.append(f"{a.name}: {token} was sent and stored")
    return found


def demand_answered(probes: Iterable[Attempt]) -> None:
    """Refuse to judge probes that the create route did not decide about: a 2xx takes them, a 4xx refuses them.

    Raises:
        CouldNotTell: no answer, a failure of the server, or a login or a limit in between.
    """
    for a in probes:
        if a.outcome != "ok" and (a.problem in COULD_NOT_TELL or not 400 <= (a.status or 0) < 500):
            raise CouldNotTell(
                f"{a.name}: {a.error or a.problem}", "mend what every_post_answers_201 reports, and run again"
            )


def other_revisions(heard: Sequence[Heard], wanted: str) -> list[str]:
    """Each revision besides the wanted one that a fresh connection named, with how many did.

    A page that names none where others name one is another revision too; a connection without an answer is not.
    """
    others = Counter(
        one.revision or "(none)"
        for one in heard
        if not one.silent and not (one.revision is not None and same_revision(one.revision, wanted))
    )
    return [f"{found} on {number} of {len(heard)} connections" for found, number in others.items()]


def demand_heard(heard: Sequence[Heard]) -> None:
    """Refuse to call one revision the only one where connections were not answered.

    Raises:
        CouldNotTell: at least one was not; the cause says how.
    """
    silent = [one.silent for one in heard if one.silent]
    if silent:
        raise CouldNotTell(
            f"{len(silent)} of {len(heard)} fresh connections did not say what they serve ({silent[0]})",
            "run again; if the page is limited or protected, let ready.path be one that is not",
        )


def repeated_tokens(history: History) -> list[str]:
    """Each token that more than one acknowledged POST returned, with the names of those POSTs.

    Compared without regard to case: a UUID is the same one in either (RFC 9562 section 4).
    """
    tokens = history.tokens
    if not tokens.others and tokens.distinct_halves[0] == len(tokens):
        return []  # the usual case, and all that a million of them cost
    return _repeated([((a.token or "").lower(), a.name) for a in history.acknowledged])


def repeated_ids(history: History) -> list[str]:
    """Each id that more than one acknowledged POST returned, with the names of those POSTs."""
    ids = column(history.acknowledged, "id")
    if len(set(ids)) == len(ids):
        return []
    return _repeated([(a.id, a.name) for a in history.acknowledged if a.id is not None])


def _repeated(pairs: Sequence[tuple[str, str]]) -> list[str]:
    counts = Counter(value for value, _ in pairs)
    if len(counts) == len(pairs):
        return []
    names: dict[str, list[str]] = {}
    for value, name in pairs:
        if counts[value] > 1:
            names.setdefault(value, []).append(name)
    return [f"{value} returned {len(of)} times: {', '.join(of[:4])}" for value, of in names.items()]


def shared_tokens(history: History, others: Iterable[History]) -> list[str]:
    """Each token of this environment that another environment returned in the same run."""
    own = {a.token.lower(): a.name for a in history.acknowledged if a.token is not None}
    return [
        f"{a.token} returned to {own[a.token.lower()]} and by {other.environment} to {a.name}"
        for other in others
        for a in other.acknowledged
        if a.token is not None and a.token.lower() in own
    ]


def tokens_not_version_4(history: History) -> list[str]:
    """Each returned token that is not a canonical version 4 UUID, and in what way."""
    if history.tokens.all_version_4:
        return []
    return [
        f"{a.token!r} ({_difference(a.token)}) returned to {a.name}"
        for a in history.acknowledged
        if a.token is not None and not Tokens([a.token]).all_version_4
    ]


def _difference(token: str) -> str:
    if Tokens([token.lower()]).all_version_4:
        return "not in lower case"
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", token):
        return f"not a UUID: {len(token)} characters"
    return f"version {token[14]}" if token[14] != "4" else "not the variant of RFC 9562"


def largest_overlap(history: History) -> int:
    """How many attempts were in flight at the same moment, at most."""
    starts, ends = sorted(column(history.attempts, "started_s")), sorted(column(history.attempts, "ended_s"))
    most = ended = 0
    for begun, start_s in enumerate(starts, start=1):
        while ended < begun - 1 and ends[ended] <= start_s:  # at one instant an end comes before a start
            ended += 1
        if begun - ended > most:
            most = begun - ended
    return most


def rows_of_another_table(history: History, rows: Iterable[Row]) -> bool:
    """Whether POSTs were acknowledged and no trace of any is in the table: it is not the one the deployment fills."""
    return bool(history.acknowledged) and not list(rows)


def disagreeing_rows(history: History, rows: Sequence[Row], labels: dict[str, list[str]]) -> list[str]:
    """Where answers and stored rows differ, a sentence for each attempt.

    Args:
        history: the attempts.
        rows: the rows that carry a label of the run, or a token that an answer held.
        labels: for each attempt's name, what its label column may hold.
    """
    by_label: dict[str, list[Row]] = {}
    for row in rows:
        if row.label is not None:
            by_label.setdefault(row.label, []).append(row)
    offending: list[str] = []
    for a in history.attempts:
        own = [row for label in labels[a.name] for row in by_label.get(label, [])]
        if a.outcome == "ok":
            offending.extend(_disagreements(a, own))
        elif a.outcome == "fail" and own and (a.status or 0) >= 300:  # a 2xx that is not as asked may well store one
            offending.append(f"{a.name}: answered {a.status}, yet {_rows_stored(own)}")
        elif a.outcome == "unknown" and len(own) > 1:
            offending.append(f"{a.name}: one POST without an answer, yet {_rows_stored(own)}")
    return offending


def _rows_stored(rows: Sequence[Row]) -> str:
    ids = ", ".join(row.id for row in rows[:4])
    return f"a row is stored (id {ids})" if len(rows) == 1 else f"{len(rows)} rows are stored (ids {ids})"


def _disagreements(attempt: Attempt, own: Sequence[Row]) -> list[str]:
    if not own:
        return [f"{attempt.name}: answered 201 with id {attempt.id}, but no row has this name"]
    if len(own) > 1:
        return [f"{attempt.name}: one POST, yet {_rows_stored(own)}"]
    row, differences = own[0], []
    if row.id.lower() != (attempt.id or "").lower():
        differences.append(f"id {attempt.id} returned, {row.id} stored")
    if not _same_token(row.token or "", attempt.token or ""):
        differences.append(f"token {attempt.token} returned, {row.token or 'NULL'} stored")
    return [f"{attempt.name}: {'; '.join(differences)}"] if differences else []


def _same_token(one: str, other: str) -> bool:
    """Whether two spellings are one token; that an answer spells it as it should is another claim."""
    if one.strip().lower() == other.strip().lower():
        return True
    try:
        return UUID(one.strip()) == UUID(other.strip())
    except ValueError:
        return False


def maker_that_was_seen(seen: Seen, acknowledged: int) -> Maker | None:
    """Who made the tokens of the acknowledged POSTs; None where what was seen does not decide it.

    Counted statements decide: other clients only add to them, so that as many INSERTs by the default as POSTs leave
    none to explain, and fewer leave at least one to an INSERT that gave a value. Last statements of connections may be
    anybody's: they count only if all agree.
    """
    if seen.counted:
        if seen.by_database >= acknowledged:
            return "database"
        return "app" if seen.by_app and seen.by_app + seen.by_database >= acknowledged else None
    if seen.by_database and not seen.by_app:
        return "database"
    return "app" if seen.by_app and not seen.by_database else None


def demand_the_heap(stored: StoredTokens, acknowledged: History | None) -> None:
    """Refuse counts that prove nothing: read from an index, or of fewer rows than were just stored.

    Raises:
        CouldNotTell: the plan has an index node, or rows are hidden from this role.
    """
    if stored.index_nodes:
        raise CouldNotTell(
            f"Postgres planned the scan on an index ({', '.join(stored.index_nodes)}) although that is switched off",
            "report it with the server's version: the counts would trust the index that they are to test",
        )
    expected = len(acknowledged.acknowledged) if acknowledged is not None else 0
    if stored.rows < expected:
        raise CouldNotTell(
            f"{expected} chatbots were acknowledged, but this table shows {stored.rows} rows",
            "check that the role sees every row (row-level security) and that this is the deployment's database",
        )


def failure_rate_bound(sent: int) -> float:
    """The failure rate that `sent` POSTs without a failure leave possible, at 95 % confidence: 1 - 0.05^(1/n)."""
    return float(1.0 - 0.05 ** (1.0 / sent)) if sent else 1.0
