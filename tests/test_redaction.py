"""Secrets are masked in every spelling in which a server or a library may give them back."""

import base64
import html
import json
import threading
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from harness.environments import Environment
from harness.redaction import MASK, Redactor, secrets_of, secrets_of_url

CANARY = 'c4n4ry/s+cr=t&"pä ss\\x'

SPELLINGS = {
    "as it is": CANARY,
    "percent": quote(CANARY, safe=""),
    "form": quote_plus(CANARY),
    "JSON": json.dumps(CANARY)[1:-1],
    "JSON in UTF-8": json.dumps(CANARY, ensure_ascii=False)[1:-1],
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 of URLs": base64.urlsafe_b64encode(CANARY.encode()).decode(),
    "base64 without padding": base64.b64encode(CANARY.encode()).decode().rstrip("="),
    "HTML": html.escape(CANARY),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_masked_in_every_spelling(spelling: str) -> None:
    """In the midst of other text, and each time."""
    text = SPELLINGS[spelling]
    padding = text[len(text.rstrip("=")) :]  # tells nothing, and may stay
    assert Redactor([CANARY])(f"<p>{text}</p> and {text}.") == f"<p>{MASK}{padding}</p> and {MASK}{padding}."


def test_an_apostrophe_is_masked_as_either_escape_of_html() -> None:
    """Python writes &#x27;, Node's escape-html &#39;."""
    redact = Redactor(["it's-secret"])
    assert [redact(f"a {text} b") for text in ("it&#x27;s-secret", "it&#39;s-secret", "it's-secret")] == ["a *** b"] * 3


def test_the_longest_secret_is_masked_first() -> None:
    """A secret within another never leaves the rest of that one standing."""
    for secrets in (["pass", "password-1"], ["password-1", "pass"]):
        assert Redactor(secrets)("password-1 pass") == "*** ***"


def test_a_very_short_secret_is_left_alone() -> None:
    """Three characters would mask every other word of a report."""
    assert Redactor(["abc", ""])("abc alphabet") == "abc alphabet"
    assert Redactor(["abcd"])("abcd") == MASK


def test_without_secrets_text_stays() -> None:
    """Nothing is masked on suspicion."""
    assert Redactor()("password=hunter2") == "password=hunter2"


def test_secrets_can_be_learnt_later() -> None:
    """A cookie is known only after the login."""
    redact = Redactor(["first-secret"])
    redact.add(["second-secret", "first-secret"])
    assert redact("first-secret second-secret") == "*** ***"


def test_json_values_are_masked_throughout() -> None:
    """Strings at any depth; keys and other values stay, and a tuple becomes an array."""
    value = {"secret-1": ["secret-1", ("x secret-1", 7, None, True)], "n": {"m": "secret-1"}}
    assert Redactor(["secret-1"]).throughout(value) == {"secret-1": [MASK, ["x ***", 7, None, True]], "n": {"m": MASK}}


def test_masking_is_safe_while_secrets_are_learnt() -> None:
    """Threads mask while another adds."""
    redact = Redactor(["secret-0"])
    stop = threading.Event()
    seen: set[str] = set()

    def mask() -> None:
        while not stop.is_set():
            seen.add(redact("a secret-0 b"))

    threads = [threading.Thread(target=mask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(200):
        redact.add([f"secret-{n:04}"])
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= {"a *** b"}
    assert redact("secret-0199") == MASK


# --- what is secret ---------------------------------------------------------------------------------------------------


def environment(**of: Any) -> Environment:
    return Environment.model_validate({"name": "preview", "url": "http://h", "database": None, **of})


@pytest.mark.parametrize(
    ("of", "secret"),
    [
        ({"headers": {"Authorization": "Bearer t0ken-1"}}, "t0ken-1"),
        ({"headers": {"Authorization": "Bearer t0ken-1"}}, "Bearer t0ken-1"),
        ({"headers": {"X-Api-Key": "k3y-of-ours"}}, "k3y-of-ours"),
        ({"headers": {"Cookie": "sid=s3ssion-1; csrf=cr0ss-1"}}, "s3ssion-1"),
        ({"headers": {"Cookie": "sid=s3ssion-1; csrf=cr0ss-1"}}, "cr0ss-1"),
        ({"login": {"path": "/l", "json": {"user": {"password": "p4ssword"}}}}, "p4ssword"),
        ({"login": {"path": "/l", "json": {"codes": ["c0de-1"]}}}, "c0de-1"),
        ({"url": "http://user:p4ssword@h"}, "p4ssword"),
        ({"url": "http://user:p4ss%2Fword@h"}, "p4ss/word"),
        ({"url": "http://user:p4ssword@h"}, base64.b64encode(b"user:p4ssword").decode()),
        ({"database": "postgresql://user:p4ssword@h/d"}, "p4ssword"),
        ({"database": "postgresql://user:p4ss%40word@h/d"}, "p4ss@word"),
        ({"database": "postgresql://user:p4ss%40word@h/d"}, "p4ss%40word"),
        ({"database": "postgresql://h/d?user=u&password=p4ssword"}, "p4ssword"),
        ({"database": "postgresql://h/d?sslpassword=p4ss%20word"}, "p4ss word"),
        ({"database": "postgresql://user:p4ssword@h/d"}, "postgresql://user:p4ssword@h/d"),
    ],
)
def test_configured_credentials_are_secret(of: dict[str, Any], secret: str) -> None:
    """Each alone is masked, wherever it turns up."""
    redact = Redactor(secrets_of(environment(**of)))
    assert redact(f"before {secret} after") == "before *** after"


def test_hosts_and_harmless_headers_are_not_secret() -> None:
    """What a reader needs to know where it went wrong stays readable."""
    of = environment(
        url="https://user:p4ssword@preview.example.com",
        database="postgresql://user:p4ssword@db.example.com/chatbots",
        headers={"Accept-Language": "en-GB", "Origin": "https://preview.example.com"},
    )
    text = "preview.example.com db.example.com chatbots en-GB https://preview.example.com"
    assert Redactor(secrets_of(of))(text) == text


def test_a_url_without_credentials_has_no_secrets() -> None:
    """Also an empty user, and parameters that are none."""
    for url in ("http://h/", "postgresql://user@h/d", "postgresql:///d?sslmode=require"):
        assert [secret for secret in secrets_of_url(url) if secret not in ("", "user")] == []
