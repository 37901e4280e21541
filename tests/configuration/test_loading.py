"""What `environments.yaml` becomes, and what is said of environments and variables that are not there."""

from pathlib import Path

import pytest

from harness.configuration.loading import TRY_IT, load
from harness.configuration.models import Environment
from tests.support.environment_files import MINIMAL, loaded, refusal, with_keys


def test_the_contracts_defaults_hold_of_a_minimal_file(tmp_path: Path) -> None:
    """url and database are enough; everything else is as the contract says."""
    (preview,) = loaded(tmp_path, MINIMAL)
    assert (preview.name, preview.url, preview.database, preview.headers) == (
        "preview",
        "http://127.0.0.1:1",
        None,
        {},
    )
    assert (preview.posts, preview.burst, preview.cleanup, preview.login, preview.source) == (
        8,
        11,
        "database",
        None,
        None,
    )
    assert preview.ready.model_dump() == {"path": "/", "timeout_s": 60, "revision": None}
    assert preview.table.model_dump() == {"name": "chatbots", "id": "id", "label": "name", "token": "public_token"}
    assert preview.api.model_dump() == {
        "create": "/api/chatbots",
        "status": 201,
        "delete": None,
        "payload": {"name": "{name}", "require_auth": False},
        "id": "id",
        "token": "public_token",
        "timeout_s": 10,
    }


def test_the_projects_own_file_says_the_same(request: pytest.FixtureRequest) -> None:
    """The file that comes with the project loads, and its defaults are those of the models."""
    file = request.config.rootpath / "environments.yaml"
    variables = {
        "PREVIEW_URL": "https://preview.example.com",
        "PREVIEW_POSTGRES_URL": "postgres://u:p@preview.invalid/a",
        "PRODUCTION_URL": "https://example.com",
        "POSTGRES_URL": "postgres://u:p@production.invalid/a",
    }
    for environment in load(file, ["preview", "production"], environ=variables):
        bare = Environment(
            name=environment.name,
            url=environment.url,
            database=environment.database,
            protected=environment.name == "production",
        )
        assert environment == bare


def test_environments_come_in_the_order_asked_for(tmp_path: Path) -> None:
    """The order is the command line's, and a name that is given twice counts once."""
    text = "environments:\n" + "".join(f"  {name}: {{url: 'http://h', database: null}}\n" for name in "abc")
    assert [e.name for e in loaded(tmp_path, text, "c", "a", "c")] == ["c", "a"]


def test_defaults_are_merged_key_by_key(tmp_path: Path) -> None:
    """A mapping of an environment changes the keys that it names, and leaves the others of defaults."""
    text = """
defaults:
  headers: {X-A: from defaults, X-B: from defaults}
  api: {create: /v2/bots, token: data.token, payload: {name: "{name}", plan: free}}
  posts: 5
environments:
  preview:
    url: http://h/
    database: null
    headers: {X-B: own}
    api: {token: token, payload: {plan: paid}}
  other: {url: http://h, database: null}
"""
    preview, other = loaded(tmp_path, text, "preview", "other")
    assert {k: v.get_secret_value() for k, v in preview.headers.items()} == {"X-A": "from defaults", "X-B": "own"}
    assert (preview.api.create, preview.api.token, preview.posts) == ("/v2/bots", "token", 5)
    assert preview.api.payload == {"name": "{name}", "plan": "paid"}
    assert (other.api.token, other.api.payload["plan"]) == ("data.token", "free")


def test_null_replaces_what_defaults_say(tmp_path: Path) -> None:
    """Null is a value: it takes a default away."""
    text = """
defaults: {login: {path: /login, json: {}}, database: "postgres://u:p@h/d", source: /src}
environments: {preview: {url: http://h, login: null, database: null, source: null}}
"""
    (preview,) = loaded(tmp_path, text)
    assert (preview.login, preview.database, preview.source) == (None, None, None)


def test_only_environments_that_were_asked_for_are_expanded(tmp_path: Path) -> None:
    """To gate Preview nobody needs production's variables, nor a production without mistakes."""
    text = """
environments:
  preview: {url: "${PREVIEW_URL}", database: null}
  production: {url: "${PRODUCTION_URL}", database: "${POSTGRES_URL}", bursts: 1}
"""
    (preview,) = loaded(tmp_path, text, environ={"PREVIEW_URL": "http://preview.invalid"})
    assert preview.url == "http://preview.invalid"


@pytest.mark.parametrize("password", ["pa$word", "pa$$word", "$HOME", "a$(b)", "a%24b", "${", "x{name}x"])
def test_a_password_with_a_dollar_is_left_alone(tmp_path: Path, password: str) -> None:
    """Neither a value from the file nor one from a variable is expanded like a shell would."""
    url = f"postgresql://user:{password}@h/d"
    (preview,) = loaded(
        tmp_path, "environments: {preview: {url: http://h, database: '${DSN}'}}", environ={"DSN": url, "HOME": "wrong"}
    )
    assert preview.database is not None
    assert preview.database.get_secret_value() == url


