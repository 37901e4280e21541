"""The part of docs/migrations.md that says on which tables a preflight was compared with Postgres."""

from __future__ import annotations

from tests.support.situations import SITUATIONS

_PREDICTIONS = """\
The predictions were compared with Postgres on {number} tables. A test judges each table first, and then runs [the
plain migration](../examples/migrations/public_token_uuid.sql) on it, with SET NOT NULL, a unique index and an INSERT
of the new code after it. The test fails if a SQLSTATE was predicted and did not come, or came and was not predicted
(`tests/preflight/test_predictions.py`). The statements that make each table are in `tests/support/situations.py`.
Locks, rights, the extension and servers that only read are in `tests/preflight/test_surroundings.py`. `make docs`
writes this table.

| the migration ends in | on these tables |
|---|---|
"""


def predictions() -> str:
    """The situations on which a preflight was proved, by what the migration ends in there."""
    rows: dict[str, list[str]] = {}
    for situation in SITUATIONS:
        ends_in = ", ".join(sorted(situation.states)) or "nothing: it passes"
        rows.setdefault(ends_in, []).append(situation.name.replace("_", " "))
    lines = [f"| {ends_in} | {'; '.join(names)} |\n" for ends_in, names in sorted(rows.items())]
    return _PREDICTIONS.replace("{number}", str(len(SITUATIONS))) + "".join(lines)
