"""The diagnosis of one environment: every step in the order in which a run meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.doctor.answers import Answer, unknown
from harness.doctor.checkout import ask_checkout
from harness.doctor.database import CONNECTION, ask_database
from harness.doctor.deployment import ask_deployment
from harness.doctor.file import read
from harness.doctor.first_post import POST, post
from harness.doctor.sharing import ask_sharing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.configuration.models import Environment
    from harness.doctor.deployment import Visit
    from harness.doctor.first_post import Sending


class Diagnosis(NamedTuple):
    """What was said of one environment.

    Attributes:
        name: of the environment.
        answers: a line for each step.
        environment: itself; None where the file is too wrong for one.
        postable: whether nothing is known that would keep a run from sending its POSTs.
    """

    name: str
    answers: list[Answer]
    environment: Environment | None
    postable: bool = False


def diagnose(file: Path, name: str, visit: Visit) -> Diagnosis:
    """Ask everything that a run would ask before its first POST; sends nothing but a login.

    Args:
        file: the file that describes the environment.
        name: of the environment.
        visit: how the deployment is asked.
    """
    described = read(file, name)
    environment = described.environment
    if environment is None:
        said = "url, ready page, login and database were not checked: correct the file first"
        return Diagnosis(
            name, [*described.answers, unknown("the rest", said, "correct the file and run doctor again")], None
        )
    asked = ask_deployment(environment, visit)
    answers = [*described.answers, *asked.answers]
    if not described.without_database:
        found = ask_database(environment, visit.stop, wait=visit.wait)
        answers += [*found.answers, *ask_sharing(file, environment, found.identity, visit.redact)]
    answers += ask_checkout(environment)
    # A run would try its database for a while before it gives up; that it is not reached is known already.
    before = [*described.answers, *(answer for answer in answers if answer.step == CONNECTION)]
    postable = asked.serves and all(answer.outcome == "ok" for answer in before)
    return Diagnosis(name, answers, environment, postable)


def post_too(diagnoses: Sequence[Diagnosis], sending: Callable[[], Sending]) -> list[Diagnosis]:
    """The diagnoses with what one POST to each came to; none is sent where something is known to be wrong."""
    ready = [each.environment for each in diagnoses if each.postable and each.environment is not None]
    said = post(ready, sending()) if ready else {}
    why = unknown(POST, "no POST was sent, because something above is not ready", "correct that and run doctor again")
    return [each._replace(answers=[*each.answers, *said.get(each.name, [why])]) for each in diagnoses]
