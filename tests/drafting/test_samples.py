"""Drafts of whole apps in different frameworks: nothing in them is wrong, and the gate's own loader takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.configuration.loading import load
from harness.drafting.draft import KEYS
from harness.drafting.writing import text_of, variables_of
from harness.source.routes.facts import Doubt, Known
from tests.support.drafts import APPS, drafted, in_short, judged

if TYPE_CHECKING:
    from pathlib import Path

    from harness.configuration.models import Environment

# What each app leaves open: what no file of it tells, or what the reader does not understand.
OPEN = {
    "express-drizzle-session": {"ready.path"},
    "nest-typeorm": {"ready.path"},
    "next-prisma": {"login"},
    "next-supabase": {"login", "ready.path", "api.payload"},
}


@pytest.mark.parametrize("app", APPS)
def test_nothing_that_is_drafted_is_wrong(app: str) -> None:
    """Each key is right or left open; which are open is known, and so is what no file tells."""
    found = judged(app)
    assert {key for key, said in found.items() if said == "wrong"} == set()
    assert {key for key, said in found.items() if said == "open"} == OPEN.get(app, set())


@pytest.mark.parametrize("app", APPS)
def test_each_key_says_where_it_was_read(app: str) -> None:
    """As path:line of a file of the app, of which the line exists."""
    folder = APPS[app][1]
    for key, fact in drafted(app).known.items():
        for place in fact.read_from.split(", "):
            path, _, line = place.rpartition(":")
            assert int(line) <= len((folder / path).read_text(encoding="utf-8").splitlines()), (key, place)


@pytest.mark.parametrize("app", APPS)
def test_the_gate_loads_what_is_written(app: str, tmp_path: Path) -> None:
    """With the variables that it names, both environments, and each key with the value that was read."""
    preview, production = loaded_draft(app, tmp_path)
    assert not preview.protected
    assert production.protected
    for environment in (preview, production):
        document = environment.model_dump(mode="json", by_alias=True)
        for key, fact in drafted(app).known.items():
            group, _, name = key.partition(".")
            if name:
                assert document[group][name] == fact.value, key
        assert (environment.login is not None) == isinstance(drafted(app).facts.get("login"), Known)
        assert bool(environment.headers) == isinstance(drafted(app).facts.get("headers"), Known)


def loaded_draft(app: str, folder: Path) -> list[Environment]:
    """Both environments of the file that is drafted for an app."""
    draft = drafted(app)
    file = folder / "environments.yaml"
    file.write_text(text_of(draft, folder), encoding="utf-8")
    environ = dict.fromkeys(variables_of(draft), "filled-in")
    environ |= {name: "https://app.example.com" for name in environ if name in ("PREVIEW_URL", "PRODUCTION_URL")}
    environ |= {name: "postgresql://u@db.example.com/app" for name in environ if name.endswith("POSTGRES_URL")}
    return load(file, ["preview", "production"], environ=environ)


def test_a_credential_stands_in_a_variable_of_its_environment(tmp_path: Path) -> None:
    """A login's user and password, and the key of a header."""
    preview, _ = loaded_draft("express-drizzle-session", tmp_path)
    assert preview.login is not None
    assert preview.login.body.get_secret_value() == {"email": "filled-in", "password": "filled-in"}
    assert "PREVIEW_LOGIN_PASSWORD" in variables_of(drafted("express-drizzle-session"))
    assert "PRODUCTION_LOGIN_PASSWORD" in variables_of(drafted("express-drizzle-session"))
    (with_key, _) = loaded_draft("hono-kysely", tmp_path)
    assert with_key.request_headers() == {"Authorization": "Bearer filled-in"}


def test_what_is_open_says_what_to_put_there() -> None:
    """As a comment with the best guess, and why it is one."""
    text = text_of(drafted("next-supabase"), APPS["next-supabase"][1])
    assert "# payload: {name: '{name}', workspaceId: '?'}" in text
    assert "app/api/chatbots/route.ts:11 wants workspaceId" in " ".join(text.replace("#", " ").split())


def test_what_is_right_names_keys_of_the_file() -> None:
    """So that a misspelt one does not count as open."""
    for _, _, right in APPS.values():
        assert set(right) <= set(KEYS)
    assert all(in_short(key, fact) for key, fact in drafted("hono-kysely").facts.items() if not isinstance(fact, Doubt))
