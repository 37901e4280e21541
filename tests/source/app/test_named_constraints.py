"""Handlers that are told by the constraint, the column or the table that they name."""

from __future__ import annotations

import pytest

from tests.support.apps import CREATE, ROUTE, analysed, analysed_files, caught

NAMED_ONLY = {
    "the constraint": caught('err.constraint === "chatbots_public_token_key"'),
    "postgres.js's name of it": caught("err.constraint_name == 'chatbots_public_token_key'"),
    "an index": caught('err.constraint === "chatbots_public_token_idx"'),
    "reversed": caught('"uq_chatbots_public_token" === err.constraint'),
    "negated, and thrown again": caught("err.constraint !== 'chatbots_public_token_key'", "throw err;"),
    "a text that it is in": caught("String(err.constraint).includes('chatbots_public_token')"),
    "a constant": caught("err.constraint === TAKEN", before='const TAKEN = "chatbots_public_token_unique";'),
    "a switch": f"""
        try {{ {CREATE} }} catch (err) {{
          switch (err.constraint) {{ case "chatbots_public_token_key": return again(); default: throw err; }}
        }}""",
    "a map of answers": caught(
        "SAID[err.constraint]", before='const SAID = { chatbots_public_token_key: "taken", chatbots_name_key: "name" };'
    ),
    "a map on the spot": caught('({ "chatbots_public_token_key": "taken" })[err.constraint]'),
    "a list": caught('["chatbots_public_token_key", "chatbots_slug_key"].includes(err.constraint)'),
    "prisma's target": caught('err.meta?.target?.includes("publicToken")'),
    "the detail": caught('err.detail?.includes("Key (public_token)")'),
}


@pytest.mark.parametrize("what", NAMED_ONLY)
def test_a_handler_that_only_names_the_constraint_is_found(what: str) -> None:
    """The code is not asked for: the constraint's name says as much."""
    found = analysed(NAMED_ONLY[what])
    assert len(found.handlers) == 1, found
    assert found.handlers[0].endswith("(it asks for public_token)")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "migrations/1.sql",
            "CREATE UNIQUE INDEX CONCURRENTLY bot_links ON public.chatbots USING btree (public_token);",
        ),
        ("migrations/1.sql", 'ALTER TABLE "chatbots"\n  ADD CONSTRAINT "bot_links" UNIQUE ("public_token");'),
        (
            "migrations/1.js",
            "knex.schema.table('chatbots', (t) => t.unique(['public_token'], { indexName: 'bot_links' }));",
        ),
        ("src/schema.ts", "const c = pgTable('chatbots', {}, (t) => [uniqueIndex('bot_links').on(t.publicToken)]);"),
        (
            "prisma/schema.prisma",
            'model Chatbot {\n  publicToken String @unique(map: "bot_links")\n  @@map("chatbots")\n}',
        ),
    ],
)
def test_a_handler_that_names_a_constraint_of_the_migrations_is_found(path: str, text: str) -> None:
    """Whatever its name; one of another table is a note."""
    route = caught('err.constraint === "bot_links"')
    (said,) = analysed_files({ROUTE: route, path: text}).handlers
    assert said.endswith("(it asks for public_token)")
    other = text.replace("chatbots", "documents").replace("Chatbot", "Document")
    assert analysed_files({ROUTE: route, path: other}).handlers == ()


DOCUMENT = "await sql`INSERT INTO documents (title, public_token) VALUES (${title}, ${token}) RETURNING id`;"


def of_documents(condition: str, then: str, stores: str = DOCUMENT) -> str:
    """A create of ours that is guarded by nothing, and one of another table with a column of the same name."""
    return f"""
        import {{ nanoid }} from "nanoid";
        router.post("/", async (req, res) => {{ {CREATE} res.json(row); }});
        export async function insertDocument(title) {{
          for (let i = 0; i < 3; i++) {{
            const token = nanoid(7);
            try {{ return {stores} }} catch (err) {{ if ({condition}) {{ {then} }} throw err; }}
          }}
        }}"""


