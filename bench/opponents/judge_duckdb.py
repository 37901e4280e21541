"""`python judge_duckdb.py FILE`: how many attempts of a history were acknowledged, and how many tokens those have.

By DuckDB, from the history as it is, in 450 MB; what does not fit is written beside it. Exit 1 unless all are distinct.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import duckdb

ACKNOWLEDGED = """
from read_json(?, format = 'newline_delimited', columns = {record: 'varchar', outcome: 'varchar', token: 'uuid'})
where record = 'attempt' and outcome = 'ok'
"""
LIMITS = {"memory_limit": "450MB", "threads": 2, "preserve_insertion_order": False}


def main(file: Path) -> int:
    """Print the counts; 0 if each acknowledged attempt has a token of its own."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        asked = duckdb.connect(config={**LIMITS, "temp_directory": folder})
        grouped = f"(select token, count(*) as times {ACKNOWLEDGED} group by token)"
        counted = asked.execute(f"select sum(times)::bigint, count(*) from {grouped}", [str(file)]).fetchone()
    acknowledged, distinct = counted or (0, 0)
    print(acknowledged, distinct)
    return 0 if acknowledged and distinct == acknowledged else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
