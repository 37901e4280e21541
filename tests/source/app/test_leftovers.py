"""Generators that were left behind, and those that make something else."""

from __future__ import annotations

import pytest

from checks.test_source_leaves_no_generator import test_source_leaves_no_generator as leaves_none
from harness.findings import last_finding
from tests.support.apps import ROUTE, analysed_files

AFTER = "await sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;"
BYTES = 'import { randomBytes } from "node:crypto";\n'
NANOID = 'import { nanoid } from "nanoid";\n'

# Each is an app after the change, with something left behind: the files besides the route, and the finding.
LEFT = {
    "a helper in a file of its own": (
        {
            "src/lib/token.ts": f"{BYTES}export function generateRandomToken() {{ return randomBytes(4).toString('hex'); }}"
        },
        "src/lib/token.ts:2: export function generateRandomToken()",
    ),
    "an arrow function": (
        {"src/lib/token.ts": f"{NANOID}export const generateToken = () => nanoid(8);"},
        "src/lib/token.ts:2: export const generateToken = () => nanoid(8); (generateToken is not used any more)",
    ),
    "a generator of nanoid": (
        {
            "src/lib/token.ts": 'import { customAlphabet } from "nanoid";\nexport const newToken = customAlphabet("abc", 6);'
        },
        "src/lib/token.ts:2: export const newToken",
    ),
    "a public slug": (
        {"src/lib/slug.ts": 'import { v4 } from "uuid";\nexport const chatbotSlug = () => v4().slice(0, 8);'},
        "src/lib/slug.ts:2:",
    ),
    "a helper that is exported and imported again": (
        {
            "src/lib/index.ts": 'export { makePublicToken } from "./token";',
            "src/lib/token.ts": f"{NANOID}export const makePublicToken = () => nanoid(6);",
        },
        "src/lib/token.ts:2:",
    ),
    "a helper that calls itself": (
        {
            "src/token.ts": "export function randomToken(n) { return n ? Math.random().toString(36)[2] + randomToken(n - 1) : ''; }"
        },
        "src/token.ts:1:",
    ),
    "what only it uses": (
        {
            "src/lib/random.ts": f"""{BYTES}
export const randomString = (n) => randomBytes(n).toString("hex");
export const generatePublicToken = () => randomString(4);""",
        },
        "src/lib/random.ts:3: export const randomString",
    ),
    "a method": (
        {"src/tokens.ts": f"{NANOID}export class Ids {{ generateToken() {{ return nanoid(8); }} }}"},
        "src/tokens.ts:2:",
    ),
    "only a test uses it": (
        {
            "src/token.ts": f"{NANOID}export const generateToken = () => nanoid(8);",
            "src/token.test.ts": 'import { generateToken } from "./token";\nexpect(generateToken()).toHaveLength(8);',
        },
        "src/token.ts:2:",
    ),
    "common modules": (
        {
            "src/token.js": 'const { nanoid } = require("nanoid");\nfunction generateToken() { return nanoid(); }\nmodule.exports = { generateToken };'
        },
        "src/token.js:2:",
    ),
}


@pytest.mark.parametrize("what", LEFT)
def test_a_generator_that_nothing_uses_fails(what: str) -> None:
    """It is named with its place."""
    files, shown = LEFT[what]
    found = analysed_files({ROUTE: AFTER, **files})
    with pytest.raises(AssertionError):
        leaves_none(found)
    said = last_finding()
    assert said is not None
    assert any(item.startswith(shown) for item in said.have), said.have
    assert said.remedy == "delete it; tests and seeds that call it as well"


IN_THE_ROUTE = {
    "an import": (
        f"{NANOID}{AFTER}",
        f'{ROUTE}:1: import {{ nanoid }} from "nanoid"; (nanoid is imported and not used any more)',
    ),
    "a helper": (f"{NANOID}const shortCode = () => nanoid(6);\n{AFTER}", f"{ROUTE}:2: const shortCode"),
    "a value that nobody reads": (
        f"{NANOID}export async function post() {{\nconst code = nanoid();\n{AFTER} }}",
        f"{ROUTE}:3: const code = nanoid(); (code is made and never read)",
    ),
    "an import of require": (f'const {{ nanoid }} = require("nanoid");\n{AFTER}', f"{ROUTE}:1:"),
}


@pytest.mark.parametrize("what", IN_THE_ROUTE)
def test_what_the_create_route_left_behind_fails(what: str) -> None:
    """Whatever it is called: it stands where rows are stored."""
    text, shown = IN_THE_ROUTE[what]
    found = analysed_files({ROUTE: text})
    assert any(item.startswith(shown) for item in found.left), found


def test_an_import_of_a_helper_that_others_use_fails() -> None:
    """The route still imports the generator of reset codes that it used to borrow; the generator itself stays."""
    files = {
        ROUTE: f'import {{ generateToken }} from "../token";\n{AFTER}',
        "src/token.ts": f"{NANOID}export const generateToken = () => nanoid(8);",
        "src/reset.ts": 'import { generateToken } from "./token";\nexport const reset = (u) => mail(u, generateToken());',
    }
    found = analysed_files(files)
    assert [said.partition(" (")[2] for said in found.left] == ["generateToken is imported and not used any more)"]


