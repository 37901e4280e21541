"""Judgements of histories, on hand-written ones: what passes, what offends, and how it is said."""

from typing import SupportsIndex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.checkers.causes import (
    MOST_ANSWERS,
    MOST_READ,
    REPLAYED,
    THE_ORIGINAL_BUG,
    UNKNOWN,
    Cause,
    cause_of_repeats,
    usual_cause,
)
from harness.checkers.history import (
    demand_acknowledged,
    demand_told,
    failure_rate_bound,
    largest_overlap,
    repeated_ids,
    repeated_tokens,
    shared_tokens,
    tokens_not_version_4,
    wrong_answers,
)
from harness.checkers.revision import demand_served_revisions, other_revisions
from harness.errors import CouldNotTell
from harness.history.attempt import Attempt
from harness.history.problem import COULD_NOT_TELL, NEVER_SENT, Problem
from harness.history.revision import ServedRevision, same_revision
from tests.support.histories import TOKENS, failed, history, ok, unanswered

# --- emptiness --------------------------------------------------------------------------------------------------------


def test_one_acknowledged_post_is_enough_to_judge() -> None:
    """The others may have failed: that is another claim."""
    demand_acknowledged(history(failed(1), ok(2)))


@pytest.mark.parametrize(
    ("attempts", "cause", "remedy"),
    [
        ((), "no POST was sent", "the run was stopped: run it again"),
        (
            (failed(1), failed(2)),
            "none of 2 POSTs was acknowledged (the first: 500, want 201)",
            "fix what every_post_answers_201 reports, and run again",
        ),
        (
            (unanswered(1, Problem.REFUSED, ""),),
            "none of 1 POSTs was acknowledged (the first: connection refused)",
            "check that the deployment still runs, and run again",
        ),
    ],
)
def test_nothing_acknowledged_proves_nothing(attempts: tuple[Attempt, ...], cause: str, remedy: str) -> None:
    """Could not tell, with how the first POST ended."""
    with pytest.raises(CouldNotTell) as caught:
        demand_acknowledged(history(*attempts))
    assert (caught.value.cause, caught.value.remedy) == (cause, remedy)


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", sorted(set(Problem) - COULD_NOT_TELL))
def test_a_wrong_or_missing_answer_of_a_ready_deployment_counts(problem: Problem) -> None:
    """A time-out, a reset and a cut body as well: a user would have seen them."""
    offending = unanswered(2, problem)
    assert wrong_answers(history(ok(1), offending, ok(3))) == [offending]


@pytest.mark.parametrize("problem", sorted(COULD_NOT_TELL))
def test_an_answer_that_says_nothing_about_the_route_does_not_count(problem: Problem) -> None:
    """It could not be told instead, with what was said and a remedy of its own."""
    attempts = history(ok(1), unanswered(2, problem, "what was said"), ok(3))
    assert wrong_answers(attempts) == []
    with pytest.raises(CouldNotTell) as caught:
        demand_told(attempts)
    assert caught.value.cause == "1 of 3 POSTs: what was said"
    assert len(caught.value.remedy) > 20


def test_what_was_never_sent_could_not_be_told() -> None:
    """Nothing that is not sent is held against the deployment, and it leaves no row."""
    assert NEVER_SENT < COULD_NOT_TELL
    assert [problem for problem in Problem if not unanswered(1, problem).may_have_stored] == sorted(
        NEVER_SENT, key=list(Problem).index
    )


def test_all_acknowledged_is_told() -> None:
    """Nothing wrong and nothing silent."""
    attempts = history(ok(1), ok(2))
    assert wrong_answers(attempts) == []
    demand_told(attempts)


def test_another_2xx_names_the_key_that_makes_it_right() -> None:
    """It may be how the app answers; what an answer says of the database tells more."""
    cause = usual_cause([failed(1, 200)], "public_token")
    assert cause.cause == "the create route answers 200, and api.status expects another status (201 by default)"
    assert "set api.status: 200 if that is right for this app" in cause.remedy
    assert usual_cause([failed(1, 200), failed(2, 200, "23505")], "public_token") == THE_ORIGINAL_BUG
    assert "api.status" not in usual_cause([failed(1, 404)], "public_token").remedy


