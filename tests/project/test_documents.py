"""What documents say is true: what is generated is current, links lead somewhere, what is shown runs and loads."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, get_args

import certifi
import jsonschema
import pytest
import yaml

import rehearsal.__main__ as rehearsal
from harness.claims import claims
from harness.cli.parser import COMMAND, parsed
from harness.configuration.json_schema import environments_schema
from harness.configuration.loading import ConfigurationError, load
from harness.report.json_schemas import verdict_schema
from harness.report.verdict import ActionKind
from harness.run.gate_options import GATE_OPTIONS
from rehearsal.faults import FAULTS
from tests.support.documents import anchors, blocks, commands, links, path_of
from tests.support.gates import ROOT
from tools import prose
from tools.documents import DOCUMENTS
from tools.documents_configuration import EXAMPLES, keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCS = ROOT / "docs"
OWN = (ROOT / "environments.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_documents_say_of_the_code_is_current(path: Path) -> None:
    """Claims, keys, fields, predictions and schemas; `make docs` writes them."""
    assert path.read_text(encoding="utf-8") == DOCUMENTS[path](), "run make docs"


@pytest.mark.parametrize("schema", [environments_schema, verdict_schema])
def test_a_schema_is_one(schema: Callable[[], dict[str, Any]]) -> None:
    """Of draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_file_names_its_schema_for_editors() -> None:
    """In its first line, as the YAML language server reads it, relative to the file."""
    first = OWN.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    named = ROOT / first.partition("=")[2]
    assert named == DOCS / "environments.schema.json"
    jsonschema.validate(yaml.safe_load(OWN), json.loads(named.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("entry", "valid"),
    [
        ({"url": "${PREVIEW_URL}", "database": None}, True),
        ({"posts": "${POSTS:-3}", "protected": "${GUARD}", "latency_p95_ms": "${BUDGET}"}, True),
        ({"latency_p95_ms": 250}, True),
        ({"bursts": 3}, False),
        ({"posts": 0}, False),
        ({"posts": "three"}, False),
        ({"api": {"creat": "/x"}}, False),
        ({"cleanup": "never"}, False),
        ({"latency_p95_ms": 0}, False),
    ],
)
def test_an_editor_marks_what_the_gate_would_refuse(entry: dict[str, Any], valid: bool) -> None:
    """Unknown keys and wrong values; a variable may stand for any value."""
    validator = jsonschema.Draft202012Validator(environments_schema())
    assert validator.is_valid({"environments": {"preview": entry}}) is valid


def test_every_key_is_described() -> None:
    """An editor shows it where one points at the key."""
    schema = environments_schema()
    for name, definition in schema["$defs"].items():
        for key, value in definition["properties"].items():
            described = value.get("description") or any("description" in kind for kind in value.get("anyOf", ()))
            assert described, f"{name}.{key}"


def test_the_verdicts_schema_only_grows() -> None:
    """What this version has published may be relied on: nothing of it is taken away or renamed."""
    schema = verdict_schema()
    of = {"Verdict": schema, **schema["$defs"]}
    published = {
        "Verdict": "schema verdict exit_code run started_at duration_s environments checks left_behind left_out error",
        "EnvironmentVerdict": "name url verdict revision posts acknowledged failure_rate_bound rows_removed duration_s",
        "CheckResult": "id environment outcome claim want have cause remedy",
        "LeftBehind": "environment name id reason remedy",
    }
    for name, fields in published.items():
        assert set(fields.split()) <= set(of[name]["properties"]), name


# --- what documents show ----------------------------------------------------------------------------------------------

ANY = "https://somewhere.example.com"
DATABASE = "postgresql://smoke:secret@db.example.com:5432/shop"


def loads(text: str, folder: Path) -> None:
    """Load an environments.yaml with every environment of it; a variable that is not set has some value."""
    file = folder / "environments.yaml"
    file.write_text(text, encoding="utf-8")
    names = yaml.safe_load(text)["environments"]
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)", text), "secret")
    variables |= {each: DATABASE if "POSTGRES" in each else ANY for each in variables if each.endswith("_URL")}
    load(file, list(names), environ=variables)


