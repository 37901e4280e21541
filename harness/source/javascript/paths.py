"""Finds the file that an import names: relative, by an alias of paths, or of a workspace.

The checkout's own settings say what an alias means. Where they do not, an import means the file whose path ends so,
the one that is nearest to where it is imported.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from harness.source.javascript.bundlers import CONFIGURATION, aliased, aliases_of_document, aliases_of_program
from harness.source.javascript.settings import Settings, above_of, matched, split_package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.source.javascript.bundlers import Alias
    from harness.source.javascript.modules import Module
    from harness.source.javascript.settings import Package

_SUFFIXES = ("", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_INDEX = tuple("/index" + suffix for suffix in _SUFFIXES[1:])
_BUILT = re.compile(r"\.d\.[cm]?ts$|\.[cm]?jsx?$")
# Where a package's own settings name what is built, its source stands beside that.
_OUTPUT = re.compile(r"(?:^|(?<=/))(?:dist|build|lib|out|output|esm|cjs)(?:/(?:esm|cjs|src|types))?/")


class Paths:
    """The paths of a checkout's source files."""

    def __init__(
        self,
        paths: frozenset[str],
        settings: Settings | None = None,
        module: Callable[[str], Module] | None = None,
    ) -> None:
        self._paths = paths
        self._settings = settings or Settings(())
        self._module = module
        self._aliases: dict[str, list[Alias]] = {}
        self.unread: set[tuple[str, str]] = set()  # imports by an alias of which it could not be read what it means

    def find(self, folder: str, package: str) -> str | None:
        """The path of what a file of a folder imports by a name; None where it is none of the checkout."""
        if package.startswith("."):
            return self._with_suffix(posixpath.normpath(posixpath.join(folder, package)))
        if package.startswith("node:"):
            return None
        by_settings = self._aliased(folder, package)
        if by_settings is not None:
            return by_settings
        for target in aliased(self._aliases_of(folder), package):
            found = self._with_suffix(target) if target is not None else self._only_ending(folder, package)
            if found is not None or target is None:
                return found
        name, below = split_package(package)
        home = self._settings.workspaces.get(name)
        if home is not None:
            return self._exported(home, below)
        own = self._settings.package_of(folder)
        if own is not None and name in own.uses:  # a package that is installed
            return None
        return self._by_ending(folder, package)

    def _aliased(self, folder: str, package: str) -> str | None:
        """By `imports` of the package itself, by `paths`, or from `baseUrl`."""
        if package.startswith("#"):
            own = self._settings.package_of(folder)
            for target in matched(own.imports.items(), package) if own is not None else ():
                assert own is not None  # it has imports
                if (found := self._built(own.folder, target)) is not None:
                    return found
        compilers = self._settings.compilers_of(folder)
        for compiler in compilers:
            for target in matched(compiler.paths, package):
                if (found := self._with_suffix(target)) is not None:
                    return found
        bases = [compiler.base for compiler in compilers if compiler.base is not None]
        candidates = (self._with_suffix(posixpath.normpath(posixpath.join(base, package))) for base in bases)
        return next((found for found in candidates if found is not None), None)

    def _aliases_of(self, folder: str) -> list[Alias]:
        """Of the nearest configuration of a bundler or of Babel above a folder that has any."""
        for above in above_of(folder):
            if above not in self._aliases:
                self._aliases[above] = self._read_aliases(above)
            if self._aliases[above]:
                return self._aliases[above]
        return []

    def _read_aliases(self, folder: str) -> list[Alias]:
        found = [one for document in self._settings.babel_in(folder) for one in aliases_of_document(document, folder)]
        for path in self._configurations.get(folder, ()) if self._module is not None else ():
            found += aliases_of_program(self._module(path)) if self._module is not None else ()
        return sorted(found, key=lambda alias: not alias.find)  # where all imports may begin from: last

    @cached_property
    def _configurations(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._paths):
            if CONFIGURATION.match(posixpath.basename(path)):
                found[posixpath.dirname(path)].append(path)
        return found

    def _only_ending(self, folder: str, package: str) -> str | None:
        """The one file that an alias may mean which could not be read; None where there are more."""
        found = list(self._endings(_BUILT.sub("", package.partition("/")[2]))) if "/" in package else []
        if len(found) == 1:
            return found[0]
        self.unread.add((folder, package))
        return None

    def _exported(self, home: Package, below: str) -> str | None:
        """What a package of the checkout exports by a name, also where its settings name what is built of it."""
        targets = matched(home.exports.items(), f"./{below}" if below else ".")
        if not below:
            targets += home.entries
        targets += [below] if below else ["src/index", "index", "src/main", "lib/index"]
        targets += [f"src/{below}"] if below else []
        return next((found for target in targets if (found := self._built(home.folder, target)) is not None), None)

    def _built(self, folder: str, target: str) -> str | None:
        """The source of what settings of a package name: that file itself, or the one that it is built of."""
        for path in (target, _OUTPUT.sub("src/", target, count=1), _OUTPUT.sub("", target, count=1)):
            found = self._with_suffix(posixpath.normpath(posixpath.join(folder, path)))
            if found is not None:
                return found
        return None

    def _with_suffix(self, path: str) -> str | None:
        path = "" if path == "." else path
        stems = [path, _BUILT.sub("", path)] if _BUILT.search(path) else [path]
        for stem in stems:
            for suffix in (*_SUFFIXES, *_INDEX):
                if stem + suffix in self._paths:
                    return stem + suffix
        return None

    # --- where no settings say it

    def _by_ending(self, folder: str, package: str) -> str | None:
        bare = re.sub(r"^(?:[@~#]/|~|#|src/|/)", "", package)
        for rest in (bare, bare.partition("/")[2] if package != bare or not package.startswith("@") else ""):
            if not rest or (rest == bare and "/" not in rest and bare == package):
                continue
            if (found := self._ending(folder, rest)) is not None:
                return found
        return self._of_workspace(folder, package)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        """The files by the last part of their path without suffix; index files by their folder as well."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._paths):
            stem = re.sub(r"(?:\.d)?\.[cm]?[jt]sx?$", "", path)
            found[stem.rpartition("/")[2]].append(path)
            if stem.endswith("/index"):
                found[stem.removesuffix("/index").rpartition("/")[2]].append(path)
        return found

    def _ending(self, folder: str, rest: str) -> str | None:
        """The file whose path ends so; of several, the one that has most folders in common with the importer."""
        rest = _BUILT.sub("", rest)
        return max(self._endings(rest), key=lambda path: _in_common(path, folder), default=None)

    def _endings(self, rest: str) -> Iterator[str]:
        for path in self._by_stem.get(rest.rpartition("/")[2], ()):
            stem = re.sub(r"\.[cm]?[jt]sx?$", "", path)
            if any(f"/{end}".endswith(f"/{rest}") for end in (stem, stem.removesuffix("/index"))):
                yield path

    def _of_workspace(self, folder: str, package: str) -> str | None:
        """`@acme/ids` or `@acme/db/schema`: a folder of that last name with an index file, below packages or so.

        `@shared/schema` may be an alias of a folder of the checkout, `shared/schema`.
        """
        if not package.startswith("@"):
            return None
        name, below = package.partition("/")[2].partition("/")[::2]
        ends = [package[1:], *(f"{name}/{middle}{below or 'index'}" for middle in ("", "src/", "lib/"))]
        return next((path for end in ends if (path := self._ending(folder, end)) is not None), None)


def _in_common(path: str, folder: str) -> int:
    """How many folders, from the root, two paths have in common."""
    count = 0
    for one, other in zip(path.split("/"), folder.split("/"), strict=False):
        if one != other:
            break
        count += 1
    return count
