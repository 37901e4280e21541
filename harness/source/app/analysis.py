"""Reads an app's source once, for all checks of it: what it says of the table's tokens, in words and places."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.errors import NotCovered
from harness.source.app.calls import Calls
from harness.source.app.collisions import Collisions, Handler
from harness.source.app.constraints import Constraints
from harness.source.app.flow import Flow
from harness.source.app.leftovers import Leftovers, leftovers
from harness.source.app.names import Names
from harness.source.app.prisma import read_models
from harness.source.app.retries import retries
from harness.source.app.rules import Generators
from harness.source.app.sql_files import OF_FILES, SqlFiles, handlers_in, read_sql_files
from harness.source.app.statements import texts_of
from harness.source.app.tables import Tables, named_by_app
from harness.source.app.write import Write
from harness.source.app.writes import Writes
from harness.source.checkout import MADE_SMALL, PAGES, SOURCE, Checkout
from harness.source.evidence import SHOWN_PLACES, Analysis, Create
from harness.source.javascript.modules import Module
from harness.source.javascript.program import Program, opened
from harness.source.javascript.syntax import Node, line_of
from harness.source.providers import of_postgres
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STATEMENTS = ("_statement", "_declaration", "_definition")
_ALIAS_OF_TYPE = re.compile(r"\btype\s+\w+\s*=")
_DOES = re.compile(r"[\w)\]]\s*\(|(?<![=!<>])=(?![=>])|\bcatch\b|23505|P2002")
_HANDLES = re.compile(r"23505|P2002")


def analyse(checkout: Checkout, table: str, token: str) -> Analysis:
    """Analyse a checkout for a table (`name` or `schema.name`) and its token column, as the database calls them.

    Raises:
        NotCovered: what parses source is not installed, or the checkout holds no source.
    """
    files = checkout.of(*SOURCE)
    if not files:
        raise NotCovered(
            f"{checkout.root} holds no TypeScript or JavaScript",
            "name the folder of the app itself in `source`, or with --source",
        )
    queries = read_sql_files(checkout.of(".sql"), files, Names(table, token))
    with opened((*files, *queries.modules), checkout.settings, checkout.of(*PAGES)) as program:
        return _analyse(program, checkout, queries, table, token)


def _analyse(program: Program, checkout: Checkout, queries: SqlFiles, table: str, token: str) -> Analysis:
    models = read_models(of_postgres(checkout.of(".prisma")), Names(table, token))
    names = named_by_app(program, checkout.of(".prisma"), Names(table, token))
    generators = Generators(program)
    flow = Flow(program, generators, names)
    texts = texts_of(program, names)
    tables = Tables(program, names, texts)
    calls = Calls(program, tables, names, texts)
    stores = Writes(program, tables, names, texts, calls, models, queries)
    writes = stores.all()
    found = list(_reaching(flow, stores, writes))
    reaching = [(origins, write) for origins, write, is_stored in found if is_stored]
    unavailable = [write for _, write, is_stored in found if not is_stored]
    rest = leftovers(
        program, generators, flow, names, writes, [origin for origins, _ in reaching for origin in origins]
    )
    constraints = Constraints(checkout.of(*SOURCE, ".sql", ".prisma"), names)
    handlers = Collisions(program, names, calls, writes, constraints).handlers()
    unparsed = [said for module in program.files.parsed for said in _unparsed(module, names)]
    return Analysis(
        table,
        token,
        speaks=bool(
            writes
            or program.files.matching(names.table_in_text, names.table_word)
            or program.files.matching(names.token_in_text, names.token_word)
        ),
        reaching=_once(f"{_parts(origins)} -> {_target(write)}" for origins, write in reaching),
        left=_once(f"{_quoted(node)} ({why})" for node, why in rest.left),
        handlers=_once(
            [
                *(f"{_quoted(h.node)} ({h.why})" for h in handlers if h.verdict == "ours"),
                *_conflicts(writes, names),
                *(f"{shown} (a function of the database)" for write in writes for shown in _in_function(write, names)),
            ]
        ),
        creates=tuple(_creates(writes, names)),
        unsure=_once(_quoted(h.node) for h in handlers if _is_unsure(h, writes, names)),
        unavailable=tuple(dict.fromkeys(printable(write.shown) for write in unavailable)),
        unparsed=_once(unparsed),
        unread=_once(printable(write.shown) for write in writes if _is_unread(flow, stores, write)),
        unfollowed=_once(printable(write.shown) for write in writes if write.is_unfollowed),
        notes=(*_undecided(unavailable, names), *_notes(program, rest, handlers, writes, checkout)),
        not_read=checkout.not_read,
    )


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _reaching(flow: Flow, stores: Writes, writes: list[Write]) -> Iterator[tuple[list[Node], Write, bool]]:
    """The random values that are stored in the table with all their parts, and those of which it cannot be told."""
    seen: set[tuple[Node, str]] = set()
    for write in writes:
        for value, path in write.values:
            origin = flow.origin(value, path)
            if origin is None or (key := (origin, write.shown.place)) in seen:
                continue
            is_stored = stores.is_stored(write)
            if is_stored is not False:
                seen.add(key)
                yield flow.origins(value, path) or [origin], write, bool(is_stored)
            break


def _is_unread(flow: Flow, stores: Writes, write: Write) -> bool:
    """Whether what is stored comes by an alias of which it could not be read what it means."""
    return any(flow.unread(value, path) for value, path in write.values) and stores.is_stored(write) is not False


def _quoted(node: Node) -> str:
    return printable(line_of(node))


def _parts(origins: list[Node]) -> str:
    """The first of what a token is put together from, with its line, and where the others stand."""
    first, *rest = origins
    others = dict.fromkeys(place for node in rest if (place := line_of(node).place) != line_of(first).place)
    shown = list(others)[:SHOWN_PLACES]
    return _quoted(first) + (printable(f" (and {', '.join(shown)})") if shown else "")


def _target(write: Write) -> str:
    return f"{write.how} ({write.shown.place})"


def _creates(writes: list[Write], names: Names) -> Iterator[Create]:
    for write in writes:
        if write.is_create:
            named = None if write.names_token is None else f"{_named(write)} (names {names.token})"
            yield Create(printable(write.shown), named, _comes_back(write))


def _named(write: Write) -> str:
    assert write.names_token is not None
    return printable(write.shown if write.names_token is write.node else line_of(write.names_token))


def _comes_back(write: Write) -> bool | None:
    """Whether the token is returned, or read again later in the same function."""
    if write.returns is not False:
        return write.returns
    function = next((above for above in write.node.above() if above.field("body") is not None), None)
    later = function.text[write.node.end - function.start :] if function is not None else ""
    reads = re.search(r"\bselect\b|\bfind\w*\(|\.get\w*\(|\bfetch\w*\(|\breload\(", later, re.IGNORECASE)
    return True if reads is not None else write.returns


def _is_unsure(handler: Handler, writes: list[Write], names: Names) -> bool:
    if handler.verdict == "ours" or any(write.is_create for write in writes) or "another" in handler.why:
        return False
    return names.table_in_text.search(handler.node.file.text) is not None


def _conflicts(writes: list[Write], names: Names) -> Iterator[str]:
    for write in writes:
        if write.conflict is not None and names.token_in_text.search(write.conflict):
            yield f"{printable(write.shown)} (ON CONFLICT on {names.token})"


def _in_function(write: Write, names: Names) -> Iterator[str]:
    """Where a function of the database handles the collision of what it stores."""
    if write.node.file.path.endswith(OF_FILES):
        for at in handlers_in(write.node.text, names):
            yield printable(replace(line_of(write.node, write.node.start + at), path=write.shown.path))


def _unparsed(module: Module, names: Names) -> Iterator[str]:
    """The top-level statements of a file that hold something not understood and speak of the token."""
    if not module.parsed.errors:
        return
    text = module.parsed.text
    for error in module.parsed.of_kind("ERROR"):
        if not _may_do(error):
            continue
        top = next(
            (above for above in [error, *error.above()] if above.parent is None or above.parent.parent is None), error
        )
        said = text[top.start : top.end]
        if names.token_in_text.search(said) or names.table_in_text.search(said) or _HANDLES.search(said):
            yield printable(line_of(error), 200)
            return


def _may_do(error: Node) -> bool:
    """Whether a place that was not understood may hold a call, an assignment or a handler."""
    around = error
    if error.parent is not None and not error.parent.kind.startswith("jsx"):
        around = next((above for above in error.above() if above.kind.endswith(_STATEMENTS)), error)
    return _DOES.search(_ALIAS_OF_TYPE.sub("", around.text)) is not None


def _undecided(writes: list[Write], names: Names) -> Iterator[str]:
    if writes:
        yield f"makes a {names.token} for a table that could not be determined: {_some([w.node for w in writes])}"


def _notes(
    program: Program, rest: Leftovers, handlers: list[Handler], writes: list[Write], checkout: Checkout
) -> Iterator[str]:
    if rest.elsewhere:
        more = f", and {rest.files} more files" if rest.files else ""
        yield f"makes random values for something else than the token: {_some(list(rest.elsewhere))}{more}"
    if rest.unused:
        yield f"random helpers that nothing uses: {_some([helper.node for helper in rest.unused])}"
    others = [handler for handler in handlers if handler.verdict == "other"]
    if others:
        yield f"unique violations are handled that are not the token's: {_some([h.node for h in others])}"
    everywhere = [handler for handler in handlers if handler.verdict == "global"]
    if everywhere:
        yield f"unique violations of every route are handled in one place: {_some([h.node for h in everywhere])}"
    shown = {(handler.node.file.path, handler.node.line) for handler in handlers if handler.verdict == "ours"}
    again = [node for node in retries(writes) if not any(path == node.file.path for path, _ in shown)]
    if again:
        yield f"a row is stored again after any error, whatever it was: {_some(again)}"
    vague = [write.node for write in writes if write.is_create and write.conflict == ""]
    if vague:
        yield f"ON CONFLICT without a column, which swallows every collision: {_some(vague)}"
    broken = [module.path for module in program.files.parsed if module.parsed.errors]
    unread = [path for path, why in checkout.unread if path.lower().endswith(SOURCE) and why != MADE_SMALL]
    if broken or unread:
        listed = [*broken, *unread]
        more = f" and {len(listed) - 2 * SHOWN_PLACES} more" if len(listed) > 2 * SHOWN_PLACES else ""
        yield printable(f"source that could not be parsed wholly: {', '.join(listed[: 2 * SHOWN_PLACES])}{more}")
    yield from _made_small(checkout)


def _made_small(checkout: Checkout) -> Iterator[str]:
    small = [path for path, why in checkout.unread if why == MADE_SMALL]
    if small:
        more = f" and {len(small) - SHOWN_PLACES} more" if len(small) > SHOWN_PLACES else ""
        yield printable(f"left out, since minified or bundles: {', '.join(small[:SHOWN_PLACES])}{more}")


def _some(nodes: list[Node]) -> str:
    places = list(dict.fromkeys(f"{line_of(node).place} ({line_of(node).text})" for node in nodes))
    more = f", and {len(places) - SHOWN_PLACES} more" if len(places) > SHOWN_PLACES else ""
    return printable(", ".join(places[:SHOWN_PLACES]) + more)
