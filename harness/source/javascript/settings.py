"""What a checkout's own settings say of imports: `paths` and `baseUrl` of tsconfig.json, names of packages.

They are the app's, and may be anything: what makes no sense is passed over.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.checkout import SourceFile

_STRINGS_AND_COMMENTS = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"?|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_COMMA_TOO_MANY = re.compile(r'("(?:[^"\\\n]|\\[^\n])*"?)|,(?=\s*[}\]])')
_OF_BABEL = (".babelrc", ".babelrc.json", "babel.config.json")
_MOST_EXTENDED = 8
_CONDITIONS = ("source", "development", "import", "node", "module", "default", "require", "types")
_MOST_TARGETS = 16
_ENTRIES = ("source", "module", "main", "types", "typings")


@dataclass(frozen=True, slots=True)
class Compiler:
    """The aliases of one folder: patterns with their targets, and the folder that bare names begin from, if any."""

    paths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the checkout: its folder, its name, what it exports and imports, and what it depends on."""

    folder: str
    name: str = ""
    entries: tuple[str, ...] = ()
    exports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    imports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    uses: frozenset[str] = frozenset()


class Settings:
    """The settings of a checkout, by folder."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._documents = {file.path: found for file in files if (found := _parsed(file.text)) is not None}
        self.packages = {
            package.folder: package
            for path, document in self._documents.items()
            if posixpath.basename(path) == "package.json"
            for package in [_package(posixpath.dirname(path), document)]
        }
        self.workspaces = {package.name: package for package in self.packages.values() if package.name}
        self._compilers: dict[str, list[Compiler]] = {}

    def babel_in(self, folder: str) -> list[dict[str, Any]]:
        """What a folder's documents set up Babel with."""
        found = [self._documents.get(posixpath.join(folder, name)) for name in _OF_BABEL]
        package = self._documents.get(posixpath.join(folder, "package.json"), {}).get("babel")
        return [one for one in (*found, package) if isinstance(one, dict)]

    def package_of(self, folder: str) -> Package | None:
        """The nearest package above a folder."""
        return next((self.packages[above] for above in above_of(folder) if above in self.packages), None)

    def compilers_of(self, folder: str) -> list[Compiler]:
        """The aliases that hold for a folder: of the nearest settings above it, `tsconfig.json` first."""
        for above in above_of(folder):
            if above not in self._compilers:
                self._compilers[above] = self._read_compilers(above)
            if self._compilers[above]:
                return self._compilers[above]
        return []

    def _read_compilers(self, folder: str) -> list[Compiler]:
        here = [path for path in self._documents if posixpath.dirname(path) == folder]
        names = sorted(path for path in here if re.match(r"[tj]sconfig.*\.json$", posixpath.basename(path)))
        names.sort(key=lambda path: posixpath.basename(path) not in ("tsconfig.json", "jsconfig.json"))
        read = [self._compiler(path, frozenset()) for path in names]
        return [compiler for compiler in read if compiler.paths or compiler.base is not None]

    def _compiler(self, path: str, seen: frozenset[str]) -> Compiler:
        document = self._documents.get(path)
        if document is None or path in seen or len(seen) > _MOST_EXTENDED:
            return Compiler()
        given = document.get("extends")
        inherited = Compiler()
        for name in given if isinstance(given, list) else [given]:
            above = self._extended(posixpath.dirname(path), name) if isinstance(name, str) else None
            if above is not None:
                inherited = _over(inherited, self._compiler(above, seen | {path}))
        return _over(inherited, _own(document, posixpath.dirname(path)))

    def _extended(self, folder: str, name: str) -> str | None:
        """The file of settings that another one extends: relative, or of a package of the checkout."""
        if name.startswith("."):
            ends = [posixpath.normpath(posixpath.join(folder, name))]
        else:
            package, below = split_package(name)
            home = self.workspaces.get(package)
            ends = [posixpath.join(home.folder, below or "tsconfig.json")] if home is not None else []
        candidates = [end + suffix for end in ends for suffix in ("", ".json", "/tsconfig.json")]
        return next((path for path in candidates if path in self._documents), None)


