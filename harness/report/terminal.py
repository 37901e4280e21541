"""The verdict for a terminal: what is proved, what does not hold and why, what to do, and the verdict last.

Each finding is told once, whichever environments it was seen on. What is not covered takes a line for each reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.patterns import lazily
from harness.report.deliverables import WORDS as DELIVERABLE_WORDS
from harness.report.deliverables import not_selected
from harness.report.story import story_lines
from harness.report.summary import (
    CONCLUSIONS,
    PROVED,
    WORDS,
    advised,
    posts_in_words,
    statements_in_words,
    to_do,
)
from harness.report.together import agree, by_environment, deliverables_together, found_together, only_on
from harness.report.wrapping import in_one, wrapped
from harness.text import part_of_shown, plural, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.report.together import Found
    from harness.report.verdict import CheckResult, EnvironmentVerdict, LeftBehind, Verdict
    from harness.text import Shown

SHOWN_CLAIMS = 4  # of a line that names several by their ids
SHOWN_ITEMS = 3  # of a finding's evidence; all of it with detail, and in the reports
SHOWN_NOTES = 2
MOST_OF_A_PASS = 15  # lines that two environments take which pass
ROWS_A_LINE = 20
_SHORTEST = 10  # columns, that a title is cut to
_TOTAL = lazily(r"(?:and \d+ more: )?(\d+(?: of .+)? in all)")


class View(NamedTuple):
    """How a verdict is shown.

    Attributes:
        width: of the terminal, in columns; None where there is none: then no line is broken.
        detail: every claim, and all that is known of what does not hold.
        closing: what is said before the verdict, such as where the reports are.
        listed: whether verdict.json is written, which lists every row that may be left.
    """

    width: int | None = None
    detail: bool = False
    closing: Sequence[str] = ()
    listed: bool = False


USUAL = View()
_EMPTY = (sentence(""), "")
_HANG_OF_STORY = 4


class _Row(NamedTuple):
    """What has a label in the first column.

    With `cut` it takes one line of a terminal: its text is cut, and `rest` follows in full where there is room.
    """

    label: str
    text: str
    mood: str = ""
    rest: str = ""
    cut: bool = False


def lines(verdict: Verdict, view: View = USUAL) -> Iterator[tuple[Shown, str]]:
    """The verdict as (line, mood) pairs; mood is pass, fail, unknown, heading, or "" for plain text."""
    if verdict.watch is not None:
        for told in story_lines(verdict.watch):
            yield from _broken(told, "", view, hang=_HANG_OF_STORY)
        yield _EMPTY
    rows = [*_proved(verdict)]
    if view.detail:
        yield from _in_columns(rows, view)
        for environment in verdict.environments:
            yield from _every_claim(verdict, environment, view)
        yield _EMPTY
        rows = []
    else:
        rows += _environments(verdict)
    rows += _not_asked(verdict, view)
    room = MOST_OF_A_PASS - len(rows) - len(view.closing) - 1 if verdict.verdict == "pass" else SHOWN_NOTES
    yield from _in_columns([*rows, *_notes(verdict, view, room)], view)
    findings = [*_findings(verdict, view)]
    yield from [*findings, _EMPTY] if findings else []
    yield from _left_behind(verdict.left_behind, view)
    for line in verdict.error.splitlines():
        yield from _broken(line, "unknown", view)
    for where, what in to_do(verdict):
        yield from _broken(f"to do: {f'[{where}] ' if where else ''}{what}", "", view, hang=7)
    yield from _end(verdict, view)


def brief(verdict: Verdict, view: View = USUAL) -> Iterator[tuple[Shown, str]]:
    """The verdict in one line before `closing`, and one after it."""
    known = "; ".join(
        f"{each.name}: {CONCLUSIONS[each.verdict]}, {_held(verdict, each, named=True)}" for each in verdict.environments
    )
    removed = sum(each.rows_removed for each in verdict.environments)
    known += f"; {plural(removed, 'row')} removed" if removed else ""
    first = next(iter(verdict.error.splitlines()), known) or "no environment was verified"
    if verdict.left_behind:
        first = f"{plural(len(verdict.left_behind), 'row')} may be left behind; {first}"
    yield in_one(sentence(first), view.width), ""
    yield from _end(verdict, view)


def _end(verdict: Verdict, view: View) -> Iterator[tuple[Shown, str]]:
    for text in view.closing:
        yield from _broken(text, "", view)
    said = f"verdict: {CONCLUSIONS[verdict.verdict]} (exit {verdict.exit_code}: {advised(verdict)})"
    yield from _broken(said, verdict.verdict, view)


def _broken(text: str, mood: str, view: View, hang: int = 4) -> Iterator[tuple[Shown, str]]:
    yield from ((line, mood) for line in wrapped(sentence(text), view.width, hang))


def _in_columns(rows: Sequence[_Row], view: View) -> Iterator[tuple[Shown, str]]:
    indent = max((len(row.label) for row in rows), default=0) + 2
    for row in rows:
        label = f"{row.label:<{indent}}"
        if row.cut and view.width is not None:
            yield part_of_shown(f"{label}{_cut(row, view.width - indent)}"), row.mood
        else:
            yield from _broken(f"{label}{row.text}{row.rest}", row.mood, view, hang=indent)


def _cut(row: _Row, room: int) -> str:
    text, rest = sentence(row.text), sentence(row.rest)
    if room < len(rest) + _SHORTEST:
        return in_one(sentence(f"{text}{rest}"), room)
    return f"{in_one(text, room - len(rest))}{rest}"


def _few(ids: Sequence[str], view: View = USUAL) -> str:
    shown = ids if view.detail else ids[:SHOWN_CLAIMS]
    return ", ".join(shown) + (f" and {len(ids) - len(shown)} more" if len(ids) > len(shown) else "")


# --- what is known, a row for each thing ------------------------------------------------------------------------------


def _proved(verdict: Verdict) -> Iterator[_Row]:
    """What the run proves of the change, first of all: each deliverable once for the environments that are alike."""
    for id_, outcome, alike in deliverables_together(verdict):
        claims = list(dict.fromkeys(claim for each in alike for claim in each.claims))
        where = f": {', '.join(each.environment for each in alike)}" if len(verdict.environments) > 1 else ""
        why = f" ({_few(claims)})" if outcome in ("fail", "unknown", "waived") else ""
        mood = "" if outcome in ("not_covered", "waived") else outcome
        yield _Row(PROVED[outcome], f"{DELIVERABLE_WORDS[id_]}{where}{why}", mood)


def _environments(verdict: Verdict) -> Iterator[_Row]:
    for environment in verdict.environments:
        yield _Row(environment.name, environment.url, "heading")
        yield _Row("", _counted(verdict, environment), environment.verdict)


def _counted(verdict: Verdict, environment: EnvironmentVerdict) -> str:
    """How many claims hold on an environment, and what became of its POSTs and their rows."""
    said = [_held(verdict, environment)]
    if environment.posts:
        said.append(f"{environment.acknowledged} of {plural(environment.posts, 'POST')} acknowledged")
    if environment.posts or environment.rows_removed:
        said.append(f"{plural(environment.rows_removed, 'row')} removed")
    return "; ".join(said)


def _held(verdict: Verdict, environment: EnvironmentVerdict, *, named: bool = False) -> str:
    """How many claims hold on an environment, of how many that were asked; which are broken if `named`."""
    results = [result for result in verdict.checks if result.environment == environment.name]
    ids = {outcome: [each.id for each in results if each.outcome == outcome] for outcome in ("pass", "fail", "unknown")}
    asked = sum(map(len, ids.values()))
    if not asked:
        return "no claim was asked"
    said = [f"{len(ids['pass'])} of {plural(asked, 'claim')} hold{'s'[asked != 1 :]}"]
    said += [f"{len(ids['fail'])} FAIL" + (f" ({_few(ids['fail'])})" if named else "")] if ids["fail"] else []
    said += [f"{len(ids['unknown'])} could not be told"] if ids["unknown"] else []
    return ", ".join(said)


def _not_asked(verdict: Verdict, view: View) -> Iterator[_Row]:
    """What is not covered or waived, a row for each reason; and what was not selected.

    Where that is why nothing is known, what to do about it is told as well.
    """
    decides = verdict.verdict == "unknown" and not _of(verdict, "unknown")
    for outcome in ("not_covered", "waived"):
        reasons: dict[tuple[str, str], list[CheckResult]] = {}
        for result in _of(verdict, outcome):
            remedy = result.remedy if view.detail or decides else ""
            reasons.setdefault((result.cause, remedy), []).append(result)
        for (cause, remedy), alike in reasons.items():
            where = only_on([result.environment for result in alike], verdict)
            titles = list(dict.fromkeys(result.claim for result in alike))
            if view.detail:
                yield _Row(WORDS[outcome], f"{where}{'; '.join(titles)}: {cause}; {remedy}")
                continue
            more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
            why = f"{cause}; {remedy}" if remedy else cause
            yield _Row(WORDS[outcome], f"{where}{titles[0]}", rest=f"{more} ({why})", cut=not decides)
    if verdict.left_out and verdict.checks:  # where nothing was selected, why it ended names the nearest
        yield _Row("not selected", _few(not_selected(verdict.checks, verdict.left_out), view))


def _notes(verdict: Verdict, view: View, room: int) -> Iterator[_Row]:
    """What is unusual and decides nothing: the first of it in a line each, all of it before a migration.

    `room` is how many lines there are for it. One note is shown even where there is none.
    """
    whole = view.detail or verdict.kind == "preflight"
    where: dict[Shown, list[str]] = {}
    for environment in verdict.environments:
        for note in environment.notes:
            where.setdefault(note, []).append(environment.name)
    shown = [*where] if whole else [*where][: max(1, min(SHOWN_NOTES, room))]
    left = len(where) - len(shown)
    for note in shown:
        more = f"; and {plural(left, 'more note')}, see summary.md" if left and note == shown[-1] else ""
        yield _Row("note", f"{only_on(where[note], verdict)}{note}", rest=more, cut=not whole)


def _of(verdict: Verdict, outcome: str) -> list[CheckResult]:
    return [result for result in verdict.checks if result.outcome == outcome]


# --- what does not hold -----------------------------------------------------------------------------------------------


def _findings(verdict: Verdict, view: View) -> Iterator[tuple[Shown, str]]:
    """Each finding with the environments that it was seen on, then what could not be told."""
    for found in found_together(verdict, "fail"):
        yield _EMPTY
        for id_, results in found.claims.items():
            where = ", ".join(result.environment for result in results)
            yield from _broken(f"FAILED [{where}] {id_}: {results[0].claim}", "fail", view)
            yield from _seen(results, view)
        yield from _why(found, view)
    for found in found_together(verdict, "unknown"):
        yield _EMPTY
        where = ", ".join(found.environments)
        yield from _broken(f"COULD NOT TELL [{where}] {_few([*found.claims], view)}", "unknown", view)
        yield from _why(found, view)


def _seen(results: Sequence[CheckResult], view: View) -> Iterator[tuple[Shown, str]]:
    """What was wanted and what was seen of one claim, once for the environments that agree."""
    wanted: dict[str, list[str]] = {result.environment: [result.want] for result in results if result.want}
    yield from _labelled("want", by_environment(wanted), view)
    have: dict[str, list[Shown]] = {result.environment: result.have for result in results}
    most = SHOWN_ITEMS if agree(have) else SHOWN_ITEMS - 1
    if not view.detail:
        have = {name: _first(items, most) for name, items in have.items()}
    yield from _labelled("have", by_environment(have), view)


def _first(items: list[Shown], most: int) -> list[Shown]:
    """The first items, and how many more there are, as far as the finding itself says it."""
    if len(items) <= most + 1:
        return items
    total = _TOTAL.fullmatch(items[-1])
    rest = total[1] if total is not None else f"and {len(items) - most} more"
    return [*items[:most], sentence(f"{rest}, see summary.md")]


def _why(found: Found, view: View) -> Iterator[tuple[Shown, str]]:
    yield from _labelled("cause", by_environment({name: [cause] for name, cause in found.causes.items()}), view)
    yield from _labelled("remedy", [found.remedy], view)


def _labelled(label: str, items: Sequence[str], view: View) -> Iterator[tuple[Shown, str]]:
    for number, item in enumerate(items):
        yield from _broken(f"  {f'{label}:' if number == 0 else '':<8}{item}", "", view, hang=10)


def _left_behind(left: Sequence[LeftBehind], view: View) -> Iterator[tuple[Shown, str]]:
    """The rows that may be left, those of one reason together; all of them where nothing else lists them."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for row in left:
        name = f"{row.name} (id {row.id})" if row.id else row.name
        alike.setdefault((row.environment, row.reason, row.remedy), []).append(name)
    for (environment, reason, remedy), names in alike.items():
        for start in range(0, ROWS_A_LINE if view.listed else len(names), ROWS_A_LINE):
            shown = ", ".join(names[start : start + ROWS_A_LINE])
            if view.listed and len(names) > ROWS_A_LINE:
                shown += f" and {len(names) - ROWS_A_LINE} more, listed in verdict.json"
            yield from _broken(f"may be left behind: {environment} {shown}: {reason}. {remedy}", "unknown", view)


# --- every claim ------------------------------------------------------------------------------------------------------


def _every_claim(verdict: Verdict, environment: EnvironmentVerdict, view: View) -> Iterator[tuple[Shown, str]]:
    """A line for each claim that was asked of an environment, and what its POSTs are worth."""
    yield _EMPTY
    yield from _broken(f"{environment.name}  {environment.url}", "heading", view)
    for result in verdict.checks:
        if result.environment == environment.name:
            yield from _broken(f"  {WORDS[result.outcome]:<15}{result.claim}", result.outcome, view, hang=17)
    for text in _figures(environment):
        yield from _broken(f"  {text}", "", view)
    yield sentence(f"  {environment.name}: {CONCLUSIONS[environment.verdict]}"), environment.verdict


def _figures(environment: EnvironmentVerdict) -> Iterator[str]:
    if environment.posts:
        yield f"{posts_in_words(environment)} Rows removed: {environment.rows_removed}."
    if environment.statements is not None:
        yield statements_in_words(environment.statements)
