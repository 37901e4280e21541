"""Models are built when they are first needed, which is a moment like any other."""

from __future__ import annotations

from enum import Enum
from typing import Literal

import pytest

from harness.configuration.models import Environment
from harness.deferred import DeferredModel
from harness.report.verdict import Verdict
from harness.run.soak_result import SoakResult
from harness.run.watch_result import WatchResult


class Pressed(Enum):
    """Ctrl-C comes at the moment in which pydantic asks for its text."""

    KEY = 1

    def __repr__(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize("model", [Environment, Verdict, WatchResult, SoakResult])
def test_ctrl_c_while_a_model_is_built_is_ctrl_c(model: type[DeferredModel]) -> None:
    """pydantic makes an exception of its own of it, which would end the run as a mistake of the harness."""
    key = {"__annotations__": {"key": Literal[Pressed.KEY]}, "__module__": __name__}
    interrupted: type[DeferredModel] = type("Interrupted", (model,), key)
    with pytest.raises(KeyboardInterrupt):
        interrupted.model_validate({})


def test_another_failure_to_build_one_stays_what_it_is() -> None:
    """Only Ctrl-C is one."""

    class Wrong(Enum):
        KEY = 1

        def __repr__(self) -> str:
            raise ZeroDivisionError

    wrong: type[DeferredModel] = type("W", (DeferredModel,), {"__annotations__": {"key": Literal[Wrong.KEY]}})
    with pytest.raises(Exception, match="ZeroDivisionError") as raised:
        wrong.model_validate({})
    assert not isinstance(raised.value, ZeroDivisionError)
