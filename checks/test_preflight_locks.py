"""No long transaction holds the table right now.

ALTER TABLE waits for every transaction that has touched the table, and everybody else waits behind it. With a
lock_timeout it ends in 55P03; without one the app stands still. The claim fails if a transaction holds a lock for
longer than a passing query does: idle in transaction, a long query, a prepared transaction. An autovacuum gives way,
unless it prevents wraparound. Run it directly before the migration, because it is true of that moment only.

It cannot see transactions that begin after it has looked.
"""

from harness.findings import finding
from harness.preflight.checkers import locks
from harness.preflight.facts import LONG_S, LockHolders


def test_preflight_nobody_holds_the_table(lock_holders: LockHolders) -> None:
    """No transaction has held a lock on it for a while."""
    found = locks(lock_holders)
    assert not found, finding(
        want=f"no transaction that holds a lock on {lock_holders.table} for more than {LONG_S:g} s",
        have=found,
        cause="a session that is idle in its transaction, a long report or dump, or another migration",
        remedy="let it end, or end it (pg_terminate_backend(pid); ROLLBACK PREPARED 'name'); SET lock_timeout in the "
        "migration, so that it gives up instead of making everybody wait, and run it again",
    )
