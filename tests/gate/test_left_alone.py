"""An environment of which no check is selected is left alone, whichever way the run is narrowed: the real command."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from harness.claims import ids_beside
from tests.support.gates import ROOT, entry, run_pytest, write_environments
from tests.support.servers import creating, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from tests.support.servers import Server

CLAIMS = ids_beside(ROOT / "checks", "deployment")
COLUMN = "checks/test_column_is_uuid.py"
BOTH = ["--env", "preview", "--env", "production"]
PLUGIN = """
def pytest_collection_modifyitems(config, items):
    gone = [item for item in items if "[production" in item.name]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in gone]
"""


@contextmanager
def counted() -> Iterator[tuple[Server, dict[str, Any]]]:
    """What counts every connection to a production, to its login, its pages and its database; and its entry."""
    with serving(creating) as server:
        host = server.url.removeprefix("http://")
        login = {"path": "/login", "json": {"user": "u"}}
        yield (
            server,
            {"url": server.url, "database": f"postgresql://app:secret@{host}/production", "login": login},
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "preview"],
        ["-k", "not production"],
        ["-k", "preview and column"],
        ["-k", "preview and every_post", "--revision", "5ca1ab1e"],
        ["-m", "not preflight", "-k", "preview"],
        [
            "checks/test_column_is_uuid.py",
            "--deselect",
            "checks/test_column_is_uuid.py::test_column_is_uuid[production]",
        ],
        ["-p", "deselects"],
        ["-m", "preflight", "-k", "preview and takes_writes"],
        ["-k", "preview", "--read-only"],
        ["--lf"],
        ["--lf", "--last-failed-no-failures", "none"],
    ],
    ids=" ".join,
)
def test_what_is_not_selected_is_not_touched(tmp_path: Path, healthy: Deployment, arguments: list[str]) -> None:
    """No connection is made to it; the verdict says that it was left out, and never that it may be released."""
    (tmp_path / "deselects.py").write_text(PLUGIN, encoding="utf-8")
    cache = tmp_path / "cache"
    if "--lf" in arguments:
        arguments = [*arguments, "-p", "cacheprovider", "-o", f"cache_dir={cache}"]
        (cache / "v" / "cache").mkdir(parents=True)
        failed = {"checks/test_column_is_uuid.py::test_column_is_uuid[preview]": True}
        (cache / "v" / "cache" / "lastfailed").write_text(json.dumps(failed), encoding="utf-8")
    ready = {"path": "/", "timeout_s": 20, "revision": "revision"}
    with counted() as (server, production):
        production["ready"] = ready
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, ready=ready), production=production)
        path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
        run = run_pytest(tmp_path / "report", "--environments", str(file), *BOTH, *arguments, **path)
    assert server.connections == 0, run.out
    assert run.exit_code == 0, run.out + run.err
    assert [of["name"] for of in run.verdict["environments"]] == ["preview"]
    assert {check["environment"] for check in run.verdict["checks"]} == {"preview"}
    assert any(name.endswith("[production]") for name in run.verdict["left_out"])
    assert run.verdict["scope"] == "partial"
    assert "none of production" in run.out
    assert "release" not in run.out
    history = run.report_dir / "history.jsonl"
    assert not history.exists() or "production" not in history.read_text(encoding="utf-8")


def test_each_claim_of_an_environment_that_is_left_alone_is_left_out(tmp_path: Path, healthy: Deployment) -> None:
    """By its name, in the verdict; to a reader the environment is named once."""
    with counted() as (_, production):
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy), production=production)
        run = run_pytest(tmp_path / "report", "--environments", str(file), *BOTH, "-k", "preview")
    assert run.verdict["left_out"] == [f"{claim}[production]" for claim in CLAIMS]
    assert run.verdict["coverage"]["left_out"] == len(CLAIMS)
    assert "not selected  production (nothing was sent to it)\n" in run.out
    summary = (run.report_dir / "summary.md").read_text(encoding="utf-8")
    assert "Not selected: production (nothing was sent to it)" in summary


def test_each_environment_gets_what_its_own_checks_need(tmp_path: Path, healthy_pair: list[Deployment]) -> None:
    """A check of the catalog sends no POST, although another environment's checks send theirs."""
    preview, production = healthy_pair
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(preview), production=entry(production))
    one = "(preview and every_post) or (production and column_is_uuid)"
    run = run_pytest(tmp_path / "report", "--environments", str(file), *BOTH, "-k", one)
    assert run.exit_code == 0, run.out
    assert [(of["name"], of["posts"] > 0) for of in run.verdict["environments"]] == [
        ("preview", True),
        ("production", False),
    ]
    assert {"every_post_answers_201[production]", "column_is_uuid[preview]"} <= set(run.verdict["left_out"])
    assert "none of" not in run.out


def test_nothing_selected_touches_nothing(tmp_path: Path) -> None:
    """And says so for every environment that was named."""
    with counted() as (server, production):
        file = write_environments(tmp_path / "e.yaml", {}, preview=production, production=production)
        run = run_pytest(tmp_path / "report", "--environments", str(file), *BOTH, "-k", "staging")
    assert (run.exit_code, server.connections) == (5, 0)
    assert [of["verdict"] for of in run.verdict["environments"]] == ["unknown", "unknown"]
