"""Somebody's database is read by Postgres' own functions and operators, whatever stands in front of them there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from rehearsal.deployment.start import deployed
from rehearsal.dry_run.real_schema import Wanted, look_at, reading
from rehearsal.dry_run.relatives import relatives_of
from rehearsal.dry_run.rights import rights_of
from rehearsal.dry_run.sample import tokens_of
from rehearsal.servers.binaries import find_binaries
from rehearsal.servers.postgres import running
from tests.support.namesakes import called, trap
from tests.support.server_log import LOGS_STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.postgres import Postgres


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A Postgres of this test's own, whose log holds every warning."""
    with running(find_binaries(), *LOGS_STATEMENTS) as started:
        yield started


def test_no_namesake_is_called_by_reading_the_real_database(server: Postgres) -> None:
    """The table is found by the role's own search_path, and all else in pg_catalog."""
    with deployed(server) as deployment:
        database = urlsplit(deployment.database).path.lstrip("/")
        dsn = trap(server, database)
        with reading(dsn, 10) as connection:
            real = look_at(connection, dsn, Wanted("chatbots"))
            rights, relatives = rights_of(connection, real), relatives_of(connection, real)
            some = list(tokens_of(connection, real, 5))
        assert called(server, database) == set()
    assert str(real) == "public.chatbots"
    assert rights.search_path() == "public, pg_catalog"
    assert relatives
    assert len(some) == 5