@pytest.mark.parametrize(
    ("evidence", "cause", "remedy"),
    [
        (
            '<pre>error: duplicate key value violates unique constraint "chatbots_public_token_key"</pre>',
            "the original bug: a duplicate key (23505) on the token",
            "roll back",
        ),
        ('{"code":"23505"}', "the original bug", "the old generator still makes the token"),
        ('{"code":"P2002","meta":{"target":["public_token"]}}', "the original bug", "roll back"),
        ("Unique constraint failed on the fields: (`public_token`)", "the original bug", "roll back"),
        (
            'duplicate key value violates unique constraint "chatbots_pkey"',
            "a duplicate primary key (23505): the id sequence is behind",
            "set the sequence to max(id)",
        ),
        (
            'duplicate key value violates unique constraint "pk"\nDetail: Key (id)=(7) already exists.',
            "a duplicate primary key (23505)",
            "set the sequence",
        ),
        ('23505 Key ("id")=(7) already exists.', "a duplicate primary key (23505)", "set the sequence"),
        ("error: cached plan must not change result type", "(0A000)", "restart the deployment"),
        ('{"code":"0A000"}', "prepared before the migration", "so that its pool reconnects"),
        (
            'invalid input syntax for type uuid: "a1b2c3"',
            "the old code runs on the new schema (22P02)",
            "deploy the code",
        ),
        ("22P02", "it still sends its own short token", "deploy the code"),
        (
            'null value in column "public_token" violates not-null constraint',
            "the new code runs on the old schema (23502)",
            "run the migration",
        ),
        ("23502", "the column has no default yet", "run the migration"),
        ("function public.uuid_generate_v4() does not exist", "(42883)", "create the extension"),
        ("42883", "uuid-ossp is missing or outside the search_path", "name its schema in the default"),
        ("Internal Server Error", "the create route fails, or api.create is another route", "the deployment's log"),
        ("", "the create route fails, or api.create is another route", "the deployment's log"),
    ],
)
def test_the_usual_cause_is_read_from_the_evidence(evidence: str, cause: str, remedy: str) -> None:
    """Each SQLSTATE, by its code or its text, leads to what it usually means and what to do."""
    said, done = usual_cause([failed(1, evidence=evidence)], "public_token")
    assert cause in said
    assert remedy in done


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("no whole answer within 10 s", "the deployment did not answer in time"),
        ("no answer within the time-out", "the deployment did not answer in time"),
        ("the connection was lost: ConnectionResetError: Connection reset by peer", "dropped the request"),
        ("the answer ended before its announced end", "dropped the request"),
    ],
)
def test_the_usual_cause_of_no_answer_is_read_from_the_error(error: str, cause: str) -> None:
    """There is no evidence then but how it ended."""
    assert cause in usual_cause([unanswered(1, error=error)], "public_token").cause


def test_the_original_bug_is_named_whatever_else_failed() -> None:
    """One telling answer among others decides."""
    wrong = [unanswered(1), failed(2, evidence="oops"), failed(3, evidence="23505")]
    assert "the original bug" in usual_cause(wrong, "public_token").cause


DUPLICATE = "duplicate key value violates unique constraint "
OF_THE_TOKEN = DUPLICATE + '"chatbots_public_token_key"'


