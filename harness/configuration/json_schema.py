"""The JSON Schema of environments.yaml."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING

from pydantic import BaseModel

from harness.configuration import models
from harness.configuration.models import Environment

if TYPE_CHECKING:
    from typing import Any
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{"}


def environments_schema() -> dict[str, Any]:
    """The schema of `environments.yaml`, before defaults are merged and variables expanded.

    Every key may stand in `defaults` or in an environment, so none is required; any value may be a `${VAR}`.
    """
    _describe_all()
    schema = Environment.model_json_schema(by_alias=True)
    definitions = {name: _partial(definition) for name, definition in schema.pop("$defs", {}).items()}
    entry = _partial(schema)
    entry["properties"].pop("name")
    entry["title"] = "an environment, or defaults for all"
    return {
        "$schema": _DRAFT,
        "title": "environments.yaml of chatbots smoke",
        "type": "object",
        "additionalProperties": False,
        "required": ["environments"],
        "properties": {
            "defaults": {"anyOf": [{"$ref": "#/$defs/Entry"}, {"type": "null"}]},
            "environments": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"$ref": "#/$defs/Entry"},
            },
        },
        "$defs": {**definitions, "Entry": entry},
    }


@cache
def _describe_all() -> None:
    """Give each field its docstring. Here, since pydantic would parse the sources for them at the start of each run."""
    described = [
        of for of in vars(models).values() if isinstance(of, type) and issubclass(of, BaseModel) and of.model_fields
    ]
    for model in described:
        for name, text in _docstrings(model).items():
            model.model_fields[name].description = text
    for model in described:
        model.model_rebuild(force=True)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """What stands below the fields of a model, by the field's name."""
    (body,) = ast.parse(dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)  # it is the source of a class
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(body.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def _partial(definition: dict[str, Any]) -> dict[str, Any]:
    """An object whose keys are all optional and whose plain values may be references to variables."""
    definition = {key: value for key, value in definition.items() if key != "required"}
    definition["properties"] = {
        key: {"anyOf": [value, _REFERENCE]} if _is_plain(value) else value
        for key, value in definition.get("properties", {}).items()
    }
    return definition


def _is_plain(value: dict[str, Any]) -> bool:
    return any(kind.get("type") in ("integer", "number", "boolean") for kind in (value, *value.get("anyOf", ())))
