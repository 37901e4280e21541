"""An `environments.yaml` that somebody made to do harm: refused at once, in little memory, in one clear message.

The attacks run in a process of its own: some of them end a process, and its memory can be told from ours.
"""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from harness.configuration.loading import LARGEST_FILE, SHOWN_MISTAKES, ConfigurationError, load
from harness.configuration.strict_yaml import DEEPEST, MOST_NODES
from tests.support.environment_files import MINIMAL, loaded, refusal, with_keys
from tests.support.gates import ROOT, run_pytest

MOST_MB = 200
LEVELS = "abcdefghi"


def payload(value: str) -> str:
    """An environment whose payload holds this YAML."""
    return with_keys(f"api: {{payload: {{name: '{{name}}', x: {value}}}}}")


def tenfold(first: str, level: str, under: str = "defaults", use: str = "*i") -> str:
    """Each level refers ten times to the one before: nine lines, ten to the ninth."""
    lines = [f"{under}:", f"  a: &a {first}"]
    lines += [f"  {q}: &{q} {level % ', '.join([f'*{p}'] * 10)}" for p, q in pairwise(LEVELS)]
    return "\n".join([*lines, payload(use)])


TOO_MANY = f"it holds more than {MOST_NODES} values, aliases written out."
TOO_DEEP = f"it is nested more than {DEEPEST} deep."
ITSELF = "refers to something that contains it."
TOO_LARGE = f"FILE: is larger than {LARGEST_FILE // 1024} KiB; is it the right file?"
LAUGHS = tenfold("[x, x]", "[%s]")


