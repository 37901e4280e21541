"""Judges what migrations and schema files of a checkout say of the token column.

Reading them is `harness.source.migrations.reading`, which checks do not import: most runs read no source.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import CouldNotTell, NotCovered
from harness.source.checkout import Place
from harness.source.sql.columns import Column, Declared, Unclear, unavailable, wrong


@dataclass(frozen=True, slots=True)
class Migrated:
    """What the migrations lead to.

    `columns` holds the column once for each way in which they can go; None where it is not there then. `at` is where
    table or column are dropped; `notes` what was said in vain, `refused` what Postgres would refuse, `unclear` what was
    not understood, `unread` what could not be read, `left_out` the files that name the column and are not run.
    """

    folders: tuple[str, ...]
    columns: tuple[Column | None, ...]
    at: Place | None = None
    notes: tuple[Unclear, ...] = ()
    refused: tuple[Unclear, ...] = ()
    unclear: tuple[Unclear, ...] = ()
    unread: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    complete: bool = False


@dataclass(frozen=True, slots=True)
class TokenInSource:
    """What a checkout says of the token column: by migrations, None where none names it, and by schema files."""

    table: str
    token: str
    migrated: Migrated | None
    others: tuple[Migrated, ...]
    declared: tuple[Declared, ...]
    mentioned: bool
    in_other_languages: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The column by its full name."""
        return f"{self.table}.{self.token}"


def is_right(migrated: Migrated) -> bool:
    """Whether migrations leave a uuid that Postgres makes, however they go, as far as is known."""
    return all(column is not None and not wrong(column) and not unavailable(column) for column in migrated.columns)


def wrong_after_migrations(token: TokenInSource) -> list[str]:
    """What is wrong with the column after the last migration, with the lines that said so; [] where it is right.

    Raises:
        CouldNotTell: the migrations do not say, or say what is not understood.
        NotCovered: there are no migrations, since a schema file is pushed.
    """
    if token.migrated is None:
        return _without_migrations(token)
    found = [_wrong(token, migrated) for migrated in (token.migrated, *token.others)]
    if all(found):
        return [line for lines in found for line in lines]
    if any(found):
        folders = ", ".join(folder for m in (token.migrated, *token.others) for folder in m.folders)
        raise CouldNotTell(
            f"several folders hold migrations that make {token.table}, and they disagree: {folders}; "
            + "; ".join(line for lines in found for line in lines),
            "name the folder of the app itself in `source`, or with --source",
        )
    return []


def _without_migrations(token: TokenInSource) -> list[str]:
    if token.in_other_languages:
        raise CouldNotTell(
            f"there are migrations in a language that is not read: {', '.join(token.in_other_languages)}",
            "look into them by hand: the last one on the column must leave a uuid with a generator as its default",
        )
    if token.declared:
        said = ", ".join(f"{d.place.path}:{d.place.line}" for d in token.declared)
        raise NotCovered(
            f"no migration names {token.shown}: the schema file is pushed ({said})", "keep migrations beside it"
        )
    if not token.mentioned:
        raise CouldNotTell(
            f"nothing in this checkout mentions the table {token.table}",
            "name the app that owns the table in `source`, or its name in `table`",
        )
    return [f"no file of this checkout makes or changes {token.shown}"]


def _wrong(token: TokenInSource, migrated: Migrated) -> list[str]:
    found = [_judged(token, migrated, column) for column in migrated.columns]
    if all(lines for lines, _ in found):
        notes = [*migrated.notes, *migrated.refused, *migrated.unclear]
        if migrated.unclear and None in migrated.columns:
            raise _unclear(token, migrated.unclear)
        left = [f"{path} is not run: it is not in the journal or plan of its folder" for path in migrated.left_out]
        return [*dict.fromkeys(line for lines, _ in found for line in lines), *map(str, notes), *left]
    if any(lines for lines, _ in found):
        raise CouldNotTell(
            f"what the migrations leave of {token.shown} depends on a condition that only a database can answer: "
            + "; ".join(line for lines, _ in found for line in lines),
            "let the migration do the same wherever it runs, or look at the database itself",
        )
    if migrated.refused:
        raise CouldNotTell(
            f"Postgres would refuse a migration: {'; '.join(map(str, migrated.refused))}",
            "run all migrations on an empty database, in their order, and mend the one that fails",
        )
    if migrated.unread:
        raise CouldNotTell(
            f"a migration could not be read: {', '.join(migrated.unread)}",
            "look into it, or move data out of migrations",
        )
    missing = [line for _, unknown in found for line in unknown]
    if missing:
        raise CouldNotTell(
            f"{token.shown}: {'; '.join(dict.fromkeys(missing))}; the last words: "
            + "; ".join(str(place) for c in migrated.columns if c is not None for place in c.words),
            "keep the migration that makes the table in the checkout, or look at the database itself",
        )
    return []


def _unclear(token: TokenInSource, unclear: tuple[Unclear, ...]) -> CouldNotTell:
    return CouldNotTell(
        f"not understood of the migrations that concern {token.shown}: {'; '.join(map(str, unclear))}",
        "look at it by hand, or write it as plain SQL",
    )


def _judged(token: TokenInSource, migrated: Migrated, column: Column | None) -> tuple[list[str], list[str]]:
    """What is wrong with a column, with its last words, and what is not known of it."""
    if column is None:
        said = [str(migrated.at)] if migrated.at is not None else []
        return [*said, f"no column {token.shown} is left"], []
    problems = wrong(column)
    said = [*map(str, column.words), f"which leaves {token.shown} with {', '.join(problems)}"] if problems else []
    return said, unavailable(column)


def wrong_declarations(token: TokenInSource) -> list[str]:
    """What schema files say that is no uuid which Postgres makes, with their lines; [] where all agree.

    Raises:
        CouldNotTell: one declares what is not understood.
        NotCovered: none declares the column.
    """
    if not token.declared:
        raise NotCovered(
            f"no schema file declares {token.shown} (Drizzle, Prisma, TypeORM, MikroORM, Sequelize, a dump)",
            "nothing to do where the app keeps none",
        )
    found = [f"{d.place} ({', '.join(wrong(d.column))})" for d in token.declared if wrong(d.column)]
    unknown = [f"{d.place} ({', '.join(unavailable(d.column))})" for d in token.declared if unavailable(d.column)]
    if not found and unknown:
        raise CouldNotTell(
            f"not understood of what is declared: {'; '.join(unknown)}",
            "declare the column where the table is, or look at it by hand",
        )
    return found
