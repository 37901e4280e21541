"""What an app may call the table and its token column: `public_token`, `publicToken`, `Chatbot`, `chatbotsTable`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from harness.source.spelling import plain, singular

_IMPORTS = re.compile(
    r"""\b(?:import|export)\b[^;'"()=]{0,2000}\bfrom\s*["'][^"'\n]{0,300}["']|\b(?:import|require)\b\s*\(?\s*["'][^"'\n]{0,300}["']"""
)
_SUFFIXES = ("table", "model", "entity", "repository", "repo", "schema", "dao", "store", "record")


@dataclass(frozen=True)
class Names:
    """The table and the token column as the database has them, and the names that the app's own schema maps to them.

    `models` are plain names of classes, models and variables that stand for the table, `aliases` plain names of
    properties that stand for the column where the table is known. `spelled` are the names
    of the former as code writes them.
    """

    table: str
    token: str
    models: frozenset[str] = field(default_factory=frozenset)
    others: frozenset[str] = field(default_factory=frozenset)
    aliases: frozenset[str] = field(default_factory=frozenset)
    spelled: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def stem(self) -> str:
        """The table's plain name in the singular, without its schema."""
        return singular(plain(self.table.rpartition(".")[2]))

    @cached_property
    def _token(self) -> str:
        return plain(self.token)

    @cached_property
    def token_in_text(self) -> re.Pattern[str]:
        """Finds the column in any spelling."""
        words = [re.escape(word) for word in _words(self.token)]
        return re.compile(r"(?<![a-z0-9])" + "[_-]?".join(words) + r"(?![a-z0-9])", re.IGNORECASE)

    @cached_property
    def table_in_text(self) -> re.Pattern[str]:
        """Finds the table, or what is called after it."""
        words = _words(self.table.rpartition(".")[2])
        words[-1] = singular(words[-1].lower())
        return re.compile("[_-]?".join(map(re.escape, words)), re.IGNORECASE)

    def is_table_in_code(self, text: str) -> bool:
        """Whether a text names the table elsewhere than in paths of imports, which may all hold the app's name."""
        return self.table_in_text.search(_IMPORTS.sub(" ", text)) is not None

    @cached_property
    def token_word(self) -> str:
        """A word that stands in every text that `token_in_text` is found in, in small letters."""
        return max(_words(self.token), key=len).lower()

    @cached_property
    def table_word(self) -> str:
        """The same for `table_in_text`."""
        words = _words(self.table.rpartition(".")[2])
        return max((*words[:-1], singular(words[-1].lower())), key=len).lower()

    def is_token(self, name: str | None, *, of_table: bool = False) -> bool:
        """Whether a property or a column is the token; by the app's alias only where the table is known."""
        if name is None:
            return False
        made_plain = plain(name)
        return made_plain == self._token or (of_table and made_plain in self.aliases)

    def is_table(self, name: str | None) -> bool:
        """Whether a table, model, class or variable stands for the table."""
        if name is None:
            return False
        made_plain = plain(name)
        if made_plain in self.models:
            return True
        if made_plain in self.others:
            return False
        return self.stem in (singular(made_plain), singular(_without_suffix(made_plain)))

    def is_sql_table(self, name: str) -> bool:
        """Whether a name in SQL, with or without a schema and quotes, is the table."""
        parts = [part.strip('"`[] ').lower() for part in name.split(".")]
        own = self.table.lower().split(".")
        return parts[-1] == own[-1] and (len(parts) == 1 or len(own) == 1 or parts[-2] == own[-2])


def _words(name: str) -> list[str]:
    """The words of a name: `public_token` and `publicToken` have two. A name without letters is one word itself."""
    return [word for word in re.split(r"[^a-zA-Z0-9]+|(?<=[a-z0-9])(?=[A-Z])", name) if word] or [name]


def _without_suffix(name: str) -> str:
    for suffix in _SUFFIXES:
        for ending in (suffix, singular(suffix) + "ies" if suffix.endswith("y") else suffix + "s"):
            if name.endswith(ending) and len(name) > len(ending):
                return name[: -len(ending)]
    return name
