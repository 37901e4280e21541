"""The doctor, asked in this process: what it says, its exit code, and the places that mistakes are made at."""

from __future__ import annotations

import io
import json
import os
import signal
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import urlsplit

import yaml

from harness.__main__ import main
from rehearsal.deployment.start import deployed
from tests.support.gates import clean_environment
from tests.support.proxies import pooling
from tests.support.servers import certificate, creating, refusing, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.mistakes import Mistake

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True, repr=False)
class Said:
    """What the doctor said: its exit code, its answers, and all that was printed."""

    exit_code: int
    answers: list[dict[str, str]]
    printed: str

    def __repr__(self) -> str:
        return f"exit {self.exit_code}\n{self.printed}"

    def of(self, step: str) -> list[dict[str, str]]:
        """The answers of a step."""
        return [answer for answer in self.answers if answer["step"] == step]

    def one(self, step: str) -> dict[str, str]:
        """The only one."""
        (answer,) = self.of(step)
        return answer


def ask(*arguments: str, environ: Mapping[str, str] | None = None) -> Said:
    """`chatbots-smoke doctor`, in this process: starting another one takes longer than what it asks."""
    words = ["doctor", *arguments]
    before = {number: signal.getsignal(number) for number in SIGNALS}
    out, err = io.StringIO(), io.StringIO()
    try:
        with (
            patch.dict(os.environ, clean_environment(**(environ or {})), clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = main(words)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    printed = out.getvalue()
    answers: list[dict[str, str]] = json.loads(printed) if "--json" in arguments and printed else []
    return Said(code, answers, printed + err.getvalue())


@dataclass(frozen=True, slots=True)
class Places:
    """Where the right things are, for whoever is to be wrong about one of them."""

    server: Postgres
    app: Deployment
    other: Deployment
    refused: str
    tls: str
    by_tcp: int

    def filled(self, value: Any, app: Deployment, url: str) -> Any:
        """A value with its places filled in."""
        if isinstance(value, dict):
            return {key: self.filled(item, app, url) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.filled(item, app, url) for item in value]
        if not isinstance(value, str):
            return value
        name = urlsplit(app.database).path.lstrip("/")
        known = {
            "<URL>": url,
            "<HOST>": urlsplit(url).netloc,
            "<REFUSED>": self.refused,
            "<REFUSED HOST>": urlsplit(self.refused).netloc,
            "<TLS HOST>": urlsplit(self.tls).netloc,
            "<DATABASE>": app.database,
            "<OTHER DATABASE>": self.other.database,
            "<DATABASE BY TCP>": f"postgresql://app@127.0.0.1:{self.by_tcp}/{name}",
            "<DATABASE AS nobody>": self.server.dsn(name, "nobody"),
            "<DATABASE AS locked_out>": self.server.dsn(name, "locked_out", "c4n4ry-pa55"),
            "<DATABASE shop_of_nobody>": self.server.dsn("shop_of_nobody"),
        }
        for place, filled in known.items():
            value = value.replace(place, filled)
        return value


@contextmanager
def places(server: Postgres) -> Iterator[Places]:
    """A healthy deployment, a port that refuses, and a server whose certificate nobody knows."""
    with ExitStack() as stack:
        app = stack.enter_context(deployed(server))
        other = stack.enter_context(deployed(server, name="other"))
        refused = stack.enter_context(refusing())
        context, _ = stack.enter_context(certificate())
        tls = stack.enter_context(serving(creating, context))
        by_tcp = stack.enter_context(pooling(server))
        yield Places(server, app, other, refused, tls.url, by_tcp)


@contextmanager
def made(mistake: Mistake, at: Places, folder: Path) -> Iterator[tuple[list[str], dict[str, str], Deployment, str]]:
    """A mistake: the arguments of the command, its variables, the app, and the url that is meant."""
    with ExitStack() as stack:
        app = at.app
        if mistake.sql or mistake.variant or mistake.fault:
            app = stack.enter_context(deployed(at.server, mistake.fault, mistake.variant))
            name = urlsplit(app.database).path.lstrip("/")
            at.server.run(name, mistake.sql)
            stack.callback(at.server.run, name, ["revoke pg_read_all_stats from verifier"])  # it is of all databases
        url = app.url if mistake.answers is None else stack.enter_context(serving(mistake.answers)).url
        dsn = app.database
        if mistake.role:
            dsn = at.server.dsn(urlsplit(dsn).path.lstrip("/"), mistake.role)
        file = folder / "environments.yaml"
        given = dict(at.filled(mistake.given, app, url))
        others = {name: given.pop(name) for name in ("production",) if name in given}
        own = {"url": "${PREVIEW_URL}", "database": "${PREVIEW_POSTGRES_URL}", **given}
        document = yaml.safe_dump({"environments": {"preview": own, **others}})
        file.write_text(at.filled(mistake.text, app, url) or document, encoding="utf-8")
        environ = {"PREVIEW_URL": url, "PREVIEW_POSTGRES_URL": dsn, **at.filled(dict(mistake.environ), app, url)}
        words = ["--environments", str(file)]
        if mistake.name == "a report folder of somebody else":
            (folder / "report").mkdir(mode=0o755)
            (folder / "report" / "notes.txt").touch()
        if "--environments" in mistake.arguments:
            words = []
        if mistake.post:
            words += ["--post", "--report-dir", str(folder / "report")]
        yield [*words, *mistake.arguments], environ, app, url
