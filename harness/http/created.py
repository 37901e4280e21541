"""Reads one HTTP answer to a create request: is it what was asked for, wrong, or no statement at all?

Pure: an answer in, a reading out. The hostile cases (RFC 8259 and beyond) end as readings too, never as exceptions.
"""

from __future__ import annotations

import json
import re
import threading
from html import unescape
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.history.in_front import sign_of
from harness.history.problem import Problem
from harness.http.elsewhere import found_elsewhere
from harness.http.redirects import keys_that_follow
from harness.patterns import lazily
from harness.text import is_blank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Patterns are compiled when an answer is first not as asked: most runs see none.
_LOGIN_PATH = r"(?i)[/._-](log[-_]?in|sign[-_]?in|sso|saml|oauth2?|authorize|auth|session/new)\b"
_PASSWORD_FIELD = r"(?i)<input[^<>]+type\s*=\s*[\"']?password"
_LOGIN_WORDS = r"(?i)\b(log ?in|sign ?in|continue with (google|github))\b"
_PLACEHOLDER_WORDS = (
    r"(?i)\b(maintenance|be right back|be back soon|coming soon|placeholder|parked|not running|is (stopped|asleep|"
    r"sleeping|starting|waking up|paused|suspended)|wake (it )?up|isn.t live|not (yet )?(live|deployed|published)|"
    r"no longer active|run this (app|repl))\b"
)
DUPLICATE_KEY = lazily(r"(?i)\b23505\b|duplicate key|unique constraint|P2002")
LONGEST_VALUE = 1000  # characters of an id or a token
# A mebibyte of JSON takes up to forty when it is parsed: the threads of a burst do not hold theirs at the same moment.
ONE_DOCUMENT = threading.Lock()
LONGEST_SAID = 300  # characters of what a refusal says
_TITLE = r"(?i)<title[^<>]{0,200}>([^<]{1,400})</title"
_REPLAY_HEADERS = (
    "Idempotent-Replayed",  # Stripe, and who follows it
    "Idempotency-Replayed",
    "X-Idempotent-Replayed",
    "X-Idempotency-Replayed",
    "X-Idempotency-Replay",
    "X-Idempotent-Replay",
    "Idempotency-Cache",
)
_MISSING = object()


class Reading(NamedTuple):
    """What an answer says. `problem` is None for one as asked; `error` is the reason in words."""

    problem: Problem | None
    error: str = ""
    id: str | None = None
    token: str | None = None


class _Request(NamedTuple):
    """What was asked: the status of a created chatbot, the URL that paths are appended to, and the path."""

    wanted: int
    base: str
    path: str


def read_created(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    id_path: str,
    token_path: str,
    wanted: int = 201,
    asked: tuple[str, str] = ("", ""),
) -> Reading:
    """Read the answer to a create request.

    Args:
        status: the HTTP status.
        headers: case-insensitive response headers.
        body: the decoded body.
        id_path: dotted path of the id in the answer's JSON; a segment of digits indexes an array.
        token_path: dotted path of the token.
        wanted: the status that a created chatbot is answered with (`api.status`).
        asked: the URL that paths are appended to, and the path that was asked.
    """
    content_type = headers.get("Content-Type", "")
    if status != wanted:
        return _not_created(status, headers, content_type, body, _Request(wanted, *asked))
    media_type = content_type.partition(";")[0].strip().lower()
    if not body.strip():
        return Reading(Problem.NOT_JSON, f"{status} with an empty body")
    if media_type and not (media_type in ("application/json", "text/json") or media_type.endswith("+json")):
        return Reading(Problem.NOT_JSON, f"{status} with Content-Type {media_type}, want application/json")
    with ONE_DOCUMENT:
        return _read_document(status, body, id_path, token_path)


def replay_of(headers: Mapping[str, str]) -> str:
    """What an answer says of being that of an earlier request, as idempotency layers mark it; "" where it does not."""
    for name in _REPLAY_HEADERS:
        if headers.get(name, "").strip().lower() in ("true", "1", "yes", "hit"):
            return f"marked {name}: {headers[name].strip()}"
    return ""


def _read_document(status: int, body: bytes, id_path: str, token_path: str) -> Reading:
    try:
        document = parse_json(body)
    except ValueError as error:
        return Reading(Problem.NOT_JSON, f"{status} whose body is not JSON: {error}")
    id_, wrong_id = _identifier(lookup(document, id_path), id_path)
    token, wrong_token = _token(lookup(document, token_path), token_path)
    wrong = "; ".join(filter(None, (wrong_id, wrong_token)))
    if not wrong:
        return Reading(None, "", id_, token)
    if keys := _other_keys(document, id_path, token_path):
        return Reading(Problem.OTHER_KEY, f"{status}, but {wrong}: set {keys}", id_, token)
    return Reading(Problem.FIELD_MISSING, f"{status}, but {wrong}", id_, token)


def _other_keys(document: Any, id_path: str, token_path: str) -> str:
    """What to write into the configuration, where the token stands in the answer under another key, or the id does."""
    of_id, of_token = is_missing(lookup(document, id_path)), is_missing(lookup(document, token_path))
    found = found_elsewhere(document, id_path=id_path, token_path=token_path, of_id=of_id, of_token=of_token)
    if (of_token and not found.token) or (of_id and not of_token and not found.id):
        return ""
    set_id = f"api.id: {found.id or '(the key of its id)'}"
    return ", ".join([*([set_id] if of_id else []), *([f"api.token: {found.token}"] if of_token else [])])


