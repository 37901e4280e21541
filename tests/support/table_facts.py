"""What the catalog says of a table as the change leaves it, written by hand."""

from harness.postgres.column_default import Default, Function
from harness.postgres.table import Index, TableFacts

CORE = Function("pg_catalog", "gen_random_uuid", "gen_random_uuid", "internal", "", built_in=True)
RIGHT_DEFAULT = Default("gen_random_uuid()", (CORE,))

RIGHT_INDEX = Index(
    name="chatbots_public_token_key",
    definition="CREATE UNIQUE INDEX chatbots_public_token_key ON public.chatbots USING btree (public_token)",
    unique=True,
    valid=True,
    ready=True,
    live=True,
    immediate=True,
    key_columns=1,
    leads_with_token=True,
    partial=False,
    expressions=False,
)
RIGHT = TableFacts(
    schema="public",
    name="chatbots",
    relkind="r",
    relpersistence="p",
    is_partition_of="",
    children=(),
    parents=(),
    in_recovery=False,
    server_version=150018,
    id_column="id",
    id_type="integer",
    label_column="name",
    token_column="public_token",
    token_type="uuid",
    token_not_null=True,
    token_not_null_is_validated=True,
    token_generated="",
    token_inherited=False,
    default=RIGHT_DEFAULT,
    indexes=(RIGHT_INDEX,),
    triggers=(),
    insert_rules=(),
    sequence=None,
)
