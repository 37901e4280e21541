"""Which file an import means: paths and baseUrl of tsconfig.json, imports, exports and workspaces of package.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import FIXED, RANDOM, claims_of, route_of

if TYPE_CHECKING:
    from pathlib import Path

# Each has two files whose paths end alike: `true` is the one that the import means.
ALIASES: dict[str, tuple[dict[str, str], str, str, str]] = {
    "paths": (
        {"tsconfig.json": '{"compilerOptions": {"paths": {"@server/*": ["./server/*"], "@/*": ["./client/src/*"]}}}'},
        "@server/lib/ids",
        "server/lib/ids.ts",
        "client/src/server/lib/ids.ts",
    ),
    "paths with comments and a comma too many": (
        {
            "tsconfig.json": """{
                // where things are
                "compilerOptions": { /* "paths": {} */ "baseUrl": ".", "paths": { "~srv/*": ["apps/srv/src/*"], }, },
            }"""
        },
        "~srv/lib/ids",
        "apps/srv/src/lib/ids.ts",
        "apps/aaa/srv/lib/ids.ts",
    ),
    "baseUrl": (
        {"tsconfig.json": '{"compilerOptions": {"baseUrl": "./source"}}'},
        "lib/ids",
        "source/lib/ids.ts",
        "admin/lib/ids.ts",
    ),
    "extends": (
        {
            "server/tsconfig.json": '{"extends": "../config/base.json", "include": ["**/*.ts"]}',
            "config/base.json": '{"compilerOptions": {"paths": {"$/*": ["../server/deep/*"]}}}',
        },
        "$/lib/ids",
        "server/deep/lib/ids.ts",
        "client/lib/ids.ts",
    ),
    "extends a list": (
        {
            "tsconfig.json": '{"extends": ["./a.json", "./b.json"]}',
            "a.json": '{"compilerOptions": {"paths": {"@s/*": ["./old/*"]}}}',
            "b.json": '{"compilerOptions": {"paths": {"@s/*": ["./new/*"]}}}',
        },
        "@s/lib/ids",
        "new/lib/ids.ts",
        "old/lib/ids.ts",
    ),
    "an exact path": (
        {"tsconfig.json": '{"compilerOptions": {"paths": {"ids": ["./server/tokens.ts"]}}}'},
        "ids",
        "server/tokens.ts",
        "client/ids.ts",
    ),
    "the nearest package": (
        {
            "server/tsconfig.json": '{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}',
            "client/tsconfig.json": '{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}',
        },
        "@/lib/ids",
        "server/src/lib/ids.ts",
        "client/src/lib/ids.ts",
    ),
    "imports": (
        {"package.json": '{"name": "app", "imports": {"#ids": "./server/tokens.ts", "#lib/*": "./server/lib/*.ts"}}'},
        "#lib/ids",
        "server/lib/ids.ts",
        "client/lib/ids.ts",
    ),
    "imports by condition": (
        {"package.json": '{"imports": {"#ids": {"types": "./t.d.ts", "default": "./server/tokens.js"}}}'},
        "#ids",
        "server/tokens.ts",
        "client/ids.ts",
    ),
    "a workspace of another name than its folder": (
        {
            "package.json": '{"workspaces": ["packages/*"]}',
            "packages/keys/package.json": '{"name": "@acme/ids", "main": "./src/index.ts"}',
        },
        "@acme/ids",
        "packages/keys/src/index.ts",
        "packages/ids/index.ts",
    ),
    "exports of a workspace": (
        {
            "pnpm-workspace.yaml": "packages: ['libs/*']\n",
            "libs/shared/package.json": '{"name": "shared", "exports": {".": "./i.ts", "./ids": {"import": "./src/tokens.ts"}}}',
        },
        "shared/ids",
        "libs/shared/src/tokens.ts",
        "web/shared/ids.ts",
    ),
    "exports with a star": (
        {"libs/shared/package.json": '{"name": "@acme/shared", "exports": {"./*": "./src/*.ts"}}'},
        "@acme/shared/lib/ids",
        "libs/shared/src/lib/ids.ts",
        "shared/lib/ids.ts",
    ),
}


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_leads_to_the_file_that_it_names(alias: str, tmp_path: Path) -> None:
    """And not to another one whose path ends alike."""
    settings, package, true, other = ALIASES[alias]
    wrong = {**settings, "server/routes.ts": route_of(package), true: RANDOM, other: FIXED}
    assert claims_of(tmp_path / "wrong", wrong, "makes") == {"makes": "fail"}


@pytest.mark.parametrize("alias", ALIASES)
def test_the_other_file_is_not_meant(alias: str, tmp_path: Path) -> None:
    """What it makes at random is not stored."""
    settings, package, true, other = ALIASES[alias]
    right = {**settings, "server/routes.ts": route_of(package), true: FIXED, other: RANDOM}
    assert claims_of(tmp_path, right, "makes") == {"makes": "pass"}


@pytest.mark.parametrize(
    "text",
    [
        '{"compilerOptions": {"paths": {"@/*": ["./server/*"]}}, "extends": "./tsconfig.json"}',
        '{"extends": "../../../../etc/passwd"}',
        '{"compilerOptions": {"paths": {"@/*": "server"}}, "extends": {"a": 1}}',
        "[" * 100_000,
        '{"compilerOptions": null}',
        "not json at all",
        "",
    ],
)
def test_settings_that_make_no_sense_are_passed_over(text: str, tmp_path: Path) -> None:
    """They are the app's, and may be anything."""
    files = {
        "tsconfig.json": text,
        "package.json": text,
        "server/ids.ts": RANDOM,
        "server/routes.ts": route_of("./ids"),
    }
    assert claims_of(tmp_path, files, "makes") == {"makes": "fail"}
