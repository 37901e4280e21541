"""Small apps in memory, and what their source is found to say."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from checks.test_source_handles_no_collision import test_source_handles_no_collision as source_handles_no_collision
from checks.test_source_insert import test_source_insert as source_insert
from checks.test_source_leaves_no_generator import test_source_leaves_no_generator as source_leaves_no_generator
from checks.test_source_makes_no_token import test_source_makes_no_token as source_makes_no_token
from checks.test_source_migration import test_source_migration_leaves_a_uuid as source_migration
from checks.test_source_schema import test_source_schema_agrees as source_schema
from harness.errors import CouldNotTell, NotCovered
from harness.source.app.analysis import analyse
from harness.source.checkout import Checkout, SourceFile, read_checkout
from harness.source.evidence import Analysis
from harness.source.migrations.reading import read_token

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = Path(__file__).parents[1] / "source" / "samples"
ROUTE = "src/routes/chatbots.ts"


# A module that makes a random value, one that makes none, and a route that stores what one of them makes.
RANDOM = 'import { randomBytes } from "node:crypto";\nexport const makeIt = () => randomBytes(4).toString("hex");\n'
FIXED = "export const makeIt = () => undefined;\n"


def route_of(package: str) -> str:
    """A create route that stores what `makeIt` of a module answers."""
    return f"""
        import {{ makeIt }} from "{package}";
        export const create = (name) => db.insert(chatbots).values({{ name, publicToken: makeIt() }}).returning();"""


def checkout_of(files: dict[str, str]) -> Checkout:
    """A checkout that holds these files."""
    return Checkout(Path("/app"), tuple(SourceFile(path, dedent(files[path])) for path in sorted(files)))


def analysed(route: str = "", *, table: str = "chatbots", token: str = "public_token", **files: str) -> Analysis:
    """What the source of an app says that has this route, and these files: `lib__token_ts` is `src/lib/token.ts`."""
    named = {f"src/{name.replace('__', '/').replace('_', '.')}": text for name, text in files.items()}
    return analyse(checkout_of({**({ROUTE: route} if route else {}), **named}), table, token)


def analysed_files(files: dict[str, str], table: str = "chatbots", token: str = "public_token") -> Analysis:
    """What the source of an app with these files says."""
    return analyse(checkout_of(files), table, token)


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


CLAIMS: dict[str, Callable[[Any], None]] = {
    "makes": source_makes_no_token,
    "handles": source_handles_no_collision,
    "left": source_leaves_no_generator,
    "insert": source_insert,
    "migration": source_migration,
    "schema": source_schema,
}
OUTCOMES: dict[type[BaseException], str] = {AssertionError: "fail", CouldNotTell: "unknown", NotCovered: "not covered"}


def claims_of(root: Path, files: dict[str, str], *claims: str, table: str = "chatbots") -> dict[str, str]:
    """What becomes of each claim about the source of an app with these files, written below a folder."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(dedent(text), encoding="utf-8")
    checkout = read_checkout(root)
    said: dict[str, str] = {}
    for claim in claims or tuple(CLAIMS):
        read: Callable[[Checkout, str, str], object] = read_token if claim in ("migration", "schema") else analyse
        try:
            CLAIMS[claim](read(checkout, table, "public_token"))
        except (AssertionError, CouldNotTell, NotCovered) as raised:
            said[claim] = next(word for kind, word in OUTCOMES.items() if isinstance(raised, kind))
        else:
            said[claim] = "pass"
    return said


LIB = "export const code = () => Math.random().toString(36).slice(2, 10);\n"
LOGIN = 'import { code } from "./lib"; export const login = () => session(code());\n'
_GIVEN = re.compile(r"«([^»]*)»")


def claims_with_and_without(root: Path, files: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What becomes of the claims about code if an app gives its token a value, and if it does not.

    What stands in «..» is only in the first. A generator, `code` of `src/lib`, is used for something else by both.
    """
    claims = ("makes", "left", "handles", "insert")
    files = {"src/lib.ts": LIB, "src/login.ts": LOGIN, **files}
    given = {path: _GIVEN.sub(r"\1", text) for path, text in files.items()}
    left = {path: _without(text) for path, text in files.items()}
    return claims_of(root / "given", given, *claims), claims_of(root / "left", left, *claims)


def _without(text: str) -> str:
    """A file that gives the token no value, nor imports the generator where it does not use it."""
    left = _GIVEN.sub("", text)
    return left if "code(" in left else re.sub(r'import \{ code \} from "[^"]*";', "", left)


GIVES_A_TOKEN = {"makes": "fail", "left": "pass", "handles": "pass", "insert": "fail"}
LEAVES_IT = dict.fromkeys(GIVES_A_TOKEN, "pass")
