"""Takes secrets out of text before it is printed, written or cut.

What is secret: the database URL's password and the whole URL, every configured header but the few that never carry a
credential, every string of a login's body, a user and password in the deployment's URL, what stands in a path's query
or in the payload under a name that looks like a credential's, each variable that is called like one, and the cookies
that the deployment set.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.environments import Environment

MASK = "***"
SHORTEST = 4  # a shorter secret would mask every other word of a report
SHORTEST_PLAIN = 8  # likewise, where no name says that the value is a credential
_HEAD = 8  # characters of a needle by which most texts are told to hold none
SHORTEST_INSIDE = 6  # digits of base64 that a secret must fill by itself, inside a longer text that was encoded as one
_CREDENTIAL = re.compile(r"(?i)auth|token|key|secret|cookie|session|passw|pwd|credential|signature|jwt|bearer")
_CREDENTIAL_BEYOND_DOUBT = re.compile(r"(?i)passw|pwd|secret|credential|api[_-]?key|private[_-]?key|bearer|jwt")
_CREDENTIAL_IN_A_QUERY = re.compile(r"(?i)code|sig|pass|pw")  # besides the names above, as a whole
_CREDENTIALS_OF_A_DATABASE = ("password", "sslpassword", "passfile", "oauth_client_secret", "scram_client_key")
_HARMLESS_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "content-type", "host", "origin", "referer"}
    | {"user-agent", "x-requested-with"}
)

# Where a line ends, as itself or escaped by JSON, repr, a URL or HTML; and what may stand at the next line's beginning:
# a traceback's and a log's margins. No repetition can begin inside of another: searching stays linear.
_LINE_END = (
    r"(?:\r\n|[\n\r\v\f\x85\u2028\u2029]|\\{1,8}(?:[nr]|u000[aAdD]|x0[aAdD])|%0[aAdD]|&#(?:1[03]|[xX]0?[aAdD]);"
    r"|<[bB][rR] ?/?>)"
)
_MARGIN = r"(?:(?:E|>|\||#|INTERNALERROR>)[ \t]+)?"
_BREAK = re.compile(rf"(?:{_LINE_END}[ \t]*)+{_MARGIN}")
# Likewise where each line is a string of its own (repr, pprint, a JSON array), or ends in a mark that it goes on.
_SPLICE = re.compile(
    rf"(?:\\{{0,8}}[\"'](?:[ \t]*[,+&\\])?|[=\\-])[ \t]*(?:{_LINE_END}[ \t]*)+{_MARGIN}[(+]?[ \t]*"
    r"(?:[bBuUrRfF]{0,2}\\{0,8}[\"'])?"
)
_SIGNS_OF_A_LINE_END = ("\n", "\r", "\\", "%0", "&#", "<br", "<BR", "\v", "\f", "\x85", "\u2028", "\u2029")
_ESCAPED_FOR_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"})


class _Needle(NamedTuple):
    """What is looked for, in lower case, and how many digits of base64 beside it hold some of its bits."""

    text: str
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """All needles. Where none of the `fewest` stands, none of them does: each holds one of those.

    Neither does any where none of their `heads` stands, which are fewer: most spellings of a secret begin alike.
    """

    needles: dict[str, _Needle] = field(default_factory=dict)
    fewest: tuple[str, ...] = ()
    heads: frozenset[str] = frozenset()
    shortest: int = 0  # characters
    reach: int = 0  # characters that the longest may take up in a text, split over lines
    phrases: tuple[str, ...] = ()  # those of the fewest that hold a blank: there lines may be broken too

    def and_those_of(self, secrets: Iterable[str]) -> _Known:
        new = {
            needle.text: needle
            for secret in secrets
            if len(secret) >= SHORTEST
            for needle in _needles(secret)
            if needle.text not in self.needles
        }
        if not new:
            return self
        fewest = list(self.fewest)
        for text in sorted(new, key=len):
            if not any(short in text for short in fewest):
                fewest.append(text)
        needles = {**self.needles, **new}
        phrases = tuple(text for text in fewest if " " in text)
        return _Known(
            needles,
            tuple(fewest),
            heads=frozenset(text[:_HEAD] for text in fewest),
            shortest=min(map(len, fewest)),
            reach=400 + 4 * max(map(len, needles)),
            phrases=phrases,
        )


class Redactor:
    """Replaces known secrets, however they are encoded or escaped (`_spellings`), also split over lines. Thread-safe.

    Takes time in proportion to the text; a text without any secret is searched once for each spelling, and once more
    where it has line ends.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._known = _Known()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn secrets."""
        with self._lock:
            self._known = self._known.and_those_of(secrets)

    def __call__(self, text: str, also: Iterable[str] = ()) -> str:
        """The text with every secret masked, in whatever case it stands there; `also` are secrets of this text only."""
        spans = _spans(text, self._known.and_those_of(also))
        return _masked(text, spans, 0, len(text)) if spans else text

    def part(self, text: str, start: int, end: int, also: Iterable[str] = ()) -> str:
        """`text[start:end]`, masked: a secret across one of the ends leaves no part of itself. Looks little further."""
        known = self._known.and_those_of(also)
        first = max(0, start - known.reach)
        spans = [(a + first, b + first) for a, b in _spans(text[first : end + known.reach], known)]
        return _masked(text, spans, start, min(end, len(text)))

    def longest(self, text: str) -> int:
        """How many characters of the text the longest secret in it takes up; 0 where there is none."""
        return max((end - start for start, end in _spans(text, self._known)), default=0)

    def url(self, origin: str) -> str:
        """A URL with what is secret in its path masked; the host is what a reader needs to know."""
        parts = urlsplit(origin)
        return urlunsplit(parts._replace(path=self(parts.path)))

    def throughout(self, value: Any) -> Any:
        """A JSON value with every string in it masked."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.throughout(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.throughout(item) for item in value]
        return value