@pytest.mark.parametrize(
    ("evidence", "token_column", "cause"),
    [
        (
            'duplicate key value violates unique constraint "chatbots_public_token_key"',
            "public_token",
            "the original bug",
        ),
        ('unique constraint \\"chatbots_public_token_key\\"', "public_token", "the original bug"),
        ('{"code":"P2002","meta":{"target":["publicToken"]}}', "public_token", "the original bug"),
        ("Key (share_key)=(a1b2c3) already exists. 23505", "share_key", "the original bug"),
        (
            'duplicate key value violates unique constraint "chatbots_name_key"',
            "public_token",
            "of chatbots_name_key, which",
        ),
        ("Unique constraint failed on the fields: (`slug`)", "public_token", "of slug, which is not the token"),
        ('{"code":"23505","detail":"Key (name)=(smoke) already exists."}', "public_token", "of name, which is not"),
        (
            'duplicate key value violates unique constraint "chatbots_public_token_key"',
            "share_key",
            "which is not the token",
        ),
        (
            'null value in column "owner_id" of relation "chatbots" violates',
            "public_token",
            "a NULL in column owner_id",
        ),
        ('null value in column "public_token" of relation "chatbots" violates', "public_token", "on the old schema"),
        ("could not serialize access due to concurrent update", "public_token", "(40001)"),
        ("deadlock detected", "public_token", "(40P01)"),
        ("canceling statement due to statement timeout", "public_token", "(57014, 55P03)"),
        ("sorry, too many clients already", "public_token", "(53300)"),
        ("timeout exceeded when trying to connect", "public_token", "connection pool had no free connection"),
        ('nextval: reached maximum value of sequence "chatbots_id_seq" (2147483647)', "public_token", "(2200H)"),
        ("terminating connection due to administrator command", "public_token", "the app's connection (57P01)"),
        ('{"code":"57P01"}', "public_token", "the app's connection (57P01)"),
        (
            "psycopg2.OperationalError: server closed the connection unexpectedly",
            "public_token",
            "a failover, or a pooler that closes idle ones",
        ),
        ("Error: Connection terminated unexpectedly", "public_token", "the app's connection (57P01)"),
        (
            '{"code":"P0001","where":"PL/pgSQL function f() line 3 at RAISE","query":"COMMIT"}',
            "t",
            "refused the row at",
        ),
        ("IntegrityError 23514 [SQL: COMMIT]", "public_token", "a deferred constraint or constraint trigger"),
        (
            'new row for relation "chatbots" violates check constraint "c"',
            "public_token",
            "a CHECK constraint or a trigger refused the row",
        ),
        ("Your request was already processed", "public_token", "the answer to an earlier request"),
        ('{"error":"duplicate request"}', "public_token", "the answer to an earlier request"),
        ("the Idempotency-Key header is missing", "public_token", UNKNOWN.cause),
    ],
)
def test_a_cause_is_told_by_what_it_names(evidence: str, token_column: str, cause: str) -> None:
    """23505 is the original bug only on the token; another constraint, column or state has a cause of its own."""
    assert cause in usual_cause([failed(1, evidence=evidence)], token_column).cause


def test_an_answer_that_was_replayed_says_so_itself() -> None:
    """With another 2xx the key that makes it right is not api.status; what came twice has the same cause."""
    marked = "marked Idempotent-Replayed: true"
    assert usual_cause([failed(1, 200, error=f"200, want 201; {marked}")], "public_token") == REPLAYED
    usual = Cause("a cache", "look at it")
    again = ok(2, id="1", token=TOKENS[1])
    assert cause_of_repeats(history(ok(1), again), ["1"], usual) == usual
    assert cause_of_repeats(history(ok(1), replace(again, error=marked)), ["1"], usual) == REPLAYED
    assert cause_of_repeats(history(ok(1), replace(again, evidence="duplicate request")), ["1"], usual) == REPLAYED
    assert cause_of_repeats(history(ok(1), ok(2, error=marked)), [], usual) == usual


def test_no_answer_changes_what_another_one_means() -> None:
    """Each is read by itself: a primary key in one does not turn the token's duplicate in another into a sequence."""
    wrong = [
        failed(1, evidence=OF_THE_TOKEN),
        failed(2, evidence='constraint "users_pkey"'),
    ]
    assert "the original bug" in usual_cause(wrong, "public_token").cause


