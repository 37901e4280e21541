"""What stands in a configuration that is wrong is not quoted: it may be a secret in the wrong place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.gates import run_harness, run_pytest, write_environments
from tests.support.leaks import leaks, leaks_of_folder

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "w0r-Kt93xQzBm58dLa"
ONE_WORD = SECRET.replace("-", "")
WRONG: dict[str, str] = {
    "a port that is a password": f"url: 'http://user:{SECRET}', database: null",
    "no scheme": f"url: 'user:{SECRET}@h', database: null",
    "another scheme": f"url: 'ftp://user:{SECRET}@h', database: null",
    "a blank in the URL": f"url: 'http://user:{SECRET} x@h', database: null",
    "a bracket in the URL": f"url: 'http://user:[{SECRET}@h', database: null",
    "a slash in the password": f"url: http://h, database: 'postgresql://u:ab/{SECRET}@h/d'",
    "a question mark in the password": f"url: http://h, database: 'postgresql://u:ab?{SECRET}=1@h/d'",
    "an unknown parameter": f"url: http://h, database: 'postgresql://u:x@h/d?{SECRET}=1'",
    "a password that goes on": f"url: http://h, database: 'postgresql://u@h/d?password=a&{ONE_WORD}=x'",
    "a percent sign": f"url: http://h, database: 'postgresql://u:%zz{SECRET}@h/d'",
    "no database URL": f"url: http://h, database: '{SECRET}'",
    "a driver": f"url: http://h, database: 'postgresql+{SECRET}://u@h/d'",
    "an sslmode": f"url: http://h, database: 'postgresql://u@h/d?sslmode={SECRET}'",
    "a number for a header": f"url: http://h, database: null, headers: {{X-Key: [{SECRET}]}}",
    "a header's value for its name": f"url: http://h, database: null, headers: {{'Bearer {SECRET}': x}}",
    "a line break in a header": f'url: http://h, database: null, headers: {{X-Key: "a\\n{SECRET}"}}',
    "headers that are text": f"url: http://h, database: null, headers: 'X-Key: {SECRET}'",
    "a login that is text": f"url: http://h, database: null, login: '{SECRET}'",
    "a login's body that is text": f"url: http://h, database: null, login: {{path: /l, json: '{SECRET}'}}",
    "a login's path": f"url: http://h, database: null, login: {{path: 'l?{SECRET}', json: {{}}}}",
    "a broken reference": f"url: http://h, database: 'postgresql://u:${{{SECRET}@h/d'",
    "a broken reference in a header": f"url: http://h, database: null, headers: {{X-Key: '${{{SECRET}}}'}}",
    "an alias": f"url: http://h, database: null, headers: {{X-Key: *{SECRET}}}",
    "a tag": f"url: http://h, database: null, headers: {{X-Key: !{SECRET} x}}",
    "a tag of numbers": f"url: http://h, database: null, headers: {{X-Key: !!int '{SECRET}'}}",
    "an escape": f'url: http://h, database: null, headers: {{X-Key: "\\q{SECRET}"}}',
    "posts": f"url: http://h, database: null, posts: {SECRET}",
    "cleanup": f"url: http://h, database: null, cleanup: {SECRET}",
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_configuration_is_not_quoted(tmp_path: Path, mistake: str) -> None:
    """The message names file and key, and leaves out what stands there."""
    file = tmp_path / "environments.yaml"
    file.write_text(f"environments: {{preview: {{{WRONG[mistake]}}}}}\n", encoding="utf-8")
    for run in (
        run_pytest(tmp_path / "report", "--environments", str(file)),
        run_harness("plan", "--environments", str(file)),
        run_harness("doctor", "--write", "--environments", str(file)),
    ):
        assert run.exit_code == 4, run.out + run.err
        assert "environments.yaml" in run.err + run.out
        assert leaks(run.out + run.err, [SECRET, ONE_WORD]) == []
    assert leaks_of_folder(tmp_path / "report", [SECRET, ONE_WORD]) == {}


def test_variables_in_a_wrong_configuration_are_not_quoted(tmp_path: Path) -> None:
    """A variable that holds something else than its name says."""
    described = {"url": "${SMOKE_URL}", "database": "${SMOKE_DATABASE}", "posts": "${SMOKE_TOKEN}"}
    file = write_environments(tmp_path / "environments.yaml", {}, preview=described)
    wrong = {"SMOKE_URL": f"http://u:{SECRET}@[", "SMOKE_DATABASE": f"mysql://u:{SECRET}@h", "SMOKE_TOKEN": SECRET}
    run = run_pytest(tmp_path / "report", "--environments", str(file), **wrong)
    assert run.exit_code == 4, run.out + run.err
    assert leaks(run.out + run.err + (tmp_path / "report" / "verdict.json").read_text(), [SECRET]) == []
