"""The real command: what it writes and says, and what it refuses without writing anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.drafts import APPS
from tests.support.gates import ROOT, clean_environment, run_harness

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gates import Run

APP = APPS["express-drizzle-session"][1]
CANARY = "c4n4ry-p4ss"
WITHOUT = "import sys; sys.modules['{module}'] = None; from harness.__main__ import main; sys.exit(main(sys.argv[1:]))"


def init(file: Path, *arguments: str, **environ: str) -> Run:
    """`init`, which writes to this file."""
    return run_harness("init", "--environments", str(file), *arguments, report_dir=file.parent, **environ)


def test_it_writes_a_commented_file_and_says_where_each_key_was_read(tmp_path: Path) -> None:
    """In the file and on the terminal, with the variables that are still to be set."""
    file = tmp_path / "environments.yaml"
    run = init(file, "--source", str(APP), PREVIEW_URL="https://preview.example.com")
    assert (run.exit_code, run.err) == (0, "")
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert "    create: /api/chatbots  # server/routes.ts:42, server/index.ts:27\n" in text
    assert "    token: public_token  # shared/schema.ts:25\n" in text
    assert "wrote " in run.out
    assert "server/routes.ts:42, server/index.ts:27" in run.out
    assert "export PREVIEW_POSTGRES_URL=..." in run.out
    assert "export PREVIEW_URL" not in run.out  # it is set
    assert "ready.path" in run.out.partition("left open")[2]


def test_json_says_the_same_to_a_program(tmp_path: Path) -> None:
    """What was read, from where, what is open and why, and the variables."""
    run = init(tmp_path / "environments.yaml", "--source", str(APP), "--json")
    said = json.loads(run.out)
    keys = {key["key"]: key for key in said["keys"]}
    assert keys["api.payload"] == {
        "key": "api.payload",
        "value": {"name": "{name}", "language": "en"},
        "read_from": "server/routes.ts:9",
    }
    assert keys["login"]["value"] == {"path": "/api/auth/login", "json": ["email", "password"]}
    assert [one["key"] for one in said["open"]] == ["ready.path"]
    assert {"name": "PREVIEW_URL", "set": False} in said["variables"]


def test_credentials_for_a_url_in_clear_are_left_open(tmp_path: Path) -> None:
    """The gate would refuse the file."""
    run = init(tmp_path / "environments.yaml", "--source", str(APP), "--url", "http://preview.example.com", "--json")
    said = {one["key"]: one["why"] for one in json.loads(run.out)["open"]}
    assert "would be sent in clear" in said["login"]


def test_without_anything_to_read_all_is_left_open(tmp_path: Path) -> None:
    """And the file still loads: `plan` prints what it comes to."""
    file = tmp_path / "environments.yaml"
    run = init(file)
    assert run.exit_code == 0
    assert "0 keys read, 9 left open" in run.out
    planned = run_harness(
        "plan",
        "--environments",
        str(file),
        PREVIEW_URL="http://127.0.0.1:1",
        PREVIEW_POSTGRES_URL="postgresql://u@127.0.0.1/x",
    )
    assert planned.exit_code == 0, planned.err


@pytest.mark.parametrize("there", ["a file", "a dangling link", "a folder"])
def test_a_file_that_is_there_is_left_as_it_is(there: str, tmp_path: Path) -> None:
    """Exit 4, with one sentence that says how to go on."""
    file = tmp_path / "environments.yaml"
    if there == "a file":
        file.write_text("mine", encoding="utf-8")
    elif there == "a folder":
        file.mkdir()
    else:
        file.symlink_to(tmp_path / "nowhere")
    run = init(file, "--source", str(APP))
    assert run.exit_code == 4
    assert "is there already, and was left as it is" in run.err
    assert "--force" in run.err
    assert run.out == ""
    assert not file.is_file() or file.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_force_replaces_it(tmp_path: Path) -> None:
    """The file itself; what a link leads to stays as it is."""
    real, file = tmp_path / "real.yaml", tmp_path / "environments.yaml"
    real.write_text("mine", encoding="utf-8")
    file.symlink_to(real)
    assert init(file, "--force").exit_code == 0
    assert real.read_text(encoding="utf-8") == "mine"
    assert not file.is_symlink()
    assert file.read_text(encoding="utf-8").endswith("need --allow-many\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["environments.yaml", "real.yaml"]


def test_by_default_it_writes_where_it_stands_and_asks_nobody(tmp_path: Path) -> None:
    """`environments.yaml` of the folder; with nothing to answer from, it neither waits nor fails."""
    command = [sys.executable, "-m", "harness", "init", "--url", "https://preview.example.com"]
    where = {"cwd": tmp_path, "env": clean_environment(PYTHONPATH=str(ROOT)), "stdin": subprocess.DEVNULL}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **where)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    assert "url: 'https://preview.example.com'" in (tmp_path / "environments.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--database", f"postgresql://app:{CANARY}@db.example.com/shop"], "is a database URL itself"),
        (["--database", f"host=db password={CANARY}"], "is no ${VARIABLE}"),
        (["--database", f"${{DB:-postgresql://app:{CANARY}@db/shop}}"], "is a database URL itself"),
        (["--database", f"postgresql://app:{CANARY}@${{HOST}}/shop"], "is a database URL itself"),
        (["--database", "DB_OF_A_TEST"], "write the variable as '${DB_OF_A_TEST}', in single quotes"),
        (["--database", "${NOT_SET_AT_ALL}"], "the variable NOT_SET_AT_ALL is not set"),
        (["--database", "${HTTP_URL}"], "not an http one"),
        (["--url", f"https://app:{CANARY}@preview.example.com"], "holds credentials"),
        (["--url", f"https://${{USER}}:{CANARY}@preview.example.com"], "holds credentials"),
        (["--url", f"${{URL:-https://app:{CANARY}@preview.example.com}}"], "holds credentials"),
        (["--url", f"https://preview.example.com/?key={CANARY}"], "must end before any ? or #"),
        (["--url", "preview.example.com"], "is no ${VARIABLE}"),
        (["--source", "no-such-folder"], "is not a directory"),
        (["--source", "docs/images"], "holds no file that is read"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    """Exit 4; what was typed is not repeated, since it may hold a password."""
    file = tmp_path / "environments.yaml"
    run = init(file, *arguments, DB_OF_A_TEST="postgresql://u@127.0.0.1/x", HTTP_URL="https://x.example.com")
    assert run.exit_code == 4, run.out
    assert says in run.err
    assert "Traceback" not in run.err
    assert CANARY not in run.out + run.err
    assert not file.exists()


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    """Exit 4."""
    run = init(tmp_path / "nowhere" / "environments.yaml")
    assert run.exit_code == 4
    assert "cannot be written: No such file or directory" in run.err


@pytest.mark.parametrize("module", ["tree_sitter", "tree_sitter_typescript", "pathspec", "postgast"])
def test_without_the_optional_group_it_says_what_to_install(module: str, tmp_path: Path) -> None:
    """By the name of the group; nothing is written."""
    file = tmp_path / "environments.yaml"
    words = ["init", "--environments", str(file), "--source", str(APP)]
    command = [sys.executable, "-c", WITHOUT.format(module=module), *words]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "pip install 'chatbots-smoke[source]'" in done.stderr
    assert not file.exists()


def test_a_variable_that_holds_a_password_never_leaves_it(tmp_path: Path) -> None:
    """Neither in the file nor on the terminal, also where its database does not answer: then nothing is written."""
    file = tmp_path / "environments.yaml"
    secret = f"postgresql://app:{CANARY}@127.0.0.1:1/shop?connect_timeout=2"
    run = init(file, "--database", "${DB}", DB=secret)
    assert run.exit_code == 75
    assert "nothing listens where the database should be" in run.err
    assert "Nothing was written" in run.err
    assert CANARY not in run.out + run.err
    assert not file.exists()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (hidden ones too)
