"""Writes the keys that the doctor is sure of into the file, and says which."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

from harness.configuration.editing import Unwritable, with_keys, write
from harness.doctor.answers import Answer, ok, unknown
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.doctor.examining import Diagnosis

WRITTEN = "written"


class Edit(NamedTuple):
    """What was written: a line for each key, by environment, and the lines of the file that changed."""

    answers: dict[str, list[Answer]]
    difference: list[str]


def write_sure(file: Path, diagnoses: Sequence[Diagnosis]) -> Edit:
    """Set, in the entry of each environment, the keys of which nothing else could be right."""
    answers: dict[str, list[Answer]] = {each.name: [] for each in diagnoses}
    try:
        before = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return Edit(answers, [])  # what is wrong with it was said
    text = before
    for each in diagnoses:
        for key, value in _sure(each).items():
            said = f"{key}: {printable(value)}"
            try:
                edited = with_keys(text, each.name, {key: value})
                write(file, edited, [each.name])
            except Unwritable as why:
                answers[each.name].append(unknown(WRITTEN, f"{key} was not written: {why}", f"set {said}", key))
            else:
                answers[each.name].append(ok(WRITTEN, f"{said}; run doctor again to check it", key))
                text = edited
    lines = difflib.unified_diff(before.splitlines(), text.splitlines(), str(file), str(file), n=0, lineterm="")
    return Edit(answers, list(lines))


def _sure(diagnosis: Diagnosis) -> dict[str, str | int]:
    return {key: value for answer in diagnosis.answers for key, value in answer.sure.items()}
