"""The least that asks what the gate asks: its POSTs, its statements, and its rows removed. Nothing is judged or kept.

No configuration, no history on disk, no second look, no report: what is spent by pytest, requests, psycopg and servers.
DEPLOYMENTS is a JSON array of (URL, database URL); without it, both environments of a rehearsal are asked. PACKAGES are
modules that are imported besides, and not used.
"""

from __future__ import annotations

import gc
import json
import os
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Barrier
from typing import Any

import psycopg
import requests
from requests.adapters import HTTPAdapter

gc.disable()  # as a gate imports
for package in os.environ.get("PACKAGES", "").split():
    import_module(package)
gc.enable()

POSTS, BURST, TIMES = 8, 11, 10_000
COLUMN = (
    "SELECT a.atttypid::regtype::text, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a LEFT JOIN pg_attrdef d "
    "ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    "WHERE a.attrelid = 'chatbots'::regclass AND a.attname = 'public_token'"
)
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = 'chatbots'"
STORED = "SELECT count(*), count(public_token), count(DISTINCT public_token) FROM chatbots"


def _post(session: requests.Session, url: str, name: str) -> None:
    answer = session.post(f"{url}/api/chatbots", json={"name": name}, timeout=30)
    assert answer.status_code == 201


def _connect(session: requests.Session, url: str) -> None:
    """Open the connection that the session sends its first request on."""
    adapter, settings = session.get_adapter(url), session.merge_environment_settings(url, {}, None, None, None)
    assert isinstance(adapter, HTTPAdapter)
    request = requests.Request("POST", url).prepare()
    pool: Any = adapter.get_connection_with_tls_context(request, verify=settings["verify"])
    connection = pool._get_conn()
    connection.connect()
    pool._put_conn(connection)


def _ask(number: int, url: str, dsn: str) -> None:
    names = [f"bench-least-{os.getpid()}-{number}-{n}" for n in range(POSTS + BURST)]
    ready = Barrier(BURST)

    def at_once(name: str) -> None:
        with requests.Session() as session:
            _connect(session, url)
            ready.wait()
            _post(session, url, name)

    with requests.Session() as session:
        for name in names[:POSTS]:
            _post(session, url, name)
    with ThreadPoolExecutor(BURST) as pool:
        list(pool.map(at_once, names[POSTS:]))
    with psycopg.connect(dsn) as connection:
        _, default = connection.execute(COLUMN).fetchone() or ("", "NULL")
        connection.execute(INDEXES).fetchall()
        connection.execute(STORED).fetchall()
        made = f"SELECT count(DISTINCT value) FROM (SELECT {default} AS value FROM generate_series(1, {TIMES})) AS made"
        connection.execute(made.encode()).fetchall()
        removed = connection.execute("DELETE FROM chatbots WHERE name = ANY(%s)", [names])
        assert removed.rowcount == len(names)


def test_all_are_asked() -> None:
    """Side by side, as the gate does it."""
    both = [("PREVIEW_URL", "PREVIEW_POSTGRES_URL"), ("PRODUCTION_URL", "POSTGRES_URL")]
    given = os.environ.get("DEPLOYMENTS")
    deployments = json.loads(given) if given else [(os.environ[url], os.environ[dsn]) for url, dsn in both]
    with ThreadPoolExecutor(len(deployments)) as pool:
        list(pool.map(_ask, range(len(deployments)), *zip(*deployments, strict=True)))