def test_each_document_says_who_it_is_for() -> None:
    """In the first line below its title."""
    for path in prose.documents():
        title, _, first, *_ = path.read_text(encoding="utf-8").splitlines()
        assert title.startswith("# "), path
        assert path.name == "README.md" or first.startswith("For "), f"{path_of(path)}: {first}"


def test_the_first_documents_are_short() -> None:
    """A reader of README and an agent get to the end."""
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in prose.documents()}
    assert lines["README.md"] <= 110
    assert lines["AGENTS.md"] <= 60


def test_each_link_leads_somewhere() -> None:
    """To a file of this repository, and to a heading that it has."""
    broken = []
    for path, link in links():
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path_of(path)}: {link}")
    assert broken == []


def test_each_document_is_reached_from_the_readme() -> None:
    """A document that nobody links to is not read."""
    linked = {(path.parent / link.partition("#")[0]).resolve() for path, link in links() if path.name == "README.md"}
    assert [path_of(path) for path in prose.documents() if path not in linked and path.name != "README.md"] == []


def test_each_command_exists() -> None:
    """The real parsers take each command that a document shows: subcommand, options and their values."""
    refused = []
    for where, command in commands():
        program, *words = shlex.split(command)
        if ".." in words:  # the rest is left to the reader
            continue
        if program == "chatbots-smoke" and len(words) == 1:  # the name of a command, in running text
            words.append("--help")
        if not PARSES[program](words):
            refused.append(f"{where}: {command}")
    assert refused == []
    assert len(commands()) > 60  # some are found


def takes_ours(words: list[str]) -> bool:
    """Whether `chatbots-smoke` takes these words."""
    if words[:1] == ["run"]:
        return takes_pytest(words[1:])
    return exits_in_silence(lambda: parsed(words, program=COMMAND, folder=ROOT))


def takes_pytest(words: list[str]) -> bool:
    """Whether each option is one of the gate's or one that pytest itself has."""
    pytest_own = {"-k", "-m", "-x", "-v", "-q", "-p", "--co", "--tb", "--ctrf", "--collect-only", "--help"}
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    return all(option in GATE_OPTIONS or option in pytest_own for option in options)


def takes_python(words: list[str]) -> bool:
    """Whether a module of ours takes these words."""
    if words[0] != "-m":
        return words[0] == "-O"
    if words[1] == "rehearsal":
        return exits_in_silence(lambda: rehearsal.parser().parse_args(words[2:]))
    if words[1] == "harness":
        return takes_ours(words[2:]) if words[2:] else True
    return words[1] in ("venv", "pytest", "pip") or importlib.util.find_spec(words[1]) is not None


def takes_make(words: list[str]) -> bool:
    """Whether the Makefile has each target."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    faults = [word.removeprefix("FAULT=") for word in words if word.startswith("FAULT=")]
    return {word for word in words if "=" not in word} <= targets and all(
        fault in FAULTS or "fault" in fault for fault in faults if fault != "name"
    )


def exits_in_silence(parse: Callable[[], object]) -> bool:
    """Whether a parser of argparse takes what it is given; help is an ending too."""
    try:
        with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
            parse()
    except SystemExit as ended:
        return ended.code == 0
    return True


PARSES = {"chatbots-smoke": takes_ours, "pytest": takes_pytest, "python": takes_python, "make": takes_make}


@pytest.mark.parametrize(
    ("shown", "right"),
    [
        ("chatbots-smoke plan --env preview", True),
        ("chatbots-smoke plann", False),
        ("chatbots-smoke plan --evn preview", False),
        ("chatbots-smoke run --env preview -k stored", True),
        ("chatbots-smoke run --environment preview", False),
        ("pytest --evn preview", False),
        ("make smoke FAULT=reuses_token", True),
        ("make smoke FAULT=reuses_tokens", False),
        ("make smok", False),
        ("python -m rehearsal --schema-of x --migration y", True),
        ("python -m rehearsal --schema x", False),
        ("python -m bench scale", True),
        ("python -m benches", False),
    ],
)
def test_a_mistake_in_a_command_is_seen(shown: str, right: bool) -> None:
    """Of each program."""
    program, *words = shlex.split(shown)
    assert PARSES[program](words) is right


def test_each_environments_yaml_loads(tmp_path: Path) -> None:
    """With the harness's own loader, as a reader would copy it."""
    files = [(where, text) for where, text in blocks("yaml") if re.match(r"(defaults|environments):", text)]
    assert len(files) >= 6
    for where, text in files:
        try:
            loads(text, tmp_path)
        except ConfigurationError as error:
            pytest.fail(f"{where}: {error}")


