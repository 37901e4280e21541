"""The rules of `rules.yaml`: each sample is run through the matcher that the checks use."""

from __future__ import annotations

import pytest

from harness.source.app.rules import Generators, Rule, collision_rule, may_make, rules
from harness.source.checkout import SourceFile
from harness.source.javascript.patterns import found_by
from harness.source.javascript.program import Program

GENERATORS = rules("generators")
COLLISIONS = rules("collisions")
KINDS = ("string", "template_string", "number", "regex", "identifier", "property_identifier")


def samples(section: tuple[Rule, ...], kind: str) -> list[tuple[Rule, str]]:
    """Each sample with its rule."""
    return [(rule, text) for rule in section for text in getattr(rule, kind)]


def program_of(text: str) -> Program:
    """A program of one file."""
    return Program((SourceFile("src/a.ts", text),))


def generators_in(text: str) -> set[str]:
    """The rules that find something in a text."""
    program = program_of(text)
    return {rule.id for _, rule in Generators(program).in_file(program.files.module("src/a.ts"))}


def collisions_in(text: str) -> set[str]:
    """The same for what recognises a violation."""
    program = program_of(text)
    nodes = program.files.module("src/a.ts").parsed.of_kind(*KINDS)
    return {rule.id for node in nodes if (rule := collision_rule(program, node)) is not None}


def named(value: object) -> str:
    """A sample's name in pytest's output."""
    return value.id if isinstance(value, Rule) else str(value)


@pytest.mark.parametrize(("rule", "text"), samples(GENERATORS, "positive"), ids=named)
def test_a_generator_is_found(rule: Rule, text: str) -> None:
    """By its own rule; and the file is not passed over before it is parsed."""
    assert rule.id in generators_in(text)
    assert rule.id in ("by_name", "clock") or may_make(text)


@pytest.mark.parametrize(("rule", "text"), samples(GENERATORS, "negative"), ids=named)
def test_what_makes_nothing_random_is_not_found(rule: Rule, text: str) -> None:
    """By this rule."""
    assert rule.id not in generators_in(text)


@pytest.mark.parametrize(("rule", "text"), samples(COLLISIONS, "positive"), ids=named)
def test_a_collision_is_recognised(rule: Rule, text: str) -> None:
    """By its own rule."""
    assert rule.id in collisions_in(text)


@pytest.mark.parametrize(("rule", "text"), samples(COLLISIONS, "negative"), ids=named)
def test_another_error_is_not_taken_for_a_collision(rule: Rule, text: str) -> None:
    """By any rule."""
    assert collisions_in(text) == set()


@pytest.mark.parametrize("rule", [*GENERATORS, *COLLISIONS], ids=named)
def test_a_rule_has_samples_of_both_kinds(rule: Rule) -> None:
    """And looks for something."""
    assert rule.positive
    assert rule.negative
    assert rule.patterns or rule.packages or rule.texts or rule.phrases or rule.called


@pytest.mark.parametrize(
    ("rule", "pattern"), [(rule, pattern) for rule in GENERATORS for pattern in rule.patterns], ids=named
)
def test_each_pattern_finds_a_sample(rule: Rule, pattern: str) -> None:
    """One that does not parse finds nothing, and says nothing."""
    found = [text for text in rule.positive if spans_in(text, pattern)]
    assert found, pattern


def spans_in(text: str, pattern: str) -> list[tuple[int, int]]:
    """Where a pattern is found in a text."""
    return list(found_by(program_of(text).files.module("src/a.ts").parsed, [pattern]))


@pytest.mark.parametrize(
    ("pattern", "number"),
    [("nanoid($$$A)", 3), ("nanoid($A)", 1), ("nanoid()", 1), ("nanoid($A, 2)", 1), ("$F(8)", 1), ("-nanoid()", 0)],
)
def test_a_pattern_finds_what_is_of_its_shape(pattern: str, number: int) -> None:
    """With one expression for `$A`, and any for `$$$A`."""
    assert len(spans_in("nanoid(8); +nanoid(); f(nanoid(1, 2)); nano(id);", pattern)) == number


def test_a_pattern_that_does_not_parse_is_an_error() -> None:
    """It would find nothing, and say nothing."""
    with pytest.raises(ValueError, match="is not an expression"):
        spans_in("nanoid(8);", "nanoid($$$A")


@pytest.mark.parametrize("rule", [rule for rule in GENERATORS if rule.packages], ids=named)
def test_each_package_is_found_by_some_name(rule: Rule) -> None:
    """Under a name of the file's own choice; a package whose name is mistyped would be found by none."""
    for package in sorted(rule.packages):
        name = next(iter(sorted(rule.names - {"*", "module", "default"})), "anything").partition(".")[0]
        text = f'import {{ {name} as made }} from "{package}"; const t = made();'
        if rule.is_of_package(package, name):
            assert rule.id in generators_in(text), text
            assert may_make(text)


def test_a_library_of_many_things_is_looked_at_for_the_random_ones_only() -> None:
    """Most files of an app may import it: they would all be parsed."""
    assert may_make('import _ from "lodash"; const t = _.sample(LETTERS);')
    assert not may_make('import _ from "lodash"; const t = _.groupBy(rows, "id");')
    assert may_make('import sampleSize from "lodash/sampleSize";')