# Each makes random values for something else: the files besides the route.
ELSEWHERE = {
    "session ids": {
        "src/session.ts": f"{BYTES}export const newSessionToken = () => randomBytes(24).toString('hex');",
        "src/app.ts": 'import { newSessionToken } from "./session";\nuse(newSessionToken());',
    },
    "reset codes": {
        "src/token.ts": f"{NANOID}export const generateRandomToken = () => nanoid(32);",
        "src/reset.ts": 'import { generateRandomToken } from "./token";\n'
        "export const reset = (user) => save({ resetToken: generateRandomToken(), user });",
    },
    "an unused helper of sessions": {"src/s.ts": f"{NANOID}export const createSessionToken = () => nanoid();"},
    "an unused helper of no known use": {
        "src/text.ts": f"{BYTES}// public\nexport const randomString = () => randomBytes(4).toString('hex');"
    },
    "a helper that is taken out of an object": {
        "src/t.ts": f"{NANOID}const generateToken = () => nanoid(8);\nexport default {{ generateToken }};",
        "src/b.ts": 'import t from "./t";\nconst { generateToken } = t;\nsave(generateToken());',
    },
    "a helper that is imported where it is called": {
        "src/tokens/index.ts": f"{NANOID}export const generateToken = () => nanoid(8);",
        "src/reset.ts": "export async function reset() { const { generateToken } = await import('./tokens/index.js'); "
        "return generateToken(); }",
    },
    "a helper that is imported where it is called, by another name": {
        "src/token.ts": f"{NANOID}export const generateToken = () => nanoid(8);",
        "src/reset.ts": "app.post('/reset', async () => { const { generateToken: make } = await import('./token'); "
        "await mail(make()); });",
    },
    "a helper of a namespace over a file that passes it on": {
        "src/lib/random.ts": f"{NANOID}export const randomToken = () => nanoid(8);",
        "src/lib/index.ts": "export * from './random.js';",
        "src/reset.ts": "import * as lib from './lib/index.js';\nexport const reset = () => ({ code: lib.randomToken() });",
    },
    "a helper of what a framework calls by its place": {
        "src/lib/random.ts": f"{NANOID}export const randomToken = () => nanoid(8);",
        "src/pages/code.ts": "import { randomToken } from '../lib/random';\nexport const GET = () => randomToken();",
    },
    "a method of what is injected": {
        "src/t.ts": f"{NANOID}export class Tokens {{ generateToken() {{ return nanoid(8); }} }}",
        "src/b.ts": "export class R { constructor(private t: any) {} go() { return this.t.generateToken(); } }",
    },
    "ids of requests": {"src/app.ts": f"{NANOID}app.use((req, res, next) => {{ req.id = nanoid(); next(); }});"},
    "names of files": {
        "src/upload.ts": 'import { v4 } from "uuid";\nexport const key = (f) => `${v4()}-${f.name}`;\nput(key(f));'
    },
    "jitter": {"src/retry.ts": "export const wait = (n) => sleep(100 * 2 ** n * Math.random());\nwait(1);"},
    "a token that is no random one": {"src/t.ts": "export function tokenize(text) { return text.split(' '); }"},
    "a token that is read": {"src/t.ts": "export const getToken = (req) => req.headers.authorization;"},
    "a random id in the route": {},
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_what_makes_something_else_is_no_failure(what: str) -> None:
    """Used for something else, or not known to have been the table's."""
    route = (
        f'{NANOID}res.setHeader("x-request-id", nanoid());\n{AFTER}' if what == "a random id in the route" else AFTER
    )
    found = analysed_files({ROUTE: route, **ELSEWHERE[what]})
    assert found.left == (), found
    leaves_none(found)


def test_what_makes_something_else_is_one_note() -> None:
    """However often it does so."""
    files = {f"src/f{n}.ts": f"{NANOID}export const key = () => nanoid();\nput(key());" for n in range(9)}
    (note,) = analysed_files({ROUTE: AFTER, **files}).notes
    assert note.startswith("makes random values for something else than the token: src/f0.ts:2 (export const key")
    assert note.endswith(", and 5 more files")


def test_an_unused_helper_of_no_known_use_is_a_note() -> None:
    """It may have made tokens; its name does not say so."""
    found = analysed_files({ROUTE: AFTER, **ELSEWHERE["an unused helper of no known use"]})
    assert "random helpers that nothing uses: src/text.ts:3 (export const randomString" in found.notes[0]


def test_what_still_makes_tokens_is_told_by_the_other_claim() -> None:
    """A generator whose value reaches the column is used, and is not told twice."""
    files = {
        ROUTE: 'import { generateToken } from "../token";\nawait sql`INSERT INTO chatbots (public_token) VALUES (${generateToken()})`;',
        "src/token.ts": f"{NANOID}export const generateToken = () => nanoid(8);",
    }
    found = analysed_files(files)
    assert len(found.reaching) == 1
    assert found.left == ()
