"""What the checks of a run concluded, as it comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from harness.report.deliverables import ORDER, of_one
from harness.report.verdict import CheckResult

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from harness.claims import Kind
    from harness.run.soak_result import SoakResult
    from harness.run.watch_result import WatchResult


class Outcomes(Struct):
    """The results of the checks, in the order in which they were asked, and what they are results of.

    `kind` says what is verified, and `left_out` which checks the run was narrowed not to ask. `narrowed` says that it
    was told not to ask all that the others could (--read-only, a saved history, a soak). `incomplete` says what saved
    histories lack; `soak` is what became of the rows, where the histories of a soak are judged; `watched` is what was
    seen of the rollout whose steady state is judged.
    """

    kind: Kind = "deployment"
    results: list[CheckResult] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    narrowed: bool = False
    incomplete: str = ""
    soak: SoakResult | None = None
    watched: WatchResult | None = None
    _places: dict[tuple[str, str], int] = field(default_factory=dict)  # of each in `results`, while they come in

    def select(
        self, kind: Kind, known: Sequence[str], selected: Collection[tuple[str, str]], environments: Sequence[str]
    ) -> None:
        """Keep what was collected: of which kind it is, and what was not selected.

        Args:
            kind: what is verified.
            known: the ids of all checks that a run of this kind could ask.
            selected: the checks that were selected, as (id, environment).
            environments: the names of those that the run was told to verify.
        """
        self.kind = kind
        checks = {check for check, _ in selected}
        self.left_out = [check for check in known if check not in checks]
        self.left_out += [
            of_one(check, environment)
            for environment in environments
            for check in known
            if check in checks and (check, environment) not in selected
        ]

    def record(self, result: CheckResult) -> None:
        """Keep what a check concluded. Where a plugin repeats checks, the worst of each is kept: they see the same."""
        place = self._places.setdefault((result.id, result.environment), len(self.results))
        if place == len(self.results):
            self.results.append(result)
        else:
            self.results[place] = min(self.results[place], result, key=lambda each: ORDER.index(each.outcome))

    def of(self, environment: str) -> list[CheckResult]:
        """What was concluded of one environment."""
        return [result for result in self.results if result.environment == environment]

    def close(self, places: Mapping[tuple[str, str], int]) -> set[str]:
        """Put the results in the order of the report, and return the ids of the selected checks that were not asked.

        Args:
            places: where each selected check of each environment, by (id, environment), stands in the report.
        """
        asked = {(result.id, result.environment) for result in self.results}
        ids = {check for check, _ in asked}
        missed = [(check, environment) for check, environment in places if (check, environment) not in asked]
        self.left_out += sorted({of_one(check, where) if check in ids else check for check, where in missed})
        # Environments are judged as they are known; reports name their claims in one order.
        self.results.sort(key=lambda result: places.get((result.id, result.environment), len(places)))
        return {check for check, _ in missed}

    @property
    def stopped(self) -> bool:
        """Whether a check did not hold or could not be told, which `-x` stops at."""
        return any(result.outcome in ("fail", "unknown") for result in self.results)
