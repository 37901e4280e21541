"""Imports of the generator that nothing uses: where rows are stored, and elsewhere."""

from __future__ import annotations

import pytest

from tests.support.apps import analysed_files

CREATE = (
    "export const create = (name) => sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;\n"
)
HELPER = {
    "src/lib/ids.ts": 'import { randomBytes } from "node:crypto";\nexport const shortCode = () => randomBytes(4).toString("hex");\n'
}
USES = {"src/invites.ts": 'import { shortCode } from "./lib/ids";\nexport const invite = () => mail(shortCode());\n'}
LEFT = {
    "of a package": ({"src/routes.ts": 'import { nanoid } from "nanoid";\n' + CREATE}, 1),
    "the default of a package": ({"src/routes.ts": 'import crypto from "node:crypto";\n' + CREATE}, 1),
    "a whole module": ({"src/routes.ts": 'import * as crypto from "crypto";\n' + CREATE}, 1),
    "by require": (
        {"src/routes.js": 'const { nanoid } = require("nanoid");\n' + CREATE.replace("export const", "exports.x =")},
        1,
    ),
    "of a helper that others use": (
        {**HELPER, **USES, "src/routes.ts": 'import { shortCode } from "./lib/ids";\n' + CREATE},
        1,
    ),
    "of a helper of a package": ({"src/routes.ts": 'import { generateToken } from "@acme/ids";\n' + CREATE}, 1),
    "a second one elsewhere": (
        {
            "src/routes.ts": 'import { nanoid } from "nanoid";\n' + CREATE,
            "src/other.ts": 'import { nanoid } from "nanoid";\nexport const x = 1;\n',
        },
        2,
    ),
    "a second one of a helper elsewhere": (
        {
            **HELPER,
            **USES,
            "src/routes.ts": 'import { shortCode } from "./lib/ids";\n' + CREATE,
            "src/other.ts": 'import { shortCode as s } from "./lib/ids";\nexport const x = 1;\n',
        },
        2,
    ),
    "only elsewhere, of what makes such tokens": (
        {
            "src/routes.ts": CREATE,
            "src/lib/tokens.ts": 'import { nanoid } from "nanoid";\nexport const generatePublicToken = () => nanoid(8);\n',
            "src/other.ts": 'import { generatePublicToken } from "./lib/tokens";\nexport const x = 1;\n',
        },
        2,
    ),
}
FINE = {
    "used": {"src/routes.ts": 'import { nanoid } from "nanoid";\nexport const trace = () => log(nanoid());\n' + CREATE},
    "used as a value": {
        "src/routes.ts": 'import { nanoid } from "nanoid";\nexport const make = { id: nanoid };\n' + CREATE
    },
    "passed on": {"src/routes.ts": 'import { nanoid } from "nanoid";\nexport { nanoid };\n' + CREATE},
    "of something else": {"src/routes.ts": 'import { z } from "zod";\nimport { createHash } from "crypto";\n' + CREATE},
    "a type": {
        "src/routes.ts": 'import type { Options } from "nanoid";\nimport { type Size } from "nanoid";\n' + CREATE
    },
    "all of what makes many other things": {"src/routes.ts": 'import _ from "lodash";\n' + CREATE},
    "for its effect": {"src/routes.ts": 'import "crypto";\n' + CREATE},
    "elsewhere, of another generator": {
        "src/routes.ts": CREATE,
        "src/other.ts": 'import { randomBytes } from "node:crypto";\nexport const x = 1;\n',
    },
    "used in a template": {
        "src/routes.ts": CREATE,
        "src/lib/tokens.ts": 'import { nanoid } from "nanoid";\nexport const shareToken = () => nanoid(8);\n',
        "src/Share.vue": "<script setup>\nimport { shareToken } from './lib/tokens'\n</script>\n<template>{{ shareToken() }}</template>\n",
    },
}


@pytest.mark.parametrize("shape", LEFT)
def test_an_import_that_nothing_uses_is_left(shape: str) -> None:
    """The change deletes the import wherever it is."""
    files, number = LEFT[shape]
    found = analysed_files(files).left
    assert len(found) == number, found


@pytest.mark.parametrize("shape", FINE)
def test_what_is_used_or_makes_no_tokens_is_fine(shape: str) -> None:
    """As are imports of other packages."""
    assert analysed_files(FINE[shape]).left == ()
