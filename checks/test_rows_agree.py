"""The database stores what the answers returned.

Each acknowledged POST has exactly one row of its name, with the id and the token of the answer. A POST that was
answered with an error has none. A POST without an answer may have stored a row or not: the run looks for its name, and
accepts either. If no acknowledged POST left a row, `database` is probably not the database of this deployment.

It cannot see rows that the app stores in other tables.
"""

from harness.checkers.causes import ANSWER_OF_ANOTHER_ROW, DROPPED, ROUNDED
from harness.checkers.history import demand_acknowledged, demand_all_sent
from harness.checkers.rows import demand_no_lag, disagreeing_rows, rounded_ids, without_a_row
from harness.errors import CouldNotTell
from harness.findings import finding
from harness.history.history import History, WithoutItsName
from harness.postgres.rows import Row


def test_rows_agree_with_answers(
    history: History, rows: tuple[Row, ...], labels: dict[str, list[str]], in_recovery: bool
) -> None:
    """Names, ids and tokens of the rows are those of the answers, one row for each acknowledged POST and no other."""
    dropped = history.cut_short.dropped if isinstance(history.cut_short, WithoutItsName) else ""
    assert not dropped, finding(
        want="the name that was sent, in the row that was stored",
        have=dropped,
        cause=DROPPED.cause,
        remedy=DROPPED.remedy,
    )
    if history.acknowledged and len(without_a_row(history, rows, labels)) == len(history.acknowledged):
        demand_all_sent(history)  # where that was known after the first, its reason is this one
        if in_recovery:
            demand_no_lag(history, rows, labels)
        raise CouldNotTell(
            f"none of {len(history.acknowledged)} acknowledged chatbots is found by its name in the table: this is "
            "another database or table than the deployment's, the name is in another column, or nothing is stored",
            "check database and table (name, label) of this environment; if they are right, the route stores nothing",
        )
    offending = disagreeing_rows(history, rows, labels, lagging=in_recovery)
    cause, remedy = ROUNDED if rounded_ids(history, rows, labels) else ANSWER_OF_ANOTHER_ROW
    assert not offending, finding(
        want="for each acknowledged POST one row with its name, id and token; for each error none",
        have=offending,
        cause=cause,
        remedy=remedy,
    )
    if in_recovery:
        demand_no_lag(history, rows, labels)
    demand_acknowledged(history)
