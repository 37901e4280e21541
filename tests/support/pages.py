"""Pages to look at, made by hand, and a reader of pages that is as strict as browsers are lenient."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from harness.configuration.models import Environment
from harness.configuration.secrets import secrets_of
from harness.history.attempt import Attempt
from harness.history.history import History
from harness.history.problem import Problem
from harness.history.token_sample import sample_of
from harness.redaction.redactor import Redactor
from harness.report.evidence import EnvironmentEvidence
from harness.report.page import render
from harness.report.run_log import PastRun
from harness.report.verdict import CheckResult, Verdict
from tests.support import verdicts
from tests.support.histories import failed, ok, unanswered
from tests.support.verdicts import check, row_left

FOLDER = Path("/reports/r")
# What acts if it is not escaped, in text, in an attribute, in a style and in a comment; and what moves a cursor.
HOSTILE = (
    "</title></style></desc></svg><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "\" onmouseover='document.title=1' {{ 7*7 }} ]]><!-- & &amp; &#60; <a href=javascript:alert(1)>x</a> \u202e\x1b[2J"
)
VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass(slots=True)
class Read:
    """What a page holds: elements with their attributes, and text."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def ids(self) -> list[str]:
        """Every id, in order."""
        return [found for _, attributes in self.elements if (found := attributes.get("id")) is not None]

    def classes(self, tag: str) -> list[str]:
        """The class of each element of a tag."""
        return [attributes.get("class") or "" for name, attributes in self.elements if name == tag]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.read = Read()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> names an attribute twice: {names}"
        self.read.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>, at {self.getpos()}"
        self.open.pop()

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment at {self.getpos()}: {data}")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.read.text += data


