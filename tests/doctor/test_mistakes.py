"""Each typical mistake is made, and the doctor says what happened, where, and what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.doctors import Places, ask, made, places
from tests.support.gates import run_pytest
from tests.support.mistakes import MISTAKES, PASSWORD, Mistake, is_said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

EVERY = [mistake for of in MISTAKES.values() for mistake in of]
OF_THE_GATE = [mistake for mistake in EVERY if mistake.step == "gate"]


def named(mistake: Mistake) -> str:
    """A mistake as the name of a test."""
    return mistake.name.replace(" ", "_")


@pytest.fixture(scope="module")
def at(postgres: Postgres) -> Iterator[Places]:
    """Where the right things are."""
    with places(postgres) as found:
        yield found


@pytest.mark.parametrize("mistake", [each for each in EVERY if each not in OF_THE_GATE], ids=named)
def test_the_doctor_names_the_mistake(mistake: Mistake, at: Places, tmp_path: Path) -> None:
    """Its step says what happened and where, the fix what to write, and no password is printed."""
    with made(mistake, at, tmp_path) as (words, environ, app, url):
        said = ask("--json", *words, environ=environ)
        wanted = [at.filled(pattern, app, url) for pattern in (mistake.says, mistake.write)]
    answers = [a for a in said.of(mistake.step) if a["outcome"] == mistake.outcome and a["key"] == mistake.key]
    texts = [f"{answer['said']}\n{answer['fix']}" for answer in answers]
    assert any(all(is_said(pattern, text.replace("\n", " ")) for pattern in wanted) for text in texts), said
    assert said.exit_code == mistake.exit_code, said
    assert PASSWORD not in said.printed
    assert "Traceback" not in said.printed


@pytest.mark.parametrize("mistake", OF_THE_GATE, ids=named)
def test_the_gate_names_the_mistake(mistake: Mistake, at: Places, tmp_path: Path) -> None:
    """Where the doctor does not come so far, a run says it."""
    with made(mistake, at, tmp_path) as (words, environ, app, url):
        run = run_pytest(tmp_path / "report", *words, *mistake.gate, **environ)
        wanted = [at.filled(pattern, app, url) for pattern in (mistake.says, mistake.write)]
    printed = " ".join((run.out + run.err).split())
    assert [pattern for pattern in wanted if not is_said(pattern, printed)] == [], printed
    assert run.exit_code == mistake.exit_code, printed


def test_mistakes_have_names_of_their_own() -> None:
    """So that each is found in the table."""
    assert len({mistake.name for mistake in EVERY}) == len(EVERY) >= 40
