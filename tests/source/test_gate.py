"""The source checks in the real command: what they send (nothing), verdicts, exit codes, notes."""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.apps import SAMPLES
from tests.support.gates import Run, run_command, run_gate, run_pytest, write_environments
from tests.support.large_apps import write_app

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment

APPS = sorted(folder.name for folder in SAMPLES.iterdir() if folder.is_dir())
CLAIMS = ("source_handles_no_collision", "source_insert", "source_leaves_no_generator", "source_makes_no_token")
NOWHERE = {"url": "http://127.0.0.1:9", "database": None}
BLOCKED = "import sys; sys.modules['tree_sitter'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"


def run_source(folder: Path, source: Path, *arguments: str, **settings: object) -> Run:
    """Only the source checks, of a deployment that does not answer."""
    file = write_environments(folder / "environments.yaml", {}, preview={**NOWHERE, **settings})
    selected = ["--environments", str(file), "--source", str(source), "-k", " or ".join(CLAIMS)]
    return run_pytest(folder / "report", *selected, *arguments)


@pytest.mark.parametrize("app", APPS)
def test_a_sample_after_the_change_passes(app: str, tmp_path: Path) -> None:
    """All claims hold, and nothing was sent: the deployment does not even answer."""
    run = run_source(tmp_path, SAMPLES / app / "after")
    assert run.exit_code == 0, run.out
    assert run.outcomes("preview") == dict.fromkeys(CLAIMS, "pass")
    assert not (run.report_dir / "history.jsonl").exists()
    assert run.verdict["environments"][0]["posts"] == 0


@pytest.mark.parametrize(
    ("app", "made", "stored", "handled"),
    [
        (
            "express-postgresjs",
            "src/lib/token.ts:7: token +=",
            "(src/routes/chatbots.ts:21)",
            "src/routes/chatbots.ts:27: if (",
        ),
        (
            "express-pg",
            "src/lib/random.ts:4: return randomBytes",
            "(src/services/chatbots.ts:16)",
            "src/lib/pgErrors.ts:4: ",
        ),
        (
            "express-drizzle",
            "src/lib/tokens.ts:3: export const",
            "(src/routes/chatbots.ts:14)",
            "src/routes/chatbots.ts:20: case",
        ),
        (
            "express-prisma",
            "src/lib/slug.ts:5: export const",
            "(src/repositories/chatbots.ts:25)",
            "src/repositories/chatbots.ts:16: if (",
        ),
    ],
)
def test_a_sample_before_the_change_fails(app: str, made: str, stored: str, handled: str, tmp_path: Path) -> None:
    """The verdict names what makes the token, what stores it, the handler and the INSERT, each with file and line."""
    run = run_source(tmp_path, SAMPLES / app / "before")
    assert run.exit_code == 1, run.out
    have = {claim: run.check(claim)["have"] for claim in CLAIMS}
    assert have["source_makes_no_token"][0].startswith(made)
    assert have["source_makes_no_token"][0].endswith(stored)
    assert have["source_handles_no_collision"][0].startswith(handled)
    assert have["source_insert"][0].endswith("(names public_token)")
    assert run.check("source_leaves_no_generator")["outcome"] == "pass"  # it is used


def test_a_generator_that_is_left_behind_fails(tmp_path: Path) -> None:
    """The route is changed, and the old helper stays in its file."""
    app = tmp_path / "app"
    shutil.copytree(SAMPLES / "express-postgresjs" / "after", app)
    shutil.copy(
        SAMPLES / "express-postgresjs" / "before" / "src" / "lib" / "token.ts", app / "src" / "lib" / "token.ts"
    )
    run = run_source(tmp_path, app)
    assert run.exit_code == 1, run.out
    (said,) = run.check("source_leaves_no_generator")["have"]
    assert said.startswith("src/lib/token.ts:4: export function generateRandomToken(length = 6)")
    assert said.endswith("(generateRandomToken is not used any more)")
    assert {claim for claim, outcome in run.outcomes("preview").items() if outcome == "fail"} == {
        "source_leaves_no_generator"
    }


def test_build_output_and_what_is_ignored_are_left_out(tmp_path: Path) -> None:
    """The old generator in node_modules, in dist/ and in a file that .gitignore names."""
    app = tmp_path / "app"
    shutil.copytree(SAMPLES / "express-postgresjs" / "after", app)
    old = SAMPLES / "express-postgresjs" / "before" / "src" / "lib" / "token.ts"
    for folder in ("node_modules/tokens", "dist", "generated"):
        (app / folder).mkdir(parents=True)
        shutil.copy(old, app / folder / "token.ts")
    with (app / ".gitignore").open("a", encoding="utf-8") as ignored:
        ignored.write("generated/\n")
    assert run_source(tmp_path, app).exit_code == 0


