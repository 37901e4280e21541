"""Whether POSTs that are refused now were ever acknowledged, made as they are: then no key of the file is wrong.

The run that sends them knows its settings, what other environments answer, and the run log. What it knows of the log it
writes into its history, so that this is advised on alike when it is judged again, wherever it lies then. Of a history
of an older version only the verdict of its own run could know.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.history.reading import begun
from harness.report.run_log import NoTrend, was_acknowledged
from harness.report.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from harness.configuration.models import Environment
    from harness.redaction.redactor import Redactor

LARGEST_VERDICT = 64 * 2**20  # bytes of a verdict.json that is read again


def request_mark(environment: Environment, redact: Redactor | None = None) -> str:
    """What tells how an environment's POSTs are made from other ways of making them: its create route and payload.

    With `redact` nobody who tries out what a mark may be of finds a secret by it.
    """
    made: Any = [environment.api.create, environment.api.payload]
    text = json.dumps(redact.throughout(made) if redact is not None else made, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def known_to(log: Path, environment: Environment, redact: Redactor) -> dict[str, object]:
    """How its POSTs are made, and whether such were acknowledged before, as the first record of a history has it."""
    remembered = _remembered(log, environment.name, request_mark(environment))
    return {"request": request_mark(environment, redact), "acknowledged": remembered}


def working(environments: Iterable[Environment], answered: frozenset[str], log: Path) -> frozenset[str]:
    """The names of those whose settings are known to be right, by this run or an earlier one.

    Args:
        environments: of this run.
        answered: the names of those that acknowledged a POST in it.
        log: where earlier ones are remembered.
    """
    marks = {environment.name: request_mark(environment) for environment in environments}
    right = {mark for name, mark in marks.items() if name in answered}
    return frozenset(name for name, mark in marks.items() if mark in right or _remembered(log, name, mark))


def working_in(histories: Sequence[Path], answered: frozenset[str]) -> frozenset[str]:
    """As `working`, of the environments of histories that are judged again; also those of which nobody knows it."""
    headers: dict[str, list[dict[str, Any]]] = {}
    for path in histories:
        for name, of in begun(path)[1].items():
            headers.setdefault(name, []).append(of)
    right = {of.get("request") for name in answered for of in headers.get(name, [])} - {None}
    concluded = _to_be_configured(histories)
    return frozenset(name for name, of in headers.items() if _works(name, of, right, concluded))


def _works(name: str, headers: Sequence[dict[str, Any]], right: set[object], concluded: frozenset[str]) -> bool:
    if any(of.get("acknowledged") is True or of.get("request") in right for of in headers):
        return True
    return not all(of.get("acknowledged") is False for of in headers) and name not in concluded


def _remembered(log: Path, environment: str, mark: str) -> bool:
    with suppress(NoTrend):
        return was_acknowledged(log, environment, mark)
    return False


def _to_be_configured(histories: Sequence[Path]) -> frozenset[str]:
    """The environments that the verdicts beside these histories say to configure; none where there is no verdict."""
    found: set[str] = set()
    for beside in dict.fromkeys(history.with_name("verdict.json") for history in histories):
        with suppress(OSError, ValueError):  # a run that was killed wrote none
            if beside.stat().st_size <= LARGEST_VERDICT:
                said = Verdict.model_validate_json(beside.read_bytes())
                found.update(name for of in said.actions if of.kind == "configure" for name in of.environments)
    return frozenset(found)
