"""An app whose table is stored by a server in another language: nothing that was read stores it, so nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import claims_of

if TYPE_CHECKING:
    from pathlib import Path

RIGHT = {
    "migrations/001_init.sql": "CREATE TABLE chatbots (id bigserial PRIMARY KEY, name text, public_token varchar(8));",
    "migrations/002_uuid.sql": """
        ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING gen_random_uuid();
        ALTER TABLE chatbots ALTER COLUMN public_token SET DEFAULT gen_random_uuid();""",
}
FRONT = {
    "web/src/Bots.tsx": """
        import { useState } from "react";
        export function Bots() {
          const [name, setName] = useState("");
          const save = () => fetch("/api/chatbots", { method: "POST", body: JSON.stringify({ name }) });
          return <button onClick={save}>Save a chatbot</button>;
        }""",
    "web/src/api.ts": "export type Chatbot = { id: number; publicToken: string };\n",
}
ROUTE = {
    "src/routes.ts": """
        export const create = (name: string) =>
          sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;""",
}
# The server's files: each stores the token itself, by a generator that nothing here reads.
SERVERS = {
    "go": {
        "server/token.go": "package server\nfunc token() string { return randomString(8) }\n",
        "server/chatbots.go": 'db.Exec("INSERT INTO chatbots (name, public_token) VALUES ($1, $2)", name, token())\n',
    },
    "python": {
        "api/chatbots.py": 'cur.execute("INSERT INTO chatbots (public_token) VALUES (%s)", [secrets.token_hex(4)])\n'
    },
    "ruby": {"app/models/chatbot.rb": "class Chatbot < ApplicationRecord\n  has_secure_token :public_token\nend\n"},
    "php": {"app/Models/Chatbot.php": "<?php Chatbot::create(['public_token' => Str::random(8)]);\n"},
    "java": {"src/main/java/Chatbots.java": 'jdbc.update("INSERT INTO chatbots ..", RandomStringUtils.random(8));\n'},
    "rust": {"server/src/main.rs": 'sqlx::query!("INSERT INTO chatbots (public_token) VALUES ($1)", nanoid!(8));\n'},
    "elixir": {"lib/app/chatbot.ex": "defmodule App.Chatbot do\n  Repo.insert(%Chatbot{public_token: token()})\nend\n"},
}
ABOUT_CODE = ("makes", "handles", "left", "insert")


@pytest.mark.parametrize("language", SERVERS)
def test_a_server_in_another_language_is_not_known(language: str, tmp_path: Path) -> None:
    """However right its migrations are, and whatever the front end says."""
    found = claims_of(tmp_path, {**RIGHT, **FRONT, **SERVERS[language]})
    assert found == {**dict.fromkeys(ABOUT_CODE, "unknown"), "migration": "pass", "schema": "not covered"}


@pytest.mark.parametrize("language", ["go", "python", "ruby"])
def test_what_stores_the_table_in_code_that_is_read_decides(language: str, tmp_path: Path) -> None:
    """A program in another language beside it is none of its business."""
    tool = {f"tools/{path.rpartition('/')[2]}": "-- nothing of the table\n" for path in SERVERS[language]}
    assert claims_of(tmp_path, {**RIGHT, **FRONT, **ROUTE, **tool}, *ABOUT_CODE) == dict.fromkeys(ABOUT_CODE, "pass")


def test_a_front_end_alone_says_nothing_of_the_server(tmp_path: Path) -> None:
    """Its server is in another repository."""
    assert claims_of(tmp_path, {**RIGHT, **FRONT}, *ABOUT_CODE) == dict.fromkeys(ABOUT_CODE, "unknown")


def test_a_table_of_another_language_only_is_not_said_to_be_unknown_to_the_checkout(tmp_path: Path) -> None:
    """The migrations may be in the files that are not read."""
    front = {"web/src/app.ts": "export const title = 'Widgets';\n"}
    found = claims_of(tmp_path, {**front, **SERVERS["go"]})
    assert found == {**dict.fromkeys(ABOUT_CODE, "unknown"), "migration": "unknown", "schema": "not covered"}
