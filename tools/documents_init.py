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

| option | what it reads |
|---|---|
| `--source DIR` | create route, payload, status, id and token of the answer, table, login, headers, ready page |
| `--database '${VAR}'` | table, columns and which of them an INSERT must name, from the catalog alone, READ ONLY |
| `--url URL` | where Preview serves: a URL without credentials, or a variable |

- `--source` needs [the extra `source`](getting-started.md#1-install).
- Each key says where it was read: `path:line`, or the catalog. **What is not certain is left open**: commented out,
  with what to put there, and named on the terminal. A wrong key costs you more than a missing one.
- If the file exists, `init` changes nothing and exits with 4, unless you pass `--force`. `--environments FILE` writes
  another file.
- No secret is written, only variables. A database URL, or a URL with a password, is refused on the command line: your
  shell would remember it. Put it into a variable, and write the variable in single quotes.
- A variable whose name looks like production (`PROD..`, `POSTGRES_URL`) becomes production's. Any
  other becomes Preview's.
- Exit 75: the database did not answer, or the checkout could not be read. Then it writes nothing.

## How much of it is right

`init` knows the routes of Express, Koa, Hono, Elysia, Fastify, NestJS, Next.js, SvelteKit and Nuxt, and the schemas of
zod, drizzle-zod, class-validator and JSON Schema. It leaves open what another library checks.

Each app below is a sample in this repository. `tests/drafting/` drafts its file from the checkout alone, and fails if a
key is wrong. `init` was written with these apps at hand, so expect more open keys for yours. `make docs` writes this
file.

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