def test_other_random_values_and_handlers_are_notes(tmp_path: Path) -> None:
    """They decide nothing, and the verdict lists them."""
    run = run_source(tmp_path, SAMPLES / "express-pg" / "after")
    made, handled = run.verdict["environments"][0]["notes"]
    assert made.startswith("source: makes random values for something else than the token: src/lib/session.ts:5 (")
    assert handled.startswith(
        "source: unique violations are handled that are not the token's: src/routes/users.ts:11 ("
    )
    assert re.search(rf"^note +{re.escape(made)}$", run.out, re.MULTILINE)


def test_without_a_checkout_the_claims_are_not_covered(tmp_path: Path, healthy: Deployment) -> None:
    """A run that was not told of one is judged on the rest; asked for nothing but them, it could not tell."""
    run = run_gate(tmp_path, [healthy], "-k", "source or ids")
    assert run.exit_code == 0, run.out
    assert {run.check(claim)["outcome"] for claim in CLAIMS} == {"not_covered"}
    assert run.check("source_insert")["cause"] == "no checkout of the app was named"
    alone = run_gate(tmp_path, [healthy], "-k", "source")
    assert alone.exit_code == 75


@pytest.mark.parametrize(
    ("made", "outcome", "cause"),
    [
        (None, "unknown", "is not a directory"),
        ({}, "not_covered", "holds no file that is read"),
        ({"db/a.sql": "SELECT 1;"}, "not_covered", "holds no TypeScript or JavaScript"),
        ({"src/a.ts": "export const a = 1;"}, "unknown", "no file of the checkout speaks of chatbots or public_token"),
    ],
    ids=["no folder", "empty", "no source", "another app"],
)
def test_what_is_no_checkout_of_the_app_is_never_a_pass(
    made: dict[str, str] | None, outcome: str, cause: str, tmp_path: Path
) -> None:
    """75: hold, and name another folder."""
    app = tmp_path / "app"
    if made is not None:
        app.mkdir()
        for path, text in made.items():
            (app / path).parent.mkdir()
            (app / path).write_text(text, encoding="utf-8")
    run = run_source(tmp_path, app)
    assert run.exit_code == 75, run.out
    assert {run.check(claim)["outcome"] for claim in CLAIMS} == {outcome}
    assert cause in run.check("source_insert")["cause"]


def test_without_what_parses_source_the_claims_are_not_covered(tmp_path: Path) -> None:
    """The extra is not installed: the verdict says how to."""
    file = write_environments(
        tmp_path / "environments.yaml", {}, preview={**NOWHERE, "source": str(SAMPLES / "express-pg" / "after")}
    )
    command = [sys.executable, "-c", BLOCKED, "-p", "no:cacheprovider", "--report-dir", str(tmp_path / "report")]
    run = run_command([*command, "--environments", str(file), "-k", " or ".join(CLAIMS)], tmp_path / "report")
    assert run.exit_code == 75, run.out + run.err
    assert {run.check(claim)["outcome"] for claim in CLAIMS} == {"not_covered"}
    assert run.check("source_insert")["cause"] == "what parses source is not installed (tree-sitter)"
    assert run.check("source_insert")["remedy"].startswith("pip install 'chatbots-smoke[source]'")


def test_a_run_without_a_checkout_imports_no_parser(tmp_path: Path) -> None:
    """It would make every run slower."""
    file = write_environments(tmp_path / "environments.yaml", {}, preview=NOWHERE)
    script = (
        "import sys, pytest; pytest.main(sys.argv[1:]); "
        "print('loaded:', sorted({'tree_sitter', 'pathspec', 'harness.source.app.rules', 'harness.source.javascript.program'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, "-p", "no:cacheprovider", "--report-dir", str(tmp_path / "report")]
    run = run_command([*command, "--environments", str(file), "-k", "source_insert"], tmp_path / "report")
    assert run.check("source_insert")["outcome"] == "not_covered"
    assert "loaded: []" in run.out, run.out


def test_large_app_is_analysed_once_for_all_claims_and_environments(tmp_path: Path) -> None:
    """Two environments that name the same checkout get the same verdict; the places are right in a large app as well."""
    app = tmp_path / "app"
    _, files = write_app(app, 5_000)
    assert files > 20
    file = write_environments(tmp_path / "environments.yaml", {"source": str(app)}, preview=NOWHERE, production=NOWHERE)
    names = ["--env", "preview", "--env", "production", "-k", " or ".join(CLAIMS)]
    run = run_pytest(tmp_path / "report", "--environments", str(file), *names)
    assert run.exit_code == 0, run.out
    assert run.outcomes("preview") == run.outcomes("production") == dict.fromkeys(CLAIMS, "pass")
