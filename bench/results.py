"""results.md: a section for each part, replaced when that part is measured anew, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_SECTION = re.compile(r"<!-- (?P<part>\w+) -->\n(?P<text>.*?)<!-- /(?P=part) -->\n", re.DOTALL)
_TOOK = re.compile(r"^Measured with `python -m bench \w+` .* in (?P<seconds>\d+) s\.$", re.MULTILINE)
MOST_MINUTES, MOST_MINUTES_ALONE = 15, 3
_IN_ALL, _ALONE = f"`make bench` in at most {MOST_MINUTES} minutes", f"each part in at most {MOST_MINUTES_ALONE}"
DURATIONS = "How long `make bench` takes"
_HEAD = """# Measured

`make bench` writes this file; `python -m bench PART` measures one part again. Numbers are medians, with the least and
the most in brackets. All numbers of one table were measured in turns in one run: compare them within a table, as
ratios.

"""


def write(file: Path, part: str, title: str, section: str, took_s: float, *, order: Sequence[str]) -> None:
    """Write the file with this part's section replaced or added; all of it or nothing."""
    beside = file.with_name(f".{file.name}")
    beside.write_text(written(file, part, title, section, took_s, order=order), encoding="utf-8")
    beside.replace(file)


def written(file: Path, part: str, title: str, section: str, took_s: float, *, order: Sequence[str]) -> str:
    """The text of the file with this part's section replaced or added, sections in the given order.

    The last one is made of the others: how long each took when it was measured last.
    """
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    sections = {found["part"]: found["text"] for found in _SECTION.finditer(before)}
    how = f"Measured with `python -m bench {part}` {_where()}, in {took_s:.0f} s."
    sections[part] = f"## {title}\n\n{how}\n\n{section.strip()}\n"
    kept = {p: sections[p] for p in order if p in sections}
    kept["durations"] = f"## {DURATIONS}\n\n{durations(kept)}\n"
    return _HEAD + "\n".join(f"<!-- {p} -->\n{text}<!-- /{p} -->\n" for p, text in kept.items())


def durations(sections: Mapping[str, str]) -> str:
    """How long each part took, as its section says, and whether all of them keep to their time."""
    taken = {part: int(found["seconds"]) for part, text in sections.items() if (found := _TOOK.search(text))}
    rows = [(f"`{part}`", f"{taken[part]} s" if part in taken else "unknown") for part in sections]
    lines = [f"Target, {_IN_ALL}: not measured.", f"Target, {_ALONE}: not measured."]
    if taken.keys() == sections.keys():
        all_s, longest = sum(taken.values()), max(taken, key=lambda part: taken[part])
        rows.append(("all", f"{all_s} s"))
        lines = [
            target(_IN_ALL, f"{all_s / 60:.1f} minutes", all_s <= 60 * MOST_MINUTES),
            target(_ALONE, f"`{longest}` took {taken[longest]} s", taken[longest] <= 60 * MOST_MINUTES_ALONE),
        ]
    said = "When each was measured last, with whatever it had to install and to fill first."
    return f"{said}\n\n{table(('part', 'took'), rows)}\n\n{listed(lines)}"


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
