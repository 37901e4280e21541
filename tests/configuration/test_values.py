"""Wrong keys and values of `environments.yaml`: named with file, key and remedy, and without the value."""

from pathlib import Path
from typing import Any

import pytest

from harness.configuration.loading import TRY_IT
from tests.support.environment_files import CANARY, loaded, refusal, with_keys


@pytest.mark.parametrize(
    ("keys", "place", "nearest", "known"),
    [
        ("bursts: 1", "bursts", "burst", "url, database, headers, login, ready, api, table, source, posts, burst"),
        ("databse: x", "databse", "database", "url, database"),
        ("ready: {pth: /}", "ready.pth", "path", "path, timeout_s, revision"),
        ("api: {creat: /x}", "api.creat", "create", "create, status, delete, payload, id, token, timeout_s"),
        ("api: {timeout: 3}", "api.timeout", "timeout_s", "create, status, delete, payload, id, token, timeout_s"),
        ("table: {tokens: x}", "table.tokens", "token", "name, id, label, token"),
        ("login: {path: /l, jsn: {}}", "login.jsn", "json", "path, json"),
    ],
)
def test_an_unknown_key_gets_the_nearest_name(tmp_path: Path, keys: str, place: str, nearest: str, known: str) -> None:
    """At each level, with its full path and all keys that may stand there."""
    message = refusal(tmp_path, with_keys(keys))
    assert (
        f"FILE: environments.preview.{place}: unknown key (did you mean {nearest!r}?). Known here: {known}" in message
    )


def test_an_unknown_key_far_from_any_other_gets_the_list_only(tmp_path: Path) -> None:
    """No far-fetched suggestion."""
    message = refusal(tmp_path, with_keys("table: {zzz: 1}"))
    assert "environments.preview.table.zzz: unknown key. Known here: name, id, label, token." in message


@pytest.mark.parametrize(
    ("defaults", "want"),
    [
        ("{bursts: 1}", "FILE: defaults.bursts: unknown key (did you mean 'burst'?)."),
        ("{api: {creat: /x}}", "FILE: defaults.api.creat: unknown key (did you mean 'create'?)."),
        ("{posts: 0}", "FILE: defaults.posts: must be greater than or equal to 1."),
        ("{table: {name: 7}}", "FILE: defaults.table.name: must be text (quote it)."),
        ("{name: x}", "FILE: defaults.name: unknown key; an environment is named by its key in environments."),
    ],
)
def test_a_mistake_in_defaults_is_placed_there(tmp_path: Path, defaults: str, want: str) -> None:
    """The message points at defaults, where the mistake stands, and says so once for several environments."""
    environments = ", ".join(f"{name}: {{url: http://h, database: null}}" for name in "ab")
    text = f"defaults: {defaults}\nenvironments: {{{environments}}}"
    message = refusal(tmp_path, text, "a", "b")
    assert want in message
    assert len(message.splitlines()) == 2


