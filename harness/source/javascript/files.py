"""The source files of a checkout, parsed when something in them is asked for."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from harness.source.checkout import is_auxiliary
from harness.source.javascript.modules import Module
from harness.source.javascript.paths import Paths
from harness.source.javascript.settings import Settings
from harness.source.javascript.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.checkout import SourceFile
    from harness.source.javascript.syntax import Node


_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]+")


class Files:
    """Source files; `own` are those of the app itself, without tests, seeds, scripts and the like."""

    def __init__(self, files: tuple[SourceFile, ...], settings: tuple[SourceFile, ...] = ()) -> None:
        self._files = {file.path: file for file in files}
        self._paths = Paths(frozenset(self._files), Settings(settings), self.module)
        self.own = tuple(file for file in files if not is_auxiliary(file.path))
        self._modules: dict[str, Module] = {}
        self._imported: dict[tuple[str, str], Module | None] = {}
        self._matching: dict[str, list[SourceFile]] = {}
        self._mentions: dict[str, list[SourceFile]] = {}

    def module(self, path: str) -> Module:
        """A file, parsed."""
        if path not in self._modules:
            self._modules[path] = Module(parse(self._files[path]))
        return self._modules[path]

    def of(self, node: Node) -> Module:
        """The file that a node stands in."""
        return self.module(node.file.path)

    def forget(self) -> None:
        """Take all trees apart, when nothing is asked any more."""
        for module in self._modules.values():
            module.parsed.forget()
            module.scopes.clear()

    @property
    def parsed(self) -> list[Module]:
        """The files that were parsed, in the order of their paths."""
        return [self._modules[path] for path in sorted(self._modules)]

    def matching(self, pattern: re.Pattern[str], *words: str) -> list[SourceFile]:
        """The files of the app itself whose text a pattern is found in; each holds one of the words, in small letters.

        The words are looked for first: a pattern that ignores case takes a hundred times as long.
        """
        if pattern.pattern not in self._matching:
            self._matching[pattern.pattern] = [
                file
                for file, text in zip(self.own, self._lower, strict=True)
                if any(word in text for word in words) and pattern.search(file.text)
            ]
        return self._matching[pattern.pattern]

    def modules(self, files: Iterable[SourceFile]) -> Iterator[Module]:
        """Files, parsed."""
        return (self.module(file.path) for file in files)

    @cached_property
    def _lower(self) -> list[str]:
        return [file.text.lower() for file in self.own]

    def mentioning(self, word: str) -> Iterator[Module]:
        """The files of the app itself that hold a word."""
        for file in self.holding(word):
            yield self.module(file.path)

    def holding(self, word: str) -> list[SourceFile]:
        """The files of the app itself that hold a word, not parsed for that; names in it are whole ones."""
        if word not in self._mentions:
            names = _NAME.findall(word)
            asked = self._by_name.get(max(names, key=len), []) if names else self.own
            self._mentions[word] = [file for file in asked if word in file.text]
        return self._mentions[word]

    @cached_property
    def _by_name(self) -> dict[str, list[SourceFile]]:
        """The files by each name in them: many names are asked for, and to look through all files takes long."""
        found: dict[str, list[SourceFile]] = defaultdict(list)
        for file in self.own:
            for name in set(_NAME.findall(file.text)):
                found[name].append(file)
        return found

    def is_unread(self, importer: str, package: str) -> bool:
        """Whether an import is by an alias of which it could not be read what it means."""
        return (posixpath.dirname(importer), package) in self._paths.unread

    def imported_module(self, importer: str, package: str) -> Module | None:
        """The file of the checkout that an import names: relative, by an alias of paths, or of a workspace."""
        key = (posixpath.dirname(importer), package)
        if key not in self._imported:
            path = self._paths.find(*key)
            self._imported[key] = self.module(path) if path is not None else None
        return self._imported[key]
