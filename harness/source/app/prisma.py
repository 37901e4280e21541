"""What a schema of Prisma says of its models: which is the table, and which fields of others lead to it.

By such a field rows are stored with those of another model: `workspace.create({data: {bots: {create: [..]}}})`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from harness.source.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.checkout import SourceFile

_MODEL = re.compile(r"\s*model\s+(\w+)\s*\{")
_MAP = re.compile(r'@@map\(\s*(?:name:\s*)?"([^"]+)"')
_FIELD = re.compile(r"\s*(\w+)\s+(\w+)(.*)")
_FIELD_MAP = re.compile(r'@map\(\s*(?:name:\s*)?"([^"]+)"')
# Ways in which a row of a related model is made, each as the steps from the field to the row.
_MAKES = (("create",), ("createMany", "data"), ("connectOrCreate", "create"), ("upsert", "create"))
_ELEMENT = "[]"
_MOST_MODELS = 3  # between the one that a call is of and the table
_MOST_WAYS = 400

Way = tuple[str, ...]


@dataclass(frozen=True)
class Models:
    """The models of a schema, by plain names: those of the table, all others, and what the token is called in it.

    `clients` are what Prisma's client calls each: `botLink` of `BotLink`. `relations` leads from a
    model to the model of each of its fields.
    """

    ours: frozenset[str]
    others: frozenset[str]
    aliases: frozenset[str]
    clients: dict[str, str]
    relations: dict[str, dict[str, str]]

    def ways(self, model: str) -> tuple[Way, ...]:
        """The keys by which a write of another model makes rows of the table: `("links", "create", "[]")`."""
        return tuple(islice(_ways(self, model, _MOST_MODELS), _MOST_WAYS))

    @cached_property
    def steps(self) -> dict[str, int]:
        """How many fields lead from a model to one of the table, for those from which any do."""
        found: dict[str, int] = {}
        leading = set(self.ours)
        into: dict[str, set[str]] = {}
        for model, fields in self.relations.items():
            for of in fields.values():
                into.setdefault(of, set()).add(model)
        for steps in range(1, _MOST_MODELS + 1):
            leading = {model for of in leading for model in into.get(of, ()) if model not in found}
            found |= dict.fromkeys(leading, steps)
        return found


NO_MODELS = Models(frozenset(), frozenset(), frozenset(), {}, {})


def read_models(schemas: tuple[SourceFile, ...], names: Names) -> Models:
    """The models of all schemas of a checkout."""
    ours: set[str] = set()
    others: set[str] = set()
    aliases: set[str] = set()
    clients: dict[str, str] = {}
    fields: dict[str, dict[str, str]] = {}
    for file in schemas:
        for name, lines in _models(file.text):
            mapped = next((found[1] for line in lines if (found := _MAP.search(line)) is not None), None)
            is_ours = names.is_sql_table(mapped) if mapped is not None else names.is_table(name)
            (ours if is_ours else others).add(plain(name))
            listed = [field for line in lines if (field := _FIELD.match(line)) is not None]
            fields[plain(name)] = {field[1]: plain(field[2]) for field in listed}
            clients[plain(name)] = name[:1].lower() + name[1:]
            if is_ours:
                named = [(field[1], found[1]) for field in listed if (found := _FIELD_MAP.search(field[3])) is not None]
                aliases |= {plain(key) for key, column in named if names.is_token(column)}
    relations = {
        model: {key: of for key, of in listed.items() if of in fields and of != model}
        for model, listed in fields.items()
    }
    return Models(frozenset(ours), frozenset(others - ours), frozenset(aliases), clients, relations)


def _models(text: str) -> Iterator[tuple[str, list[str]]]:
    """The models of a schema, each with its lines."""
    name = ""
    lines: list[str] = []
    for line in text.split("\n"):
        begins = _MODEL.match(line)
        if begins is not None:
            name, lines = begins[1], []
        elif name and line.strip() == "}":
            yield name, lines
            name = ""
        elif name:
            lines.append(line.partition("//")[0])


def _ways(models: Models, model: str, left: int) -> Iterator[Way]:
    """The ways of at most so many fields; fields from which no further ones lead to the table are passed over."""
    for key, of in models.relations.get(model, {}).items():
        leads_on = models.steps.get(of, _MOST_MODELS + 1) < left
        if of not in models.ours and not leads_on:
            continue
        for makes in _MAKES:
            for way in _with_elements(makes):
                if of in models.ours:
                    yield (key, *way)
                if leads_on and makes[0] != "createMany":
                    yield from ((key, *way, *further) for further in _ways(models, of, left - 1))


def _with_elements(makes: Way) -> Iterator[Way]:
    """A way by one row, and by a list of them: `create: {..}` and `create: [{..}]`, `upsert: [{create: {..}}]`."""
    yield makes
    yield (*makes, _ELEMENT) if makes[0] in ("create", "createMany") else (makes[0], _ELEMENT, *makes[1:])
