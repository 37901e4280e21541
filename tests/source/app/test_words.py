"""How findings are said: each once, with all parts of one token, and what only tries again as a note."""

from __future__ import annotations

import pytest

from tests.support.apps import analysed

CREATE = "await sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING id, public_token`"
HEAD = 'import { nanoid } from "nanoid";\nimport { randomBytes } from "node:crypto";\n'
PARTS = {
    "a sum": "nanoid(4) +\n randomBytes(4).toString('hex')",
    "a template": "`${nanoid(4)}-${\n randomBytes(4).toString('hex')}`",
    "a list that is joined": "[nanoid(4),\n randomBytes(4).toString('hex')].join('-')",
    "one or the other": "short ? nanoid(4) :\n randomBytes(4).toString('hex')",
    "a part in a function": "part() +\n randomBytes(4).toString('hex')",
}
AGAIN = {
    "a loop": f"for (let i = 0; i < 3; i++) {{ try {{ return {CREATE}; }} catch (e) {{ log(e); }} }}",
    "a while": f"while (true) {{ try {{ const r = {CREATE}; return r; }} catch {{ tries++; if (tries > 3) throw 1; }} }}",
    "a do": f"let done; do {{ try {{ done = {CREATE}; break; }} catch (e) {{ await sleep(10); }} }} while (!done);",
    "a call of itself": f"try {{ return {CREATE}; }} catch (e) {{ return create(n); }}",
}
ONCE = {
    "the next row": f"for (let i = 0; i < rows.length; i++) {{ try {{ {CREATE}; }} catch (e) {{ log(e); }} }}",
    "each row": f"for (const n of rows) {{ try {{ {CREATE}; }} catch (e) {{ log(e); }} }}",
    "an error that is handed on": f"try {{ return {CREATE}; }} catch (e) {{ throw new Failed(e); }}",
    "no handler": f"return {CREATE};",
}


@pytest.mark.parametrize("shape", PARTS)
def test_all_parts_of_a_token_are_named_together(shape: str) -> None:
    """As one finding, and none of them as a value for something else."""
    route = f"""{HEAD}const part = () => nanoid(4);
        export async function create(n, short) {{
          await db.insert(chatbots).values({{ name: n, publicToken: {PARTS[shape]} }}).returning();
        }}"""
    found = analysed(route)
    (said,) = found.reaching
    assert said.count("src/routes/chatbots.ts:") == 3, said  # two parts, and where they are stored
    assert not any("something else" in note for note in found.notes)


@pytest.mark.parametrize("shape", AGAIN)
def test_what_stores_again_after_any_error_is_a_note(shape: str) -> None:
    """It asks for no code: whether it is of the token, a reader decides."""
    found = analysed(f"export async function create(n) {{ {AGAIN[shape]} }}")
    assert found.handlers == ()
    assert [note for note in found.notes if note.startswith("a row is stored again after any error")]


@pytest.mark.parametrize("shape", ONCE)
def test_what_stores_other_rows_is_none(shape: str) -> None:
    """A loop over rows, an error that is handed on."""
    found = analysed(f"export async function create(n, rows) {{ {ONCE[shape]} }}")
    assert not [note for note in found.notes if "again after" in note]