def attacks() -> dict[str, tuple[str, str]]:
    """The text of each, and what its refusal says."""
    return {
        "a billion laughs": (LAUGHS, TOO_MANY),
        "a billion laughs in mappings": (tenfold("{k: v}", "{k: [%s]}"), TOO_MANY),
        "a billion laughs by merge keys": (tenfold("{k: v}", "{<<: [%s]}"), TOO_MANY),
        "one long list, often": (f"defaults: &a [{'x, ' * 9_000}]\nenvironments: [*a, *a, *a]\n", TOO_MANY),
        "a chain of aliases that nests deeply": (
            "defaults:\n  a0: &a0 [x]\n" + "".join(f"  a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 5_000)),
            TOO_DEEP,
        ),
        "a list within itself": (payload("&a [*a]"), ITSELF),
        "a list within itself, further down": (payload("&a [[{b: *a}]]"), ITSELF),
        "a mapping merged into itself": ("environments: {preview: &a {<<: *a, url: http://h}}\n", ITSELF),
        "mappings merged into each other": ("environments: {a: &a {b: &b {<<: *a}, <<: *b}}\n", ITSELF),
        "a million brackets": ("[" * 1_000_000, TOO_DEEP),
        "deep braces": (payload("{a: " * 250_000), TOO_DEEP),
        "deep dashes": ("- " * 500_000, TOO_DEEP),
        "deep keys": ("? " * 500_000, TOO_DEEP),
        "deep by indentation": ("\n".join(" " * n + "a:" for n in range(1_300)), TOO_DEEP),
        "50 MB of comment": ("#" + "x" * 50_000_000 + "\n" + MINIMAL, TOO_LARGE),
        "50 MB of a list": (payload("[" + "a," * 25_000_000 + "]"), TOO_LARGE),
        "many keys": (with_keys(",".join(f"k{n}: 1" for n in range(50_000))), TOO_MANY),
        "many documents": ("---\n" * 200_000, TOO_MANY),
        "a number of base 60": (
            payload(":".join("1" * 200_000)),
            "a number of 399999 characters; quote it if it is text.",
        ),
        "a hexadecimal number": (
            payload("0x" + "f" * 100_000),
            "a number of 100002 characters; quote it if it is text.",
        ),
        "a decimal number": (payload("9" * 100_000), "a number of 100000 characters; quote it if it is text."),
        "a long key": (with_keys(f"? {'k' * 900_000} : 1"), "kkk... (900000 characters)"),
        "a long reference": (with_keys(f"source: '${{{'a' * 900_000}'"), "characters)"),
        "a NUL": (MINIMAL + "\0", "control characters are not allowed"),
    }


LOADS_ALL = """
import json, sys
from pathlib import Path
from harness.configuration.loading import ConfigurationError, load
from tests.support.memory import peak_mb

said = {}
for file in map(Path, sys.argv[1:]):
    try:
        said[file.name] = repr(load(file, ["preview"], environ={}))
    except ConfigurationError as error:
        said[file.name] = str(error).replace(str(file), "FILE")
print(json.dumps({"said": said, "peak_mb": peak_mb()}))
"""


def test_attacks_are_refused_at_once_and_in_little_memory(tmp_path: Path) -> None:
    """Each in one clear message of bounded length, and none ends the process, holds it up, or fills its memory."""
    wanted = {}
    for name, (text, want) in attacks().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        wanted[name] = want
    files = [str(tmp_path / name) for name in wanted]
    done = subprocess.run(
        [sys.executable, "-c", LOADS_ALL, *files], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    document = json.loads(done.stdout)
    for name, want in wanted.items():
        message = document["said"][name]
        assert message.startswith("FILE: "), name
        assert want in message, name
        assert len(message) < 2_000, name
        assert all(line.isprintable() for line in message.split("\n")), name
    assert document["peak_mb"] < MOST_MB, f"loading took {document['peak_mb']} MB"


def test_the_gate_says_it_once_and_ends_with_4(tmp_path: Path) -> None:
    """No traceback: a usage error, on stderr and in the verdict."""
    file = tmp_path / "environments.yaml"
    file.write_text(LAUGHS, encoding="utf-8")
    run = run_pytest(tmp_path / "report", "--environments", str(file))
    want = f"{file}: is not valid YAML: line 6, column 34: {TOO_MANY}"
    assert (run.exit_code, run.verdict["error"]) == (4, want)
    assert (run.out + run.err).count(want) == 1
    assert "Traceback" not in run.out + run.err


def test_anchors_aliases_and_merges_keep_working(tmp_path: Path) -> None:
    """Written as people write them: one entry taken over by another, from several anchors, with keys of its own."""
    text = """
defaults:
  headers: &common {X-Team: smoke}
  api: {payload: &what {name: "{name}", tags: &tags [a, b], more: {tags: *tags}}}
environments:
  base: &base {url: http://h, database: null, posts: 1}
  times: &times {burst: 5, posts: 9}
  preview:
    <<: [*base, *times]
    posts: 2
    headers: {<<: *common, X-Stage: preview}
  production: {<<: *base, api: {payload: *what}}
"""
    preview, production = loaded(tmp_path, text, "preview", "production")
    assert (preview.url, preview.posts, preview.burst, sorted(preview.headers)) == (
        "http://h",
        2,
        5,
        ["X-Stage", "X-Team"],
    )
    assert production.posts == 1
    assert production.api.payload == preview.api.payload
    assert preview.api.payload["more"] == {"tags": ["a", "b"]}


def test_a_file_of_many_environments_is_within_measure(tmp_path: Path) -> None:
    """Three hundred, each taken over from one."""
    many = "".join(f"  e{n}: {{<<: *base, posts: 2}}\n" for n in range(300))
    text = f"environments:\n  preview: &base {{url: http://h, database: null, posts: 1}}\n{many}"
    assert [e.posts for e in loaded(tmp_path, text, "preview", "e299")] == [1, 2]


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("2024-01-01", "this is a date to YAML, which JSON does not have; quote it if it is text."),
        ("!!timestamp x", "this is a date to YAML, which JSON does not have; quote it if it is text."),
        ("!!binary aGVsbG8=", "this is binary data to YAML, which JSON does not have; quote it if it is text."),
        ("!!set {a, b}", "this is a set to YAML, which JSON does not have; quote it if it is text."),
        ("!!omap [a: 1]", "this is an ordered mapping to YAML, which JSON does not have; quote it if it is text."),
        ("!!pairs [a: 1]", "this is a list of pairs to YAML, which JSON does not have; quote it if it is text."),
        ("!!bool maybe", "this is not of type bool."),
        ("!!int ''", "this is not of type int."),
        ("!!int x", "this is not of type int."),
        ("!!float ''", "this is not of type float."),
        ("!!map x", "a mapping was announced."),
        ("!!seq {a: 1}", "expected a sequence node, but found mapping."),
        ("!!str [a]", "expected a scalar node, but found sequence."),
        ("!mine x", "could not determine a constructor for a tag; quote values that begin with !."),
        ("{1: 2}", "this key is not text; quote it."),
        ("{null: 2}", "this key is not text; quote it."),
        ("{2024-01-01: 2}", "this key is not text; quote it."),
        ("{.nan: 2}", "this key is not text; quote it."),
        ("{on: 2}", "this key is not text; quote it."),
        ("{[a]: 2}", "this key is not text; quote it."),
        ("{!!binary aGVsbG8=: 2}", "this key is not text; quote it."),
    ],
)
def test_what_json_does_not_have_is_refused_with_its_place(tmp_path: Path, value: str, want: str) -> None:
    """Before anything is sent: a payload that cannot be sent would look like a deployment that does not answer."""
    message = refusal(tmp_path, payload(value))
    assert message.startswith("FILE: is not valid YAML: line 1, column ")
    assert message.endswith(want)


