"""Typical mistakes of who sets the harness up, each with how it is made, and what is said of it.

One table: a test makes each mistake and compares what is said, and docs/troubleshooting.md is made of it. In `says` and
`write` two dots between blanks stand for what differs from case to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.servers import Request, creating

Outcome = Literal["ok", "wrong", "unknown"]
PASSWORD = "c4n4ry-pa55"  # of each URL of a database that has one: it may be said nowhere


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. `<URL>`, `<DATABASE>` and so on in what is given stand for where the right things are.

    Attributes:
        name: what is wrong, in words.
        step: of the diagnosis that it is seen in.
        says: what is said of it.
        means: what that means, for a stranger.
        write: what is said to do.
        key: the key that is named.
        outcome: of that step.
        given: keys of the environment that are not as they should be.
        environ: variables that are set.
        text: the whole file, where it is not made of `given`.
        arguments: of the command, beside the file.
        answers: how the deployment answers, where it is not the app of the rehearsal.
        sql: what is done to the database before.
        role: the role that reads the database.
        variant: of the rehearsal.
        fault: of the rehearsal, where its app is unusual in a way that is no variant.
        post: whether one POST is needed to see it (--post).
        gate: arguments of the gate, where the doctor does not come so far.
    """

    name: str
    step: str
    says: str
    means: str
    write: str
    key: str = ""
    outcome: Outcome = "wrong"
    given: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    arguments: tuple[str, ...] = ()
    answers: Callable[[Request], bool] | None = None
    sql: tuple[str, ...] = ()
    role: str = ""
    variant: str | None = None
    fault: str | None = None
    post: bool = False
    gate: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the doctor exits with where this is all that is wrong."""
        return {"ok": 0, "wrong": 4, "unknown": 75}[self.outcome]


def is_said(pattern: str, text: str) -> bool:
    """Whether a text says what a pattern of this table does."""
    return re.search(".*".join(map(re.escape, re.split(r" ?\.\. ?", pattern))), text) is not None


def at(path: str, status: str, body: str = "", *headers: str, method: str = "GET") -> Callable[[Request], bool]:
    """A deployment that answers one path so, and everything else as it should."""

    def answer(request: Request) -> bool:
        if (request.method, request.target) != (method, path):
            return creating(request)
        request.answer(status, body.encode(), *headers)
        return True

    return answer


JSON = "Content-Type: application/json"
LOGIN = {"path": "/login", "json": {"user": "smoke", "password": "wrong"}}
OWN = "<DATABASE>"


def url_of(rest: str) -> dict[str, str]:
    """A URL of a database in the variable that the file refers to."""
    return {"PREVIEW_POSTGRES_URL": rest}


FILE = (
    Mistake(
        "another name of the file",
        "file",
        "nowhere.yaml: cannot be read: No such file or directory",
        "there is no such file in this folder",
        "Name another file with --environments FILE",
        arguments=("--environments", "nowhere.yaml"),
    ),
    Mistake(
        "a tab",
        "file",
        "is not valid YAML: line 2, column 1: a tab",
        "YAML is indented with blanks; an editor has put a tab there",
        "YAML is indented with blanks only",
        text="environments:\n\tpreview: {url: 'http://h', database: null}\n",
    ),
    Mistake(
        "a brace that is not closed",
        "file",
        "is not valid YAML: line 3, column 1: did not find expected ',' or '}'",
        "the line before the one that is named has an open brace or quote",
        "correct it",
        text="environments:\n  preview: {url: 'http://h', database: null\n",
    ),
    Mistake(
        "a key twice",
        "file",
        "the key 'posts' stands here a second time",
        "the second one would silently win",
        "take one of the two out",
        text="environments:\n  preview: {url: 'http://h', database: null, posts: 1, posts: 2}\n",
    ),
    Mistake(
        "another environment",
        "file",
        "there is no environment 'previw' (did you mean 'preview'?)",
        "--env names an environment that the file does not have",
        "write preview. It has: preview",
        arguments=("--env", "previw"),
    ),
    Mistake(
        "an unknown key at the top",
        "file",
        "unknown key 'enviroments' (did you mean 'environments'?)",
        "at top level stand `defaults` and `environments` alone",
        "write environments. At top level stand defaults and environments",
        text="enviroments: {preview: {url: 'http://h', database: null}}\n",
    ),
    Mistake(
        "a misspelt key",
        "file",
        "environments.preview.cleanupp: unknown key (did you mean 'cleanup'?)",
        "a key is misspelt, or stands in the wrong mapping",
        "write cleanup. Known here: url, database, ..",
        "cleanupp",
        given={"cleanupp": "api"},
    ),
    Mistake(
        "a misspelt key in a mapping",
        "file",
        "environments.preview.api.tokn: unknown key (did you mean 'token'?)",
        "a key is misspelt, or stands in the wrong mapping",
        "write token. Known here: create, status, ..",
        "api.tokn",
        given={"api": {"tokn": "token"}},
    ),
    Mistake(
        "a wrong type",
        "file",
        "environments.preview.posts: must be a valid integer",
        "the value is of another type than the key takes",
        "correct environments.preview.posts",
        "posts",
        given={"posts": "three"},
    ),
    Mistake(
        "no url",
        "file",
        "environments.preview.url: is missing",
        "each environment needs `url` and `database`",
        "add environments.preview.url",
        "url",
        text="environments: {preview: {database: null}}\n",
    ),
    Mistake(
        "no database",
        "database url",
        "environments.preview.database: is missing",
        "`database: null` says that there is none to read; nothing says it by itself",
        "add environments.preview.database",
        "database",
        text="environments: {preview: {url: '<URL>'}}\n",
    ),
    Mistake(
        "a variable that is not set",
        "variables",
        "environments.preview.url: the variable NOWHERE_URL is not set",
        "the file refers to it, and this shell or CI job has no such variable",
        "Set it (export NOWHERE_URL=...) or write ${NOWHERE_URL:-default}",
        "url",
        given={"url": "${NOWHERE_URL}"},
    ),
    Mistake(
        "an empty variable",
        "variables",
        "environments.preview.database: the variable PREVIEW_POSTGRES_URL is set to nothing",
        "a secret that CI does not hand to this job arrives as an empty text",
        "Set it (export PREVIEW_POSTGRES_URL=...)",
        "database",
        environ={"PREVIEW_POSTGRES_URL": ""},
    ),
    Mistake(
        "a variable without its brace",
        "file",
        "environments.preview.url: a ${ is not the beginning of ${VAR}, ${VAR:-default} or ${VAR:?message}",
        "the closing brace is missing, or the name is none",
        "correct environments.preview.url",
        "url",
        given={"url": "${PREVIEW_URL"},
    ),
    Mistake(
        "a url without a scheme",
        "file",
        "environments.preview.url: must be a URL such as https://preview.example.com",
        "the scheme is missing, or the variable holds something else",
        "write it such as https://preview.example.com",
        "url",
        given={"url": "preview.example.com"},
    ),
    Mistake(
        "a url with a query",
        "file",
        "environments.preview.url: must end before any ? or #",
        "paths are appended to the url",
        "correct environments.preview.url",
        "url",
        given={"url": "https://preview.example.com/?x=1"},
    ),
    Mistake(
        "a credential in clear",
        "file",
        "environments.preview.url: authorization would be sent in clear: url is plain http, and .. is not this machine",
        "whoever is on the way could read it",
        "Use https, or reach it through a tunnel on 127.0.0.1",
        "url",
        given={"url": "http://preview.example.com", "headers": {"Authorization": "Bearer x"}},
    ),
    Mistake(
        "a payload without {name}",
        "file",
        'environments.preview.api.payload: must hold "{name}" in one of its values',
        "without a name of its own no row of a run can be told from others, or removed",
        "correct environments.preview.api.payload",
        "api.payload",
        given={"api": {"payload": {"name": "smoke"}}},
    ),
    Mistake(
        "cleanup: api without its route",
        "file",
        "environments.preview.cleanup: api needs api.delete, such as /api/chatbots/{id}",
        "the run deletes its rows through the app, and no key says by which route",
        "write it such as /api/chatbots/{id}",
        "cleanup",
        given={"cleanup": "api"},
    ),
    Mistake(
        "a claim that there is not",
        "file",
        "environments.preview.waive: there is no claim 'ids_are_distnct' (did you mean 'ids_are_distinct'?)",
        "a misspelt claim would be judged nevertheless",
        "write ids_are_distinct",
        "waive",
        given={"waive": {"ids_are_distnct": "slow"}},
    ),
    Mistake(
        "many POSTs to a protected environment",
        "file",
        "environments.preview is protected, and posts + burst is 311: more than 200 need --allow-many",
        "nobody sends so many there by mistake",
        "lower posts and burst",
        "posts",
        given={"protected": True, "posts": 300},
    ),
    Mistake(
        "no such ca_file",
        "file",
        "environments.preview.ca_file: .. nowhere.pem cannot be read: No such file or directory",
        "the path is found from the folder of the file",
        "Name a PEM file of the authorities to trust",
        "ca_file",
        given={"ca_file": "nowhere.pem"},
    ),
    Mistake(
        "no such checkout",
        "source",
        "/nowhere is not a directory",
        "`source` names a checkout of the app on this machine",
        "name a checkout of the app in `source`, or with --source",
        "source",
        given={"source": "/nowhere"},
    ),
)

_ANYWHERE = f"app:{PASSWORD}@db.example.com:5432/shop"
URL_OF_DATABASE = (
    Mistake(
        "a URL of JDBC",
        "database url",
        "environments.preview.database: is a URL of JDBC",
        "libpq reads postgresql:// alone",
        "take jdbc: out, and write user and password before the host: postgresql://user:password@host:5432/name",
        "database",
        environ=url_of(f"jdbc:postgresql://db.example.com:5432/shop?user=app&password={PASSWORD}"),
    ),
    Mistake(
        "a URL of SQLAlchemy",
        "database url",
        "environments.preview.database: must be a postgresql:// URL",
        "SQLAlchemy names its driver in the scheme; nobody else does",
        "take the driver's name out of postgresql+psycopg2://",
        "database",
        environ=url_of(f"postgresql+psycopg2://{_ANYWHERE}"),
    ),
    Mistake(
        "quotes around it",
        "database url",
        "environments.preview.database: begins with a quote that is part of the value",
        "an .env file was read by something that keeps the quotes",
        "take the quotes out",
        "database",
        environ=url_of(f'"postgresql://{_ANYWHERE}"'),
    ),
    Mistake(
        "an @ in the password",
        "database url",
        "environments.preview.database: cannot be parsed",
        "the password ends at the first @, and its rest is taken for the host",
        "percent-encode the special characters of its user and password (@ is %40)",
        "database",
        environ=url_of(f"postgresql://app:x@{_ANYWHERE.partition(':')[2]}"),
    ),
    Mistake(
        "a # in the password",
        "database url",
        "environments.preview.database: cannot be parsed",
        "the URL ends at the #",
        "percent-encode the special characters of its user and password (# is %23)",
        "database",
        environ=url_of(f"postgresql://app:x#{_ANYWHERE.partition(':')[2]}"),
    ),
    Mistake(
        "a / in the password",
        "database url",
        "environments.preview.database: cannot be parsed",
        "the host ends at the /",
        "percent-encode the special characters of its user and password (/ is %2F)",
        "database",
        environ=url_of(f"postgresql://app:x/{_ANYWHERE.partition(':')[2]}"),
    ),
    Mistake(
        "a % in the password",
        "database url",
        "environments.preview.database: cannot be parsed",
        "a % begins an escape in a URL",
        "a % of its password is %25",
        "database",
        environ=url_of(f"postgresql://app:%zz{_ANYWHERE.partition(':')[2]}"),
    ),
    Mistake(
        "an https URL",
        "database url",
        "environments.preview.database: must be a postgresql:// URL, not an http one",
        "the variable is of something else: REPLIT_DB_URL is the key-value store",
        "use DATABASE_URL, or the one that the app itself connects with",
        "database",
        environ=url_of("https://kv.replit.com/v0/x"),
    ),
    Mistake(
        "a line break at its end",
        "database url",
        "environments.preview.database: begins or ends with a blank or a line break",
        "the secret was pasted with the end of its line",
        "is there one at the end of the variable?",
        "database",
        environ=url_of(f"postgresql://{_ANYWHERE}\n"),
    ),
    Mistake(
        "a parameter of another program",
        "database url",
        "environments.preview.database: has the parameter serverTimezone=, which Postgres itself does not know",
        "libpq would refuse it; what Prisma adds (`schema`, `pgbouncer`, `connection_limit`) is understood",
        "leave it out",
        "database",
        environ=url_of(f"postgresql://{_ANYWHERE}?serverTimezone=UTC"),
    ),
    Mistake(
        "an sslmode that there is not",
        "database url",
        "environments.preview.database: has an sslmode that is none of disable, allow, prefer, require, ..",
        "the parameter is misspelt, or of another program",
        "correct environments.preview.database",
        "database",
        environ=url_of(f"postgresql://{_ANYWHERE}?sslmode=true"),
    ),
)

DEPLOYMENT = (
    Mistake(
        "a wrong port",
        "url",
        "GET <REFUSED>/: no connection: .. Connection refused",
        "nothing listens on this port of the host",
        "start the deployment, or set url to the host and port where it serves",
        "url",
        "unknown",
        given={"url": "<REFUSED>"},
    ),
    Mistake(
        "a wrong host",
        "url",
        "GET http://nowhere.invalid/: host not found",
        "the name is misspelt, or this machine's name server does not know it",
        "check the host in url, and the name server of this machine",
        "url",
        "unknown",
        given={"url": "http://nowhere.invalid"},
    ),
    Mistake(
        "https where there is no TLS",
        "url",
        "GET https://<HOST>/: this port speaks no TLS",
        "the deployment answers by plain http there",
        "set url: <URL>",
        "url",
        given={"url": "https://<HOST>"},
    ),
    Mistake(
        "http where there is TLS",
        "url",
        "GET http://<TLS HOST>/: this port speaks TLS",
        "the deployment answers by https there",
        "set url: https://<TLS HOST>",
        "url",
        given={"url": "http://<TLS HOST>"},
    ),
    Mistake(
        "a certificate that nobody vouches for",
        "url",
        "GET https://<TLS HOST>/: TLS failed: .. certificate verify failed: self-signed certificate",
        "the certificate is of an authority of your own",
        "name your own authority in ca_file",
        "ca_file",
        "unknown",
        given={"url": "https://<TLS HOST>"},
    ),
    Mistake(
        "a platform's page",
        "url",
        "was answered 404, in the deployment's place by Vercel's page of a deployment that is not there",
        "the platform knows no deployment of this name",
        "check url, and that this deployment is there and running",
        "url",
        "unknown",
        answers=at("/", "404 Not Found", "", "x-vercel-error: DEPLOYMENT_NOT_FOUND"),
    ),
    Mistake(
        "a challenge",
        "url",
        "was answered 202, in the deployment's place by a challenge of AWS WAF",
        "a firewall asks for a browser",
        "let the harness through, by its User-Agent (chatbots-smoke/..), its address, or a header that you set",
        "headers",
        "unknown",
        answers=at("/", "202 Accepted", "", "x-amzn-waf-action: challenge"),
    ),
    Mistake(
        "a ready page that is not there",
        "ready page",
        "GET <URL>/up was not ready: it answered 404",
        "the page is another one; the doctor names one that answers",
        "set ready.path: /, which answers 2xx",
        "ready.path",
        given={"ready": {"path": "/up"}},
    ),
    Mistake(
        "a ready page that is sent on",
        "ready page",
        "GET <URL>/up was not ready: it answered 308 to /up/",
        "a slash is missing; a run follows no redirect",
        "set ready.path: /up/",
        "ready.path",
        given={"ready": {"path": "/up"}},
        answers=at("/up", "308 Permanent Redirect", "", "Location: /up/"),
    ),
    Mistake(
        "http that is sent on to https",
        "ready page",
        "GET <URL>/ was not ready: it answered 301 to https://127.0.0.1/",
        "the deployment serves by https alone",
        "set url: https://127.0.0.1",
        "url",
        answers=at("/", "301 Moved Permanently", "", "Location: https://127.0.0.1/"),
    ),
    Mistake(
        "a ready page behind a login",
        "ready page",
        "<URL>/ answered 401: not authorised",
        "the page is not public, and nothing that is sent lets a run in",
        "check headers and login, or let ready.path be a public page",
        "ready.path",
        "unknown",
        answers=at("/", "401 Unauthorized"),
    ),
    Mistake(
        "a deployment that is not up yet",
        "ready page",
        "GET <URL>/ was not ready: it answered 503",
        "it starts, or is broken; --wait waits for it as a run does",
        "wait for the deployment and run again; if it is up, check url, ready.path and ready.timeout_s",
        "ready.path",
        "unknown",
        answers=at("/", "503 Service Unavailable"),
    ),
    Mistake(
        "another field of the revision",
        "revision",
        "the ready page has no commit that names a revision",
        "`--revision` could never be seen",
        "set ready.revision: revision",
        "ready.revision",
        given={"ready": {"path": "/healthz", "revision": "commit"}},
    ),
    Mistake(
        "a wrong password of the login",
        "login",
        "the login at /login answered 401",
        "the account, or its password, is another one here",
        "check user and password in login.json, and that the account still exists",
        "login.json",
        given={"login": LOGIN},
        variant="login_with_a_cookie",
    ),
    Mistake(
        "another route of the login",
        "login",
        "the login at /api/login answered 404",
        "the login is POSTed to another route",
        "set login.path to the route that the API's login POSTs to",
        "login.path",
        given={"login": {**LOGIN, "path": "/api/login"}},
    ),
    Mistake(
        "other fields of the login",
        "login",
        "the login at /login answered 422",
        "the login wants other fields",
        "check which fields the login wants in login.json, and login.path",
        "login.json",
        given={"login": LOGIN},
        answers=at("/login", "422 Unprocessable Content", method="POST"),
    ),
    Mistake(
        "a login that sets no cookie",
        "login",
        "the login at /login answered 200 but set no cookie",
        "a session is kept by a cookie; a token in the answer belongs into `headers`",
        "check login.path: is it the API's login?",
        "login.path",
        given={"login": LOGIN},
        answers=at("/login", "200 OK", "{}", method="POST"),
    ),
    Mistake(
        "a cookie for another host",
        "login",
        "the login at /login answered 200 but set a cookie for app.example.com, which is not the host of url",
        "the deployment thinks that it serves under another name",
        "set url to a host of app.example.com",
        "url",
        given={"login": LOGIN},
        answers=at("/login", "200 OK", "{}", "Set-Cookie: sid=1; Domain=app.example.com", method="POST"),
    ),
)

DATABASE = (
    Mistake(
        "a wrong port of the database",
        "connection",
        "database <REFUSED HOST>/shop: nothing listens where the database should be",
        "the port is another one, or the database does not run",
        "start the database, or check host and port in the database URL",
        "database",
        "unknown",
        environ=url_of(f"postgresql://app:{PASSWORD}@<REFUSED HOST>/shop"),
    ),
    Mistake(
        "a wrong host of the database",
        "connection",
        "database nowhere.invalid/shop: the database's host was not found",
        "the name is misspelt, or can be resolved inside the platform alone",
        "check the host in the database URL",
        "database",
        "unknown",
        environ=url_of(f"postgresql://app:{PASSWORD}@nowhere.invalid/shop"),
    ),
    Mistake(
        "a wrong password",
        "connection",
        "the database refused the user or the password",
        "the password was changed, or is another environment's",
        "set the database URL of this environment to credentials that are valid now",
        "database",
        environ=url_of("<DATABASE AS locked_out>"),
    ),
    Mistake(
        "no such database",
        "connection",
        "there is no database of that name",
        "the last part of the URL is another one",
        "check the last part of the database URL",
        "database",
        environ=url_of("<DATABASE shop_of_nobody>"),
    ),
    Mistake(
        "no such role",
        "connection",
        "there is no role of that name",
        "the user in the URL is not known there",
        "check the user in the database URL",
        "database",
        environ=url_of("<DATABASE AS nobody>"),
    ),
    Mistake(
        "another table",
        "table",
        "there is no table chatbot in this database (search_path: .. public; there is public.chatbots)",
        "the table has another name",
        "set table.name: public.chatbots; or check which database the URL names",
        "table.name",
        given={"table": {"name": "chatbot"}},
    ),
    Mistake(
        "a table in another schema",
        "table",
        "there is no table chatbots in this database (search_path: .. there is tenant.chatbots)",
        "the role does not look into that schema by itself",
        "set table.name: tenant.chatbots; or check which database the URL names",
        "table.name",
        sql=("create schema tenant authorization app", "alter table chatbots set schema tenant"),
    ),
    Mistake(
        "a schema that there is not",
        "table",
        "there is no table tenant.chatbots in this database (search_path: .. there is public.chatbots)",
        "the schema of `table.name`, or `schema=` in a URL of Prisma, is another one",
        "set table.name: public.chatbots; or check which database the URL names",
        "table.name",
        given={"table": {"name": "tenant.chatbots"}},
    ),
    Mistake(
        "an empty database",
        "table",
        "there is no table chatbots in this database (search_path: .. it has no table at all)",
        "the URL names a database that no deployment fills",
        "check table.name (schema.table where it is outside the search_path) and which database the URL names",
        "database",
        sql=("drop table chatbots cascade", "drop table if exists chatbots_legacy_tokens cascade"),
    ),
    Mistake(
        "another token column",
        "table",
        "table chatbots has no column publicToken; it has id, name, public_token, ..",
        "the column has another name in the database than in the answer",
        "set table.token: public_token",
        "table.token",
        given={"table": {"token": "publicToken"}},
    ),
    Mistake(
        "another label column",
        "table",
        "table chatbots has no column title; it has id, name, public_token, ..",
        "the name that is sent is stored in another column",
        "check table.label",
        "table.label",
        given={"table": {"label": "title"}},
    ),
    Mistake(
        "a role without SELECT",
        "rights",
        'this role may not read "public"."chatbots", and rows are found by reading it (42501)',
        "the role may connect, and not read the table",
        'GRANT SELECT ON "public"."chatbots" TO "verifier"',
        "database",
        role="verifier",
        sql=("grant pg_read_all_stats to verifier", "grant select on sequence chatbots_id_seq to verifier"),
    ),
    Mistake(
        "a role without DELETE",
        "rights",
        'this role has no DELETE on "public"."chatbots"',
        "the rows of a run could not be removed, so nothing is sent",
        'GRANT DELETE ON "public"."chatbots" TO "verifier", or run with --read-only',
        "database",
        role="verifier",
        sql=("grant select on chatbots, chatbots_id_seq to verifier", "grant pg_read_all_stats to verifier"),
    ),
    Mistake(
        "row-level security",
        "rights",
        'row-level security of "public"."chatbots" applies to this role, and hides rows from it',
        "stored tokens would look right because nobody sees the wrong ones",
        "use a role that has BYPASSRLS, or that owns the table",
        "database",
        role="verifier",
        sql=(
            "grant select, delete on chatbots to verifier",
            "grant select on chatbots_id_seq to verifier",
            "grant pg_read_all_stats to verifier",
            "alter table chatbots enable row level security",
        ),
    ),
    Mistake(
        "a sequence that may not be read",
        "id sequence",
        "this role may not read the sequence public.chatbots_id_seq",
        "one claim could not be told: that the sequence is not behind",
        'GRANT SELECT ON SEQUENCE public.chatbots_id_seq TO "verifier"',
        "database",
        role="verifier",
        sql=("grant select, delete on chatbots to verifier", "grant pg_read_all_stats to verifier"),
    ),
    Mistake(
        "statements that the role may not see",
        "app's statements",
        "the role in `database` may not see the statements of .. other sessions",
        "who makes the token could not be told",
        'use the app\'s own role, or GRANT pg_read_all_stats TO "verifier"',
        "database",
        role="verifier",
        sql=("grant select, delete on chatbots to verifier", "grant select on chatbots_id_seq to verifier"),
    ),
    Mistake(
        "a replica",
        "primary",
        "the database is a replica (pg_is_in_recovery), which lags behind and can only be read",
        "rows of a run are not there yet, or never, and cannot be removed there",
        "set database to the URL of the primary that the deployment writes to",
        "database",
        fault="reads_from_a_stale_replica",
    ),
    Mistake(
        "TLS with a server that has none",
        "connection",
        "the server speaks no TLS, and sslmode in the database URL demands it",
        "sslmode=require or stricter, and a server that offers no TLS",
        "write sslmode=disable if nobody else can read on the way to it (this machine, a tunnel)",
        "database",
        environ=url_of("<DATABASE BY TCP>?sslmode=require"),
    ),
    Mistake(
        "no database to clean up in",
        "clean-up",
        "cleanup: database, and there is no database: the rows of a run would stay",
        "`database: null` leaves nobody who could remove them",
        "set database to its URL; or set cleanup to api, and api.delete to the route that deletes one",
        "cleanup",
        given={"database": None},
    ),
    Mistake(
        "the database of another environment",
        "shared database",
        "production uses this database too",
        "right where both deployments store there; else one of the two URLs is the other's",
        "set database to its own",
        "database",
        "ok",
        given={"production": {"url": "http://127.0.0.1:1", "database": OWN}},
    ),
    Mistake(
        "the url of another environment",
        "shared url",
        "production has the same url: one deployment under several names",
        "one deployment would be verified twice, and the other one never",
        "set url to its own",
        "url",
        "ok",
        given={"production": {"url": "<URL>", "database": None}},
    ),
)


def posted(answers: Callable[[Request], bool] | None = None, **given: Any) -> dict[str, Any]:
    """A mistake that one POST shows. A deployment of a test's own has no database, and nothing to be removed."""
    own: dict[str, Any] = {"late_rows_s": 0, **given}
    if answers is not None:
        own = {"database": None, "cleanup": "keep", **own}
    return {"given": own, "answers": answers, "post": True}


