"""What to do after a run: each thing once, the most urgent first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from harness.claims import DELIVERABLES, OfRollout, is_told_elsewhere
from harness.errors import ask_doctor
from harness.report.deliverables import asked_of_all
from harness.report.verdict import Action, ActionKind, ExitCode
from harness.text import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.claims import Kind
    from harness.report.verdict import CheckResult, LeftBehind, Scope

ABOUT_DATA = frozenset(
    {
        "stored_tokens_are_version_4",
        "stored_tokens_are_not_null",
        "stored_tokens_are_distinct",
        "stored_tokens_are_random",
    }
)
"""Claims about rows that were stored before: rolling the release back mends none of them."""

OUTAGE = "hold: POSTs failed for longer than watch.outage_s allows; rolling back does not undo that"
SLOW = "hold: POSTs took longer than watch.latency_p95_ms allows; rolling back does not undo that"
TRIAL_HOLDS = "the rehearsal holds; it is not a real deployment"


class SetUp(NamedTuple):
    """A key of environments.yaml that explains an environment's failing POSTs better than a broken deployment does."""

    remedy: str
    claims: frozenset[str]


class Ended(NamedTuple):
    """How a run ended, as far as its actions depend on it.

    Attributes:
        exit_code: of the contract.
        kind: what was verified.
        scope: whether every claim of its kind was selected.
        left_out: the claims that were not.
        error: why it ended before it could ask, "" where it did not.
        trial: whether what was verified is deployed for a trial only.
    """

    exit_code: int
    kind: Kind
    scope: Scope
    left_out: Sequence[str] = ()
    error: str = ""
    trial: bool = False


def actions(
    ended: Ended, results: Sequence[CheckResult], left: Sequence[LeftBehind], set_up: Mapping[str, SetUp]
) -> list[Action]:
    """What to do.

    Args:
        ended: how the run ended.
        results: what its checks concluded.
        left: rows that may be left behind.
        set_up: for each environment whose failing POSTs a key explains, that key.
    """
    found = [*_about_the_run(ended), *_about_failures(ended, results, set_up), *_about_unknown(results)]
    if not any(action.kind == "roll_back" for action in found):  # what is broken answers the doctor no better
        found += _about_the_setup(ended, results, set_up)
    if not found and ended.exit_code in (ExitCode.RELEASE, ExitCode.LEFT_BEHIND):
        found = [_go_on(ended, results)]
    if not found:
        found = [Action(kind="hold", text=sentence("hold: nothing was concluded"))]
    if left:
        names = list(dict.fromkeys(row.environment for row in left))
        text = sentence(f"remove the rows that may be left: {left[0].remedy or 'they are listed'}")
        found.append(Action(kind="clean_up", environments=names, text=text))
    order = get_args(ActionKind)
    return sorted(found, key=lambda action: order.index(action.kind))


def _about_the_run(ended: Ended) -> Iterable[Action]:
    """What ended it before it could ask."""
    why = {
        ExitCode.INTERRUPTED: "hold: the run was interrupted; run it again",
        ExitCode.INTERNAL_ERROR: "hold: the harness itself failed; report what it says",
        ExitCode.NOTHING_COLLECTED: "hold: no check was selected",
    }
    if ended.exit_code == ExitCode.USAGE:
        first = ended.error.partition("\n")[0]
        yield Action(kind="configure", text=sentence(first or "fix the command line or the configuration"))
    elif ended.exit_code not in (
        *(ExitCode.RELEASE, ExitCode.ROLL_BACK, ExitCode.COULD_NOT_TELL, ExitCode.LEFT_BEHIND),
    ):
        said = next((text for code, text in why.items() if code == ended.exit_code), "hold: the run ended early")
        yield Action(kind="hold", text=sentence(said))


