"""Handlers of a unique violation: those that guard the create of the table, and those that are somebody else's."""

from __future__ import annotations

import pytest

from tests.support.apps import CREATE, ROUTE, analysed, analysed_files, caught

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
