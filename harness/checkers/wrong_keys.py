"""Which key of environments.yaml explains that every POST is refused alike, and what the answers say of it.

Such an answer may be that of a deployment that is broken, and is judged so. But a wrong route or a missing field looks
just the same, so that cause and remedy name the key. What a server sent is read up to a bound, and so many answers are
compared; the others are believed to be alike.
"""

from __future__ import annotations

import json
import re
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from harness.checkers.causes import MOST_ANSWERS, MOST_READ, UNKNOWN, Cause, usual_cause
from harness.history.problem import Problem
from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.history.attempt import Attempt
    from harness.history.history import History

MOST_VALUES = 500  # of a body that are looked at
MOST_FIELDS = 5  # that are named
_LONGEST_MESSAGE = 200  # characters of what a body says
_ABOUT_FIELDS = (400, 422)
_SENT_ON = lazily(r"(.*), want \d{3}: set (.*)")  # `error` of a redirect that names what to set


class WrongKey(NamedTuple):
    """A key that explains the answers, and how."""

    key: str
    cause: str
    remedy: str


def cause_of(history: History, wrong: Sequence[Attempt], token_column: str) -> Cause:
    """What wrong answers usually mean, and what to do: what the database says, else a key, else what is usual.

    Args:
        history: all POSTs of the environment.
        wrong: those that are judged.
        token_column: as of `usual_cause`.
    """
    if not wrong:
        return UNKNOWN
    usual = usual_cause(wrong, token_column)
    key = wrong_key(history) if usual is UNKNOWN else None
    return usual if key is None else Cause(key.cause, key.remedy)


def explained(history: History, token_column: str) -> WrongKey | None:
    """The key that explains why every POST was refused alike; None where the answers tell of something else."""
    key = wrong_key(history)
    return key if key is not None and usual_cause(history.attempts, token_column) is UNKNOWN else None


def wrong_key(history: History) -> WrongKey | None:
    """The key that explains why every POST was refused with one and the same status."""
    if not len(history.attempts) or len(history.acknowledged):
        return None
    attempts = list(islice(history.attempts, MOST_ANSWERS))
    first = attempts[0]
    every = "every POST" if len(attempts) == len(history.attempts) else f"each of the first {len(attempts)} POSTs"
    if first.problem is Problem.REDIRECTED and all(a.error == first.error for a in attempts):
        return _redirected(every, first.error[:MOST_READ])
    if any((a.problem, a.status) != (Problem.WRONG_STATUS, first.status) for a in attempts):
        return None
    if first.status in (404, 405):
        what = "nothing is there" if first.status == 404 else "this route takes no POST"
        return WrongKey(
            "api.create",
            f"{every} was answered {first.status}: {what}. api.create is not the route, or the route is gone",
            "set api.create to the route that creates a chatbot; if it is, the deployment no longer has that route",
        )
    if first.status == 415:
        return WrongKey(
            "headers",
            f"{every} was answered 415: the route does not take application/json as it was sent",
            "set headers of this environment to the Content-Type that the route takes",
        )
    if first.status in _ABOUT_FIELDS:
        return _payload(every, first.status or 0, first.evidence[:MOST_READ])
    return None


def _redirected(every: str, error: str) -> WrongKey | None:
    """Where every POST was sent on to one target; `error` ends in what to set, where something is to be set."""
    found = _SENT_ON.fullmatch(error)
    if found is None:
        return None
    said, keys = found.groups()
    return WrongKey(
        keys.partition(":")[0],
        f"{every} was answered {said}. The run follows no redirect of a POST: the route expects it there",
        f"set {keys}; check first that this is your own host" if keys.startswith("url:") else f"set {keys}",
    )


def _payload(every: str, status: int, body: str) -> WrongKey:
    fields, message = refused_fields(body)
    said = f" ({message})" if message else ""
    if not fields:
        return WrongKey(
            "api.payload",
            f"{every} was answered {status}{said}: the route does not take what api.payload sends",
            "set api.payload to what the route wants; if it is right, the deployment refuses what it took before",
        )
    named = ", ".join(fields)
    return WrongKey(
        "api.payload",
        f"{every} was answered {status}{said}: the route does not take what api.payload sends for {named}",
        f"set {named} in api.payload as the route wants; if it is right, the deployment refuses what it took before",
    )


# --- what a body says of the fields that it refuses -------------------------------------------------------------------

