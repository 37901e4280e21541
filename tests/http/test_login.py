"""A login: its cookie is sent with every POST, or it is said why it is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from requests.cookies import create_cookie

from harness.errors import CouldNotTell
from harness.http.session import new_session
from tests.support.clients import client_of
from tests.support.servers import Request, creating, serving

if TYPE_CHECKING:
    from collections.abc import Callable

LOGIN = {"path": "/login", "json": {"user": "smoke"}}


def setting(*cookies: str, status: str = "200 OK") -> Callable[[Request], bool]:
    """A server whose login sets these cookies."""

    def answer(request: Request) -> bool:
        if request.target != "/login":
            return creating(request)
        request.answer(status, b"{}", *(f"Set-Cookie: {cookie}" for cookie in cookies))
        return True

    return answer


def cookie_sent(url: str) -> None:
    """Log in, and send one POST."""
    client = client_of(url, login=LOGIN)
    client.login()
    client.post_chatbot(1, "smoke-1", "sequence")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("attributes", ["; Path=/", "; Path=/; HttpOnly; Secure; SameSite=Lax"])
def test_a_secure_cookie_is_sent_to_this_machine(host: str, attributes: str) -> None:
    """Over http too, as curl and browsers do: a tunnel to a production app depends on it."""
    with serving(setting(f"sid=th3-s3ss10n{attributes}")) as server:
        cookie_sent(server.url.replace("127.0.0.1", host))
    login, post = server.of("POST")
    assert json.loads(login.body) == {"user": "smoke"}
    assert post.headers["cookie"] == "sid=th3-s3ss10n"


@pytest.mark.parametrize(
    ("domain", "secure"),
    [
        ("127.0.0.1", False),
        ("localhost.local", False),
        ("[::1].local", False),
        ("example.com", True),
        ("8.8.8.8", True),
    ],
)
def test_only_this_machine_is_trusted(domain: str, secure: bool) -> None:
    """As the standard library names hosts in a cookie."""
    with new_session() as session:
        set_cookie = create_cookie("sid", "1", domain=domain, secure=True)  # type: ignore[no-untyped-call]
        session.cookies.set_cookie(set_cookie)
    assert set_cookie.secure is secure


@pytest.mark.parametrize(
    ("cookies", "cause", "remedy"),
    [
        ([], "answered 200 but set no cookie", "check login.path: is it the API's login?"),
        (
            ["sid=1; Domain=.app.example.com; Path=/"],
            "answered 200 but set a cookie for app.example.com, which is not the host of url (127.0.0.1)",
            "set url to a host of app.example.com",
        ),
        (
            ["sid=1; Path=/admin"],
            "answered 200 but set no cookie that is sent to api.create: it is for another path, or has expired",
            "check login.path: is it the login of the API that api.create belongs to?",
        ),
    ],
)
def test_a_cookie_that_is_not_sent_is_told(cookies: list[str], cause: str, remedy: str) -> None:
    """Nothing is sent without it."""
    with serving(setting(*cookies)) as server, pytest.raises(CouldNotTell) as caught:
        cookie_sent(server.url)
    assert len(server.of("POST")) == 1
    assert caught.value.cause == f"the login at /login {cause}"
    assert caught.value.remedy == remedy


def test_a_secure_cookie_elsewhere_is_told() -> None:
    """The configuration refuses a login over plain http; whatever comes around it is worded all the same."""
    client = client_of("http://app.example.com:8080")
    why, remedy = client._why_no_cookie_is_sent("sid=1; Path=/; Secure")
    assert why == "set a Secure cookie, which is not sent because url is http"
    assert remedy == "set url: https://app.example.com:8080"
