"""What reads calls of libraries knows no grammar: it reads those of whatever front end hands them on."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.source.checkout import Place
from harness.source.language import Opaque
from harness.source.migrations.builders import BUILDERS
from harness.source.migrations.definitions import Unknown

MIGRATIONS = Path(__file__).parents[2] / "harness" / "source" / "migrations"
HERE = Place("migrations/0002_token.py", 7, "a call of another language")


@dataclass(frozen=True)
class Constant:
    """An expression of a language that has constants only."""

    worth: object

    def value(self) -> object:
        """As it is."""
        return self.worth

    def text(self) -> str | None:
        """Of a text."""
        return self.worth if isinstance(self.worth, str) else None

    def function(self) -> Body | None:
        """Of what is one."""
        return self.worth if isinstance(self.worth, Body) else None


@dataclass(frozen=True)
class Part:
    """A link of a chain."""

    name: str
    args: tuple[Constant, ...] | None = None
    place: Place = HERE


@dataclass(frozen=True)
class Body:
    """A function of calls on its one parameter."""

    chains: tuple[tuple[Part, ...], ...]
    parameters: tuple[str, ...] = ("t",)

    def calls(self) -> tuple[tuple[Part, ...], ...]:
        """All of them."""
        return self.chains


def call(name: str, *args: object) -> Part:
    """A link that is called with constants."""
    return Part(name, tuple(Constant(arg) for arg in args))


TOKEN = (Part("t"), call("uuid", "public_token"), call("notNullable"))
CHAINS = {
    "knex": (
        [Part("knex"), Part("schema"), call("alterTable", "chatbots", Body((TOKEN,)))],
        'ALTER TABLE "chatbots" ADD COLUMN "public_token" uuid NOT NULL',
    ),
    "kysely": (
        [Part("db"), Part("schema"), call("alterTable", "chatbots"), call("dropColumn", "public_token")],
        'ALTER TABLE "chatbots" DROP COLUMN "public_token"',
    ),
    "table_methods": (
        [Part("op"), call("addColumn", "chatbots", "public_token", {"type": "uuid"})],
        'ALTER TABLE "chatbots" ADD COLUMN "public_token" uuid',
    ),
}


@pytest.mark.parametrize("builder", CHAINS)
def test_calls_of_another_language_are_read(builder: str) -> None:
    """As what fills the protocols of `harness.source.language` hands them on, with their places."""
    links, sql = CHAINS[builder]
    read = {known.__name__: known(links) for known in BUILDERS}
    assert read == {**dict.fromkeys(CHAINS), builder: [(HERE, sql)]}


def test_what_another_language_does_not_know_is_not_guessed() -> None:
    """It is code, whatever the language."""
    links = [Part("op"), call("renameTable", Opaque("table_of(app)"), "chatbots")]
    with pytest.raises(Unknown, match="the table's name is built at run time"):
        BUILDERS[-1](links)


@pytest.mark.parametrize("name", ["knex", "kysely", "table_methods", "builders", "definitions", "raw"])
def test_what_reads_calls_imports_no_front_end(name: str) -> None:
    """It imports the protocols."""
    tree = ast.parse((MIGRATIONS / f"{name}.py").read_text(encoding="utf-8"))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert modules
    assert [module for module in modules if "javascript" in module] == []
