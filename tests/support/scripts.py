"""SQL files, run statement by statement as psql runs them: autocommit, and the file's own BEGIN and COMMIT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg


def statements(script: str) -> Iterator[str]:
    """The statements of a script whose strings hold no semicolon at a line's end, but for bodies in $$."""
    lines: list[str] = []
    for line in script.splitlines():
        if line.lstrip().startswith("--") or not (line.strip() or lines):
            continue
        lines.append(line)
        text = "\n".join(lines)
        if line.rstrip().endswith(";") and text.count("$$") % 2 == 0:
            yield text
            lines = []
    assert not lines, lines


def run_script(connection: psycopg.Connection[Any], script: str) -> None:
    """Run it on a connection in autocommit, and stop at the first error, as ON_ERROR_STOP does."""
    try:
        for statement in statements(script):
            connection.execute(statement.encode())
    finally:
        connection.execute("rollback")  # where it stopped inside a transaction of its own
