"""What the grammar misreads: it is mended, and a place that is still broken blinds nobody to what stands elsewhere."""

from __future__ import annotations

import pytest

from harness.source.checkout import SourceFile
from harness.source.javascript.syntax import parse
from tests.support.apps import analysed_files

CREATE = "export const create = (n) => sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING id, public_token`;\n"
RANDOM = 'import { nanoid } from "nanoid";\nexport const make = () => db.insert(chatbots).values({ publicToken: nanoid() });\n'
MISREAD = {
    "a bare ampersand": ("a.tsx", "export const A = () => <p>Terms & conditions of a chatbot</p>;\n"),
    "an ampersand between values": ("a.tsx", "export const A = ({ a, b }) => <p>{a} & {b}</p>;\n"),
    "two ampersands": ("a.tsx", "export const A = () => <ul><li>a & b</li><li>c & d & e</li></ul>;\n"),
    "an ampersand in javascript": ("a.jsx", "export const A = () => <p>Q&A, R & D</p>;\n"),
    "an imported type with arguments": ("a.ts", 'let token: Promise<import("./x").Rows<Chatbot>>;\n'),
    "an imported type of a parameter": (
        "a.ts",
        'export function f(a: import("./x").A<B>[], b: number) { return a; }\n',
    ),
    "an imported type of a value": ("a.ts", 'const made = pick<typeof import("./x")>();\n'),
    "an imported type after as": ("a.ts", 'const made = value as import("./x").T<U>;\n'),
    "a union of imported types": ("a.ts", 'type A = import("./x").B<C> | import("./y").D<E>;\n'),
    "a member called in": ("a.ts", "interface Filter {\n  id: number\n  in: string[]\n  name: string\n}\n"),
    "an optional member called in": ("a.ts", "type Filter = {\n  id: number\n  in?: string[]\n}\n"),
    "a field called in": ("a.ts", "class Filter {\n  id: number\n  in: string[] = []\n}\n"),
    "an imported type of a type with parameters": ("a.ts", 'type Rows<R = any> = import("./x").Rows<R>;\n'),
    "what a type parameter is used for": (
        "a.ts",
        "export interface Store<in out A, out E = never> extends Base<A, E> {}\n",
    ),
    "the same of a class, in lines": ("a.ts", "class Store<\n  in A,\n  // and\n  out E extends Error,\n> {}\n"),
    "the same of an alias": ("a.ts", "type Get<out T, const in out K extends string> = { get(key: K): T };\n"),
    "members of a type without semicolons": (
        "a.ts",
        "interface Pick {\n  <A>(a: A): Of<A>\n  /** or */\n  <A, B>(a: A, b: B): Of<A | B>\n  (): void\n}\n",
    ),
    "overloads of an object": (
        "a.ts",
        "export const map: {\n  (n: number): (self: Of<A>) => Of<B>\n  // or\n  <A>(self: Of<A>, n: number): Of<A & B>\n} = dual;\n",
    ),
    "a default that is passed on": ("a.ts", 'export Chatbot from "./chatbot";\nexport Bot from "./bot"\n'),
}


@pytest.mark.parametrize("shape", MISREAD)
def test_what_the_grammar_misreads_is_mended(shape: str) -> None:
    """Every place is understood, and the text is the file's own."""
    path, text = MISREAD[shape]
    parsed = parse(SourceFile(path, text + RANDOM))
    assert parsed.errors == 0
    assert parsed.root.text == text + RANDOM
    assert len(parsed.named("nanoid")) == 2


@pytest.mark.parametrize("shape", MISREAD)
def test_what_stands_beside_it_is_seen(shape: str) -> None:
    """In the same file."""
    path, text = MISREAD[shape]
    found = analysed_files({"src/routes.ts": CREATE, f"src/{path}": text + RANDOM})
    assert len(found.reaching) == 1
    assert found.unparsed == ()


def test_what_is_no_member_of_a_type_stays_as_it_is() -> None:
    """A call that goes on in the next line, an arrow, an element and a comment, in a file that has to be mended."""
    text = """type Get<out T> = T;
const f = <A>() =>
  <B>(b: B) => nanoid();
const g = make // of what
  (nanoid());
interface Both {
  <A>(a: A): Of<A>
  <B>(b: B): Of<B>
}
"""
    parsed = parse(SourceFile("a.ts", text))
    assert parsed.errors == 0
    assert len(parsed.named("nanoid")) == 2
    assert [call.text for call in parsed.of_kind("call_expression")] == [
        "nanoid()",
        "make // of what\n  (nanoid())",
        "nanoid()",
    ]


def test_a_default_that_is_passed_on_is_followed() -> None:
    """`export X from` is no import that nothing uses."""
    files = {
        "src/ids.ts": 'import { nanoid } from "nanoid";\nexport default () => nanoid();\n',
        "src/index.ts": 'export makeToken from "./ids";\n',
        "src/routes.ts": 'import { makeToken } from "./index";\n'
        "export const f = (name) => db.insert(chatbots).values({ name, publicToken: makeToken() }).returning();\n",
    }
    assert len(analysed_files(files).reaching) == 1


HARMLESS = {
    "text of an element": "export const A = () => <p>a < b of chatbots > c</p>;\n",
    "a type that is not finished": "export type Chatbot = { publicToken: ;\n",
    "an element that is not closed": "export const A = () => <p>Chatbots <b>publicToken</p>;\n",
}
HARMFUL = {
    "a call": "export async function f(chatbots) { await chatbots.insert(( { publicToken: make( } ); }\n",
    "an assignment": "const chatbot = {}; chatbot.publicToken = = make();\n",
    "a handler": "try { chatbots.create() } catch (e) if (e.code === '23505') { retry( }\n",
}


@pytest.mark.parametrize("shape", HARMLESS)
def test_a_broken_place_that_does_nothing_is_passed_over(shape: str) -> None:
    """It holds no call, no assignment and no handler."""
    assert analysed_files({"src/routes.ts": CREATE, "src/broken.tsx": HARMLESS[shape]}).unparsed == ()


@pytest.mark.parametrize("shape", HARMFUL)
def test_a_broken_place_that_may_store_is_said(shape: str) -> None:
    """What it does is not known."""
    assert len(analysed_files({"src/routes.ts": CREATE, "src/broken.ts": HARMFUL[shape]}).unparsed) == 1
