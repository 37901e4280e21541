"""Before the migration: what `ALTER COLUMN .. TYPE uuid USING ..::uuid` would end in, told without writing anything."""
