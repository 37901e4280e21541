"""Where an app stores rows of the table, and where it gives the token column a value.

A `Write` is a place where something is stored: a statement, a call of an ORM, an assignment or a member of an object
that is called like the column. What it does to the token is followed by `harness.source.app.flow`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.app.any_table import AnyTable
from harness.source.app.destinations import Destinations
from harness.source.app.named_members import NamedMembers
from harness.source.app.nested import NestedWrites
from harness.source.app.prisma import NO_MODELS
from harness.source.app.rows import Rows
from harness.source.app.sql_files import NO_FILES, OF_FILES
from harness.source.app.statements import may_write
from harness.source.app.stored_by_call import StoredByCall
from harness.source.app.stored_by_file import StoredByFile
from harness.source.app.stored_by_statement import StoredByStatement
from harness.source.app.writers import gives_token, writers

if TYPE_CHECKING:
    from harness.source.app.calls import Calls
    from harness.source.app.names import Names
    from harness.source.app.prisma import Models
    from harness.source.app.sql_files import SqlFiles
    from harness.source.app.tables import Tables
    from harness.source.app.write import Write
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts


class Writes:
    """Finds the writes of a program."""

    def __init__(
        self,
        program: Program,
        tables: Tables,
        names: Names,
        texts: Texts,
        calls: Calls,
        models: Models = NO_MODELS,
        files: SqlFiles = NO_FILES,
    ) -> None:
        self._program = program
        self._names = names
        rows = Rows(program, names)
        self._nested = NestedWrites(program, models, rows)
        self._by_statement = StoredByStatement(program, tables, names, texts, rows)
        self._by_call = StoredByCall(program, tables, names, rows, calls, self._nested)
        self._by_file = StoredByFile(program, names, texts, files, self._by_statement)
        self._of_any_table = AnyTable(program, tables, names, texts, rows, calls)
        self._members = NamedMembers(
            program, tables, names, texts, calls, Destinations(program, tables, names, texts, calls)
        )

    def all(self) -> list[Write]:
        """All writes in the app's own files."""
        found: list[Write] = []
        names, program = self._names, self._program
        for module in dict.fromkeys([*writers(program, names), *self._by_call.related()]):
            if module.path.endswith(OF_FILES):
                continue
            found += self._by_statement.of(module) if may_write(module.parsed.text) else ()
            found += self._by_call.of(module)
        for module in dict.fromkeys(self._nested.modules()):
            found += self._by_call.of_nested(module)
        found += self._by_file.all()
        stored = {write.node for write in found}
        found += [write for write in self._of_any_table.all() if write.node not in stored]
        naming, gives = program.files.matching(names.token_in_text, names.token_word), gives_token(names)
        for module in program.files.modules(file for file in naming if gives.search(file.text)):
            found += self._members.of(module)
        return found

    def is_stored(self, write: Write) -> bool | None:
        """Whether what is called like the column is stored in the table; None where it cannot be told."""
        return self._members.is_stored(write)
