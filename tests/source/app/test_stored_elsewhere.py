"""What looks like storing a token and is none: memory, the browser, other tables, names that hold others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import analysed_files, claims_of

if TYPE_CHECKING:
    from pathlib import Path

CREATE = (
    "export const create = (name) => sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;\n"
)
ROUTE = {"src/routes.ts": CREATE}
UUID = 'import { randomUUID } from "node:crypto";\n'
DATABASE = """
    import { db } from "./db";
    import { chatbots } from "@shared/schema";
    export class DatabaseStorage implements IStorage {
      async createChatbot(input) { const [row] = await db.insert(chatbots).values(input).returning(); return row; }
    }
    export const storage = new DatabaseStorage();
"""
IN_MEMORY = {
    "a map of a class": f"""{UUID}
        export class MemStorage implements IStorage {{
          private chatbots: Map<number, Chatbot>;
          constructor() {{ this.chatbots = new Map(); }}
          async createChatbot(input) {{
            const chatbot = {{ id: this.next++, name: input.name, publicToken: randomUUID() }};
            this.chatbots.set(chatbot.id, chatbot);
            return chatbot;
          }}
        }}""",
    "a map of the file": f"""{UUID}
        const chatbots = new Map();
        export function createChatbot(name) {{
          const id = chatbots.size; chatbots.set(id, {{ id, name, publicToken: randomUUID() }}); return chatbots.get(id);
        }}""",
    "a list": f"""{UUID}
        const chatbots: Chatbot[] = [];
        export function createChatbot(name) {{ chatbots.push({{ id: 1, name, publicToken: randomUUID() }}); return chatbots[0]; }}""",
    "a record": f"""{UUID}
        const chatbots: Record<string, Chatbot> = {{}};
        export function createChatbot(name) {{
          const chatbot = {{ id: "1", name, publicToken: randomUUID() }}; chatbots[chatbot.id] = chatbot; return chatbot;
        }}""",
    "a field of a class": f"""{UUID}
        export class FakeChatbotRepository {{
          private readonly chatbots = new Map<string, Chatbot>();
          async save(chatbot) {{
            const row = {{ ...chatbot, publicToken: chatbot.publicToken ?? randomUUID() }};
            this.chatbots.set(row.id, row); return row;
          }}
        }}""",
    "a set": f"""{UUID}
        class ChatbotCache {{ chatbots = new Set(); add(name) {{ this.chatbots.add({{ name, publicToken: randomUUID() }}); }} }}""",
}
IN_BROWSER = {
    "a component that saves": f"""{UUID}
        import {{ useState }} from "react";
        export function Editor({{ bot }}) {{ return <button onClick={{() => bot.save({{ publicToken: randomUUID() }})}}>ok</button>; }}""",
    "a component without imports": f"""{UUID}
        export const Editor = ({{ chatbot }}) => <a onClick={{() => chatbot.save({{ publicToken: randomUUID() }})}}>ok</a>;""",
    "a store of svelte": f"""{UUID}
        import {{ writable }} from "svelte/store";
        export const chatbot = writable({{}});
        export const renew = () => chatbot.set({{ publicToken: randomUUID() }});""",
    "a hook": f"""{UUID}
        import {{ useMutation }} from "@tanstack/react-query";
        export const useCreate = () => useMutation(() => chatbot.create({{ publicToken: randomUUID() }}));""",
}
OTHERS = {
    "prisma": "await prisma.share.create({ data: { publicToken } });",
    "prisma's update": "await prisma.share.update({ where: { id }, data: { publicToken } });",
    "drizzle": "await db.insert(shares).values({ publicToken });",
    "drizzle's update": "await db.update(shares).set({ publicToken }).where(eq(shares.id, id));",
    "a statement": "await sql`INSERT INTO shares (public_token) VALUES (${publicToken})`;",
    "a statement that updates": "await sql`UPDATE shares SET public_token = ${publicToken} WHERE id = ${id}`;",
    "a repository": "await this.shareRepository.save({ publicToken });",
    "knex": "await knex('shares').update({ public_token: publicToken });",
}


@pytest.mark.parametrize("shape", IN_MEMORY)
def test_what_is_kept_in_memory_is_stored_in_no_table(shape: str, tmp_path: Path) -> None:
    """The store of the database beside it decides."""
    files = {"server/storage.ts": DATABASE, "server/memory.ts": IN_MEMORY[shape]}
    assert claims_of(tmp_path, files, "makes", "insert") == {"makes": "pass", "insert": "pass"}


@pytest.mark.parametrize("shape", IN_BROWSER)
def test_what_a_component_saves_is_sent_and_not_stored(shape: str, tmp_path: Path) -> None:
    """What the server stores of it, its own code says."""
    found = claims_of(tmp_path, {**ROUTE, "web/Editor.tsx": IN_BROWSER[shape]}, "makes", "insert")
    assert found == {"makes": "pass", "insert": "pass"}


@pytest.mark.parametrize("way", OTHERS)
@pytest.mark.parametrize(
    "asked", ['err.constraint?.includes("public_token")', 'err.meta?.target?.includes("public_token")']
)
def test_a_handler_for_the_column_of_another_table_is_its_own(way: str, asked: str) -> None:
    """The column is only called alike."""
    shares = f"""
        export async function share(id, publicToken) {{
          try {{ {OTHERS[way]} }} catch (err) {{ if ({asked}) return share(id, other()); throw err; }}
        }}"""
    assert analysed_files({**ROUTE, "src/shares.ts": shares}).handlers == ()


@pytest.mark.parametrize("name", ["gridHeader", "width", "validate", "orderIds", "hidden", "idle"])
def test_a_word_that_holds_the_tokens_letters_is_another(name: str) -> None:
    """With a token column called `id`."""
    helper = f'import {{ nanoid }} from "nanoid";\n// of public chatbots\nexport const {name} = () => nanoid();\n'
    found = analysed_files({"src/routes.ts": CREATE.replace("public_token", "code"), "src/h.ts": helper}, token="id")
    assert found.left == ()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "web/Share.vue",
            "<script setup>import {{ {n} }} from '../src/lib'</script><template>{{{{ {n}() }}}}</template>",
        ),
        ("web/Share.svelte", "<script>import {{ {n} }} from '../src/lib';</script>\n<p>{{{n}()}}</p>"),
        ("web/share.astro", "---\nimport {{ {n} }} from '../src/lib';\n---\n<p>{{{n}()}}</p>"),
        ("web/share.mdx", "import {{ {n} }} from '../src/lib'\n\n# Share {{{n}()}}\n"),
    ],
)
def test_a_helper_that_a_page_uses_is_used(path: str, text: str, tmp_path: Path) -> None:
    """Pages of Vue, Svelte, Astro and MDX call helpers as well."""
    helper = 'import { nanoid } from "nanoid";\nexport const makeToken = () => nanoid();\n'
    without = claims_of(tmp_path, {**ROUTE, "src/lib.ts": helper}, "left")
    assert without == {"left": "fail"}
    assert claims_of(tmp_path, {path: text.format(n="makeToken")}, "left") == {"left": "pass"}


def test_a_helper_that_is_used_by_way_of_an_alias_is_used(tmp_path: Path) -> None:
    """tsconfig.json says which file the alias means."""
    files = {
        **ROUTE,
        "tsconfig.json": '{"compilerOptions": {"paths": {"$lib": ["./src/lib/all.ts"]}}}',
        "src/lib/all.ts": 'import { nanoid } from "nanoid";\nexport const makeToken = () => nanoid();\n',
        "src/mail.ts": 'import * as lib from "$lib";\nexport const mail = () => send(lib.makeToken());\n',
        "src/sms.ts": 'import { makeToken as fresh } from "$lib";\nexport const sms = () => send(fresh());\n',
    }
    assert claims_of(tmp_path, files, "left") == {"left": "pass"}
