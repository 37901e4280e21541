"""Programs that can stand in front of a deployment, where they are installed: nginx and pgbouncer.

Nothing depends on them. What needs one that is missing is left out of the catalogues, and `UNAVAILABLE` says why.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from rehearsal.servers.guard import Program
from rehearsal.servers.postgres import OWNER, Postgres, guarded, order_for_program

FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/homebrew/bin")  # often not on a user's PATH

OPTIONAL: dict[str, str] = {}  # fault or variant -> the program that it needs, installed or not
UNAVAILABLE: dict[str, str] = {}  # those that are left out -> why

NGINX = """\
daemon off;
worker_processes 1;
pid @directory@/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path @directory@/body;
    proxy_temp_path @directory@/proxy;
    fastcgi_temp_path @directory@/fastcgi;
    uwsgi_temp_path @directory@/uwsgi;
    scgi_temp_path @directory@/scgi;
    server {
        listen 127.0.0.1:@port@;
        location / {
            proxy_pass UPSTREAM;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
    }
}
"""

PGBOUNCER_SOCKET = ".s.PGSQL.6432"
PGBOUNCER = f"""\
[databases]
* = host=SERVER port=5432 user={OWNER}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = @directory@
auth_type = any
pool_mode = transaction
default_pool_size = SIZE
query_wait_timeout = 1
"""


def find_program(name: str) -> str | None:
    """Where the program is; None where it is not installed."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *FOLDERS]))


def left_out(entry: str, program: str | None) -> bool:
    """Notes what an entry of a catalogue needs; True if that is missing, so that the entry has to be left out."""
    if program is None:
        return False
    OPTIONAL[entry] = program
    if find_program(program) is not None:
        return False
    UNAVAILABLE[entry] = f"{program} is not installed"
    return True


@contextmanager
def reverse_proxy(url: str) -> Iterator[str]:
    """The URL of an nginx that passes everything on to this URL."""
    program = Program(
        command=[found("nginx"), "-e", "stderr", "-p", "@directory@", "-c", "@directory@/nginx.conf"],
        files={"nginx.conf": NGINX.replace("UPSTREAM", url)},
        up="nginx.pid",
        inherits_port=True,
    )
    with guarded(order_for_program(program), "nginx") as (answer, _):
        yield f"http://127.0.0.1:{answer['port']}"


@contextmanager
def pooler(server: Postgres, database: str, connections: int) -> Iterator[str]:
    """The DSN of a database through a pgbouncer in transaction mode, which opens that many connections at most."""
    settings = PGBOUNCER.replace("SERVER", str(server.directory)).replace("SIZE", str(connections))
    program = Program(
        command=[found("pgbouncer"), "@directory@/pgbouncer.ini"],
        files={"pgbouncer.ini": settings},
        up=PGBOUNCER_SOCKET,
        inherits_port=False,
    )
    with guarded(order_for_program(program), "pgbouncer") as (answer, _):
        host = quote(str(Path(answer["directory"])), safe="")
        yield f"postgresql://{OWNER}@/{database}?host={host}&port=6432"


def found(name: str) -> str:
    """Where the program is. What needs it has been left out where it is missing."""
    path = find_program(name)
    assert path is not None
    return path
