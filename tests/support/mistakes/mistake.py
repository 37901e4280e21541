"""What a typical mistake is: how it is made, and what is said of it.

One table: a test makes each mistake and compares what is said, and docs/troubleshooting.md is made of it. In `says` and
`write` two dots between blanks stand for what differs from case to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.servers import Request, creating

Outcome = Literal["ok", "wrong", "unknown"]
PASSWORD = "c4n4ry-pa55"  # of each URL of a database that has one: it may be said nowhere


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. `<URL>`, `<DATABASE>` and so on in what is given stand for where the right things are.

    Attributes:
        name: what is wrong, in words.
        step: of the diagnosis that it is seen in.
        says: what is said of it.
        means: what that means, for a stranger.
        write: what is said to do.
        key: the key that is named.
        outcome: of that step.
        given: keys of the environment that are not as they should be.
        environ: variables that are set.
        text: the whole file, where it is not made of `given`.
        arguments: of the command, beside the file.
        answers: how the deployment answers, where it is not the app of the rehearsal.
        sql: what is done to the database before.
        role: the role that reads the database.
        variant: of the rehearsal.
        fault: of the rehearsal, where its app is unusual in a way that is no variant.
        post: whether one POST is needed to see it (--post).
        gate: arguments of the gate, where the doctor does not come so far.
    """

    name: str
    step: str
    says: str
    means: str
    write: str
    key: str = ""
    outcome: Outcome = "wrong"
    given: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    arguments: tuple[str, ...] = ()
    answers: Callable[[Request], bool] | None = None
    sql: tuple[str, ...] = ()
    role: str = ""
    variant: str | None = None
    fault: str | None = None
    post: bool = False
    gate: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the doctor exits with where this is all that is wrong."""
        return {"ok": 0, "wrong": 4, "unknown": 75}[self.outcome]


def is_said(pattern: str, text: str) -> bool:
    """Whether a text says what a pattern of this table does."""
    return re.search(".*".join(map(re.escape, re.split(r" ?\.\. ?", pattern))), text) is not None


def at(path: str, status: str, body: str = "", *headers: str, method: str = "GET") -> Callable[[Request], bool]:
    """A deployment that answers one path so, and everything else as it should."""

    def answer(request: Request) -> bool:
        if (request.method, request.target) != (method, path):
            return creating(request)
        request.answer(status, body.encode(), *headers)
        return True

    return answer


JSON = "Content-Type: application/json"
LOGIN = {"path": "/login", "json": {"user": "smoke", "password": "wrong"}}
OWN = "<DATABASE>"


def url_of(rest: str) -> dict[str, str]:
    """A URL of a database in the variable that the file refers to."""
    return {"PREVIEW_POSTGRES_URL": rest}
