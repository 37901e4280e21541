"""A file that is not what `environments.yaml` must be: each is one error of ours, with its place."""

from pathlib import Path

import pytest

from harness.configuration.loading import ConfigurationError, load
from tests.support.environment_files import MINIMAL, loaded, refusal, with_keys


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", "FILE: is empty. It needs the key environments; see docs/configuration.md."),
        ("# only a comment\n", "FILE: is empty. It needs the key environments; see docs/configuration.md."),
        ("null\n", "FILE: is empty. It needs the key environments; see docs/configuration.md."),
        ("- a\n- b\n", "FILE: must be a mapping with the keys defaults and environments."),
        ("just words\n", "FILE: must be a mapping with the keys defaults and environments."),
        ("7\n", "FILE: must be a mapping with the keys defaults and environments."),
        ("defaults: {posts: 1}\n", "FILE: environments: names no environment. Add one with url and database."),
        ("environments: {}\n", "FILE: environments: names no environment. Add one with url and database."),
        ("environments:\n", "FILE: environments: names no environment. Add one with url and database."),
        ("environments: [preview]\n", "FILE: environments: must be a mapping."),
        ("environments: preview\n", "FILE: environments: must be a mapping."),
        (f"defaults: [1]\n{MINIMAL}", "FILE: defaults: must be a mapping."),
        (
            "environments: {preview: http://h}\n",
            "FILE: environments.preview: must be a mapping with url and database.",
        ),
        ("environments: {preview: null}\n", "FILE: environments.preview: must be a mapping with url and database."),
        (
            f"default: {{}}\n{MINIMAL}",
            "FILE: unknown key 'default' (did you mean 'defaults'?). The top level has defaults and environments.",
        ),
        (
            "enviroments: {}\n",
            "FILE: unknown key 'enviroments' (did you mean 'environments'?). "  # noqa: ISC004
            "The top level has defaults and environments.",
        ),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(tmp_path: Path, text: str, want: str) -> None:
    """The message says what the file must hold."""
    assert refusal(tmp_path, text) == want


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("environments: {preview: {url: http://h\n", "line 2, column 1", "expected ',' or '}'"),
        ("environments:\n\tpreview: {}\n", "line 2, column 1", "a tab; YAML is indented with blanks"),
        ("environments: {preview: {url: 'http://h}}\n", "line 2, column 1", "unexpected end of stream"),
        ("a: b: c\n", "line 1, column 5", "mapping values are not allowed"),
        ("environments: *nowhere\n", "line 1, column 15", "undefined alias"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1", "another document"),
        ("environments: \x07\n", "", "control characters are not allowed"),
    ],
)
def test_malformed_yaml_is_refused_with_its_place(tmp_path: Path, text: str, where: str, what: str) -> None:
    """The message names line and column, in one line."""
    message = refusal(tmp_path, text)
    assert message.startswith(f"FILE: is not valid YAML: {where}")
    assert what in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "key", "where"),
    [
        (f"{MINIMAL}{MINIMAL}", "environments", "line 2, column 1"),
        ("environments:\n  a: {url: http://h}\n  a: {url: http://h}\n", "a", "line 3, column 3"),
        (with_keys("posts: 1, posts: 2"), "posts", "line 1"),
        (with_keys("api: {payload: {name: '{name}', \"name\": x}}"), "name", "line 1"),
    ],
)
def test_a_duplicate_key_is_refused(tmp_path: Path, text: str, key: str, where: str) -> None:
    """At every level; the second would silently win."""
    message = refusal(tmp_path, text)
    assert f"the key {key!r} is here a second time" in message
    assert where in message


def test_a_key_merged_in_from_an_anchor_may_be_repeated(tmp_path: Path) -> None:
    """YAML's own merge key is not a duplicate: what is written out wins over what is merged in."""
    text = """
environments:
  base: &base {url: http://h, database: null, posts: 1}
  preview: {<<: *base, posts: 2}
"""
    (preview,) = loaded(tmp_path, text)
    assert (preview.posts, preview.url) == (2, "http://h")


@pytest.mark.parametrize(
    "tag",
    [
        '!!python/object/apply:os.system ["touch MARK"]',
        "!!python/name:os.system ''",
        "!!python/object/new:os.system [x]",
        "!!python/tuple [1]",
        "!custom 1",
    ],
)
def test_tags_for_code_are_refused(tmp_path: Path, tag: str) -> None:
    """No tag constructs anything, and the message is about YAML."""
    mark = tmp_path / "mark"
    message = refusal(tmp_path, f"environments: {tag.replace('MARK', str(mark))}\n")
    assert "is not valid YAML: line 1" in message
    assert "could not determine a constructor" in message
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5_000,
        "environments: " + "{a: " * 5_000,
        "environments: {preview: " + "[" * 3_000 + "]" * 3_000 + "}",
        "a: &a [x]\nb: &b [*a, *a]\nenvironments: *b",
        "environments: &loop {preview: *loop}",
        "environments: {preview: &loop {url: http://h, database: null, api: {payload: *loop}}}",
        "environments: {preview: {url: http://h, database: null, posts: 1" + "0" * 5_000 + "}}",
        "environments: {? {a: 1} : 2}",
        "environments: {? [a] : 2}",
        "environments: {1: 2, null: 3, true: 4}",
        "environments: 2024-99-99",
        "environments: {preview: {url: http://h, database: null, source: 2024-99-99}}",
    ],
    ids=lambda text: f"{text[:28]!r} of {len(text)} characters",
)
def test_abuse_of_yaml_is_refused(tmp_path: Path, text: str) -> None:
    """Deep nesting, loops, huge numbers and odd keys end in one error of ours, of bounded length."""
    message = refusal(tmp_path, text)
    assert message.startswith("FILE: ")
    assert len(message) < 2_000


@pytest.mark.parametrize(
    ("content", "want"),
    [
        (b"environments: \xff\n", "FILE: is not UTF-8 text (byte 14)."),
        ("environments: {}".encode("utf-16"), "FILE: is not UTF-8 text (byte 0)."),
        (b"\x00\x01\x02", "control characters are not allowed"),
    ],
)
def test_a_file_that_is_not_text_is_refused(tmp_path: Path, content: bytes, want: str) -> None:
    """The message names the first byte that is wrong, or the character that YAML does not allow."""
    assert want in refusal(tmp_path, content)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    """Editors of other systems write one."""
    assert loaded(tmp_path, b"\xef\xbb\xbf" + MINIMAL.encode())


def test_a_file_that_is_not_there_is_named_with_a_remedy(tmp_path: Path) -> None:
    """The message names the path and the option that names another."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "absent.yaml", ["preview"], environ={})
    assert str(caught.value) == (
        f"{tmp_path / 'absent.yaml'}: cannot be read: No such file or directory. "
        "Draft one with chatbots-smoke init, or name another with --environments FILE."
    )


def test_a_directory_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    """It is an error like any other that reading gives."""
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory\. Draft one"):
        load(tmp_path, ["preview"], environ={})
