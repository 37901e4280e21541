"""What the page shows of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.configuration.models import Environment
    from harness.history.history import History
    from harness.history.token_sample import Sample
    from harness.report.run_log import PastRun


class EnvironmentEvidence(NamedTuple):
    """What was seen of one environment, as far as the run got: what the page shows besides the verdict.

    `environment` is None where its requests cannot be repeated: a saved history does not hold what was configured.
    `unavailable` says why there is no history, `stored_unavailable` why there is no sample of the stored tokens. `past`
    are the last runs on it, this one first; `watched` are the POSTs of a watch, where a rollout to it was watched.
    """

    name: str
    environment: Environment | None = None
    history: History | None = None
    unavailable: str = ""
    stored: Sample | None = None
    stored_unavailable: str = ""
    past: Sequence[PastRun] = ()
    watched: History | None = None