def refusing_posts(status: str, body: str = "", *headers: str) -> Callable[[Request], bool]:
    """A create route that answers so."""
    return at("/api/chatbots", status, body, *headers, method="POST")


POSTS = (
    Mistake(
        "another route",
        "post",
        "POST <URL>/api/chatbot was answered 404: nothing is there",
        "the create route is another one, or the deployment has lost it",
        "set api.create to the route that creates a chatbot",
        "api.create",
        **posted(api={"create": "/api/chatbot"}),
    ),
    Mistake(
        "a route that takes no POST",
        "post",
        "POST <URL>/healthz was answered 405: what is there takes no POST",
        "the create route is another one",
        "set api.create to the route that creates a chatbot",
        "api.create",
        **posted(api={"create": "/healthz"}),
    ),
    Mistake(
        "a route that is sent on",
        "post",
        "POST <URL>/api/chatbots was answered 308: redirected to /api/chatbots/",
        "a slash is missing; a POST is not sent on",
        "set api.create: /api/chatbots/",
        "api.create",
        **posted(refusing_posts("308 Permanent Redirect", "", "Location: /api/chatbots/")),
    ),
    Mistake(
        "a field that the route wants",
        "post",
        "POST <URL>/api/chatbots was answered 400 (name is missing): the route does not take what api.payload sends",
        "the payload lacks a field, or calls it otherwise",
        "set name in api.payload as the route wants",
        "api.payload",
        **posted(api={"payload": {"title": "{name}"}}),
    ),
    Mistake(
        "a field of another type",
        "post",
        "POST <URL>/api/chatbots was answered 400 (require_auth must be true or false)",
        "the payload's field is of another type",
        "set require_auth in api.payload as the route wants",
        "api.payload",
        **posted(api={"payload": {"name": "{name}", "require_auth": "no"}}),
    ),
    Mistake(
        "another Content-Type",
        "post",
        "POST <URL>/api/chatbots was answered 415: the route does not take application/json",
        "the route wants another Content-Type",
        "set headers of this environment to the Content-Type that the route takes",
        "headers",
        **posted(refusing_posts("415 Unsupported Media Type")),
    ),
    Mistake(
        "another status",
        "post",
        "POST <URL>/api/chatbots was answered 200, want 201",
        "the app answers another 2xx; where that is its custom, it has to be said",
        "set api.status: 200 if that is right for this app",
        "api.status",
        fault="answers_200",
        **posted(),
    ),
    Mistake(
        "the token and the id within an object",
        "post",
        "POST <URL>/api/chatbots was answered 201, but id is not there, .. public_token is not there",
        "the answer wraps what it returns",
        "set api.id: data.chatbot.id, api.token: data.chatbot.publicToken",
        "api.id",
        variant="nested_camel_case_answer",
        **posted(api={"payload": {"name": "{name}", "requireAuth": False}}),
    ),
    Mistake(
        "another key of the token",
        "post",
        "POST <URL>/api/chatbots was answered 201, but publicToken is not there",
        "the answer calls the token otherwise",
        "set api.token: public_token",
        "api.token",
        **posted(api={"token": "publicToken"}),
    ),
    Mistake(
        "another key of the id",
        "post",
        "POST <URL>/api/chatbots was answered 201, but chatbotId is not there",
        "the answer calls the id otherwise",
        "set api.id: id",
        "api.id",
        **posted(api={"id": "chatbotId"}),
    ),
    Mistake(
        "an answer without the token",
        "post",
        "POST <URL>/api/chatbots was answered 201, but public_token is not there",
        "the answer does not hold the token, or not as text",
        "set api.token to where the answer holds it: it has id, name",
        "api.token",
        **posted(refusing_posts("201 Created", '{"id": 1, "name": "x"}', JSON)),
    ),
    Mistake(
        "no credentials",
        "post",
        "POST <URL>/api/chatbots: 401: the request was not authorised",
        "the route wants a bearer token, a key or a session",
        "check headers and login of this environment",
        "headers",
        variant="bearer_auth",
        **posted(),
    ),
    Mistake(
        "a CSRF token",
        "post",
        "POST <URL>/api/chatbots: 403: the request was refused (CSRF token missing)",
        "the route is for browsers",
        "check the rights of the account in headers or login, and whether the route wants a CSRF token",
        "headers",
        "unknown",
        **posted(refusing_posts("403 Forbidden", '{"error": "CSRF token missing"}', JSON)),
    ),
    Mistake(
        "a deployment that is broken",
        "post",
        "POST <URL>/api/chatbots: 500, want 201: the create route fails, or is not the one that was meant",
        "no key explains it: a run would say what is wrong with the deployment",
        "look at the deployment's log for these names",
        "",
        "unknown",
        **posted(refusing_posts("500 Internal Server Error", '{"error": "oops"}', JSON)),
    ),
    Mistake(
        "too many requests",
        "post",
        "POST <URL>/api/chatbots: 429: rate limited",
        "something counts the requests of this address",
        "wait, lower posts and burst (of a soak, its rate), or exempt the harness by its User-Agent",
        "url",
        "unknown",
        **posted(refusing_posts("429 Too Many Requests")),
    ),
    Mistake(
        "a database of another deployment",
        "its row",
        "the row of the first POST .. is not in table public.chatbots of database",
        "the deployment stores its chatbots elsewhere: this row stays there and is listed",
        "check database and table of this environment; then remove the row with chatbots-smoke cleanup ..",
        "database",
        environ=url_of("<OTHER DATABASE>"),
        **posted(),
    ),
    Mistake(
        "a column that does not hold the name",
        "its row",
        "the row of the first POST .. was found by its id and token; its name is in column name, not in title",
        "rows are told by the name that was sent, and this column holds something else",
        "set table.label: name",
        "table.label",
        sql=("alter table chatbots add column title text",),
        **posted(table={"label": "title"}),
    ),
)

