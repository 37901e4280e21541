"""docs/init.md: what `chatbots-smoke init` reads, and how much of its drafts is right, app by app."""

from __future__ import annotations

from tests.support.drafts import APPS, Judged, judged

_INIT = """\
# What init reads

For whoever drafts `environments.yaml` with `chatbots-smoke init`, and wants to know how much of the draft to trust.

`chatbots-smoke init` drafts an `environments.yaml`. It sends nothing, runs nothing of the app, and asks nobody.

```sh
chatbots-smoke init --source ../app --url https://preview.example.com --database '${PREVIEW_POSTGRES_URL}'
```

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
