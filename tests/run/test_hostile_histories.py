"""A history is not a delete list: clean-up refuses one that names what its run cannot have stored, whatever was edited.

Each sample is a history of a real form with one thing wrong. It is refused with file, line, what is wrong and what to
do; no row is removed, neither a customer's nor the run's own.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from harness.configuration.loading import ConfigurationError
from harness.history.reading import UnreadableHistory
from harness.redaction.redactor import Redactor
from harness.run.resumed_cleanup import clean_after
from tests.support.cleanups import store, stored
from tests.support.clients import RUN, environment
from tests.support.gates import entry, run_harness, write_environments
from tests.support.histories import TOKENS
from tests.support.servers import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.run.cleanup import CleanUp
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.servers import Request

Lines = list[Any]
OF = {"environment": "preview"}
NAME = f"smoke-{RUN}"
OURS = [f"{NAME}-{n}" for n in (1, 2, 3)]
CUSTOMERS = ["customer", f"{NAME}-1 ", f"{NAME}-12", f"a {NAME}-1", "smoke-bbq-1", "c", "1", "True", "None", ""]


def right(url: str) -> Lines:
    """Of two POSTs and a probe of two, one of which had no answer; one row was about to be removed."""

    def intent(n: int, name: str, phase: str) -> dict[str, Any]:
        return {"record": "intent", **OF, "n": n, "name": name, "phase": phase, "labels": [name], "at": AT}

    def attempt(n: int, name: str, phase: str) -> dict[str, Any]:
        answered = {"status": 201, "id": str(n), "token": TOKENS[n], "evidence": "{}", "error": "", "problem": None}
        ended = {"outcome": "ok", "started_s": n * 1.0, "ended_s": n + 0.5, **answered}
        return {"record": "attempt", **OF, "n": n, "name": name, "phase": phase, **ended}

    posts = [(1, f"{NAME}-1", "sequence"), (2, f"{NAME}-2", "burst"), (3, f"{NAME}-3", "same_payload")]
    posts += [(4, f"{NAME}-3", "same_payload")]
    return [
        {"record": "run", "format": 1, "run": RUN, "at": AT, "environments": {"preview": {"url": url}}},
        *(intent(*post) for post in posts),
        *(attempt(*post) for post in posts[:3]),
        {"record": "row", **OF, "id": "7", "label": f"{NAME}-1"},
    ]


AT = "2025-01-01T00:00:00.000+00:00"
INTENT, PAIR, ATTEMPT, ROW = 1, 4, 5, 8  # places in it


def changed(place: int, **fields: Any) -> Callable[[Lines], Lines]:
    """One record with other fields."""
    return lambda lines: [{**line, **fields} if n == place else line for n, line in enumerate(lines)]


def without(place: int, field: str | None = None) -> Callable[[Lines], Lines]:
    """One record less, or one field of it."""

    def change(lines: Lines) -> Lines:
        rest = {key: value for key, value in lines[place].items() if key != field}
        return [*lines[:place], *([rest] if field is not None else []), *lines[place + 1 :]]

    return change


def added(*more: Any) -> Callable[[Lines], Lines]:
    """More lines behind the others."""
    return lambda lines: [*lines, *more]


def replaced(place: int, old: str, new: str) -> Callable[[Lines], Lines]:
    """One line, written otherwise."""
    return lambda lines: [json.dumps(x).replace(old, new).encode() if n == place else x for n, x in enumerate(lines)]


def both(**fields: Any) -> Callable[[Lines], Lines]:
    """The first POST, in its intent and in its attempt."""
    return lambda lines: changed(ATTEMPT, **fields)(changed(INTENT, **fields)(lines))


LABELS: dict[str, Any] = {
    "a customer's": ["customer"],
    "a customer's beside ours": [f"{NAME}-1", "customer"],
    "a text, not a list": f"{NAME}-1",
    "a customer's as a text": "customer",
    "an object": {"customer": 1},
    "null": None,
    "numbers": [1],
    "true": [True],
    "lists": [["customer"]],
    "null in it": [None],
    "none": [],
    "empty text": [""],
    "a blank": [" "],
    "of another run": ["smoke-20250101-000000-deadbeef-1"],
    "of a number that was not sent": [f"{NAME}-12"],
    "of another POST": [f"{NAME}-2"],
    "of no number": [f"{NAME}-"],
    "a number with a nought": [f"{NAME}-01"],
    "a wildcard": [f"{NAME}-%"],
    "an underscore": [f"{NAME}-_"],
    "a blank behind it": [f"{NAME}-1 "],
    "a blank before it": [f" {NAME}-1"],
    "a line end behind it": [f"{NAME}-1\n"],
    "a NUL": [f"{NAME}-1\0"],
    "half a surrogate pair": [f"{NAME}-1\ud800"],
    "another digit one": [f"{NAME}-\N{FULLWIDTH DIGIT ONE}"],
    "another letter o": [f"sm\N{CYRILLIC SMALL LETTER O}ke-{RUN}-1"],
    "upper case": [f"{NAME}-1".upper()],
    "among other text": [f"a {NAME}-1"],
    "SQL": [f"{NAME}-1' or '1'='1"],
}
IDS: dict[str, Any] = {
    "a list": ["7"],
    "an object": {"7": 7},
    "true": True,
    "a float": 7.0,
    "a number": 7,
    "empty text": "",
    "a blank": " ",
    "a blank of another kind": "\N{NO-BREAK SPACE}",
    "nothing to see": "\N{ZERO WIDTH SPACE}",
}
ROW_IDS: dict[str, Any] = {
    **IDS,
    "null": None,
    "SQL": "1 or 1=1",
    "a quote": "7'",
    "a blank behind it": "7 ",
    "a sign": "+7",
    "a fraction": "7.0",
    "an exponent": "1e3",
    "another digit": "\N{FULLWIDTH DIGIT SEVEN}",
    "too large a number": "9" * 19,
    "very many digits": "9" * 5_000,
    "hexadecimal": "0x7",
    "a name": "customer",
    "a UUID": TOKENS[1],
}
SAMPLES: dict[str, Callable[[Lines], Lines]] = {
    **{f"labels: {name}": changed(INTENT, labels=labels) for name, labels in LABELS.items()},
    **{f"id of an attempt: {name}": changed(ATTEMPT, id=id_) for name, id_ in IDS.items()},
    **{f"id of a row: {name}": changed(ROW, id=id_) for name, id_ in ROW_IDS.items()},
    **{f"id of a removed row: {name}": changed(ROW, record="removed", id=id_) for name, id_ in ROW_IDS.items()},
    **{f"n: {n!r}": both(n=n) for n in (-1, -(2**63), 2**63, 10**30, True, 1.0, 1.5, "1", None, [1])},
    **{f"started_s: {s!r}": changed(ATTEMPT, started_s=s) for s in ("soon", None, True, [1.0])},
    **{f"status: {s!r}": changed(ATTEMPT, status=s) for s in ("201", True, 10**30, -1, 201.5)},
    **{f"at: {at!r}": changed(INTENT, at=at) for at in ("yesterday", "2025-01-01T00:00:00", 5, "", ["x"])},
    **{
        f"run: {run!r:.40}": changed(0, run=run)
        for run in ("", ".*", "r|customer", "%", " ", f"{RUN}\n", f"{RUN} ", "x" * 300, None, 5, [RUN], "smoke/../x")
    },
    **{
        f"a row's label: {label!r}": added({"record": record, **OF, "id": "1", "label": label})
        for label in ("customer", f"{NAME}-12", f"{NAME}-1 ", "", None, [f"{NAME}-1"])
        for record in ("row", "removed")
    },
    "identity: null": added({"record": "database", **OF, "identity": None}),
    "identity: a number": added({"record": "database", **OF, "identity": 5}),
    "environments: a text": changed(0, environments="preview"),
    "environments: a list": changed(0, environments=["preview"]),
    "environments: numbers": changed(0, environments={"preview": 5}),
    "environments: without a url": changed(0, environments={"preview": {}}),
    **{f"phase: {phase!r}": both(phase=phase) for phase in ("customer", None, 5, "Burst")},
    **{f"outcome: {of!r}": changed(ATTEMPT, outcome=of) for of in ("removed", None, 5)},
    "url that is a list": changed(0, environments={"preview": {"url": ["http://h"]}}),
    "labels that are missing": without(INTENT, "labels"),
    "a customer's name": both(name="customer", labels=["customer"]),
    "a customer's name in the attempt": changed(ATTEMPT, name="customer"),
    "the name of another POST": both(name=f"{NAME}-2", labels=[f"{NAME}-2"]),
    "the name of another run": both(name="smoke-bbq-1", labels=["smoke-bbq-1"]),
    "another run": changed(0, run="20250101-000000-deadbeef"),
    "a probe of a POST that is not there": changed(PAIR, n=9),
    "a probe of a POST long before": changed(PAIR, n=4, name=f"{NAME}-1", labels=[f"{NAME}-1"]),
    "an attempt that was never sent": added(
        {**right("")[ATTEMPT], "n": 12, "name": f"{NAME}-12"},
    ),
    "an attempt that was never sent, of a customer's name": added({**right("")[ATTEMPT], "n": 12, "name": "customer"}),
    "an attempt before its intent": lambda lines: [lines[0], lines[ATTEMPT], *lines[1:ATTEMPT], *lines[ATTEMPT + 1 :]],
    "an attempt of another phase": changed(ATTEMPT, phase="soak"),
    "a number that is sent twice": added({**right("")[INTENT], "labels": ["customer"]}),
    "two runs": added({"record": "run", "format": 1, "run": "r", "environments": {"preview": {"url": "http://h"}}}),
    "two runs, the other one ours": lambda lines: [{**lines[0], "run": "bbq"}, *lines],
    "a key that comes twice": replaced(INTENT, '"labels": [', '"labels": ["customer"], "labels": ['),
    "a key that comes twice, the customer last": replaced(INTENT, '"at"', '"labels": ["customer"], "at"'),
    "a key that comes twice in the first line": replaced(0, '"run": "', '"run": "bbq", "run": "'),
    "a key that comes twice in an unknown field": replaced(INTENT, '"at"', '"more": {"a": 1, "a": 2}, "at"'),
    "not a number": replaced(ATTEMPT, '"started_s": 1.0', '"started_s": NaN'),
    "infinity": replaced(ATTEMPT, '"started_s": 1.0', '"started_s": -Infinity'),
    "a float beyond all": replaced(ATTEMPT, '"started_s": 1.0', '"started_s": 1e999'),
    "not a number in an unknown field": replaced(ATTEMPT, '"started_s"', '"more": NaN, "started_s"'),
    "very many digits": replaced(INTENT, '"n": 1', '"n": ' + "1" * 10_000),
    "deeply nested": replaced(INTENT, '"at"', '"more": ' + "[" * 100_000 + "]" * 100_000 + ', "at"'),
    "deeply nested labels": replaced(INTENT, '"labels": [', '"labels": [' + "[" * 100_000),
    "a very long line": lambda lines: changed(ATTEMPT, evidence="x" * 20_000_000)(lines),
    "a very long line of nothing": lambda lines: replaced(ATTEMPT, '"evidence"', " " * 20_000_000 + '"evidence"')(
        lines
    ),
    "not JSON": added(b"{torn in the middle"),
    "not UTF-8": added(b"\xff\xfe"),
    "a byte order mark": lambda lines: [b"\xef\xbb\xbf" + json.dumps(lines[0]).encode(), *lines[1:]],
    "no object": added([]),
    "no record": added({}),
    "a record without its environment": without(INTENT, "environment"),
    "a record of another environment": changed(INTENT, environment="production"),
    "an environment that is a list": changed(INTENT, environment=["preview"]),
    "a kind that is a list": changed(INTENT, record=["intent"]),
    "another version": changed(0, format=2),
    "version true": changed(0, format=True),
    "no first line": without(0),
    "cut short, without a cause": added({"record": "cut_short", **OF, "n": 1, "remedy": "", "absent": True}),
    "cut short, absent as a text": added(
        {"record": "cut_short", **OF, "n": 1, "cause": "c", "remedy": "r", "absent": "yes"}
    ),
}


def written(file: Path, lines: Lines) -> Path:
    """A history of these lines; one that is bytes stands as it is."""
    file.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return file


def clean(file: Path, deployment: Deployment, **of: Any) -> CleanUp:
    """What the command does with it."""
    of = {"url": deployment.url, "database": deployment.database, "late_rows_s": 0, **of}
    return clean_after(file, RUN, environment(of.pop("url"), **of), Redactor(), threading.Event())


@pytest.fixture(scope="module")
def shared(postgres: Postgres) -> Iterator[Deployment]:
    """A deployment with the rows of customers, and of the run."""
    from rehearsal.deployment.start import deployed

    with deployed(postgres) as deployment:
        store(deployment, *CUSTOMERS, *OURS)
        yield deployment


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_history_that_was_edited_is_refused(
    tmp_path: Path, shared: Deployment, sample: Callable[[Lines], Lines]
) -> None:
    """File, line, what is wrong and what to do; and no row is removed."""
    file = written(tmp_path / "h.jsonl", sample(right(shared.url)))
    before = stored(shared, "%")
    try:
        with pytest.raises((UnreadableHistory, ConfigurationError)) as refused:
            clean(file, shared)
        said = str(refused.value)
        assert said.startswith(f"{file}: line "), said
        assert "restore the file as its run wrote it" in said
        assert len(said) < len(str(file)) + 600
    finally:
        with psycopg.connect(shared.database) as connection:
            after = stored(shared, "%")
            for name in {*before} - {*after}:
                connection.execute("insert into chatbots (name) values (%s)", [name])
    assert after == before


def old(lines: Lines) -> Lines:
    """As the first version wrote it: without times, without the database, without what was added to attempts."""
    later = {"at", "evidence", "error"}
    return [{key: value for key, value in line.items() if key not in later} for line in lines]


RIGHT: dict[str, Callable[[Lines], Lines]] = {
    "as it is": lambda lines: lines,
    "of an older version": old,
    "of a later version": lambda lines: [
        {**lines[0], "more": [1]},
        {"record": "of another kind", "about": "a later version"},
        *({**line, "more": {"a": {"b": 1}}} for line in lines[1:]),
    ],
    "torn in its last line": added(b'{"record": "intent", "labels": ["customer"'),
    "blank lines in it": lambda lines: [lines[0], b"", b" ", *lines[1:], b""],
    "two rows of one POST": added({"record": "row", **OF, "id": "8", "label": f"{NAME}-1"}),
    "a row that was removed": added({"record": "removed", **OF, "id": "7", "label": f"{NAME}-1"}),
    "outcomes in another order": lambda lines: [*lines[: PAIR + 1], *reversed(lines[PAIR + 1 : ROW]), lines[ROW]],
    "an answer with another id": changed(ATTEMPT, id="a-slug-of-the-app"),
}


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT)
def test_a_history_as_a_run_writes_it_is_cleaned_up(
    tmp_path: Path, shared: Deployment, change: Callable[[Lines], Lines]
) -> None:
    """Of this version, an older or a later one, killed in the middle; two rows under one name are both removed."""
    lines = change(right(shared.url))
    if isinstance(lines[-1], bytes) and lines[-1].startswith(b"{"):
        file = written(tmp_path / "h.jsonl", lines[:-1])
        with file.open("ab") as more:
            more.write(lines[-1])
    else:
        file = written(tmp_path / "h.jsonl", lines)
    store(shared, f"{NAME}-1", *(name for name in OURS if name not in stored(shared, "%")))
    try:
        done = clean(file, shared)
        assert done.removed == 4
        # The last POST had no answer. When it was sent, an older version did not write: its row may still come.
        assert [row.name for row in done.left] == ([OURS[-1]] if change is old else [])
        assert {*stored(shared, "%")} & {*CUSTOMERS, *OURS} == {*CUSTOMERS}
    finally:
        store(shared, *OURS)


@pytest.mark.parametrize(
    ("payload", "label", "own"),
    [
        ({"name": "Bot {name}"}, f"Bot {NAME}-1", True),
        ({"name": "{name}", "settings": {"title": ["<{name}>"]}}, f"<{NAME}-1>", True),
        ({"name": "Bot {name}"}, f"{NAME}-1", True),
        ({"name": "Bot {name}"}, f"bot {NAME}-1", False),
        ({"name": "Bot {name}"}, f"Bot {NAME}-2", False),
        ({"name": "{name}"}, f"Bot {NAME}-1", False),
    ],
)
def test_a_label_is_what_the_payload_makes_of_a_name(
    tmp_path: Path, shared: Deployment, payload: dict[str, Any], label: str, own: bool
) -> None:
    """The environment's own, so that nothing else can be named."""
    lines = [line for line in right(shared.url) if line.get("n", 1) == 1 and line["record"] != "row"]
    file = written(tmp_path / "h.jsonl", changed(INTENT, labels=[label])(lines))
    api = {"payload": payload}
    if not own:
        with pytest.raises(UnreadableHistory, match="clean up with the configuration that the run had"):
            clean(file, shared, api=api)
        return
    if label not in OURS:
        store(shared, label)
    try:
        assert clean(file, shared, api=api).removed == 1
    finally:
        store(shared, *({label} & {*OURS}))