def test_a_bare_dollar_in_the_file_is_left_alone(tmp_path: Path) -> None:
    """A password that is written into the file keeps its dollars too."""
    text = "environments: {preview: {url: http://h, database: 'postgres://u:a$HOME$$b@h/d'}}"
    (preview,) = loaded(tmp_path, text, environ={"HOME": "wrong"})
    assert preview.database is not None
    assert preview.database.get_secret_value() == "postgres://u:a$HOME$$b@h/d"


def test_variables_are_expanded_wherever_text_stands(tmp_path: Path) -> None:
    """Also inside lists and mappings, and a default after :- holds where the variable is unset or empty."""
    text = with_keys(
        "headers: {X-Key: 'k ${A}'}, api: {payload: {name: '{name}', tags: ['${A}', '${B:-b}', '${C:-c}']}}"
    )
    (preview,) = loaded(tmp_path, text, environ={"A": "a", "C": ""})
    assert preview.headers["X-Key"].get_secret_value() == "k a"
    assert preview.api.payload["tags"] == ["a", "b", "c"]


def test_options_win_over_the_file(tmp_path: Path) -> None:
    """--posts, --burst and --source replace what the file says; an option that is not given does not."""
    (preview,) = loaded(tmp_path, with_keys("posts: 7, burst: 8"), posts=1, burst=None, source="src")
    assert (preview.posts, preview.burst, preview.source) == (1, 8, Path("src"))


def test_the_postgres_scheme_may_be_written_in_two_ways(tmp_path: Path) -> None:
    """postgres:// and postgresql:// are one scheme, as for libpq."""
    for url in ("postgres://h/d", "postgresql://h/d", "postgresql:///d?host=/tmp"):
        assert loaded(tmp_path, f"environments: {{preview: {{url: http://h, database: '{url}'}}}}")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("previw", " (did you mean 'preview'?)"), ("Production", " (did you mean 'production'?)"), ("qa", ""), ("", "")],
)
def test_an_unknown_environment_gets_the_nearest_name(tmp_path: Path, name: str, suggestion: str) -> None:
    """The message names the file, the nearest name where one is near, and all that there are."""
    text = "environments: {preview: {}, production: {}}"
    assert refusal(tmp_path, text, name) == (
        f"FILE: there is no environment {name!r}{suggestion}. It has: preview, production."
    )


def test_an_unset_variable_is_named_with_its_place_and_remedies(tmp_path: Path) -> None:
    """File, environment, key, variable, what to set, and the rehearsal as the way to try it."""
    text = 'environments: {preview: {url: "${PREVIEW_URL}", database: null}}'
    assert refusal(tmp_path, text) == (
        "FILE: environments.preview.url: the variable PREVIEW_URL is not set. "
        "Set it (export PREVIEW_URL=...) or write ${PREVIEW_URL:-default}.\n"
        "To try the harness without a deployment: make smoke (or python -m rehearsal -- pytest)"
    )


def test_an_empty_variable_is_an_unset_one(tmp_path: Path) -> None:
    """A secret that CI does not know arrives empty; it must not become an empty URL."""
    text = 'environments: {preview: {url: "http://h", database: "${DSN}"}}'
    message = refusal(tmp_path, text, environ={"DSN": ""})
    assert "environments.preview.database: the variable DSN is set to nothing. Set it (export DSN=...)" in message
    assert message.endswith(TRY_IT)


def test_the_files_own_message_is_given(tmp_path: Path) -> None:
    """What stands after :? is said."""
    message = refusal(tmp_path, 'environments: {preview: {url: "${U:?ask in #deploys}", database: null}}')
    assert "environments.preview.url: the variable U is needed: ask in #deploys. Set it (export U=...)" in message


def test_every_missing_variable_is_named_at_once(tmp_path: Path) -> None:
    """Nobody has to run three times to learn of three variables; each is said once."""
    text = """
defaults: {headers: {Authorization: "Bearer ${KEY}"}}
environments:
  preview: {url: "${A}", database: "${B}"}
  production: {url: "${C}", database: null}
"""
    message = refusal(tmp_path, text, "preview", "production")
    assert [line.partition(" is not set")[0] for line in message.splitlines()[:-1]] == [
        "FILE: defaults.headers.Authorization: the variable KEY",
        "FILE: environments.preview.url: the variable A",
        "FILE: environments.preview.database: the variable B",
        "FILE: environments.production.url: the variable C",
    ]


def test_a_malformed_reference_is_refused_at_its_key(tmp_path: Path) -> None:
    """The three forms are shown; no variable is blamed."""
    message = refusal(tmp_path, with_keys("api: {payload: {name: '{name}', list: [a, '${A-b}']}}"))
    assert "environments.preview.api.payload.list.1: '${A-b}' is not a reference; write ${VAR}" in message
    assert "export" not in message
