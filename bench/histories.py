"""Writes a history of many attempts, all as they should be, or all wrong: `python -m bench.histories N FILE [BODY]`."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from uuid import UUID

from harness.history.problem import Problem
from harness.http.client import EVIDENCE

RUN = "20261124-000000-abcdef01"
_AT = "2026-11-24T00:00:00.000+00:00"
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
    chance = random.Random(1)
    with file.open("w", encoding="utf-8") as out:

        def record(**of: object) -> None:
            out.write(json.dumps(of, separators=(",", ":")) + "\n")

        environments = {"preview": {"url": "http://127.0.0.1:1", "database": None, "table": _TABLE}}
        record(record="run", format=1, run=RUN, at=_AT, environments=environments)
        for n in range(1, attempts + 1):
            name, began_s = f"smoke-{RUN}-{n}", n * 0.001
            token = str(UUID(int=chance.getrandbits(128), version=4))
            own = {"n": n, "name": name, "phase": "sequence"}
            answer = {"id": n, "name": name, "public_token": token, "require_auth": False}
            record(record="intent", environment="preview", at=_AT, **own, labels=[name])
            record(
                record="attempt",
                environment="preview",
                **own,
                outcome="ok",
                started_s=began_s,
                ended_s=began_s + chance.random() * 0.02,
                problem=None,
                status=201,
                id=str(n),
                token=token,
                evidence=json.dumps(answer),
                error="",
            )


if __name__ == "__main__":
    number, to, *of = sys.argv[1:]
    if of:
        write_failing(int(number), Path(to), of[0])
    else:
        write(int(number), Path(to))
