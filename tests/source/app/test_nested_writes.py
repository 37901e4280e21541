"""Rows that Prisma's client stores by way of another model's: `workspace.create({data: {bots: {create: ..}}})`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import claims_of

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = {
    "prisma/schema.prisma": """
        datasource db {
          provider = "postgresql"
        }
        model Workspace {
          id    Int       @id @default(autoincrement())
          name  String
          links BotLink[]
          notes Note[]
          owner Owner?
        }
        model BotLink {
          id          Int       @id @default(autoincrement())
          label       String
          publicToken String    @unique @default(dbgenerated("gen_random_uuid()")) @map("public_token") @db.Uuid
          workspace   Workspace @relation(fields: [workspaceId], references: [id])
          workspaceId Int
          @@map("chatbots")
        }
        model Note {
          id          Int       @id @default(autoincrement())
          publicToken String    @map("public_token")
          workspace   Workspace @relation(fields: [workspaceId], references: [id])
          workspaceId Int
        }
        model Owner {
          id          Int @id
          workspaceId Int @unique
          workspace   Workspace @relation(fields: [workspaceId], references: [id])
          bot         BotLink?
        }""",
}
HEAD = 'import { randomUUID } from "node:crypto";\nimport { prisma } from "./db";\n'
STORES = {
    "create of a list": "prisma.workspace.create({ data: { name, links: { create: [{ label, publicToken: randomUUID() }] } } });",
    "create of one": "prisma.workspace.create({ data: { name, links: { create: { label, publicToken: randomUUID() } } } });",
    "createMany": """prisma.workspace.create({
        data: { name, links: { createMany: { data: labels.map((label) => ({ label, publicToken: randomUUID() })) } } } });""",
    "connectOrCreate": """prisma.workspace.update({ where: { id }, data: { links: {
        connectOrCreate: { where: { id: 1 }, create: { label, publicToken: randomUUID() } } } } });""",
    "connectOrCreate of a list": """prisma.workspace.update({ where: { id }, data: { links: {
        connectOrCreate: labels.map((label) => ({ where: { label }, create: { label, publicToken: randomUUID() } })) } } });""",
    "upsert": """prisma.workspace.update({ where: { id }, data: { links: {
        upsert: [{ where: { id: 1 }, update: {}, create: { label, publicToken: randomUUID() } }] } } });""",
    "create in an upsert": """prisma.workspace.upsert({ where: { id }, update: {},
        create: { name, links: { create: [{ label, publicToken: randomUUID() }] } } });""",
    "the data in a variable": """{
        const data = { name, links: { create: [{ label, publicToken: randomUUID() }] } };
        await prisma.workspace.create({ data }); }""",
    "the rows in a variable": """{
        const rows = labels.map((label) => ({ label, publicToken: randomUUID() }));
        await prisma.workspace.create({ data: { name, links: { create: rows } } }); }""",
    "two models down": """prisma.owner.create({ data: { workspace: { create: {
        name, links: { create: [{ label, publicToken: randomUUID() }] } } } } });""",
    "a transaction": """prisma.$transaction(async (tx) => {
        await tx.workspace.create({ data: { name, links: { create: [{ label, publicToken: randomUUID() }] } } }); });""",
    "a row that is a variable": """{
        const link = { label, publicToken: randomUUID() };
        await prisma.workspace.update({ where: { id }, data: { links: { create: link } } }); }""",
}
ELSEWHERE = {
    "the data is a parameter": {
        "src/save.ts": "export const save = (data) => prisma.workspace.create({ data });\n",
        "src/routes.ts": f"{HEAD}import {{ save }} from './save';\n"
        "export const create = () => save({ links: { create: [{ publicToken: randomUUID() }] } });\n",
    },
    "the data is put together": {
        "src/routes.ts": f"{HEAD}export async function create() {{ const data: any = {{}};\n"
        "  data.links = { create: [{ publicToken: randomUUID() }] }; await prisma.workspace.create({ data }); }\n",
    },
    "the client of a service": {
        "src/service.ts": f"{HEAD}export class Service {{ constructor(private prisma: PrismaService) {{}}\n"
        "  make(name) { return this.prisma.workspace.create({ data: { name, links: { create: { publicToken: randomUUID() } } } }); }\n}\n",
    },
}
LEAVES_OUT = {
    "create of a list": "prisma.workspace.create({ data: { name, links: { create: [{ label }] } }, include: { links: true } });",
    "createMany": "prisma.workspace.create({ data: { name, links: { createMany: { data: labels.map((label) => ({ label })) } } } });",
    "connectOrCreate": """prisma.workspace.update({ where: { id }, data: { links: {
        connectOrCreate: { where: { id: 1 }, create: { label } } } }, include: { links: true } });""",
    "the data in a variable": """{
        const data = { name, links: { create: [{ label }] } };
        await prisma.workspace.create({ data, include: { links: true } }); }""",
    "another model's column of that name": """{
        await prisma.workspace.create({ data: { name, notes: { create: [{ publicToken: randomUUID() }] } } });
        await prisma.botLink.create({ data: { label } }); }""",
}


def route(body: str) -> dict[str, str]:
    """The app with this statement in its create route."""
    return {
        **SCHEMA,
        "src/routes.ts": f"{HEAD}export async function create(name, label, labels, id) {{ await {body} }}\n".replace(
            "await {", "{"
        ),
    }


@pytest.mark.parametrize("shape", STORES)
def test_a_token_that_is_made_in_a_nested_write_is_seen(shape: str, tmp_path: Path) -> None:
    """As one of the model's own `create` is."""
    found = claims_of(tmp_path, route(STORES[shape]), "makes", "insert")
    assert found == {"makes": "fail", "insert": "fail"}


