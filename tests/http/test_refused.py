"""What any other answer than 201 says: a wrong answer, or nothing about the create route."""

import json
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from harness.history.problem import COULD_NOT_TELL, Problem
from harness.http.created import Reading, read_created

AS_ASKED = {"id": 7, "public_token": "0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20"}


def read(status: int, body: bytes | str | Any = b"", **headers: str) -> Reading:
    """Read an answer; a body that is neither bytes nor text is sent as JSON. Headers are spelt with underscores."""
    sent = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    spelt = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return read_created(status, spelt, sent, id_path="id", token_path="public_token")


@pytest.mark.parametrize("status", [200, 202, 203, 204, 206, 400, 404, 409, 415, 422, 500, 502, 503, 504, 599, 999])
def test_another_status_with_json_is_wrong(status: int) -> None:
    """Only 201 is right, also where the body is as asked; the error names both."""
    reading = read(status, AS_ASKED, content_type="application/json")
    assert reading == Reading(Problem.WRONG_STATUS, f"{status}, want 201")


def test_a_json_404_is_wrong() -> None:
    """The app itself says that it has no such route."""
    reading = read(404, {"error": "not found"}, content_type="application/json")
    assert reading == Reading(Problem.WRONG_STATUS, "404, want 201")


@pytest.mark.parametrize(
    ("status", "problem", "error"),
    [
        (401, Problem.UNAUTHORISED, "401: the request was not authorised"),
        (407, Problem.UNAUTHORISED, "407: the request was not authorised"),
        (403, Problem.FORBIDDEN, "403: the request was refused"),
        (429, Problem.RATE_LIMITED, "429: rate limited"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 5000, b"<!doctype html><h1>no</h1>", b"x" * 301], ids=len)
def test_a_refusal_says_nothing_about_the_route(status: int, problem: Problem, error: str, body: bytes) -> None:
    """Could not tell, whatever the body."""
    assert read(status, body) == Reading(problem, error)
    assert problem in COULD_NOT_TELL


@pytest.mark.parametrize(
    "body",
    [
        '{"error": "CSRF token missing"}',
        '{"message": "CSRF token missing", "error": "Forbidden"}',
        '{"error": {"code": "EBADCSRFTOKEN", "message": "CSRF  token\\nmissing"}}',
        '{"detail": "CSRF token missing"}',
        "CSRF token missing\n",
        "<!DOCTYPE html><html><head><title>CSRF token missing</title></head>",
    ],
)
def test_a_refusal_says_what_the_body_says(body: str) -> None:
    """Whoever reads the finding learns what is asked for."""
    assert read(401, body).error == "401: the request was not authorised (CSRF token missing)"
    assert read(403, body).error == "403: the request was refused (CSRF token missing)"


def test_retry_after_is_kept() -> None:
    """Whoever reads the finding learns how long to wait."""
    assert read(429, b"", retry_after="120").error == "429: rate limited, Retry-After: 120"


@pytest.mark.parametrize(
    "location",
    [
        "/login",
        "/login?next=%2Fapi%2Fchatbots",
        "https://example.com/users/sign_in",
        "/signin",
        "/sign-in/",
        "/auth/log-in",
        "https://example.eu.auth0.com/authorize?client_id=x",
        "/oauth2/start",
        "/sso",
        "/saml/acs",
        "/session/new",
        "/LOGIN",
    ],
)
@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_redirect_to_a_login_could_not_tell(status: int, location: str) -> None:
    """The session is not logged in; the page is named."""
    reading = read(status, b"", location=location)
    assert reading == Reading(Problem.LOGIN_PAGE, f"{status}: redirected to the login page {location}")
    assert reading.problem in COULD_NOT_TELL


@pytest.mark.parametrize(
    ("status", "location"),
    [
        (301, "https://www.example.com/api/chatbots"),
        (302, "/chatbots/7"),
        (303, "/api/blogin"),
        (307, "/authors/7"),
        (308, "/api/chatbots/"),
        (302, "/catalogue/logins-of-the-day"),
    ],
)
def test_a_redirect_elsewhere_is_wrong(status: int, location: str) -> None:
    """Every POST answers 201: a redirect is not one."""
    assert read(status, b"", location=location) == Reading(
        Problem.REDIRECTED, f"{status}: redirected to {location}, want 201"
    )


def test_a_redirect_without_a_location_is_wrong() -> None:
    """It leads nowhere, and the error says so."""
    assert read(302) == Reading(Problem.REDIRECTED, "302: redirected to nowhere, want 201")


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (200, "<html><form><input name=p type=password></form>"),
        (200, '<!DOCTYPE html><form><input class="x" type="password"></form>'),
        (200, "<html><h1>Sign in to continue</h1>"),
        (200, "<html><button>Continue with Google</button>"),
        (200, "<html>Please log in"),
        (404, "<html><INPUT TYPE='PASSWORD'>"),
    ],
)
def test_an_html_login_page_could_not_tell(status: int, page: str) -> None:
    """It says who must log in, not whether the route works."""
    reading = read(status, page, content_type="text/html; charset=utf-8")
    assert reading == Reading(Problem.LOGIN_PAGE, f"{status}: an HTML login page")
    assert reading.problem in COULD_NOT_TELL


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (200, "<!doctype html><div id=root></div>"),
        (404, "<html><h1>This deployment is not live</h1>"),
        (503, "<html><h1>We are down for maintenance</h1>"),
        (502, "<html>Your app is starting"),
        (503, "<html>The app is sleeping. Wake it up"),
        (200, "\n <!DOCTYPE html><p>Coming soon"),
    ],
)
def test_a_placeholder_page_could_not_tell(status: int, page: str) -> None:
    """A stopped workspace, a parked host, or the site's own front page: not the API."""
    for content_type in ("text/html", ""):  # the page itself tells, also without a header
        reading = read(status, page, content_type=content_type)
        assert reading == Reading(Problem.PLACEHOLDER_PAGE, f"{status}: an HTML page instead of the API's answer")
    assert Problem.PLACEHOLDER_PAGE in COULD_NOT_TELL


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (500, "<!DOCTYPE html><pre>error: duplicate key value violates unique constraint</pre>"),
        (500, "<html>Internal Server Error"),
        (500, "<html>the worker is starting<form><input type=password>"),
        (400, "<html>duplicate key value violates unique constraint</html>"),
        (409, "<html><input type=password> code 23505</html>"),
        (200, "<html>Unique constraint failed (P2002)</html>"),
        (502, "<html>\r\n<head><title>502 Bad Gateway</title></head><center>nginx</center></html>"),
        (504, "<html><head><title>504 Gateway Time-out</title></head></html>"),
        (404, "<!DOCTYPE html><pre>Cannot POST /api/chatbots</pre>"),
        (413, "<html>413 Request Entity Too Large"),
    ],
)
def test_an_error_page_of_the_app_stays_a_failure(status: int, page: str) -> None:
    """Express and nginx answer errors in HTML: such a page must not be taken for a placeholder."""
    assert read(status, page, content_type="text/html; charset=utf-8") == Reading(
        Problem.WRONG_STATUS, f"{status}, want 201"
    )


def test_words_far_into_a_page_do_not_count() -> None:
    """Only the beginning is searched, so that a large page costs little."""
    assert read(404, "<html>" + "x" * 70_000 + "maintenance").problem is Problem.WRONG_STATUS