@pytest.mark.parametrize(
    "piece", ["duplicate key ", "function ", "unique constraint ", 'in column "', "key (", '"target": [']
)
def test_reading_an_answer_stays_linear(piece: str) -> None:
    """What is read of ten thousand answers is bounded, whatever pattern their bodies almost match."""
    body = piece * (100_000 // len(piece))
    read = Counted()
    usual_cause((failed(1, evidence=read.of(body)) for _ in range(10_000)), "public_token")
    assert read.characters <= MOST_ANSWERS * MOST_READ


class Counted:
    """Counts how much of texts is cut out to be read."""

    def __init__(self) -> None:
        self.characters = 0

    def of(self, text: str) -> str:
        count = self

        class Text(str):
            __slots__ = ()

            def __getitem__(self, key: SupportsIndex | slice) -> str:
                cut = str.__getitem__(self, key)
                count.characters += len(cut)
                return cut

        return Text(text)


# --- tokens and ids ---------------------------------------------------------------------------------------------------


def test_distinct_tokens_and_ids_do_not_offend() -> None:
    """Nor do those of attempts that were not acknowledged."""
    attempts = history(ok(1), ok(2), failed(3, token=TOKENS[1], id="1"))
    assert (repeated_tokens(attempts), repeated_ids(attempts)) == ([], [])


def test_a_repeated_token_is_named_with_its_posts() -> None:
    """Compared without regard to case: it is the same UUID (RFC 9562 section 4)."""
    token = "0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20"
    attempts = history(ok(1, token=token), ok(2), ok(3, token=token.upper()))
    assert repeated_tokens(attempts) == [f"{token} returned 2 times: smoke-r-1, smoke-r-3"]


def test_a_repeated_id_is_named_with_its_posts() -> None:
    """Also where the tokens differ."""
    attempts = history(ok(1, id="7"), ok(2, id="8"), ok(3, id="7"), ok(4, id="8"))
    assert repeated_ids(attempts) == [
        "7 returned 2 times: smoke-r-1, smoke-r-3",
        "8 returned 2 times: smoke-r-2, smoke-r-4",
    ]


def test_the_names_of_a_repeated_token_are_bounded() -> None:
    """Four say enough; the count is whole."""
    attempts = history(*(ok(n, token=TOKENS[0]) for n in range(50)))
    assert repeated_tokens(attempts) == [f"{TOKENS[0]} returned 50 times: smoke-r-0, smoke-r-1, smoke-r-2, smoke-r-3"]


def test_a_token_of_two_environments_is_named_with_both_posts() -> None:
    """Which environment returned it to which name."""
    own = history(ok(1), ok(2))
    others = [history(ok(11), environment="a"), history(ok(12, token=TOKENS[2].upper()), environment="b")]
    assert shared_tokens(own, others) == [f"{TOKENS[2].upper()} returned to smoke-r-2 and by b to smoke-r-12"]
    assert shared_tokens(own, others[:1]) == []


@pytest.mark.parametrize("digit", "89ab")
def test_canonical_version_4_does_not_offend(digit: str) -> None:
    """Each of the four variants of RFC 9562."""
    assert tokens_not_version_4(history(ok(1, token=f"0b7e6f0e-7c35-4b8e-{digit}d2f-6a4c8f3a1b20"))) == []


@pytest.mark.parametrize(
    ("token", "difference"),
    [
        ("k3x9q2", "not a UUID: 6 characters"),
        ("", "not a UUID: 0 characters"),
        ("0B7E6F0E-7C35-4B8E-9D2F-6A4C8F3A1B20", "not in lower case"),
        ("0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b2", "not a UUID: 35 characters"),
        ("0b7e6f0e7c354b8e9d2f6a4c8f3a1b20", "not a UUID: 32 characters"),
        ("{0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20}", "not a UUID: 38 characters"),
        ("urn:uuid:0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20", "not a UUID: 45 characters"),
        ("0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20\n", "not a UUID: 37 characters"),
        (" 0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20", "not a UUID: 37 characters"),
        ("0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1bzz", "not a UUID: 36 characters"),
        ("\u0660b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20", "not a UUID: 36 characters"),
        ("0b7e6f0e-7c35-1b8e-9d2f-6a4c8f3a1b20", "version 1"),
        ("0b7e6f0e-7c35-7b8e-9d2f-6a4c8f3a1b20", "version 7"),
        ("00000000-0000-0000-0000-000000000000", "version 0"),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "version f"),
        ("0b7e6f0e-7c35-4b8e-cd2f-6a4c8f3a1b20", "not the variant of RFC 9562"),
        ("0b7e6f0e-7c35-4b8e-7d2f-6a4c8f3a1b20", "not the variant of RFC 9562"),
    ],
)
def test_any_other_token_offends(token: str, difference: str) -> None:
    """Said with its difference and the POST that it was returned to."""
    offending = tokens_not_version_4(history(ok(1), ok(2, token=token)))
    assert offending == [f"{token!r} ({difference}) returned to smoke-r-2"]