# --- where secrets stand in a text ------------------------------------------------------------------------------------


def _spans(text: str, known: _Known) -> list[tuple[int, int]]:
    """Where secrets stand, in order; those that overlap are one."""
    if not known.needles or len(text) < known.shortest:
        return []
    found = list(_occurrences(text, known, known.fewest))
    if any(sign in text for sign in _SIGNS_OF_A_LINE_END):
        found += _across(_BREAK, "", text, known, known.fewest)
        found += _across(_SPLICE, "", text, known, known.fewest)
        if known.phrases:
            found += _across(_BREAK, " ", text, known, known.phrases)
    found.sort()
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _occurrences(text: str, known: _Known, fewest: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    lowered = _lower(text)
    # So it ends for nearly every text, and twenty environments have hundreds of needles.
    if not any(map(lowered.__contains__, known.heads)) or not any(map(lowered.__contains__, fewest)):
        return
    for needle in known.needles.values():
        start = lowered.find(needle.text)
        while start >= 0:
            end = start + len(needle.text)
            before = needle.before if text[start - 1 : start].isalnum() or text[start - 1 : start] in "+/-_" else 0
            after = needle.after if text[end : end + 1].isalnum() or text[end : end + 1] in "+/-_" else 0
            yield max(0, start - before), min(len(text), end + after)
            start = lowered.find(needle.text, start + 1)


def _across(
    gap: re.Pattern[str], joint: str, text: str, known: _Known, fewest: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    """Where secrets stand once the gaps between lines are taken out, told as places in the text as it was."""
    pieces: list[str] = []
    joined_at, stood_at = [], []  # where each piece begins without the gaps, and with them
    length = place = 0
    for match in gap.finditer(text):
        piece = text[place : match.start()]
        if gap is _BREAK:  # not by its pattern, whose search for blanks would not be linear
            piece = piece.rstrip(" \t")
        pieces.append(piece)
        joined_at.append(length)
        stood_at.append(place)
        length += len(piece) + len(joint)
        place = match.end()
    if not pieces:
        return
    pieces.append(text[place:])
    joined_at.append(length)
    stood_at.append(place)

    def stood(index: int) -> int:
        piece = bisect_right(joined_at, index) - 1
        return stood_at[piece] + index - joined_at[piece]

    for start, end in _occurrences(joint.join(pieces), known, fewest):
        yield stood(start), stood(end - 1) + 1


def _masked(text: str, spans: Iterable[tuple[int, int]], start: int, end: int) -> str:
    """`text[start:end]` with a mask for each span that reaches into it."""
    out = []
    for first, last in spans:
        if last > start and first < end:
            out += [text[start:first], MASK]
            start = max(start, last)
    return "".join([*out, text[start:end]])


def _lower(text: str) -> str:
    """Lower case of the same length: one letter would become two, and another has a form of its own at a word's end."""
    return text.lower() if text.isascii() else text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


# --- how secrets are spelt --------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _needles(secret: str) -> tuple[_Needle, ...]:
    """Everything to look for, for a secret and, where it has several lines, for each that could do harm by itself."""
    found: dict[str, _Needle] = {}
    lines = [line.strip() for line in secret.splitlines()]
    parts = [secret, *(line for line in lines if len(line) >= SHORTEST_PLAIN)]
    decoded = unquote(secret)  # a cookie is configured as it travels, and echoed as it was meant
    for part in dict.fromkeys([*parts, decoded]):
        if len(part) < SHORTEST:
            continue
        for spelling in _spellings(part):
            for text in (spelling, _BREAK.sub("", spelling), _BREAK.sub(" ", spelling)):
                if len(text.strip("\ufffd")) >= SHORTEST:
                    found.setdefault(_lower(text), _Needle(_lower(text)))
        for encoded in _encoded(part):
            for needle in _inside_base64(encoded):
                found.setdefault(needle.text, needle)
    return tuple(found.values())


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    for safe in ("", "/", "!*'()", "!*'();,/?:@&=+$#"):  # quote() has two ways, JavaScript two others
        yield quote(secret, safe=safe, errors="replace")
    yield quote(quote(secret, safe="", errors="replace"), safe="")  # inside a URL inside a URL
    yield quote_plus(secret, errors="replace")
    for text in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield from (text, text.replace("/", "\\/"), text.translate(_ESCAPED_FOR_HTML))  # PHP's way; Go's and Rails'
        yield from (json.dumps(text)[1:-1], html.escape(text))  # inside JSON once more; on a page
        yield from (quote(text, safe="", errors="replace"), quote(text, errors="replace"))  # inside a URL
        repeated = text.replace("\\", "\\\\")  # inside repr, which escapes an apostrophe if there are quotes too
        yield from (repeated, repeated.replace("'", "\\'"))
    yield from (repr(secret)[1:-1], ascii(secret)[1:-1])
    yield secret.replace("\\", "\\\\").replace("'", "\\'")  # repr of a text with both kinds of quotes
    yield html.escape(secret)
    yield html.escape(secret).replace("&#x27;", "&#39;")  # as Node's pages spell it
    yield html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")  # Go's, Jinja's
    yield html.escape(secret).replace("/", "&#x2F;").replace("=", "&#x3D;").replace("`", "&#x60;")  # Mustache's
    for encoded in _encoded(secret):
        yield repr(encoded)[2:-1]
        yield encoded.hex()
        yield encoded.decode("utf-8", "replace")  # how a body is kept as evidence
        yield encoded.decode("latin-1")
        yield quote(encoded, safe="")
        yield base64.b64encode(encoded).decode().rstrip("=")
        yield base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def _encoded(secret: str) -> Iterator[bytes]:
    """The bytes of a secret: in JSON they are UTF-8, in a header Latin-1."""
    yield secret.encode("utf-8", "surrogatepass")
    if not secret.isascii():
        with suppress(UnicodeEncodeError):
            yield secret.encode("latin-1")


def _inside_base64(encoded: bytes) -> Iterator[_Needle]:
    """The digits that a secret makes in the base64 of a longer text, where it begins at byte 0, 1 or 2 of a group.

    A digit that it shares with what stands beside it may be any, and is masked along.
    """
    for offset in range(3):
        digits = base64.b64encode(bytes(offset) + encoded).decode().rstrip("=")
        shared_after = (offset + len(encoded)) % 3 != 0
        own = digits[offset + 1 if offset else 0 : -1 if shared_after else None]
        if len(own) >= SHORTEST_INSIDE:
            for text in (own, own.replace("+", "-").replace("/", "_")):
                yield _Needle(text.lower(), 1 if offset else 0, int(shared_after))


# --- what is secret ---------------------------------------------------------------------------------------------------


def is_credential(name: str) -> bool:
    """Whether a name says that its value is a credential."""
    return _CREDENTIAL.search(name) is not None


def secrets_of(environment: Environment) -> Iterator[str]:
    """Every configured value of an environment that must not be seen."""
    for name, value in environment.request_headers().items():
        if name.lower() in _HARMLESS_HEADERS:
            continue
        if _CREDENTIAL.search(name) or len(value) >= SHORTEST_PLAIN:
            yield value
            yield from _basic_credentials(value)
            yield from value.split(" ")[1:]  # the credentials after an authentication scheme (RFC 9110 section 11.4)
        if name.lower() == "cookie":
            yield from (pair.partition("=")[2].strip('"') for pair in value.split("; "))
    if environment.login is not None:
        yield from _texts(environment.login.body.get_secret_value())
        yield from _secrets_of_path(environment.login.path)
    for path in (environment.ready.path, environment.api.create, environment.api.delete or ""):
        yield from _secrets_of_path(path)
    yield from (text for _, text in credentials_of_payload(environment.api.payload))
    yield from secrets_of_url(environment.url)
    if environment.database is not None:
        dsn = environment.database.get_secret_value()
        yield dsn
        yield from secrets_of_url(dsn)


def credentials_sent(environment: Environment) -> Iterator[str]:
    """The names of what carries a credential to the deployment: headers, and keys of the configuration."""
    yield from filter(is_credential, environment.request_headers())
    if environment.login is not None:
        yield "login"
    paths = {"ready.path": environment.ready.path, "api.create": environment.api.create}
    paths["api.delete"] = environment.api.delete or ""
    yield from (key for key, path in paths.items() if any(_secrets_of_path(path)))
    if any(credentials_of_payload(environment.api.payload)):
        yield "api.payload"


def secrets_of_url(url: str) -> Iterator[str]:
    """The user and password of a URL, and credentials among its parameters."""
    parts = urlsplit(url)
    user_and_password, at, _ = parts.netloc.rpartition("@")
    if at:
        yield user_and_password
        password = user_and_password.partition(":")[2]
        yield password
        yield unquote(password)
    for key, value in parse_qsl(parts.query):
        if key in _CREDENTIALS_OF_A_DATABASE:
            yield value


def credentials_of_path(path: str) -> Iterator[tuple[str, str]]:
    """Credentials among the parameters of a path's query: (name, value as it travels)."""
    for parameter in re.split("[&;]", path.partition("?")[2].partition("#")[0]):
        key, _, value = parameter.partition("=")
        if _CREDENTIAL.search(key) or _CREDENTIAL_IN_A_QUERY.fullmatch(key):
            yield key, value


def _secrets_of_path(path: str) -> Iterator[str]:
    for _, value in credentials_of_path(path):
        yield value
        yield unquote_plus(value)


def credentials_of_payload(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Texts under keys that look like a credential: (dotted key, text).

    `auth_type: none` and names of the run's own rows are not meant.
    """
    if isinstance(value, dict):
        for name, item in value.items():
            yield from credentials_of_payload(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from credentials_of_payload(item, key)
    elif isinstance(value, str) and "{name}" not in value:
        beyond_doubt = _CREDENTIAL_BEYOND_DOUBT.search(key)
        if beyond_doubt or (_CREDENTIAL.search(key) and len(value) >= SHORTEST_PLAIN):
            yield key, value


def secrets_of_variables(file: Path, environ: Mapping[str, str]) -> set[str]:
    """The values of the variables that a file refers to by a name that looks like a credential's, wherever it does."""
    return {value for name, value in _variables(_text_of(file), environ).items() if _CREDENTIAL.search(name)}


def learn(redact: Redactor, environments: Sequence[Environment], file: Path, environ: Mapping[str, str]) -> None:
    """Have the secrets of environments masked, and those of the file that they stand in."""
    for environment in environments:
        redact.add(secrets_of(environment))
    redact.add(secrets_of_variables(file, environ).difference(*map(words_of, environments)))


def secrets_of_broken(file: Path, environ: Mapping[str, str]) -> set[str]:
    """What a file that cannot be used may hold: those variables, and user and password of whatever looks like a URL."""
    text = _text_of(file)
    found = secrets_of_variables(file, environ)
    for words in (text, *_variables(text, environ).values()):
        for user_and_password in re.findall(r"://([^\s'\"]*)@", words):
            password = user_and_password.partition(":")[2]
            found |= {user_and_password, password, unquote(password)}
    return found


def _text_of(file: Path) -> str:
    with suppress(OSError):
        return re.sub(r"(?m)(?:^|(?<=\s))#.*", "", file.read_text(encoding="utf-8", errors="replace"))
    return ""


def _variables(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    names = re.findall(r"\$\{([A-Za-z_][A-Za-z0-9_]*)", text)
    return {name: environ[name] for name in names if environ.get(name)}


def words_of(environment: Environment) -> set[str]:
    """What an environment names in the open: a variable that holds one of these is no secret, whatever it is called."""
    table, api = environment.table, environment.api
    named = {table.name, table.id, table.label, table.token, api.id, api.token, environment.name, environment.origin}
    return named | {api.create, api.delete or "", environment.ready.path, environment.ready.revision or ""}


def _basic_credentials(value: str) -> Iterator[str]:
    """The user and password inside a header of Basic authentication (RFC 7617)."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            user_and_password = base64.b64decode(encoded, validate=True).decode()
            yield user_and_password
            yield user_and_password.partition(":")[2]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
