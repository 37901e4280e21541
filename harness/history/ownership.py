"""A history is not a delete list: what it names must be what its run can have stored, and nothing else.

A file may have been edited, by mistake or on purpose. A row is deleted by its label, so that every label has to be one
that the environment's own configuration makes of a name of this run, of a POST that this file says was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.history.attempt import attempt_name, is_run_id
from harness.history.reading import read
from harness.text import is_blank, printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.history.reading import Recorded

LabelsFor = Callable[[str], Collection[str]]
"""What the label column of an environment may hold for the name of a POST."""

_SHOWN = 100


def read_own(path: Path, labels_for: Mapping[str, LabelsFor]) -> tuple[str, dict[str, Recorded]]:
    """Read a history whose rows in these environments are to be removed.

    Raises:
        UnreadableHistory: as `read`; or it names what is not its run's own.
    """
    return read(path, {name: partial(_demand_own, labels_for=of) for name, of in labels_for.items()})


def _demand_own(record: dict[str, Any], of: Recorded, run: str, labels_for: LabelsFor) -> None:
    """Refuse a record of names, labels or ids that are not those of the run's own POSTs: a ValueError says why.

    Types are right, and the record has been taken.
    """
    kind = record["record"]
    if kind == "intent":
        _demand_name(record["n"], of, run)
        _demand_labels(record["name"], record["labels"], labels_for)
        of.own.update(record["labels"])
    elif kind == "attempt" and record.get("id") is not None and is_blank(record["id"]):
        raise ValueError("id: is blank")
    elif kind in ("row", "removed"):
        if is_blank(record["id"]):
            raise ValueError("id: is blank")
        if record["label"] not in of.own:
            label = printable(repr(record["label"]), _SHOWN)
            raise ValueError(f"label: {label} is not one of a POST that this file says was sent")


def _demand_name(n: int, of: Recorded, run: str) -> None:
    """The name of a POST is made of its number; of two POSTs of one payload, that of the first one."""
    if not is_run_id(run):
        raise ValueError(f"run: {printable(run, _SHOWN)} is not the id of a run, such as 20250131-235959-0a1b2c3d")
    attempt = of.attempts[n]
    names = [attempt_name(run, n)]
    first = of.attempts.get(n - 1)
    if attempt.phase == "same_payload" and first is not None and first.phase == "same_payload":
        names.append(attempt_name(run, n - 1))
    if attempt.name not in names:
        raise ValueError(f"name: {printable(repr(attempt.name), _SHOWN)} is not {names[-1]}")


def _demand_labels(name: str, labels: Collection[str], labels_for: LabelsFor) -> None:
    if not labels:
        raise ValueError("labels: is empty")
    usual = {name, *labels_for(name)}
    for label in labels:
        if label not in usual:
            raise ValueError(
                f"labels: {printable(repr(label), _SHOWN)} is not what api.payload of this environment makes of "
                f"{name}: clean up with the configuration that the run had"
            )