PRISMA_DOCUMENT = "await prisma.document.create({ data: { title, publicToken: token } });"
OTHER_TABLES = {
    "its constraint": of_documents(
        "err.code === '23505' && err.constraint === 'documents_public_token_key'", "continue;"
    ),
    "its constraint, negated": of_documents(
        "err.code !== '23505' || err.constraint_name !== 'documents_public_token_key'", "throw err;"
    ),
    "its constraint alone": of_documents("err.constraint === 'documents_public_token_key'", "continue;"),
    "an index of it": of_documents(
        "err.code === '23505' && err.constraint === 'uq_document_public_token'", "continue;"
    ),
    "a table whose name begins alike": of_documents(
        "err.constraint === 'chatbot_documents_public_token_key'", "continue;", DOCUMENT.replace("doc", "chatbot_doc")
    ),
    "the column alone": of_documents("err.code === 'P2002' && err.meta.target.includes('publicToken')", "continue;"),
    "the column alone, of prisma": of_documents(
        "err.code === 'P2002' && err.meta.target.includes('publicToken')", "continue;", PRISMA_DOCUMENT
    ),
    "the column alone, without its code": of_documents("err.detail.includes('(public_token)')", "continue;"),
    "a map of its constraints": of_documents("({ documents_public_token_key: 1 })[err.constraint]", "continue;"),
    "its table": of_documents("err.code === '23505' && err.table === 'documents'", "continue;"),
    "the code alone": of_documents("err.code === '23505'", "continue;"),
    "a retry that only it uses": f"""
        import {{ nanoid }} from "nanoid";
        router.post("/", async (req, res) => {{ {CREATE} res.json(row); }});
        async function withRetry(fn, times = 3) {{
          for (let i = 0; i < times; i++) {{
            try {{ return await fn(nanoid()); }} catch (e) {{ if (e.code !== "23505") throw e; }}
          }}
        }}
        export const insertDocument = (title) => withRetry(async (token) => {DOCUMENT.rstrip(";")});""",
    "a helper that is told its table": """
        async function insertRow(table, row) {
          return pool.query(`INSERT INTO ${table} (${Object.keys(row)}) VALUES (${marks}) RETURNING *`, Object.values(row));
        }
        router.post("/", async () => insertRow("chatbots", { name }));
        router.post("/documents", async () => {
          try { await insertRow("documents", { title }); }
          catch (e) { if (e.code === "23505" && e.detail.includes("public_token")) again(); }
        });""",
    "an error of it around both": caught(
        "err.code === '23505' && err.constraint === 'documents_public_token_key'", "continue;"
    ),
    "all but the token's": caught(
        "err.code === '23505' && err.constraint !== 'chatbots_public_token_key'", "return conflict();"
    ),
    "the token's, thrown again": caught("err.constraint === 'chatbots_public_token_key'", "throw err;"),
}


@pytest.mark.parametrize("what", OTHER_TABLES)
def test_a_column_of_the_same_name_in_another_table_is_its_own_affair(what: str) -> None:
    """Its random values, its retry and its constraint are notes."""
    found = analysed(OTHER_TABLES[what])
    assert found.handlers == (), found
    assert found.unsure == ()
    assert found.reaching == ()
    assert found.left == ()
    assert [create.names_token for create in found.creates] == [None]


@pytest.mark.parametrize(
    "condition",
    [
        "err.code === '23505' && err.constraint !== 'documents_public_token_key'",
        "err.code === '23505' && err.table === 'chatbots'",
        "err.code === '23505' && err.constraint.startsWith('chatbots_')",
        "err.code === '23505' && err.constraint === 'bot_public_token_key'",
        "err.constraint === 'chatbots_name_key') return taken(); else if (err.code === '23505'",
        "err.constraint === 'chatbots_name_key') throw err; if (err.code === '23505'",
    ],
)
def test_what_does_not_leave_the_token_out_still_guards_it(condition: str) -> None:
    """Everything but another constraint, everything of the table, and a constraint of a shorter name."""
    found = analysed(caught(condition))
    assert len(found.handlers) == 1, found


@pytest.mark.parametrize(
    "text",
    [
        "const t = pgTable('chatbots', {}, (t) => [uniqueIndex('chatbots_public_token_key').on(t.publicToken)]);",
        "if (row.conname === 'chatbots_public_token_key') drop();",
        "const rule = 'chatbots_public_token_key'; log(rule);",
        "if (column === 'public_token') hide();",
        "if (form.target.name === 'public_token') hide();",
    ],
)
def test_a_constraint_that_is_only_named_is_no_handler(text: str) -> None:
    """A schema, a catalogue's row, a name that nothing is compared with, a column of a form."""
    assert analysed(f"{CREATE} {text}").handlers == ()
