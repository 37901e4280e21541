"""Apps as other frameworks have them: none was looked at while the samples were written."""

from __future__ import annotations

import pytest

from tests.support.apps import analysed_files

# Each app, the line that makes its tokens, and the one that handles their collisions.
APPS: dict[str, tuple[dict[str, str], str | None, str | None]] = {
    "fastify-before": (
        {
            "src/plugins/db.ts": """
import fp from 'fastify-plugin';
import { Pool } from 'pg';
export default fp(async (app) => { const pool = new Pool(); app.decorate('pg', pool); });
""",
            "src/routes/chatbots.ts": """
import type { FastifyPluginAsync } from 'fastify';
import { shortId } from '../utils/ids';
import { retryOnConflict } from '../utils/retry';
const routes: FastifyPluginAsync = async (app) => {
  app.post<{ Body: { name: string } }>('/', { schema: { body: Body } }, async (request, reply) => {
    const row = await retryOnConflict(async () => {
      const publicToken = shortId();
      const { rows } = await app.pg.query('INSERT INTO chatbots(name, public_token) VALUES($1,$2) RETURNING id, public_token', [request.body.name, publicToken]);
      return rows[0];
    });
    return reply.code(201).send(row);
  });
};
export default routes;
""",
            "src/utils/ids.ts": """
import { randomInt } from 'crypto';
const CHARS = 'abcdefghijklmnopqrstuvwxyz0123456789';
export const shortId = (len = 7) => {
  let out = '';
  while (out.length < len) out += CHARS[randomInt(CHARS.length)];
  return out;
};
""",
            "src/utils/retry.ts": """
export async function retryOnConflict<T>(work: () => Promise<T>, attempts = 5): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await work();
    } catch (error: unknown) {
      const code = (error as { code?: string }).code;
      if (code !== '23505' || n >= attempts) throw error;
    }
  }
}
""",
        },
        "src/utils/ids.ts:5",
        "src/utils/retry.ts:7",
    ),
    "nest-before": (
        {
            "src/chatbots/chatbot.entity.ts": """
import { BeforeInsert, Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { TokenUtil } from '../common/token.util';
@Entity({ name: 'chatbots' })
export class Chatbot {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @Column({ name: 'public_token', length: 8, unique: true }) publicToken: string;
  @BeforeInsert()
  setToken() { if (!this.publicToken) { this.publicToken = TokenUtil.generate(8); } }
}
""",
            "src/chatbots/chatbots.service.ts": """
import { ConflictException, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { QueryFailedError, Repository } from 'typeorm';
import { Chatbot } from './chatbot.entity';
import { PG_UNIQUE_VIOLATION } from '@drdgvhbh/postgres-error-codes';
@Injectable()
export class ChatbotsService {
  constructor(@InjectRepository(Chatbot) private readonly chatbotsRepository: Repository<Chatbot>) {}
  async create(dto: CreateChatbotDto): Promise<Chatbot> {
    const chatbot = this.chatbotsRepository.create(dto);
    try { return await this.chatbotsRepository.save(chatbot); }
    catch (e) { if (e instanceof QueryFailedError && e.driverError.code === PG_UNIQUE_VIOLATION) { return this.create(dto); } throw e; }
  }
}
""",
            "src/common/token.util.ts": """
import * as crypto from 'crypto';
export class TokenUtil {
  static generate(size: number): string { return crypto.randomBytes(size).toString('hex').substring(0, size); }
}
""",
        },
        "src/common/token.util.ts:3",
        "src/chatbots/chatbots.service.ts:12",
    ),
    "nest-after": (
        {
            "src/auth/auth.service.ts": """
import { randomBytes } from 'crypto';
export class AuthService {
  constructor(private readonly users: UsersService) {}
  async forgot(email: string) { const token = this.generateToken(); await this.users.setResetToken(email, token); }
  private generateToken() { return randomBytes(32).toString('hex'); }
}
""",
            "src/chatbots/chatbot.entity.ts": """
import { Column, Entity, Generated, PrimaryGeneratedColumn } from 'typeorm';
@Entity({ name: 'chatbots' })
export class Chatbot {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @Column({ name: 'public_token', type: 'uuid', default: () => 'gen_random_uuid()' }) publicToken: string;
}
""",
            "src/chatbots/chatbots.service.ts": """
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Chatbot } from './chatbot.entity';
@Injectable()
export class ChatbotsService {
  constructor(@InjectRepository(Chatbot) private readonly chatbotsRepository: Repository<Chatbot>) {}
  async create(dto: CreateChatbotDto): Promise<Chatbot> {
    const chatbot = this.chatbotsRepository.create(dto);
    return this.chatbotsRepository.save(chatbot);
  }
}
""",
            "src/users/users.service.ts": """
import { Injectable, ConflictException } from '@nestjs/common';
@Injectable()
export class UsersService {
  constructor(@InjectRepository(User) private readonly repo: Repository<User>) {}
  async create(dto) { try { return await this.repo.save(this.repo.create(dto)); } catch (e) { if (e.code === '23505') throw new ConflictException('Email already exists'); throw e; } }
}
""",
        },
        None,
        None,
    ),
    "trpc-before": (
        {
            "apps/api/src/errors.ts": """
export const isPgUniqueError = (e: unknown) => typeof e === 'object' && e !== null && 'code' in e && e.code === '23505';
""",
            "apps/api/src/router.ts": """
import { schema } from '@acme/db';
import { makeToken } from '@acme/shared';
import { z } from 'zod';
import { publicProcedure, router } from './trpc';
import { isPgUniqueError } from './errors';
export const appRouter = router({
  createChatbot: publicProcedure.input(z.object({ name: z.string() })).mutation(async ({ ctx, input }) => {
    let attempts = 0;
    while (attempts++ < 5) {
      const token = makeToken();
      try {
        const [created] = await ctx.db.insert(schema.chatbots).values({ ...input, publicToken: token }).returning();
        return created;
      } catch (e) {
        if (!isPgUniqueError(e)) throw e;
      }
    }
    throw new TRPCError({ code: 'INTERNAL_SERVER_ERROR' });
  }),
});
""",
            "apps/web/src/app/page.tsx": """
'use client';
import { useState } from 'react';
import { v4 as uuid } from 'uuid';
export default function Page() { const [draft, setDraft] = useState({ id: uuid(), name: '', publicToken: uuid() }); return <div>{draft.name}</div>; }
""",
            "packages/db/src/client.ts": """
import { drizzle } from 'drizzle-orm/postgres-js';
export const db = drizzle(process.env.DATABASE_URL!);
""",
            "packages/db/src/index.ts": """
export * as schema from './schema/chatbots';
export { db } from './client';
""",
            "packages/db/src/schema/chatbots.ts": """
import { pgTable, serial, text, varchar } from 'drizzle-orm/pg-core';
export const chatbots = pgTable('chatbots', { id: serial('id').primaryKey(), name: text('name').notNull(), publicToken: varchar('public_token', { length: 8 }).notNull().unique() });
""",
            "packages/shared/src/index.ts": """
export * from './tokens';
""",
            "packages/shared/src/tokens.ts": """
export const makeToken = (n = 8): string => [...Array(n)].map(() => Math.floor(Math.random() * 36).toString(36)).join('');
""",
        },
        "packages/shared/src/tokens.ts:1",
        "apps/api/src/errors.ts:1",
    ),
    "next-before": (
        {
            "app/api/chatbots/route.ts": """
import { NextResponse } from 'next/server';
import { createClient } from '@/utils/supabase/server';
import { customAlphabet } from 'nanoid';
const nanoid = customAlphabet('1234567890abcdef', 6);
export async function POST(request: Request) {
  const body = await request.json();
  const supabase = await createClient();
  const { data, error } = await supabase.from('chatbots').insert([{ name: body.name, public_token: nanoid() }]).select('id, public_token').single();
  if (error?.code === '23505') { return POST(request); }
  if (error) return NextResponse.json({ error: error.message }, { status: 500 });
  return NextResponse.json(data, { status: 201 });
}
""",
        },
        "app/api/chatbots/route.ts:4",
        "app/api/chatbots/route.ts:9",
    ),
    "hono-after": (
        {
            "src/index.ts": """
import { Hono } from 'hono';
import { Kysely, PostgresDialect } from 'kysely';
import { requestId } from 'hono/request-id';
const app = new Hono();
const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
app.use(requestId({ generator: () => crypto.randomUUID() }));
app.post('/api/chatbots', async (c) => {
  const { name } = await c.req.json<{ name: string }>();
  const row = await db.insertInto('chatbots').values({ name }).returning(['id', 'public_token']).executeTakeFirstOrThrow();
  return c.json(row, 201);
});
app.onError((err, c) => { if ((err as any).code === '23505') return c.json({ error: 'conflict' }, 409); return c.text('oops', 500); });
export default app;
""",
        },
        None,
        None,
    ),
    "koa-sequelize-before": (
        {
            "lib/random.js": """
const crypto = require('crypto');
function randomToken(n) { return crypto.randomBytes(n).toString('base64').replace(/[^a-z0-9]/gi, '').slice(0, n); }
module.exports = { randomToken };
""",
            "models/chatbot.js": """
const { Model, DataTypes } = require('sequelize');
const { randomToken } = require('../lib/random');
module.exports = (sequelize) => {
  class Chatbot extends Model {}
  Chatbot.init({
    name: DataTypes.STRING,
    publicToken: { type: DataTypes.STRING(8), field: 'public_token', unique: true },
  }, { sequelize, tableName: 'chatbots', underscored: true, hooks: { beforeValidate: (bot) => { bot.publicToken = bot.publicToken || randomToken(8); } } });
  return Chatbot;
};
""",
            "routes/chatbots.js": """
const Router = require('@koa/router');
const { UniqueConstraintError } = require('sequelize');
const { Chatbot } = require('../models');
const router = new Router({ prefix: '/api/chatbots' });
router.post('/', async (ctx) => {
  try {
    const bot = await Chatbot.create({ name: ctx.request.body.name });
    ctx.status = 201; ctx.body = bot;
  } catch (err) {
    if (err instanceof UniqueConstraintError) { ctx.throw(409); }
    throw err;
  }
});
module.exports = router;
""",
        },
        "lib/random.js:2",
        "routes/chatbots.js:10",
    ),
    "koa-knex-after": (
        {
            "db.js": """
module.exports = require('knex')({ client: 'pg' });
""",
            "lib/random.js": """
const crypto = require('crypto');
exports.randomToken = (n) => crypto.randomBytes(n).toString('hex');
""",
            "lib/session.js": """
const random = require('./random');
module.exports = { create: (user) => redis.set(random.randomToken(16), user.id) };
""",
            "routes/chatbots.js": """
const db = require('../db');
module.exports = (router) => {
  router.post('/api/chatbots', async (ctx) => {
    const [row] = await db('chatbots').insert({ name: ctx.request.body.name }).returning(['id', 'public_token']);
    ctx.status = 201; ctx.body = row;
  });
  router.put('/api/chatbots/:id/slug', async (ctx) => {
    try { await db('chatbots').where({ id: ctx.params.id }).update({ slug: ctx.request.body.slug }); }
    catch (e) { if (e.code === '23505') { ctx.throw(409, 'slug taken'); } throw e; }
  });
};
""",
        },
        None,
        None,
    ),
    "clean-arch-before": (
        {
            "src/app/create-chatbot.ts": """
import { Chatbot } from '../domain/chatbot';
import { TokenGenerator } from '../domain/token-generator';
export class CreateChatbot {
  constructor(private readonly repo: ChatbotRepository, private readonly tokens: TokenGenerator) {}
  async execute(input: { name: string }) { const chatbot = Chatbot.create(input, this.tokens); return this.repo.save(chatbot); }
}
""",
            "src/domain/chatbot.ts": """
import { TokenGenerator } from './token-generator';
export class Chatbot {
  private constructor(readonly name: string, readonly publicToken: string) {}
  static create(props: { name: string }, tokens: TokenGenerator): Chatbot { return new Chatbot(props.name, tokens.generate()); }
}
""",
            "src/domain/token-generator.ts": """
export interface TokenGenerator { generate(): string }
""",
            "src/infra/nanoid-token-generator.ts": """
import { nanoid } from 'nanoid';
import { TokenGenerator } from '../domain/token-generator';
export class NanoidTokenGenerator implements TokenGenerator { generate(): string { return nanoid(8); } }
""",
            "src/infra/pg-chatbot-repository.ts": """
import { Pool } from 'pg';
import { Chatbot } from '../domain/chatbot';
export class PgChatbotRepository {
  constructor(private readonly pool: Pool) {}
  async save(chatbot: Chatbot) {
    const result = await this.pool.query(`INSERT INTO chatbots (name, public_token) VALUES ($1, $2) RETURNING id, public_token`, [chatbot.name, chatbot.publicToken]);
    return result.rows[0];
  }
}
""",
        },
        "src/infra/nanoid-token-generator.ts:3",
        None,
    ),
}


@pytest.mark.parametrize("app", APPS)
def test_an_app_of_another_framework_is_understood(app: str) -> None:
    """What makes its tokens is found, what handles their collisions, and that it stores rows; nothing else is."""
    files, made, handled = APPS[app]
    found = analysed_files({path: text.lstrip("\n") for path, text in files.items()})
    assert found.creates, found
    assert {said.partition(": ")[0] for said in found.reaching} == ({made} if made else set()), found
    assert [said.partition(": ")[0] for said in found.handlers] == ([handled] if handled else []), found
    assert found.left == (), found
    assert any(create.names_token for create in found.creates) == (app in NAMING), found


# In the others a hook fills the column, or nothing does.
NAMING = ("fastify-before", "trpc-before", "next-before", "clean-arch-before")
