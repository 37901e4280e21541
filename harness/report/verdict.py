"""The verdict of a run: `verdict.json` as a model, and how outcomes become an exit code."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from harness.claims import DEPLOYMENT_ANSWERS, REVISION_IS_THE_ONE_DEPLOYED, Deliverable, Kind
from harness.deferred import DeferredModel
from harness.errors import CouldNotTell, Waived
from harness.text import Shown, printable_lines, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.errors import Unavailable

CheckOutcome = Literal["pass", "fail", "unknown", "not_covered", "waived"]
Conclusion = Literal["pass", "fail", "unknown"]
Scope = Literal["full", "partial"]
ActionKind = Literal[
    "roll_back", "configure", "mend_data", "fix_setup", "hold", "migrate", "release", "clean_up"
]  # the most urgent first
# Names of ours are not masked: a secret that happens to be a word of the schema must not spoil them.
Sentence = Annotated[Shown, AfterValidator(sentence)]
Lines = Annotated[Shown, AfterValidator(printable_lines)]


class ExitCode(IntEnum):
    """What a gate acts on. 2 to 5 are pytest's own."""

    RELEASE = 0
    ROLL_BACK = 1
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    USAGE = 4
    NOTHING_COLLECTED = 5
    COULD_NOT_TELL = 75
    LEFT_BEHIND = 76


def _none() -> list[Any]:
    """An empty list. Of `list` itself pydantic asks for its signature, which Python has to parse from a text."""
    return []


class CheckResult(DeferredModel):
    """One claim on one environment. `want` and `have` are set where it was seen broken."""

    id: str = Field(description="the check's function name without test_")
    environment: str
    outcome: CheckOutcome
    claim: str
    want: Sentence = Shown("")
    have: list[Sentence] = Field(default_factory=_none, description="the offending items, bounded")
    cause: Sentence = Shown("")
    remedy: Sentence = Shown("")


class LeftBehind(DeferredModel):
    """A row of this run that may still be stored."""

    environment: str
    name: str
    id: Sentence | None = Field(default=None, description="the row's id, if it is known")
    reason: Sentence
    remedy: Sentence = Shown("")


class SeenStatements(DeferredModel):
    """What Postgres showed of the statements that stored the rows of a run, and what looking cost."""

    posts: int = Field(description="POSTs that were sent, those of probes included")
    seen: int = Field(description="POSTs during which pg_stat_activity showed a statement that stores a row")
    counted: int | None = Field(description="such statements that pg_stat_statements counted; null if it counts none")
    looks: int = Field(description="how often pg_stat_activity was read")
    looks_ms: float = Field(description="how long all of it took")


class EnvironmentVerdict(DeferredModel):
    """What was concluded of one environment."""

    name: str
    url: str
    verdict: Conclusion
    revision: Sentence | None = Field(default=None, description="the revision that it said it serves")
    posts: int = Field(default=0, description="POSTs sent")
    acknowledged: int = Field(default=0, description="POSTs answered with api.status, an id and a token")
    failure_rate_bound: float | None = Field(
        default=None,
        description="the failure rate that this many POSTs without a failure leave possible, at 95 % confidence",
    )
    latency_p50_ms: float | None = Field(default=None, description="how long POSTs took; null if none was sent")
    latency_p95_ms: float | None = Field(default=None, description="the nearest rank of 95 %")
    latency_max_ms: float | None = None
    statements: SeenStatements | None = Field(
        default=None, description="null if the run did not look for statements of the deployment"
    )
    rows_removed: int = 0
    duration_s: float = 0.0
    notes: list[Sentence] = Field(default_factory=_none, description="what is unusual and does not change the verdict")


class Coverage(DeferredModel):
    """How many claims came to which outcome, each environment's counted; `left_out` counts what was not selected."""

    asked: int = Field(default=0, description="pass, fail and unknown together")
    pass_: int = Field(default=0, alias="pass")
    fail: int = 0
    unknown: int = 0
    not_covered: int = 0
    waived: int = 0
    left_out: int = Field(
        default=0, description="claims that a run of this kind could have checked, and that were not selected"
    )

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)


class DeliverableVerdict(DeferredModel):
    """What is known of one part of the change on one environment."""

    id: Deliverable
    environment: str
    outcome: CheckOutcome = Field(
        description="pass: each required claim that applies holds; not_covered: some were not checked, and none failed"
    )
    claims: list[str] = Field(description="the ids of the claims that decide it")


class Action(DeferredModel):
    """What to do. The first one decides what becomes of the release."""

    kind: ActionKind
    environments: list[str] = Field(default_factory=_none)
    text: Sentence
    claims: list[str] = Field(default_factory=_none, description="the claims that it is about, by id")


class WatchPhase(DeferredModel):
    """A stretch of a rollout. Seconds count from the beginning of the watch, on a monotonic clock."""

    name: Literal["before", "migrated", "deployed", "steady"]
    from_s: float
    to_s: float
    posts: int
    failed: int
    latency_p50_ms: float | None = Field(default=None, description="of acknowledged POSTs; null if there is none")
    latency_p95_ms: float | None = None
    latency_max_ms: float | None = None


class WatchLatency(DeferredModel):
    """How long POSTs took until the first change of a rollout, until its steady state, or from then on."""

    name: Literal["before", "during", "after"]
    posts: int
    latency_p50_ms: float
    latency_p95_ms: float = Field(description="the nearest rank of 95 %")
    latency_max_ms: float


