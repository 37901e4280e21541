"""results.md: a section for each part, replaced when that part is measured anew, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_SECTION = re.compile(r"<!-- (?P<part>\w+) -->\n(?P<text>.*?)<!-- /(?P=part) -->\n", re.DOTALL)
_HEAD = """# Measured

`make bench` writes this file; `python -m bench PART` measures one part again. Numbers are medians, with the least and
the most in brackets. All numbers of one table were measured in turns in one run: compare them within a table, as
ratios.

"""


def write(file: Path, part: str, title: str, section: str, *, order: Sequence[str]) -> None:
    """Write the file with this part's section replaced or added; all of it or nothing."""
    beside = file.with_name(f".{file.name}")
    beside.write_text(written(file, part, title, section, order=order), encoding="utf-8")
    beside.replace(file)


def written(file: Path, part: str, title: str, section: str, *, order: Sequence[str]) -> str:
    """The text of the file with this part's section replaced or added, sections in the given order."""
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    sections = {found["part"]: found["text"] for found in _SECTION.finditer(before)}
    sections[part] = f"## {title}\n\nMeasured with `python -m bench {part}` {_where()}.\n\n{section.strip()}\n"
    kept = sorted((p for p in sections if p in order), key=order.index)
    return _HEAD + "\n".join(f"<!-- {p} -->\n{sections[p]}<!-- /{p} -->\n" for p in kept)


def _where() -> str:
    today = datetime.now(UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"on {today}, {machine}, Python {platform.python_version()}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, numbers to the right from the second column on."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def target(wanted: str, measured: str, met: bool) -> str:
    """One line of a target: what was wanted, and whether what was measured meets it."""
    return f"Target, {wanted}: {'met' if met else 'missed'}, {measured}."


def listed(targets: Iterable[str]) -> str:
    """Several targets as a list."""
    return "\n".join(f"- {line}" for line in targets)
