"""Takes other people's data out of text: values of rows that Postgres quotes in errors, tokens, ids that name people.

Which row an error is about nobody can tell from its text, so that no value of any row is kept. Names of tables, columns
and constraints stay: they tell the cause.
"""

from __future__ import annotations

import re

from harness.patterns import lazily

CUT = "\u2026"
_SHOWN = 3
_LONGEST_NUMBER = 12  # digits of an id; a longer one may be somebody's telephone, card or account
_UUID = lazily(r"(?i)[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
# By one of these it is told that a text quotes no row: nearly every text ends here, so that each is a plain search.
_SIGNS = (
    ")=(",
    "Failing row",
    "DETAIL",
    "D\u00c9TAIL",
    "CONTEXT",
    "HINT",
    "HINWEIS",
    "WHERE:",
    "QUERY:",
    "STATEMENT:",
    "nvalid",
    "malformed",
    "out of range",
    "at or near",
    "Token ",
    "parameters: ",
    "ortal ",
    "value ",
    *(f"{quote}{key}{quote}" for quote in "\"'" for key in ("detail", "where", "hint")),
    '"internalQuery"',
)
_QUOTE = r"(?:\\{0,8}[\"'`\u00bb\u00ab]|&quot;|&#34;|&#x22;|&#39;)"
_LINE = lazily(r"((?:\r\n|\n|\\{1,8}n|<br ?/?>))")
# A part of an error begins so, and goes on until the next one does, or the text in which it stands ends.
_NAMED = (
    r"(?:\b|(?<=\\[nrt]))(?P<name>DETAIL|D\u00c9TAIL|DETALLE|DETALHE|CONTEXT|KONTEXT|CONTEXTE|CONTEXTO|HINT|HINWEIS|ASTUCE|WHERE|QUERY|"
    r"ANFRAGE|STATEMENT|ANWEISUNG)(?: of [\w ]{1,40})?: {0,4}"
)
_PART = lazily(_NAMED)
# Drivers hand on an error as an object. `detail` is a word of other errors too, and then tells what went wrong.
_PART_OR_KEY = lazily(
    rf"{_NAMED}|(?P<quote>\\{{0,8}}[\"'])(?:detail|where|hint|internalQuery)(?P=quote)\s{{0,9}}:\s{{0,9}}(?P=quote)"
)
_OF_A_DRIVER = lazily(
    r"[\"'](?:severity|routine|sqlstate)\\{0,8}[\"']|[\"']code\\{0,8}[\"']\s{0,9}:\s{0,9}\\{0,8}[\"'][0-9A-Z]{5}\\{0,8}[\"']"
)
# To the last bracket that such words follow; whatever else follows one may be a part of the value.
_KEY = lazily(r"\)=\((?:.*\)(?= (?:already exists|conflicts with|is not present|is still referenced))|.*)")
_ROW = lazily(r"(Failing row contains \().*", re.DOTALL)
_QUOTED = lazily(
    rf"(?i)((?:invalid|malformed|out of range)[^:\n\"]{{0,120}}: {{0,2}}{_QUOTE}|at or near {_QUOTE}|\btoken {_QUOTE}|"
    rf"\bvalue {_QUOTE})([^\n]*)"
)
_PARAMETERS = lazily(r"(?i)(\[parameters: |\bparameters: (?=\$1 ))[^\n]*")
_PLACE = lazily(r"PL/pgSQL function [\w.\"$]{1,130}(?:\([\w, .\"\[\]]{0,200}\))? line \d{1,9} at [\w /]{1,40}")
_SQLSTATE = lazily(r"\(?SQLSTATE[ :=]{1,3}[0-9A-Z]{5}\b\)?")
_BEHIND_A_KEY = lazily(
    r"\) (already exists|conflicts with existing key|is not present in table \\{0,8}\"[^\"\\\n]{1,130}\\{0,8}\"|"
    r"is still referenced from table \\{0,8}\"[^\"\\\n]{1,130}\\{0,8}\")"
)
_COLUMNS = lazily(r"Key \([^()\n]{1,400}(?=\)=\()")


def masked_token(token: str) -> str:
    """The first characters of a token of somebody else's row: the whole of it opens their chatbot."""
    return f"{token[:_SHOWN]}{CUT}" if len(token) > _SHOWN else CUT


def shown_id(id_: str) -> str:
    """The id of somebody else's row: a number or a UUID as it is; of one that may name somebody, its beginning."""
    digits = id_.removeprefix("-")
    if (digits.isdecimal() and len(digits) <= _LONGEST_NUMBER) or _UUID.fullmatch(id_):
        return id_
    return masked_token(id_)


def _quotes_a_row(text: str) -> bool:
    """Whether a text may quote one: most do not."""
    return any(sign in text for sign in _SIGNS)


def without_row_values(text: str) -> str:
    """The text without what Postgres quotes of rows in its errors, also inside JSON. Takes time in proportion to it."""
    if not _quotes_a_row(text):
        return text
    begins_so = _PART if _OF_A_DRIVER.search(text) is None else _PART_OR_KEY
    pieces, place = [], 0
    while (part := begins_so.search(text, place)) is not None:
        ends = _end_of_part(text, part)
        pieces += [
            _in_lines(text[place : part.start()]),
            part[0],
            _of_part(part["name"] or "", text[part.end() : ends]),
        ]
        place = ends
    return "".join([*pieces, _in_lines(text[place:])])


def _end_of_part(text: str, part: re.Match[str]) -> int:
    if part["name"] is None:
        return _end_of_string(text, part.end(), part["quote"])
    after = _PART.search(text, part.end())
    ends = after.start() if after is not None else len(text)
    # In JSON it ends with its string. In plain text a quote may stand in a row as well, and ends nothing.
    if (quote := _enclosing(text, part.start())) is not None:
        return min(ends, _end_of_string(text, part.end(), quote))
    found = (text.find(sign, part.end(), ends) for sign in ("</", "\n\n", "\n    at "))
    return min((at for at in found if at >= 0), default=ends)


def _enclosing(text: str, place: int) -> str | None:
    """The quote of the string of JSON that a place is in, as far as the text before it tells; None of plain text."""
    nearest = max(text.rfind(sign, max(0, place - 2000), place) for sign in ('": "', '":"'))
    if nearest < 0:
        return None
    begins = text.index('"', nearest + 1) + 1
    return '"' if _end_of_string(text, begins, '"') >= place else None


def _end_of_string(text: str, place: int, quote: str) -> int:
    """Where a string ends whose quote is escaped as often as this one is; the text's end if it does not."""
    for match in re.compile(rf"(?<!\\)\\*+{quote[-1]}").finditer(text, place):
        if len(match[0]) <= len(quote):
            return match.start()
    return len(text)


def _of_part(name: str, said: str) -> str:
    """What is kept of a part: of which key a value is, where in a function it was, and an SQLSTATE behind it."""
    kept = _SQLSTATE.findall(said)
    key = _COLUMNS.search(said)
    if key is not None:
        behind = _BEHIND_A_KEY.findall(said)
        kept.insert(0, f"{key[0]})=({CUT}){f' {behind[-1]}.' if behind else ''}")
    elif "Failing row contains (" in said:
        kept.insert(0, f"Failing row contains ({CUT}).")
    elif name not in ("HINT", "QUERY", "STATEMENT"):
        kept += _PLACE.findall(said)
    return (" ".join(kept).strip() or CUT) + said[len(said.rstrip()) :]


def _in_lines(text: str) -> str:
    """The same of what stands outside of such parts, line by line."""
    if not _quotes_a_row(text):
        return text
    return "".join(piece if n % 2 else _in_line(piece) for n, piece in enumerate(_LINE.split(text)))


def _in_line(line: str) -> str:
    if not _quotes_a_row(line):
        return line
    line = _KEY.sub(f")=({CUT})", line)
    line = _ROW.sub(rf"\g<1>{CUT})", line)
    line = _QUOTED.sub(_first_of_quoted, line)
    return _PARAMETERS.sub(rf"\g<1>{CUT}", line)


def _first_of_quoted(match: re.Match[str]) -> str:
    """A value in quotes, in part, to the last quote of its line that is like the one before it."""
    quote = re.search(_QUOTE + r"\Z", match[1])
    said = match[2]
    end = said.rfind(quote[0]) if quote is not None else -1
    value, rest = (said[:end], said[end:]) if end >= 0 else (said, "")
    return match[1] + masked_token(value) + rest
