"""Secrets are masked in every spelling in which a server or a library may give them back."""

import base64
import html
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from harness.configuration.models import Environment
from harness.configuration.secrets import learn, notes_on_secrets, secrets_of, secrets_of_variables, words_of
from harness.redaction.credentials import secrets_of_url
from harness.redaction.redactor import MASK, Redactor

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
    for secrets in (["pa55", "pa55word-1"], ["pa55word-1", "pa55"]):
        assert Redactor(secrets)("pa55word-1 pa55") == "*** ***"


@pytest.mark.parametrize("offset", [0, 1, 2])
@pytest.mark.parametrize("columns", [10, 64, 76, 1000])
def test_base64_of_a_longer_text_is_masked_wherever_its_lines_end(offset: int, columns: int) -> None:
    """Down to the digits that hold bits of its neighbours too; what stands beside it is left."""
    text = base64.b64encode(b"." * offset + CANARY.encode() + b" and what follows it").decode()
    lines = "\n".join(text[i : i + columns] for i in range(0, len(text), columns))
    own = base64.b64encode(bytes(offset) + CANARY.encode()).decode().rstrip("=")[offset + bool(offset) : -1]
    masked = Redactor([CANARY])(lines)
    assert MASK in masked
    bare = masked.replace("\n", "")
    assert not any(own[i : i + 4] in bare for i in range(len(own) - 4))
    assert bare.endswith(text[-8:])


@pytest.mark.parametrize(
    "text",
    [
        "c4n4ry-\ns3cret-1",
        "c4n4ry-\r\n   s3cret-1",
        "c4n4ry-\\ns3cret-1",
        "'c4n4ry-'\n 's3cret-1'",
        "b'c4n4ry-'\n b's3cret-1'",
        '"c4n4ry-",\n  "s3cret-1"',
        "E   c4n4ry-\nE   s3cret-1",
        "c4n4ry-=\r\ns3cret-1",
        "c4n4ry-<br>\ns3cret-1",
        "c\n4\nn\n4\nr\ny\n-\ns\n3\nc\nr\ne\nt\n-\n1",
    ],
)
def test_a_secret_split_over_lines_is_masked(text: str) -> None:
    """As a wrapped body, repr, pprint, JSON, a traceback's margin or a mail would split it."""
    masked = Redactor(["c4n4ry-s3cret-1"])(f"before {text} after\nnext line")
    assert MASK in masked
    assert "c4n" not in masked
    assert "cret" not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after\nnext line")


def test_secrets_that_overlap_leave_nothing_of_either() -> None:
    """Masking the first must not let the rest of the second stand."""
    assert Redactor(["abcdef-1", "ef-1ghij"])("x abcdef-1ghij y") == "x *** y"


@pytest.mark.parametrize("end", range(95, 120))
def test_a_cut_never_halves_a_secret(end: int) -> None:
    """The part up to a place inside of it ends in a mask, and begins like the whole."""
    text = "c4n4ry-s3cret" * 5 + "x" * 35 + "c4n4ry-s3cret" + "y" * 100
    assert Redactor(["c4n4ry-s3cret"]).part(text, 0, end) in (
        "***" * 5 + "x" * (end - 65),
        "***" * 5 + "x" * 35 + "***" + "y" * max(0, end - 113),
    )
    assert Redactor(["c4n4ry-s3cret"]).part(text, end, len(text)).strip("xy") in ("", "***")


def test_masking_takes_time_in_proportion_to_hostile_texts() -> None:
    """Runs of what a line end may begin with are not searched again from each place."""
    redact = Redactor(["c4n4ry-s3cret"])
    for text in ("\\" * 200_000, " " * 200_000, '" ' * 100_000, "\n " * 100_000, "'\n" * 100_000):
        assert redact(text) == text


