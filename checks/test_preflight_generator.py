"""uuid_generate_v4() exists, or the migration can create it.

`create extension if not exists "uuid-ossp"` ends in 0A000 if the server does not have the extension, and in 42501 if
this role may not create it. If the extension is installed already, the command changes nothing. The unqualified name is
then not found if the extension is in a schema outside the search_path (42883). Without EXECUTE on the function, each
INSERT ends in 42501. gen_random_uuid() has been part of Postgres since version 13, and needs none of this.

It cannot see another database than the one in `database`.
"""

from harness.findings import finding
from harness.preflight.checkers import generator, let_it_execute
from harness.preflight.facts import Preflight


def test_preflight_generator_is_to_be_had(preflight: Preflight) -> None:
    """The default of the migration can be set."""
    found = generator(preflight)
    assert not found, finding(
        want="uuid-ossp installed on the search_path, or installable by this role",
        have=found,
        cause="the server, the rights of the role, or the schema of the extension",
        remedy="SET DEFAULT gen_random_uuid() instead, which Postgres has since 13; or name the schema of "
        f"uuid_generate_v4(), or {let_it_execute(preflight)}, or let a superuser create the extension",
    )
