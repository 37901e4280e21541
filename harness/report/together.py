"""What several environments have in common is told once: a finding, its causes, and what was seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.patterns import lazily
from harness.report.summary import by_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.claims import Deliverable
    from harness.report.verdict import CheckOutcome, CheckResult, DeliverableVerdict, Verdict

_POST = lazily(r"\bsmoke-[\w-]{1,80}")


class Found(NamedTuple):
    """What one reason explains: its results, and what they have for a cause, of each environment."""

    results: list[CheckResult]
    causes: dict[str, str]
    remedy: str

    @property
    def environments(self) -> list[str]:
        """The environments that it was found on."""
        return list(dict.fromkeys(result.environment for result in self.results))

    @property
    def claims(self) -> dict[str, list[CheckResult]]:
        """The results of each claim, by its id."""
        found: dict[str, list[CheckResult]] = {}
        for result in self.results:
            found.setdefault(result.id, []).append(result)
        return found


def found_together(verdict: Verdict, outcome: str) -> list[Found]:
    """The results of an outcome, by their reasons.

    Environments whose claim one remedy mends are together: their causes may differ by a name or a number.
    """
    found: list[Found] = []
    for environment in verdict.environments:
        results = [result for result in verdict.checks if result.environment == environment.name]
        for alike in by_reason(results, outcome):
            first = alike[0]
            same = (one for one in found if one.remedy == first.remedy and environment.name not in one.causes)
            told = next((one for one in same if first.id in one.claims or first.cause in one.causes.values()), None)
            if told is None:
                told = Found([], {}, first.remedy)
                found.append(told)
            told.results.extend(alike)
            told.causes[environment.name] = first.cause
    return found


def agree(of: Mapping[str, Sequence[str]]) -> bool:
    """Whether environments have the same to say, but for the names of their POSTs."""
    return len({tuple(_POST.sub("", item) for item in items) for items in of.values()}) <= 1


def by_environment(of: Mapping[str, Sequence[str]]) -> list[str]:
    """The items, told once where all environments have the same, and with their environment's name where not."""
    if agree(of):
        return list(next(iter(of.values()), ()))
    return [f"{name}: {item}" for name, items in of.items() for item in items]


def only_on(names: Sequence[str], verdict: Verdict) -> str:
    """The environments that something is true of, such as "preview: "; "" where it is true of all."""
    named = list(dict.fromkeys(names))
    return "" if len(named) == len(verdict.environments) else f"{', '.join(named)}: "


def deliverables_together(verdict: Verdict) -> Iterator[tuple[Deliverable, CheckOutcome, list[DeliverableVerdict]]]:
    """Each deliverable and what is known of it, with the environments of which that is known."""
    for id_ in dict.fromkeys(each.id for each in verdict.deliverables):
        of = [each for each in verdict.deliverables if each.id == id_]
        for outcome in dict.fromkeys(each.outcome for each in of):
            yield id_, outcome, [each for each in of if each.outcome == outcome]
