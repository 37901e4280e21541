"""Whatever a server sends: each POST ends in one of three ways, and what becomes of it in reports is harmless.

The answers are made by hypothesis, always the same ones, and travel over a real socket.
"""

import json
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.findings import finding
from harness.history.attempt import Attempt
from harness.history.reading import read
from harness.history.writing import Ledger
from harness.http.client import EVIDENCE, Client
from harness.report.markdown import markdown
from harness.report.terminal import lines
from harness.report.verdict import CheckResult, LeftBehind, Verdict
from harness.report.writing import write
from harness.text import printable
from tests.support.attacks import ALL_NASTY, NASTY
from tests.support.clients import client_of
from tests.support.examples import MANY
from tests.support.hostile_texts import FOLDS
from tests.support.servers import serving
from tests.support.verdicts import verdict

TIMEOUT_S = 5.0  # no answer here takes any time: only a client that hangs would reach it
REPEATABLE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=MANY,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

# --- what is sent -----------------------------------------------------------------------------------------------------

anything = st.text(alphabet=st.characters(categories=None), max_size=60)
nasty = st.one_of(anything, st.sampled_from([*NASTY.values(), ALL_NASTY, "\x1b[2J" * 500, "9" * 5_000]))
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -(10**4_200), 1e308]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, nasty),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(nasty, inner, max_size=4)),
    max_leaves=8,
)
created = st.fixed_dictionaries({}, optional={"id": values, "public_token": values, "data": values})


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


bodies = st.one_of(
    created.map(_encoded),
    created.map(lambda document: json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    values.map(_encoded),
    st.binary(max_size=200),
    nasty.map(lambda text: f"<!doctype html>{text}<input type=password>".encode("utf-8", "surrogatepass")),
    st.sampled_from([b"[" * 100_000, b'{"id":' * 30_000, b'{"id":' + b"9" * 100_000 + b"}", b"\0" * 2_000_000]),
)
header_text = st.one_of(
    st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40),
    st.sampled_from(["", "-1", "0", "5", "99999", "1, 2", "chunked", "gzip", "br, zstd", "identity", "\x1b[2J", "é"]),
)
framing = ("Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Trailer", "Upgrade")
others = ("Content-Type", "Location", "Set-Cookie", "Retry-After", "X", "", " ", "\t", "Content-Length ")
header_names = st.sampled_from([*framing, *others])
status_lines = st.one_of(
    st.sampled_from([b"HTTP/1.1 201 Created", b"HTTP/1.0 201", b"HTTP/1.1 500 Oops", b"HTTP/1.1 302 Found"]),
    st.builds(lambda code, reason: f"HTTP/1.1 {code} {reason}".encode("latin-1"), st.integers(-1, 1_100), header_text),
    st.binary(max_size=30),
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer's bytes: mostly with a right frame around its body, sometimes with one that is not."""
    body = draw(bodies)
    lines = [draw(status_lines)]
    lines += [
        f"{name}: {value}".encode("latin-1")
        for name, value in draw(st.lists(st.tuples(header_names, header_text), max_size=4))
    ]
    frame = draw(st.sampled_from(["length", "chunks", "close", "short", "long"]))
    if frame == "chunks":
        lines.append(b"Transfer-Encoding: chunked")
        size = max(1, draw(st.integers(1, 100)) * len(body) // 100)
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    elif frame != "close":
        lines.append(b"Content-Length: %d" % (len(body) + {"length": 0, "short": -1, "long": 1}[frame]))
    return b"\r\n".join([*lines, b"", body])


RIGHT_BODY = b'{"id": 7, "public_token": "0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20"}'
RIGHT = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nSet-Cookie: a=b; Path=/\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(RIGHT_BODY), RIGHT_BODY)
)
RIGHT_CHUNKED = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x\r\n%s\r\n0\r\n\r\n" % (len(RIGHT_BODY), RIGHT_BODY)
)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A right answer in which a few places were cut out, doubled, or written over."""
    answer = draw(st.sampled_from([RIGHT, RIGHT_CHUNKED]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(answer)))
        end = min(len(answer), start + draw(st.integers(0, 20)))
        put = draw(
            st.one_of(st.binary(max_size=8), st.just(answer[start:end] * 2), st.sampled_from([b"\r\n", b"\x1b["]))
        )
        answer = answer[:start] + put + answer[end:]
    return answer


# --- what becomes of it -----------------------------------------------------------------------------------------------


class Line:
    """A client, and what the server that it speaks to answers next."""

    answer = RIGHT
    client: Client


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    """One server for all examples."""
    line = Line()
    with serving(lambda request: request.send(line.answer)) as server:
        line.client = client_of(server.url, api={"timeout_s": TIMEOUT_S})
        yield line


def demand_an_outcome(attempt: Attempt) -> None:
    """One of the three, in time, with bounded evidence that can be printed, written, and read again."""
    assert attempt.outcome in ("ok", "fail", "unknown")
    assert (attempt.problem is None) == (attempt.outcome == "ok") == (attempt.error == "")
    assert attempt.ended_s - attempt.started_s < TIMEOUT_S + 5
    assert len(attempt.evidence) <= EVIDENCE
    assert max(len(attempt.id or ""), len(attempt.token or "")) <= 1_000
    assert attempt.error.isprintable()
    for text in (attempt.evidence, attempt.id, attempt.token):
        assert printable(text).isprintable()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "history.jsonl")
        ledger.run("r", {"preview": {"url": "http://h"}})
        ledger.intend("preview", [(attempt.n, attempt.name, attempt.phase, [attempt.name])], sync=False)
        ledger.settle("preview", attempt)
        ledger.close()
        assert ledger.path.read_text(encoding="ascii").replace("\n", "").isprintable()
        assert read(ledger.path)[1]["preview"].attempts == {attempt.n: attempt}


@REPEATABLE
@given(st.one_of(answers(), mutants()))
def test_every_answer_has_an_outcome(line: Line, answer: bytes) -> None:
    """However the bytes stand, and wherever they end."""
    line.answer = answer
    attempt = line.client.post_chatbot(1, "smoke-r-1", "sequence")
    line.client.renew_connection()
    demand_an_outcome(attempt)


@REPEATABLE
@given(created)
def test_every_created_has_an_outcome(line: Line, document: Any) -> None:
    """A 201 in a right frame, whose id and token are anything that JSON, or Python's idea of it, can hold."""
    body = _encoded(document)
    line.answer = RIGHT[: RIGHT.index(b"Content-Length")] + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    attempt = line.client.post_chatbot(1, "smoke-r-1", "sequence")
    line.client.renew_connection()
    demand_an_outcome(attempt)
    assert attempt.outcome in ("ok", "fail")


