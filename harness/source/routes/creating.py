"""Finds the route that stores a row of the table, and reads what it wants and answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.app.calls import Calls
from harness.source.app.names import Names
from harness.source.app.regions import Regions
from harness.source.app.statements import texts_of
from harness.source.app.tables import Tables, named_by_app
from harness.source.app.write import Write
from harness.source.app.writes import Writes
from harness.source.routes.answers import answers_of
from harness.source.routes.facts import Doubt, Fact, Known
from harness.source.routes.row_keys import RowKeys
from harness.source.routes.samples import Body, Unknown
from harness.source.routes.shapes import Leaf, Made, Row, Shape, Shapes
from harness.source.spelling import plain, singular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.source.checkout import Checkout, Place
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts
    from harness.source.migrations.tables import SourceColumn, SourceTable
    from harness.source.routes.route import Route

_ASIDE = re.compile(
    r"import|seed|duplicate|clone|copy|bulk|batch|template|webhook|restore|migrate|sync|demo", re.IGNORECASE
)
_LABELS = ("name", "title", "label", "displayname", "chatbotname", "botname", "subject", "heading")
_IS_TEXT = re.compile(r"text|varchar|character varying|char|citext|bpchar|string", re.IGNORECASE)
SHOWN_ROUTES = 4
_LONGEST_NAME = 40  # characters that the name of a run's row may have: smoke-20260102-030405-0a1b2c3d-1234


@dataclass(frozen=True, slots=True)
class CreateRoutes:
    """Which routes store rows of a table, and where in the code that is."""

    program: Program
    table: SourceTable
    token: SourceColumn
    names: Names
    texts: Texts
    writes: tuple[Write, ...]
    regions: Regions

    def among(self, routes: Sequence[Route]) -> list[Route]:
        """The routes that lead to a place that stores a row."""
        return [route for route in routes if self.reached(route)]

    def reached(self, route: Route) -> list[Write]:
        """The places that store a row to which a route leads."""
        nodes = self.regions.reaches(route.handler)
        return [write for write in self.writes if any(node in nodes for node in (write.node, *write.run_at))]


def create_routes(checkout: Checkout, program: Program, table: SourceTable, token: SourceColumn) -> CreateRoutes:
    """What stores rows of a table in an app."""
    names = named_by_app(program, checkout.of(".prisma"), Names(table.name, token.name))
    texts = texts_of(program, names)
    tables = Tables(program, names, texts)
    calls = Calls(program, tables, names, texts)
    writes = tuple(write for write in Writes(program, tables, names, texts, calls).all() if write.is_create)
    nodes = list(dict.fromkeys(node for write in writes for node in (write.node, *write.run_at)))
    return CreateRoutes(program, table, token, names, texts, writes, Regions(program, names, calls, nodes))


def chosen(routes: list[Route], table: SourceTable) -> tuple[Route | None, Fact]:
    """The create route among those that store a row, and its path; no route where it may be one of several."""
    distinct = {(route.path, route.end): route for route in routes}
    if not distinct:
        return None, Doubt("no POST route was seen to store a row of the table")
    plainly = [route for route in distinct.values() if not _ASIDE.search(route.end.rpartition("/")[2])]
    left = [route for route in plainly if not route.varies]
    stem = singular(plain(table.name.rpartition(".")[2]))
    named = [route for route in left if singular(plain(route.end.rpartition("/")[2])) == stem]
    several = named if len(named) == 1 else left or plainly or list(distinct.values())
    if len(several) > 1:
        shown = ", ".join(f"POST {route.end} ({route.place.place})" for route in several[:SHOWN_ROUTES])
        more = f" and {len(several) - SHOWN_ROUTES} more" if len(several) > SHOWN_ROUTES else ""
        return None, Doubt(f"several routes store a row: {shown}{more}")
    route = several[0]
    return route, _path_of(route)


def _path_of(route: Route) -> Fact:
    guess = route.end if route.end != "/" else None
    if route.path is None:
        return Doubt(f"it is made at {route.place.place}, and what its path begins with was not understood", guess)
    if route.varies:
        return Doubt(f"POST {route.end} ({route.place.place}) has a part that only you know", guess)
    return Known(route.path, places(route.place, *route.places))


def places(place: Place, *more: Place) -> str:
    """Where something stands, in few words."""
    return ", ".join(dict.fromkeys(one.place for one in (place, *more)))


# --- what it wants ----------------------------------------------------------------------------------------------------


def label_of(
    table: SourceTable, body: Body | None, stored_in: Callable[[SourceColumn], set[str]]
) -> tuple[SourceColumn, str] | Doubt:
    """The column that holds the name that is sent, and the field of the body that it is sent in.

    `stored_in` tells the fields that are stored in a column, whatever they are called.
    """
    texts = [column for column in table.columns if _IS_TEXT.match(column.type) and column.name]
    called = [c for word in _LABELS for c in texts if plain(c.name) == word]
    guess = called[0].name if called else None
    if body is None or not body.fields:
        return Doubt("which column holds the name that is sent is not known", guess)
    sent = {plain(field.name): field for field in body.fields if field.is_text}
    for columns in (called, [c for c in texts if c.not_null and not c.filled and c not in called]):
        for column in columns:
            field = sent.get(plain(column.name)) or (sent.get(plain(column.key)) if column.key else None)
            if field is not None:
                return column, field.name
        for column in columns:
            names = stored_in(column)
            field = sent.get(plain(next(iter(names)))) if len(names) == 1 else None
            if field is not None:
                return column, field.name
    return Doubt("no text that is sent was seen to be stored as it is", guess)


def payload_of(body: Body | None, label: tuple[SourceColumn, str] | Doubt) -> Fact:
    """What is sent: the fields that are needed, and the one that holds the name."""
    if body is None:
        return Doubt("what the create route wants was not understood")
    field = label[1] if isinstance(label, tuple) else None
    wanted = [one for one in body.fields if one.required or one.name == field]
    value = {one.name: "{name}" if one.name == field else one.sample for one in wanted}
    guess = {name: "?" if isinstance(sample, Unknown) else sample for name, sample in value.items()}
    unknown = [f"{name} ({sample.why})" for name, sample in value.items() if isinstance(sample, Unknown)]
    at = places(body.place, *(one.place for one in wanted if one.place.path != body.place.path))
    if unknown:
        return Doubt(f"{at} wants {', '.join(unknown)}", guess)
    if body.doubt:
        return Doubt(f"{at}: {body.doubt}", guess or None)
    if isinstance(label, Doubt):
        return Doubt(f"{at}: {label.why}", guess or None)
    fits = re.search(r"\((\d+)\)", label[0].type)
    lengths = [int(fits[1])] if fits is not None else []
    lengths += [one.longest for one in wanted if one.name == field and one.longest]
    short = min(lengths, default=None)
    if short is not None and short < _LONGEST_NAME:
        return Doubt(f"{at}: {field} may have {short} characters, fewer than the name of a run's row", guess)
    return Known(value, at)


# --- what it answers --------------------------------------------------------------------------------------------------


def answer_of(
    routes: CreateRoutes, route: Route, identifier: SourceColumn | None, wrapped: str
) -> Iterator[tuple[str, Fact]]:
    """The status, and where the answer holds id and token. `wrapped` says what changes all answers of the app."""
    answers = answers_of(routes.program, route)
    reached = routes.reached(route)
    shapes = Shapes(routes.program, reached)
    holding = [answer for answer in answers if answer.body is not None]
    paths = [_paths(routes, shapes.of(answer.body), identifier) for answer in holding if answer.body is not None]
    told = [(answer, path) for answer, path in zip(holding, paths, strict=True) if path[1] is not None]
    meant = [answer for answer, _ in told] or holding
    statuses = {answer.status for answer in meant}
    at = places(meant[0].place, *(answer.place for answer in meant[1:])) if meant else ""
    if len(statuses) == 1 and None not in statuses:
        yield "api.status", Known(statuses.pop(), at)
    else:
        yield "api.status", Doubt(f"the status is not one number ({at})" if at else "no answer was recognised")
    for n, name in enumerate(("id", "token")):
        said = {path[n] for _, path in told} or {None}
        found = next(iter(said))
        if wrapped:
            yield f"api.{name}", Doubt(f"{wrapped} may change what is answered", found)
        elif len(said) == 1 and found is not None:
            yield f"api.{name}", Known(found, at)
        else:
            why = f"where the answer holds the {name} was not understood" + (f" ({at})" if at else "")
            yield f"api.{name}", Doubt(why, found)


def _paths(routes: CreateRoutes, shape: Shape, identifier: SourceColumn | None) -> tuple[str | None, str | None]:
    keys = RowKeys(routes.program, routes.texts, routes.names)
    found = tuple(
        _one([*_paths_to(shape, column, keys, ())]) if column is not None else None
        for column in (identifier, routes.token)
    )
    return found[0], found[1]


def _paths_to(shape: Shape, column: SourceColumn, keys: RowKeys, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(shape, Row):
        key = keys.of(shape.write, column)
        if key is not None:
            yield ".".join((*path, key))
    elif isinstance(shape, Made):
        named = {plain(column.name), plain(column.key or column.name)}
        for name, value in shape.members.items():
            if isinstance(value, Leaf):
                if plain(value.name) in named:
                    yield ".".join((*path, name))
            elif value is None and plain(name) in named:
                yield ".".join((*path, name))
            elif value is not None:
                yield from _paths_to(value, column, keys, (*path, name))
        for row in shape.rows:
            key = keys.of(row.write, column)
            if key is not None and key not in shape.members:
                yield ".".join((*path, key))


def _one(found: list[str]) -> str | None:
    """The path, the shortest of several; None where two are as short."""
    ordered = sorted(dict.fromkeys(found), key=lambda path: path.count("."))
    is_clear = len(ordered) == 1 or (len(ordered) > 1 and ordered[0].count(".") < ordered[1].count("."))
    return ordered[0] if is_clear and all("." not in part for part in ordered[0].split(".")) else None