class WatchChange(DeferredModel):
    """Something that happened on the way, no earlier than `from_s` and no later than `to_s`."""

    kind: Literal["column", "revision", "tokens", "rows", "lock", "waited", "failed", "refused", "unseen"]
    at: str = Field(description="from_s as a time of day of this machine, RFC 3339, UTC")
    from_s: float
    to_s: float
    text: Sentence
    posts: int = Field(default=0, description="how many POSTs it is about")


class WatchVerdict(DeferredModel):
    """What a watch saw of a rollout: the story of it."""

    environment: str
    started_at: str = Field(description="RFC 3339, UTC; what seconds count from")
    lasted_s: float
    ended: Sentence = Field(description="why it ended")
    rate: float = Field(description="POSTs a second that were wanted")
    posts: int
    acknowledged: int
    failed: int = Field(description="POSTs that a user would have seen fail")
    refused: int = Field(description="POSTs that say nothing about the create route, such as 429")
    withheld: int = Field(description="POSTs that were due and not sent, because too many were under way")
    outage_s: float = Field(description="seconds from the first to the last POST that failed, over all outages")
    short_tokens: int
    version_4_tokens: int
    steady_s: float | None = Field(description="when the steady state began; null if it was not reached")
    phases: list[WatchPhase]
    latency: list[WatchLatency] = Field(
        default_factory=_none, description="before, during and after, as far as POSTs were sent"
    )
    changes: list[WatchChange] = Field(description="in the order in which they began")
    looks: int = Field(description="statements that looked at the column and its locks, one transaction each")
    looks_missed: int
    row_looks: int = Field(default=0, description="how often stored rows were compared with their answers meanwhile")
    look_ms: float | None = Field(description="how long such a look took, the median; null if there was none")
    clock_ahead_s: float | None = Field(description="how far the clock of the database is ahead of ours, the median")
    clock_within_s: float | None = Field(description="how exactly that is known: half of the shortest look")


class Verdict(DeferredModel):
    """The whole of `verdict.json`. Within one version of the schema fields are only added."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    schema_: Literal["chatbots-smoke/verdict/1"] = Field(default="chatbots-smoke/verdict/1", alias="schema")
    verdict: Conclusion
    exit_code: int
    run: str
    kind: Kind = Field(
        default="deployment",
        description="what was verified: a deployment, its database before a migration, the app's source, or a rollout",
    )
    scope: Scope = Field(default="full", description="full: every claim of this kind was selected")
    trial: bool = Field(
        default=False, description="true: the deployments are a trial on this machine, so there is nothing to release"
    )
    coverage: Coverage = Field(default_factory=Coverage)
    deliverables: list[DeliverableVerdict] = Field(default_factory=_none)
    actions: list[Action] = Field(
        default_factory=_none, description="what to do: each action once, the most urgent first"
    )
    started_at: str = Field(description="RFC 3339, UTC")
    duration_s: float
    environments: list[EnvironmentVerdict] = Field(default_factory=_none)
    checks: list[CheckResult] = Field(default_factory=_none)
    left_behind: list[LeftBehind] = Field(default_factory=_none)
    left_out: list[str] = Field(
        default_factory=_none,
        description="checks that were not selected; check[environment] if another environment has them",
    )
    watch: WatchVerdict | None = Field(
        default=None, description="what a watch saw of a rollout; null if nothing was watched"
    )
    error: Lines = Field(default=Shown(""), description="why the run ended early; empty if it did not")


def outcome_without(why: Unavailable) -> CheckOutcome:
    """The outcome of a claim in the place of whose evidence stands why there is none."""
    if isinstance(why, CouldNotTell):
        return "unknown"
    return "waived" if isinstance(why, Waived) else "not_covered"


def conclude(results: Iterable[CheckResult], *, complete: bool = True) -> Conclusion:
    """The verdict that outcomes add up to: a seen failure wins, then what could not be told.

    Nothing checked is not a pass, and neither is a run that ended early (`complete=False`). The claim that the
    deployment answers only opens the way to the others; where those were asked for and none could be, it is not a pass.
    """
    results = list(results)
    outcomes = {result.outcome for result in results}
    if "fail" in outcomes:
        return "fail"
    if "unknown" in outcomes or not complete:
        return "unknown"
    passed = {result.id for result in results if result.outcome == "pass"}
    barred = any(result.outcome in ("not_covered", "waived") and result.id not in _SERVING for result in results)
    if not passed or (barred and passed <= _SERVING):
        return "unknown"
    return "pass"


_SERVING = frozenset({DEPLOYMENT_ANSWERS, REVISION_IS_THE_ONE_DEPLOYED})


def worst(conclusions: Sequence[Conclusion]) -> Conclusion:
    """The verdict of a run over the verdicts of its environments: a failure wins, and none at all is unknown."""
    if "fail" in conclusions:
        return "fail"
    return "unknown" if "unknown" in conclusions or not conclusions else "pass"


def exit_code(conclusion: Conclusion, left_behind: Sequence[LeftBehind], pytest_status: int) -> int:
    """The exit code of the contract. Where pytest ended by a code of its own (2 to 5 and above), it stays."""
    if pytest_status not in (ExitCode.RELEASE, ExitCode.ROLL_BACK):
        return pytest_status
    if conclusion == "fail":
        return ExitCode.ROLL_BACK
    if conclusion == "unknown":
        return ExitCode.COULD_NOT_TELL
    return ExitCode.LEFT_BEHIND if left_behind else ExitCode.RELEASE