# --- overlap ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intervals", "want"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (2, 3)], 1),
        ([(0, 1), (1, 2)], 1),
        ([(0, 1), (1, 2), (2, 3)], 1),
        ([(0, 2), (1, 3)], 2),
        ([(1, 3), (0, 2)], 2),
        ([(0, 9), (1, 2), (3, 4), (5, 6)], 2),
        ([(0, 9), (1, 8), (2, 7)], 3),
        ([(0, 1), (0, 1), (0, 1)], 3),
        ([(0, 3), (1, 2), (2, 4), (3, 5)], 2),
    ],
)
def test_overlap_counts_attempts_in_flight_together(intervals: list[tuple[float, float]], want: int) -> None:
    """One that ends in the instant when another begins does not overlap it."""
    attempts = [ok(n, started_s=start, ended_s=end) for n, (start, end) in enumerate(intervals)]
    assert largest_overlap(history(*attempts)) == want


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), max_size=12))
def test_overlap_is_that_of_a_count_at_every_instant(spans: list[tuple[int, int]]) -> None:
    """The sweep agrees with asking, for each start, who is in flight then."""
    intervals = [(start, start + length) for start, length in spans]
    most = max((sum(a <= start < b for a, b in intervals) for start, _ in intervals), default=0)
    attempts = [ok(n, started_s=a, ended_s=b) for n, (a, b) in enumerate(intervals)]
    assert largest_overlap(history(*attempts)) == most


# --- revisions --------------------------------------------------------------------------------------------------------

COMMIT = "0b7e6f0e7c354b8e9d2f6a4c8f3a1b20deadbeef"


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        (COMMIT, COMMIT, True),
        (COMMIT[:7], COMMIT, True),
        (COMMIT, COMMIT[:7], True),
        (COMMIT.upper(), COMMIT[:12], True),
        (f" {COMMIT}\n", COMMIT, True),
        (COMMIT[:6], COMMIT, False),
        ("", COMMIT, False),
        ("", "", True),
        (None, COMMIT, False),
        (COMMIT[1:9], COMMIT, False),
        ("v1.2.3", "v1.2.3", True),
        ("v1.2.3", "v1.2.34", False),
        ("release-2024", "release-2024-11", False),
        ("1234567", "12345678", True),
        ("main", "main", True),
    ],
)
def test_revisions_may_be_abbreviated(found: str | None, wanted: str, same: bool) -> None:
    """A commit to seven characters at least, on either side; anything but a commit must be equal."""
    assert same_revision(found, wanted) is same


def test_other_revisions_are_counted() -> None:
    """Each with how many connections named it, in the order in which they were met."""
    found = [
        ServedRevision(COMMIT),
        ServedRevision("old1"),
        ServedRevision(COMMIT[:8]),
        ServedRevision(None),
        ServedRevision("old1"),
        ServedRevision(None, "answered 429"),
    ]
    assert other_revisions(found, COMMIT) == ["old1 on 2 of 6 connections", "(none) on 1 of 6 connections"]
    assert other_revisions([ServedRevision(COMMIT), ServedRevision(COMMIT)], COMMIT[:7]) == []
    assert other_revisions((), COMMIT) == []


def test_silence_is_no_revision() -> None:
    """A connection that was limited or lost says nothing about who serves: it could not be told."""
    with pytest.raises(CouldNotTell, match=r"1 of 2 fresh connections did not say what they serve \(answered 429\)"):
        demand_served_revisions([ServedRevision(COMMIT), ServedRevision(None, "answered 429")])
    demand_served_revisions([ServedRevision(COMMIT), ServedRevision(None)])


# --- how much it proves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "percent"), [(0, 100), (1, 95), (3, 63), (19, 15), (100, 3), (300, 1)])
def test_the_failure_rate_bound_is_that_of_the_rule_of_three(sent: int, percent: int) -> None:
    """1 - 0.05^(1/n), in whole percent."""
    assert round(failure_rate_bound(sent) * 100) == percent
