"""Judges what migrations and schema files of a checkout say of the token column.

Reading them is `harness.source.migrations.reading`, which checks do not import: most runs read no source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from harness.errors import CouldNotTell, NotCovered

if TYPE_CHECKING:
    from harness.source.checkout import Place
    from harness.source.sql.columns import Column, Declared, Unclear


class Migrated(Struct, frozen=True):
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


class TokenInSource(Struct, frozen=True):
    """What a checkout says of the token column: by migrations, None where none names it, and by schema files.

    `made_by` is a platform in which tables are made without files, where the app uses one and holds no migrations, else
    "". `not_read` says what the checkout holds in languages that
    are not read, "" where nothing.
    """

    table: str
    token: str
    migrated: Migrated | None
    others: tuple[Migrated, ...]
    declared: tuple[Declared, ...]
    mentioned: bool
    in_other_languages: tuple[str, ...]
    made_by: str = ""
    not_read: str = ""

    @property
    def shown(self) -> str:
        """The column by its full name."""
        return f"{self.table}.{self.token}"


def wrong(column: Column) -> list[str]:
    """What is wrong with a column as a uuid that Postgres makes, a few words each; what is not known is not wrong."""
    from harness.source.sql.columns import makes_version_4  # with Postgres' parser: only a run that reads source has it

    found = []
    if column.type not in ("", "uuid"):
        found.append(f"type {column.type}")
    if column.by_the_app:
        found.append(f"the app makes the value: {column.by_the_app}")
    elif column.default is None and not column.unknown:
        found.append("no default")
    elif column.default is not None and not makes_version_4(column.default):
        found.append(f"default {column.default}")
    return found


def unavailable(column: Column) -> list[str]:
    """What is not known of a column that would have to be, a few words each."""
    said = ["nothing says its type"] if not column.type else []
    return said + [why for why in (column.unknown, column.doubtful) if why]


def is_right(migrated: Migrated) -> bool:
    """Whether migrations leave a uuid that Postgres makes, however they go, as far as is known."""
    return all(column is not None and not wrong(column) and not unavailable(column) for column in migrated.columns)


def wrong_after_migrations(token: TokenInSource) -> list[str]:
    """What is wrong with the column after the last migration, with the lines that said so; [] where it is right.

    Raises:
        CouldNotTell: the migrations do not say, or say what is not understood.
        NotCovered: the tables are made by a platform, and no file says how.
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
        sent = "; ".join(dict.fromkeys(sent for d in token.declared if (sent := would_be_sent(token, d))))
        raise CouldNotTell(
            f"no migration names {token.shown}: its schema file is pushed, or compared at deploy ({said})"
            + (f"; {sent}" if sent else ""),
            "write a migration that changes type and default with USING, and run it before the schema file is pushed; "
            "preflight says what it would meet",
        )
    if not token.mentioned:
        more = f"; {token.not_read}" if token.not_read else ""
        which = "nothing that was read" if token.not_read else "nothing in this checkout"
        raise CouldNotTell(
            f"{which} mentions the table {token.table}{more}",
            "name the app that owns the table in `source`, or its name in `table`",
        )
    if token.made_by:
        raise NotCovered(
            f"no file of this checkout makes or changes {token.shown}: its tables are made in {token.made_by}",
            "name the folder that holds them in `source`, or with --source; else look at the database itself",
        )
    return [f"no file of this checkout makes or changes {token.shown}"]


def pushed_by(token: TokenInSource) -> str:
    """The tool that would push the column as a uuid: `drizzle` or `prisma`.

    Raises:
        NotCovered: migrations change the column, or no schema file of these declares a uuid.
    """
    tools = [declared.tool for declared in token.declared if would_be_sent(token, declared)]
    if token.migrated is not None or not tools:
        why = (
            "migrations change it" if token.migrated is not None else "no schema file of Drizzle or Prisma declares it"
        )
        raise NotCovered(f"nothing would push {token.shown}: {why}", "nothing to do where no schema file is pushed")
    return tools[0]


def would_be_sent(token: TokenInSource, declared: Declared) -> str:
    """What a tool that compares a schema file with the database sends for a column of text; "" where that is not known.

    As drizzle-kit 0.31 and Prisma 7 do it: neither says USING. `sent_by_tools.json` of the tests has what they send.
    """
    if wrong(declared.column) or declared.column.type != "uuid":
        return ""
    from harness.source.sql.quoting import quote_ident

    table, column = (quote_ident(name) for name in (token.table.rpartition(".")[2], token.token))
    if declared.tool == "drizzle":
        return (
            f"drizzle-kit would send ALTER TABLE {table} ALTER COLUMN {column} SET DATA TYPE uuid, which Postgres "
            "refuses where the column is text: 42804 without USING, 22P02 with one where a stored token is not a UUID"
        )
    if declared.tool == "prisma":
        return (
            f"Prisma would send ALTER TABLE {table} DROP COLUMN {column}, ADD COLUMN {column} UUID where the column is "
            "text: every stored token is lost"
        )
    return ""


def _wrong(token: TokenInSource, migrated: Migrated) -> list[str]:
    found = [_judged(token, migrated, column) for column in migrated.columns]
    if all(lines for lines, _ in found):
        notes = [*migrated.notes, *migrated.refused, *migrated.unclear]
        if migrated.unclear and None in migrated.columns:
            raise _unclear(token, migrated.unclear)
        if migrated.unread:
            raise _unread(migrated)
        left = [f"{path} is not run: it is not in the journal or plan of its folder" for path in migrated.left_out]
        left += [sent for declared in token.declared if (sent := would_be_sent(token, declared))]
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
            "run all migrations on an empty database, in their order, and fix the one that fails",
        )
    if migrated.unread:
        raise _unread(migrated)
    missing = [line for _, unknown in found for line in unknown]
    if missing:
        raise CouldNotTell(
            f"{token.shown}: {'; '.join(dict.fromkeys(missing))}; the last words: "
            + "; ".join(str(place) for c in migrated.columns if c is not None for place in c.words),
            "keep the migration that makes the table in the checkout, or look at the database itself",
        )
    return []


def _unread(migrated: Migrated) -> CouldNotTell:
    return CouldNotTell(
        f"a migration could not be read: {', '.join(migrated.unread)}", "look into it, or move data out of migrations"
    )


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
