"""A checkout that is hostile: it is read in bounds, never run, and puts nothing into the file that acts there."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from harness.configuration.loading import load
from harness.drafting.reading import read_draft
from harness.drafting.writing import text_of
from harness.errors import CouldNotTell
from harness.source.routes.facts import Doubt, Known
from tests.support.drafts import STORES, TABLE, facts_of, told
from tests.support.gates import run_harness

if TYPE_CHECKING:
    from pathlib import Path

ROUTE = """
import express from "express"; import {{ z }} from "zod"; import {{ pool }} from "./db";
const app = express();
app.post({path}, async (req, res) => {{
  const {{ name }} = z.object({schema}).parse(req.body);
  {stores}
  res.json({answer});
}});
"""


def app(path: str = "'/bots'", schema: str = "{ name: z.string() }", answer: str = "rows[0]") -> dict[str, str]:
    """An app with this path, this schema of its body, and this answer, as code."""
    return {"src/app.ts": ROUTE.format(path=path, schema=schema, answer=answer, stores=STORES)}


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ({"path": r"'/bots/\\u001b[31m'"}, "api.create"),
        ({"path": r"'/bots\\n::error::x'"}, "api.create"),
        ({"path": "'/b ots'"}, "api.create"),
        ({"path": "'/bots/${HOME}'"}, "api.create"),
        ({"schema": "{ name: z.string(), k: z.enum(['${HOME}']) }"}, "api.payload"),
        ({"schema": "{ name: z.string(), '${HOME}': z.string() }"}, "api.payload"),
        ({"schema": "{ name: z.string(), k: z.literal('" + "x" * 5000 + "') }"}, "api.payload"),
        ({"schema": "{ name: z.string(), o: z.object({ apiKey: z.literal('c4n4ry-HOME') }) }"}, "api.payload"),
        ({"answer": "{ '${HOME}': rows[0] }"}, "api.token"),
        ({"answer": "{ 'a.': rows[0] }"}, "api.token"),
    ],
)
def test_what_the_file_could_not_hold_is_left_open(code: dict[str, str], key: str) -> None:
    """A variable that would be expanded, a path that is none, a value without end."""
    code = {name: text.replace("\\\\", "\\") for name, text in code.items()}
    facts = facts_of(app(**code))
    assert isinstance(facts[key], Doubt)
    assert "HOME" not in json.dumps(told(facts, *facts), default=str)


def test_a_schema_of_a_thousand_fields_is_left_open() -> None:
    """A file that nobody could read is not written."""
    fields = ", ".join(f"f{n}: z.string()" for n in range(1000))
    assert isinstance(facts_of(app(schema=f"{{ name: z.string(), {fields} }}"))["api.payload"], Doubt)


def test_values_with_marks_of_yaml_arrive_as_they_are(tmp_path: Path) -> None:
    """Quoted where they must be."""
    names = ["no", "1e3", "- x", "&a", "*a", "!!str", "a: b # c", "{x}", "'", '"', "\t", "é", "\N{PILE OF POO}", "#"]
    schema = ", ".join(f"{json.dumps(name)}: z.enum([{json.dumps(name)}])" for name in names)
    folder = write(tmp_path / "app", app(schema=f"{{ name: z.string(), {schema} }}"))
    draft = read_draft(folder, None, None)
    file = tmp_path / "environments.yaml"
    file.write_text(text_of(draft, tmp_path), encoding="utf-8")
    variables = {"PREVIEW_URL": "https://a.example.com", "PREVIEW_POSTGRES_URL": "postgresql://u@h/d"}
    (preview,) = load(file, ["preview"], environ=variables)
    assert preview.api.payload == {"name": "{name}", **{name: name for name in names}}


def write(folder: Path, files: dict[str, str]) -> Path:
    """A checkout with these files."""
    for name, text in {"migrations/001.sql": TABLE, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_names_of_files_move_no_cursor(tmp_path: Path) -> None:
    """In the file, on the terminal and in JSON."""
    name = "src/\x1b[31m\n::error::x.ts"
    folder = write(tmp_path / "app", {name: app()["src/app.ts"]})
    run = run_harness("init", "--source", str(folder), "--environments", str(tmp_path / "e.yaml"), report_dir=tmp_path)
    assert run.exit_code == 0, run.err
    text = (tmp_path / "e.yaml").read_text(encoding="utf-8")
    assert "create: /bots" in text
    for said in (text, run.out):
        assert "\x1b" not in said
        assert not any(line.lstrip().startswith("::error") for line in said.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "app.post('/bots', " + "f(" * 3000 + ")" * 3000 + ");",
        "const x = " + "[" * 5000 + "]" * 5000 + ";",
        "const s = z.object({ a: " * 500 + "1" + " })" * 500,
        "export const a0 = () => a1();" + "".join(f"const a{n} = () => a{n + 1}();" for n in range(1, 900)),
    ],
)
def test_code_without_bottom_is_given_up(text: str, tmp_path: Path) -> None:
    """It is read, or could not be told; never a traceback."""
    head = app()["src/app.ts"]
    folder = write(tmp_path / "app", {"src/app.ts": head + text, "src/chatbots.ts": text})
    with suppress(CouldNotTell):
        assert isinstance(read_draft(folder, None, None).facts["table.name"], Known)


def test_routers_that_are_mounted_on_each_other_have_no_path() -> None:
    """The circle ends."""
    circle = "const a = express.Router(); const b = express.Router(); a.use('/b', b); b.use('/a', a);"
    code = app()["src/app.ts"].replace("const app = express();", f"const app = express.Router(); {circle} b.use(app);")
    assert isinstance(facts_of({"src/app.ts": code})["api.create"], Doubt)
