"""The file and its variables: what stands in it, and whether a run would take it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from harness.configuration.file_limits import demand_descriptors
from harness.configuration.loading import ConfigurationError, demand_few, load
from harness.doctor.answers import Answer, ok, wrong
from harness.report.paths import as_typed
from harness.run.known_claims import demand_known_claims

if TYPE_CHECKING:
    from pathlib import Path

    from harness.configuration.models import Environment

FILE, VARIABLES, URL_OF_DATABASE = "file", "variables", "database url"


class Described(NamedTuple):
    """What was read: the environment, None where the file is too wrong for one.

    `without_database` says that the URL of its database alone is wrong, and that the environment has none therefore.
    """

    answers: list[Answer]
    environment: Environment | None
    without_database: bool = False


def read(file: Path, name: str) -> Described:
    """Read an environment as a run does. Where its database's URL alone is wrong, the rest is read without it."""
    try:
        (environment,) = load(file, [name])
    except ConfigurationError as error:
        answers = [*_mistakes(error, file, name)]
        if not error.mistakes or any(_key(mistake.place, name) != "database" for mistake in error.mistakes):
            return Described(answers, None)
        (environment,) = load(file, [name], without=frozenset({"database"}))
        return Described(answers, environment, without_database=True)
    refused = _refused(environment, file)
    return Described(
        [
            *([] if refused else [ok(FILE, f"{as_typed(file)}: {name} has every key that a run needs")]),
            *refused,
            ok(VARIABLES, "every variable in it is set"),
        ],
        environment,
    )


def _mistakes(error: ConfigurationError, file: Path, name: str) -> list[Answer]:
    if not error.mistakes:
        return [wrong(FILE, *_parted(str(error).replace(str(file), as_typed(file))), key="")]
    answers = []
    for mistake in error.mistakes:
        key = _key(mistake.place, name)
        step = VARIABLES if mistake.variable else URL_OF_DATABASE if key == "database" else FILE
        missing = mistake.said.startswith("is missing")
        said, fix = _parted(mistake.said, f"{'add' if missing else 'correct'} {mistake.place}")
        answers.append(wrong(step, f"{as_typed(file)}: {mistake.place}: {said}", fix, key))
    return answers


def _refused(environment: Environment, file: Path) -> list[Answer]:
    """What a run refuses of a file that can be read."""
    answers = []
    for demand, key in ((demand_few, "posts"), (demand_known_claims, "waive")):
        try:
            demand([environment], file)
        except ConfigurationError as error:
            answers.append(wrong(FILE, *_parted(str(error)), key=key))
    try:
        demand_descriptors([environment])
    except ConfigurationError as error:
        answers.append(wrong(FILE, *_parted(str(error)), key="burst"))
    return answers


def _key(place: str, name: str) -> str:
    """A key as it is named within its environment; one of the defaults keeps saying so."""
    return place.removeprefix(f"environments.{name}.")


def _parted(message: str, otherwise: str = "correct it") -> tuple[str, str]:
    """What is wrong, and what to do: messages of the configuration say both, one after the other."""
    said, fix = next((parts for mark in (". ", "; ") if (parts := _split(message, mark))), (message, ""))
    meant = re.search(r"did you mean '([^']{1,100})'", said)
    if meant:
        return said, f"write {meant[1]}" + (f". {fix}" if fix else "")
    if not fix and " such as " in message:
        return said, f"write it such as {message.partition(' such as ')[2].rstrip('.')}"
    return said, fix or otherwise


def _split(message: str, mark: str) -> tuple[str, str] | None:
    said, found, rest = message.partition(mark)
    return (said, rest) if found else None
