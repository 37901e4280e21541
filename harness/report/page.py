"""The report as a page: what `report.html` shows, gathered from the verdict and the histories, and its rendering.

Everything that a server sent is made printable and masked here, and escaped by the template, which escapes all it is
given. The page holds no script and asks for nothing.

What it is made of are named tuples: every run pays for it, and a dataclass takes five times as long to define.
"""

from __future__ import annotations

import math
import shlex
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness import __version__
from harness.checkers.history import failure_rate_bound, largest_overlap
from harness.checkers.latency import answered_s
from harness.checkers.randomness import FEWEST_FOR_BITS
from harness.history.columnar import unacknowledged
from harness.history.history import History
from harness.history.token_sample import sample_of
from harness.report.curl import Variable, variables
from harness.report.deliverables import WORDS as DELIVERABLE_WORDS
from harness.report.deliverables import not_selected
from harness.report.evidence import EnvironmentEvidence
from harness.report.page_claims import Claim, claim_in_words, command_of, repeating
from harness.report.paths import as_typed
from harness.report.plots import (
    Bits,
    Latency,
    PlotColumn,
    Tick,
    Timeline,
    answer_in_words,
    bit_frequencies,
    in_words,
    latency,
    marks,
    timeline,
    trend,
)
from harness.report.story import story_lines
from harness.report.summary import CONCLUSIONS, PROVED, WORDS, advised, by_reason, covered, per_cent, to_do
from harness.report.together import deliverables_together
from harness.text import Shown, printable, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jinja2 import Template
    from jinja2.bccache import Bucket

    from harness.configuration.models import Environment
    from harness.history.attempt import Attempt, Outcome
    from harness.report.verdict import EnvironmentVerdict, LeftBehind, Verdict, WatchVerdict

TEMPLATE = Path(__file__).with_name("report.html.j2")
MOST_REQUESTS = 12  # failed requests that are shown in full, of one environment
MOST_TOKENS = 100_000  # of those returned, whose bits are drawn
MOST_LEFT = 200  # rows left behind that are listed; the verdict lists all
MOST_STEPS = 6  # remedies that stand at the top
SHOWN_EVIDENCE = 400  # characters of a body


class Part(NamedTuple):
    """What is known of one deliverable on one environment, and the claims that decide it."""

    environment: str
    says: str
    outcome: str
    word: str
    claims: tuple[str, ...]


class PhasePlots(NamedTuple):
    """The POSTs of one phase."""

    name: str
    title: str
    sent: int
    overlap: int
    outcomes: str
    timeline: Timeline
    latency: Latency | None
    untimed: int
    marks: tuple[Tick, ...] = ()


class BitPlot(NamedTuple):
    """The bits of some tokens, and in words what they show."""

    name: str
    title: str
    bits: Bits
    says: str


class Request(NamedTuple):
    """A POST that did not end ok, and the command line that sends it again."""

    name: str
    outcome: str
    answer: str
    error: str
    evidence: str
    command: str


class EnvironmentPage(NamedTuple):
    """One environment's part of the page. `key` is what the ids of its elements begin with."""

    key: str
    name: str
    url: str
    revision: str
    mood: str
    word: str
    facts: tuple[tuple[str, str], ...]
    wrong: tuple[Claim, ...]
    waived: tuple[Claim, ...]
    not_covered: tuple[Claim, ...]
    passed: tuple[Claim, ...]
    uncovered: int
    proves: str
    unavailable: str
    phases: tuple[PhasePlots, ...]
    bits: tuple[BitPlot, ...]
    bits_unavailable: tuple[str, ...]
    requests: tuple[Request, ...]
    more_requests: int
    variables: tuple[Variable, ...]
    can_repeat: bool
    notes: tuple[str, ...]
    trend: tuple[PlotColumn, ...]
    slowest: str
    story: tuple[Shown, ...]
    watched: tuple[PhasePlots, ...]


class Page(NamedTuple):
    """The whole page. `proved` is what is known of each deliverable, as (outcome, sentence)."""

    title: str
    mood: str
    word: str
    advice: str
    exit_code: int
    run: str
    started_at: str
    duration: str
    version: str
    error: str
    deliverables: tuple[Part, ...]
    proved: tuple[tuple[str, str], ...]
    asked: str
    covered: str
    outcomes: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    more_steps: int
    command: str
    environments: tuple[EnvironmentPage, ...]
    left_behind: tuple[LeftBehind, ...]
    more_left: int
    left_out: tuple[str, ...]


