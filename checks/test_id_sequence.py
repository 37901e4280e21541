"""The id sequence is not behind its table.

This is the other cause of the same 500. After an import with explicit ids, the sequence returns ids that are taken,
and the INSERT fails with 23505 on the primary key.

It cannot see a sequence that the role may not read, or ids that come from no sequence.
"""

from harness.checkers.schema import is_behind
from harness.errors import NotCovered
from harness.findings import finding
from harness.postgres.rows import SequenceState
from harness.postgres.table import TableFacts


def test_id_sequence_is_not_behind(facts: TableFacts, sequence: SequenceState | None) -> None:
    """The next id that the sequence gives lies beyond every stored id."""
    if facts.sequence is None or facts.id_type not in ("smallint", "integer", "bigint"):
        raise NotCovered(f"{facts.id_column} is not a number from a sequence", "nothing: such ids cannot fall behind")
    assert sequence is not None  # one that may not be read is no evidence
    doubled = sequence.name.replace("'", "''")  # it is quoted as an identifier already
    assert not is_behind(sequence), finding(
        want=f"a next id beyond {sequence.extreme_id}",
        have=f"{sequence.name} gives {sequence.next_id} next",
        cause="rows were imported with explicit ids: the next POSTs answer 23505 on the primary key",
        remedy=f"SELECT setval('{doubled}', {sequence.extreme_id})",
    )
