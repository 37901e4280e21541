"""Histories of ten megabytes, of whatever they are made: read in linear time and in bounded memory, or refused."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.gates import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = 10_000_000
FIRST = b'{"record":"run","format":1,"run":"20250101-000000-0badcafe","environments":{"preview":{"url":"http://h"}}}\n'
AMPLE_S = 20  # processor time; ten times what an idle machine may take
LARGEST_MB = 200
READS = """
import sys
from pathlib import Path
from harness.history.bulk_reading import missing, read_together
from harness.history.ownership import read_own
from harness.history.reading import UnreadableHistory
from tests.support.memory import peak_mb
for read in (lambda file: read_own(file, {"preview": lambda name: [name]}), lambda file: read_together([file])):
    try:
        read(Path(sys.argv[1]))
    except UnreadableHistory as error:
        assert len(str(error)) < 2000
print(peak_mb())
"""


def intents() -> bytes:
    """As many POSTs as fit, none of which had an answer."""
    return b"".join(
        b'{"record":"intent","environment":"preview","n":%d,"name":"%s-%d","phase":"soak","labels":["%s-%d"]}\n'
        % (n, NAME, n, NAME, n)
        for n in range(62_000)
    )


NAME = b"smoke-20250101-000000-0badcafe"
INTENT = b'{"record":"intent","environment":"preview","n":1,"name":"N-1","phase":"burst","labels":["N-1"]'
INTENT = INTENT.replace(b"N-1", NAME + b"-1")
ATTEMPT = json.dumps(
    {"record": "attempt", "environment": "preview", "n": 1, "name": NAME.decode() + "-1", "phase": "burst"}
    | {"outcome": "ok", "started_s": 1, "ended_s": 2, "status": 201, "id": "1", "token": "t"}
).encode()
ROW = b'{"record":"row","environment":"preview","id":"%d","label":"smoke-20250101-000000-0badcafe-1"}\n'


def keys() -> bytes:
    """The fields of an object that has many."""
    return b",".join(b'"%d":1' % n for n in range(300_000))


# Each is made by the test that reads it: together they would take more memory than all else that is tested.
CONTENTS: dict[str, Callable[[], bytes]] = {
    "intents": intents,
    "rows": lambda: INTENT + b"}\n" + b"".join(ROW % n for n in range(105_000)),
    "records of a later version": lambda: b'{"record":"x"}\n' * (SIZE // 15),
    "empty lines": lambda: b"\n" * SIZE,
    "blanks": lambda: b" " * SIZE,
    "lines of a blank": lambda: b" \n" * (SIZE // 2),
    "one line": lambda: b"x" * SIZE,
    "one line and its end": lambda: b"x" * SIZE + b"\n",
    "brackets": lambda: b"[" * SIZE + b"\n",
    "lines of brackets": lambda: (b"[" * 100_000 + b"\n") * 100,
    "objects in objects": lambda: b'{"a":' * (SIZE // 5) + b"\n",
    "an unknown field": lambda: INTENT + b',"more":"' + b"x" * 4_000_000 + b'"}\n',
    "many unknown fields": lambda: INTENT + b"," + keys() + b"}\n",
    "many unknown fields, the last one twice": lambda: INTENT + b"," + keys() + b',"299999":1}\n',
    "labels": lambda: INTENT[:-1] + b',"%s-1"' % NAME * 90_000 + b"]}\n",
    "an unknown number": lambda: INTENT + b',"more":' + b"1" * 4_000_000 + b"}\n",
    "a number": lambda: INTENT.replace(b'"n":1', b'"n":' + b"1" * 4_000_000) + b"}\n",
    "escapes": lambda: INTENT + b',"more":"' + b"\\u0041" * 600_000 + b'"}\n',
    "backslashes": lambda: INTENT + b',"more":"' + b"\\" * 4_000_000 + b'"}\n',
    "zeros": lambda: b"\0" * SIZE,
    "one intent again and again": lambda: (INTENT + b"}\n") * (SIZE // len(INTENT)),
    "one attempt again and again": lambda: INTENT + b"}\n" + (ATTEMPT + b"\n") * (SIZE // len(ATTEMPT)),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_ten_megabytes_are_read_or_refused(tmp_path: Path, content: Callable[[], bytes]) -> None:
    """By clean-up and by whoever judges, one after the other, in a process of their own."""
    file = tmp_path / "h.jsonl"
    file.write_bytes(FIRST + content())

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (AMPLE_S, AMPLE_S + 1))

    command = [sys.executable, "-c", READS, str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=bound)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < LARGEST_MB
