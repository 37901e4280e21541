"""The story of a rollout, told of histories that are made by hand: seconds are those of the run."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from harness.history.attempt import Attempt
from harness.history.problem import Problem
from harness.history.revision import ServedRevision
from harness.postgres.column_look import ColumnLook, Holder
from harness.rollout.evidence import RowChange, RowLook, Served, Watched
from harness.rollout.story import Story, tell

OLD, NEW = "01d0c0de" * 5, "5ca1ab1e" * 5
E_22P02 = '{"error": "invalid input syntax for type uuid (SQLSTATE 22P02)"}'
E_23502 = '{"error": "null value in column \\"public_token\\" (SQLSTATE 23502)"}'


def post(n: int, at_s: float, kind: str = "new", took_s: float = 0.01, **more: Any) -> Attempt:
    """One POST at a moment: `new` and `short` are acknowledged, 500 is answered with `evidence`."""
    fields: dict[str, Any] = {"outcome": "ok", "status": 201, "id": str(n), "token": str(UUID(int=n, version=4))}
    if kind == "short":
        fields["token"] = f"tok{n:05}"
    if kind == "500":
        fields |= {"outcome": "fail", "status": 500, "problem": Problem.WRONG_STATUS, "id": None, "token": None}
        fields |= {"error": "answered 500", "evidence": E_22P02}
    return Attempt(
        **{"n": n, "name": f"smoke-r-{n}", "phase": "rollout", **fields, **more}, started_s=at_s, ended_s=at_s + took_s
    )


def look(at_s: float, type_: str | None = "uuid", default: str = "gen_random_uuid()", **more: Any) -> ColumnLook:
    return ColumnLook(at_s, at_s + 0.01, type_, True, default, **more)


def served(at_s: float, *revisions: str | None) -> Served:
    return Served(at_s, tuple(ServedRevision(revision, "" if revision else "answered 503") for revision in revisions))


def told(
    attempts: list[Attempt],
    looks: list[ColumnLook] | None = None,
    serving: list[Served] | None = None,
    ended_s: float | None = None,
) -> Story:
    last_s = max((a.ended_s for a in attempts), default=1.0) if ended_s is None else ended_s
    return tell(Watched(attempts, looks or [], serving or [], 0.0, last_s, rate=2.0))


def of_kind(story: Story, kind: str) -> list[str]:
    return [change.text for change in story.changes if change.kind == kind]


def each_half_second(kinds: list[str]) -> list[Attempt]:
    return [post(n, n / 2, kind) for n, kind in enumerate(kinds)]


def test_migration_before_code_has_four_phases() -> None:
    """Before, migrated, deployed and steady, each with its POSTs; the failures are those of the old code."""
    attempts = each_half_second(["short"] * 6 + ["500"] * 8 + ["new"] * 12)
    looks = [look(s, "text", "") if s < 3 else look(s) for s in range(13)]
    serving = [served(s, OLD) if s < 7 else served(s, NEW, NEW) for s in range(13)]
    story = told(attempts, looks, serving)
    assert [phase.name for phase in story.phases] == ["before", "migrated", "deployed", "steady"]
    assert sum(phase.posts for phase in story.phases) == 26
    assert (story.migrated_s, story.deployed_s) == (3.01, 7)
    assert story.steady_s == 7.0
    (outage,) = story.outages
    assert (outage.failed, outage.posts, round(outage.lasted_s, 2)) == (8, 8, 3.51)
    (failing,) = of_kind(story, "failed")
    assert failing.startswith("8 of 8 POSTs failed: 8 answered 500, the old code runs on the new schema (22P02)")
    assert of_kind(story, "column") == ["column public_token became uuid, has the default gen_random_uuid()"]
    assert of_kind(story, "revision") == ["revision 5ca1ab1e5ca1 on all connections that were asked"]
    assert of_kind(story, "tokens") == ["POSTs return version 4 tokens, and returned short tokens before"]


def test_a_change_lies_between_the_look_before_and_the_one_that_shows_it() -> None:
    """No later and no earlier: what happened in between nobody saw."""
    story = told(each_half_second(["new"] * 8), [look(0, "text"), look(1, "text"), look(2), look(3)])
    (change,) = story.changes
    assert (change.from_s, change.to_s) == (1, 2.01)


def test_rows_that_were_replaced_are_told_since_they_were_there() -> None:
    """Between the look before and the one that shows it, and no earlier than the first of their POSTs."""
    attempts = each_half_second(["short"] * 6 + ["new"] * 8)
    replaced = [RowChange(f"smoke-r-{n}", f"tok{n:05}", str(UUID(int=n, version=4))) for n in (3, 4)]
    other = RowChange("smoke-r-7", str(UUID(int=7, version=4)), "no row")
    looks = [RowLook(2.2, 2.3, 2, tuple(replaced)), RowLook(3.2, 3.3, 5), RowLook(4.2, 4.3, 7, (other,))]
    story = tell(Watched(attempts, [look(s) for s in range(8)], [], 0.0, 7.0, rate=2.0, row_looks=looks))
    changes = [(c.from_s, c.to_s, c.text, c.posts) for c in story.changes if c.kind == "rows"]
    assert changes == [
        (1.5, 2.3, "2 stored short tokens were replaced by UUIDs", 2),
        (3.5, 4.3, f"the row of {other.shown}", 1),
    ]
    assert of_kind(story, "unseen") == []
    late = [RowLook(6.2, 6.3, 5)]
    story = tell(Watched(attempts, [look(s) for s in range(8)], [], 0.0, 7.0, rate=2.0, row_looks=late))
    assert of_kind(story, "unseen") == ["no row was compared with its answer: the table was locked, or not read"]


def test_a_revision_may_change_while_it_is_asked_for() -> None:
    """The moment lasts until the last connection has answered."""
    asked = [Served(1.0, (ServedRevision(OLD),), 1.1), Served(2.0, (ServedRevision(NEW),), 2.4)]
    story = told(each_half_second(["new"] * 8), serving=asked)
    assert [(change.kind, change.from_s, change.to_s) for change in story.changes] == [("revision", 1.0, 2.4)]
    assert story.deployed_s == 2.4


def test_code_before_migration_is_deployed_first() -> None:
    """Phases stand in the order in which they came."""
    attempts = [*each_half_second(["short"] * 4), *(post(n, n / 2, "500", evidence=E_23502) for n in range(4, 10))]
    attempts += [post(n, n / 2) for n in range(10, 20)]
    looks = [look(s, "text", "") if s < 5 else look(s) for s in range(10)]
    serving = [served(s, OLD) if s < 2 else served(s, NEW) for s in range(10)]
    story = told(attempts, looks, serving)
    assert [phase.name for phase in story.phases] == ["before", "deployed", "migrated", "steady"]
    assert "23502" in of_kind(story, "failed")[0]


@pytest.mark.parametrize("deployed_s", [2.5, 3.0, 3.6])
def test_two_changes_between_two_looks_are_one_moment(deployed_s: float) -> None:
    """Which of them came first nobody saw: the phases are the same whatever the looks happened to meet first."""
    looks = [look(s, "text" if s < 3 else "uuid") for s in range(7)]
    story = told(each_half_second(["short"] * 6 + ["new"] * 9), looks, [served(0, OLD), served(deployed_s, NEW)])
    assert [phase.name for phase in story.phases] == ["before", "migrated", "deployed", "steady"]
    assert story.phases[1].from_s == story.phases[2].from_s == max(deployed_s, 3.01)


def test_a_migration_that_is_rolled_back_is_none() -> None:
    """The column became a uuid and text again: what counts is the last time."""
    types = ["text", "uuid", "text", "text", "uuid", "uuid"]
    story = told(each_half_second(["new"] * 12), [look(s, type_) for s, type_ in enumerate(types)])
    assert story.migrated_s == 4.01
    assert len(of_kind(story, "column")) == 3
    never = told(each_half_second(["new"] * 12), [look(s, type_) for s, type_ in enumerate(types[:4])])
    assert (never.migrated_s, never.steady_s) == (None, None)
    assert never.unsteady == "the column is text at the end, not uuid"


def test_several_revisions_are_not_steady() -> None:
    """One of them on 2 of 8 connections is told, and no steady state is reached."""
    mixed = served(3, *[OLD] * 2, *[NEW] * 6)
    story = told(each_half_second(["new"] * 12), [look(s) for s in range(6)], [served(0, OLD), mixed])
    assert of_kind(story, "revision") == ["revisions 01d0c0de01d0 on 2, 5ca1ab1e5ca1 on 6 of 8 connections"]
    assert story.unsteady == "2 revisions are served at the end"


def test_a_page_that_does_not_answer_is_no_other_revision() -> None:
    """While an instance restarts nothing is said of what it serves."""
    story = told(each_half_second(["new"] * 12), [], [served(0, NEW), served(1, None), served(2, NEW)])
    assert of_kind(story, "revision") == []
    assert story.deployed_s is None
    assert story.steady_s == 0


@pytest.mark.parametrize(
    ("kinds", "outages"),
    [
        (["500", *["new"] * 4, "500", *["new"] * 6], [2]),  # a steady stretch is five
        (["500", *["new"] * 5, "500", *["new"] * 6], [1, 1]),
        (["new"] * 12, []),
    ],
)
def test_outages_are_parted_by_a_steady_stretch(kinds: list[str], outages: list[int]) -> None:
    """One of three instances that fails is one outage, not many."""
    assert [outage.failed for outage in told(each_half_second(kinds)).outages] == outages


def test_what_users_do_not_meet_is_no_outage() -> None:
    """A rate limit and a login are ours: they are told, and leave no steady state to be judged."""
    refused = [post(n, n / 2, "500", status=429, problem=Problem.RATE_LIMITED, error="answered 429") for n in range(6)]
    story = told(refused)
    assert story.outages == ()
    assert of_kind(story, "refused") == ["6 POSTs say nothing about the create route: answered 429"]
    assert story.steady_s is None
    nobody = [post(n, n / 2, "500", status=None, problem=Problem.REFUSED, error="refused") for n in range(6)]
    assert [outage.failed for outage in told(nobody).outages] == [6], "users meet that as well"


def test_posts_that_wait_for_a_lock_are_told_with_who_holds_it() -> None:
    """Stretches of looks with a lock are one, and so are POSTs that wait together."""
    idle = Holder(71, "AccessShareLock", "a", "idle in transaction", 9.0, "SELECT COUNT")
    looks = [look(0), look(1, waiting=2, longest_wait_s=0.7, holders=(idle,))]
    looks += [look(2, waiting=5, longest_wait_s=1.7, holders=(idle,)), look(3)]
    attempts = [
        post(1, 0),
        post(2, 0.5, "500", took_s=2.2),
        post(3, 1, took_s=1.7),
        *(post(n, n / 2 + 1) for n in range(4, 12)),
    ]
    story = told(attempts, looks)
    assert of_kind(story, "waited") == ["2 POSTs waited, the longest 2.2 s"], "whether or not they failed then"
    (lock,) = of_kind(story, "lock")
    assert lock == (
        "sessions waited for a lock on the table, 5 at most, the longest 1.7 s; it was held by pid 71 (a), idle in "
        "transaction for 9.0 s, AccessShareLock"
    )


def test_most_of_the_posts_may_have_waited() -> None:
    """What is usual is told by those that did not."""
    attempts = [post(n, n / 2, took_s=3.0 if 4 <= n < 24 else 0.01) for n in range(30)]
    assert of_kind(told(attempts), "waited") == ["20 POSTs waited, the longest 3.0 s"]


def test_what_nobody_saw_is_said() -> None:
    """Where no POST was in flight, and where no look was answered."""
    attempts = [post(1, 0), post(2, 0.5), *(post(n, 6 + n / 2) for n in range(3, 12))]
    story = told(attempts, [look(s) for s in (0, 1, 2, 8, 9, 10, 11)])
    assert of_kind(story, "unseen") == [
        "no POST was in flight: nothing is known of the create route",
        "no look at the column was answered",
    ]
    assert [(round(c.from_s, 2), c.to_s) for c in story.changes] == [(0.51, 7.5), (2.01, 8)]
    assert not of_kind(told(each_half_second(["new"] * 20)), "unseen"), "half a second between two is as wanted"


def test_steady_needs_five_in_a_row() -> None:
    """Four are not enough, and the message says which was the last that was not as wanted."""
    story = told(each_half_second(["500", *["new"] * 4]))
    assert story.steady_s is None
    assert story.unsteady.startswith("4 POSTs in a row were answered with a version 4 token at the end, of 5")
    assert told(each_half_second(["500", *["new"] * 5])).steady_s == 0.5


def test_nothing_was_sent() -> None:
    """A watch that could not begin has a story too: nothing is steady."""
    story = told([], ended_s=0.0)
    assert (story.changes, story.outages, story.steady_s) == ((), (), None)
    assert [(phase.name, phase.posts) for phase in story.phases] == [("before", 0)]
