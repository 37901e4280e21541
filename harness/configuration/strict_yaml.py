"""YAML that stands for JSON and for nothing else, read in bounded time and memory, whoever wrote it.

Anchors, aliases and `<<` work as ever. Refused are: what grows beyond measure when its aliases are written out
("billion laughs"), what stands in itself, deep nesting (on which the C library's recursion would end the process),
duplicate keys, keys that are not text, dates, binary data, and every tag that JSON has nothing for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_NODES = 20_000  # with every alias written out; an environment has about 30
DEEPEST = 100
LONGEST_NUMBER = 1000  # characters; Python needs quadratic time for some of YAML's
_TAG = "tag:yaml.org,2002:"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # chosen at run time
    """A SafeLoader with the constructors below."""


def load(text: str) -> Any:
    """The document as JSON has it: None, bool, int, float, str, list, and dict with keys of text.

    Raises:
        yaml.YAMLError: it is malformed, or refused; mostly with its place.
    """
    _demand_measure(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)


class _Measure(Struct):
    """How large a node is with every alias in it written out."""

    anchor: str | None = None
    nodes: int = 1
    height: int = 1

    def add(self, inner: _Measure) -> None:
        self.nodes += inner.nodes
        self.height = max(self.height, inner.height + 1)


def _demand_measure(text: str) -> None:
    """Follow the parser's events, which cost the same however deep and tangled the document is."""
    anchored: dict[str, _Measure] = {}
    under_way = [_Measure()]  # the stream itself, then each collection that is not at its end yet
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            under_way.append(_Measure(event.anchor))
            measure = None
        elif isinstance(event, yaml.CollectionEndEvent):
            measure = under_way.pop()
        elif isinstance(event, yaml.ScalarEvent):
            measure = _Measure(event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in (outer.anchor for outer in under_way):
                raise _refusal(f"*{event.anchor} refers to something that contains it", event)
            measure = replace(anchored.get(event.anchor or "", _Measure()), anchor=None)  # an unknown one fails later
        else:
            continue
        if measure is not None:
            under_way[-1].add(measure)
            if measure.anchor is not None:
                anchored[measure.anchor] = measure
        if len(under_way) + under_way[-1].height > DEEPEST:
            raise _refusal(f"it is nested more than {DEEPEST} deep", event)
        if under_way[-1].nodes > MOST_NODES:
            raise _refusal(f"it holds more than {MOST_NODES} values, aliases written out", event)


def _refusal(said: str, at: Any) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(None, None, said, at.start_mark)


def _mapping(loader: _Loader, node: yaml.Node) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise _refusal("a mapping was announced", node)
    seen: set[str] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in (f"{_TAG}str", f"{_TAG}merge"):
            raise _refusal("this key is not text; quote it", key_node)
        if key_node.value in seen and key_node.tag != f"{_TAG}merge":
            raise _refusal(f"the key {key_node.value!r} is here a second time; delete one of the two", key_node)
        seen.add(key_node.value)
    loader.flatten_mapping(node)
    mapping: dict[str, Any] = loader.construct_mapping(node, deep=True)
    return mapping


def _plain(kind: str) -> Callable[[_Loader, yaml.Node], Any]:
    """The constructor of a kind that JSON has too. What it refuses it does not repeat: it may be a secret."""

    def construct(loader: _Loader, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode) and len(node.value) > LONGEST_NUMBER:
            raise _refusal(f"a number of {len(node.value)} characters; quote it if it is text", node)
        try:
            return getattr(yaml.SafeLoader, f"construct_yaml_{kind}")(loader, node)
        except (ValueError, KeyError, IndexError):  # PyYAML's ways to say it, where a tag claims the kind
            raise _refusal(f"this is not of type {kind}", node) from None

    return construct


def _refused(kind: str) -> Callable[[_Loader, yaml.Node], Any]:
    def construct(_: _Loader, node: yaml.Node) -> Any:
        raise _refusal(f"this is {kind} to YAML, which JSON does not have; quote it if it is text", node)

    return construct


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
for _kind in ("int", "float", "bool"):
    _Loader.add_constructor(_TAG + _kind, _plain(_kind))
for _kind, _named in (
    ("timestamp", "a date"),
    ("binary", "binary data"),
    ("omap", "an ordered mapping"),
    ("pairs", "a list of pairs"),
    ("set", "a set"),
):
    _Loader.add_constructor(_TAG + _kind, _refused(_named))
