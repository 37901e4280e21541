"""The least that asks what the gate asks: its POSTs, its statements, and its rows removed. Nothing is judged or kept.

No configuration, no history on disk, no second look, no report: what is spent by pytest, requests, psycopg and servers.
DEPLOYMENTS is a JSON array of (URL, database URL); without it, both environments of a rehearsal are asked. What a gate
cannot do without is added one by one: PACKAGES are modules that are imported besides, and not used; CLAIMS is how many
tests each deployment has, which claim nothing; REPORTS is a folder, where each POST is written before it is sent and
after, and a report of each kind is made that says nothing.
"""

from __future__ import annotations

import gc
import json
import os
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

gc.disable()  # as a gate imports
for package in os.environ.get("PACKAGES", "").split():
    import_module(package)
gc.enable()

BOTH = (("PREVIEW_URL", "PREVIEW_POSTGRES_URL"), ("PRODUCTION_URL", "POSTGRES_URL"))
GIVEN = os.environ.get("DEPLOYMENTS")
DEPLOYMENTS = json.loads(GIVEN) if GIVEN else [(os.environ[url], os.environ[dsn]) for url, dsn in BOTH]
CLAIMS = int(os.environ.get("CLAIMS", "0"))
REPORTS = os.environ.get("REPORTS")
HISTORY = os.open(Path(REPORTS) / "history.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT) if REPORTS else -1
POSTS, BURST, TIMES = 8, 11, 10_000
COLUMN = (
    "SELECT a.atttypid::regtype::text, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a LEFT JOIN pg_attrdef d "
    "ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    "WHERE a.attrelid = 'chatbots'::regclass AND a.attname = 'public_token'"
)
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = 'chatbots'"
STORED = "SELECT count(*), count(public_token), count(DISTINCT public_token) FROM chatbots"


def _keep(what: str, name: str) -> None:
    if REPORTS:
        os.write(HISTORY, f"{json.dumps([what, name])}\n".encode())
        os.fsync(HISTORY)


def _post(session: requests.Session, url: str, name: str) -> None:
    answer = session.post(f"{url}/api/chatbots", json={"name": name}, timeout=30)
    assert answer.status_code == 201
    _keep("answered", name)


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
            _keep("sends", name)
            _post(session, url, name)
    _keep("sends", " ".join(names[POSTS:]))
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


@pytest.fixture(scope="session", autouse=True)
def asked() -> Iterator[list[None]]:
    """All deployments side by side, as the gate does it."""
    with ThreadPoolExecutor(len(DEPLOYMENTS)) as pool:
        yield list(pool.map(_ask, range(len(DEPLOYMENTS)), *zip(*DEPLOYMENTS, strict=True)))
    if REPORTS:
        _report(Path(REPORTS))


def _report(folder: Path) -> None:
    """The formats of the gate, by its packages; pytest writes its own."""
    import jinja2
    import pydantic

    check = pydantic.create_model("Check", id=(str, ...), outcome=(str, ...))
    verdict = pydantic.create_model("Verdict", checks=(list[check], ...))  # type: ignore[valid-type]
    claims = [check(id=f"{n}-{claim}", outcome="pass") for n in range(len(DEPLOYMENTS)) for claim in range(CLAIMS)]
    (folder / "verdict.json").write_text(verdict(checks=claims).model_dump_json(indent=2), encoding="utf-8")
    (folder / "summary.md").write_text("\n".join(f"- {each}" for each in claims), encoding="utf-8")
    page = jinja2.Template("<ul>{% for each in claims %}<li>{{ each }}</li>{% endfor %}</ul>", autoescape=True)
    (folder / "report.html").write_text(page.render(claims=claims), encoding="utf-8")


def test_all_are_asked(asked: list[None]) -> None:
    """The POSTs are sent and the rows are gone."""
    assert len(asked) == len(DEPLOYMENTS)


if CLAIMS:

    @pytest.mark.parametrize("deployment", range(len(DEPLOYMENTS)))
    @pytest.mark.parametrize("claim", range(CLAIMS))
    def test_claim(claim: int, deployment: int, asked: list[None]) -> None:
        """Nothing is claimed: what pytest takes for a test that is handed what was asked."""
        assert asked[deployment] is None
        assert claim < CLAIMS
