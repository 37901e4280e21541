"""What a run would send, in words, without sending it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any

from psycopg import sql

from harness.history.history import chosen_token
from harness.http.client import headers_of
from harness.http.readiness import FRESH_CONNECTIONS
from harness.postgres.connection import IDENTITY, begin_reading, begin_writing, located
from harness.postgres.default import evaluation_query
from harness.postgres.deletion import delete_query, find_query
from harness.postgres.rows import rows_query, sequence_query
from harness.postgres.table import FACTS, parts_of
from harness.postgres.token_scan import EXAMPLES, FROM_THE_HEAP, bits_query, hashes_query, scan_query
from harness.redaction.credentials import is_credential
from harness.redaction.redactor import MASK
from harness.run.workload import attempt_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.configuration.models import Environment, Login, Soak, Table
    from harness.redaction.redactor import Redactor

_ONE_TRANSACTION = "once, all in one transaction"
_CATALOG = "SELECT the facts about the table from the catalog"
RUN = "RUN"  # stands for the id that a run gives itself


def plan(environment: Environment, redact: Redactor, *, read_only: bool = False) -> dict[str, Any]:
    """The configuration of an environment and each request and statement of a run on it, in order, secrets masked.

    `mutates` is true where it writes: those are the POSTs and the clean-up.
    """
    names = _Configured(environment.table)
    steps = list(_requests(environment, read_only))
    if environment.database is not None:
        begin = begin_reading(environment.statement_timeout_s)
        steps += [
            {"does": does, "until": _ONE_TRANSACTION, "mutates": False} for does in _statements(names, begin, read_only)
        ]
    if not read_only:
        steps += _clean_up(environment, names)
    return {
        "environment": environment.name,
        "url": redact.url(environment.origin),
        "headers": _masked_headers(headers_of(environment, RUN), redact),
        "covers": "HTTP and database" if environment.database is not None else "HTTP only (database: null)",
        "configuration": configured(environment, redact),
        "steps": [{**step, "does": redact(step["does"])} for step in steps],
        **({} if environment.soak is None or read_only else {"soak": _soak(environment, environment.soak, redact)}),
    }


def _soak(environment: Environment, soak: Soak, redact: Redactor) -> dict[str, Any]:
    """What `python -m harness soak` would send; a run of the gate sends none of it."""
    post = (
        f"POST {environment.url_of(environment.api.create)} {json.dumps(environment.payload_for(attempt_name(RUN, 1)))}"
    )
    lasts_s = soak.attempts / soak.rate
    times = f"{soak.attempts} times in all, {soak.users} at once at most, {soak.rate:g} a second at most"
    until = f"{times}: {lasts_s:.0f} s or longer; rows are removed as above, at most 10,000 a statement"
    return {"does": redact(post), "until": until, "mutates": True}


def configured(environment: Environment, redact: Redactor) -> dict[str, Any]:
    """What `environments.yaml` comes to for an environment: defaults merged, variables expanded, secrets masked."""
    document = environment.model_dump(mode="json", by_alias=True, exclude={"name"})
    origin, credentials = redact.url(environment.origin), environment.origin != environment.url
    document["url"] = origin.replace("://", f"://{MASK}@", 1) if credentials else origin
    if environment.database is not None:
        document["database"] = f"postgresql://{MASK}@{located(environment.database)}"
    given = {name: value.get_secret_value() for name, value in environment.headers.items()}
    document["headers"] = _masked_headers(given, redact)
    if environment.login is not None:
        document["login"]["json"] = _masked_login(environment.login)
    masked: dict[str, Any] = redact.throughout(document)
    return masked


def _masked_headers(headers: Mapping[str, str], redact: Redactor) -> dict[str, str]:
    return {name: MASK if is_credential(name) else redact(value) for name, value in headers.items()}


def _masked_login(login: Login) -> dict[str, str]:
    return dict.fromkeys(login.body.get_secret_value(), MASK)


def _requests(environment: Environment, read_only: bool) -> Iterator[dict[str, Any]]:
    """From the ready page to the last question about the revision."""
    api, ready = environment.api, f"GET {environment.url_of(environment.ready.path)}"
    yield {"does": ready, "until": _until(environment), "mutates": False}
    if not read_only:
        if environment.login is not None:
            body = json.dumps(_masked_login(environment.login))
            login = f"POST {environment.url_of(environment.login.path)} {body}"
            yield {"does": login, "until": "once", "mutates": True}
        if environment.cleanup == "database" and environment.database is not None:
            looks = f"{begin_reading(environment.statement_timeout_s)}; {_CATALOG}; {IDENTITY}; ROLLBACK"
            yield {"does": looks, "until": "once: may what is stored be removed again?", "mutates": False}
        post = f"POST {environment.url_of(api.create)} "
        usual = post + json.dumps(environment.payload_for(attempt_name(RUN, 1)))
        yield {"does": usual, "until": f"{environment.posts} times, one after another", "mutates": True}
        if environment.burst:
            together = f"{environment.burst} times at once, each behind a GET that opens its connection"
            yield {"does": usual, "until": together, "mutates": True}
        for probe in environment.probes:
            token = chosen_token(attempt_name(RUN, 1)) if probe == "chosen_token" else None
            times = "once" if probe == "chosen_token" else "twice, alike to the letter"
            sent = json.dumps(environment.payload_for(attempt_name(RUN, 1), token=token))
            yield {"does": post + sent, "until": times, "mutates": True}
    if environment.ready.revision is not None:
        yield {"does": ready, "until": f"{FRESH_CONNECTIONS} times at once, each anew", "mutates": False}


def _until(environment: Environment) -> str:
    return f"until it answers 2xx, for at most {environment.ready.timeout_s:g} s"


@dataclass(frozen=True, slots=True)
class _Configured:
    """The names as the configuration has them; a run takes their spelling and the token's type from the catalog."""

    table: Table
    token_type: str = "uuid"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(*parts_of(self.table.name))

    @property
    def id_column(self) -> str:
        return self.table.id

    @property
    def label_column(self) -> str:
        return self.table.label

    @property
    def token_column(self) -> str:
        return self.table.token


