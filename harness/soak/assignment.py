"""What a process of a soak is to do: written by the one that starts it, as a line of JSON, and read by its engine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Master:
    """Hand out `attempts` numbers among workers, at most `rate` a second by at most `users` at once.

    Attributes:
        environments: the file, and `environment` the one of it that is soaked.
        run: the run's id.
        workers: how many there will be.
        timeout_s: of one POST.
        host: where to listen, and `port`, which is 0 where any will do.
    """

    environments: str
    environment: str
    run: str
    attempts: int
    users: int
    rate: float
    workers: int
    timeout_s: float
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Worker:
    """Send the numbers that the master hands out.

    Attributes:
        environments: the file, and `environment` the one of it that is soaked.
        history: the file to write.
        place: what the history says of the environment.
        identity: of the database that rows are stored in, None where that is not to be compared.
        attempts, users, rate: what its own file allows, whatever the master says.
        host: where the master is, and `port`.
    """

    environments: str
    environment: str
    history: str
    place: dict[str, Any]
    identity: str | None
    attempts: int
    users: int
    rate: float
    host: str
    port: int


_ROLES: dict[str, type[Master | Worker]] = {"master": Master, "worker": Worker}


def as_line(assignment: Master | Worker) -> bytes:
    """The assignment as a line of JSON."""
    role = "master" if isinstance(assignment, Master) else "worker"
    return json.dumps({"role": role, **asdict(assignment)}).encode() + b"\n"


def from_line(line: bytes) -> Master | Worker:
    """The assignment that a line of JSON holds."""
    fields = json.loads(line)
    return _ROLES[fields.pop("role")](**fields)