def test_without_a_database_no_foreign_id_is_deleted(tmp_path: Path) -> None:
    """Only answers say then which ids are the run's own: a blank one, or one of a POST never sent, is refused."""
    deleted: list[str] = []

    def app(request: Request) -> bool:
        deleted.append(request.target)
        request.answer("204 No Content")
        return True

    with serving(app) as server:
        of = {"cleanup": "api", "database": None, "api": {"delete": "/api/chatbots/{id}"}, "late_rows_s": 0}
        described = environment(server.url, **of)
        for name in SAMPLES:
            if name.startswith(("id of an attempt", "an attempt", "a customer's name")):
                file = written(tmp_path / "h.jsonl", SAMPLES[name](right(server.url)))
                with pytest.raises(UnreadableHistory):
                    clean_after(file, RUN, described, Redactor(), threading.Event())
    assert deleted == []


def test_the_command_says_what_is_wrong(tmp_path: Path, healthy: Deployment) -> None:
    """Exit 4 with file, line and remedy, no traceback; what is wrong in one environment keeps its rows in the other."""
    store(healthy, "customer", f"{NAME}-1")
    places = {"preview": {"url": healthy.url}, "production": {"url": healthy.url}}
    wrong = {"record": "intent", "environment": "production", "n": 9, "name": f"{NAME}-9", "phase": "burst"}
    lines = [*changed(0, environments=places)(right(healthy.url)), {**wrong, "labels": ["customer"]}]
    file = written(tmp_path / "h.jsonl", lines)
    settings = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy), production=entry(healthy))
    done = run_harness("cleanup", str(file), "--environments", str(settings))
    assert done.exit_code == 4, done.out + done.err
    assert f"{file}: line 10: labels: 'customer' is not what api.payload" in done.err
    assert "Traceback" not in done.out + done.err
    assert {"customer", f"{NAME}-1"} <= {*stored(healthy, "%")}


@pytest.mark.parametrize(
    "name", ["deeply nested", "a very long line", "n: -1", "two runs", "version true", "not UTF-8"]
)
def test_who_judges_refuses_it_as_well(tmp_path: Path, name: str) -> None:
    """In the same words."""
    file = written(tmp_path / "h.jsonl", SAMPLES[name](right("http://h")))
    done = run_harness("judge", str(file), "--report-dir", str(tmp_path / "report"))
    assert done.exit_code == 4, done.out + done.err
    assert "restore the file as its run wrote it" in done.out + done.err
    assert "Traceback" not in done.out + done.err
