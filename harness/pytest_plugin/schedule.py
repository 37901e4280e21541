"""Asks the checks of several environments: each environment's as soon as it has been examined, whichever that is.

A slow environment keeps nobody else waiting, but for what looks at others or at an app's source, which comes last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pytest_plugin.outcomes import environment_of
from harness.report.summary import so_far

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from harness.run.gate import Gate


def run_in_turns(
    session: pytest.Session, gate: Gate, comes_last: Callable[[pytest.Item], bool], say: Callable[[str], None]
) -> None:
    """What pytest's own loop does, in another order; `say` is called with what is known of an environment early.

    Raises:
        Failed, Interrupted: of pytest, as its own loop does.
        KeyboardInterrupt: the run is to end.
    """
    for name, items in _turns(session.items, gate, comes_last):
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        if name and not gate.all_examined:
            say(so_far(name, [result for result in gate.results if result.environment == name]))


def _turns(
    items: list[pytest.Item], gate: Gate, comes_last: Callable[[pytest.Item], bool]
) -> Iterator[tuple[str, list[pytest.Item]]]:
    """The items of each environment once it has been examined, with its name, and then all that came last."""
    own: dict[str, list[pytest.Item]] = {}
    last: list[pytest.Item] = []
    for item in items:
        (last if comes_last(item) else own.setdefault(environment_of(item), [])).append(item)
    while own:
        name = gate.next_examined(list(own))
        yield name, own.pop(name)
    yield "", last
