"""Which schema files of Prisma are of Postgres: a checkout may hold those of other databases as well."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.source.checkout import SourceFile

_DATASOURCE = re.compile(r"^[ \t]*datasource\s+\w+\s*\{([^}]{0,2000})", re.MULTILINE)
_PROVIDER = re.compile(r'^\s*provider\s*=\s*"(\w+)"', re.MULTILINE)
_POSTGRES = ("postgresql", "postgres", "cockroachdb")


def of_postgres(schemas: tuple[SourceFile, ...]) -> tuple[SourceFile, ...]:
    """The files whose datasource is Postgres; one that names none is of the nearest that does, beside it or above."""
    providers = {file.path: provider for file in schemas if (provider := _provider(file.text)) is not None}
    return tuple(file for file in schemas if _provider_of(file.path, providers) in (None, *_POSTGRES))


def _provider(text: str) -> str | None:
    source = _DATASOURCE.search(text)
    found = _PROVIDER.search(source[1]) if source is not None else None
    return found[1] if found is not None else None


def _provider_of(path: str, providers: dict[str, str]) -> str | None:
    if path in providers:
        return providers[path]
    folder = posixpath.dirname(path)
    while True:
        here = [provider for other, provider in providers.items() if posixpath.dirname(other) == folder]
        if here or not folder:
            return here[0] if here else None
        folder = posixpath.dirname(folder)
