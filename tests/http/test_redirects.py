"""A redirect names the keys that lead where it leads."""

from __future__ import annotations

import pytest

from harness.http.redirects import LONGEST_LOCATION, keys_that_follow


def follow(location: str, *, base: str = "http://example.com", path: str = "/api/chatbots", status: int = 301) -> str:
    return keys_that_follow(base, path, "api.create", status, location)


@pytest.mark.parametrize(
    ("location", "keys"),
    [
        ("/api/chatbots/", "api.create: /api/chatbots/"),
        ("http://example.com/api/chatbots/", "api.create: /api/chatbots/"),
        ("https://example.com/api/chatbots", "url: https://example.com"),
        ("https://example.com:443/api/chatbots", "url: https://example.com"),
        ("https://www.example.com:8443/api/chatbots/", "url: https://www.example.com:8443, api.create: /api/chatbots/"),
        ("//www.example.com/api/chatbots", "url: http://www.example.com"),
        ("https://user:secret@example.com/api/chatbots", "url: https://example.com"),
        ("https://[2001:db8::1]/api/chatbots", "url: https://[2001:db8::1]"),
    ],
)
def test_the_same_route_elsewhere(location: str, keys: str) -> None:
    """A trailing slash, https, www, or another host; never with credentials."""
    assert follow(location) == keys


def test_a_redirect_that_keeps_the_method_may_lead_to_another_route() -> None:
    """What answers 307 or 308 wants the same POST there; anything else may lead to what was made, or to a login."""
    assert follow("/api/v2/chatbots", status=308) == "api.create: /api/v2/chatbots"
    assert follow("/api/v2/chatbots", status=302) == ""
    assert follow("/chatbots/7", status=303) == ""


def test_a_base_with_a_path() -> None:
    """Paths are appended to it."""
    assert follow("/app/api/chatbots/", base="http://example.com/app") == "api.create: /api/chatbots/"
    keys = follow("https://example.com/api/chatbots", base="http://example.com/app", status=308)
    assert keys == "url: https://example.com"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://example.com/api/chatbots",
        "http://[",
        "http://example.com:99999/",
        "javascript:x",
        "/a b",
        "/{name}",
        "/" + "x" * LONGEST_LOCATION,
    ],
)
def test_what_leads_nowhere_names_nothing(location: str) -> None:
    """Itself, no address, or too long a one."""
    assert follow(location, status=308) == ""
