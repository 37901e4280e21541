"""Finds the file that an import names: relative, by an alias of paths, or of a workspace."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from functools import cached_property

_SUFFIXES = ("", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_INDEX = tuple("/index" + suffix for suffix in _SUFFIXES[1:])
_BUILT = re.compile(r"\.[cm]?jsx?$")


class Paths:
    """The paths of a checkout's source files."""

    def __init__(self, paths: frozenset[str]) -> None:
        self._paths = paths

    def find(self, folder: str, package: str) -> str | None:
        """The path of what a file of a folder imports by a name; None where it is none of the checkout."""
        if package.startswith("."):
            return self._with_suffix(posixpath.normpath(posixpath.join(folder, package)))
        if package.startswith("node:"):
            return None
        bare = re.sub(r"^(?:[@~#]/|~|#|src/|/)", "", package)
        for rest in (bare, bare.partition("/")[2] if package != bare or not package.startswith("@") else ""):
            if rest and (found := self._ending(rest)) is not None and (rest != bare or "/" in rest or bare != package):
                return found
        return self._of_workspace(package)

    def _with_suffix(self, path: str) -> str | None:
        stems = [path, _BUILT.sub("", path)] if _BUILT.search(path) else [path]
        for stem in stems:
            for suffix in (*_SUFFIXES, *_INDEX):
                if stem + suffix in self._paths:
                    return stem + suffix
        return None

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        """The files by the last part of their path without suffix; index files by their folder as well."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self._paths:
            stem = re.sub(r"(?:\.d)?\.[cm]?[jt]sx?$", "", path)
            found[stem.rpartition("/")[2]].append(path)
            if stem.endswith("/index"):
                found[stem.removesuffix("/index").rpartition("/")[2]].append(path)
        return found

    def _ending(self, rest: str) -> str | None:
        rest = _BUILT.sub("", rest)
        for path in self._by_stem.get(rest.rpartition("/")[2], ()):
            stem = re.sub(r"\.[cm]?[jt]sx?$", "", path)
            if any(f"/{end}".endswith(f"/{rest}") for end in (stem, stem.removesuffix("/index"))):
                return path
        return None

    def _of_workspace(self, package: str) -> str | None:
        """`@acme/ids` or `@acme/db/schema`: a folder of that last name with an index file, below packages or so.

        `@shared/schema` may be an alias of a folder of the checkout, `shared/schema`.
        """
        parts = package.split("/")
        name, below = (parts[1], parts[2:]) if package.startswith("@") and len(parts) > 1 else (parts[0], parts[1:])
        if not package.startswith("@"):
            return None
        ends = [package[1:], *(f"{name}/{middle}{'/'.join(below) or 'index'}" for middle in ("", "src/", "lib/"))]
        return next((path for end in ends if (path := self._ending(end)) is not None), None)