def _statements(names: _Configured, begin: str, read_only: bool) -> list[str]:
    scan = scan_query(names, split=True).as_string()
    return [
        begin,
        f"{_CATALOG}: {FACTS.strip().replace('%%', '%')}",
        *([] if read_only else [rows_query(names).as_string()]),
        sequence_query(names, f"(the sequence of {names.id_column})").as_string(),
        evaluation_query("(the default of the token column)").as_string(),
        *([] if read_only else ["SELECT the INSERTs in pg_stat_statements, or else in pg_stat_activity"]),
        FROM_THE_HEAP,
        f"EXPLAIN (FORMAT JSON) {scan}",
        f"{scan}; and where it finds any, SELECT up to {EXAMPLES} offenders of each kind",
        hashes_query(names).as_string(),
        bits_query(names).as_string(),
        "ROLLBACK",
    ]


def _clean_up(environment: Environment, names: _Configured) -> list[dict[str, Any]]:
    if environment.cleanup == "keep" or (environment.cleanup == "database" and environment.database is None):
        return [{"does": f"no clean-up (cleanup: {environment.cleanup}): the rows stay", "until": "", "mutates": False}]
    when = (
        f"after the checks, READ ONLY; again for at most {environment.late_rows_s:g} s while the row of a POST without "
        "an answer may still come"
    )
    find = {"does": find_query(names).as_string(), "until": when, "mutates": False}
    if environment.cleanup == "api":
        does = f"DELETE {environment.url_of(environment.api.delete or '')}"
        delete = {"does": does, "until": "once for each row of this run, after the checks", "mutates": True}
        return [delete] if environment.database is None else [find, delete, find]
    does = f"{begin_writing(environment.statement_timeout_s)}; {delete_query(names).as_string()}; COMMIT"
    return [find, {"does": does, "until": "once for all rows that were found", "mutates": True}, find]


def _as_yaml(document: dict[str, Any]) -> str:
    import yaml  # to write one; reading one has brought it already

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return text.rstrip()


def in_words(planned: dict[str, Any]) -> str:
    """The plan as text."""
    out = [f"{planned['environment']}  {planned['url']}  ({planned['covers']})"]
    out += [
        "  configuration, defaults merged and secrets masked:",
        indent(_as_yaml(planned["configuration"]), "       "),
    ]
    out += [f"  header {name}: {value}" for name, value in planned["headers"].items()]
    for number, step in enumerate(planned["steps"], start=1):
        when = f", {step['until']}" if step["until"] else ""
        out.append(f"  {number}. {'WRITES' if step['mutates'] else 'reads'}{when}:")
        out.append(indent(step["does"], "       "))
    if "soak" in planned:
        out.append(f"  python -m harness soak, and no other command, WRITES, {planned['soak']['until']}:")
        out.append(indent(planned["soak"]["does"], "       "))
    return "\n".join(out)
