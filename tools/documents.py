"""`make docs`: writes anew what documents say of the code: claims, typical mistakes, the published schemas."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from harness.claims import claims
from harness.configuration.json_schema import environments_schema
from harness.report.json_schemas import verdict_schema
from harness.run.evidence import KINDS
from tests.support.drafts import APPS, Judged, judged
from tests.support.gates import ROOT
from tests.support.mistakes import MISTAKES
from tests.support.situations import SITUATIONS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.mistakes import Mistake

_TABLE = re.compile(r"(?<=<!-- claims -->\n).*?(?=<!-- /claims -->)", re.DOTALL)


def documents() -> dict[Path, str]:
    """Each document as it should be."""
    readme = ROOT / "README.md"
    return {
        ROOT / "docs" / "preflight.md": preflight_document(),
        ROOT / "docs" / "troubleshooting.md": troubleshooting_document(),
        ROOT / "docs" / "init.md": init_document(),
        readme: _TABLE.sub(lambda _: claims_table(), readme.read_text(encoding="utf-8")),
        ROOT / "docs" / "environments.schema.json": json.dumps(environments_schema(), indent=2) + "\n",
        ROOT / "docs" / "verdict.schema.json": json.dumps(verdict_schema(), indent=2) + "\n",
    }


_PREFLIGHT = """\
# What a preflight predicts

`pytest -m preflight` was compared with Postgres on {number} tables: each was judged first, and then the plain migration
(`examples/migrations/public_token_uuid.sql`) was really run on it, with SET NOT NULL, a unique index and an INSERT of
the new code after it. A SQLSTATE that was predicted and did not come, or came and was not predicted, fails
`tests/preflight/test_predictions.py`. `tests/support/situations.py` has the statements that make each table, and of
which type its column is: the same check or index passes on a varchar and fails on a text. Locks, rights, the extension
and servers that only read are proved in `tests/preflight/test_surroundings.py`. This file is written by `make docs`.

| the migration ends in | on these tables |
|---|---|
"""


def preflight_document() -> str:
    """The situations on which a preflight was proved, by what the migration ends in there."""
    rows: dict[str, list[str]] = {}
    for situation in SITUATIONS:
        ends_in = ", ".join(sorted(situation.states)) or "nothing: it passes"
        rows.setdefault(ends_in, []).append(situation.name.replace("_", " "))
    lines = [f"| {ends_in} | {'; '.join(names)} |\n" for ends_in, names in sorted(rows.items())]
    return _PREFLIGHT.replace("{number}", str(len(SITUATIONS))) + "".join(lines)


_TROUBLESHOOTING = """\
# What a message means, and what to write

Run `chatbots-smoke doctor --env preview` first: it asks everything that a run would meet, and says what stands below
with your own names in it. `--post` adds one POST, whose row it removes. Two dots stand for what differs. A key that is
named stands under `environments.preview` of `environments.yaml`, or under `defaults`.

Every row is a mistake that `tests/doctor/test_mistakes.py` makes, and what is said of it. This file is written by
`make docs`.
"""
# Where the tests make their mistakes, as a reader would have it.
_PLACES = {
    "<URL>": "https://preview.example.com",
    "<REFUSED>": "https://preview.example.com:8443",
    "<REFUSED HOST>": "db.example.com:5433",
    "<HOST>": "preview.example.com",
    "<TLS HOST>": "preview.example.com",
}


def troubleshooting_document() -> str:
    """The typical mistakes: what is said of each, what it means, and what to write."""
    out = [_TROUBLESHOOTING]
    for about, mistakes in MISTAKES.items():
        out.append(f"\n## {about}\n\n| message | what it means | what to write |\n|---|---|---|\n")
        out += [f"| {_code(each.says)} | {each.means} | {_to_write(each)} |\n" for each in mistakes]
    return "".join(out)


def _to_write(mistake: Mistake) -> str:
    where = f"`{mistake.key}`: " if mistake.key else ""
    return where + _code(mistake.write)


def _code(text: str) -> str:
    """A message as Markdown has it within a table, with the places of a reader."""
    for place, shown in _PLACES.items():
        text = text.replace(place, shown)
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


_INIT = """\
# What init reads

`chatbots-smoke init` drafts an `environments.yaml`. It sends nothing, runs nothing of the app, and asks nobody.

    chatbots-smoke init --source ../app --url https://preview.example.com --database '${PREVIEW_POSTGRES_URL}'

| given | what is read of it |
|---|---|
| `--source DIR` | create route, payload, status, id and token of the answer, table, login, headers, ready page |
| `--database '${VAR}'` | table, columns and which of them an INSERT must name, from the catalog alone, READ ONLY |
| `--url URL` | where Preview serves: a URL without credentials, or a variable |

- `--source` needs an optional group: `pip install 'chatbots-smoke[source]'`.
- Each key says where it was read: `path:line`, or the catalog. **What is not certain is left open**: commented out,
  with what to put there, and named on the terminal. A wrong key costs you more than one that is missing.
- A file that is there stays as it is, unless you pass `--force` (exit 4). `--environments FILE` names another one.
- No secret is written, only variables. A database URL, or a URL with a password, is refused on the command line: your
  shell would remember it. Put it into a variable, and write the variable in single quotes.
- A variable that is called like production's (`PROD..`, `POSTGRES_URL`) becomes production's, any other one Preview's.
- Exit 75: the database did not answer, or the checkout could not be read. Nothing is written then.

## How much of it is right

Each app is a sample of this repository, with what is right of it in `tests/support/drafts.py`. `tests/drafting/`
drafts each from its checkout alone: a wrong key fails it. The reader was written with these apps at hand; of yours,
expect more to be left open. It knows the routes of Express, Koa, Hono, Elysia, Fastify, NestJS, Next.js, SvelteKit and
Nuxt, and the schemas of zod, drizzle-zod, class-validator and JSON Schema; what another library checks is left open.
This file is written by `make docs`.

"""


def init_document() -> str:
    """How many keys of each sample app a draft has right, wrong, or left open."""
    rows, every = [], []
    for app, (made_of, _, _) in APPS.items():
        found = judged(app)
        every += list(found.values())
        left = ", ".join(f"`{key}`" for key, said in found.items() if said == "open") or "nothing"
        rows.append(f"| `{app}` | {made_of} | {_counted(list(found.values()))} | {left} |")
    head = ["| app | made of | keys right | wrong | left open | which |", "|---|---|---|---|---|---|"]
    return _INIT + "\n".join([*head, *rows, f"| all {len(APPS)} | | {_counted(every)} | |"]) + "\n"


def _counted(judged_keys: list[Judged]) -> str:
    """How many are right, wrong and open, as three cells."""
    words: tuple[Judged, ...] = ("right", "wrong", "open")
    return " | ".join(str(judged_keys.count(word)) for word in words)


def claims_table() -> str:
    """Each claim with what it is asked of and the check that asks it; the file's docstring says why."""
    asked = [([kind for kind in KINDS if kind.name in claim.asks][-1], claim) for claim in claims(ROOT / "checks")]
    rows = [
        f"| {claim.text} | {kind.asked_of} | [{claim.id}](checks/{claim.file}) |"
        for kind, claim in sorted(asked, key=lambda row: KINDS.index(row[0]))
    ]
    return "\n".join(["| claim | asked of | check |", "|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
