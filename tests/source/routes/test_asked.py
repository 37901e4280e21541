"""Who may call the create route: a session with its login, a header with a credential, or nobody in particular."""

from __future__ import annotations

import pytest

from tests.support.drafts import STORES, facts_of, told

LOGIN = "app.post('/login', async (req, res) => { const { email, password } = req.body; if (!email || !password) throw 1; res.end(); });"
SESSION = "const signedIn = (req, res, next) => req.session.userId ? next() : res.status(401).end();"
KEY = "const key = (req, res, next) => req.get('X-Team-Key') === process.env.KEY ? next() : res.sendStatus(403);"
WANTED = {"path": "/login", "json": ["email", "password"]}


def asked(code: str, before: str = "", **files: str) -> dict[str, object]:
    """Login and headers of a route of Express: the code stands before it, `before` within its call."""
    text = f"""
    import express from "express"; import {{ pool }} from "./db"; import session from "express-session"; import passport from "passport";
    const app = express(); app.use(express.json());
    {code}
    app.post("/bots", {before} async (req, res) => {{ const {{ name }} = req.body; {STORES} res.json(rows[0]); }});
    """
    return told(
        facts_of({"src/app.ts": text, **{f"src/{name}.ts": t for name, t in files.items()}}), "login", "headers"
    )


@pytest.mark.parametrize(
    ("code", "before", "expected"),
    [
        ("", "", {}),
        (LOGIN, "", {}),
        ("app.use(session({}));", "", {}),
        (SESSION + LOGIN, "signedIn,", {"login": WANTED}),
        (SESSION + LOGIN + "app.use(signedIn);", "", {"login": WANTED}),
        (SESSION + LOGIN + "app.use('/bots', signedIn);", "", {"login": WANTED}),
        (SESSION + LOGIN + "app.use('/admin', signedIn);", "", {}),
        (SESSION, "signedIn,", {"login": ...}),
        (SESSION + LOGIN + LOGIN.replace("/login", "/admin/login"), "signedIn,", {"login": ...}),
        (SESSION + "app.post('/login', passport.authenticate('local'), (req, res) => res.end());", "signedIn,",
         {"login": {"path": "/login", "json": ["username", "password"]}}),
        (SESSION + "new LocalStrategy({ usernameField: 'mail' }, f);"
         "app.post('/login', passport.authenticate('local'), (req, res) => res.end());", "signedIn,",
         {"login": {"path": "/login", "json": ["mail", "password"]}}),
        (SESSION + "new LocalStrategy(f); app.post('/login', passport.authenticate('local-login'), (req, res) => res.end());",
         "signedIn,", {"login": {"path": "/login", "json": ["username", "password"]}}),
        (KEY, "key,", {"headers": {"X-Team-Key": ""}}),
        (KEY + "app.use(key);", "", {"headers": {"X-Team-Key": ""}}),
        ("const jwt = (req, res, next) => req.headers.authorization ? next() : res.status(401).end();", "jwt,", {"headers": ...}),
        ("import { requireAuth } from '@clerk/express';", "requireAuth(),", {"login": ...}),
        ("import { rateLimit } from 'express-rate-limit'; app.use(rateLimit({}));", "", {}),
        ("const once = (req, res, next) => req.get('idempotency-key') ? next() : res.status(401).end();", "once,", {}),
    ],
)  # fmt: skip
def test_what_a_route_asks_is_told(code: str, before: str, expected: dict[str, object]) -> None:
    """Where it is certain how to answer it; else it is left open, and where nothing was seen, left out."""
    assert asked(code, before) == expected


def test_a_check_that_is_used_later_is_not_passed() -> None:
    """Express asks in the order in which routes are made."""
    text = f"""
    import express from "express"; import {{ pool }} from "./db"; const app = express();
    {SESSION}
    app.get("/health", (req, res) => res.json({{ commit: process.env.GIT_SHA }}));
    app.use(signedIn);
    app.get("/status", (req, res) => res.json({{}}));
    """
    assert told(facts_of({"src/app.ts": text}), "ready.path", "ready.revision") == {
        "ready.path": "/health",
        "ready.revision": "commit",
    }


@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        ("ThrottlerGuard", {}),
        ("KeyGuard", {"headers": {"x-api-key": ""}}),
        ("JwtGuard", {"headers": ...}),
        ("ElsewhereGuard", {"login": ...}),
    ],
)
def test_a_guard_of_all_routes_of_nestjs_is_seen(guard: str, expected: dict[str, object]) -> None:
    """Given with APP_GUARD, or to the app."""
    guards = """
    export class KeyGuard { canActivate(c) { return c.switchToHttp().getRequest().headers["x-api-key"] === process.env.K; } }
    export class JwtGuard { canActivate(c) { return verify(c.switchToHttp().getRequest().headers.authorization); } }
    """
    bots = f"""
    import {{ Body, Controller, Post }} from "@nestjs/common"; import {{ pool }} from "./db"; class Dto {{ name: string; }}
    @Controller("bots") export class Bots {{ @Post() async create(@Body() {{ name }}: Dto) {{ {STORES} return rows[0]; }} }}
    """
    for said in (f"{{ provide: APP_GUARD, useClass: {guard} }}", f"app.useGlobalGuards(new {guard}(reflector));"):
        facts = facts_of({"src/bots.ts": bots, "src/guards.ts": guards, "src/app.module.ts": said})
        assert told(facts, "login", "headers") == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"src/middleware.ts": "import { auth } from './auth'; export default auth((req) => {});"}, {"login": ...}),
        ({"src/middleware.ts": "export function middleware() { return rewrite(); }"}, {}),
    ],
)
def test_what_nextjs_puts_before_all_routes_is_seen(files: dict[str, str], expected: dict[str, object]) -> None:
    """In middleware.ts."""
    route = f"import {{ pool }} from '../../db'; export async function POST(request) {{ const {{ name }} = await request.json(); {STORES} return Response.json(rows[0]); }}"
    assert told(facts_of({"src/app/bots/route.ts": route, **files}), "login", "headers") == expected
