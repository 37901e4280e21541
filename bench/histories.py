"""Writes a history of many attempts, all as they should be, or all wrong: `python -m bench.histories N FILE [BODY]`."""

from __future__ import annotations

import json
import random
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from harness.history.problem import Problem
from harness.http.client import EVIDENCE

PIECE = 500_000  # attempts that one process writes at once, while others write theirs
RUN = "20261124-000000-abcdef01"
_AT = "2026-11-24T00:00:00.000+00:00"
_NAME, _TOKEN, _AUTH = r"\"name\": \"", r"\"public_token\": \"", r"\"require_auth\""  # within a text of JSON
_TABLE = {"name": "chatbots", "id": "id", "label": "name", "token": "public_token"}


BODY = 3000  # characters of a wrong answer, of which a history keeps EVIDENCE
_PIECES = {  # each begins over and over like what is looked for in an answer, and never ends like it
    "database": 'function uuid_generate_v4 null value i, in column "o failed to ,,,, commi unique constrain (a, ',
    "validator": '{"msg": "no field is missin", "path": "?"}, ',
    "emoji": "\U0001f600",  # the most bytes that a character takes
}


def write_failing(attempts: int, file: Path, body: str) -> None:
    """The history of a soak whose every POST was answered with 500 and a body like no other; `body` of `_PIECES`."""
    piece = _PIECES[body]
    piece *= BODY // len(piece) + 1
    with file.open("w", encoding="utf-8") as out:

        def record(**of: object) -> None:
            out.write(json.dumps(of, separators=(",", ":"), ensure_ascii=body != "emoji") + "\n")

        place = {"url": "http://127.0.0.1:1", "database": None, "table": _TABLE, "soak": {"attempts": attempts}}
        record(record="run", format=1, run=RUN, at=_AT, environments={"preview": place})
        for n in range(1, attempts + 1):
            name = f"smoke-{RUN}-{n}"
            own = {"environment": "preview", "n": n, "name": name, "phase": "soak"}
            record(record="intent", at=_AT, **own, labels=[name])
            ended = {"outcome": "fail", "started_s": n * 0.001, "ended_s": n * 0.001 + 0.01, "status": 500}
            said = {"problem": Problem.WRONG_STATUS, "error": "500, want 201"}
            record(record="attempt", **own, **ended, **said, evidence=f"{n} {piece}"[:EVIDENCE])


def write(attempts: int, file: Path) -> None:
    """A run record, and an intent and an attempt for each POST; the same text for the same number."""
    place = {"url": "http://127.0.0.1:1", "database": None, "table": _TABLE}
    run = {"record": "run", "format": 1, "run": RUN, "at": _AT, "environments": {"preview": place}}
    firsts = range(1, attempts + 1, PIECE)
    with file.open("w", encoding="utf-8") as out, ProcessPoolExecutor() as pool:
        out.write(json.dumps(run, separators=(",", ":")) + "\n")
        out.flush()
        pieces = [file.with_name(f"{file.name}-{first}") for first in firsts]
        lasts = [min(first + PIECE - 1, attempts) for first in firsts]
        for piece, _ in zip(pieces, pool.map(_write_piece, firsts, lasts, pieces), strict=True):
            with piece.open("rb") as source:
                shutil.copyfileobj(source, out.buffer, 1 << 20)
            piece.unlink()


def _write_piece(first: int, last: int, file: Path) -> None:
    chance = random.Random(first)
    bits, share, named = chance.getrandbits, chance.random, f'"name":"smoke-{RUN}-'
    with file.open("w", encoding="utf-8") as out:
        for n in range(first, last + 1):  # as text: ten million take a quarter of the time that json takes
            of = f'"environment":"preview","n":{n},{named}{n}","phase":"sequence"'
            out.write(f'{{"record":"intent",{of},"at":"{_AT}","labels":["smoke-{RUN}-{n}"]}}\n')
            began_s, hexa = n * 0.001, f"{bits(128):032x}"
            token = f"{hexa[:8]}-{hexa[8:12]}-4{hexa[13:16]}-{'89ab'[int(hexa[16], 16) & 3]}{hexa[17:20]}-{hexa[20:]}"
            answer = f'{{\\"id\\": {n}, {_NAME}smoke-{RUN}-{n}\\", {_TOKEN}{token}\\", {_AUTH}: false}}'
            out.write(
                f'{{"record":"attempt",{of},"outcome":"ok","started_s":{began_s},"ended_s":{began_s + share() * 0.02},'
                f'"problem":null,"status":201,"id":"{n}","token":"{token}","evidence":"{answer}","error":""}}\n'
            )


if __name__ == "__main__":
    number, to, *of = sys.argv[1:]
    if of:
        write_failing(int(number), Path(to), of[0])
    else:
        write(int(number), Path(to))
