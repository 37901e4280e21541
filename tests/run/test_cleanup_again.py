"""What a first clean-up could not do, a second one does: what was only announced is not taken for done."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import psycopg
from msgspec.structs import replace

from harness.run.cleanup import clean_up
from rehearsal.deployment.start import deployed
from tests.support.cleanups import cleaned, store, stored, task_of
from tests.support.clients import client_of
from tests.support.gates import run_harness, run_pytest, write_environments
from tests.support.histories import failed, ok, unanswered
from tests.support.servers import serving

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.servers import Request

API = {"delete": "/api/chatbots/{id}"}


class App:
    """A small app that keeps its chatbots in memory, and refuses to delete them as long as it is told to."""

    def __init__(self) -> None:
        self.rows: dict[int, str] = {}
        self.refuses = True
        self.deletes: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> bool:
        with self.lock:
            if request.method == "POST":
                number = len(self.rows) + 1
                self.rows[number] = json.loads(request.body)["name"]
                token = f"{number:08x}-7c35-4b8e-9d2f-6a4c8f3a1b20"
                return request.created({"id": number, "public_token": token, "name": self.rows[number]})
            if request.method == "DELETE":
                self.deletes.append(request.target)
                if self.refuses:
                    request.answer("500 Internal Server Error")
                else:
                    self.rows.pop(int(request.target.rpartition("/")[2]), None)
                    request.answer("204 No Content")
                return True
        request.answer("200 OK")
        return True


def test_rows_that_the_app_refused_to_delete_are_tried_again(tmp_path: Path) -> None:
    """Without a database the app alone knows; a later clean-up sends each DELETE again, and then no more."""
    app = App()
    with serving(app) as server:
        settings: dict[str, Any] = {
            "url": server.url,
            "database": None,
            "cleanup": "api",
            "api": API,
            "posts": 2,
            "burst": 2,
            "probes": [],
        }
        file = write_environments(tmp_path / "e.yaml", {}, preview=settings)
        run = run_pytest(tmp_path / "report", "--environments", str(file), "-k", "every_post")
        assert run.exit_code == 76, run.out
        assert len(run.verdict["left_behind"]) == 4
        command = ["cleanup", str(run.report_dir / "history.jsonl"), "--environments", str(file)]
        still = run_harness(*command)
        app.refuses = False
        done, again = run_harness(*command), run_harness(*command)
    assert (still.exit_code, done.exit_code, again.exit_code) == (76, 0, 0)
    assert "0 rows removed, 4 may be left behind" in still.out
    assert "4 rows removed, 0 may be left behind" in done.out
    assert "0 rows removed, 0 may be left behind" in again.out
    assert len(app.deletes) == 12
    assert app.rows == {}


def test_deletes_that_were_not_sent_any_more_are_no_removals(tmp_path: Path, healthy: Deployment) -> None:
    """Who is in a hurry leaves them for later, and the history does not call them removed."""
    hurry = threading.Event()
    hurry.set()
    task = task_of(healthy, tmp_path, [ok(1), ok(2)], hurry=hurry)
    task.client.environment = task.client.environment.model_copy(update={"database": None, "cleanup": "api"})
    done = clean_up(task)
    task.ledger.close()
    assert (done.removed, len(done.left)) == (0, 2)
    assert '"record":"removed"' not in (tmp_path / "history.jsonl").read_text()


def test_an_app_that_only_marks_its_rows_is_asked_once(tmp_path: Path, healthy: Deployment) -> None:
    """However long a late row is waited for, no DELETE is sent a second time; the rows are listed."""
    store(healthy, "smoke-r-1")
    task = task_of(healthy, tmp_path, [ok(1), unanswered(2)], patience_s=1.2)
    with serving(lambda request: request.answer("204 No Content")) as server:
        task.client = client_of(server.url, database=healthy.database, cleanup="api", api=API)
        done = clean_up(task)
    task.ledger.close()
    assert len(server.of("DELETE")) == 1
    assert [row.name for row in done.left] == ["smoke-r-2", "smoke-r-1"]
    assert "was answered, but its row is still stored" in done.left[1].reason


def test_a_hostile_id_is_printable(tmp_path: Path, postgres: Postgres) -> None:
    """What the database calls an id may hold anything."""
    with deployed(postgres) as deployment:
        name = deployment.database.rpartition("/")[2].partition("?")[0]
        postgres.run(
            name,
            [
                "drop table chatbots_legacy_tokens",
                "alter table chatbots alter id drop default, alter id type text using id::text",
                "create rule keeps as on delete to chatbots do instead nothing",
                "insert into chatbots (id, name) values (E'\\x1b]0;pwn\\x07\\n::error::x', 'smoke-r-1')",
            ],
        )
        done = cleaned(deployment, tmp_path, [ok(1)])
    (left,) = done.left
    assert left.id is not None
    assert left.id.isprintable()
    assert not left.id.startswith("::")


def test_thousands_of_rows_are_removed_at_once(tmp_path: Path, healthy: Deployment) -> None:
    """One statement, and not each row compared with every other."""
    attempts = [replace(ok(1), n=n, name=f"smoke-r-{n}") for n in range(5_000)]
    with psycopg.connect(healthy.database) as connection:
        names = [a.name for a in attempts]
        connection.execute("insert into chatbots (name) select unnest(%s::text[])", [names])
    assert cleaned(healthy, tmp_path, attempts).removed == 5_000
    assert stored(healthy) == []


def test_a_row_of_a_post_that_was_refused_is_listed_while_it_is_stored(tmp_path: Path, healthy: Deployment) -> None:
    """An app may answer 400 and store it all the same: what is seen in the table is no longer a guess."""
    store(healthy, "smoke-r-1")
    task = task_of(healthy, tmp_path, [failed(1, 400)])
    with serving(lambda request: request.answer("403 Forbidden")) as server:
        task.client = client_of(server.url, database=healthy.database, cleanup="api", api=API)
        done = clean_up(task)
    task.ledger.close()
    (left,) = done.left
    assert (left.name, left.id is not None) == ("smoke-r-1", True)
    assert left.reason == f"DELETE of id {left.id} answered 403"
