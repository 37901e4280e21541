"""The models of `environments.yaml`: what a deployment is, what to send to it, what to expect.

Reading the file is `harness.configuration.loading`. Defaults below are the contract's.
"""

from __future__ import annotations

import base64
import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Secret,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from harness.configuration.database_url import for_libpq, postgres_url
from harness.deferred import DeferredModel
from harness.history.attempt import Probe
from harness.patterns import lazily
from harness.redaction.credentials import credentials_of_payload, is_credential, secrets_of_path

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "{name}"
_HEADER_NAME = lazily(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2, token


class AboutKey(ValueError):
    """What is wrong with one key of a mapping, seen when the others are known."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004 (pydantic reports ValueError only)
    return value


def _absolute_path(path: str) -> str:
    if not path.startswith("/") or re.search(r"[\s\x00-\x1f\x7f]", path):
        raise ValueError("must be a path that starts with / and holds no blanks")
    return path


def _dotted(path: str) -> str:
    if not all(path.split(".")):
        raise ValueError("must be a dotted path such as data.chatbot.id")
    return path


def _http_url(url: str) -> str:
    if re.search(r"[\s\x00-\x1f\x7f]", url):  # urlsplit() takes some of them out in silence
        raise ValueError("holds a blank or a line break; delete it at the beginning and the end of the variable")
    try:
        parts = urlsplit(url)
        port_is_readable = parts.port is None or parts.port >= 0
    except ValueError:  # whose message may quote a password
        raise ValueError("is not a URL: its host or port cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_readable:
        raise ValueError("must be a URL such as https://preview.example.com")
    if parts.query or parts.fragment:
        raise ValueError("must end before any ? or #")
    return url.rstrip("/")


def _headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        if re.search(r"[\x00-\x1f\x7f]|^\s|\s$", value.get_secret_value()) or not _fits_latin_1(value):
            raise ValueError(f"the value of {name} holds a character that no header may hold")
    return headers


def _fits_latin_1(value: SecretStr) -> bool:
    try:
        value.get_secret_value().encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


PathOnServer = Annotated[str, AfterValidator(_absolute_path)]
DottedPath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_dotted)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False), BeforeValidator(_not_bool)]
Reason = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Probes = Annotated[
    list[Literal["auto", "chosen_token", "same_payload"]],
    BeforeValidator(lambda value: [value] if value == "auto" else value),
    WithJsonSchema(
        {"anyOf": [{"const": "auto"}, {"type": "array", "items": {"enum": ["chosen_token", "same_payload"]}}]}
    ),
]
SqlName = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]+$")]


class _Model(DeferredModel):
    # What stands below a key is its description in the published schema (`harness.configuration.json_schema`).
    model_config = ConfigDict(hide_input_in_errors=True)


class Login(_Model):
    """One POST per run and environment; the cookies of its answer are kept."""

    path: PathOnServer
    """The route that the login is POSTed to."""
    body: Secret[dict[str, Any]] = Field(alias="json")
    """What is POSTed to it, as JSON. The cookies of the answer go with every request after it."""


class Ready(_Model):
    """The page that says that the deployment serves, and which revision it is."""

    path: PathOnServer = "/"
    """A page that answers 2xx when the deployment serves. The run waits for it before it sends anything else."""
    timeout_s: Seconds = 60
    """How many seconds the run waits for that. An autoscaled deployment that starts cold needs up to 90."""
    revision: DottedPath | None = None
    """The dotted field of that page's JSON that names the commit. --revision needs it."""


class Api(_Model):
    """The create route, and where its answer holds the id and the token."""

    create: PathOnServer = "/api/chatbots"
    """The route that creates a chatbot. The run POSTs to it."""
    status: Annotated[int, Field(ge=200, le=299), BeforeValidator(_not_bool)] = 201
    """The status of the answer when it has stored a chatbot. Every POST must return it; another 2xx is a failure."""
    delete: PathOnServer | None = None
    """The route that deletes one chatbot, such as /api/chatbots/{id}. cleanup: api needs it."""
    payload: dict[str, Any] = Field(default_factory=lambda: {"name": NAME, "require_auth": False})
    """The JSON that a POST sends. {name} becomes smoke-<run>-<n>; at least one value must contain it."""
    id: DottedPath = "id"
    """The dotted path of the id in the answer's JSON, such as data.chatbot.id."""
    token: DottedPath = "public_token"
    """The dotted path of the token in the answer's JSON, such as data.chatbot.publicToken."""
    timeout_s: Seconds = 10
    """How many seconds a whole exchange may take, to the last byte of the answer."""

    @model_validator(mode="after")
    def _rows_can_be_told_apart(self) -> Self:
        if not _holds_name(self.payload):
            said = 'must hold "{name}" in one of its values: the rows of a run are found by it'
            raise AboutKey("payload", said)
        if self.delete is not None and "{id}" not in self.delete:
            raise AboutKey("delete", "must hold {id}, such as /api/chatbots/{id}")
        return self


class Table(_Model):
    """The table that the create route fills, and its columns. `name` may be `schema.table`."""

    name: SqlName = "chatbots"
    """The table. Write schema.table if it is outside the search_path."""
    id: SqlName = "id"
    """The column of the id."""
    label: SqlName = "name"
    """The column that stores the name that was sent. The run finds and deletes its rows by it."""
    token: SqlName = "public_token"
    """The column of the token."""


class Stored(_Model):
    """What is known of rows that were stored before the migration."""

    legacy_until: Annotated[int, BeforeValidator(_not_bool)] | None = None
    """The last id that was stored before the migration. Rows up to it need a UUID that is distinct, of any version."""


class Soak(_Model):
    """How much a soak sends, which is nothing where this is not set."""

    attempts: Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_not_bool)]
    """How many POSTs a soak sends at most, all workers together."""
    users: Annotated[int, Field(ge=1, le=1_000), BeforeValidator(_not_bool)]
    """How many POSTs are under way at the same moment, all workers together."""
    rate: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False), BeforeValidator(_not_bool)]
    """How many POSTs a second on average, all workers together."""