@pytest.mark.parametrize(
    ("keys", "want"),
    [
        ("posts: 0", "posts: must be greater than or equal to 1."),
        ("posts: -3", "posts: must be greater than or equal to 1."),
        ("posts: many", "posts: must be a valid integer"),
        ("posts: 2.5", "posts: must be a valid integer"),
        ("posts: true", "posts: must be a number, not true or false."),
        ("posts: null", "posts: must be a valid integer"),
        ("posts: [1]", "posts: must be a valid integer"),
        ("posts: 1" + "0" * 400, "posts: must be less than or equal to 100000."),
        ("burst: 1001", "burst: must be less than or equal to 1000."),
        ("burst: -1", "burst: must be greater than or equal to 0."),
        ("burst: yes", "burst: must be a number, not true or false."),
        ("cleanup: never", "cleanup: must be 'database', 'api' or 'keep'."),
        ("cleanup: api", "preview.cleanup: api needs api.delete, such as /api/chatbots/{id}."),
        ("headers: [a]", "headers: must be a mapping."),
        ("headers: {X-A: 7}", "headers.X-A: must be text (quote it)."),
        ("headers: {'bad name': x}", "headers: 'bad name' is not a header name."),
        ("headers: {'': x}", "headers: '' is not a header name."),
        ("ready: null", "ready: must be a mapping, not null; leave it out for the defaults."),
        ("api: null", "api: must be a mapping, not null; leave it out for the defaults."),
        ("table: null", "table: must be a mapping, not null; leave it out for the defaults."),
        ("ready: /healthz", "ready: must be a mapping"),
        ("ready: {path: healthz}", "ready.path: must be a path that starts with / and holds no blanks."),
        ("ready: {path: 'http://h/'}", "ready.path: must be a path that starts with / and holds no blanks."),
        ("ready: {path: '/a b'}", "ready.path: must be a path that starts with / and holds no blanks."),
        ("ready: {timeout_s: 0}", "ready.timeout_s: must be greater than 0."),
        ("ready: {timeout_s: -1}", "ready.timeout_s: must be greater than 0."),
        ("ready: {timeout_s: .inf}", "ready.timeout_s: must be"),
        ("ready: {timeout_s: .nan}", "ready.timeout_s: must be"),
        ("ready: {timeout_s: 1000000}", "ready.timeout_s: must be less than or equal to 3600."),
        ("ready: {timeout_s: true}", "ready.timeout_s: must be a number, not true or false."),
        ("ready: {timeout_s: soon}", "ready.timeout_s: must be a valid number"),
        ("ready: {revision: a..b}", "ready.revision: must be a dotted path such as data.chatbot.id."),
        ("api: {create: api}", "api.create: must be a path that starts with / and holds no blanks."),
        ('api: {create: "/a\\r\\nb"}', "api.create: must be a path that starts with / and holds no blanks."),
        ("api: {id: ''}", "api.id: must have at least 1 character."),
        ("api: {id: .}", "api.id: must be a dotted path such as data.chatbot.id."),
        ("api: {token: 7}", "api.token: must be text (quote it)."),
        ("api: {delete: /api/chatbots}", "api.delete: must hold {id}, such as /api/chatbots/{id}."),
        ("api: {payload: [x]}", "api.payload: must be a mapping."),
        (
            "api: {payload: {name: fixed}}",
            'api.payload: must hold "{name}" in one of its values: the rows of a run are found by it.',
        ),
        (
            "api: {payload: {name: null}}",
            'api.payload: must hold "{name}" in one of its values: the rows of a run are found by it.',
        ),
        ("table: {name: ''}", "table.name: must have at least 1 character."),
        ("table: {id: null}", "table.id: must be text (quote it)."),
        ("login: /login", "login: must be a mapping"),
        ("login: {json: {}}", "login.path: is missing."),
        ("login: {path: /login}", "login.json: is missing."),
        ("source: 7", "source: must be a path, as text."),
        ("name: x", "name: unknown key; an environment is named by its key in environments."),
    ],
)
def test_a_wrong_value_is_named_with_what_may_stand_there(tmp_path: Path, keys: str, want: str) -> None:
    """Wrong types and values: the key's whole path and what is wanted, in one line and without pydantic's jargon."""
    message = refusal(tmp_path, with_keys(keys))
    first, *rest = message.splitlines()
    assert want in first
    assert first.startswith("FILE: environments.preview")
    assert rest == [TRY_IT]
    assert "Input should" not in message
    assert "Value error" not in message


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    """Several mistakes come in one message, a line each."""
    message = refusal(tmp_path, with_keys("posts: 0, burst: -1, api: {creat: /x, id: ''}"))
    assert [line.split(":")[1].strip() for line in message.splitlines()[:-1]] == [
        "environments.preview.api.id",
        "environments.preview.api.creat",
        "environments.preview.posts",
        "environments.preview.burst",
    ]


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("preview.example.com", "must be a URL such as https://preview.example.com."),
        ("//preview.example.com", "must be a URL such as https://preview.example.com."),
        ("localhost:8000", "must be a URL such as https://preview.example.com."),
        ("ftp://preview.example.com", "must be a URL such as https://preview.example.com."),
        ("file:///etc/passwd", "must be a URL such as https://preview.example.com."),
        ("http://", "must be a URL such as https://preview.example.com."),
        ("https:///path", "must be a URL such as https://preview.example.com."),
        ("http://h:port", "is not a URL"),
        ("http://h:99999", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("http://h/?a=b", "must end before any ? or #."),
        ("http://h/#top", "must end before any ? or #."),
    ],
)
def test_a_url_without_scheme_or_host_is_refused(tmp_path: Path, url: str, want: str) -> None:
    """The message shows what a URL looks like."""
    message = refusal(tmp_path, f"environments: {{preview: {{url: '{url}', database: null}}}}")
    assert message.startswith(f"FILE: environments.preview.url: {want}")


