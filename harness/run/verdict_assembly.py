"""Puts a verdict together, and what the page shows besides, from what a run came to know."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.checkers.history import failure_rate_bound
from harness.checkers.latency import durations_ms, percentile
from harness.checkers.sequences import values_left
from harness.checkers.token_writers import posts_seen
from harness.checkers.wrong_keys import explained
from harness.claims import EVERY_POST_ANSWERS_201, POSTS_AT_ONCE_ANSWER_201
from harness.configuration.secrets import notes_on_secrets
from harness.errors import Unavailable, if_available
from harness.report.actions import Ended, SetUp, actions
from harness.report.deliverables import coverage, deliverables
from harness.report.evidence import EnvironmentEvidence
from harness.report.run_log import FILE, SHOWN_RUNS, NoTrend, past_runs
from harness.report.verdict import EnvironmentVerdict, SeenStatements, Verdict, conclude, exit_code, worst
from harness.run.evidence import HISTORY, OBSERVED_INSERTS, PREFLIGHT, READINESS, SEQUENCE, STORED_TOKENS, TABLE
from harness.run.gathering import NOT_ASKED
from harness.run.posting import SESSIONS_STAY
from harness.run.worked_before import working, working_in
from harness.text import Shown, printable_lines, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.claims import Kind
    from harness.configuration.models import Environment
    from harness.history.history import History
    from harness.report.run_log import PastRun
    from harness.report.verdict import Scope
    from harness.run.cleanup import CleanUp
    from harness.run.gathering import Examination
    from harness.run.outcomes import Outcomes
    from harness.run.settings import RunSettings
    from harness.run.source_reading import SourceReading


def assemble(
    settings: RunSettings,
    outcomes: Outcomes,
    examinations: Mapping[str, Examination],
    sources: SourceReading,
    cleaned: Mapping[str, CleanUp],
    pytest_status: int,
    error: str,
    *,
    judged: Sequence[Path] | None = None,
) -> Verdict:
    """What it all adds up to.

    Args:
        settings: the run as it was asked for.
        outcomes: what checks concluded.
        examinations: what is known of each environment whose examination has ended, by its name.
        sources: the app's source, as far as it was read.
        cleaned: what was removed of each environment, and what may remain.
        pytest_status: the exit code that pytest has for this run.
        error: why the run ended before it could ask, "" where it did not.
        judged: the saved histories that are judged, whose settings nobody knows; None where a deployment is asked.
    """
    left = [row for done in cleaned.values() for row in done.left]
    complete = pytest_status in (0, 1) and not error
    of_secrets = notes_on_secrets(settings.environments)
    verdicts = [
        _of_environment(
            environment,
            settings,
            outcomes,
            examinations.get(environment.name),
            _notes(environment, settings, outcomes, examinations, sources, of_secrets[environment.name]),
            cleaned.get(environment.name),
            complete=complete,
        )
        for environment in settings.environments
    ]
    overall = worst([verdict.verdict for verdict in verdicts])
    code = exit_code(overall, left, pytest_status)
    scope: Scope = "partial" if outcomes.left_out or outcomes.narrowed else "full"
    trial = any(environment.origin in settings.trials for environment in settings.environments)
    watched = outcomes.watched
    kind: Kind = "rollout" if watched is not None else outcomes.kind
    ended = Ended(code, kind, scope, outcomes.left_out, error, trial)
    return Verdict(
        verdict=overall,
        exit_code=code,
        run=settings.run,
        kind=kind,
        scope=scope,
        trial=trial,
        coverage=coverage(outcomes.results, outcomes.left_out),
        deliverables=[
            each
            for environment in settings.environments
            if outcomes.kind != "preflight"
            for each in deliverables(environment.name, outcomes.of(environment.name))
        ],
        actions=actions(ended, outcomes.results, left, _set_up(settings, examinations, judged)),
        started_at=settings.started_at.isoformat(timespec="seconds"),
        duration_s=round(time.monotonic() - settings.began_s, 3),
        environments=verdicts,
        checks=outcomes.results,
        left_behind=left,
        left_out=outcomes.left_out,
        watch=watched.watch if watched is not None else None,
        error=printable_lines(error),
    )


def _set_up(
    settings: RunSettings, examinations: Mapping[str, Examination], judged: Sequence[Path] | None
) -> dict[str, SetUp]:
    """For each environment whose failing POSTs a key explains, that key.

    None explains what was acknowledged before, made as it is now: by this environment in another run, or by another
    one in this run.
    """
    known = [(known.environment, if_available(known.of(HISTORY))) for known in examinations.values()]
    explaining = {
        environment.name: key
        for environment, history in known
        if history is not None and (key := explained(history, environment.table.token)) is not None
    }
    if not explaining:
        return {}
    answered = frozenset(environment.name for environment, history in known if history and history.acknowledged)
    if judged is None:
        right = working([environment for environment, _ in known], answered, settings.report_dir.parent / FILE)
    else:
        right = working_in(judged, answered)
    claims = frozenset({EVERY_POST_ANSWERS_201, POSTS_AT_ONCE_ANSWER_201})
    return {name: SetUp(key.remedy, claims) for name, key in explaining.items() if name not in right}


def _of_environment(
    environment: Environment,
    settings: RunSettings,
    outcomes: Outcomes,
    known: Examination | None,
    notes: list[Shown],
    cleaned: CleanUp | None,
    *,
    complete: bool,
) -> EnvironmentVerdict:
    history = if_available(known.of(HISTORY)) if known is not None else None
    ready = if_available(known.of(READINESS)) if known is not None else None
    sent = len(history.attempts) if history else 0
    acknowledged = len(history.acknowledged) if history else 0
    took = durations_ms(history) if history else []
    return EnvironmentVerdict(
        name=environment.name,
        url=settings.redact.url(environment.origin),
        verdict=conclude(outcomes.of(environment.name), complete=complete),
        revision=sentence(ready.revision) if ready and ready.revision else None,
        posts=sent,
        acknowledged=acknowledged,
        failure_rate_bound=float(f"{failure_rate_bound(sent):.3g}") if sent and sent == acknowledged else None,
        latency_p50_ms=round(percentile(took, 50), 1) if took else None,
        latency_p95_ms=round(percentile(took, 95), 1) if took else None,
        latency_max_ms=round(took[-1], 1) if took else None,
        notes=notes,
        statements=_statements(known, history),
        rows_removed=cleaned.removed if cleaned is not None else 0,
        duration_s=round(known.took_s, 3) if known is not None else 0.0,
    )


def _statements(known: Examination | None, history: History | None) -> SeenStatements | None:
    observed = if_available(known.of(OBSERVED_INSERTS)) if known is not None else None
    if observed is None or history is None:
        return None
    return SeenStatements(
        posts=len(history.sent),
        seen=posts_seen(observed, history),
        counted=observed.counted,
        looks=observed.looks,
        looks_ms=round(observed.took_s * 1000, 1),
    )


def _notes(
    environment: Environment,
    settings: RunSettings,
    outcomes: Outcomes,
    examinations: Mapping[str, Examination],
    sources: SourceReading,
    of_secrets: Sequence[str],
) -> list[Shown]:
    """What is unusual of an environment and decides nothing."""
    known = examinations.get(environment.name)
    same = [e.name for e in settings.environments if e.origin == environment.origin and e.name != environment.name]
    alike = [f"has the same url as {', '.join(same)}: one deployment was verified under several names"] if same else []
    found = [f"source: {note}" for note in sources.notes(environment)]
    soaked = outcomes.soak.notes if outcomes.soak is not None else ()
    stored = _accepted(environment, known)
    shared = _shared_database(environment, examinations)
    migration = _before_the_migration(known)
    ending = _sequence_near_its_end(known)
    sent = if_available(known.of(HISTORY)) if known is not None else None
    login = [SESSIONS_STAY] if environment.login is not None and sent is not None and sent.sent else []
    return [
        sentence(note) for note in (*alike, *login, *of_secrets, *shared, *found, *stored, *ending, *migration, *soaked)
    ]


def _shared_database(environment: Environment, examinations: Mapping[str, Examination]) -> list[str]:
    """That other environments store their rows in the same database."""
    known = examinations.get(environment.name)
    sharing = [name for name, of in examinations.items() if known and of.database and of.database == known.database]
    if len(sharing) < 2:
        return []
    names = f"{', '.join(sharing[:-1])} and {sharing[-1]}"
    return [f"{names} share one database: their POSTs were sent one environment after the other"]


def _accepted(environment: Environment, known: Examination | None) -> list[str]:
    """How many stored tokens are not of version 4 and accepted nevertheless."""
    until = environment.stored.legacy_until
    stored = if_available(known.of(STORED_TOKENS)) if known is not None else None
    if until is None or stored is None:
        return []
    accepted = stored.ages.accepted if stored.ages is not None else 0
    if not accepted:
        return [f"stored.legacy_until: {until} accepts no row: it can be taken out"]
    return [f"stored.legacy_until: {until} accepts {accepted} stored tokens that are UUIDs and not of version 4"]


def _sequence_near_its_end(known: Examination | None) -> list[str]:
    """That the id sequence has few values left: until they are used up, nothing is wrong."""
    sequence = if_available(known.of(SEQUENCE)) if known is not None else None
    facts = if_available(known.of(TABLE)) if known is not None else None
    left = values_left(sequence, facts.id_type) if sequence is not None and facts is not None else None
    if left is None or sequence is None or facts is None:
        return []
    mend = "make the column and the sequence bigint" if facts.id_type != "bigint" else "raise its MAXVALUE"
    has = f"the id sequence {sequence.name} has {left} value{'s'[: left != 1]} left"
    return [f"{has} for {facts.id_column} ({facts.id_type}): {mend} before POSTs fail (2200H)"]


def _before_the_migration(known: Examination | None) -> list[str]:
    """What a preflight noticed that decides nothing."""
    preflight = if_available(known.of(PREFLIGHT)) if known is not None else None
    if preflight is None:
        return []
    from harness.preflight.checkers import notes  # a run after the deploy has none

    return notes(preflight)


def page_evidence(
    environment: Environment,
    known: Examination | None,
    *,
    repeatable: bool,
    written: History | None,
    log: Path | None,
) -> EnvironmentEvidence:
    """What the page shows of an environment.

    Args:
        environment: the environment.
        known: what its examination found, None where it has not ended.
        repeatable: whether its requests can be repeated as they were sent.
        written: the history as it is on disk, for want of a better one.
        log: where earlier runs are remembered, None where nobody looks.
    """
    name, of = environment.name, environment if repeatable else None
    past = _past_runs(log, name)
    if known is None:
        return EnvironmentEvidence(name, of, history=written, stored_unavailable=NOT_ASKED.cause, past=past)
    history, stored = known.of(HISTORY), known.of(STORED_TOKENS)
    scan = if_available(stored)
    return EnvironmentEvidence(
        name,
        environment=of,
        history=if_available(history),
        unavailable=_why(history),
        stored=scan.sample if scan is not None else None,
        stored_unavailable=_why(stored),
        past=past,
    )


def _why(part: object) -> str:
    return part.cause if isinstance(part, Unavailable) else ""


def _past_runs(file: Path | None, environment: str) -> list[PastRun]:
    if file is not None:
        with suppress(NoTrend):
            return past_runs(file, environment, SHOWN_RUNS)
    return []
