"""Every schema file declares the token column as a uuid that Postgres makes.

Drizzle, Prisma, TypeORM, MikroORM and Sequelize make their statements from such a file, and the next migration or push
too. New databases start from a dump such as schema.sql. A schema file undoes the change sooner or later if it still
declares text, no default, or a value that the client makes (`$defaultFn`, `@default(uuid())`, `DataTypes.UUIDV4`).

It cannot see schema files of other tools.
"""

from harness.findings import finding
from harness.source.migrations.checkers import TokenInSource, wrong_declarations


def test_source_schema_agrees(token_in_source: TokenInSource) -> None:
    """Each file that declares the column declares type uuid and a generator of the database as its default."""
    found = wrong_declarations(token_in_source)
    assert not found, finding(
        want='uuid, made by the database: .defaultRandom(), @default(dbgenerated("gen_random_uuid()")) @db.Uuid',
        have=found,
        cause="the migration was written by hand, and the schema file of the ORM was left as it was",
        remedy="declare the column as the migration leaves it",
    )
