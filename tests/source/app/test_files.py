"""Values that take their way through several files, and what a checkout holds besides the app."""

from __future__ import annotations

import pytest

from tests.support.apps import analysed_files

ROUTE = "await prisma.chatbot.create({ data: { name, publicToken: make() } });"
NANOID = 'import { nanoid } from "nanoid";\n'
HELPER = f"{NANOID}export const make = () => nanoid(8);"

# Each is an app of several files; a random value reaches the column, made in the file that is named second.
APPS = {
    "a named import": (
        "src/token.ts",
        {"src/a.ts": f'import {{ make }} from "./token";\n{ROUTE}', "src/token.ts": HELPER},
    ),
    "an import of what is built": (
        "src/token.ts",
        {"src/a.ts": f'import {{ make }} from "./token.js";\n{ROUTE}', "src/token.ts": HELPER},
    ),
    "another name": (
        "src/token.ts",
        {
            "src/a.ts": 'import { make as m } from "./token";\nawait prisma.chatbot.create({ data: { publicToken: m() } });',
            "src/token.ts": HELPER,
        },
    ),
    "a default export": (
        "src/token.ts",
        {
            "src/a.ts": f'import make from "./token";\n{ROUTE}',
            "src/token.ts": f"{NANOID}export default function create() {{ return nanoid(); }}",
        },
    ),
    "a default export of a name": (
        "src/token.ts",
        {
            "src/a.ts": f'import make from "./token";\n{ROUTE}',
            "src/token.ts": f"{NANOID}const create = () => nanoid();\nexport default create;",
        },
    ),
    "a namespace": (
        "src/token.ts",
        {
            "src/a.ts": 'import * as t from "./token";\nawait prisma.chatbot.create({ data: { publicToken: t.make() } });',
            "src/token.ts": HELPER,
        },
    ),
    "a barrel": (
        "src/lib/token.ts",
        {
            "src/a.ts": f'import {{ make }} from "./lib";\n{ROUTE}',
            "src/lib/index.ts": 'export * from "./token";',
            "src/lib/token.ts": HELPER,
        },
    ),
    "a barrel that renames": (
        "src/lib/token.ts",
        {
            "src/a.ts": f'import {{ make }} from "./lib";\n{ROUTE}',
            "src/lib/index.ts": 'export { other as make } from "./token";',
            "src/lib/token.ts": HELPER.replace("make", "other"),
        },
    ),
    "an alias of paths": (
        "src/lib/token.ts",
        {"src/app/api/route.ts": f'import {{ make }} from "@/lib/token";\n{ROUTE}', "src/lib/token.ts": HELPER},
    ),
    "a package of the workspace": (
        "packages/ids/src/index.ts",
        {"apps/api/a.ts": f'import {{ make }} from "@acme/ids";\n{ROUTE}', "packages/ids/src/index.ts": HELPER},
    ),
    "a list of exports": (
        "src/token.ts",
        {
            "src/a.ts": f'import {{ make }} from "./token";\n{ROUTE}',
            "src/token.ts": f"{NANOID}const own = () => nanoid();\nexport {{ own as make }};",
        },
    ),
    "common modules": (
        "src/token.js",
        {
            "src/a.js": f'const {{ make }} = require("./token");\n{ROUTE}',
            "src/token.js": 'const { nanoid } = require("nanoid");\nmodule.exports = { make: () => nanoid() };',
        },
    ),
    "exports": (
        "src/token.cjs",
        {
            "src/a.cjs": f'const t = require("./token.cjs");\n{ROUTE.replace("make()", "t.make()")}',
            "src/token.cjs": 'const { nanoid } = require("nanoid");\nexports.make = function () { return nanoid(); };',
        },
    ),
    "a package that is passed on": (
        "src/a.ts",
        {
            "src/a.ts": f'import {{ make }} from "./ids";\n{ROUTE}',
            "src/ids.ts": 'export { nanoid as make } from "nanoid";',
        },
    ),
    "a service that hands it to a repository": (
        "src/service.ts",
        {
            "src/service.ts": f"""{NANOID}import {{ ChatbotRepository }} from "./repository";
                export class ChatbotService {{
                  constructor(private readonly chatbots: ChatbotRepository) {{}}
                  create(name: string) {{ return this.chatbots.add(name, nanoid(8)); }}
                }}""",
            "src/repository.ts": """
                import { pool } from "./db";
                export class ChatbotRepository {
                  async add(name: string, token: string) {
                    const r = await pool.query("INSERT INTO chatbots (name, public_token) VALUES ($1, $2) RETURNING *",
                      [name, token]);
                    return r.rows[0];
                  }
                }""",
        },
    ),
    "a generator that is injected": (
        "src/tokens.service.ts",
        {
            "src/chatbots.service.ts": """
                import { TokensService } from "./tokens.service";
                export class ChatbotsService {
                  constructor(private readonly tokens: TokensService,
                    @InjectRepository(Chatbot) private readonly rows: Repository<Chatbot>) {}
                  create(dto) { return this.rows.save({ ...dto, publicToken: this.tokens.generate() }); }
                }""",
            "src/tokens.service.ts": f"{NANOID}export class TokensService {{ generate() {{ return nanoid(8); }} }}",
        },
    ),
    "a class of another name's instance": (
        "src/ids.ts",
        {
            "src/a.ts": 'import { ids } from "./container";\nawait db.insert(chatbots).values({ publicToken: ids.next() });',
            "src/container.ts": 'import { Ids } from "./ids";\nexport const ids = new Ids();',
            "src/ids.ts": f"{NANOID}export class Ids {{ next() {{ return nanoid(); }} }}",
        },
    ),
    "a statement of another file": (
        "src/a.ts",
        {
            "src/a.ts": f'{NANOID}import {{ CREATE }} from "./queries";\nawait pool.query(CREATE, [name, nanoid()]);',
            "src/queries.ts": 'export const CREATE = "INSERT INTO chatbots (name, public_token) VALUES ($1, $2)";',
        },
    ),
    "names of columns of another file": (
        "src/a.ts",
        {
            "src/a.ts": f'{NANOID}import {{ C }} from "./names";\nawait knex("chatbots").insert({{ [C.token]: nanoid() }});',
            "src/names.ts": 'export const C = { token: "public_token" } as const;',
        },
    ),
    "a generator in a file of tokens for all": (
        "src/lib/crypto.ts",
        {
            "src/a.ts": f'import {{ randomId }} from "./lib/crypto";\n{ROUTE.replace("make()", "randomId(8)")}',
            "src/lib/crypto.ts": """
                const chars = "abc";
                export function randomId(n: number) {
                  const out: string[] = [];
                  const bytes = new Uint8Array(n);
                  globalThis.crypto.getRandomValues(bytes);
                  bytes.forEach((b) => out.push(chars[b % chars.length]));
                  return out.join("");
                }""",
        },
    ),
    "prisma's model of another name": (
        "src/a.ts",
        {
            "src/a.ts": f"{NANOID}await prisma.bot.create({{ data: {{ token: nanoid() }} }});\n// chatbots",
            "prisma/schema.prisma": """
model Bot {
  id    Int    @id
  token String @map("public_token")

  @@map("chatbots")
}
""",
        },
    ),
}


