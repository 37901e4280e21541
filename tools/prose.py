"""`make lint`: names each phrase of documents and messages that `tools/style.toml` has a plainer one for."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from typing import TYPE_CHECKING, NamedTuple

from tests.support.gates import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STYLE = ROOT / "tools" / "style.toml"
# What is quoted from somewhere else: blocks of code, code within a line, where a link leads, comments and tags of HTML.
_QUOTED = re.compile(r"^```.*?^```|^ {4}.*?$|`[^`]*`|\]\([^)]*\)|<[^>]*>", re.DOTALL | re.MULTILINE)


# A pattern, or a statement in SQL.
_FOR_PROGRAMS = re.compile(r"\\[bsdw]|\(\?|\bselect\b", re.IGNORECASE)
# Where each message has been rewritten. A word alone is not a message.
MESSAGES = (
    *("bench", "checks", "rehearsal", "harness/checkers", "harness/configuration", "harness/history", "harness/http"),
    *("harness/postgres", "harness/preflight", "harness/run", "harness/soak", "harness/report", "harness/doctor"),
    *(
        "harness/source",
        "harness/cli",
        "harness/drafting",
        "harness/pytest_plugin",
        "harness/redaction",
        "harness/rollout",
    ),
)
# Docstrings that `python -m rehearsal faults` and docs/claims.md show.
PRINTED = ROOT / "rehearsal" / "faults"


class Phrase(NamedTuple):
    """A phrase that no document has, and what to write."""

    pattern: re.Pattern[str]
    but: str


def documents() -> list[Path]:
    """What people read: the documents at the top, and those of docs/."""
    top = [ROOT / f"{name}.md" for name in ("README", "AGENTS", "CONTRIBUTING", "CHANGELOG")]
    return [*top, *sorted((ROOT / "docs").glob("*.md"))]


def commented() -> list[Path]:
    """The files whose comments, descriptions and help texts people read: the examples, and what they copy or type."""
    top = [ROOT / "Makefile", ROOT / "action.yml", ROOT / "environments.yaml", ROOT / "rehearsal" / "environments.yaml"]
    workflows = (ROOT / ".github" / "workflows").glob("*.yml")
    return [*top, *sorted(workflows), *sorted(path for path in (ROOT / "examples").rglob("*") if path.is_file())]


def programs() -> list[Path]:
    """The programs whose messages are read."""
    return [path for folder in MESSAGES for path in sorted((ROOT / folder).rglob("*.py"))]


def messages(program: str, *, docstrings: bool = False) -> Iterator[tuple[int, str]]:
    """The texts of a program that people may see, each with its line. Docstrings only if they are printed."""
    tree = ast.parse(program)
    alone = set() if docstrings else {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone]
    for node in texts:
        if isinstance(node.value, str) and " " in node.value and not _FOR_PROGRAMS.search(node.value):
            yield node.lineno, node.value


def phrases() -> list[Phrase]:
    """Those of the style file."""
    listed = tomllib.loads(STYLE.read_text(encoding="utf-8"))["phrase"]
    return [Phrase(re.compile(each["not"].replace(" ", r"\s+"), re.IGNORECASE), each["but"]) for each in listed]


def found(text: str, among: list[Phrase]) -> Iterator[tuple[int, str, str]]:
    """The line, the words and the advice of each phrase in a document; a phrase may go on in the next line."""
    plain = _QUOTED.sub(lambda quoted: re.sub(r"[^\n]", "\x00", quoted[0]), text)
    for phrase in among:
        for match in phrase.pattern.finditer(plain):
            yield plain.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), phrase.but


def plain(text: str) -> str:
    """A file of settings without the signs of its comments and its indentation, so that its sentences can be read."""
    return re.sub(r"^[ \t]*(?:#|--)?[ \t]*", "", text, flags=re.MULTILINE)


def main() -> int:
    """Print what is found; 1 where anything is."""
    among = phrases()
    texts = {path: path.read_text(encoding="utf-8") for path in documents()}
    texts |= {path: plain(path.read_text(encoding="utf-8")) for path in commented()}
    said = [
        f"{path.relative_to(ROOT)}:{line}: {words!r}: write {but}"
        for path, text in texts.items()
        for line, words, but in sorted(found(text, among))
    ]
    said += [
        f"{path.relative_to(ROOT)}:{line}: {words!r}: write {but}"
        for path in programs()
        for line, message in messages(path.read_text(encoding="utf-8"), docstrings=PRINTED in path.parents)
        for _, words, but in found(message, among)
    ]
    print(*said, sep="\n" if said else "", end="\n" if said else "")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
