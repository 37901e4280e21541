"""Keys are set in `environments.yaml` and nothing else changes, however it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from harness.configuration.editing import Unwritable, with_keys, write
from tests.support.environment_files import written
from tests.support.gates import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FLOW = 'environments:\n  preview:    {url: "http://h", database: null}   # ours\n  other: {url: x}\n'
BLOCK = """\
# the file
environments:
  preview:
    url: http://h   # where it serves
    database: null
    api:
      create: /bots   # the route

  # the other one
  production:
    url: x
"""


@pytest.mark.parametrize(
    ("text", "keys", "changed"),
    [
        pytest.param(
            FLOW,
            {"api.token": "data.token"},
            {"null}   #": "null, api: {token: data.token}}   #"},
            id="into a mapping in braces",
        ),
        pytest.param(FLOW, {"url": "https://h"}, {'"http://h"': "'https://h'"}, id="a value in quotes"),
        pytest.param(
            BLOCK,
            {"api.create": "/api/bots"},
            {"create: /bots ": "create: /api/bots "},
            id="a value before a comment",
        ),
        pytest.param(
            BLOCK,
            {"api.token": "data.token"},
            {"# the route\n": "# the route\n      token: data.token\n"},
            id="after the last key of a mapping",
        ),
        pytest.param(
            BLOCK,
            {"table.name": "tenant.bots"},
            {"# the route\n": "# the route\n    table: {name: tenant.bots}\n"},
            id="a mapping of its own",
        ),
        pytest.param(
            BLOCK,
            {"api.id": "data.id", "api.status": 200},
            {"# the route\n": "# the route\n      id: data.id\n      status: 200\n"},
            id="two keys",
        ),
        pytest.param(
            BLOCK.replace("\n", "\r\n"),
            {"api.token": "t"},
            {"# the route\r\n": "# the route\r\n      token: t\r\n"},
            id="line ends of Windows",
        ),
        pytest.param(
            "environments:\n  preview:\n    url: http://h\n    database: null",
            {"api.token": "t"},
            {"database: null": "database: null\n    api: {token: t}\n"},
            id="no line end",
        ),
        pytest.param(
            "environments:\n  preview:\n    url: http://h\n    database:\n    api:\n",
            {"api.token": "t"},
            {"    api:\n": "    api: {token: t}\n"},
            id="a key without a value",
        ),
        pytest.param(
            "environments: {preview: {url: 'http://ü', database: null, api: {}}} # ü\n",
            {"api.token": "t"},
            {"{}": "{token: t}"},
            id="letters of more than one byte",
        ),
        pytest.param(
            "defaults: {api: {token: a}}\nenvironments: {preview: {url: 'http://h', database: null}}\n",
            {"api.token": "t"},
            {"database: null": "database: null, api: {token: t}"},
            id="in its own entry, whatever the defaults say",
        ),
        pytest.param(
            "environments:\n  preview:\n    url: http://h\n    waive: {}\n    database: |\n      x\n\n",
            {"posts": 3},
            {"    url:": "    posts: 3\n    url:"},
            id="before a text in lines",
        ),
        pytest.param(FLOW, {"table.name": "a: #b"}, {"null}": "null, table: {name: 'a: #b'}}"}, id="what needs quotes"),
    ],
)
def test_only_these_keys_change(text: str, keys: dict[str, str | int], changed: dict[str, str]) -> None:
    """Comments, blanks, quotes and line ends are as they were."""
    wanted = text
    for old, new in changed.items():
        assert wanted.count(old) == 1
        wanted = wanted.replace(old, new)
    assert with_keys(text, "preview", keys) == wanted
    document = yaml.safe_load(wanted)["environments"]["preview"]
    for key, value in keys.items():
        inner = document
        for part in key.split("."):
            inner = inner[part]
        assert inner == value


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        (
            "environments: {preview: {url: '${U}', database: null}}\n",
            "url",
            "url is filled by U: give that the",
        ),
        ("defaults: {url: '${U}'}\nenvironments: {preview: {database: null}}\n", "url", "url is filled by U"),
        (
            "environments:\n  base: &base {url: u, api: {id: x}}\n  preview: *base\n",
            "api.id",
            "api.id cannot be set without changing something else: set it by hand",
        ),
    ],
)
def test_what_cannot_be_set_is_said(text: str, key: str, why: str) -> None:
    """A variable is set elsewhere; what several entries share is theirs too."""
    with pytest.raises(Unwritable) as caught:
        with_keys(text, "preview", {key: "http://x"})
    assert str(caught.value).startswith(why)


def test_a_value_refers_to_no_variable() -> None:
    """What a server said is no reference of ours."""
    with pytest.raises(Unwritable):
        with_keys(FLOW, "preview", {"api.token": "${HOME}"})


def test_the_projects_own_file_keeps_its_comments() -> None:
    """One entry grows by one key."""
    own = (ROOT / "environments.yaml").read_text(encoding="utf-8")
    edited = with_keys(own, "preview", {"api.token": "data.token"})
    assert edited.replace(", api: {token: data.token}", "", 1) == own


def test_a_file_that_would_be_refused_stays_as_it_is(tmp_path: Path) -> None:
    """And nothing is left beside it; one that is right keeps its mode and its link."""
    file = written(tmp_path, FLOW)
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    with pytest.raises(Unwritable, match=r"it would be refused so: .*environments\.preview\.api\.token: must"):
        write(link, with_keys(FLOW, "preview", {"api.token": "a..b"}), ["preview"])
    assert file.read_text() == FLOW
    edited = with_keys(FLOW, "preview", {"api.token": "a.b"})
    write(link, edited, ["preview"])
    assert (file.read_text(), file.stat().st_mode & 0o777, link.is_symlink()) == (edited, 0o640, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["environments.yaml", "link.yaml"]