def test_what_was_shown_before_is_masked_once_its_secret_is_known() -> None:
    """A text is searched anew after another secret was learned, however often it was shown before."""
    redact = Redactor(["qX7-another-1"])
    text = f"it says {CANARY}, qX7-another-1, and gh0st-us3r"
    assert redact(text) == redact(text) == f"it says {CANARY}, {MASK}, and gh0st-us3r"
    redact.add([CANARY])
    assert redact(text) == redact(text) == f"it says {MASK}, {MASK}, and gh0st-us3r"
    assert redact(text, also=["gh0st-us3r"]) == f"it says {MASK}, {MASK}, and {MASK}"


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
    return Environment.model_validate({"name": "preview", "url": "https://h", "database": None, **of})


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
        ({"url": "https://user:p4ssword@h"}, "p4ssword"),
        ({"url": "https://user:p4ss%2Fword@h"}, "p4ss/word"),
        ({"url": "https://user:p4ssword@h"}, base64.b64encode(b"user:p4ssword").decode()),
        ({"database": "postgresql://user:p4ssword@h/d"}, "p4ssword"),
        ({"database": "postgresql://user:p4ss%40word@h/d"}, "p4ss@word"),
        ({"database": "postgresql://user:p4ss%40word@h/d"}, "p4ss%40word"),
        ({"database": "postgresql://h/d?user=u&password=p4ssword"}, "p4ssword"),
        ({"database": "postgresql://h/d?sslpassword=p4ss%20word"}, "p4ss word"),
        ({"database": "postgresql://user:p4ssword@h/d"}, "postgresql://user:p4ssword@h/d"),
        ({"api": {"create": "/c?api_key=k3y%2Bours&page=first-one"}}, "k3y+ours"),
        ({"ready": {"path": "/?token=t0ken-1"}}, "t0ken-1"),
        ({"login": {"path": "/l?code=c0de-1", "json": {}}}, "c0de-1"),
        ({"api": {"payload": {"name": "{name}", "auth": {"client_secret": "s3cret"}}}}, "s3cret"),
        ({"api": {"payload": {"name": "{name}", "access_token": ["t0ken-123"]}}}, "t0ken-123"),
        ({"api": {"payload": {"name": "{name}", "token": "t0k3n"}}}, "t0k3n"),
        ({"api": {"payload": {"name": "{name}", "pin": 482913}}}, "482913"),
        ({"api": {"payload": {"name": "{name}", "api_key": 123456789}}}, "123456789"),
        ({"api": {"payload": {"name": "{name}", "adminPin": "k3y9"}}}, "k3y9"),
        ({"headers": {"X-Pin": "k3y9"}}, "k3y9"),
        ({"headers": {"X-Vercel-Protection-Bypass": "b1p4"}}, "b1p4"),
        ({"headers": {"Cookie": "a=b;sid=s3ss-1;c=d"}}, "s3ss-1"),
        ({"headers": {"Cookie": 'a=b;  sid="s3ss-1"'}}, "s3ss-1"),
        ({"url": "https://sk_live_51Hx9aQ:@h"}, "sk_live_51Hx9aQ"),
        ({"url": "https://sk_live_51Hx9aQ@h"}, "sk_live_51Hx9aQ"),
        ({"url": "https://ghp_a1b2c3d4e5f6:x-oauth-basic@h"}, "ghp_a1b2c3d4e5f6"),
        ({"url": "https://0a1b2c3d4e5f60718293@h"}, "0a1b2c3d4e5f60718293"),
        ({"headers": {"Authorization": "Basic c2tfbGl2ZV81MUh4OWFROg=="}}, "sk_live_51Hx9aQ"),
        ({"login": {"path": "/l", "json": {"user": "smoke", "otp": 482913}}}, "482913"),
    ],
)
def test_configured_credentials_are_secret(of: dict[str, Any], secret: str) -> None:
    """Each alone is masked, wherever it turns up."""
    redact = Redactor(secrets_of(environment(**of)))
    assert redact(f"before {secret} after") == "before *** after"


def test_a_secret_that_cannot_be_masked_everywhere_is_named_once() -> None:
    """By its key, and not quoted; what is no secret for certain is no reason for advice."""
    headers = {"X-Api-Key": "admin", "X-Pin": "1234", "Cookie": "theme=dark; sid=abc", "X-Mode": "test"}
    login = {"path": "/l", "json": {"user": "smoke", "password": "postgres", "provider": "credentials", "remember": 1}}
    of = {"headers": headers, "login": login, "database": "postgresql://postgres:postgres@h/d"}
    notes = notes_on_secrets([environment(**of), environment(**{**of, "name": "production"})])
    assert [note.partition(" ")[0] for note in notes["preview"]] == [
        *("headers.X-Api-Key", "headers.X-Pin", "headers.Cookie.sid", "login.json.password", "database"),
    ]
    assert notes["production"] == []
    assert not any(word in "".join(notes["preview"]) for word in ("admin", "1234", "abc", "dark", "postgres"))
    assert notes_on_secrets([environment(headers={"X-Api-Key": "k3y-of-ours"})]) == {"preview": []}


@pytest.mark.parametrize("user", ["postgres", "smoke", "app_user"])
def test_a_user_of_a_database_stays_readable(user: str) -> None:
    """A remedy names the role that a right is to be granted to; the password beside it is masked."""
    redact = Redactor()
    of = environment(database=f"postgresql://{user}:p4ssword@h/d")
    learn(redact, [of], Path("none.yaml"), {})
    text = f"{user} may not read: GRANT SELECT ON chatbots TO {user}; smoke-1 is not in Postgres"
    assert redact(text) == text
    assert redact(f"a {user}:p4ssword@h b") == "a ***@h b"
    assert redact(f"user={user} password=p4ssword") == "user=*** password=***"


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


def test_ordinary_words_of_a_payload_and_a_query_are_not_secret() -> None:
    """Neither what is called by a harmless name, nor `auth_type: none`, nor the name that rows are found by."""
    payload: dict[str, Any] = {
        "name": "{name}",
        "auth_type": "none",
        "secret_name": "{name} of ours",
        "model": "gpt-of-ours",
    }
    payload |= {"max_tokens": 4096, "token_limit": 100000, "session": True, "shipping": "fast-and-safe", "key": "name"}
    of = environment(api={"create": "/api/chatbots?page=first-one", "payload": payload})
    assert list(secrets_of(of)) == []


def test_variables_called_like_credentials_are_secret(tmp_path: Path) -> None:
    """Wherever a file refers to them, but in a comment; not what the environment names in the open."""
    file = tmp_path / "environments.yaml"
    file.write_text("a: ${API_TOKEN:-x}\nb: ${TOKEN_COLUMN}\nc: ${PAGE}\n# ${OLD_SECRET}\n", encoding="utf-8")
    environ = {"API_TOKEN": "t0ken-1", "TOKEN_COLUMN": "public_token", "PAGE": "first-one", "OLD_SECRET": "s3cret-1"}
    found = secrets_of_variables(file, environ)
    assert found - words_of(environment()) == {"t0ken-1"}
    assert secrets_of_variables(tmp_path / "none.yaml", environ) == set()


def test_a_text_that_is_taken_as_masked_is_searched_again_once_more_is_known() -> None:
    """It is kept as it is until another secret is learned: a cookie that came later may stand in it."""
    redact = Redactor(["s3cr3t-one"])
    shown = redact("x" * 20_000 + " s3cr3t-one c00kie-two")
    redact.take_as_masked(shown)
    assert redact(shown) == shown
    redact.add(["c00kie-two"])
    assert redact(shown).endswith("*** ***")
