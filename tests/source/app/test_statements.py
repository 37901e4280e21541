"""Statements that store rows in other ways than INSERT .. VALUES, and what they return."""

from __future__ import annotations

import pytest

from tests.support.apps import analysed

NANOID = 'import { nanoid } from "nanoid";\n'
MERGE = "MERGE INTO chatbots c USING (SELECT $1 AS name) s ON c.name = s.name WHEN NOT MATCHED THEN INSERT "
NAMES = {
    "merge": f"{NANOID}await pool.query('{MERGE}(name, public_token) VALUES (s.name, $2)', [name, nanoid()]);",
    "merge, tagged": NANOID
    + "await sql`MERGE INTO chatbots AS c USING s ON true WHEN NOT MATCHED THEN INSERT (public_token) VALUES (${nanoid()})`;",
    "merge that updates": NANOID
    + "await sql`MERGE INTO chatbots c USING s ON c.id = s.id WHEN MATCHED THEN UPDATE SET public_token = ${nanoid()}`;",
    "an upsert": NANOID
    + "await sql`INSERT INTO chatbots (id, name) VALUES (${id}, ${n}) ON CONFLICT (id) DO UPDATE SET public_token = ${nanoid()}`;",
    "an upsert of numbered values": NANOID
    + "await pool.query('INSERT INTO chatbots (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET public_token = $3',"
    + " [id, name, nanoid()]);",
    "a CTE": NANOID
    + "await sql`WITH made AS (INSERT INTO chatbots (name, public_token) VALUES (${n}, ${nanoid()}) RETURNING *) SELECT * FROM made`;",
}
COPIES = {
    "copy": "client.query(copyFrom('COPY chatbots (name, public_token) FROM STDIN'))",
    "copy, tagged": "await sql`COPY chatbots (name, public_token) FROM STDIN CSV`.writable()",
    "copy of a quoted table": """client.query(from('COPY "chatbots" ("name", "public_token") FROM STDIN WITH (FORMAT csv)'))""",
}
RETURNS = {
    "DEFAULT VALUES": "await sql`INSERT INTO chatbots DEFAULT VALUES RETURNING id, public_token`;",
    "an alias": "await sql`INSERT INTO chatbots AS c (name) VALUES (${n}) RETURNING c.id, c.public_token`;",
    "another name": "await sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING public_token AS t`;",
    "a CTE": "await sql`WITH made AS (INSERT INTO chatbots (name) VALUES (${n}) RETURNING *) SELECT m.public_token FROM made m`;",
    "a CTE that selects all": "await sql`WITH made AS (INSERT INTO chatbots (name) VALUES (${n}) RETURNING *) SELECT * FROM made`;",
    "merge": f"await pool.query('{MERGE}(name) VALUES (s.name) RETURNING c.public_token', [name]);",
    "all of an alias": "await sql`INSERT INTO chatbots AS c (name) VALUES (${n}) RETURNING c.*`;",
    "a row": "await sql`INSERT INTO chatbots AS c (name) VALUES (${n}) RETURNING row_to_json(c)`;",
}


@pytest.mark.parametrize("shape", NAMES)
def test_a_token_in_any_statement_is_seen(shape: str) -> None:
    """Its value is followed."""
    assert len(analysed(NAMES[shape]).reaching) == 1


@pytest.mark.parametrize("shape", COPIES)
def test_a_copy_names_the_token(shape: str) -> None:
    """What it is given is not followed."""
    (create,) = analysed(COPIES[shape]).creates
    assert create.names_token is not None


@pytest.mark.parametrize("shape", RETURNS)
def test_what_comes_back_is_known(shape: str) -> None:
    """In whatever way the row is asked for."""
    creates = analysed(RETURNS[shape]).creates
    assert creates
    assert creates[0].names_token is None
    assert creates[0].returns is not False
