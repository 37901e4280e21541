"""Reads the files of a checkout that concern the token: source, migrations, ORM schemas.

What the checkout's own `.gitignore` files leave out is left out, and what is never the app's own source: installed
packages, build output, hidden folders.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import CouldNotTell, NotCovered
from harness.extras import install
from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pathspec import GitIgnoreSpec

SOURCE = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
SCHEMA = (".sql", ".prisma")
LARGEST = 2_000_000  # bytes: what is larger was generated
_CROWDED_FROM = 10_000  # characters of a line
_MOST_WORK = 200_000_000  # characters of a line, times the marks in it: about a second
INSTALL = install("source")
_NEVER = frozenset(
    ("node_modules", "bower_components", "vendor", "dist", "build", "out", "coverage", "__generated__", "__pycache__")
)

# Files of the app that are not deployed, or that fill no row on a request.
_ASIDE = lazily(
    r"(?:^|/)(?:tests?|__tests__|__mocks__|specs?|e2e|cypress|playwright|fixtures?|mocks?|msw|seeds?|seeders?|stories"
    r"|storybook|examples?|scripts?|bench(?:marks?)?|migrations?|test-utils|testing)/"
    r"|(?:^|/)(?:seed|seeds|jest\.\w+|vitest\.\w+|setupTests)\.\w+$"
    r"|[.\-_](?:test|tests|spec|e2e|cy|stories|story|fixtures?|mocks?|seed|bench|d)\.\w+$",
    re.IGNORECASE,
)

_COMMENTS = lazily(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a checkout: its path below the root, with `/`, and its text."""

    path: str
    text: str

    @property
    def suffix(self) -> str:
        """Of its name, in small letters, such as `.ts`."""
        return os.path.splitext(self.path)[1].lower()  # noqa: PTH122 (a Path for each of many files costs more)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file of a checkout: the file's path, the line's number from 1, and what stands there, in one line."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"

    @property
    def place(self) -> str:
        """As `path:line`."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Checkout:
    """The files of a checkout in the order of their paths, and those that could not be read, each with its reason."""

    root: Path
    files: tuple[SourceFile, ...]
    unread: tuple[tuple[str, str], ...] = ()

    def of(self, *suffixes: str) -> tuple[SourceFile, ...]:
        """The files whose names end so."""
        return tuple(file for file in self.files if file.suffix in suffixes)


def in_one_line(text: str) -> str:
    """A text without its comments, each run of blanks as one."""
    bare = _COMMENTS.sub(lambda match: match[0] if match[0][0] in "'\"" else " ", text)
    return re.sub(r"\s+", " ", bare).strip()


def is_auxiliary(path: str) -> bool:
    """Whether a file is a test, a seed, a script, a migration or a story: what it stores is not the create route's."""
    return _ASIDE.search(path) is not None


def read_checkout(root: Path) -> Checkout:
    """Read a checkout.

    Raises:
        CouldNotTell: there is no such folder, or it cannot be listed.
        NotCovered: what reads source is not installed, or there is nothing in the folder that it reads.
    """
    try:
        from pathspec import GitIgnoreSpec  # noqa: F401 (asked here, so that the reason is said once)
    except ImportError:
        raise NotCovered("what reads source is not installed", INSTALL) from None
    if not root.is_dir():
        raise CouldNotTell(f"{root} is no folder", "name a checkout of the app in `source`, or with --source")
    files, unread = [], []
    for path in _paths(root):
        said = path.relative_to(root).as_posix()
        try:
            about = path.stat()
            if about.st_size > LARGEST or not stat.S_ISREG(about.st_mode):  # a FIFO or a device has no end
                is_file = stat.S_ISREG(about.st_mode)
                unread.append((said, f"larger than {LARGEST} bytes" if is_file else "is no regular file"))
                continue
            file = SourceFile(said, path.read_text(encoding="utf-8-sig"))
            if _is_crowded(file):
                unread.append((said, "is code that a program made small"))
                continue
            files.append(file)
        except UnicodeDecodeError:
            unread.append((said, "is not UTF-8"))
        except OSError as error:
            unread.append((said, error.strerror or type(error).__name__))
    if not files:
        raise NotCovered(
            f"{root} holds no file that is read ({', '.join(SOURCE + SCHEMA)})",
            "name the folder of the app itself in `source`, or with --source",
        )
    return Checkout(root, tuple(files), tuple(unread))


def _is_crowded(file: SourceFile) -> bool:
    """Whether a line of code holds more than can be parsed in a second: a parser counts from the line's beginning."""
    if file.suffix not in SOURCE or len(file.text) < _CROWDED_FROM:
        return False
    lines = (line for line in file.text.split("\n") if len(line) >= _CROWDED_FROM)
    return any(len(line) * sum(map(line.count, "(;{,")) > _MOST_WORK for line in lines)


def _paths(root: Path) -> Iterator[Path]:
    specs: dict[str, list[tuple[str, GitIgnoreSpec]]] = {}
    for folder, folders, names in os.walk(root, onerror=_refuse):
        above = specs.get(os.path.dirname(folder), []) if folder != str(root) else []  # noqa: PTH120
        own = specs[folder] = [*above, *_ignored_by(folder, names)]
        folders[:] = sorted(
            name
            for name in folders
            if name not in _NEVER and not name.startswith(".") and not _is_ignored(own, folder, name + "/")
        )
        for name in sorted(names):
            if name.lower().endswith(SOURCE + SCHEMA) and not _is_ignored(own, folder, name):
                yield root.__class__(folder, name)


def _refuse(error: OSError) -> None:
    if error.filename:
        raise CouldNotTell(f"{error.filename} cannot be listed: {error.strerror}", "let this user read the checkout")


def _ignored_by(folder: str, names: list[str]) -> Iterator[tuple[str, GitIgnoreSpec]]:
    from pathspec import GitIgnoreSpec

    if ".gitignore" in names:
        with open(os.path.join(folder, ".gitignore"), encoding="utf-8", errors="replace") as lines:  # noqa: PTH118, PTH123
            yield folder, GitIgnoreSpec.from_lines(lines)


def _is_ignored(specs: list[tuple[str, GitIgnoreSpec]], folder: str, name: str) -> bool:
    """Whether the nearest .gitignore that says anything of a path leaves it out."""
    for base, spec in reversed(specs):
        below = os.path.relpath(os.path.join(folder, name), base).replace(os.sep, "/")  # noqa: PTH118
        said = spec.check_file(below + ("/" if name.endswith("/") else "")).include
        if said is not None:
            return said
    return False