@pytest.mark.parametrize("blank", [" ", "\n", "\r\n", "\t"])
def test_a_blank_around_a_url_is_refused(tmp_path: Path, blank: str) -> None:
    """Secrets are often pasted with a line break at their end; the message asks for it and shows no value."""
    text = "environments: {preview: {url: '${URL}', database: '${DSN}'}}"
    environ = {"URL": f"http://u:{CANARY}@h{blank}", "DSN": f"postgres://u:{CANARY}@h/d{blank}"}
    message = refusal(tmp_path, text, environ=environ)
    at_its_end = "delete it at the beginning and the end of the variable"
    assert f"environments.preview.url: holds a blank or a line break; {at_its_end}" in message
    assert f"environments.preview.database: begins or ends with a blank or a line break; {at_its_end}" in message
    assert CANARY not in message


def test_a_trailing_slash_of_the_url_is_dropped(tmp_path: Path) -> None:
    """Paths begin with one of their own."""
    (preview,) = loaded(tmp_path, "environments: {preview: {url: 'https://h/base/', database: null}}")
    assert preview.url_of("/api/chatbots") == "https://h/base/api/chatbots"


def test_the_key_value_stores_url_gets_the_message_it_deserves(tmp_path: Path) -> None:
    """REPLIT_DB_URL is named as what it is, with the variable to use; its token is not shown."""
    message = refusal(
        tmp_path,
        "environments: {preview: {url: http://h, database: '${REPLIT_DB_URL}'}}",
        environ={"REPLIT_DB_URL": f"https://kv.replit.com/v0/{CANARY}"},
    )
    assert message.startswith(
        "FILE: environments.preview.database: must be a postgresql:// URL, not an http one. REPLIT_DB_URL is the "
        "address of Replit's key-value store and never Postgres: use DATABASE_URL, or the one that the app itself"
    )
    assert CANARY not in message


@pytest.mark.parametrize(
    ("url", "want"),
    [
        (f"postgresql+psycopg://u:{CANARY}@h/d", "take the driver's name out of postgresql+psycopg://"),
        (f"mysql://u:{CANARY}@h/d", "must be a URL such as postgresql://user:password@host:5432/name."),
        (f"host=h password={CANARY}", "must be a URL such as postgresql://user:password@host:5432/name."),
        (f"u:{CANARY}@h/d", "must be a URL such as postgresql://user:password@host:5432/name."),
        (CANARY, "must be a URL such as postgresql://user:password@host:5432/name."),
    ],
)
def test_a_database_of_another_scheme_is_refused(tmp_path: Path, url: str, want: str) -> None:
    """Only Postgres URLs; what was given is not repeated, since it may be a password."""
    message = refusal(tmp_path, f"environments: {{preview: {{url: http://h, database: '{url}'}}}}")
    assert want in message
    assert CANARY not in message


@pytest.mark.parametrize("path", ["/name/public", "/api/name", "//a/b/"])
def test_a_database_url_with_a_path_of_several_parts_is_refused(tmp_path: Path, path: str) -> None:
    """Postgres would look for a database of that name; the key for a schema is named."""
    message = refusal(
        tmp_path, f"environments: {{preview: {{url: http://h, database: 'postgres://u:{CANARY}@h{path}'}}}}"
    )
    assert "FILE: environments.preview.database: has a path of several parts" in message
    assert "a schema goes into table.name" in message
    assert CANARY not in message


def test_a_missing_database_is_an_error(tmp_path: Path) -> None:
    """Left out is not null: the message says how to say that there is none."""
    message = refusal(tmp_path, "environments: {preview: {url: http://h}}")
    assert message.startswith(
        "FILE: environments.preview.database: is missing (write null if there is no database that the run may read).\n"
    )


def test_a_missing_url_is_an_error(tmp_path: Path) -> None:
    """There is nothing to send POSTs to without one."""
    message = refusal(tmp_path, "environments: {preview: {database: null}}")
    assert message.startswith("FILE: environments.preview.url: is missing.\n")