def parse_json(body: bytes) -> Any:
    """Parse strictly: UTF-8, no NaN or Infinity, and nesting or numbers beyond the parser's limits are errors too.

    Raises:
        ValueError: says what is wrong.
    """
    try:
        return _STRICT.decode(body.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)  # made once: every POST is read by it


def lookup(document: Any, path: str) -> Any:
    """The value at a dotted path, or a marker that `is_missing` knows."""
    for part in path.split("."):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return _MISSING
    return document


def is_missing(value: Any) -> bool:
    """Whether `lookup` found nothing at its path."""
    return value is _MISSING


def _identifier(value: Any, path: str) -> tuple[str | None, str]:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or (isinstance(value, str) and is_blank(value)):
        return None, f"{path} {_described(value)} (expected a number or a string)"
    try:
        return _bounded(str(value), path)
    except ValueError:  # beyond sys.get_int_max_str_digits()
        return None, f"{path} is a number of too many digits"


def _token(value: Any, path: str) -> tuple[str | None, str]:
    if not isinstance(value, str) or value == "":
        return None, f"{path} {_described(value)} (expected a string)"
    return _bounded(value, path)


def _bounded(value: str, path: str) -> tuple[str | None, str]:
    """What is kept of every POST, compared, and looked for in the database is no book."""
    if len(value) > LONGEST_VALUE:
        return None, f"{path} has {len(value)} characters (expected at most {LONGEST_VALUE})"
    return value, ""


def _described(value: Any) -> str:
    if value is _MISSING:
        return "is missing"
    kinds = {dict: "an object", list: "an array", bool: "true or false", int: "a number", float: "a number"}
    if value is None:
        return "is null"
    if isinstance(value, str):
        return "is blank text" if value else "is empty text"
    return f"is {kinds.get(type(value), type(value).__name__)}"


def is_page(content_type: str, text: str) -> bool:
    """Whether a body is HTML, by its header or by how it begins."""
    return "html" in content_type.lower() or re.match(r"(?i)\s{0,100}<(!doctype html|html)", text) is not None


def _said(text: str, *, html: bool) -> str:
    """What a refusal says, whole or not at all: half a secret would not be recognised when it is masked."""
    if html:
        title = re.search(_TITLE, text)
        said = unescape(title[1]) if title else ""
    else:
        try:
            said = next(_sentences(json.loads(text)), "")
        except (ValueError, RecursionError):
            said = text
    said = " ".join(said.split()) if len(said) <= LONGEST_SAID else ""
    return f" ({said})" if said else ""


def _sentences(document: Any) -> Iterator[str]:
    """What a JSON error says, by the keys that are usual (RFC 9457 has `detail` and `title`)."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for key in ("message", "error_description", "detail", "error", "msg", "title", "reason", "code"):
            inner = document.get(key)
            if isinstance(inner, (str, dict)) and inner:
                yield from _sentences(inner)


def _not_created(status: int, headers: Mapping[str, str], content_type: str, body: bytes, request: _Request) -> Reading:
    text = body[:65536].decode("utf-8", "replace")
    html = is_page(content_type, text)
    asks_for_a_password = html and re.search(_PASSWORD_FIELD, text) is not None
    shape = "" if status == 500 or asks_for_a_password else text
    if not DUPLICATE_KEY.search(text) and (what := sign_of(status, headers, shape, html=html)):
        return Reading(Problem.IN_FRONT, f"{status}, answered in its place by {what}")
    if status in (401, 407):
        return Reading(Problem.UNAUTHORISED, f"{status}: the request was not authorised{_said(text, html=html)}")
    if status == 403:
        return Reading(Problem.FORBIDDEN, f"403: the request was refused{_said(text, html=html)}")
    if status == 429:
        retry_after = headers.get("Retry-After", "")
        return Reading(
            Problem.RATE_LIMITED, "429: rate limited" + (f", Retry-After: {retry_after}" if retry_after else "")
        )
    if 300 <= status < 400:
        location = headers.get("Location", "")
        if re.search(_LOGIN_PATH, location):
            return Reading(Problem.LOGIN_PAGE, f"{status}: redirected to the login page {location}")
        keys = keys_that_follow(request.base, request.path, "api.create", status, location) if location else ""
        said = f"{status}: redirected to {location or 'nowhere'}, want {request.wanted}"
        return Reading(Problem.REDIRECTED, f"{said}: set {keys}" if keys else said)
    if status == 500 or DUPLICATE_KEY.search(text):
        # The app's own error page, whatever it looks like.
        return Reading(Problem.WRONG_STATUS, f"{status}, want {request.wanted}")
    if html and (asks_for_a_password or (status < 300 and re.search(_LOGIN_WORDS, text))):
        return Reading(Problem.LOGIN_PAGE, f"{status}: an HTML login page")
    if html and (status < 300 or re.search(_PLACEHOLDER_WORDS, text)):
        return Reading(Problem.PLACEHOLDER_PAGE, f"{status}: an HTML page instead of the API's answer")
    return Reading(Problem.WRONG_STATUS, f"{status}, want {request.wanted}")