@pytest.mark.parametrize("answer", [RIGHT, RIGHT_CHUNKED], ids=["length", "chunks"])
def test_the_answer_that_is_mutated_is_right(line: Line, answer: bytes) -> None:
    """Its mutants would prove nothing if it were not."""
    line.answer = answer
    attempt = line.client.post_chatbot(1, "smoke-r-1", "sequence")
    line.client.renew_connection()
    assert (attempt.outcome, attempt.id, attempt.error) == ("ok", "7", "")


# --- reports ----------------------------------------------------------------------------------------------------------


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """A verdict whose free text is anything."""
    outcome = st.sampled_from(["pass", "fail", "unknown", "not_covered"])
    checks = st.builds(
        CheckResult,
        id=st.just("tokens_are_distinct"),
        environment=st.just("preview"),
        outcome=outcome,
        claim=st.just("No two chatbots share a token"),
        want=nasty,
        have=st.lists(nasty, max_size=3),
        cause=nasty,
        remedy=nasty,
    )
    left = st.builds(
        LeftBehind, environment=st.just("preview"), name=st.just("smoke-r-1"), id=nasty, reason=nasty, remedy=nasty
    )
    return verdict(
        *draw(st.lists(checks, max_size=3)),
        environment={"revision": draw(nasty)},
        left_behind=draw(st.lists(left, max_size=2)),
        error=draw(nasty),
    )


@REPEATABLE
@given(verdicts())
def test_every_verdict_can_be_printed(verdict: Verdict) -> None:
    """Line by line, without a control, a command, or a line of the server's own."""
    for text, _ in lines(verdict):
        assert text.isprintable()
        assert not text.lstrip().startswith("::")
        assert "##[" not in text
        assert "##vso[" not in text


@REPEATABLE
@given(verdicts())
def test_every_verdict_can_be_summarised(verdict: Verdict) -> None:
    """In Markdown: the same number of lines as without anything nasty, none of them with a control."""
    text = markdown(verdict)
    assert all(line.isprintable() for line in text.split("\n"))
    read = [line for line in text.split("\n") if line not in FOLDS]
    assert not any(line.lstrip().startswith(("::", "<", "|x", "```\n")) for line in read)


@REPEATABLE
@given(verdicts())
def test_every_verdict_can_be_written_and_loaded_back(verdict: Verdict) -> None:
    """To the same data, through a file that a terminal may be shown."""
    with tempfile.TemporaryDirectory() as folder:
        write(verdict, Path(folder))
        text = (Path(folder) / "verdict.json").read_text(encoding="utf-8")
        summary = (Path(folder) / "summary.md").read_text(encoding="utf-8")
    assert summary == markdown(verdict)
    assert json.loads(text) == json.loads(json.dumps(verdict.model_dump(by_alias=True)))
    assert not [c for c in text if not c.isprintable() and c != "\n"]


@REPEATABLE
@given(nasty, st.lists(nasty, max_size=12))
def test_every_finding_can_stand_in_xml(text: str, have: list[str]) -> None:
    """It is what `junit.xml` holds of a check: no character that XML 1.0 forbids (section 2.2), and as many lines."""
    worded = str(finding(want=text, have=have, cause=text, remedy=text))
    assert ET.fromstring(f"<failure>{escape(worded)}</failure>").text == worded
    assert len(worded.split("\n")) == 3 + max(1, min(len(have), 9))  # want, have, cause, remedy
    assert all(line.isprintable() for line in worded.split("\n"))


INVISIBLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"
)


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda c: f"U+{ord(c):04X}")
def test_what_nobody_sees_is_spelt_out(character: str) -> None:
    """Some letters and marks have no look of their own (Default_Ignorable_Code_Point), and yet Python prints them."""
    shown = printable(f"a{character}b")
    assert shown == f"a{character.encode('unicode_escape').decode()}b"


@pytest.mark.parametrize("text", ["e\u0301", "हिन्दी", "ไทย", "한국어", "עברית", "👍🏽"])
def test_what_people_write_stays(text: str) -> None:
    """Marks that are seen are left alone."""
    assert printable(text) == text
