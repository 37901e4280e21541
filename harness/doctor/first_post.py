"""One POST, sent as a run sends it: written ahead, looked for, removed, and its answer explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.doctor.answers import in_the_way, ok, settings_in, unknown, wrong
from harness.doctor.created_answer import explain
from harness.errors import CouldNotTell, Unavailable, if_available
from harness.report.paths import as_typed
from harness.report.verdict import ExitCode
from harness.run.cleanup import BY_HAND
from harness.run.evidence import HISTORY, ROWS, TABLE
from harness.run.first_row import NOT_SENT
from harness.run.gate import Gate
from harness.run.settings import RunSettings
from harness.text import printable, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.configuration.models import Environment
    from harness.doctor.answers import Answer
    from harness.history.history import History
    from harness.redaction.redactor import Redactor
    from harness.report.verdict import Verdict
    from harness.run.gathering import Evidence, Examination
    from harness.text import Shown

POST, ROW, CLEAN_UP = "post", "its row", "clean-up"


class Sending(NamedTuple):
    """How POSTs are sent.

    Attributes:
        run: the run's id, which stands in their names.
        folder: where their history is written, which is there.
        redact: masks secrets.
        listen: told what to call at each signal to end.
        tell: called with what is waited for; None where nobody watches.
    """

    run: str
    folder: Path
    redact: Redactor
    listen: Callable[[Callable[[], None]], None]
    tell: Callable[[Shown], None] | None = None


def post(environments: Sequence[Environment], sending: Sending) -> dict[str, list[Answer]]:
    """Send one POST to each of these environments, remove what it stored, and say by environment what came of it.

    A gate does it, by its own rules: nothing is sent whose row could not be removed.
    """
    one = [e.model_copy(update={"posts": 1, "burst": 0, "probes": []}) for e in environments]
    gate = Gate(RunSettings(sending.run, one, sending.folder, redact=sending.redact))
    sending.listen(gate.interrupt)
    try:
        gate.start({environment.name: _kinds(environment) for environment in one}, sending.tell)
    except OSError as error:
        said = f"no POST was sent: its history cannot be written in {sending.folder} ({error.strerror})"
        why = unknown(POST, said, "make room there, or name another folder with --report-dir")
        return {environment.name: [why] for environment in one}
    known: dict[str, Examination] = {}
    try:
        for environment in one:
            known[environment.name] = gate.examination(environment.name)
    except KeyboardInterrupt:
        pass  # what was sent is removed all the same
    verdict = _concluded(gate)
    return {environment.name: _said(environment, known.get(environment.name), verdict, gate) for environment in one}


def _kinds(environment: Environment) -> frozenset[Evidence[object]]:
    return frozenset({HISTORY} if environment.database is None else {HISTORY, TABLE, ROWS})


def _concluded(gate: Gate) -> Verdict:
    """Clean up, and list what may remain; a second signal does not wait for it."""
    try:
        return gate.conclude(ExitCode.RELEASE)
    except KeyboardInterrupt:
        return gate.conclude(ExitCode.INTERRUPTED, clean=False)


def _said(environment: Environment, known: Examination | None, verdict: Verdict, gate: Gate) -> list[Answer]:
    history = known.of(HISTORY) if known is not None else CouldNotTell("it was interrupted", "run doctor again")
    cleaned = _cleaned(environment, verdict, gate)
    if isinstance(history, Unavailable):
        assert isinstance(history, CouldNotTell)  # it is asked for
        return [in_the_way(POST, history, "cleanup"), *cleaned]
    if known is None or not history.attempts:
        return [unknown(POST, "no POST was sent: it was interrupted", "run doctor again"), *cleaned]
    rows = if_available(known.of(ROWS)) or ()
    answered = explain(environment, history, rows)
    return [_pasted(each, gate) for each in (answered, *_row(environment, history, known), *cleaned)]


def _pasted(answer: Answer, gate: Gate) -> Answer:
    """An answer whose fix names the history of this POST, so that it can be pasted."""
    fix = answer.fix.replace(BY_HAND, BY_HAND.replace("HISTORY", as_typed(gate.settings.report_dir / "history.jsonl")))
    return answer._replace(fix=sentence(fix))


def _row(environment: Environment, history: History, known: Examination) -> list[Answer]:
    """Whether the row of a POST that was acknowledged is in this database, and can be told by its name."""
    why = history.cut_short
    if why is not None:
        said, settings = why.cause.replace(f"; {NOT_SENT}", ""), settings_in(why.remedy)
        if settings:
            return [wrong(ROW, said, why.remedy, next(iter(settings)), settings)]
        return [in_the_way(ROW, CouldNotTell(said, why.remedy, why.key), "database")]
    rows, facts = known.of(ROWS), if_available(known.of(TABLE))
    if environment.database is None or isinstance(rows, Unavailable) or facts is None:
        return []
    if rows:
        return [
            ok(ROW, f"stored in {printable(facts.shown)}, and found by its name in {facts.label_column}", "database")
        ]
    if not history.acknowledged:
        return [ok(ROW, f"no row was stored in {printable(facts.shown)}", "database")]
    said = f"{printable(facts.shown)} has no row of its name, although it was acknowledged"
    fix = "check database and table; if they are right, the create route stores nothing"
    return [wrong(ROW, said, fix, "database")]


def _cleaned(environment: Environment, verdict: Verdict, gate: Gate) -> list[Answer]:
    left = [row for row in verdict.left_behind if row.environment == environment.name]
    removed = next(of.rows_removed for of in verdict.environments if of.name == environment.name)
    history = gate.settings.report_dir / "history.jsonl"
    if environment.cleanup == "keep" and left:
        return [ok(CLEAN_UP, f"cleanup: keep, so its row stays; {history} names it", "cleanup")]
    if left:
        return [unknown(CLEAN_UP, f"{row.name}: {row.reason}", row.remedy, "cleanup") for row in left]
    return [ok(CLEAN_UP, f"{removed} row{'s'[: removed != 1]} removed; its history is {history}", "cleanup")]
