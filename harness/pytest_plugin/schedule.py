"""What is gathered for the checks of each environment, and when they are asked: as soon as it has been examined.

A slow environment keeps nobody else waiting, but for what looks at others or at an app's source, which comes last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pytest_plugin.evidence import evidence_of
from harness.pytest_plugin.outcomes import environment_of, waived_for
from harness.pytest_plugin.terminal import is_quiet, say
from harness.report.summary import so_far
from harness.run.evidence import HISTORY
from harness.run.gathering import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pytest

    from harness.run.gate import Gate
    from harness.run.gathering import Evidence


def needed_by(items: Iterable[pytest.Item], gate: Gate) -> dict[str, frozenset[Evidence[object]]]:
    """What has to be gathered of each environment: what the checks look at that it does not waive.

    What is compared between environments is gathered of all of them.
    """
    needed: dict[str, set[Evidence[object]]] = {environment.name: set() for environment in gate.settings.environments}
    for item in items:
        name = environment_of(item)
        if name not in needed or waived_for(item, gate) is not None:
            continue
        needed[name] |= evidence_of(item)
        if _compares(item):
            for of_another in needed.values():
                of_another.add(HISTORY)
    return {name: frozenset(of) for name, of in needed.items()}


def run_in_turns(session: pytest.Session, gate: Gate) -> None:
    """What pytest's own loop does, in another order; says what is known of an environment while others are examined.

    Raises:
        Failed, Interrupted: of pytest, as its own loop does.
        KeyboardInterrupt: the run is to end.
    """
    known: list[str] = []

    def tell() -> None:
        while known and not is_quiet(session.config):
            name = known.pop(0)
            say(session.config, so_far(name, gate.outcomes.of(name)))

    for name, items in _turns(session.items, gate, tell):
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        known.append(name)


def _comes_last(item: pytest.Item) -> bool:
    """Whether a check waits for all environments: to compare them, or to leave them this process's time."""
    reads_source = any(kind.phase is Phase.SOURCE for kind in evidence_of(item))
    return reads_source or _compares(item)


def _compares(item: pytest.Item) -> bool:
    return "other_histories" in getattr(item, "fixturenames", ())


def _turns(items: list[pytest.Item], gate: Gate, late: Callable[[], None]) -> Iterator[tuple[str, list[pytest.Item]]]:
    """The items of each environment once it has been examined, with its name, and then all that came last."""
    own: dict[str, list[pytest.Item]] = {}
    last: list[pytest.Item] = []
    for item in items:
        (last if _comes_last(item) else own.setdefault(environment_of(item), [])).append(item)
    while own:
        name = gate.next_examined(list(own), late)
        yield name, own.pop(name)
    if last:
        yield "", last
