"""Made-up apps as large as wanted: that of a sample, among modules as large apps have them.

Services and components, of which some make random values, handle errors of Postgres and know of chatbots.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.support.apps import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

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
