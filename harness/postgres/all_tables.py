"""Lists the ordinary tables of a database, and of their columns what an INSERT must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.errors import CouldNotTell

if TYPE_CHECKING:
    from harness.postgres.connection import Connection

MOST_COLUMNS = 20_000  # of all tables together
# What users made, without partitions, whose parent stands for them, and without what extensions brought along.
TABLES = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '',
  coalesce(a.attnum = ANY (i.indkey::int2[]), false)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname, a.attnum LIMIT %(most)s
"""


class ListedColumn(NamedTuple):
    """A column; `filled` says that an INSERT may leave it out since it has a default, an identity or an expression."""

    name: str
    type: str
    not_null: bool
    filled: bool
    primary: bool


class ListedTable(NamedTuple):
    """A table; `is_found` says that its name alone leads to it, by the search_path of the role."""

    schema: str
    name: str
    is_found: bool
    columns: tuple[ListedColumn, ...]


def list_tables(connection: Connection) -> list[ListedTable]:
    """All tables that users made, inside the caller's transaction.

    Raises:
        CouldNotTell: there are more columns than are read.
        psycopg.Error: the caller words it.
    """
    rows = connection.execute(TABLES, {"most": MOST_COLUMNS + 1}).fetchall()
    if len(rows) > MOST_COLUMNS:
        raise CouldNotTell(
            f"this database has more than {MOST_COLUMNS} columns", "write `table` by hand: name, id, label and token"
        )
    found: dict[tuple[str, str], list[ListedColumn]] = {}
    for schema, name, *column in rows:
        found.setdefault((schema, name), []).append(ListedColumn(*column))
    path = connection.search_path.schemas
    first = {name: next((s for s in path if (s, name) in found), None) for _, name in found}
    return [
        ListedTable(schema, name, first[name] == schema, tuple(columns)) for (schema, name), columns in found.items()
    ]