def read_page(page: str) -> Read:
    """Read a page; every tag must close in order, ids be unique, and nothing in it act or ask."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    read = reader.read
    read.text = " ".join(read.text.split())
    ids = read.ids()
    assert len(set(ids)) == len(ids)
    for tag, attributes in read.elements:
        assert tag not in {"script", "iframe", "object", "embed", "form", "base", "link", "img", "foreignobject", "a:x"}
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "xlink:href")]
        href = attributes.get("href")
        assert href is None or href == "verdict.json" or href.removeprefix("#") in ids
        for named in (attributes.get("aria-labelledby") or "").split():
            assert named in ids
    policy = [a.get("content") for _, a in read.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policy) == 1
    assert str(policy[0]).startswith("default-src 'none'")
    return read


def verdict(*checks: CheckResult, **but: Any) -> Verdict:
    """A verdict on preview, where somebody would find it."""
    of = {"url": "https://preview.example.com", **but.pop("environment", {})}
    return verdicts.verdict(*checks, environment=of, **{"run": "20250101-000000-00000000", "duration_s": 1.5, **but})


def environment(**but: Any) -> Environment:
    """Preview, as it is configured."""
    return Environment(**{"name": "preview", "url": "https://preview.example.com", "database": None, **but})


def version_4(n: int) -> str:
    """A version 4 UUID that is as good as random, and the same in every run."""
    return str(UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4))


def burst(first: int, number: int, **but: Any) -> list[Attempt]:
    """Acknowledged POSTs that were in flight at the same moment."""
    return [
        ok(n, phase="burst", token=version_4(n), started_s=20.0, ended_s=20.0 + n / 100, **but)
        for n in range(first, first + number)
    ]


def samples(folder: Path) -> dict[str, str]:
    """A page of every kind."""
    sent = [*(ok(n, token=version_4(n)) for n in range(1, 4)), *burst(4, 16)]
    stored = sample_of(version_4(n) for n in range(1000))
    passed = verdict(
        check("pass"),
        check("not_covered", id="b", claim="Another claim"),
        verdict="pass",
        environment={"posts": 19, "acknowledged": 19, "rows_removed": 19, "duration_s": 1.2, "revision": "abc123"},
    )
    left = [row_left(id="7", remedy="delete it")]
    bad = [ok(1), failed(2, evidence="duplicate key", phase="burst"), unanswered(3), unanswered(4, Problem.REFUSED)]
    bad += [failed(5, 200, problem=Problem.PLACEHOLDER_PAGE, started_s=5.0, ended_s=5.999)]
    many = [
        *(ok(n, token=version_4(n), started_s=n / 10, ended_s=n / 10 + 0.05) for n in range(1, 90)),
        *(failed(n, started_s=n / 10, ended_s=n / 10 + 0.05) for n in range(90, 99)),
    ]
    config = {"headers": {"Authorization": "Bearer a-long-secret"}, "login": {"path": "/login", "json": {"u": "abcde"}}}
    return {
        "pass": render(
            passed,
            [
                EnvironmentEvidence(
                    "preview", environment(), History.of("preview", sent), stored=stored, past=past_runs(30)
                )
            ],
            folder,
        ),
        "fail": render(
            verdict(check(), check("unknown", id="c"), environment={"posts": 3, "acknowledged": 1}),
            [EnvironmentEvidence("preview", environment(**config), History.of("preview", bad))],
            folder,
        ),
        "dense": render(
            verdict(check()), [EnvironmentEvidence("preview", history=History.of("preview", many))], folder
        ),
        "unknown": render(
            verdict(check("unknown"), verdict="unknown"),
            [EnvironmentEvidence("preview", unavailable="no host")],
            folder,
        ),
        "left behind": render(
            verdict(check("pass"), verdict="pass", left_behind=left, exit_code=76),
            [EnvironmentEvidence("preview", environment(), History.of("preview", sent))],
            folder,
        ),
        "configuration": render(
            verdict(verdict="unknown", environments=[], error="FILE: is empty.", exit_code=4, left_out=["a"]),
            [],
            folder,
        ),
        "hostile": hostile_page(folder),
    }


def past_runs(count: int) -> list[PastRun]:
    """The last runs, the newest first: some failed, some could not tell, some sent nothing."""
    verdicts = ["pass", "pass", "fail", "pass", "unknown"]
    return [
        PastRun(
            run=f"r-{n:02}",
            environment="preview",
            url="https://preview.example.com",
            started_at=f"2026-01-{30 - n:02}T00:00:00+00:00",
            verdict=verdicts[n % 5],
            exit_code=0,
            posts=19,
            failures=n % 5 == 2,
            p50_ms=50.0,
            p95_ms=None if n % 5 == 4 else 100.0 + n,
            max_ms=200.0,
        )
        for n in range(count)
    ]


def hostile_page(folder: Path) -> str:
    """A page whose every text that comes from outside is hostile."""
    hostile: Any = {"want": HOSTILE, "have": [HOSTILE] * 5, "cause": HOSTILE, "remedy": HOSTILE, "claim": HOSTILE}
    api = {"create": "/a'b\"c<d>&", "payload": {"name": "{name}", "x": HOSTILE}}
    config = environment(
        headers={"X-'`$!": "a-long-secret"}, login={"path": "/<i>", "json": {"user": "a-long-name"}}, api=api
    )
    sent = [
        failed(1, evidence=HOSTILE, error=HOSTILE, name=HOSTILE, token=HOSTILE),
        ok(2, name=HOSTILE, id=HOSTILE, token=HOSTILE),
        unanswered(3, error=HOSTILE),
    ]
    of = verdict(
        check(**hostile),
        check("unknown", **{**hostile, "id": HOSTILE}),
        check("not_covered", **{**hostile, "id": "b"}),
        check("pass", id="c", claim=HOSTILE),
        left_behind=[row_left(HOSTILE, id=HOSTILE, reason=HOSTILE, remedy=HOSTILE)],
        left_out=[HOSTILE],
        error=HOSTILE,
        environment={"revision": HOSTILE, "url": HOSTILE, "posts": 3},
    )
    past = [replace(run, run=HOSTILE, started_at=HOSTILE) for run in past_runs(2)]
    evidence = EnvironmentEvidence(
        "preview", config, History.of("preview", sent), unavailable=HOSTILE, stored_unavailable=HOSTILE, past=past
    )
    return render(of, [evidence], folder, Redactor(secrets_of(config)))


def shown(of: Verdict, *evidence: EnvironmentEvidence) -> str:
    """The text of a page."""
    return read_page(render(of, evidence, FOLDER)).text


def seen(*attempts: Any, **but: Any) -> EnvironmentEvidence:
    """These POSTs on preview."""
    return EnvironmentEvidence("preview", environment(), History.of("preview", attempts), **but)