def above_of(folder: str) -> Iterator[str]:
    """A folder, and those above it, as far as the root, which is ""."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def split_package(name: str) -> tuple[str, str]:
    """The name of a package, and what is asked of it: `@acme/db/schema` is `@acme/db` and `schema`."""
    parts = name.split("/")
    at = 2 if name.startswith("@") else 1
    return "/".join(parts[:at]), "/".join(parts[at:])


def matched(patterns: Iterable[tuple[str, tuple[str, ...]]], name: str) -> list[str]:
    """What patterns with at most one star make of a name: the targets of the one that fits, the longest first."""
    best: tuple[int, tuple[str, ...], str] | None = None
    for pattern, targets in patterns:
        before, star, behind = pattern.partition("*")
        if not star:
            if pattern == name:
                return list(targets)
            continue
        is_long_enough = len(name) >= len(before) + len(behind)
        if (
            is_long_enough
            and name.startswith(before)
            and name.endswith(behind)
            and (best is None or len(before) > best[0])
        ):
            best = len(before), targets, name[len(before) : len(name) - len(behind)]
    return [target.replace("*", best[2]) for target in best[1]] if best is not None else []


def _parsed(text: str) -> dict[str, Any] | None:
    """JSON with comments and commas too many, as tsconfig.json is; None where it is no object."""
    bare = _STRINGS_AND_COMMENTS.sub(lambda found: found[0] if found[0][0] == '"' else " ", text)
    try:
        document = json.loads(_COMMA_TOO_MANY.sub(lambda found: found[1] or "", bare))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _own(document: dict[str, Any], folder: str) -> Compiler:
    options = document.get("compilerOptions")
    options = options if isinstance(options, dict) else {}
    base = options.get("baseUrl")
    home = posixpath.normpath(posixpath.join(folder, base)) if isinstance(base, str) else None
    listed = options.get("paths")
    paths = tuple(
        (
            key,
            tuple(
                _below(folder if home is None else home, target)
                for target in targets[:_MOST_TARGETS]
                if isinstance(target, str)
            ),
        )
        for key, targets in (listed.items() if isinstance(listed, dict) else ())
        if isinstance(targets, list)
    )
    return Compiler(paths, home)


def _below(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _over(below: Compiler, own: Compiler) -> Compiler:
    return Compiler(own.paths or below.paths, own.base if own.base is not None else below.base)


def _package(folder: str, document: dict[str, Any]) -> Package:
    name = document.get("name")
    uses: set[str] = set()
    for key in ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies"):
        listed = document.get(key)
        uses |= set(listed) if isinstance(listed, dict) else set()
    return Package(
        folder,
        name if isinstance(name, str) else "",
        tuple(document[key] for key in _ENTRIES if isinstance(document.get(key), str)),
        _mapped(document.get("exports"), "."),
        _mapped(document.get("imports"), "#"),
        frozenset(uses),
    )


def _mapped(value: object, begins: str) -> dict[str, tuple[str, ...]]:
    """`exports` or `imports` of a package: names, each with its targets, whatever the condition."""
    if isinstance(value, dict) and any(str(key).startswith(begins) for key in value):
        return {key: targets for key, given in value.items() if (targets := tuple(_targets(given)))}
    targets = tuple(_targets(value))
    return {begins: targets} if targets else {}


def _targets(value: object, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < _MOST_EXTENDED:
        for one in value[:_MOST_TARGETS]:
            yield from _targets(one, depth + 1)
    elif isinstance(value, dict) and depth < _MOST_EXTENDED:
        known = [key for key in _CONDITIONS if key in value]
        for key in (*known, *(key for key in list(value)[:_MOST_TARGETS] if key not in known)):
            yield from _targets(value[key], depth + 1)
