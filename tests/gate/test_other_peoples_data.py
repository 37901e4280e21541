"""Whose rows and statements are in the database is nobody's business: the real command, and every output that it has.

Names, mail addresses, accounts and tokens of others are canaries that stand nowhere else. `tests/support/leaks.py`
looks for them, and for any part of them, in all that is printed and written.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from tests.support.gates import Run, entry, run_pytest, write_environments
from tests.support.leaks import leaks, leaks_of_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.plan import Plan
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

NAME, MAIL, IBAN = "Xaver Quandtwieser", "xq.wieser@kundschaft.qx", "GB29NWBK60161331926819"
TOKENS = [
    "5f0d3c1a-7b2e-11ee-b962-0242ac120002",
    "q7Zk2mXw9Lr4",
    "q7Zk2mXw9Lr5",
    "6e1c2b3a-7b2e-11ee-b962-0242ac120009",
]
# Three characters of a token are shown.
CANARIES = [NAME, MAIL, IBAN, *(token[3:] for token in TOKENS)]
LOUD = ["-vv", "-rA", "--showlocals", "--tb=long", "-o", "junit_logging=all", "-o", "log_level=DEBUG"]
ROWS = [
    "alter table chatbots add column mail text, add column iban text",
    "alter table chatbots drop constraint if exists chatbots_public_token_key",
]
# Of the row of somebody else that it quotes, as a constraint does; a definition itself is nobody's data.
OF_A_NAME = (
    "create function refuse() returns trigger language plpgsql as $$ declare other record; begin "
    "select * into other from chatbots where iban is not null and mail is not null limit 1; "
    "if new.name like 'smoke-%-2' or new.name like 'smoke-%-5' then "
    "raise unique_violation using message = 'duplicate key value violates unique constraint \"chatbots_mail_key\"', "
    "detail = format('Key (mail)=(%s) already exists.', other.mail), hint = 'ask ' || other.name; end if; "
    "if new.name like 'smoke-%-3' then raise not_null_violation using message = 'null value in column \"mail\"', "
    "detail = format('Failing row contains (7, %s, %s, null).', other.name, other.iban); end if; return new; end $$"
)
REFUSES = [OF_A_NAME, "create trigger refuses before insert on chatbots for each row execute function refuse()"]
STATEMENTS = [
    f"UPDATE chatbots SET public_token = '{TOKENS[0]}', mail = E'{MAIL}\\'' /* {NAME} /* and */ {IBAN} */ WHERE id = 1",
    f"UPDATE chatbots SET iban = $x${IBAN}$x$, public_token = '{TOKENS[3]}' WHERE name = U&'{NAME}' -- {MAIL}",
    f"INSERT INTO chatbots (name, mail, public_token) VALUES ('{NAME}', '{MAIL}', '{TOKENS[3]}')",
]


@contextmanager
def with_statements(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, *statements: str, schema: str = "new"
) -> Iterator[Deployment]:
    """A deployment whose superuser has run these statements before."""

    def prepare(plan: Plan) -> None:
        plan.schema = "old" if schema == "old" else "new"
        plan.statements += statements

    monkeypatch.setitem(FAULTS, "prepared", Fault("prepared", "", "", {}, 0, prepare))
    with deployed(postgres, "prepared", name="preview") as deployment:
        yield deployment


@contextmanager
def another_client(dsn: str) -> Iterator[None]:
    """Somebody who edits and creates chatbots of theirs all the time."""
    enough = threading.Event()

    def work() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not enough.is_set():
                for statement in STATEMENTS:
                    connection.execute(statement.encode())
                    enough.wait(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def demand_silence(run: Run, folder: Path) -> None:
    """No canary was printed, and none is in a file."""
    assert leaks(run.out, CANARIES) == []
    assert leaks(run.err, CANARIES) == []
    assert {"verdict.json", "summary.md", "report.html", "junit.xml", "history.jsonl", "step.md"} <= {
        path.name for path in folder.iterdir()
    }
    assert leaks_of_folder(folder, CANARIES) == {}


def gate(folder: Path, deployment: Deployment, *arguments: str) -> Run:
    """The gate of a job of GitHub Actions, as loud as it can be."""
    (folder / "report").mkdir(mode=0o700)
    file = write_environments(folder / "environments.yaml", {}, preview=entry(deployment))
    return run_pytest(
        folder / "report",
        *("--environments", str(file), *LOUD, f"--debug={folder / 'report' / 'trace.log'}", *arguments),
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(folder / "report" / "step.md"),
    )


@pytest.mark.parametrize("counted", [True, False])
def test_rows_and_statements_of_others_are_in_no_output(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    """Duplicates, old versions, an app that answers with what Postgres says, and statements with literals are told."""
    rows = (
        f"insert into chatbots (name, mail, iban, public_token) select '{NAME}', '{MAIL}', '{IBAN}', '{TOKENS[0]}' "
        "from generate_series(1, 3)"
    )
    uncounted = [] if counted else ["drop extension if exists pg_stat_statements"]  # which takes literals out itself
    with (
        with_statements(postgres, monkeypatch, *ROWS, rows, *REFUSES, *uncounted) as deployment,
        another_client(deployment.database),
    ):
        run = gate(tmp_path, deployment)
    assert run.exit_code == 1, run.out
    for claim in ("stored_tokens_are_distinct", "stored_tokens_are_version_4", "every_post_answers_201"):
        assert run.check(claim)["outcome"] == "fail", run.out
    told = str(run.check("app_leaves_the_token_to_postgres"))
    assert ("VALUES ($1" if counted else "SET iban = ?, public_token = ?") in told, told
    lines = (tmp_path / "report" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    evidence = "\n".join(json.loads(line).get("evidence", "") for line in lines)
    assert "chatbots_mail_key" in evidence
    assert "Key (mail)=(…) already exists." in evidence
    assert "Failing row contains (…)." in evidence
    demand_silence(run, tmp_path / "report")


def test_a_preflight_shows_no_token_and_no_mail_address(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names rows by their ids; where those are mail addresses, by the beginning of one."""
    values = [(MAIL, TOKENS[1]), (f"x{MAIL}", TOKENS[2]), (IBAN, TOKENS[0]), (f"{IBAN}1", TOKENS[0].upper())]
    rows = [
        "delete from chatbots",
        "alter table chatbots alter column id drop default, alter column id drop identity if exists",
        "alter table chatbots alter column id type text",
        *(
            f"insert into chatbots values ('{id_}', '{NAME}', '{token}', false, now(), '{MAIL}')"
            for id_, token in values
        ),
    ]
    with with_statements(postgres, monkeypatch, *ROWS, *rows, schema="old") as deployment:
        run = gate(tmp_path, deployment, "-m", "preflight")
    assert run.exit_code == 1, run.out
    assert "row xq.…: 'q7Z...' of 12 characters" in run.out
    demand_silence(run, tmp_path / "report")