_NAME = lazily(r"[A-Za-z_][\w$-]{0,60}(?:\.[\w$-]{1,60}){0,5}")
# Keys under which validators name one field: express-validator, FastAPI, zod, ajv, JSON:API, class-validator, ..
_OF_ONE = ("path", "loc", "param", "field", "property", "missingProperty", "instancePath", "pointer", "dataPath")
_OF_MANY = ("errors", "fieldErrors", "field_errors", "fields")  # field: what is wrong with it; zod, Rails, Laravel
_MESSAGES = ("message", "msg", "error", "detail", "title", "reason", "description", "errors")
_PLACES = frozenset({"body", "query", "data", "attributes", "json", "payload"})  # stand before a field's name
_NO_FIELDS = frozenset(
    re.findall(
        r"\w+",
        "it this that there what body request input payload validation data field fields value json error errors form"
        " message type object the a an you your property parameter key one some all unexpected missing required"
        " formerrors fielderrors status code",
    )
)
_BETWEEN = r"(?:required|a|the|field|fields|parameter|property|key|value|for)"
_VERB = r"(?:is|are|must|should|can't|cannot|may not)"
_SAYS = (
    re.compile(rf"(?i)(?:missing|required|unknown|invalid)(?: {_BETWEEN}){{0,3}}\W{{1,3}}([a-z_][\w.]{{0,60}})"),
    re.compile(rf"(?i)(?:^|[\s\"'`(:,\[])([a-z_][\w.]{{0,60}})[\"'`]? (?:field )?{_VERB}\b"),
)


def refused_fields(body: str) -> tuple[list[str], str]:
    """The fields that the body of a 400 or a 422 names, each once, and the first sentence that it says.

    Args:
        body: the start of it, which may be cut off.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        text = "" if body.lstrip().startswith("<") else body[:_LONGEST_MESSAGE]
        return _each_once(_in_words(text)), text.strip()
    values = list(_values(document))
    sentences = [text for key, text in values if isinstance(text, str) and key in _MESSAGES and " " in text.strip()]
    named = _each_once(field for key, value in values for field in _named(key, value))
    if not named and isinstance(document, dict) and document and all(map(_are_complaints, document.values())):
        named = _each_once(str(key) for key in document)  # Django REST framework
    if not named:
        named = _each_once(field for text in sentences for field in _in_words(text[:_LONGEST_MESSAGE]))
    return named, (sentences[0][:_LONGEST_MESSAGE] if sentences else "")


def _values(document: object) -> Iterator[tuple[str, object]]:
    """The values of a document with the key that each stands under, the nearest first; those of a list under its."""
    pending: deque[tuple[str, object]] = deque([("", document)])
    for _ in range(MOST_VALUES):
        if not pending:
            return
        key, value = pending.popleft()
        yield key, value
        if isinstance(value, dict):
            pending.extend((str(inner), item) for inner, item in value.items())
        elif isinstance(value, list):
            inside = "" if key in _OF_ONE else key
            pending.extend((inside if isinstance(item, str) else "", item) for item in value[:20])


def _named(key: str, value: object) -> Iterator[str]:
    if key in _OF_ONE and isinstance(value, (str, list)):
        parts = [str(part) for part in value] if isinstance(value, list) else re.split(r"[./]", value[:200])
        yield ".".join(part for part in _inside(parts))
    elif key in _OF_MANY and isinstance(value, dict):
        yield from (str(field) for field, said in value.items() if _are_complaints(said) or _says(said))


def _inside(parts: Iterable[str]) -> Iterator[str]:
    """The parts of a field's path without the places that stand before it."""
    before = True
    for part in parts:
        before = before and (part in _PLACES or not part)
        if not before:
            yield part


def _are_complaints(said: object) -> bool:
    """Whether something is a list of what a validator says of a field."""
    return isinstance(said, list) and bool(said) and all(isinstance(item, str) or _says(item) for item in said[:20])


def _says(said: object) -> bool:
    """Whether something is what a validator says of a field: a sentence, or an object that holds one."""
    if isinstance(said, dict):
        return any(isinstance(said.get(key), str) for key in ("message", "msg", "kind", "code", "errors"))
    return isinstance(said, str) and " " in said


def _in_words(text: str) -> Iterator[str]:
    for pattern in _SAYS:
        yield from (match[1].rstrip(".") for match in pattern.finditer(text))


def _each_once(fields: Iterable[str]) -> list[str]:
    """Names that may be fields, and no words of a sentence; so many are enough."""
    found: dict[str, None] = {}
    for field in fields:
        if _NAME.fullmatch(field) and field.lower() not in _NO_FIELDS:
            found[field] = None
        if len(found) == MOST_FIELDS:
            break
    return list(found)
