"""Reads histories to be judged, a million attempts in seconds: into columns, and without what only clean-up needs.

Lines are decoded some hundred kilobytes at a time. A file that does not fit (a record of a later version, a number
that is sent twice, an attempt that was not sent before, half a surrogate pair) is read record by record instead, as
clean-up reads it, which also names what is wrong.
"""

from __future__ import annotations

from itertools import chain, islice
from operator import eq
from typing import TYPE_CHECKING, Any

import msgspec

from harness.history.bodies import Bodies
from harness.history.columnar import Attempts
from harness.history.history import History
from harness.history.out_of_core import Column, repeated
from harness.history.reading import LONGEST_LINE, UnreadableHistory, begun, not_recorded, read
from harness.history.records import AttemptRecord, Database, Intent, Removed, Row, Run, UsualAttempt, WholeAttempt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.errors import CouldNotTell

_PIECE = 1 << 18  # bytes: what is made of them then stays in the cache of the processor


_USUAL = msgspec.json.Decoder(Run | Intent | UsualAttempt | Database | Row | Removed)
_WHOLE = msgspec.json.Decoder(Run | Intent | WholeAttempt | Database | Row | Removed)


def read_together(files: Sequence[Path]) -> dict[str, History]:
    """The histories of several files, joined by environment.

    Each file counts its seconds from its own start, so that later files are moved behind the end of earlier ones: an
    overlap is claimed only of POSTs whose times can be compared.

    Raises:
        UnreadableHistory: a file is not one.
    """
    joined: dict[str, Attempts] = {}
    cut_short: dict[str, CouldNotTell] = {}
    runs = [begun(path)[0] for path in files]
    offset_s = 0.0
    numbered: dict[tuple[str, str], list[tuple[Path, Column]]] = {}
    for path, run in zip(files, runs, strict=True):
        end_s = offset_s
        sent, cut = _sent(path)
        cut_short |= cut
        for name, attempts in sent.items():
            if runs.count(run) > 1:
                numbered.setdefault((run, name), []).append((path, Column("q", attempts.numbers)))
            attempts.moved(offset_s)
            end_s = max(end_s, max(attempts.ends_s, default=0.0))
            if name in joined:
                joined[name].extend(attempts)
            else:
                joined[name] = attempts
        offset_s = end_s + 1.0
    for (run, _), parts in numbered.items():
        _demand_each_once(run, parts)
    return {name: History.of(name, attempts, cut_short.get(name)) for name, attempts in joined.items()}


def _demand_each_once(run: str, parts: Sequence[tuple[Path, Column]]) -> None:
    """Refuse histories of one run, with the numbers in each, two of which hold the same POST."""
    numbers = chain.from_iterable(numbers for _, numbers in parts)
    again = repeated(numbers, "q", sum(len(numbers) for _, numbers in parts))
    if again:
        least = min(again)
        path = [path for path, numbers in parts if least in {*numbers}][-1]
        raise UnreadableHistory(
            f"{path}: number {least} of run {run} is in another of these histories as well: name each file once"
        )


def missing(files: Sequence[Path], histories: Mapping[str, History]) -> str:
    """What histories of soaks lack of what was to be sent, in words: a file that is not there may hold a duplicate."""
    bounds: dict[tuple[str, str], int] = {}
    for path in files:
        run, settings = begun(path)
        soaks = {name: of["soak"] for name, of in settings.items() if of.get("soak") is not None}
        bounds |= {(name, run): of["attempts"] for name, of in soaks.items()}
    said = []
    for name in dict.fromkeys(name for name, _ in bounds):
        wanted = sum(attempts for (of, _), attempts in bounds.items() if of == name)
        there = len(histories[name].phase("soak").attempts)
        if there < wanted:
            said.append(
                f"{name}: {there} of the {wanted} POSTs of its soak are in these histories: it ended early, or the "
                "history of a worker is missing; name those of all workers"
            )
    return "; ".join(said)


