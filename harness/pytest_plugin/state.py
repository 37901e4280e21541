"""What a pytest session of the gate carries: one object in the stash of its config."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import Struct

if TYPE_CHECKING:
    from pathlib import Path

    from harness.redaction.redactor import Redactor
    from harness.report.verdict import Verdict
    from harness.run.gate import Gate


class GateSession(Struct):
    """A session that runs checks, as far as it has come.

    `mistake` says why pytest refused the run, where it did; `set_aside` is the history of an earlier run in this report
    folder that ended without a verdict. `loudness` is the verbosity that was asked for: pytest's own is turned down.
    """

    redact: Redactor
    gate: Gate | None = None
    verdict: Verdict | None = None
    mistake: str = ""
    set_aside: Path | None = None
    loudness: int = 0


_KEY = pytest.StashKey[GateSession]()


def begin_session(config: pytest.Config, redact: Redactor) -> GateSession:
    """Mark this invocation of pytest as one that runs checks."""
    session = config.stash[_KEY] = GateSession(redact)
    return session


def session_of(config: pytest.Config) -> GateSession | None:
    """The session, None where pytest runs something else than checks."""
    return config.stash.get(_KEY, None)


def gate_of(config: pytest.Config) -> Gate | None:
    """The gate of this session, None where there is none or its configuration was refused."""
    session = session_of(config)
    return session.gate if session is not None else None


def demand_gate(config: pytest.Config) -> Gate:
    """The gate of this session, for what is only asked where there is one."""
    gate = gate_of(config)
    assert gate is not None
    return gate


def mistake(config: pytest.Config, said: str) -> pytest.UsageError:
    """A mistake of the user, kept for the verdict and ready to be raised."""
    session = session_of(config)
    assert session is not None
    session.mistake = said
    return pytest.UsageError(said)