def render(
    verdict: Verdict, evidence: Sequence[EnvironmentEvidence], folder: Path, redact: Callable[[str], str] = str
) -> str:
    """The page as HTML.

    Args:
        verdict: of the run, masked.
        evidence: of each environment, as far as there is any.
        folder: where the run's files are.
        redact: masks secrets in what servers sent.
    """
    template = _template()
    return template.render(
        page=page_of(verdict, evidence, folder, redact), words=WORDS, in_words=in_words, per_cent=per_cent
    )


def make_ready() -> None:
    """Do what any page needs, while there is time: importing Jinja2 takes longer than most checks take to judge."""
    _template()


def _template() -> Template:
    """The template, which takes longer to compile than all else: kept compiled where Python keeps its own bytecode."""
    import jinja2

    class Kept(jinja2.FileSystemBytecodeCache):
        def dump_bytecode(self, bucket: Bucket) -> None:
            if not sys.dont_write_bytecode:
                with suppress(OSError):  # the checkout cannot be written
                    super().dump_bytecode(bucket)

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=Kept(str(TEMPLATE.parent / "__pycache__"), f"%s.{sys.implementation.cache_tag}.j2c"),
    ).get_template(TEMPLATE.name)


def page_of(
    verdict: Verdict, evidence: Sequence[EnvironmentEvidence], folder: Path, redact: Callable[[str], str] = str
) -> Page:
    """What the page shows of a run."""
    evidence_of = {of.name: of for of in evidence}

    def text(said: str) -> Shown:
        """Free text of a server. Names of ours are not masked, here as in the verdict: a password may be a word."""
        return sentence(redact(said))

    steps = list(_steps(verdict))
    return Page(
        title=": ".join(filter(None, (CONCLUSIONS[verdict.verdict], ", ".join(e.name for e in verdict.environments)))),
        mood=verdict.verdict,
        word=CONCLUSIONS[verdict.verdict],
        advice=_sentence(advised(verdict)),
        exit_code=verdict.exit_code,
        run=verdict.run,
        started_at=verdict.started_at,
        duration=in_words(verdict.duration_s),
        version=__version__,
        error="\n".join(text(line) for line in verdict.error.splitlines()),
        deliverables=tuple(
            Part(
                _own(each.environment),
                DELIVERABLE_WORDS[each.id],
                each.outcome,
                PROVED[each.outcome],
                tuple(map(_own, each.claims)),
            )
            for each in verdict.deliverables
        ),
        proved=tuple(_proved(verdict)),
        asked=_asked(verdict),
        covered=covered(verdict),
        outcomes=tuple(outcome for outcome in WORDS if any(result.outcome == outcome for result in verdict.checks)),
        steps=tuple((_own(where), text(remedy)) for where, remedy in steps[:MOST_STEPS]),
        more_steps=max(len(steps) - MOST_STEPS, 0),
        command=_clean_up_command(folder) if verdict.left_behind else "",
        environments=tuple(
            _environment(number, of, verdict, evidence_of.get(of.name, EnvironmentEvidence(of.name)), text)
            for number, of in enumerate(verdict.environments, start=1)
        ),
        left_behind=tuple(
            row.model_copy(
                update={
                    "name": _own(row.name),
                    "id": row.id and text(row.id),
                    "reason": text(row.reason),
                    "remedy": text(row.remedy),
                }
            )
            for row in verdict.left_behind[:MOST_LEFT]
        ),
        more_left=max(len(verdict.left_behind) - MOST_LEFT, 0),
        left_out=tuple(map(_own, not_selected(verdict.checks, verdict.left_out))),
    )


