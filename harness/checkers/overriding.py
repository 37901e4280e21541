"""Judges what goes around the token's default: triggers, rules, generated columns, defaults of partitions and views."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.checkers.defaults import unproven_default, wrong_default
from harness.checkers.trigger_sources import hides_new, is_behind_update, sets_new, sets_stored
from harness.errors import CouldNotTell
from harness.extras import install
from harness.postgres.statement_reading import (
    DEEPEST_CALL,
    is_parser_installed,
    parsed_function,
    parsed_text,
    read_statement,
)
from harness.postgres.table_queries import MOST, MOST_READ
from harness.postgres.targets import targets_of
from harness.postgres.token_writes import NOTHING, UNCLEAR, Reading, together
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.postgres.table import CalledFunction, OwnDefault, Rule, TableFacts, Trigger
    from harness.postgres.token_writes import Target

_INSTALL = f"install what reads SQL ({install('source')}) and run again"


def overriding(facts: TableFacts) -> list[str]:
    """What decides the token instead of the column's default, each in a sentence: of the table, its partitions, views.

    What cannot be read is left to `demand_readable`.
    """
    token = facts.token_column
    found = [
        f"{_named(t)} calls {t.function}, which sets {token}"
        for t in facts.triggers
        if (t.before_insert or t.instead_of) and sets_new(t.source, t.token or token, instead_of=t.instead_of)
    ]
    written = [(trigger, _written_by(facts, trigger)) for trigger in facts.triggers if _fires(trigger)]
    found += [
        f"{_named(t)} calls {t.function}, which {'updates' if reading.updates else 'gives a value to'} {token}"
        for t, reading in written
        if reading.updates or reading.writer == "app"
    ]
    for rule in facts.insert_rules:
        reading = _written_by_rule(facts, rule)
        if not rule.relation and rule.instead:
            found.append(f"rule {rule.name} rewrites INSERT")
        elif reading.updates or reading.writer == "app":
            does = f"rewrites INSERT, and gives {token} a value" if rule.relation else "rewrites INSERT"
            found.append(f"{_named(rule)} {does}")
    if facts.token_generated:
        found.append(f"column {token} is GENERATED ALWAYS AS")
    for own in facts.own_defaults:
        wrong = wrong_default(own.default)
        if wrong is not None:
            found.append(f"{_owner_of(own)} gives {token} a default of its own: {wrong.removeprefix('default ')}")
    return found


def demand_readable(facts: TableFacts) -> None:
    """Refuse to call harmless what may set the token and cannot be read.

    Raises:
        CouldNotTell: the cause names the triggers, rules or kinds.
    """
    _demand_bounded(facts)
    unproven = [
        f"{_owner_of(own)}: {said}" for own in facts.own_defaults if (said := unproven_default(own.default)) is not None
    ]
    if unproven:
        raise CouldNotTell(
            f"it is not known what a default of its own makes: {', '.join(unproven)}",
            "drop it, so that the default of the table counts; or read the function, and waive this claim with the "
            "reason",
        )
    opaque = [
        f"{_named(t)} ({t.function})"
        for t in facts.triggers
        if (t.before_insert or t.instead_of)
        and t.language == "plpgsql"
        and hides_new(t.source, instead_of=t.instead_of)
    ]
    if opaque:
        raise CouldNotTell(
            f"a trigger makes the whole row in a way that does not tell whether it sets {facts.token_column}: "
            f"{', '.join(opaque)}",
            "check whether it sets the token, and let the trigger set its columns by name: NEW.column := ..; if it "
            "does not, waive this claim with the reason",
        )
    unread = [
        f"{_named(t)} ({t.function})"
        for t in facts.triggers
        if _fires(t) and (len(t.source) >= MOST_READ or _written_by(facts, t).writer == "unclear")
    ]
    unread += [
        _named(rule)
        for rule in facts.insert_rules
        if (rule.relation or not rule.instead) and _written_by_rule(facts, rule).writer == "unclear"
    ]
    if unread:
        raise CouldNotTell(
            f"what these do with {facts.token_column} when a row is inserted was not understood: {', '.join(unread)}",
            "check whether they give the token a value; if they do, drop them; if not, waive this claim with the reason"
            + ("" if is_parser_installed() else f", or {_INSTALL}"),
        )


def _demand_bounded(facts: TableFacts) -> None:
    kinds = {
        "triggers": len(facts.triggers),
        "rules": len(facts.insert_rules),
        "defaults of partitions and views": sum(own.relations for own in facts.own_defaults),
        "functions that triggers call": len(facts.called),
    }
    for kind, number in kinds.items():
        if number > MOST:
            raise CouldNotTell(
                f"there are more than {MOST} {kind}, and no more were read",
                "check whether one of them gives the token a value; if none does, waive this claim with the reason",
            )


def _owner_of(own: OwnDefault) -> str:
    kind = "view" if own.relkind == "v" else "partition"
    return f"{kind} {own.relation}{f' (and {own.relations - 1} more)' if own.relations > 1 else ''}"


def _named(of: Trigger | Rule) -> str:
    kind = "rule" if hasattr(of, "definition") else "trigger"
    return printable(f"{kind} {of.name}{f' on {of.relation}' if of.relation else ''}")


def _fires(trigger: Trigger) -> bool:
    return trigger.before_insert or trigger.instead_of or trigger.after_insert


# --- what functions and rules write -----------------------------------------------------------------------------------


def _targets(facts: TableFacts, of: Trigger | Rule) -> Iterator[Target]:
    return targets_of(facts, in_new=of.token or facts.token_column)


def _written_by_rule(facts: TableFacts, rule: Rule) -> Reading:
    if not rule.definition:
        return UNCLEAR
    return together(_parsed_rule(rule.definition, target) for target in _targets(facts, rule))


def _parsed_rule(definition: str, target: Target) -> Reading:
    read = parsed_text(definition, target)
    if read is not None:
        return read
    _, _, actions = definition.partition(" DO ")
    return _by_words(actions, target)


def _written_by(facts: TableFacts, trigger: Trigger) -> Reading:
    """What the function of a trigger writes, by itself and by the functions that it calls."""
    own = [function for function in facts.called if function.function == trigger.function]
    reading = together(_followed(facts, function, target) for target in _targets(facts, trigger) for function in own)
    if reading.updates and is_behind_update(trigger.source):
        return reading._replace(updates=False) if reading.inserts else NOTHING
    return reading


def _followed(facts: TableFacts, function: CalledFunction, target: Target) -> Reading:
    """A function with those that it calls, each read once."""
    known, readings, fresh = {function.function}, [], [function]
    for _ in range(DEEPEST_CALL + 1):
        of = [_read(each, target) for each in fresh]
        readings += of
        calls = frozenset(call for reading in of for call in reading.calls)
        fresh = [
            called
            for called in facts.called
            if called.function not in known and calls & {("", called.name), (called.schema, called.name)}
        ]
        known |= {called.function for called in fresh}
    return together([*readings, UNCLEAR] if fresh else readings)


def _read(function: CalledFunction, target: Target) -> Reading:
    if not function.definition:
        return UNCLEAR
    parameters = frozenset(function.arguments) - {""}
    read = parsed_function(function.definition, function.language, parameters, target)
    return read if read is not None else _by_words(function.definition, target)


def _by_words(text: str, target: Target) -> Reading:
    """The same where no parser reads it: statement by statement, and unclear rather than harmless."""
    if sets_stored(text, target.token, target.names):
        return Reading("app", updates=True)
    return together(_statements_in(text, target))


def _statements_in(text: str, target: Target) -> Iterable[Reading]:
    for part in text.split(";"):
        begins = re.search(r"(?i)\b(?:insert|update|merge|copy|execute(?! (?:function|procedure)))\b", part)
        if begins is None:
            yield read_statement(part, target)._replace(writer=None, inserts=False)
        elif begins[0].lower() == "execute" or len(part) > 8000:
            yield UNCLEAR
        else:
            yield read_statement(part[begins.start() :], target)
