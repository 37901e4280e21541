"""The part of docs/verdict.md that describes each field of verdict.json, from its models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from harness.report.verdict import (
    Action,
    CheckResult,
    Coverage,
    DeliverableVerdict,
    EnvironmentVerdict,
    LeftBehind,
    SeenStatements,
    Verdict,
)

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_MODELS: dict[str, type[BaseModel]] = {
    "": Verdict,
    "coverage": Coverage,
    "deliverables[]": DeliverableVerdict,
    "actions[]": Action,
    "environments[]": EnvironmentVerdict,
    "environments[].statements": SeenStatements,
    "checks[]": CheckResult,
    "left_behind[]": LeftBehind,
}
_CLEAR = {
    "schema": "the version of this format",
    "verdict": "what the run concluded",
    "exit_code": "the exit code of the process",
    "run": "the run's id; its rows are named `smoke-<run>-<n>`",
    "duration_s": "how long it took",
    "coverage": "how many claims ended how",
    "deliverables": "what is known of each part of the change, for each environment",
    "environments": "the environments that were verified",
    "checks": "each claim that was selected, for each environment",
    "left_behind": "rows of this run that may still be stored",
    "coverage.pass": "claims that hold",
    "coverage.fail": "claims that were seen broken",
    "coverage.unknown": "claims that ended in could not tell",
    "coverage.not_covered": "claims that nobody asked for",
    "coverage.waived": "claims that are waived, with a reason",
    "deliverables[].id": "the part of the change",
    "environment": "the name of the environment",
    "actions[].kind": "what sort of action it is",
    "actions[].environments": "the environments that it is about",
    "actions[].text": "what to do, in words",
    "environments[].name": "its name in environments.yaml",
    "environments[].url": "where it serves, without credentials",
    "environments[].verdict": "what was concluded of it",
    "environments[].latency_max_ms": "how long the slowest POST took",
    "environments[].rows_removed": "rows of this run that were deleted",
    "checks[].outcome": "how the claim ended",
    "checks[].claim": "the claim in words",
    "checks[].want": "what should have been, if the claim failed",
    "checks[].cause": "what this usually means",
    "checks[].remedy": "what to do about it",
    "left_behind[].name": "the name that was sent",
    "left_behind[].reason": "why it may be left",
    "left_behind[].remedy": "how to delete it",
}
"""What the models do not say of a field, since its name does; by its path, or by its name alone."""


def fields_of_the_verdict() -> str:
    """A table for each object in the file."""
    return "\n".join(_table(path, model) for path, model in _MODELS.items())


def _table(path: str, model: type[BaseModel]) -> str:
    title = f"### {path}" if path else "### The whole file"
    rows = [
        f"| `{field.alias or name}` | {_type(field)} | {_meaning(path, field.alias or name, field)} |\n"
        for name, field in model.model_fields.items()
    ]
    return f"{title}\n\n| field | type | meaning |\n|---|---|---|\n{''.join(rows)}"


def _meaning(path: str, name: str, field: FieldInfo) -> str:
    said = field.description or _CLEAR.get(f"{path}.{name}" if path else name) or _CLEAR[name]
    names_a_value = re.match(r"[a-z_]+:", said)  # such as `full: ..`
    return said if names_a_value else f"{said[0].upper()}{said[1:]}."


def _type(field: FieldInfo) -> str:
    return _named(field.annotation).replace("|", "\\|")


def _named(kind: Any) -> str:
    """A type as a reader of JSON calls it."""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return "list of objects" if hasattr(item, "model_fields") else f"list of {_named(item)}s"
    if args := [each for each in get_args(kind) if each is not type(None)]:
        of_several = _named(args[0])
        return f"{of_several} or null" if type(None) in get_args(kind) else of_several
    if hasattr(kind, "model_fields"):
        return "object"
    plain = {str: "string", int: "integer", float: "number", bool: "boolean"}
    return plain.get(kind) or re.sub(r"^Shown$", "string", getattr(kind, "__name__", str(kind)))
