"""The app answers a POST in the wrong way: status, body, id, time."""

from __future__ import annotations

import asyncio
from itertools import chain, count, repeat
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response, StreamingResponse

from rehearsal.deployment.replies import LOGIN_PAGE, Raw, body_of, changed, duplicate_key, error, page
from rehearsal.faults.catalogue import ABOUT_ACKNOWLEDGED, fault

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rehearsal.deployment.plan import Connection, Create, Insert, Plan, Stored, Wanted

POSTS = ("every_post_answers_201", "posts_at_once_answer_201")
HEAD = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n"


def answers_with(plan: Plan, status: int) -> None:
    """The usual answer under another status."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        response = await create(request)
        response.status_code = status
        return response


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_200(plan: Plan) -> None:
    """Stores the chatbot and answers 200 instead of 201."""
    answers_with(plan, 200)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_202(plan: Plan) -> None:
    """Stores the chatbot and answers 202, as if it were still to be done."""
    answers_with(plan, 202)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_204_without_a_body(plan: Plan) -> None:
    """Stores the chatbot and answers 204 with nothing in it."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        await create(request)
        return Response(status_code=204)


@fault(fail=POSTS, unknown=["same_payload_makes_two"])
def answers_500_on_every_third(plan: Plan) -> None:
    """Every third POST stores nothing and answers the 500 of the original bug: duplicate key, 23505."""
    turns = count(1)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return duplicate_key(request) if next(turns) % 3 == 0 else await create(request)


@fault(fail=["same_payload_makes_two"])
def answers_the_same_payload_from_a_cache(plan: Plan) -> None:
    """A cache goes by the request's body: what was sent before is answered as it was before, and nothing is stored."""
    answers: dict[bytes, Response] = {}

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        body = await request.body()
        if body not in answers:
            answers[body] = await create(request)
        return answers[body]


@fault(fail=["every_post_answers_201"])
def first_post_answers_500(plan: Plan) -> None:
    """The first POST after the start fails while something is set up, and stores nothing; all later ones are fine."""
    turns = count(1)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        if next(turns) == 1:
            return error(500, "not initialised yet")
        return await create(request)


@fault(fail=POSTS)
def fails_only_when_concurrent(plan: Plan) -> None:
    """A POST that arrives while another one is being handled answers 500; one after another they are fine."""
    in_flight = 0

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        nonlocal in_flight
        in_flight += 1
        try:
            if in_flight > 1:
                await asyncio.sleep(0.05)  # stays in flight, so that those which arrive next find it there
                return duplicate_key(request)
            await asyncio.sleep(0.02)
            return await create(request)
        finally:
            in_flight -= 1


@fault(fail=POSTS, unknown=["client_cannot_choose_the_token", "same_payload_makes_two"])
def locks_up_when_concurrent(plan: Plan) -> None:
    """The connection pool is leaked to: of the POSTs in flight at once only the first four are ever answered."""
    plan.settings = {"api": {"timeout_s": 2}}
    in_flight = 0

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        nonlocal in_flight
        in_flight += 1
        try:
            if in_flight > 4:
                await asyncio.sleep(60)
            await asyncio.sleep(0.05)
            return await create(request)
        finally:
            in_flight -= 1


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_500_to_everything(plan: Plan) -> None:
    """Every POST ends in an unhandled exception: a plain text 500, nothing stored."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return Response("Internal Server Error", status_code=500, media_type="text/plain")


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def create_route_is_missing(plan: Plan) -> None:
    """The new release forgot the route: every POST answers 404."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return error(404, "Not Found")


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def rejects_the_payload(plan: Plan) -> None:
    """The new validation wants a token from the client: every POST answers 422."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return error(422, "public_token: field required")


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_201_with_an_empty_body(plan: Plan) -> None:
    """Stores the chatbot and answers 201 without a body."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        await create(request)
        return Response(status_code=201)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_201_with_a_cut_body(plan: Plan) -> None:
    """Stores the chatbot, answers 201 and closes the connection in the middle of the body."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        await create(request)
        return Raw([HEAD + b'content-length: 120\r\n\r\n{"id": 51, "public_to'])


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_201_with_broken_json(plan: Plan) -> None:
    """Stores the chatbot and answers 201 with a body that stops in the middle of its JSON."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        response = await create(request)
        return Response(bytes(response.body)[:-5], status_code=201, media_type="application/json")


