"""The README's own lines lead from nothing to a true verdict, on an app that has nothing to do with this project.

The app is `tests/support/express_app/`: Express and pg on Node, other routes, another column for the name, a nested
answer. It is installed from npm; without Node or its index these tests are left out, and say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rehearsal.servers.postgres import OWNER
from tests.support.gates import GATE_LIMIT_S, ROOT, clean_environment
from tests.support.npm import install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.postgres import Postgres

APP = ROOT / "tests" / "support" / "express_app"
SECTION = re.compile(r"^## Point it at your app\n+```sh\n(.*?)```", re.MULTILINE | re.DOTALL)
OURS = ("make setup", "cd ")  # the folder and the installation are those of the test
OLD_ROUTE = """\
import { Router } from "express";
import { pool } from "../db.js";

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const makeToken = () => Array.from({ length: 8 }, () => LETTERS[Math.floor(Math.random() * 36)]).join("");

export const chatbots = Router();

chatbots.post("/chatbots", async (req, res) => {
  const { title } = req.body;
  if (!title) {
    return res.status(400).json({ error: "title is required" });
  }
  const insert = "INSERT INTO chatbots (title, public_token) VALUES ($1, $2) RETURNING id, public_token";
  const { rows } = await pool.query(insert, [title, makeToken()]);
  res.status(201).json({ chatbot: { id: rows[0].id, publicToken: rows[0].public_token } });
});
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the app needs, installed once."""
    folder = tmp_path_factory.mktemp("packages")
    shutil.copy(APP / "package.json", folder)
    return install(folder, "the README's path is not walked on an app of Express")


@pytest.fixture
def app(tmp_path: Path, packages: Path) -> Path:
    """A checkout of the app, whose folder the README's lines are typed in."""
    folder = tmp_path / "your-app"
    shutil.copytree(APP, folder)
    (folder / "node_modules").symlink_to(packages)
    return folder


@contextmanager
def serving(app: Path, database: str) -> Iterator[str]:
    """The app, on a port of its own."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": database, "PORT": "0"}
    with subprocess.Popen(["node", "server.js"], cwd=app, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            assert port.isdecimal(), "the app did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def lines_of_readme() -> list[str]:
    """What the README tells a newcomer to type, without what is ours."""
    found = SECTION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None, "the README has no such section any more"
    return [line for line in found[1].splitlines() if line.strip() and not line.startswith(OURS)]


def typed(lines: list[str], app: Path, variables: dict[str, str]) -> list[tuple[str, int, str]]:
    """Each line, its exit code and what it printed. An example's value gives way to the one that is here."""
    said = []
    environment = clean_environment(**variables, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for line in lines:
        if line.startswith("export "):
            assert set(re.findall(r"([A-Z_]+)=", line)) <= set(variables), f"{line}: nobody sets this"
            continue
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=app,
            env=environment,
            capture_output=True,
            text=True,
            timeout=GATE_LIMIT_S,
            check=False,
        )
        said.append((line.partition("#")[0].strip(), done.returncode, done.stdout + done.stderr))
    return said


def variables_of(url: str, database: str) -> dict[str, str]:
    """Preview and production: the same app, since what differs between them is not the point here."""
    return {"PREVIEW_URL": url, "PREVIEW_POSTGRES_URL": database, "PRODUCTION_URL": url, "POSTGRES_URL": database}


def prepared(postgres: Postgres, app: Path) -> str:
    """A database on which the app's migration has run."""
    name = postgres.new_name("express")
    database = postgres.create_database(name)
    postgres.run(name, [file.read_text(encoding="utf-8") for file in (app / "migrations").iterdir()], OWNER)
    return database


def test_the_readme_leads_to_a_true_yes(postgres: Postgres, app: Path) -> None:
    """Every line ends with 0, the last verdict is a release of the whole, and no row is left."""
    database = prepared(postgres, app)
    with serving(app, database) as url:
        said = typed(lines_of_readme(), app, variables_of(url, database))
    assert [(line, code) for line, code, _ in said if code] == [], said
    *_, (last, _, out) = said
    assert last == "chatbots-smoke run --env preview --env production"
    assert "verdict: PASS (exit 0: release)" in out
    verdict = json.loads((app / "reports" / "latest" / "verdict.json").read_text(encoding="utf-8"))
    assert (verdict["scope"], verdict["left_behind"]) == ("full", [])


def test_the_readme_leads_to_a_true_no(postgres: Postgres, app: Path) -> None:
    """The app as it was before the fix: the verdict is 1, and it names the generator in the app."""
    (app / "routes" / "chatbots.js").write_text(OLD_ROUTE, encoding="utf-8")
    migration = app / "migrations" / "0001_chatbots.sql"
    text = migration.read_text(encoding="utf-8")
    migration.write_text(text.replace("uuid NOT NULL DEFAULT gen_random_uuid()", "text NOT NULL"), encoding="utf-8")
    database = prepared(postgres, app)
    with serving(app, database) as url:
        said = typed(lines_of_readme(), app, variables_of(url, database))
    codes = {line: code for line, code, _ in said}
    assert codes["chatbots-smoke doctor --post"] == 0, said
    assert codes["chatbots-smoke run"] == 1, said
    *_, (_, _, out) = said
    assert "FAILED [preview, production] column_is_uuid" in out
    assert "verdict: FAIL (exit 1: roll back: the deployment is wrong)" in out
