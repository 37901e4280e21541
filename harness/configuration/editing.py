"""Sets keys of `environments.yaml`, and leaves every other byte of it as it is: comments, order, quotes, line ends.

The text is edited at the places that YAML's own parser names. What comes out is parsed again, and taken only if nothing
but these keys has changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.configuration.loading import ConfigurationError, load
from harness.configuration.strict_yaml import load as load_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Value = str | int
_BLOCK_STYLES = ("|", ">")


class Unwritable(Exception):
    """A key cannot be set by an edit of the text; the message says why."""


def with_keys(text: str, environment: str, keys: Mapping[str, Value]) -> str:
    """The text of a file with these dotted keys of an environment set, in its own entry.

    Raises:
        Unwritable: a key is filled by a variable, or cannot be set without changing something else.
    """
    for key, value in keys.items():
        text = _with_key(text, environment, key.split("."), value)
    return text


def write(file: Path, text: str, names: Sequence[str]) -> None:
    """Put a text in the place of a file's, at once, if these environments can be loaded from it.

    Raises:
        Unwritable: they cannot, or the file cannot be written.
    """
    target = file.resolve()
    aside = ""
    try:
        descriptor, aside = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(text.encode())
        load(Path(aside), names)
        shutil.copymode(target, aside)
        Path(aside).replace(target)
    except OSError as error:
        raise Unwritable(f"{file} cannot be written: {error.strerror}") from None
    except ConfigurationError as error:
        said = str(error).partition("\n")[0].replace(aside, str(file))
        raise Unwritable(f"it would be refused so: {said}") from None
    finally:
        with suppress(OSError):
            Path(aside).unlink()


def _with_key(text: str, environment: str, path: list[str], value: Value) -> str:
    place = ["environments", environment, *path]
    document = load_yaml(text)
    for stands in (place, ["defaults", *path]):
        old = _at(document, stands)
        if isinstance(old, str) and "${" in old:
            variables = " and ".join(re.findall(r"\$\{(\w{1,100})", old)) or "a variable"
            raise Unwritable(f"{'.'.join(path)} is filled by {variables}: give that the value {value}")
    if "${" in str(value):
        raise Unwritable(f"{'.'.join(path)} would refer to a variable")
    wanted = json.loads(json.dumps(document))  # in which nothing is shared by way of an alias
    _put(wanted, place, value)
    edited = _edited(text, yaml.compose(text, Loader=yaml.SafeLoader), place, value)
    try:
        found = load_yaml(edited)
    except yaml.YAMLError:
        found = None
    if found != wanted:
        raise Unwritable(f"{'.'.join(path)} cannot be set without changing something else: set it by hand")
    return edited


def _at(document: Any, path: Sequence[str]) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _put(document: dict[str, Any], path: Sequence[str], value: Value) -> None:
    *above, last = path
    for key in above:
        if not isinstance(document.get(key), dict):
            document[key] = {}
        document = document[key]
    document[last] = value


def _edited(text: str, node: yaml.Node | None, path: list[str], value: Value) -> str:
    """The text with a value at a path of the document that this node is the root of."""
    for depth, key in enumerate(path):
        if not isinstance(node, yaml.MappingNode):
            return _replaced(text, node, path[depth:], value)
        inner = next((below for named, below in node.value if named.value == key), None)
        if inner is None:
            return _inserted(text, node, path[depth:], value)
        node = inner
    return _replaced(text, node, [], value)


def _replaced(text: str, node: yaml.Node | None, path: list[str], value: Value) -> str:
    if node is None:
        return text
    blank = " " if text[node.start_mark.index - 1 : node.start_mark.index] == ":" else ""
    return text[: node.start_mark.index] + blank + _written(path, value) + text[node.end_mark.index :]


def _inserted(text: str, node: yaml.MappingNode, path: list[str], value: Value) -> str:
    """The text with one more entry in a mapping, after its last one."""
    entry = f"{path[0]}: {_written(path[1:], value)}"
    if node.flow_style:
        at = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
        return text[:at] + (", " if node.value else "") + entry + text[at:]
    line_end = "\r\n" if "\r\n" in text else "\n"
    column = node.start_mark.column
    last = _last_leaf(node)
    if getattr(last, "style", None) in _BLOCK_STYLES:  # whose end is where the next thing begins
        at = node.start_mark.index
        return f"{text[:at]}{entry}{line_end}{' ' * column}{text[at:]}"
    at = text.find("\n", last.end_mark.index) + 1
    if not at:
        return f"{text}{line_end}{' ' * column}{entry}{line_end}"
    return f"{text[:at]}{' ' * column}{entry}{line_end}{text[at:]}"


def _last_leaf(node: yaml.Node) -> yaml.Node:
    """What stands last in a collection of the block style: a scalar, or a collection in brackets."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return node


def _written(path: Sequence[str], value: Value) -> str:
    """A value as YAML in one line, under these keys, such as {token: data.token}."""
    nested: Any = value
    for key in reversed(path):
        nested = {key: nested}
    text: str = yaml.safe_dump([nested], default_flow_style=True, width=2**31, allow_unicode=True)
    return text.strip()[1:-1]
