"""`python -m tools.traffic [ROWS]`: what users would have met of the two migrations of examples/, measured.

Runs `python -m rehearsal --schema-of .. --traffic 20` on tables of ROWS rows (300,000), with short tokens and with
UUIDs, and writes the table into docs/migrations.md. About two minutes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from rehearsal.servers.postgres import embedded_postgres
from tests.support.gates import ROOT
from tests.support.migrations import real_database, run_rehearsal
from tools.documents import DOCS, between

RATE, ROWS = 20, 300_000
MIGRATIONS = {"plain": "public_token_uuid.sql", "safe": "public_token_uuid_safe.sql"}
FILLED = "insert into chatbots (name, public_token) select 'bot ' || n, 't' || lpad(n::text, 7, '0')"
TOKENS = {"short": [], "UUIDs": ["update chatbots set public_token = gen_random_uuid()::text"]}
COLUMNS = (
    "migration, stored tokens",
    "it ends",
    "POSTs while it ran",
    "the lock that they waited for",
    "POSTs after it",
)
_HEAD = """\
Measured on this project's table with {rows:,} rows, at {rate} POSTs a second, on PostgreSQL {version} and two busy
cores, by `python -m tools.traffic`. The app is the old one. `tests/rehearsal/dry_run/test_traffic.py` holds what each
column says, on a small table. A POST waited if it took 0.1 s or more, and five times as long as usual.

"""
_TAIL = """
The plain migration keeps everybody waiting for as long as it rewrites the table. The safe one keeps nobody waiting for
longer than its own small locks. After either one the old code fails if it sends short tokens: deploy the new code right
after, or first deploy code that sends a UUID.
"""


def of_one(met: dict[str, Any], name: str) -> str:
    """One line of the table."""
    phases = {phase["name"]: phase for phase in met["phases"]}
    failure = met["failure"]
    ended = f"in {met['took_ms'] / 1000:.1f} s" if failure is None else f"{failure.split(': ')[1]}, nothing is changed"
    lock = met["lock"]
    held = f"{lock['mode']}, line {lock['line']}, at most {lock['at_most_ms'] / 1000:.1f} s" if lock else "none"
    return f"| {name} | {ended} | {posts(phases['meanwhile'])} | {held} | {posts(phases['after'])} |\n"


def posts(phase: dict[str, Any]) -> str:
    """How many, what became of them, and the slowest."""
    failed = f"{phase['failed']} failed" if phase["failed"] else "none failed"
    causes = "".join(f" ({cause})" for cause in phase["causes"])
    waited = f", {phase['waited']} waited" if phase["waited"] else ""
    return f"{phase['posts']}: {failed}{causes}{waited}, slowest {phase['slowest_ms']:,.0f} ms"


def measured(rows: int) -> str:
    """The table, measured now."""
    lines = []
    with embedded_postgres() as postgres, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        for tokens, made in TOKENS.items():
            filled = [f"{FILLED} from generate_series(1, {rows}) n", *made, "vacuum (full, analyze) chatbots"]
            dsn = real_database(postgres, filled)
            for name, file in MIGRATIONS.items():
                path = ROOT / "examples" / "migrations" / file
                words = ("--schema-of", dsn, "--migration", str(path), "--rows", "all", "--traffic", str(RATE))
                run = run_rehearsal(*words, "--report", str(report), "--", sys.executable, "-c", "")
                document = json.loads(report.read_text(encoding="utf-8"))
                if document["traffic"] is None:
                    raise SystemExit(run.err)
                lines.append(of_one(document["traffic"], f"{name}, {tokens}"))
        version = postgres.binaries.version_numbers[0]
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    return _HEAD.format(rows=rows, rate=RATE, version=version) + head + "".join(sorted(lines)) + _TAIL


if __name__ == "__main__":
    document = DOCS / "migrations.md"
    table = measured(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    document.write_text(between(document, "traffic", table), encoding="utf-8")
    print(table)
