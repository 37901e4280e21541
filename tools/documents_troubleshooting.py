"""docs/troubleshooting.md: each typical mistake, what is said of it, what it means, and what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.mistakes import MISTAKES

if TYPE_CHECKING:
    from tests.support.mistakes import Mistake

_TROUBLESHOOTING = """\
# Troubleshooting

For whoever got a message and wants to know what it means, and what to write.

Run `chatbots-smoke doctor --env preview` first: it checks everything that a run needs, and prints the messages below
with your own names in them. `--post` adds one POST, whose row it removes. Two dots replace what differs. Keys are under
`environments.preview` of `environments.yaml`, or under `defaults`.

A test makes every mistake of these tables, and compares the message (`tests/doctor/test_mistakes.py`).
`make docs` writes this file.
"""
# Where the tests make their mistakes, as a reader would have it.
_PLACES = {
    "<URL>": "https://preview.example.com",
    "<REFUSED>": "https://preview.example.com:8443",
    "<REFUSED HOST>": "db.example.com:5433",
    "<HOST>": "preview.example.com",
    "<TLS HOST>": "preview.example.com",
}


def troubleshooting_document() -> str:
    """The typical mistakes: what is said of each, what it means, and what to write."""
    out = [_TROUBLESHOOTING]
    for about, mistakes in MISTAKES.items():
        out.append(f"\n## {about}\n\n| message | what it means | what to write |\n|---|---|---|\n")
        out += [f"| {_code(each.says)} | {each.means} | {_to_write(each)} |\n" for each in mistakes]
    return "".join(out)


def _to_write(mistake: Mistake) -> str:
    where = f"`{mistake.key}`: " if mistake.key else ""
    return where + _code(mistake.write)


def _code(text: str) -> str:
    """A message as Markdown has it within a table, with the places of a reader."""
    for place, shown in _PLACES.items():
        text = text.replace(place, shown)
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"
