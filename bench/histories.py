"""Writes a history of many attempts, all as they should be: `python -m bench.histories N FILE`."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from uuid import UUID

RUN = "20261124-000000-abcdef01"
_AT = "2026-11-24T00:00:00.000+00:00"
_TABLE = {"name": "chatbots", "id": "id", "label": "name", "token": "public_token"}


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
    write(int(sys.argv[1]), Path(sys.argv[2]))
