"""Handlers of a unique violation: those that guard the create of the table, and those that are somebody else's."""

from __future__ import annotations

import pytest

from tests.support.apps import ROUTE, analysed, analysed_files

CREATE = "const [row] = await sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;"


def caught(condition: str, then: str = "continue;", before: str = "") -> str:
    """A route that tries to create, and asks this of the error."""
    return f"""{before}
        router.post("/", async (req, res, next) => {{
          for (let i = 0; i < 3; i++) {{
            try {{
              {CREATE}
              return res.status(201).json(row);
            }} catch (err) {{
              if ({condition}) {{ {then} }}
              throw err;
            }}
          }}
        }});"""


SPELLINGS = {
    "===": 'err.code === "23505"',
    "single quotes": "err.code === '23505'",
    "a template": "err.code === `23505`",
    "==": 'err.code == "23505"',
    "reversed": '"23505" === err.code',
    "optional": 'err?.code === "23505"',
    "a cast": '(err as any).code === "23505"',
    "by key": 'err["code"] === "23505"',
    "a number": "Number(err.code) === 23505",
    "the cause": 'err.cause?.code === "23505"',
    "among others": 'isPgError(err) && err.code === "23505" && i < 2',
    "negated": '!(err.code !== "23505")',
    "a list": '["23505", "40001"].includes(err.code)',
    "a set": 'new Set(["23505"]).has(err.code)',
    "a test": "/^23505$/.test(err.code) || /duplicate key/.test(err.message)",
    "the message": 'err.message.includes("duplicate key value")',
    "String": 'String(err).includes("unique constraint")',
    "a map": '({ "23505": true })[err.code]',
    "prisma": 'err instanceof Prisma.PrismaClientKnownRequestError && err.code === "P2002"',
    "prisma's target": 'err.code === "P2002" && err.meta?.target?.includes("public_token")',
    "the column's constraint": 'err.code === "23505" && err.constraint === "chatbots_public_token_key"',
    "sequelize": "err instanceof Sequelize.UniqueConstraintError",
    "sequelize by name": 'err.name === "SequelizeUniqueConstraintError"',
    "a word": 'errorName(err.code) === "unique_violation"',
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_handler_around_the_create_is_found(spelling: str) -> None:
    """In any spelling."""
    found = analysed(caught(SPELLINGS[spelling]))
    assert len(found.handlers) == 1, found
    assert found.handlers[0].startswith(f"{ROUTE}:8: if (")
    assert found.handlers[0].endswith(("(it guards the storing of chatbots)", "(it asks for public_token)"))


FORMS = {
    "a constant": caught("err.code === UNIQUE_VIOLATION", before='const UNIQUE_VIOLATION = "23505";'),
    "an enum": caught("err.code === PgCode.Unique", before='enum PgCode { Foreign = "23503", Unique = "23505" }'),
    "an object": caught("err.code === CODES.UNIQUE", before='const CODES = { UNIQUE: "23505", FK: "23503" } as const;'),
    "a list in a constant": caught("RETRY.includes(err.code)", before='const RETRY = ["23505", "40001"];'),
    "a set in a constant": caught("RETRY.has(err.code)", before='const RETRY = new Set(["23505", "40001"]);'),
    "a package": caught(
        "err.code === PG_UNIQUE_VIOLATION",
        before='import { PG_UNIQUE_VIOLATION } from "@drdgvhbh/postgres-error-codes";',
    ),
    "a package's object": caught(
        "err.code === PostgresError.UNIQUE_VIOLATION", before='import { PostgresError } from "pg-error-enum";'
    ),
    "a class of a package": caught(
        "err instanceof UniqueConstraintError", before='import { UniqueConstraintError } from "sequelize";'
    ),
    "a class under another name": caught(
        "err instanceof Taken", before='import { UniqueConstraintError as Taken } from "sequelize";'
    ),
    "a helper": caught("isDuplicate(err)", before='const isDuplicate = (e) => e?.code === "23505";'),
    "a helper that calls a helper": caught(
        "mayRetry(err)",
        before='function isDuplicate(e) { return e.code === "23505"; } const mayRetry = (e) => isDuplicate(e) && !e.fatal;',
    ),
    "a name for the condition": caught("taken", before="", then="continue;").replace(
        "if (taken)", 'const taken = err.code === "23505"; if (taken)'
    ),
    "a switch": f"""
        try {{ {CREATE} }} catch (err) {{
          switch (err.code) {{ case "23503": throw gone(); case "23505": return retry(); default: throw err; }}
        }}""",
    "catch of a promise": """
        sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`
          .then((rows) => res.json(rows[0]))
          .catch((err) => { if (err.code === "23505") return again(); throw err; });""",
    "the second function of then": """
        sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`
          .then((rows) => res.json(rows[0]), (err) => { if (err.code === "23505") again(); });""",
    "an error that is answered": """
        const { data, error } = await supabase.from("chatbots").insert({ name }).select("id, public_token").single();
        if (error?.code === "23505") return again();""",
    "an error that is answered, in a switch": """
        const answer = await supabase.from("chatbots").insert({ name }).select();
        switch (answer.error?.code) { case "23505": return again(); }""",
    "a destructured error": f"""
        try {{ {CREATE} }} catch ({{ code }}) {{ if (code === "23505") return retry(); }}""",
    "a retry around it": f"""
        async function withRetry(fn, times = 3) {{
          for (let i = 0; i < times; i++) {{
            try {{ return await fn(); }} catch (e) {{ if (e.code !== "23505") throw e; }}
          }}
        }}
        router.post("/", async (req, res) => res.json(await withRetry(async () => {{ {CREATE} return row; }})));""",
    "a package that retries": f"""
        import pRetry from "p-retry";
        const create = async (name) => {{ {CREATE} return row; }};
        const row = await pRetry(() => create(name), {{ shouldRetry: (e) => e.code === "23505" }});""",
    "a helper that is handed on": f"""
        const isDuplicate = (e) => e.code === "23505";
        const create = async (name) => {{ {CREATE} return row; }};
        const row = await retry(() => create(name), {{ retries: 3, when: isDuplicate }});""",
    "a function in between": f"""
        async function store(name) {{ {CREATE} return row; }}
        async function create(name) {{ return store(name); }}
        router.post("/", async (req, res) => {{
          try {{ res.json(await create(req.body.name)); }} catch (e) {{ if (e.code === "23505") return res.status(409).end(); }}
        }});""",
    "a translation of errors": f"""
        function translate(e) {{ if (e.code === "23505") return new Conflict("taken"); return e; }}
        try {{ {CREATE} }} catch (e) {{ throw translate(e); }}""",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_handler_is_found_wherever_its_code_is_written(form: str) -> None:
    """In a constant, a helper, a wrapper, a promise."""
    found = analysed(FORMS[form])
    assert len(found.handlers) == 1, found
    assert "it guards the storing of chatbots" in found.handlers[0]


def test_a_handler_is_found_across_files() -> None:
    """Constant, helper, service and route each in a file of its own; the finding says where the helper is used."""
    found = analysed_files(
        {
            "src/codes.ts": 'export const PG = { UNIQUE: "23505" };',
            "src/errors.ts": 'import { PG } from "./codes";\nexport const taken = (e: any) => e.code === PG.UNIQUE;',
            "src/store.ts": f"export async function store(name) {{ {CREATE} return row; }}",
            "src/route.ts": """
                import { store } from "./store";
                import { taken } from "./errors";
                export async function post(req, res) {
                  try { res.json(await store(req.body.name)); } catch (e) { if (taken(e)) return post(req, res); throw e; }
                }""",
        }
    )
    (said,) = found.handlers
    assert said.startswith("src/errors.ts:2: export const taken = (e: any) => e.code === PG.UNIQUE; (")
    assert said.endswith("(it guards the storing of chatbots, used at src/route.ts:5)")


OTHERS = {
    "another column": caught('err.code === "23505" && err.constraint === "chatbots_name_key"', "return taken();"),
    "another column inside": caught(
        'err.code === "23505"', 'if (err.constraint === "chatbots_name_key") return taken(); throw err;'
    ),
    "another column of prisma": caught('err.code === "P2002" && err.meta.target.includes("name")', "return taken();"),
    "another table": f"""
        {CREATE}
        try {{ await sql`INSERT INTO users (email) VALUES (${{email}})`; }}
        catch (err) {{ if (err.code === "23505") return res.status(409).end(); throw err; }}""",
    "a rename": f"""
        router.post("/", async () => {{ {CREATE} }});
        router.patch("/:id", async () => {{
          try {{ await sql`UPDATE chatbots SET slug = ${{slug}} WHERE id = ${{id}}`; }}
          catch (err) {{ if (err.code === "23505") return res.status(409).end(); throw err; }}
        }});""",
    "a middleware": f"""
        {CREATE}
        app.use((err, req, res, next) => {{
          if (err.code === "23505") return res.status(409).json({{ error: "conflict" }}); next(err); }});""",
    "a handler of fastify": f"""
        {CREATE}
        app.setErrorHandler((error, request, reply) => {{ if (error.code === "23505") reply.code(409).send(); }});""",
    "a filter of nest": f"""
        {CREATE}
        @Catch() export class Filter implements ExceptionFilter {{
          catch(exception: any, host: ArgumentsHost) {{ if (exception.code === "23505") host.reply(409); }} }}""",
    "an answer that names another column": f"""
        try {{ {CREATE} }} catch (err) {{
          if (err.code === "23505") return res.status(409).json({{ error: "a chatbot of this name exists" }}); throw err; }}""",
    "an answer of another table": f"""
        {CREATE}
        const {{ error }} = await supabase.from("users").insert({{ email }});
        if (error?.code === "23505") return taken();""",
    "another code": caught('err.code === "23503"', "return gone();"),
    "no code": f'const port = 23505; {CREATE} const label = "order 235050";',
    "a type": f'{CREATE} type Code = "23505" | "23503"; interface E {{ code: "23505" }}',
    "a constant that nothing uses": f'const UNIQUE_VIOLATION = "23505"; {CREATE}',
    "a comment": f"// 23505 cannot happen\n{CREATE}",
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_the_tokens_is_no_failure(what: str) -> None:
    """Another column, another table, one handler for all routes, or no handler at all."""
    found = analysed(OTHERS[what])
    assert found.handlers == (), found
    assert found.unsure == ()
    assert len(found.creates) == 1


@pytest.mark.parametrize(
    ("what", "note"),
    [
        ("another column", "unique violations are handled that are not the token's: src/routes/chatbots.ts:8 ("),
        ("another table", "unique violations are handled that are not the token's: src/routes/chatbots.ts:4 ("),
        ("a middleware", "unique violations of every route are handled in one place: src/routes/chatbots.ts:4 ("),
    ],
)
def test_what_is_not_the_tokens_is_a_note(what: str, note: str) -> None:
    """With its place."""
    assert any(said.startswith(note) for said in analysed(OTHERS[what]).notes), analysed(OTHERS[what]).notes


def test_on_conflict_of_the_column_is_a_handler() -> None:
    """SQL's own: in a statement, and in a query builder. Of no column it is a note, of another nothing."""
    statement = (
        "await sql`INSERT INTO chatbots (name) VALUES (${n}) ON CONFLICT (%s) DO NOTHING RETURNING public_token`;"
    )
    assert analysed(statement % "public_token").handlers[0].endswith("(ON CONFLICT on public_token)")
    assert analysed(statement % "name").handlers == ()
    built = (
        "await db.insert(chatbots).values({ name }).onConflictDoNothing({ target: chatbots.publicToken }).returning();"
    )
    assert analysed(built).handlers[0].endswith("(ON CONFLICT on public_token)")
    every = analysed(statement.replace(" (%s)", ""))
    assert every.handlers == ()
    assert any("swallows every collision" in note for note in every.notes)


def test_a_handler_without_a_create_cannot_be_told() -> None:
    """Where nothing that stores the table was recognised, what a handler guards is not known."""
    found = analysed("try { await orm.chatbots.put(req.body); } catch (e) { if (e.code === '23505') return again(); }")
    assert found.creates == ()
    assert found.handlers == ()
    assert len(found.unsure) == 1
    asked = "try { await orm.chatbots.put(b); } catch (e) { if (e.code === '23505' && e.constraint === 'chatbots_name_key') f(); }"
    assert analysed(asked).unsure == ()


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


INSERT = "const insert = () => sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;\n"
FRIENDLY = """
export async function friendly(work, constraint) {
  try { return await work(); } catch (e) {
    if (e.code === "23505" && e.constraint === constraint) throw new Error("taken");
    throw e;
  }
}
"""
OF_OPTIONS = FRIENDLY.replace("work, constraint", "work, { constraint }")


@pytest.mark.parametrize(
    ("helper", "given", "verdict"),
    [
        (FRIENDLY, '"chatbots_name_key"', False),
        (FRIENDLY, "NAME", False),
        (FRIENDLY, '"chatbots_public_token_key"', True),
        (FRIENDLY, "named()", True),
        (OF_OPTIONS, '{ constraint: "chatbots_name_key" }', False),
        (OF_OPTIONS, '{ constraint: "chatbots_public_token_key" }', True),
    ],
)
def test_a_constraint_that_is_handed_over_tells_whose_a_handler_is(helper: str, given: str, verdict: bool) -> None:
    """It is the token's where any call says so; where a call does not tell, what it guards decides."""
    route = f"""import {{ friendly }} from "../c";
const NAME = "chatbots_name_key";
{INSERT}router.post("/", async () => friendly(insert, {given}));"""
    found = analysed_files({ROUTE: route, "src/c.ts": helper})
    assert bool(found.handlers) is verdict, found


CURRIED = """export const retryOnConflict = (work) => (e) => { if (e.code === "23505") return work(); throw e; };\n"""
RETURNED = """export function retryOnConflict(work) {
  return async (e) => { if (e.code === "23505") return work(); throw e; };
}
"""
DECORATOR = """export function RetryOn(CODE) {
  return (_t, _k, d) => {
    const f = d.value;
    d.value = async function (...a) {
      try { return await f.apply(this, a); } catch (e) { if (e.code === IS) return f.apply(this, a); throw e; }
    };
  };
}
"""
MADE = {
    "a handler that a function makes": CURRIED + INSERT + "await insert().catch(retryOnConflict(insert));",
    "one that it returns": RETURNED + INSERT + "await insert().catch(retryOnConflict(insert));",
    "one with a name": RETURNED + INSERT + "const again = retryOnConflict(insert);\nawait insert().catch(again);",
    "a decorator that is told the code": DECORATOR.replace("CODE", "code").replace("IS", "code")
    + f"class Bots {{ @RetryOn('23505')\n async create(name) {{ {CREATE} return row; }} }}",
    "a decorator that knows the code": DECORATOR.replace("CODE", "").replace("IS", '"23505"')
    + f"class Bots {{ @RetryOn()\n @Log() async create(name) {{ {CREATE} return row; }} }}",
}


@pytest.mark.parametrize("what", MADE)
def test_a_handler_that_a_function_makes_is_found(what: str) -> None:
    """It guards what it is handed to, or what it decorates."""
    found = analysed(MADE[what])
    assert len(found.handlers) == 1, found


def test_a_handler_that_a_function_of_another_file_makes_is_found() -> None:
    """Through an import."""
    route = f'import {{ retryOnConflict }} from "../c";\n{INSERT}await insert().catch(retryOnConflict(insert));'
    (handler,) = analysed_files({ROUTE: route, "src/c.ts": CURRIED}).handlers
    assert handler.startswith("src/c.ts:1: ")


@pytest.mark.parametrize(
    "text",
    [
        CURRIED + f"{INSERT}await insert();\nawait saveUser().catch(retryOnConflict(saveUser));",
        f"class Bots {{ async create(name) {{ {CREATE} return row; }}\n@RetryOn('23505')\n async other() {{}} }}",
        f"class Bots {{ @ApiConflictResponse({{ description: 'duplicate key' }})\n async create() {{ {CREATE} }} }}",
        f"class Bots {{ @RetryOn('40001')\n async create() {{ {CREATE} }} }}",
    ],
)
def test_a_handler_that_is_made_for_something_else_is_not_the_tokens(text: str) -> None:
    """What it is handed to decides."""
    assert analysed(text).handlers == ()
