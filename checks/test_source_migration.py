"""The migrations of the app leave the token column a uuid that Postgres makes.

The run replays all migration files in the order of their tool, with PostgreSQL's own grammar. The last type and the
last default of the column count. So a later migration that changes the column back is found before it is deployed.
Migrations that are programs (Knex, node-pg-migrate, Sequelize, TypeORM, Kysely) are read as the SQL that they would
send. What the run does not understand, it names: then the claim does not pass.

It cannot see whether the migrations were run, or what somebody changed by hand.
"""

from harness.findings import finding
from harness.source.migrations.checkers import TokenInSource, wrong_after_migrations


def test_source_migration_leaves_a_uuid(token_in_source: TokenInSource) -> None:
    """After the last migration the column is of type uuid, and its default a generator of version 4 UUIDs."""
    found = wrong_after_migrations(token_in_source)
    assert not found, finding(
        want=f"a migration that leaves {token_in_source.shown} uuid DEFAULT gen_random_uuid() or uuid_generate_v4()",
        have=found,
        cause="the migration is missing, not run, refused, forgets type or default, or a later one changes it back",
        remedy="add a migration that says type and default of the column, and nothing after it that undoes them",
    )
