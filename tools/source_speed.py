"""`python -m tools.source_speed [LINES]`: how long all source checks take on a made-up app of so many lines.

The app is that of a sample, among modules as large apps have them: routes, services, components, types, of which some
make random values, handle errors of Postgres and know of chatbots.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.apps import SAMPLES

LINES = 100_000

SERVICE = """
export class Thing{n}Service {{
  constructor(private readonly db: Database, private readonly log: Logger) {{}}

  async list(options: {{ limit?: number; offset?: number; sort?: keyof Thing{n} }} = {{}}): Promise<Thing{n}[]> {{
    const {{ limit = 50, offset = 0, sort = "createdAt" }} = options;
    const rows = await this.db.select().from(things{n}).orderBy(things{n}[sort]).limit(limit).offset(offset);
    this.log.info({{ rows: rows.length, limit, offset }}, "listed");
    return rows.map((row) => ({{ ...row, label: `${{row.name}} (${{row.id}})`, active: row.deletedAt === null }}));
  }}

  async create(input: NewThing{n}): Promise<Thing{n}> {{
    const parsed = schema{n}.parse(input);
    if (parsed.name.trim().length === 0 || parsed.name.length > 200) {{
      throw new ValidationError("name", "must have 1 to 200 characters");
    }}
    const [row] = await this.db.insert(things{n}).values({{ ...parsed, createdAt: new Date() }}).returning();
    return row;
  }}
}}
"""
COMPONENT = """
export function Panel{n}({{ items, onSelect }}: {{ items: Item[]; onSelect: (item: Item) => void }}) {{
  const [open, setOpen] = useState(false);
  const sorted = useMemo(() => [...items].sort((a, b) => a.name.localeCompare(b.name)), [items]);
  return (
    <section className={{open ? "open" : "closed"}} aria-label="panel {n}">
      <button type="button" onClick={{() => setOpen((value) => !value)}}>Toggle</button>
      {{sorted.map((item) => (
        <article key={{item.id}} onClick={{() => onSelect(item)}}>{{item.name}}: {{item.count ?? 0}}</article>
      ))}}
    </section>
  );
}}
"""
RANDOM = """
import {{ randomUUID }} from "node:crypto";
export const correlate{n} = (headers: Record<string, string>) => headers["x-request-id"] ?? randomUUID();
export const pause{n} = (attempt: number) => Math.min(1000, 2 ** attempt * 10) * (1 + Math.random());
correlate{n}(incoming);
"""
HANDLER = """
export async function save{n}(db: Database, input: Input) {{
  try {{
    return await db.insert(things{n}).values(input).returning();
  }} catch (error: any) {{
    if (error?.code === "23505") throw new Conflict("thing {n}");
    throw error;
  }}
}}
"""
LINKS = """
export const link{n} = (chatbot: Chatbot) => `/embed/${{chatbot.publicToken}}?from={n}`;
export const show{n} = async (id: number) => {{
  const chatbot = await db.query.chatbots.findFirst({{ where: eq(chatbots.id, id) }});
  return {{ id: chatbot.id, name: chatbot.name, publicToken: chatbot.publicToken }};
}};
"""


def write_app(root: Path, lines: int) -> tuple[int, int]:
    """Write an app; returns its lines and files."""
    shutil.copytree(SAMPLES / "express-drizzle" / "after", root, dirs_exist_ok=True)
    written = files = 0
    while written < lines:
        n = files
        parts = [(COMPONENT if n % 3 == 0 else SERVICE).format(n=f"{n}x{i}") for i in range(10)]
        parts += [RANDOM.format(n=n)] if n % 5 == 0 else []
        parts += [HANDLER.format(n=n)] if n % 10 == 0 else []
        parts += [LINKS.format(n=n)] if n % 7 == 0 else []
        text = "".join(parts)
        file = root / "src" / f"area{n % 20}" / f"module{n}.{'tsx' if n % 3 == 0 else 'ts'}"
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text, encoding="utf-8")
        written += text.count("\n")
        files += 1
    return written, files


def measure(lines: int) -> str:
    """Write, read and analyse an app, and say how long reading and analysing took."""
    with TemporaryDirectory() as folder:
        written, files = write_app(Path(folder), lines)
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        from harness.source.app.analysis import analyse  # its import is part of what a run pays for
        from harness.source.checkout import read_checkout

        checkout = read_checkout(Path(folder))
        read_s = time.perf_counter() - began_s
        found = analyse(checkout, "chatbots", "public_token")
        took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    assert len(found.creates) == 1, found
    assert (found.reaching, found.left, found.handlers) == ((), (), ()), found
    return (
        f"{written} lines in {files} files: {took_s:.2f} s ({cpu_s:.2f} s of CPU), of which reading took {read_s:.2f} s"
    )


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else LINES))
