"""Small apps in memory, and what their source is found to say."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from harness.source.app.analysis import analyse
from harness.source.checkout import Checkout, SourceFile
from harness.source.evidence import Analysis

SAMPLES = Path(__file__).parents[1] / "source" / "samples"
ROUTE = "src/routes/chatbots.ts"


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
