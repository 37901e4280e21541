"""Reads the files of a checkout that concern the token: source, migrations, ORM schemas.

What the checkout's own `.gitignore` files leave out is left out, and what is never the app's own source: installed
packages, build output, hidden folders.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import CouldNotTell, NotCovered
from harness.extras import install
from harness.patterns import lazily
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pathspec import GitIgnoreSpec

SOURCE = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
SCHEMA = (".sql", ".prisma")
PAGES = (".vue", ".svelte", ".astro", ".mdx")  # asked for what they use, and not followed
LARGEST = 2_000_000  # bytes: what is larger was generated
INSTALL = install("source")
MADE_SMALL = "is code that a program made small"  # minified, or a bundle
_BUNDLE = lazily(r"[.\-](?:min|bundle|chunk)\.[cm]?js$")
_LONG_LINE = 5_000  # characters, of the longest line of what was minified
_LONG_MEAN = 500  # characters, of its mean line
_MARKS_EACH = 100  # characters of such a line for one of the marks of code; a picture or a text has none
_NEVER = frozenset(
    ("node_modules", "bower_components", "vendor", "dist", "build", "out", "coverage", "__generated__", "__pycache__")
)

# Languages of servers that are not read: what a file of theirs stores is not known.
_OTHER_LANGUAGES = frozenset(
    (".go", ".py", ".rb", ".php", ".java", ".kt", ".scala", ".rs", ".ex", ".exs", ".cs", ".fs", ".vb", ".clj", ".dart",
     ".swift", ".ml", ".hs", ".cr", ".erl", ".pl", ".cc", ".cpp", ".zig", ".nim", ".lua", ".gleam")
)  # fmt: skip
# A file of another language in a folder of migrations: what it does is not read.
_MIGRATIONS_NOT_READ = frozenset((".py", ".rb", ".exs", ".xml", ".yml", ".yaml", ".go", ".php", ".kt", ".java", ".cs"))
_OF_MIGRATIONS = frozenset(("migrations", "migrate", "versions", "changelog", "migration"))
_SETTINGS = lazily(
    r"package\.json$|(?:ts|js)config(?:\.[\w.-]+)?\.json$|.*\bts-?config\b.*\.json$|base\.json$"
    r"|\.babelrc(?:\.json)?$|babel\.config\.json$"
)
_BABEL = ".babelrc"
_LARGEST_SETTINGS = 200_000  # bytes
_MOST_SHOWN = 3

# Files of the app that are not deployed, or that fill no row on a request.
_ASIDE = lazily(
    r"(?:^|/)(?:tests?|__tests__|__mocks__|specs?|e2e|cypress|playwright|fixtures?|mocks?|fakes?|stubs?|doubles|msw"
    r"|seeds?|seeders?|stories|storybook|examples?|scripts?|bench(?:marks?)?|migrations?|test-?utils|test-?helpers"
    r"|testing)/"
    r"|(?:^|/)(?:seeds?|mocks?|fakes?|stubs?|(?:jest|vitest|playwright|cypress)\.[\w.]+|setupTests"
    r"|(?:jest|vitest|mocha|tests?)[-_.]?(?:setup|utils?|helpers?|globals?|env(?:ironment)?)\w*)\.\w+$"
    r"|[.\-_](?:test|tests|spec|e2e|cy|stories|story|fixtures?|mocks?|seed|bench|d)\.\w+$",
    re.IGNORECASE,
)

_COMMENTS = lazily(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)


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
    """The files of a checkout in the order of their paths, and those that could not be read, each with its reason.

    `settings` are the files that say what an import means: package.json, tsconfig.json. `foreign` are files of
    languages that are not read, counted by folder and suffix, and `foreign_migrations` a few that may be migrations.
    """

    root: Path
    files: tuple[SourceFile, ...]
    unread: tuple[tuple[str, str], ...] = ()
    settings: tuple[SourceFile, ...] = ()
    foreign: tuple[tuple[str, str, int], ...] = ()
    foreign_migrations: tuple[str, ...] = ()

    def of(self, *suffixes: str) -> tuple[SourceFile, ...]:
        """The files whose names end so."""
        return tuple(file for file in self.files if file.suffix in suffixes)

    @property
    def not_read(self) -> str:
        """What it holds in languages that are not read, in words: `server/ holds 40 .go files`; "" where nothing."""
        most = sorted(self.foreign, key=lambda entry: (-entry[2], entry[:2]))[:_MOST_SHOWN]
        said = [f"{printable(folder)} holds {n} {suffix} file{'s' * (n > 1)}" for folder, suffix, n in most]
        return ", ".join(said) + (", which are not read" if said else "")


def in_one_line(text: str) -> str:
    """A text without its comments, each run of blanks as one."""
    bare = _COMMENTS.sub(lambda match: match[0] if match[0][0] in "'\"" else " ", text)
    return re.sub(r"\s+", " ", bare).strip()


def is_made_small(path: str, text: str) -> bool:
    """Whether a program made a file of others: minified, or a bundle. Its lines are very long, most of all it holds."""
    if _BUNDLE.search(path) is not None:
        return True
    if len(text) <= _LONG_LINE or "migrat" in path.lower():  # which run as they are
        return False
    lines = text.split("\n")
    longest = max(lines, key=len)
    is_long = len(longest) > _LONG_LINE and len(text) > _LONG_MEAN * len(lines)
    return is_long and sum(map(longest.count, "(;{,")) * _MARKS_EACH > len(longest)


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
        raise CouldNotTell(f"{root} is not a directory", "name a checkout of the app in `source`, or with --source")
    files, unread, settings, migrations = [], [], [], []
    foreign: Counter[tuple[str, str]] = Counter()
    for path in _paths(root):
        said = path.relative_to(root).as_posix()
        suffix = path.suffix.lower()
        if suffix in _MIGRATIONS_NOT_READ and path.parent.name in _OF_MIGRATIONS:
            migrations.append(said)
        if suffix in _OTHER_LANGUAGES:
            foreign[said.partition("/")[0] + "/" if "/" in said else "the root", suffix] += 1
            continue
        if suffix in _MIGRATIONS_NOT_READ:
            continue
        if suffix == ".json" or path.name == _BABEL:
            settings += _setting(path, said)
            continue
        try:
            about = path.stat()
            if about.st_size > LARGEST or not stat.S_ISREG(about.st_mode):  # a FIFO or a device has no end
                is_file = stat.S_ISREG(about.st_mode)
                unread.append((said, f"larger than {LARGEST} bytes" if is_file else "is not a regular file"))
                continue
            text = path.read_text(encoding="utf-8-sig")
            if suffix in SOURCE and is_made_small(said, text):
                unread.append((said, MADE_SMALL))
                continue
            files.append(SourceFile(said, text))
        except UnicodeDecodeError:
            unread.append((said, "is not UTF-8"))
        except OSError as error:
            unread.append((said, error.strerror or type(error).__name__))
    if not files:
        raise NotCovered(
            f"{root} holds no file that is read ({', '.join(SOURCE + SCHEMA)})",
            "name the folder of the app itself in `source`, or with --source",
        )
    counted = tuple((folder, suffix, n) for (folder, suffix), n in sorted(foreign.items()))
    return Checkout(root, tuple(files), tuple(unread), tuple(settings), counted, tuple(migrations[:_MOST_SHOWN]))


def _setting(path: Path, said: str) -> list[SourceFile]:
    """A file of settings; none where it is not one that anybody wrote by hand."""
    try:
        if path.stat().st_size <= _LARGEST_SETTINGS:
            return [SourceFile(said, path.read_text(encoding="utf-8-sig"))]
    except (OSError, UnicodeDecodeError):
        pass
    return []


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
            if _is_looked_at(name.lower(), folder.rpartition(os.sep)[2]) and not _is_ignored(own, folder, name):
                yield root.__class__(folder, name)


def _is_looked_at(name: str, folder: str) -> bool:
    if name.endswith((".json", _BABEL)):
        return _SETTINGS.match(name) is not None
    suffix = os.path.splitext(name)[1]  # noqa: PTH122
    if suffix in _MIGRATIONS_NOT_READ and folder in _OF_MIGRATIONS:
        return True
    return name.endswith((*SOURCE, *SCHEMA, *PAGES)) or suffix in _OTHER_LANGUAGES


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