@fault(unknown=[*POSTS, *ABOUT_ACKNOWLEDGED])
def answers_201_with_an_array(plan: Plan) -> None:
    """Stores the chatbot and answers the rows of the INSERT, an array, instead of the chatbot."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        response = await create(request)
        return Response(b"[" + bytes(response.body) + b"]", status_code=201, media_type="application/json")


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_201_with_an_error(plan: Plan) -> None:
    """Rolls back, and answers 201 with only an error message inside."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return error(201, "could not create the chatbot")


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_json_as_html(plan: Plan) -> None:
    """The answer is right, and its content type says text/html: clients show it instead of reading it."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        response = await create(request)
        response.headers["content-type"] = "text/html; charset=utf-8"
        return response


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_201_with_a_page(plan: Plan) -> None:
    """Stores the chatbot and answers 201 with an HTML page that says so."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        await create(request)
        return page("<html><title>Created</title><h1>Your chatbot is ready</h1></html>", 201)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_201_with_deep_nesting(plan: Plan) -> None:
    """Stores the chatbot and answers 201 with 100,000 opening brackets, which overflow many a parser's stack."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        await create(request)
        return Response(b"[" * 100_000, status_code=201, media_type="application/json")


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def answers_without_an_id(plan: Plan) -> None:
    """Returns the token alone: RETURNING names only public_token."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return changed(await create(request), id=None)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def buries_the_answer_in_40_megabytes(plan: Plan) -> None:
    """Answers 201 with the chatbot and 40 MB of history along with it."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        response = await create(request)
        return StreamingResponse(
            chain([bytes(response.body)[:-1], b', "history": "'], repeat(b"x" * 40_000, 1000), [b'"}']),
            status_code=response.status_code,
            media_type="application/json",
        )


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def never_answers(plan: Plan) -> None:
    """Accepts a POST and never answers; nothing is stored."""
    plan.settings = {"api": {"timeout_s": 1}}

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        await asyncio.sleep(3600)
        return await create(request)


@fault(fail=["latency_is_within_budget"])
def is_slow(plan: Plan) -> None:
    """Every tenth POST takes a second and is right otherwise; its budget is half of that."""
    plan.settings = {"latency_p95_ms": 500}
    numbers = count(1)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        if next(numbers) % 10 == 0:
            await asyncio.sleep(1)
        return await create(request)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def trickles(plan: Plan) -> None:
    """Answers 201 a byte at a time, five a second: no single read times out, the whole takes half a minute."""
    plan.settings = {"api": {"timeout_s": 1}}

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        body = bytes((await create(request)).body)
        whole = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
        return Raw((whole[n : n + 1] for n in range(len(whole))), pause_s=0.2)


@fault(fail=["ids_are_distinct", "rows_agree_with_answers"])
def reuses_id(plan: Plan) -> None:
    """Every third answer carries the id of the answer before; the row has its own."""
    turns = count(1)
    before = 0

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        nonlocal before
        response = await create(request)
        if next(turns) % 3 == 0:
            return changed(response, id=before)
        before = body_of(response).get("id", before)
        return response


@fault(
    fail=["posts_at_once_answer_201", "tokens_are_distinct", "ids_are_distinct", "rows_agree_with_answers"],
    unknown=["app_leaves_the_token_to_postgres"],
)
def answers_from_a_cache(plan: Plan) -> None:
    """A cache in front answers every third POST with the whole answer of the one before; nothing is stored for it."""
    turns = count(1)
    cached = Response(status_code=201)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        nonlocal cached
        if next(turns) % 3 == 0:
            return cached
        response = await create(request)
        cached = Response(bytes(response.body), response.status_code, media_type="application/json")
        return response


@fault(fail=["rows_agree_with_answers"])
def answers_with_the_id_of_another_row(plan: Plan) -> None:
    """Asks for the last id of the sequence instead of reading RETURNING: every answer is one too high."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        stored = await insert(connection, wanted)
        return type(stored)(stored.id + 1, stored.name, stored.public_token, stored.require_auth)


@fault(unknown=[*POSTS, *ABOUT_ACKNOWLEDGED])
def unauthorised(plan: Plan) -> None:
    """Every POST answers 401: credentials are missing, nothing is known about the change."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return error(401, "unauthorised", {"www-authenticate": "Bearer"})


@fault(unknown=[*POSTS, *ABOUT_ACKNOWLEDGED])
def forbidden(plan: Plan) -> None:
    """Every POST answers 403, as a firewall in front does."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return page("<html><title>403 Forbidden</title><h1>Forbidden</h1></html>", 403)


@fault(unknown=[*POSTS, "client_cannot_choose_the_token", "same_payload_makes_two"])
def rate_limited(plan: Plan) -> None:
    """From the third POST on the answer is 429."""
    turns = count(1)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        if next(turns) > 2:
            return error(429, "too many requests", {"retry-after": "60"})
        return await create(request)


@fault(unknown=[*POSTS, *ABOUT_ACKNOWLEDGED])
def answers_login_page(plan: Plan) -> None:
    """Every POST answers 200 with the HTML of a login page."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return page(LOGIN_PAGE)


@fault(unknown=[*POSTS, *ABOUT_ACKNOWLEDGED])
def redirects_to_login(plan: Plan) -> None:
    """Every POST is redirected to a login page, which itself answers 200."""

    @plan.around_app
    async def app(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        await (page(LOGIN_PAGE) if scope["path"] == "/login" else app)(scope, receive, send)

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return RedirectResponse("/login", 302)


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def redirects_to_a_trailing_slash(plan: Plan) -> None:
    """The framework's router sends every POST on to /api/chatbots/, which a client follows with a GET or not at all."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return RedirectResponse("/api/chatbots/", 308)


@fault(unknown=[*POSTS, *ABOUT_ACKNOWLEDGED])
def under_maintenance(plan: Plan) -> None:
    """The pages are up while every POST answers 503 with a maintenance page."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return page("<html><title>Maintenance</title>Back soon.</html>", 503, {"retry-after": "120"})