def _about_failures(ended: Ended, results: Sequence[CheckResult], set_up: Mapping[str, SetUp]) -> Iterable[Action]:
    failed = [result for result in results if result.outcome == "fail"]
    if not failed:
        return
    if ended.kind == "preflight":
        text = "hold the migration: it would fail, or leave the table wrong"
        yield _about(failed, "hold", text)
        return
    explained = [result for result in failed if _is_explained(result, set_up)]
    for name in dict.fromkeys(result.environment for result in explained):
        of_it = [result for result in explained if result.environment == name]
        yield _about(of_it, "configure", set_up[name].remedy)
    data = [result for result in failed if result.id in ABOUT_DATA]
    for remedy in dict.fromkeys(result.remedy for result in data):
        of_it = [result for result in data if result.remedy == remedy]
        yield _about(of_it, "mend_data", f"{remedy}; rolling back does not fix stored rows")
    source = [result for result in failed if result.id in DELIVERABLES["no_generator_in_source"]]
    if source:
        yield _about(source, "hold", "fix the source and deploy it again")
    outage = [result for result in failed if result.id == OfRollout.OUTAGE]
    if outage:
        yield _about(outage, "hold", OUTAGE)
    slow = [result for result in failed if result.id == OfRollout.LATENCY]
    if slow:
        yield _about(slow, "hold", SLOW)
    told = (explained, data, source, outage, slow)
    others = [result for result in failed if not any(result in those for those in told)]
    if others:
        yield _about(others, "roll_back", "roll back: the deployment is wrong")


def _is_explained(result: CheckResult, set_up: Mapping[str, SetUp]) -> bool:
    return result.environment in set_up and result.id in set_up[result.environment].claims


def _about_unknown(results: Sequence[CheckResult]) -> Iterable[Action]:
    unknown = [r for r in results if r.outcome == "unknown" and not (r.remedy and is_told_elsewhere(r.remedy))]
    for remedy in dict.fromkeys(result.remedy for result in unknown):
        yield _about([result for result in unknown if result.remedy == remedy], "fix_setup", remedy)


def _about_the_setup(ended: Ended, results: Sequence[CheckResult], set_up: Mapping[str, SetUp]) -> Iterable[Action]:
    """Who says what to write, where keys of environments.yaml may be wrong: once for all of these environments."""
    source = DELIVERABLES["no_generator_in_source"]
    wrong = {r.environment for r in results if r.outcome == "unknown" and r.id not in source and _may_be_set_up(r)}
    wrong |= {r.environment for r in results if r.outcome == "fail" and _is_explained(r, set_up)}
    names = [name for name in dict.fromkeys(result.environment for result in results) if name in wrong - {""}]
    if names and ended.kind == "deployment":
        yield Action(kind="fix_setup", environments=names, text=sentence(ask_doctor(names)))


def _may_be_set_up(result: CheckResult) -> bool:
    """Whether what could not be told may have to do with how the environment is described."""
    return bool(result.remedy) and not result.remedy.startswith("run again") and not is_told_elsewhere(result.remedy)


def _about(results: Sequence[CheckResult], kind: ActionKind, text: str) -> Action:
    return Action(
        kind=kind,
        environments=list(dict.fromkeys(result.environment for result in results)),
        text=sentence(text),
        claims=list(dict.fromkeys(result.id for result in results)),
    )


def _go_on(ended: Ended, results: Sequence[CheckResult]) -> Action:
    names = list(dict.fromkeys(result.environment for result in results))
    if ended.scope == "partial":
        # No advice about the deployment: nobody knows of the claims that were not asked.
        text = f"holds: {asked_of_all(results, ended.left_out)}"
        return Action(kind="hold", environments=names, text=sentence(text))
    if ended.kind == "preflight":
        text = "migrate: nothing that would stop the migration was found"
        return Action(kind="migrate", environments=names, text=sentence(text))
    if ended.trial:
        return Action(kind="hold", environments=names, text=sentence(TRIAL_HOLDS))
    return Action(kind="release", environments=names, text=sentence("release"))
