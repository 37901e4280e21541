"""What a run would send, counted, and what each request and statement is for: a few lines for an environment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.history.attempt import attempt_name
from harness.run.gathering import Step
from harness.run.posting import RUN
from harness.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.configuration.models import Environment

PROBE_POSTS = {"chosen_token": 1, "same_payload": 2}
_FRAME = re.compile(r"BEGIN\b[^;]*(?:; SET LOCAL [^;]*)*|ROLLBACK|SET LOCAL .*", re.DOTALL)


def counted(environment: Environment, steps: Sequence[Step]) -> str:
    """All of it in one line, such as "8 + 11 POSTs, 3 POSTs of probes, 1 DELETE of up to 22 rows, 14 reads"."""
    said: list[str] = []
    probes = sum(PROBE_POSTS[probe] for probe in environment.probes_sent)
    sends = any(step.mutates and step.does.startswith("POST ") for step in steps)
    if sends:
        said.append(f"{environment.posts} + {environment.burst} POSTs")
        said += [f"{plural(probes, 'POST')} of probes"] if probes else []
        said += ["1 POST to log in"] if environment.login is not None else []
        said += [_deleted(environment, environment.posts + environment.burst + probes)]
    said.append(plural(sum(map(_is_read, steps)), "read"))
    return ", ".join(said)


def _deleted(environment: Environment, rows: int) -> str:
    if environment.cleanup == "api":
        return plural(rows, "DELETE")
    if environment.cleanup == "keep" or environment.database is None:
        return "no DELETE"
    return f"1 DELETE of up to {plural(rows, 'row')}"


def _is_read(step: Step) -> bool:
    return not step.mutates and bool(step.purpose) and not _FRAME.fullmatch(step.does)


def in_short(planned: dict[str, Any]) -> str:
    """What a run would send to an environment, and what for."""
    return "\n".join(_lines(planned, [Step(**step) for step in planned["steps"]]))


def _lines(planned: dict[str, Any], steps: Sequence[Step]) -> Iterator[str]:
    yield f"{planned['environment']}  {planned['url']}  ({planned['covers']})"
    yield f"  {planned['summary']}"
    for step in steps:
        if step.mutates:
            yield f"  WRITES  {_verb(step.does)} {step.until}: {step.purpose}"
        elif not step.until:
            yield f"  WRITES NOT: {step.does}"
    purposes: dict[str, list[Step]] = {}
    for step in filter(_is_read, steps):
        purposes.setdefault(step.purpose, []).append(step)
    for purpose, alike in purposes.items():
        yield f"  reads   {f'{len(alike)} x ' if len(alike) > 1 else ''}{purpose}"
    if "soak" in planned:
        yield f"  chatbots-smoke soak, and no other command, WRITES, {planned['soak']['until']}"
    for note in planned["notes"]:
        yield f"  note: {note}"


def _verb(does: str) -> str:
    """What a request or a statement does: its method and path, or the statement's verb."""
    if does.startswith("BEGIN"):
        return "DELETE"
    method, url, *_ = does.split(" ", 2)
    path = "/" + url.partition("://")[2].partition("/")[2]
    return f"{method} {path.replace(attempt_name(RUN, 1), '{name}')}"