@pytest.mark.parametrize(
    ("overrides", "want"),
    [
        ({"posts": 0}, "--posts: must be greater than or equal to 1."),
        ({"burst": -1}, "--burst: must be greater than or equal to 0."),
    ],
)
def test_a_wrong_option_is_blamed_on_the_option(tmp_path: Path, overrides: dict[str, Any], want: str) -> None:
    """Not on the file, whose value is right."""
    assert want in refusal(tmp_path, with_keys("posts: 3, burst: 4"), **overrides)


@pytest.mark.parametrize(
    "keys",
    [
        f"url: 'ftp://u:{CANARY}@h'",
        f"url: 'http://u:{CANARY}@h:port/'",
        f"url: 'http://u:{CANARY}/x@h'",
        f"url: 'http://u:{CANARY}@[::1/'",
        f"url: 'http://h/?token={CANARY}'",
        f"database: 'postgre://u:{CANARY}@h/d'",
        f"database: {{password: {CANARY}}}",
        f"database: [{CANARY}]",
        f'headers: {{Authorization: "Bearer {CANARY}\\r\\nX: y"}}',
        f'headers: {{Authorization: "Bearer {CANARY}\\u2603"}}',
        f"headers: {{Authorization: [{CANARY}]}}",
        f"headers: {{Authorization: {{bearer: {CANARY}}}}}",
        f"login: {{path: /l, json: [{CANARY}]}}",
        f"login: {{path: /l, json: {CANARY}}}",
        f"login: {{path: '{CANARY} /', json: {{}}}}",
        f"posts: {CANARY}",
        f"cleanup: {CANARY}",
        f"ready: {CANARY}",
        f"ready: {{timeout_s: {CANARY}}}",
        f"api: {{payload: {CANARY}}}",
    ],
)
def test_no_message_repeats_a_value(tmp_path: Path, keys: str) -> None:
    """Any value may be a secret that landed at the wrong key, so that no message shows one."""
    own = {"url": "url: http://h", "database": "database: null"}
    own.pop(keys.partition(":")[0], None)
    text = f"environments: {{preview: {{{', '.join([*own.values(), keys])}}}}}"
    message = refusal(tmp_path, text)
    assert "environments.preview" in message
    assert CANARY not in message


def test_an_environment_does_not_print_its_secrets(tmp_path: Path) -> None:
    """repr and str of the model show neither password nor header nor login."""
    text = f"""
environments:
  preview:
    url: https://u:{CANARY}@h
    database: postgres://u:{CANARY}@h/d
    headers: {{Authorization: Bearer {CANARY}}}
    login: {{path: /l, json: {{password: {CANARY}}}}}
"""
    (preview,) = loaded(tmp_path, text)
    assert CANARY not in f"{preview!r} {preview} {preview.origin} {preview.login!r} {preview.headers}"
    assert preview.request_headers()["Authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize("password", ["a/b", "a?b", "a#b", "a[b", "a@b/c", "/", "a/b@c", "a@b"])
def test_a_password_that_ends_the_authority_early_is_refused(tmp_path: Path, password: str) -> None:
    """Its rest would be taken for a host or a path, and printed as one; the remedy is to percent-encode it."""
    text = "environments: {preview: {url: http://h, database: '${DSN}'}}"
    message = refusal(tmp_path, text, environ={"DSN": f"postgres://u:{CANARY}{password}@h/d"})
    assert "environments.preview.database: cannot be parsed; percent-encode the special characters of" in message
    assert CANARY not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:a%40b@h/d",
        "postgres://u:a%2Fb@h/d",
        "postgres://u:p@[::1]:5432/d",
        "postgres://u:p@h1:1,h2:2/d?target_session_attrs=any",
        "postgres://u:p@%2Ftmp/d",
        "postgres:///d?host=/tmp&application_name=a@b",
        "postgres://u:p@h/d?application_name=a@b",
        "postgres://u@h",
        "postgres://u@h/d/",
        "postgres://u@h/a%2Fb",
    ],
)
def test_a_url_that_postgres_understands_is_taken(tmp_path: Path, url: str) -> None:
    """An @ in the parameters, or encoded, several hosts, IPv6 and sockets are fine."""
    (preview,) = loaded(tmp_path, "environments: {preview: {url: http://h, database: '${DSN}'}}", environ={"DSN": url})
    assert preview.database is not None
    assert preview.database.get_secret_value() == url
