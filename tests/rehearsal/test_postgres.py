"""The throwaway Postgres of the rehearsal: which one is taken, who may run it, what the migrations do to old rows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from rehearsal.deployment.start import CHANGE, STEPS, script
from rehearsal.servers.binaries import PACKAGE, Binaries, NoPostgres, find_binaries, packaged_binaries, system_binaries
from rehearsal.servers.postgres import TO_BE_DEMOTED, embedded_postgres, running
from tests.support.clusters import new_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rehearsal.servers.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
VERSION_4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
IDENTIFIER = "select system_identifier from pg_control_system()"
AVAILABLE = [found.kind for found in (packaged_binaries(), system_binaries()) if found]


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def migrate(server: Postgres, name: str, steps: Sequence[str]) -> str:
    dsn = server.create_database(name)
    server.run(name, map(script, steps), role="app")
    return dsn


@pytest.fixture(scope="module", params=AVAILABLE)
def server(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    with embedded_postgres(request.param) as server:
        yield server


def test_each_kind_starts_and_is_what_it_says(server: Postgres) -> None:
    """The version and the extension that are announced are those of the server that runs."""
    name = server.new_name("facts")
    dsn = server.create_database(name)
    [(version,)] = rows(dsn, "show server_version")
    [(with_uuid_ossp,)] = rows(dsn, "select exists (select from pg_available_extensions where name = 'uuid-ossp')")
    assert version.split()[0] == server.binaries.version
    assert with_uuid_ossp is server.binaries.has_uuid_ossp


def test_nobody_listens_on_the_network(server: Postgres) -> None:
    """Postgres listens on its Unix socket only."""
    assert rows(server.dsn("postgres"), "show listen_addresses") == [("",)]


def test_migration_replaces_short_tokens_and_remembers_them(server: Postgres) -> None:
    """Every old short token becomes a version 4 UUID of its own, and the old one is kept beside it."""
    name = server.new_name("migrated")
    dsn = migrate(server, name, STEPS["old"])
    before = dict(rows(dsn, "select id, public_token from chatbots"))
    server.run(name, [script(CHANGE)], role="app")
    after = dict(rows(dsn, "select id, public_token::text from chatbots"))
    kept = dict(rows(dsn, "select chatbot_id, legacy_token from chatbots_legacy_tokens"))
    assert len(before) == 50
    assert {len(token) for token in before.values()} == {6, 7, 8}
    assert all(VERSION_4.fullmatch(token) for token in after.values())
    assert len(set(after.values())) == 50
    assert kept == before


def test_migration_keeps_tokens_that_are_version_4(server: Postgres) -> None:
    """A token that is a version 4 UUID already survives, in lower case, and is not called legacy."""
    name = server.new_name("kept")
    dsn = migrate(server, name, STEPS["old"])
    token = "3F0C2A51-5F6E-4B0D-9A57-1C2D3E4F5A6B"
    early = f"insert into chatbots (id, name, public_token) values (99, 'early', '{token}')"
    server.run(name, [early, script(CHANGE)], role="app")
    assert rows(dsn, "select public_token::text from chatbots where id = 99") == [(token.lower(),)]
    assert rows(dsn, "select 1 from chatbots_legacy_tokens where chatbot_id = 99") == []


def test_migrated_column_is_filled_by_the_database(server: Postgres) -> None:
    """After the migration an INSERT that does not name the column gets a version 4 UUID."""
    dsn = migrate(server, server.new_name("filled"), STEPS["new"])
    [(token, kind)] = rows(
        dsn, "insert into chatbots (name) values ('a') returning public_token::text, pg_typeof(public_token)::text"
    )
    assert kind == "uuid"
    assert VERSION_4.fullmatch(token)


def test_migration_gives_up_behind_a_reader_and_changes_nothing(server: Postgres) -> None:
    """An open transaction that has read the table makes it end in 55P03, with the old table as it was."""
    name = server.new_name("locked")
    dsn = migrate(server, name, STEPS["old"])
    with psycopg.connect(dsn) as reader:
        reader.execute("select count(*) from chatbots")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            server.run(name, [script(CHANGE)], role="app")
        [(kind,)] = reader.execute("select pg_typeof(public_token)::text from chatbots limit 1").fetchall()
    assert kind == "character varying"


def test_a_role_can_be_locked_out(server: Postgres) -> None:
    """The role for trying a wrong password is refused with 28P01."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.dsn("postgres", "locked_out", "wrong"))