@pytest.mark.parametrize("how", APPS)
def test_a_value_is_followed_through_files(how: str) -> None:
    """The finding names the file that makes it, and the place that stores it."""
    made, files = APPS[how]
    found = analysed_files(files)
    assert any(said.startswith(f"{made}:") for said in found.reaching), found


@pytest.mark.parametrize(
    "path",
    [
        "src/chatbots.test.ts",
        "src/__tests__/chatbots.ts",
        "e2e/chatbots.ts",
        "cypress/support/create.js",
        "prisma/seed.ts",
        "db/seeds/chatbots.ts",
        "scripts/backfill.ts",
        "src/Chatbot.stories.tsx",
        "test/factories/chatbot.ts",
        "migrations/20250101_tokens.js",
        "src/mocks/handlers.ts",
    ],
)
def test_what_is_not_deployed_is_left_out(path: str) -> None:
    """Whatever a test, a seed, a script, a story or a migration does: they may make tokens, catch collisions and name the column."""
    aside = f"""{NANOID}const generateRandomToken = () => nanoid(6);
        try {{ await sql`INSERT INTO chatbots (name, public_token) VALUES (${{n}}, ${{nanoid()}})`; }}
        catch (e) {{ if (e.code === "23505") retry(); }}"""
    after = "await sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;"
    found = analysed_files({path: aside, "src/a.ts": after})
    assert (found.reaching, found.left, found.handlers) == ((), (), ()), found
    assert [create.names_token for create in found.creates] == [None]
    assert "src/a.ts" in analysed_files({"src/b.ts": aside, "src/a.ts": after}).creates[0].shown


def test_table_and_column_are_those_that_are_named() -> None:
    """Not the defaults: another table with its schema, another column."""
    files = {
        "src/a.ts": f"{NANOID}await sql`INSERT INTO app.widgets (name, embed_key) VALUES (${{name}}, ${{nanoid()}})`;",
        "src/b.ts": f"{NANOID}await prisma.widget.create({{ data: {{ embedKey: nanoid() }} }});",
        "src/c.ts": f"{NANOID}await sql`INSERT INTO other.widgets (name, embed_key) VALUES (1, ${{nanoid()}})`;",
    }
    found = analysed_files(files, "app.widgets", "embed_key")
    assert [said.partition(":")[0] for said in found.reaching] == ["src/a.ts", "src/b.ts"]
    assert not analysed_files(files).speaks


@pytest.mark.parametrize("suffix", ["ts", "mts", "cts", "tsx", "js", "mjs", "cjs", "jsx"])
def test_every_kind_of_source_is_parsed(suffix: str) -> None:
    """By its grammar."""
    route = f"{NANOID}export const f = async () => prisma.chatbot.create({{ data: {{ publicToken: nanoid() }} }});"
    element = "\nexport const E = () => <p title={`x`}>it's</p>;" if suffix in ("tsx", "jsx", "js") else ""
    cast = "\nconst x = <string>y;" if suffix in ("ts", "mts", "cts") else ""
    found = analysed_files({f"src/a.{suffix}": route + element + cast})
    assert len(found.reaching) == 1, found
    assert found.unparsed == ()


def test_what_cannot_be_parsed_is_listed() -> None:
    """And cannot be told where it speaks of the token; elsewhere it is a note."""
    broken = "export const a = = ;\nfunction ( {\n"
    after = "await sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;"
    elsewhere = analysed_files({"src/a.ts": after, "src/b.ts": f"{broken}\n// nanoid: Math.random\n"})
    assert elsewhere.unparsed == ()
    assert any("src/b.ts" in note and "could not be parsed" in note for note in elsewhere.notes)
    here = analysed_files({"src/a.ts": after, "src/b.ts": "sql`INSERT INTO chatbots` = = { publicToken: ) ;"})
    assert len(here.unparsed) == 1
    assert here.unparsed[0].startswith("src/b.ts:1:")