@pytest.mark.parametrize("shape", ELSEWHERE)
def test_a_nested_write_that_is_put_together_elsewhere_is_seen(shape: str, tmp_path: Path) -> None:
    """The rows may stand in another function than the call."""
    assert claims_of(tmp_path, {**SCHEMA, **ELSEWHERE[shape]}, "makes") == {"makes": "fail"}


HOOKS = {
    "a middleware of prisma": "prisma.$use(async (p, next) => { if (p.model === 'BotLink' || p.model === 'chatbots')\n"
    "  p.args.data.publicToken = randomUUID(); return next(p); });\n",
    "an extension of prisma": "export const db = prisma.$extends({ query: { botLink: { async create({ args, query }) {\n"
    "  args.data.publicToken = randomUUID(); return query(args); } } } });\n",
    "a hook of sequelize": "sequelize.define('Bot', { publicToken: DataTypes.UUID }, { tableName: 'chatbots', hooks: {\n"
    "  beforeCreate: (bot) => { bot.publicToken = randomUUID(); } } });\n",
}


@pytest.mark.parametrize("shape", HOOKS)
def test_a_hook_that_makes_the_token_is_seen(shape: str, tmp_path: Path) -> None:
    """It runs before each create, whoever calls that."""
    files = {**SCHEMA, "src/hooks.ts": HEAD + HOOKS[shape], **route(LEAVES_OUT["create of a list"])}
    assert claims_of(tmp_path, files, "makes") == {"makes": "fail"}


@pytest.mark.parametrize("model", ["ApiToken", "AppService", "ProviderRouter"])
def test_a_model_may_be_called_as_what_is_no_table_often_is(model: str, tmp_path: Path) -> None:
    """A member of Prisma's client is a model, whatever its name."""
    schema = f'model {model} {{\n  id Int @id\n  publicToken String @map("public_token")\n  @@map("chatbots")\n}}\n'
    client = model[0].lower() + model[1:]
    route = f"{HEAD}export const create = () => prisma.{client}.create({{ data: {{ publicToken: randomUUID() }} }});\n"
    files = {"prisma/schema.prisma": schema, "src/routes.ts": route}
    assert claims_of(tmp_path, files, "makes", "insert") == {"makes": "fail", "insert": "fail"}


@pytest.mark.parametrize("shape", LEAVES_OUT)
def test_a_nested_write_that_leaves_the_token_out_is_right(shape: str, tmp_path: Path) -> None:
    """It stores a row of the table, and nothing of the app's is its token."""
    assert claims_of(tmp_path, route(LEAVES_OUT[shape]), "makes", "insert") == {"makes": "pass", "insert": "pass"}


def test_a_schema_of_many_models_is_read_in_bounds(tmp_path: Path) -> None:
    """Each of 150 models leads to each other, and one of them to the table."""
    fields = "".join(f"  f{n} M{n}\n" for n in range(150))
    models = "".join(f"model M{n} {{\n  id Int @id\n{fields}}}\n" for n in range(150))
    schema = SCHEMA["prisma/schema.prisma"] + "\n" + models.replace("model M1 {\n", "model M1 {\n  links BotLink[]\n")
    body = "prisma.m0.create({ data: { f1: { create: { links: { create: [{ publicToken: randomUUID() }] } } } } });"
    files = {"prisma/schema.prisma": schema, "src/routes.ts": f"{HEAD}export const create = () => {body}\n"}
    assert claims_of(tmp_path, files, "makes") == {"makes": "fail"}