def test_a_demoted_server_can_only_be_read(server: Postgres) -> None:
    """A standby that follows nobody: in recovery, with the rows from before, and refusing to write (25006)."""
    with running(server.binaries, TO_BE_DEMOTED) as standby:
        dsn = migrate(standby, "stale", STEPS["new"])
        standby.demote()
        assert rows(dsn, "select pg_is_in_recovery(), count(*) from chatbots") == [(True, 50)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            rows(dsn, "delete from chatbots returning id")


def test_two_run_side_by_side() -> None:
    """Two servers at the same time have directories and data of their own."""
    with embedded_postgres() as one, embedded_postgres() as other:
        dsn = one.create_database("only_here")
        assert rows(dsn, "select current_database()") == [("only_here",)]
        assert one.directory != other.directory
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(other.dsn("only_here"))


def test_a_cluster_that_initdb_has_made_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where INITDB_TEMPLATE names one of the same version, and only there; the copies are alike and independent."""
    with TemporaryDirectory() as folder:
        cluster = new_cluster(Path(folder))
        if cluster is None:
            pytest.skip("whoever runs Postgres here cannot read where it is installed")
        monkeypatch.setenv("INITDB_TEMPLATE", str(cluster))
        with embedded_postgres() as one, embedded_postgres() as other:
            one.create_database("of_one")
            made = rows(one.dsn("postgres"), IDENTIFIER)
            assert made == rows(other.dsn("postgres"), IDENTIFIER)
            assert rows(other.dsn("postgres"), "select from pg_database where datname = 'of_one'") == []
    (tmp_path / "PG_VERSION").write_text("9.6\n", encoding="ascii")
    for unusable in (tmp_path, tmp_path / "none"):
        monkeypatch.setenv("INITDB_TEMPLATE", str(unusable))
        with embedded_postgres() as server:
            assert rows(server.dsn("postgres"), IDENTIFIER) != made


def test_unknown_kind_is_refused() -> None:
    """A kind of Postgres that does not exist is refused with the kinds that do."""
    with pytest.raises(NoPostgres, match="auto, packaged, system"):
        find_binaries("docker")


def test_auto_prefers_uuid_ossp() -> None:
    """auto takes the system's PostgreSQL exactly where that ships uuid-ossp."""
    system = system_binaries()
    assert find_binaries("auto").kind == ("system" if system and system.has_uuid_ossp else "packaged")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to lend Postgres to another user")
def test_root_runs_an_installation_that_only_root_can_read(tmp_path: Path) -> None:
    """Below a folder of mode 0700 the programs cannot be read by the user who runs them: they are copied."""
    packaged = packaged_binaries()
    assert packaged is not None
    site, installation = packaged.folder.parents[2], packaged.folder.parent
    closed = tmp_path / "closed"
    for part in (installation, site / f"{PACKAGE}.libs"):
        if part.exists():
            shutil.copytree(part, closed / part.relative_to(site), symlinks=True)
    closed.chmod(0o700)
    hidden = Binaries(closed / packaged.folder.relative_to(site), "packaged", packaged.version, has_uuid_ossp=False)
    with running(hidden) as server:
        assert rows(server.dsn("postgres"), "select 1") == [(1,)]
        assert (server.directory / "installation").is_dir()


def ordinary_python() -> tuple[list[str], dict[str, str]] | None:
    """A command line of Python, and its environment, that the user nobody can run with our packages; or None."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]), "TMPDIR": "/tmp"}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            subprocess.run(
                [python, "-B", "-c", "import psycopg, starlette, uvicorn"],
                env=environment,
                user="nobody",
                cwd="/",
                check=True,
                capture_output=True,
            )
        except (OSError, LookupError, subprocess.SubprocessError):
            continue
        return [python, "-B"], environment
    return None


@pytest.mark.parametrize("kind", AVAILABLE)
def test_an_ordinary_user_can_rehearse(kind: str) -> None:
    """A user without any rights (nobody, where the tests run as root) starts everything and leaves nothing."""
    show = "import os; print(os.geteuid(), os.environ['PREVIEW_POSTGRES_URL'], os.environ['PRODUCTION_URL'])"
    user = "nobody" if os.geteuid() == 0 else None
    found = ordinary_python() if user else ([sys.executable], dict(os.environ))
    if found is None:
        pytest.skip("no Python on this machine that the user nobody can run with these packages")
    python, environment = found
    done = subprocess.run(
        [*python, "-m", "rehearsal", "--postgres", kind, "--", *python, "-c", show],
        env=environment,
        user=user,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    uid, database, url = done.stdout.split()
    assert int(uid) != 0
    assert url.startswith("http://127.0.0.1:")
    directory = Path(str(psycopg.conninfo.conninfo_to_dict(database)["host"]))
    assert not directory.exists()
