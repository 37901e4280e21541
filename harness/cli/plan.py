"""`chatbots-smoke plan`: what a run would send, in words, without sending it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

from psycopg import sql

from harness.claims import claims
from harness.cli.plan_in_short import counted, in_short
from harness.cli.redaction import redactor_of
from harness.configuration.loading import demand_few, load
from harness.history.attempt import attempt_name
from harness.http.client import headers_of
from harness.postgres.connection import begin_reading, begin_writing, located
from harness.postgres.deletion import delete_query, find_query
from harness.postgres.table import parts_of
from harness.redaction.credentials import is_credential
from harness.redaction.redactor import MASK
from harness.report.verdict import ExitCode
from harness.run.evidence import BY_NAME, HISTORY, KINDS, ONE_TRANSACTION, all_needed, in_order
from harness.run.gathering import Phase, Planned, Step
from harness.run.known_claims import demand_known_claims
from harness.run.posting import RUN, SESSIONS_STAY, masked_login
from harness.run.pytest_process import CHECKS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.configuration.models import Environment, Soak, Table, Watch
    from harness.redaction.redactor import Redactor
    from harness.run.gathering import Evidence


def run(options: argparse.Namespace) -> int:
    """Print what a run would send, counted or with --sql in full; sends nothing. Returns the exit code."""
    environments = load(
        Path(options.environments),
        options.env or ["preview"],
        overrides={"posts": options.posts, "burst": options.burst},
    )
    demand_known_claims(environments, Path(options.environments))
    if not options.read_only and not options.allow_many:
        demand_few(environments, Path(options.environments))
    redact = redactor_of(options, environments)
    planned = [plan(environment, redact, read_only=options.read_only) for environment in environments]
    if options.json:
        print(json.dumps(planned, indent=2))
    elif options.sql:
        print("\n\n".join(map(in_words, planned)))
    else:
        print("\n\n".join(map(in_short, planned)))
        print("\n--sql shows each request and statement, and the configuration with its defaults. Nothing was sent.")
    return ExitCode.RELEASE


def plan(environment: Environment, redact: Redactor, *, read_only: bool = False) -> dict[str, Any]:
    """The configuration of an environment and each request and statement of a run on it, in order, secrets masked.

    `mutates` is true where it writes: those are the POSTs and the clean-up.
    """
    planned = Planned(environment, _Configured(environment.table))
    asked = _asked(environment, read_only=read_only)
    steps = [*_gathering(planned, asked), *(_clean_up(planned) if HISTORY in asked else ())]
    return {
        "environment": environment.name,
        "url": redact.url(environment.origin),
        "headers": _masked_headers(headers_of(environment, RUN), redact),
        "covers": "HTTP and database" if environment.database is not None else "HTTP only (database: null)",
        "summary": counted(environment, steps),
        "notes": [SESSIONS_STAY] if environment.login is not None and HISTORY in asked else [],
        "configuration": configured(environment, redact),
        "steps": [{**step._asdict(), "does": redact(step.does)} for step in steps],
        **({} if environment.soak is None or read_only else {"soak": _soak(environment, environment.soak, redact)}),
        **({} if environment.watch is None or read_only else {"watch": _watch(environment, environment.watch, redact)}),
    }


def _soak(environment: Environment, soak: Soak, redact: Redactor) -> dict[str, Any]:
    """What `chatbots-smoke soak` would send; a run of the gate sends none of it."""
    post = (
        f"POST {environment.url_of(environment.api.create)} {json.dumps(environment.payload_for(attempt_name(RUN, 1)))}"
    )
    lasts_s = soak.attempts / soak.rate
    times = f"{soak.attempts} times in all, {soak.users} at once at most, {soak.rate:g} a second at most"
    until = f"{times}: {lasts_s:.0f} s or longer; rows are removed as above, at most 10,000 a statement"
    return {"does": redact(post), "until": until, "mutates": True}


def _watch(environment: Environment, watch: Watch, redact: Redactor) -> dict[str, Any]:
    """What `chatbots-smoke watch` would send; a run of the gate sends none of it."""
    post = (
        f"POST {environment.url_of(environment.api.create)} {json.dumps(environment.payload_for(attempt_name(RUN, 1)))}"
    )
    until = (
        f"{watch.rate:g} a second, {watch.attempts} times at most; beside them, once a second, one statement on the "
        "catalog (READ ONLY) and a GET of the ready page; then the steps above"
    )
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
        document["login"]["json"] = masked_login(environment.login)
    masked: dict[str, Any] = redact.throughout(document)
    return masked


def _masked_headers(headers: Mapping[str, str], redact: Redactor) -> dict[str, str]:
    return {name: MASK if is_credential(name) else redact(value) for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class _Configured:
    """The names as the configuration has them; a run takes their spelling and types from the catalog."""

    table: Table
    id_type: str = "integer"
    label_type: str = "text"
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


def _asked(environment: Environment, *, read_only: bool) -> list[Evidence[object]]:
    """What a run of all checks gathers of an environment, in order: nothing for the claims alone that it waives."""
    kinds: Iterable[Evidence[object]] = KINDS
    if environment.waive:
        judged = (claim for claim in claims(CHECKS) if claim.id not in environment.waive)
        kinds = all_needed({BY_NAME[name] for claim in judged for name in claim.asks if name in BY_NAME})
    return [kind for kind in in_order(kinds) if not (read_only and HISTORY in all_needed([kind]))]


def _gathering(planned: Planned, asked: Sequence[Evidence[object]]) -> Iterator[Step]:
    """What the run itself asks, from the ready page to the last statement of its transaction."""
    for kind in asked:
        if kind.phase in (Phase.READY, Phase.POSTS, Phase.SERVED):
            yield from _explained(kind, planned)
    if planned.environment.database is not None and any(kind.phase in (Phase.DATABASE, Phase.SCAN) for kind in asked):
        yield Step(begin_reading(planned.environment.statement_timeout_s), ONE_TRANSACTION)
        for kind in asked:
            if kind.phase in (Phase.DATABASE, Phase.SCAN):
                yield from _explained(kind, planned)
        yield Step("ROLLBACK", ONE_TRANSACTION)


def _explained(kind: Evidence[object], planned: Planned) -> Iterator[Step]:
    """The steps of a kind of evidence; what one is for is what the kind is, unless it says so itself."""
    purpose = kind.says[:1].lower() + kind.says[1:].removesuffix(".").partition(";")[0]
    for step in kind.explain(planned):
        yield step if step.purpose else step._replace(purpose=purpose)


def _clean_up(planned: Planned) -> list[Step]:
    environment, names = planned.environment, planned.names
    if environment.cleanup == "keep" or (environment.cleanup == "database" and environment.database is None):
        return [Step(f"no clean-up (cleanup: {environment.cleanup}): the rows stay", "")]
    when = (
        f"after the checks, READ ONLY; again for at most {environment.late_rows_s:g} s while the row of a POST that "
        "was not acknowledged may still come"
    )
    find = Step(find_query(names).as_string(), when, purpose="which rows of this run are stored?")
    purpose = "the rows of this run, by id and name"
    if environment.cleanup == "api":
        does = f"DELETE {environment.url_of(environment.api.delete or '')}"
        delete = Step(does, "once for each row of this run, after the checks", mutates=True, purpose=purpose)
        return [delete] if environment.database is None else [find, delete, find]
    does = f"{begin_writing(environment.statement_timeout_s)}; {delete_query(names).as_string()}; COMMIT"
    return [find, Step(does, "once for all rows that were found", mutates=True, purpose=purpose), find]


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
    for command in ("soak", "watch"):
        if command in planned:
            out.append(f"  chatbots-smoke {command}, and no other command, WRITES, {planned[command]['until']}:")
            out.append(indent(planned[command]["does"], "       "))
    return "\n".join(out)