def _proved(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """What is known of each deliverable, once for the environments that are alike."""
    for id_, outcome, alike in deliverables_together(verdict):
        where = f" ({', '.join(each.environment for each in alike)})" if len(verdict.environments) > 1 else ""
        yield outcome, _own(f"{DELIVERABLE_WORDS[id_]}: {PROVED[outcome]}{where}")


def _asked(verdict: Verdict) -> str:
    """How many claims were asked, of all that could have been, each environment's counted; "" of none."""
    of = verdict.coverage
    known = of.asked + of.not_covered + of.waived + of.left_out
    return f"{of.asked} of {known} claims asked" if known else ""


def _own(text: str) -> Shown:
    return sentence(text)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _steps(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """What to do, as (environments, remedy), each once: about what is wrong where anything is, or what barred."""
    where: dict[str, dict[str, None]] = {}
    for environments, text in to_do(verdict):
        where.setdefault(text, {})[environments] = None
    told = list(where)
    for result in verdict.checks:
        if result.outcome == verdict.verdict and result.remedy and not any(result.remedy in text for text in told):
            where.setdefault(result.remedy, {})[result.environment] = None
    yield from ((", ".join(filter(None, environments)), remedy) for remedy, environments in where.items())


def _clean_up_command(folder: Path) -> str:
    return f"chatbots-smoke cleanup {shlex.quote(as_typed(folder / 'history.jsonl'))}"


def _environment(
    number: int,
    of: EnvironmentVerdict,
    verdict: Verdict,
    evidence_of: EnvironmentEvidence,
    text: Callable[[str], Shown],
) -> EnvironmentPage:
    results = [result for result in verdict.checks if result.environment == of.name]
    history = evidence_of.history if evidence_of.history is not None else History(of.name, ())
    bad = history.unacknowledged
    bits, bits_unavailable = _bits(history, evidence_of, text)
    phases = tuple(_phases(history))
    watch = verdict.watch if verdict.watch is not None and verdict.watch.environment == of.name else None
    return EnvironmentPage(
        key=f"e{number}",
        name=_own(of.name),
        url=_own(of.url),
        revision=text(of.revision or ""),
        mood=of.verdict,
        word=CONCLUSIONS[of.verdict],
        facts=tuple(_facts(of, history, phases)),
        wrong=tuple(
            claim_in_words(alike, text, repeating(alike, history, evidence_of.environment, text))
            for of in ("fail", "unknown")
            for alike in by_reason(results, of)
        ),
        waived=tuple(claim_in_words(alike, text) for alike in by_reason(results, "waived")),
        not_covered=tuple(claim_in_words(alike, text) for alike in by_reason(results, "not_covered")),
        passed=tuple(claim_in_words([r], text) for r in results if r.outcome == "pass"),
        uncovered=sum(result.outcome == "not_covered" for result in results),
        proves=_proves(history),
        unavailable=text(evidence_of.unavailable),
        phases=phases,
        bits=tuple(bits),
        bits_unavailable=tuple(bits_unavailable),
        requests=tuple(_request(a, evidence_of.environment, text) for a in bad[:MOST_REQUESTS]),
        more_requests=max(len(bad) - MOST_REQUESTS, 0),
        variables=variables(evidence_of.environment) if evidence_of.environment is not None else (),
        can_repeat=evidence_of.environment is not None,
        notes=tuple(map(text, of.notes)),
        trend=trend(list(reversed(evidence_of.past))),
        slowest=in_words(max((run.p95_ms or 0.0 for run in evidence_of.past), default=0.0) / 1000),
        story=tuple(map(text, story_lines(watch))) if watch is not None else (),
        watched=_watched(evidence_of.watched, watch) if watch is not None else (),
    )


def _facts(of: EnvironmentVerdict, history: History, phases: Sequence[PhasePlots]) -> Iterator[tuple[str, str]]:
    if of.posts:
        yield "acknowledged", f"{of.acknowledged} of {of.posts} POSTs"
        alone = len(phases) == 1 and phases[0].sent == len(history.attempts)
        yield "at the same moment", f"{phases[0].overlap if alone else largest_overlap(history)} at most"
        yield "rows removed", str(of.rows_removed)
    if of.duration_s:
        yield "took", in_words(of.duration_s)


def _proves(history: History) -> str:
    """What the POSTs alone prove, in words."""
    sent, failed = len(history.attempts), len(history.attempts) - len(history.acknowledged)
    if not sent:
        return ""
    if failed:
        return f"{failed} of {sent} POSTs ({per_cent(failed / sent)}) did not end as they should."
    bound = failure_rate_bound(sent)
    for_one_per_cent = math.ceil(math.log(0.05) / math.log(0.99))
    more = "" if sent >= for_one_per_cent else f" To get below 1 % takes {for_one_per_cent} POSTs."
    return (
        f"None of {sent} POSTs failed. A deployment that fails {per_cent(bound)} of them would still pass one run in "
        f"twenty like this: with 95 % confidence fewer than {per_cent(bound)} fail, and no less is shown.{more} That "
        "tokens no longer collide is shown by their form, the column's default and the stored rows, and not by this."
    )


_PHASES = {"sequence": "One after another", "burst": "At the same moment", "soak": "Soak", "probes": "Probes"}


def _phases(history: History) -> Iterator[PhasePlots]:
    by_phase: dict[str, Sequence[Attempt]] = {
        "sequence": history.phase("sequence").attempts,
        "burst": history.phase("burst").attempts,
        "soak": history.phase("soak").attempts,
        "probes": history.probes,
    }
    took = {name: answered_s(attempts) for name, attempts in by_phase.items()}
    longest_s = max((of[-1] for of in took.values() if of), default=0.0)
    for name, title in _PHASES.items():
        attempts = by_phase[name]
        if not attempts:
            continue
        yield _plots(name, title, attempts, latency(took[name], longest_s))


def _plots(name: str, title: str, attempts: Sequence[Attempt], took: Latency | None) -> PhasePlots:
    counts = Counter(a.outcome for a in unacknowledged(attempts))
    counts["ok"] = len(attempts) - counts.total()
    drawn = timeline(attempts)
    return PhasePlots(
        name=name,
        title=title,
        sent=len(attempts),
        overlap=largest_overlap(History("", attempts)),
        outcomes=", ".join(f"{counts[of]} {word}" for of, word in _OUTCOMES.items() if counts[of]),
        timeline=drawn,
        latency=took,
        untimed=len(attempts) - drawn.of,
    )


def _watched(history: History | None, watch: WatchVerdict) -> tuple[PhasePlots, ...]:
    """The POSTs of a watch, with the changes of column and revision drawn in, each where it was seen."""
    if history is None or not history.attempts:
        return ()
    moments = [(change.to_s, change.kind) for change in watch.changes if change.kind in ("column", "revision")]
    plots = _plots("rollout", "While it was rolled out", history.attempts, None)
    return (plots._replace(marks=marks(history.attempts, plots.timeline, moments)),)


_OUTCOMES: dict[Outcome, str] = {"ok": "acknowledged", "fail": "answered wrongly", "unknown": "without an answer"}


def _bits(
    history: History, evidence_of: EnvironmentEvidence, text: Callable[[str], Shown]
) -> tuple[list[BitPlot], list[str]]:
    returned = sample_of(history.tokens[:MOST_TOKENS])
    plots, unavailable = [], []
    for name, title, sample, why in (
        ("returned", "Returned tokens", returned, "no POST returned a version 4 UUID"),
        (
            "stored",
            "Stored tokens",
            evidence_of.stored,
            text(evidence_of.stored_unavailable) or "no stored token is a version 4 UUID",
        ),
    ):
        bits = bit_frequencies(sample) if sample is not None else None
        if bits is None:
            unavailable.append(f"{title}: none to show ({why}).")
        elif bits.within is None:
            unavailable.append(f"{title}: {bits.tokens}; bits of fewer than {FEWEST_FOR_BITS} tokens show nothing.")
        else:
            plots.append(BitPlot(name, title, bits, _bits_in_words(bits, bits.within)))
    return plots, unavailable


def _bits_in_words(bits: Bits, within: float) -> str:
    least, most = bits.extremes
    ends = (
        f"Over {bits.tokens} tokens the random bits are set in {100 * least.share:.1f} % (bit {least.number}) "
        f"to {100 * most.share:.1f} % (bit {most.number}) of them"
    )
    judged = {0: "none is", 1: "one is"}.get(bits.uneven, f"{bits.uneven} are")
    return f"{ends}; {judged} further from a half than chance allows (50 % \N{PLUS-MINUS SIGN} {100 * within:.1f} %)."


def _request(attempt: Attempt, environment: Environment | None, text: Callable[[str], Shown]) -> Request:
    return Request(
        name=_own(attempt.name),
        outcome=attempt.outcome,
        answer=answer_in_words(attempt),
        error=text(attempt.error),
        evidence=printable(text(attempt.evidence), SHOWN_EVIDENCE),
        command=command_of(environment, attempt, text) if environment is not None else "",
    )