def test_each_key_has_an_example_that_sets_it(tmp_path: Path) -> None:
    """All examples are loaded, each as an environment of one file."""
    (tmp_path / "certificates").mkdir()
    shutil.copy(certifi.where(), tmp_path / "certificates" / "company.pem")
    entries = {key: {"url": ANY, "database": DATABASE, **yaml.safe_load(text)} for key, text in EXAMPLES.items()}
    assert list(EXAMPLES) == [key for key, _ in keys()]
    for key, entry in entries.items():
        value: Any = entry
        for part in key.split("."):
            assert part in value, key
            value = value[part]
    loads(yaml.safe_dump({"environments": entries}), tmp_path)


def test_each_block_of_json_and_yaml_parses() -> None:
    """And those of SQL and shell name their language, so that they are found."""
    for _, text in blocks("json"):
        json.loads(text)
    for _, text in blocks("yaml"):
        yaml.safe_load(text)
    assert [where for where, _ in blocks("")] == []


def test_what_agents_are_shown_are_verdicts() -> None:
    """Each field of the shortened verdicts in AGENTS.md is one of the schema, and holds what it may hold."""
    shown = [json.loads(text) for where, text in blocks("json") if where.startswith("AGENTS.md")]
    assert [verdict["exit_code"] for verdict in shown] == [1, 75, 76]
    schema = verdict_schema()
    for part in (schema, *schema["$defs"].values()):
        part.pop("required", None)  # they are shortened
    for verdict in shown:
        jsonschema.validate(verdict, schema)


def test_agents_know_each_kind_of_action() -> None:
    """AGENTS.md says what to do for each."""
    text = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(get_args(ActionKind))


def test_each_option_of_the_gate_is_described() -> None:
    """In docs/running.md."""
    text = (DOCS / "running.md").read_text(encoding="utf-8")
    assert [option for option in GATE_OPTIONS if f"`{option} " not in text and f"`{option}`" not in text] == []


def test_each_check_says_what_it_cannot_see() -> None:
    """In a paragraph of its docstring, which docs/claims.md shows."""
    assert [claim.id for claim in claims(ROOT / "checks") if "\n\nIt cannot see " not in f"\n\n{claim.why}"] == []


# --- how documents are written ----------------------------------------------------------------------------------------


def test_documents_and_messages_are_in_plain_words() -> None:
    """`make lint` says the same."""
    assert prose.main() == 0


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("X is no folder.", [1]),
        ("There is no folder. If there is no\ndatabase", []),
        ("It is\nno folder", [1]),
        ("never posted to unasked", [1]),
        ("one\n\nmend the run", [3]),
        ("`mend_data` and `is no folder` are quoted", []),
        ("[a page](mend.md)\n\n```text\nmend\n```\n\nunasked", [7]),
        ("what could not be had", [1]),
        ("rows of before", [1]),
    ],
)
def test_the_style_file_is_heeded(text: str, lines: list[int]) -> None:
    """The phrases of the house's style, also where they go on in the next line; not in what is quoted."""
    assert [line for line, _, _ in prose.found(text, prose.phrases())] == lines


def test_messages_of_a_program_are_its_strings() -> None:
    """Parts of an f-string too; a docstring, a pattern and a statement in SQL are for others."""
    program = '''"""Is no message."""
x = f"{y} is no folder"
raise Error("mend it, " "and run again")
z = re.compile(r"\\bis no \\w+")
'''
    assert list(prose.messages(program)) == [(2, " is no folder"), (3, "mend it, and run again")]
