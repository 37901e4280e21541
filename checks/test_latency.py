"""95 of 100 POSTs are answered within the latency budget.

Only if the environment sets a budget, `latency_p95_ms`. A new default, trigger or index costs time at each INSERT, and
a pool that is too small shows at once in the burst. The 95th percentile is the nearest rank of all POSTs, from the
first byte sent to the last byte read: of 20 POSTs the slowest but one, of fewer the slowest. A POST that the run gave
up counts with the time that it waited.

It cannot see how much of the time is the network between this machine and the deployment.
"""

from harness.checkers.history import demand_acknowledged, demand_all_sent
from harness.checkers.latency import durations_ms, percentile, slower_than, took_ms
from harness.errors import NotCovered
from harness.findings import finding
from harness.history.history import History


def test_latency_is_within_budget(history: History, latency_p95_ms: float | None) -> None:
    """The 95th percentile of how long POSTs took is at most `latency_p95_ms`."""
    demand_all_sent(history)
    if latency_p95_ms is None:
        raise NotCovered("no latency budget is set", "set latency_p95_ms for this environment")
    demand_acknowledged(history)
    durations = durations_ms(history)
    p95_ms = percentile(durations, 95)
    assert p95_ms <= latency_p95_ms, finding(
        want=f"a p95 of at most {latency_p95_ms:g} ms over {len(durations)} POSTs",
        have=[
            f"a p95 of {p95_ms:.0f} ms",
            *(f"{a.name} ({a.phase}): {took_ms(a):.0f} ms" for a in slower_than(history, latency_p95_ms)),
        ],
        cause="the deployment is slow, or this machine is busy or far from it",
        remedy="compare with earlier runs (chatbots-smoke runs); if it is always like this, raise latency_p95_ms",
    )