REVISION = {"path": "/healthz", "timeout_s": 1, "revision": "revision"}
GATE = (
    Mistake(
        "a revision that no page names",
        "gate",
        "environments.preview.ready.revision: --revision needs to know the field of the ready page's JSON",
        "a run waits until the ready page names the revision, and does not know where",
        "such as {path: /healthz, revision: commit}",
        "ready.revision",
        gate=("--revision", "deadbeef"),
    ),
    Mistake(
        "an empty revision",
        "gate",
        "--revision: is empty",
        "the variable that the option is filled from is not set in this job",
        "is the variable set that it was to come from?",
        gate=("--revision", ""),
    ),
    Mistake(
        "a release that has not arrived",
        "gate",
        "GET <URL>/healthz was not ready within 1 s: it serves revision 5ca1ab1e.., want deadbeef",
        "the deploy has not arrived, or `ready.revision` names another field",
        "wait for the deployment and run again; if it is up, check url, ready.path and ready.timeout_s",
        "ready.path",
        "unknown",
        given={"ready": REVISION},
        gate=("--revision", "deadbeef"),
    ),
    Mistake(
        "a report folder of somebody else",
        "gate",
        "cannot be made: report is open to others and holds other files",
        "what a run writes is its owner's only",
        "chmod 700 it, or name a new one",
        gate=("-k", "answers_201"),
    ),
)

MISTAKES = {
    "The file": FILE,
    "The URL of the database": URL_OF_DATABASE,
    "The deployment": DEPLOYMENT,
    "The database": DATABASE,
    "The create route (`--post`)": POSTS,
    "The gate (the doctor does not come so far)": GATE,
}