def _sent(path: Path) -> tuple[dict[str, Attempts], dict[str, CouldNotTell]]:
    """What was sent to each environment, in the order of its numbers, and why no more was, where that is known."""
    try:
        return _decoded(path), {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _Odd):  # a run that was cut short, say
        recorded = read(path)[1]
        sent = {name: Attempts() for name in recorded}
        for name, of in recorded.items():
            for attempt in of.history.sent:
                sent[name].add(attempt)
        return sent, {name: of.cut_short for name, of in recorded.items() if of.cut_short is not None}


class _Odd(Exception):
    """A file is not as this version writes it."""


def _decoded(path: Path) -> dict[str, Attempts]:
    sent: dict[str, Attempts] = {}
    begun: dict[str, dict[int, Intent]] = {}
    bodies = Bodies()
    for records, settled in _pieces(path):
        if not sent:
            first = records.pop(0)
            if not isinstance(first, Run):
                raise _Odd
            sent = {name: Attempts() for name in first.environments}
            begun = {name: {} for name in sent}
        if Run in {*map(type, records)}:
            raise _Odd
        intents = [r for r in records if type(r) is Intent]
        named = {r.environment for r in intents} | {r.environment for r in settled}
        if not named <= sent.keys():
            raise _Odd
        alone = len(named) == 1
        for name in named:
            own = settled if alone else [r for r in settled if r.environment == name]
            _add(sent[name], own, bodies)
            ended = {r.n for r in own}
            if not ended <= begun[name].keys() | {r.n for r in intents if alone or r.environment == name}:
                raise _Odd
            for n in begun[name].keys() & ended:
                del begun[name][n]
            begun[name] |= {r.n: r for r in intents if r.n not in ended and (alone or r.environment == name)}
    if not sent:
        raise _Odd
    for name, attempts in sent.items():
        for intent in begun[name].values():
            attempts.add(not_recorded(intent.n, intent.name, intent.phase))
        sent[name] = attempts.in_order()
        if any(map(eq, sent[name].numbers, islice(sent[name].numbers, 1, None))):
            raise _Odd
    return sent


def _pieces(path: Path) -> Iterator[tuple[list[Any], list[AttemptRecord]]]:
    """The records of a file, some thousand at a time, and the attempts among them; a torn last line is left out."""
    rest = b""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            end = piece.rfind(b"\n")
            if end < 0:
                rest += piece
                if len(rest) > LONGEST_LINE:
                    raise _Odd
                continue
            whole, rest = rest + piece[:end], piece[end + 1 :]
            try:
                records = _USUAL.decode_lines(whole)
                attempts: list[AttemptRecord] = [r for r in records if type(r) is UsualAttempt]
            except msgspec.ValidationError:  # or the whole of them says what is wrong
                records = _WHOLE.decode_lines(whole)
                attempts = [r for r in records if type(r) is WholeAttempt]
            if records:
                yield records, attempts


def _add(attempts: Attempts, settled: list[AttemptRecord], bodies: Bodies) -> None:
    """Add attempts to the columns; whole where they are unusual."""
    first = len(attempts)
    numbers = [r.n for r in settled]
    names = [r.name for r in settled]
    prefix = names[0].removesuffix(str(numbers[0])) if names else ""
    alike = names == [f"{prefix}{n}" for n in numbers]
    attempts.numbers.extend(numbers)
    kinds = {phase: attempts.kind(prefix, phase) for phase in {r.phase for r in settled}}
    alone = len(kinds) == 1
    attempts.kinds.extend([*kinds.values()] * len(settled) if alone else [kinds[r.phase] for r in settled])
    attempts.starts_s.extend([r.started_s for r in settled])
    attempts.ends_s.extend([r.ended_s for r in settled])
    attempts.ids.extend([r.id for r in settled])
    attempts.tokens.extend([r.token or "" for r in settled])
    if alike and not any(isinstance(r, WholeAttempt) for r in settled[:1]):
        return
    for place, r in enumerate(settled, start=first):
        if r.outcome != "ok" or r.status != 201 or r.problem is not None or r.name != f"{prefix}{r.n}":
            attempts.others[place] = bodies.bounded(r.attempt)
