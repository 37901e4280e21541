"""Texts that somebody made so that reading them takes long: what a pattern tries again and again, in all sizes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.examples import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_S = 2.0  # of processor time, for one text of the size that is read; what is linear needs a tenth of it
# Repeated until a text is full: what opens, what is not closed, what begins a pattern and does not go on as it wants.
UNITS = (
    *(
        "(",
        ")",
        "((",
        "()",
        "[",
        "]",
        "'",
        "''",
        '"',
        '""',
        "$$",
        "$a$",
        "$1",
        "/*",
        "*/",
        "/**/",
        "--",
        "-- x\n",
        "\\",
    ),
    *(
        " ",
        "\n",
        "\t",
        "\r\n",
        "\x00",
        "\u2028",
        "é",
        "a",
        "a,",
        "a.",
        "a ",
        "a. ",
        '"a"',
        "0",
        "9.",
        ";",
        "::text",
        "_",
    ),
    *(
        "E'\\",
        "U&'",
        "||",
        "#=",
        ":=",
        "=",
        "f(",
        "f (",
        "case when ",
        "with x as (",
        "select ",
        "select 1;",
        "values (",
    ),
    *(
        "insert into ",
        "insert into chatbots(",
        "insert into chatbots(a,",
        "update chatbots set ",
        "default ",
        "into a, ",
    ),
    *(
        "new.",
        "new. ",
        "new.public_token := ",
        "; new = ",
        "then new =",
        "return ",
        "return new;",
        "begin ",
        "if a then ",
    ),
    *("coalesce(", "jsonb_build_object(", "tg_op = 'UPDATE' ", "perform f(", "gen_random_uuid() "),
    *(
        '{"a":',
        '{"a":[',
        '"a":1,',
        "<a ",
        "<!--",
        "<title>",
        "&#x41;",
        "&amp;",
        "%25",
        "\\u0041",
        "Key (",
        "Key (a)=(b) ",
    ),
    *('violates unique constraint "', 'null value in column "', "a=b&", "://", "@", "::error::", "##[error]"),
)
_PAIRS = (
    ("(", ")"),
    ("'(", ")"),
    ("a ", " b"),
    ("/*", "*/"),
    ("begin ", "end;"),
    ('{"a":', "}"),
    ("new.public_token := ", ";"),
)
_BEGINNINGS = (
    "insert into chatbots(",
    "insert into chatbots (name) values (",
    "new := jsonb_populate_record(",
    "Key (",
)
_GOES_ON = ("a,", "(", "a ", "'", '"', "f(", "||", "#=")

# What strings together such units, for readers that must not break down on any of it.
jumbles = st.lists(st.sampled_from(UNITS), max_size=40).map("".join)
JUMBLED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=MANY,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def hostile_texts(size: int) -> Iterator[tuple[str, str]]:
    """What each is made of, and the text itself, of so many characters."""
    for unit in UNITS:
        yield repr(unit), _filled(unit, size)
    for one, other in _PAIRS:
        yield f"{one!r}, then {other!r}", _filled(one, size // 2) + _filled(other, size // 2)
    for beginning in _BEGINNINGS:
        for unit in _GOES_ON:
            yield f"{beginning!r}, then {unit!r}", beginning + _filled(unit, size - len(beginning))


def slowest(read: Callable[[str], object], size: int) -> dict[str, float]:
    """The texts of a size that took too long to read, by seconds of this process. The first one ends it.

    A text is read whole only where its eighth took so long that a quadratic reading of it all would be too long.
    """
    for (_, eighth), (made_of, text) in zip(hostile_texts(size // 8), hostile_texts(size), strict=True):
        if _took_s(read, eighth) * 8**2 > LONGEST_S and (took := _took_s(read, text)) > LONGEST_S:
            return {made_of: round(took, 1)}
    return {}


def _took_s(read: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    read(text)
    return time.process_time() - began


def _filled(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


# What a summary folds: lines of ours, and all the markup that may stand outside of its code spans.
FOLDS = {
    "</details>",
    *(
        f"<details{opened}><summary>{title}</summary>"
        for opened in ("", " open")
        for title in (
            "Could not tell",
            "Waived and not covered",
            "Not selected",
            *(f"preview: {word}" for word in ("PASS", "FAIL", "COULD NOT TELL")),
        )
    ),
}