class Watch(_Model):
    """How a rollout is watched: POSTs at a low rate, while it happens."""

    rate: Annotated[float, Field(gt=0, le=50, allow_inf_nan=False), BeforeValidator(_not_bool)] = 2
    """How many POSTs a second a watch of a rollout sends."""
    attempts: Annotated[int, Field(ge=1, le=100_000), BeforeValidator(_not_bool)] = 2_000
    """How many POSTs a watch sends at most."""
    outage_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False), BeforeValidator(_not_bool)] | None = None
    """For how many seconds POSTs may fail during the rollout. null: the run reports it, and fails nothing."""
    latency_p95_ms: Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_not_bool)] | None = None
    """The budget of the 95th percentile of the POSTs before, during and after the rollout, each by itself, in
    milliseconds. null: the run reports them, and fails nothing."""


class Environment(_Model):
    """A named deployment. `name` is its key in the file."""

    name: str
    url: Annotated[str, AfterValidator(_http_url)] = Field(repr=False)  # may hold a password; print `origin`
    """Where the deployment serves. A user and a password (https://user:password@host) become Basic authentication."""
    database: Annotated[SecretStr, AfterValidator(postgres_url)] | None
    """The postgresql:// URL of its database. null: there is none to read, and claims about it are waived. Of Prisma's
    parameters `schema` qualifies the table; the others are ignored."""
    headers: Annotated[dict[str, SecretStr], AfterValidator(_headers)] = Field(default_factory=dict)
    """Headers that are sent with every request."""
    login: Login | None = None
    """One POST before the others; the cookies of its answer are kept."""
    ready: Ready = Field(default_factory=Ready)
    """The page that says that it serves."""
    api: Api = Field(default_factory=Api)
    """The create route, what is sent to it and where its answer holds id and token."""
    table: Table = Field(default_factory=Table)
    """The table that the create route fills, and its columns."""
    source: Path | None = None
    """A checkout of the app, whose source is checked as well. A relative path starts at the current directory."""
    posts: Annotated[int, Field(ge=1, le=100_000), BeforeValidator(_not_bool)] = 8
    """How many POSTs go one after another, up to eight on one connection: a stale plan fails from the fifth on."""
    burst: Annotated[int, Field(ge=0, le=1_000), BeforeValidator(_not_bool)] = 11  # each has a thread of its own
    """How many POSTs are sent at the same moment, each on a connection that is open before, as far as the server
    takes so many."""
    cleanup: Literal["database", "api", "keep"] = "database"
    """How the rows are deleted. database: by SQL. api: through api.delete. keep: not at all; the run exits with 76."""
    late_rows_s: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False), BeforeValidator(_not_bool)] = 10
    """How many seconds clean-up waits for the row of a POST that was not acknowledged."""
    statement_timeout_s: Seconds = 60
    """How many seconds one statement may take, such as the scan of all stored tokens. All together: four times that."""
    protected: bool = False
    """true: more than 200 POSTs need --allow-many, probes: auto sends none, and nothing is sent without a database."""
    latency_p95_ms: Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_not_bool)] | None = None
    """The budget of the 95th percentile of the POSTs, in milliseconds. It adds a claim; null adds none."""
    ca_file: Path | None = None
    """A PEM file of your own certificate authorities, instead of the public ones; relative to this file."""
    probes: Probes = Field(default=["auto"])
    """POSTs that test something else. chosen_token: one that brings a token. same_payload: two that are equal.
    auto: both, or none if the environment is protected."""
    waive: dict[str, Reason] = Field(default_factory=dict)
    """Claims that are not checked here, each with a reason. The report shows them as waived, with the reason."""
    stored: Stored = Field(default_factory=Stored)
    """Which rows are of before the migration."""
    soak: Soak | None = None
    """What `chatbots-smoke soak` may send here. null: nothing."""
    watch: Watch | None = None
    """What `chatbots-smoke watch` may send here. null: 2 POSTs a second, and nothing if it is protected."""

    @model_validator(mode="before")
    @classmethod
    def _prismas_parameters_are_understood(cls, given: Any) -> Any:
        """`schema` of the database's URL qualifies the table; what Prisma alone reads besides is left out."""
        if not isinstance(given, dict) or not isinstance(given.get("database"), str):
            return given
        database, schema = for_libpq(given["database"])
        table = given.get("table", {})
        if schema and isinstance(table, dict):
            name = table.get("name", Table.model_fields["name"].default)
            if isinstance(name, str) and "." not in name:
                table = {**table, "name": f"{schema}.{name}"}
        return {**given, "database": database, **({"table": table} if table else {})}

    @model_validator(mode="after")
    def _cleanup_is_possible(self) -> Self:
        if self.cleanup == "api" and self.api.delete is None:
            raise AboutKey("cleanup", "api needs api.delete, such as /api/chatbots/{id}")
        return self

    @model_validator(mode="after")
    def _credentials_stay_secret(self) -> Self:
        parts = urlsplit(self.url)
        sent = [*credentials_sent(self)]
        if parts.scheme == "http" and sent and not is_loopback(parts.hostname or ""):
            raise AboutKey(
                "url",
                f"{', '.join(sent)} would be sent in clear: url is plain http, and {parts.hostname} is not this "
                "machine. Use https, or reach it through a tunnel on 127.0.0.1",
            )
        return self

    @property
    def probes_sent(self) -> list[Probe]:
        """The probes that are sent, `auto` decided."""
        every: tuple[Probe, ...] = ("chosen_token", "same_payload")
        asked = () if "auto" in self.probes and self.protected else every if "auto" in self.probes else self.probes
        return [probe for probe in every if probe in asked]

    @property
    def origin(self) -> str:
        """The URL without user and password: what may be printed, and what requests are built on."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def url_of(self, path: str) -> str:
        """The absolute URL of a path of this deployment."""
        return self.origin + path

    def request_headers(self) -> dict[str, str]:
        """The configured headers in clear; a user and password in the URL become Basic credentials (RFC 7617)."""
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        user_and_password, at, _ = urlsplit(self.url).netloc.rpartition("@")
        if at and not any(name.lower() == "authorization" for name in headers):
            headers["Authorization"] = "Basic " + base64.b64encode(unquote(user_and_password).encode()).decode()
        return headers

    def payload_for(self, name: str, *, token: str | None = None) -> Any:
        """The JSON value that one POST sends.

        Args:
            name: what stands for {name}.
            token: a token to choose, by each name that it may have, wherever a chatbot's name is sent.
        """
        chosen = {} if token is None else dict.fromkeys((self.api.token.rpartition(".")[2], self.table.token), token)
        return _with_name(self.api.payload, name, chosen)

    def labels_for(self, name: str) -> list[str]:
        """What the label column may hold for this name: each string of the payload that carries it, and the name."""
        carried = [text.replace(NAME, name) for text in _strings(self.api.payload) if NAME in text]
        return list(dict.fromkeys([*carried, name]))


def credentials_sent(environment: Environment) -> Iterator[str]:
    """The names of what carries a credential to the deployment: headers, and keys of the configuration."""
    yield from filter(is_credential, environment.request_headers())
    if environment.login is not None:
        yield "login"
    paths = {"ready.path": environment.ready.path, "api.create": environment.api.create}
    paths["api.delete"] = environment.api.delete or ""
    yield from (key for key, path in paths.items() if any(secrets_of_path(path)))
    if any(credentials_of_payload(environment.api.payload)):
        yield "api.payload"


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine (RFC 6761 section 6.3; RFC 6890 sections 2.2.2 and 2.2.3)."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return []


def _holds_name(value: object) -> bool:
    return any(NAME in text for text in _strings(value))


def _with_name(value: Any, name: str, beside: dict[str, str]) -> Any:
    """The value with the name in its place; objects that hold it, themselves or in a list, hold `beside` too."""
    if isinstance(value, str):
        return value.replace(NAME, name)
    if isinstance(value, dict):
        named = {key: _with_name(item, name, beside) for key, item in value.items()}
        return {**named, **beside} if any(map(_names, value.values())) else named
    if isinstance(value, list):
        return [_with_name(item, name, beside) for item in value]
    return value


def _names(value: object) -> bool:
    """Whether a value is, or lists, texts of which one holds the name."""
    if isinstance(value, list):
        return any(map(_names, value))
    return isinstance(value, str) and NAME in value
