"""The app of the rehearsal: a small JSON API over the table chatbots, in the manner of many.

POST /api/chatbots {"name": "a", "require_auth": false}
    201 {"id": 51, "name": "a", "public_token": "7f0c..", "require_auth": false}
    400 {"error": ".."}  invalid JSON, or no name      500 {"error": ".. (SQLSTATE 23505)"}  from the database
DELETE /api/chatbots/51        204, 404
GET / and GET /healthz         200 {"status": "ok", "revision": ".."}
POST /login {"user": "..", "password": ".."}    200 and a cookie, 401; only where the plan has a login
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rehearsal.deployment.plan import Plan, Stored, Wanted
from rehearsal.deployment.replies import LOGIN_PAGE, page

if TYPE_CHECKING:
    from rehearsal.deployment.plan import AroundApp, AroundCreate, AroundInsert, Connection, Create, Insert

    Pool = AsyncConnectionPool[Connection]

logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # a database that is down on purpose is no news


def build(plan: Plan, dsn: str) -> ASGIApp:
    """The app that this plan describes, on this database. It opens its pool when the server starts it."""

    async def configure(connection: Connection) -> None:
        if plan.on_connect is not None:
            await connection.execute(plan.on_connect.encode())
            await connection.commit()

    # min_size 1: the other connections are opened when they are wanted, so that starting does not wait for them.
    pool: Pool = AsyncConnectionPool(
        dsn,
        min_size=1 if plan.on_connect is None else plan.pool_size,
        max_size=plan.pool_size,
        timeout=plan.pool_timeout_s,
        configure=configure,
        open=False,
        kwargs={
            "application_name": "chatbots",
            "autocommit": plan.autocommit,
            "prepare_threshold": plan.prepare_threshold,
        },
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await pool.open(wait=plan.on_connect is not None, timeout=30)
        yield
        await pool.close(timeout=1)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "revision": plan.revision})

    cookie = secrets.token_urlsafe(16)
    create = creator(plan, pool)
    routes = [
        Route("/", health),
        Route("/healthz", health),
        Route("/api/chatbots", create, methods=["POST"]),
        Route("/api/chatbots/{id:int}", remover(plan, pool), methods=["DELETE"]),
    ]
    if plan.login is not None:
        routes.append(Route("/login", login(*plan.login, cookie), methods=["POST"]))
        routes.append(Route("/login", login_page))
    app: ASGIApp = Starlette(routes=routes, lifespan=lifespan)
    if plan.bearer is not None or plan.login is not None:
        app = guarded(app, plan, cookie)
    for wrapper in plan.apps:
        app = wrapped_app(wrapper, app)
    return app


def creator(plan: Plan, pool: Pool) -> Create:
    """The handler of POST /api/chatbots."""

    async def insert(connection: Connection, wanted: Wanted) -> Stored:
        values = {"name": wanted.name, "require_auth": wanted.require_auth, "token": wanted.token}
        cursor = await connection.execute(plan.insert_sql.encode(), values)
        row = await cursor.fetchone()
        if row is None:
            raise psycopg.DataError("the INSERT returned no row")
        return Stored(id=row[0], name=wanted.name, public_token=row[1], require_auth=wanted.require_auth)

    chain: Insert = insert
    for insert_wrapper in plan.inserts:
        chain = wrapped_insert(insert_wrapper, chain)

    async def create(request: Request) -> Response:
        wanted = await read(request)
        if isinstance(wanted, Response):
            return wanted
        try:
            async with pool.connection() as connection:
                stored = await chain(connection, wanted)
        except psycopg.Error as error:
            return failed(error)
        return JSONResponse(plan.answer(stored), status_code=201)

    handler: Create = create
    for create_wrapper in plan.creates:
        handler = wrapped_create(create_wrapper, handler)
    return handler


async def read(request: Request) -> Wanted | Response:
    """The chatbot that the request asks for, or the 400 that says what is wrong with it."""
    try:
        payload = json.loads(await request.body())
    except ValueError:
        return JSONResponse({"error": "the body is not JSON"}, status_code=400)
    if not isinstance(payload, dict) or not isinstance(payload.get("name"), str) or not payload["name"].strip():
        return JSONResponse({"error": "name is missing"}, status_code=400)
    require_auth = payload.get("require_auth", False)
    if not isinstance(require_auth, bool):
        return JSONResponse({"error": "require_auth must be true or false"}, status_code=400)
    return Wanted(name=payload["name"], require_auth=require_auth, payload=payload)


def failed(error: psycopg.Error) -> Response:
    """A 500 that tells what the database said, as a small app tends to."""
    message = " ".join(str(error).split())
    return JSONResponse({"error": f"{message} (SQLSTATE {error.sqlstate or 'none'})"}, status_code=500)


def remover(plan: Plan, pool: Pool) -> Create:
    """The handler of DELETE /api/chatbots/{id}."""

    async def remove(request: Request) -> Response:
        try:
            async with pool.connection() as connection:
                cursor = await connection.execute(plan.delete_sql.encode(), {"id": request.path_params["id"]})
        except psycopg.Error as error:
            return failed(error)
        if cursor.rowcount == 0:
            return JSONResponse({"error": "no such chatbot"}, status_code=404)
        return Response(status_code=204)

    return remove


def login(user: str, password: str, cookie: str) -> Create:
    """The handler of POST /login."""

    async def log_in(request: Request) -> Response:
        try:
            sent: Any = json.loads(await request.body())
        except ValueError:
            sent = None
        if sent != {"user": user, "password": password}:
            return JSONResponse({"error": "wrong user or password"}, status_code=401)
        response = JSONResponse({"user": user})
        response.set_cookie("session", cookie, httponly=True, samesite="lax")
        return response

    return log_in


async def login_page(request: Request) -> Response:
    """What a browser gets that was redirected to the login."""
    return page(LOGIN_PAGE)


def guarded(app: ASGIApp, plan: Plan, cookie: str) -> ASGIApp:
    """The app behind its login: 401 to an API request without the bearer token, a redirect without the cookie."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            return await app(scope, receive, send)
        request = Request(scope)
        if plan.bearer is not None and request.headers.get("authorization") != f"Bearer {plan.bearer}":
            return await JSONResponse({"error": "unauthorised"}, 401)(scope, receive, send)
        if plan.login is not None and request.cookies.get("session") != cookie:
            return await RedirectResponse("/login", 302)(scope, receive, send)
        return await app(scope, receive, send)

    return check


def wrapped_insert(wrapper: AroundInsert, insert: Insert) -> Insert:
    """The INSERT with one wrapper around it."""

    async def wrapped(connection: Connection, wanted: Wanted) -> Stored:
        return await wrapper(connection, wanted, insert)

    return wrapped


def wrapped_create(wrapper: AroundCreate, create: Create) -> Create:
    """The handler with one wrapper around it."""

    async def wrapped(request: Request) -> Response:
        return await wrapper(request, create)

    return wrapped


def wrapped_app(wrapper: AroundApp, app: ASGIApp) -> ASGIApp:
    """The app with one wrapper around its requests; the start and the end of the server go to the app itself."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await wrapper(scope, receive, send, app)
        else:
            await app(scope, receive, send)

    return wrapped
