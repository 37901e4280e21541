"""Statements that are put together from parts: what is appended, fragments, lists that are joined, builders of SQL.

Each is tried with a value of the app's (what stands in «..») and without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import GIVES_A_TOKEN, LEAVES_IT, claims_of, claims_with_and_without

if TYPE_CHECKING:
    from pathlib import Path

APPENDED = {
    "one after another": """
        const q = SQL`INSERT INTO chatbots (name«, public_token») VALUES (${name}`;
        «q.append(SQL`, ${code()}`);» q.append(")"); q.append(" RETURNING id, public_token"); return pool.query(q);""",
    "in a chain": """
        return pool.query(SQL`INSERT INTO chatbots (name«, public_token») VALUES (${name}«, `.append(SQL`${code()}`).append(`»)`
          .append(" RETURNING id, public_token"));""",
    "where it is asked for": """
        const q = SQL`INSERT INTO chatbots (name`; if (wanted) { q.append(`«, public_token»`); }
        q.append(SQL`) VALUES (${name}`); «if (wanted) q.append(SQL`, ${code()}`);» q.append(`) RETURNING *`); return pool.query(q);""",
    "in a loop": """
        const q = SQL`INSERT INTO chatbots (name«, public_token») VALUES `;
        names.forEach((one, i) => q.append(i ? SQL`, ` : SQL``).append(SQL`(${one}«, ${code()}»)`));
        q.append(SQL` RETURNING *`); return pool.query(q);""",
    "by +=": """
        let text = "INSERT INTO chatbots (name"; «text += ", public_token";»
        text += ") VALUES ($1«, $2») RETURNING *"; return pool.query(text, [name«, code()»]);""",
    "by a sum": """
        let text = "INSERT INTO chatbots "; text = text + "(name«, public_token») ";
        text = text + "VALUES ($1«, $2») RETURNING *"; return pool.query(text, [name«, code()»]);""",
    "in a list": """
        const parts = ["INSERT INTO chatbots"]; parts.push("(name«, public_token»)"); parts.push("VALUES ($1«, $2»)", "RETURNING *");
        const values = [name]; «values.push(code());» return pool.query(parts.join(" "), values);""",
}


@pytest.mark.parametrize("how", APPENDED)
def test_what_is_put_behind_a_statement_later_is_a_part_of_it(how: str, tmp_path: Path) -> None:
    """By `append`, by `+=`, and in a list that is joined."""
    text = f'import {{ code }} from "./lib"; export const add = (name, wanted, names) => {{ {APPENDED[how]} }};'
    assert claims_with_and_without(tmp_path, {"src/add.ts": text}) == (GIVES_A_TOKEN, LEAVES_IT)


FRAGMENTS = {
    "names of fragments": """
        const columns = sql.fragment`name«, public_token»`; const values = sql.fragment`${name}«, ${code()}»`;
        return pool.one(sql.type(Row)`INSERT INTO chatbots (${columns}) VALUES (${values}) RETURNING id, public_token`);""",
    "a list that is joined": """
        return pool.one(sql.unsafe`INSERT INTO ${sql.identifier(["chatbots"])} (name«, public_token»)
          VALUES (${sql.join([name«, code()»], sql.fragment`, `)}) RETURNING id, public_token`);""",
    "join of a package": """
        return pool.query(sql`INSERT INTO chatbots (name«, public_token») VALUES (${join([name«, code()»])}) RETURNING *`);""",
    "rows that are joined": """
        return pool.query(sql`INSERT INTO chatbots (name«, public_token»)
          VALUES ${join(names.map((one) => sql`(${one}«, ${code()}»)`))} RETURNING *`);""",
    "raw columns": """
        const columns = raw(["name"«, "public_token"»].join(", "));
        return pool.query(sql`INSERT INTO chatbots (${columns}) VALUES (${join([name«, code()»])}) RETURNING id, public_token`);""",
    "brackets and all": """
        const columns = sql`(name«, public_token»)`; const values = sql`(${name}«, ${code()}»)`;
        return sql`insert into chatbots ${columns} values ${values} returning *`;""",
    "where it is asked for": """
        return sql`insert into chatbots (name ${wanted ? sql`«, public_token»` : sql``})
          values (${name} ${wanted ? sql`«, ${code()}»` : sql``}) returning *`;""",
    "what a function answers": """
        const listed = (bot) => sql`(${bot.name}«, ${bot.token}»)`;
        return sql`INSERT INTO chatbots (name«, public_token») VALUES ${listed({ name, token: code() })} RETURNING *`;""",
    "values of pg-sql2": """
        const values = [sql.value(name)«, sql.value(code())»];
        return pool.query(sql.compile(sql`INSERT INTO chatbots (name«, public_token») VALUES (${sql.join(values, ", ")}) RETURNING *`));""",
    "unnest": """
        return pool.many(sql.unsafe`INSERT INTO chatbots (name«, public_token»)
          SELECT * FROM ${sql.unnest(names.map((one) => [one«, code()»]), ["text"«, "text"»])} RETURNING *`);""",
    "unnest of columns": """
        return pool.query("INSERT INTO chatbots (name«, public_token») SELECT * FROM unnest($1::text[]«, $2::text[]») RETURNING *",
          [names«, names.map(() => code())»]);""",
    "what the values are mapped to": """
        const columns = ["name"«, "public_token"»]; const row = { name«, public_token: code()» };
        return pool.query(`INSERT INTO chatbots (${columns.join(", ")}) VALUES (${columns.map((_, i) => `$${i + 1}`)}) RETURNING *`,
          columns.map((column) => row[column]));""",
    "columns and values of zapatos": """
        const row = { name«, public_token: code()» };
        return db.sql`INSERT INTO ${"chatbots"} (${db.cols(row)}) VALUES (${db.vals(row)}) RETURNING *`.run(pool);""",
    "columns of a class": """
        class Bots { static COLUMNS = ["name"«, "public_token"»]; }
        return pool.query(`INSERT INTO chatbots (${Bots.COLUMNS.join(", ")}) VALUES ($1«, $2») RETURNING *`, [name«, code()»]);""",
    "glue": """
        return pg.query(SQL`INSERT INTO chatbots (name«, public_token»)
          VALUES ${SQL.glue(names.map((one) => SQL`(${one}«, ${code()}»)`), " , ")} RETURNING *`);""",
    "references that are joined": """
        return sql`insert into ${sql.table("chatbots")} (${sql.join([sql.ref("name")«, sql.ref("public_token")»])})
          values (${sql.join([name«, code()»])}) returning *`.execute(db);""",
    "parts of a statement that are joined": """
        const parts = [sql`insert into chatbots (name«, public_token») values (${name}`]; «parts.push(sql`, ${code()}`);»
        parts.push(sql`) returning *`); return db.execute(sql.join(parts));""",
    "rows of pg-format": """
        return pool.query(format("INSERT INTO chatbots (name«, public_token») VALUES %L RETURNING id, public_token", [[name«, code()»]]));""",
    "a statement that is spread beside its values": """
        const queries = { add: { name: "add", text: "INSERT INTO chatbots (name«, public_token») VALUES ($1«, $2») RETURNING *" } };
        return pool.query({ ...queries.add, values: [name«, code()»] });""",
    "insert of Effect": """
        return sql`INSERT INTO chatbots ${sql.insert({ name«, public_token: code()» }).returning("*")}`;""",
    "columns of pg-promise": """
        return db.one("INSERT INTO chatbots(${this:name}) VALUES(${this:csv}) RETURNING id, public_token", { name«, public_token: code()» });""",
}


@pytest.mark.parametrize("how", FRAGMENTS)
def test_fragments_of_a_statement_are_read_where_they_are_put(how: str, tmp_path: Path) -> None:
    """Of slonik, sql-template-tag, pg-sql2, postgres.js, zapatos and pg-promise."""
    text = f'import {{ code }} from "./lib"; export const add = (name, wanted, names) => {{ {FRAGMENTS[how]} }};'
    assert claims_with_and_without(tmp_path, {"src/add.ts": text}) == (GIVES_A_TOKEN, LEAVES_IT)


BUILDERS = {
    "squel, one by one": 'squel.insert().into("chatbots").set("name", name)«.set("public_token", code())».returning("*").toParam()',
    "squel, a row": 'squel.insert().into("chatbots").setFields({ name«, public_token: code()» }).returning("*").toParam()',
    "squel, rows": """squel.insert().into("chatbots")
        .setFieldsRows(names.map((name) => ({ name«, public_token: code()» }))).returning("*").toParam()""",
    "sql-bricks, a row": 'insert("chatbots", { name«, public_token: code()» }).returning("*").toParams()',
    "sql-bricks, values": 'sql.insertInto("chatbots").values({ name«, public_token: code()» }).returning("*").toParams()',
    "sql-bricks, columns": 'sql.insert("chatbots", "name"«, "public_token"»).values(name«, code()»).returning("*").toParams()',
}


@pytest.mark.parametrize("how", BUILDERS)
def test_builders_of_sql_are_read(how: str, tmp_path: Path) -> None:
    """Of squel and of sql-bricks."""
    text = f'import {{ code }} from "./lib"; export const add = (name, names) => pool.query({BUILDERS[how]});'
    assert claims_with_and_without(tmp_path, {"src/add.ts": text}) == (GIVES_A_TOKEN, LEAVES_IT)


OTHERS = {
    "what a query asks for": "const q = SQL`SELECT * FROM chatbots WHERE true`; q.append(SQL` AND public_token = ${code()}`);",
    "another table": 'const q = SQL`INSERT INTO shares (bot`; q.append(", public_token) VALUES (").append(SQL`${id}, ${code()})`);',
    "a builder for another table": 'squel.insert().into("shares").set("public_token", code()).toParam();',
    "bricks of another table": 'insert("shares", { public_token: code() }).toParams();',
}


@pytest.mark.parametrize("how", OTHERS)
def test_parts_of_other_statements_are_none_of_the_tables(how: str, tmp_path: Path) -> None:
    """Beside a create that leaves the token to Postgres."""
    text = f"""
        import {{ code }} from "./lib"; export const other = (id) => {{ {OTHERS[how]} }};
        export const add = (name) => sql`INSERT INTO chatbots (name) VALUES (${{name}}) RETURNING id, public_token`;"""
    files = {"src/lib.ts": "export const code = () => Math.random().toString(36);\n", "src/add.ts": text}
    assert claims_of(tmp_path, files, "makes", "insert") == {"makes": "pass", "insert": "pass"}


UNFOLLOWED = {
    "values that nobody is seen to give": 'export const text = "INSERT INTO chatbots (name, public_token) VALUES ($1, $2) RETURNING *";',
    "a part of which nothing is known": "export const add = (row) => sql`INSERT INTO chatbots (name, public_token) VALUES ${listed(row)} RETURNING *`;",
    "values by names, of a helper": """
        const { text } = statements("INSERT INTO chatbots (name, public_token) VALUES (:name, :token) RETURNING *");
        export const add = () => run(text);""",
}


@pytest.mark.parametrize("how", UNFOLLOWED)
def test_a_token_whose_value_was_not_found_is_not_said_to_be_right(how: str, tmp_path: Path) -> None:
    """The statement names it: where its value comes from could not be told. One that has a value is followed."""
    assert claims_of(tmp_path / "a", {"src/add.ts": UNFOLLOWED[how]}, "makes") == {"makes": "unknown"}
    fixed = "export const add = () => pool.query(\"INSERT INTO chatbots (public_token) VALUES ('4d1c') RETURNING *\");"
    assert claims_of(tmp_path / "b", {"src/add.ts": fixed}, "makes") == {"makes": "pass"}