def test_a_tag_that_takes_the_place_of_another_builds_nothing(tmp_path: Path) -> None:
    """`%TAG` gives a tag for code a harmless look."""
    mark = tmp_path / "mark"
    text = "%TAG ! tag:yaml.org,2002:python/object/apply:\n---\n" + payload(f"!os.system ['touch {mark}']")
    assert "could not determine a constructor" in refusal(tmp_path, text)
    assert not mark.exists()


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1.0e+999"])
def test_a_number_that_is_not_finite_is_refused_at_its_key(tmp_path: Path, number: str) -> None:
    """JSON has no such number."""
    message = refusal(tmp_path, payload(number))
    assert message.startswith("FILE: environments.preview.api.payload.x: must be a finite number.\n")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (with_keys(r'"\e[2J\n::error::x": 1'), r"FILE: environments.preview.\x1b[2J\n::error::x: unknown key. "),
        (with_keys(r'api: {"\u202ex\a": 1}'), r"FILE: environments.preview.api.\u202ex\x07: unknown key. "),
        (
            r'environments: {"previe\e[2J": {}}',
            r"FILE: there is no environment 'preview' (did you mean 'previe\x1b[2J'?). It has: previe\x1b[2J.",
        ),
    ],
)
def test_a_message_is_printable_whatever_the_keys_are(tmp_path: Path, text: str, want: str) -> None:
    """They stand in it, and a terminal or a CI would obey them."""
    message = refusal(tmp_path, text)
    assert message.startswith(want)
    assert all(line.isprintable() for line in message.split("\n"))


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\nb", "::error::x", "\u202ex", "x" * 1_000])
def test_the_name_of_an_environment_must_be_printable(tmp_path: Path, name: str) -> None:
    """It stands on the terminal and in every report."""
    text = json.dumps({"environments": {name: {"url": "http://h", "database": None}}})
    assert refusal(tmp_path, text, name).endswith(": a name must be short and printable.")


def test_a_thousand_mistakes_are_not_all_listed(tmp_path: Path) -> None:
    """The first of them, and how many more there are."""
    message = refusal(tmp_path, with_keys(", ".join(f"k{n}: 1" for n in range(1_000))))
    assert len(message.splitlines()) == SHOWN_MISTAKES
    assert message.endswith(f"\nand {1_001 - (SHOWN_MISTAKES - 1)} more lines like these")


def test_not_all_of_a_thousand_names_are_listed(tmp_path: Path) -> None:
    """Twenty are enough to see what kind of names they are."""
    message = refusal(tmp_path, "environments: {" + ", ".join(f"e{n}: {{}}" for n in range(1_000)) + "}")
    assert message.endswith("e18, e19 and 980 more.")


def test_what_has_no_end_is_read_no_further_than_the_limit() -> None:
    """A device instead of a file."""
    with pytest.raises(ConfigurationError, match=r"/dev/zero: is larger than 1024 KiB"):
        load(Path("/dev/zero"), ["preview"], environ={})
