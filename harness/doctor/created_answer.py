"""What the answer to one POST says of the keys that describe it: status, where id and token stand, payload, route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checkers.causes import usual_cause
from harness.checkers.wrong_keys import explained
from harness.doctor.answers import in_the_way, ok, settings_in, unknown, wrong
from harness.doctor.deployment import same_host
from harness.errors import CouldNotTell
from harness.history.problem import COULD_NOT_TELL, Problem, remedy_for
from harness.http.created import parse_json, read_created
from harness.http.elsewhere import values_of
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.configuration.models import Environment
    from harness.doctor.answers import Answer
    from harness.history.attempt import Attempt
    from harness.history.history import History
    from harness.postgres.rows import Row

POST = "post"
SHOWN_KEYS = 8  # of an answer
_DESCRIBED = (Problem.OTHER_KEY, Problem.FIELD_MISSING)


def explain(environment: Environment, history: History, rows: Sequence[Row]) -> Answer:
    """What came back of the only POST of a history, and what to write where it was not as the file says.

    Args:
        environment: that it was sent to.
        history: of it.
        rows: what it stored, as far as that was found; by these it is known for certain where id and token stand.
    """
    attempt = history.attempts[0]
    api = environment.api
    where = f"POST {environment.url_of(api.create)}"
    if attempt.outcome == "ok":
        said = f"{where} was answered {attempt.status} with {api.id} and {api.token}"
        return ok(POST, said, "api")
    is_2xx = 200 <= (attempt.status or 0) < 300
    if attempt.problem in _DESCRIBED or (attempt.problem is Problem.WRONG_STATUS and is_2xx):
        return _described_wrongly(environment, attempt, rows, where)
    if (key := explained(history, environment.table.token)) is not None:
        settings = settings_in(key.remedy)
        own = all(same_host(value, environment) for name, value in settings.items() if name == "url")
        said = key.cause.replace("every POST", where, 1)
        return wrong(POST, said, key.remedy, key.key, settings if own else {})
    if attempt.problem in COULD_NOT_TELL:
        return _kept_out(environment, attempt, where)
    cause = usual_cause([attempt], environment.table.token)
    about = next((key for key in ("api.payload", "api.timeout_s") if key in cause.remedy), "")
    return unknown(POST, f"{where}: {attempt.error}: {cause.cause}", cause.remedy, about)


def _described_wrongly(environment: Environment, attempt: Attempt, rows: Sequence[Row], where: str) -> Answer:
    """A chatbot was created, and the answer has another status, or holds id or token under other keys."""
    api, status = environment.api, attempt.status or 0
    read = read_created(status, {}, attempt.evidence.encode(), id_path=api.id, token_path=api.token, wanted=status)
    stored = _standing(environment, attempt, rows)
    settings: dict[str, str | int] = {**settings_in(read.error), **{key: path for key, (path, _) in stored.items()}}
    sure: dict[str, str | int] = {key: path for key, (path, is_sure) in stored.items() if is_sure}
    if status != api.status:
        settings = {"api.status": status, **settings}
    error = read.error.partition(": set ")[0] if read.error else f"{status}, want {api.status}"
    said = f"{where} was answered {printable(error)}"
    if settings:
        fix = "set " + ", ".join(f"{key}: {value}" for key, value in settings.items())
        if status != api.status:
            fix += " if that is right for this app; otherwise change the route"
        return wrong(POST, said, fix, next(iter(settings)), sure)
    missing = [key for key, value in (("api.id", read.id), ("api.token", read.token)) if value is None]
    fix = f"set {' and '.join(missing)} to where the answer holds it: it has {_keys_of(attempt)}"
    return wrong(POST, said, fix, missing[0] if missing else "api")


def _standing(environment: Environment, attempt: Attempt, rows: Sequence[Row]) -> dict[str, tuple[str, bool]]:
    """Where the id and the token of the row that was stored stand in the answer, if not where the file says.

    Returns:
        For each of the two keys its path, and whether it can be no other.
    """
    labels = environment.labels_for(attempt.name)
    row = next((row for row in rows if row.label in labels), None)
    if row is None:
        return {}
    values = _values(attempt)
    found = {}
    for key, path, stored in (("api.id", environment.api.id, row.id), ("api.token", environment.api.token, row.token)):
        paths = [at for at, value in values if stored is not None and _is(value, stored)]
        named = [at for at in paths if key.partition(".")[2] in at.rpartition(".")[2].lower()]
        if paths and path not in paths:
            # A small number may stand in an answer for something else than an id; a token may not.
            found[key] = ((named or paths)[0], bool(named) or (key == "api.token" and len(paths) == 1))
    return found


def _is(value: object, stored: str) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).lower() == stored.lower()


def _values(attempt: Attempt) -> list[tuple[str, object]]:
    """The values of the answer; none where it is longer than what is kept of it, or no JSON."""
    try:
        return list(values_of(parse_json(attempt.evidence.encode())))
    except ValueError:
        return []


def _keys_of(attempt: Attempt) -> str:
    keys = [path for path, value in _values(attempt) if not isinstance(value, (dict, list))]
    return ", ".join(map(printable, keys[:SHOWN_KEYS])) or "none that can be read"


def _kept_out(environment: Environment, attempt: Attempt, where: str) -> Answer:
    """What stands in front of the route answered, or nobody did."""
    problem = attempt.problem
    assert problem is not None  # it did not end ok
    key = "login" if environment.login is not None else "headers"
    refused = problem in (Problem.UNAUTHORISED, Problem.LOGIN_PAGE)
    why = CouldNotTell(f"{where}: {attempt.error}", remedy_for(problem, attempt.error), key if refused else "")
    return in_the_way(POST, why, key if problem is Problem.FORBIDDEN else "url")
