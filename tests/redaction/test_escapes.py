"""Whatever a secret is, and however its characters are escaped, nothing of it is left to read."""

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.redaction.redactor import MASK, Redactor
from harness.redaction.standing import is_common
from tests.support.examples import MANY

Spell = Callable[[str], str]
CHARACTERS: dict[str, Spell] = {
    "as it is": str,
    "percent": lambda c: "".join(f"%{byte:02X}" for byte in c.encode()),
    "percent, lower": lambda c: "".join(f"%{byte:02x}" for byte in c.encode()),
    "percent u": lambda c: "".join(f"%u{unit}" for unit in units(c)),
    "u": lambda c: "".join(f"\\u{unit}" for unit in units(c)),
    "u, upper": lambda c: "".join(f"\\u{unit.upper()}" for unit in units(c)),
    "u in braces": lambda c: f"\\u{{{ord(c):x}}}",
    "U": lambda c: f"\\U{ord(c):08x}",
    "x": lambda c: "".join(f"\\x{byte:02x}" for byte in c.encode()),
    "x, upper": lambda c: "".join(f"\\x{byte:02X}" for byte in c.encode()),
    "octal": lambda c: "".join(f"\\{byte:03o}" for byte in c.encode()),
    "HTML": lambda c: f"&#{ord(c)};",
    "HTML with noughts": lambda c: f"&#{ord(c):07};",
    "HTML, hexadecimal": lambda c: f"&#x{ord(c):x};",
    "HTML, upper": lambda c: f"&#X{ord(c):X};",
}
WHOLE: dict[str, Spell] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "HTML": html.escape,
    "repr": lambda text: repr(text)[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64, one byte on": lambda text: base64.b64encode(b"~" + text.encode()).decode().rstrip("="),
    "base64, two bytes on": lambda text: base64.b64encode(b"~~" + text.encode()).decode().rstrip("="),
    "base64 of URLs": lambda text: base64.urlsafe_b64encode(b"~" + text.encode()).decode().rstrip("="),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper": lambda text: text.encode().hex().upper(),
}
AROUND: dict[str, Spell] = {
    "nothing": str,
    "percent": lambda text: quote(text, safe=""),
    "JSON": json.dumps,
    "HTML": html.escape,
    "lower hexadecimal in a URL": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
}
SECRETS = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=0x1F9FF, exclude_categories=["Cs", "Cc", "Zl", "Zp", "Mn"]),
    min_size=4,
    max_size=30,
)


def units(character: str) -> list[str]:
    encoded = character.encode("utf-16-be")
    return [encoded[i : i + 2].hex() for i in range(0, len(encoded), 2)]


def can_be_told(secret: str) -> bool:
    """Not a secret that is too common to be masked, nor one of signs that an escape is made of."""
    return not is_common(secret) and sum(map(str.isalnum, secret)) >= 4 and "***" not in secret


@settings(deadline=None, derandomize=True, database=None, max_examples=MANY)
@given(SECRETS, st.lists(st.sampled_from(sorted(CHARACTERS)), min_size=1, max_size=9), st.sampled_from(sorted(AROUND)))
def test_any_secret_is_masked_however_its_characters_are_escaped(secret: str, kinds: list[str], around: str) -> None:
    """Each in a way of its own, some not at all, and all of it escaped again."""
    assume(can_be_told(secret))
    # A sign that begins an escape is escaped itself where others are: nobody could read it otherwise.
    ways = [kinds[n % len(kinds)] for n in range(len(secret))]
    ways = [
        "percent" if c in "\\%&" and way == "as it is" and len(kinds) > 1 else way
        for c, way in zip(secret, ways, strict=True)
    ]
    text = "".join(CHARACTERS[way](c) for c, way in zip(secret, ways, strict=True))
    masked = Redactor([secret])(AROUND[around](f"<{text}>"))
    assert MASK in masked
    assert masked.replace(MASK, "") == AROUND[around]("<>"), masked


@settings(deadline=None, derandomize=True, database=None, max_examples=MANY)
@given(SECRETS, st.sampled_from(sorted(WHOLE)), st.sampled_from(sorted(AROUND)))
def test_any_secret_is_masked_however_it_is_spelt_as_a_whole(secret: str, spelling: str, around: str) -> None:
    """Encoded, and that escaped again."""
    assume(can_be_told(secret))
    text = WHOLE[spelling](secret)
    assume(len(text) >= 6)
    masked = Redactor([secret])(AROUND[around](f"<{text}>"))
    assert MASK in masked
    left = masked.replace(MASK, "")
    assert len(left) <= len(AROUND[around]("<~~>")) + 12, masked  # digits that hold no bit of it


@pytest.mark.parametrize("secret", ["s3cr3t-K9x!", "k3y9", "a1b2c3", "482913", "pä55-wörd"])
@pytest.mark.parametrize("offset", [0, 1, 2])
def test_escapes_in_base64_are_undone(secret: str, offset: int) -> None:
    """JSON whose characters are escaped, inside a token."""
    inside = '{"password":"' + "".join(map(CHARACTERS["u"], secret)) + '"}'
    text = base64.b64encode(b"~" * offset + inside.encode()).decode()
    assert Redactor([secret])(f"a {text} b").rstrip("= b") == f"a {MASK}"


def test_an_escape_that_a_line_end_divides_is_undone() -> None:
    """As a body wrapped at a few columns."""
    text = "".join(map(CHARACTERS["percent"], "s3cr3t-K9x!"))
    wrapped = "\n".join(text[i : i + 10] for i in range(0, len(text), 10))
    assert Redactor(["s3cr3t-K9x!"])(wrapped) == MASK


@pytest.mark.parametrize(
    "text",
    [
        *(
            "%",
            "%4",
            "100 %",
            "\\",
            "\\u12",
            "\\x",
            "C:\\users\\x",
            "&",
            "&amp",
            "&#;",
            "&#x;",
            "&nosuch;",
            "\\u{110000}",
        ),
        *("&#" + "9" * 5000 + ";", "%zz", "&#0;", "\\U99999999", "a\\", "\\ud83d"),
    ],
)
def test_what_is_no_escape_stays(text: str) -> None:
    """Beside a secret that is masked."""
    assert Redactor(["s3cr3t-K9x!"])(f"{text} s3cr3t-K9x! {text}") == f"{text} {MASK} {text}"


def test_masking_of_escapes_takes_time_in_proportion() -> None:
    """Half a megabyte of each takes a part of a second; were it quadratic, it would take a quarter of an hour."""
    redact = Redactor(["s3cr3t-K9x!", "k3y9"])
    kinds = ("%41", "%41x", "\\u0041x", "\\", "&#65;x", "%25", "&amp;", "&a", "QUJD", "&#0", '"a\\n",\n', "x=\n")
    for kind in kinds:
        text = (kind * 500_000)[:500_000]
        began_s = time.monotonic()
        assert redact(text) == text
        assert time.monotonic() - began_s < 60, kind


# --- what stands as a credential --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("smoke-20260101-010101-0a1b2c3d-1", None),
        ("chatbots smoke: release", None),
        ("the role smoke may not read", None),
        ('GRANT SELECT ON chatbots TO "smoke"', None),
        ("token: smoke-20260101-010101-0a1b2c3d-1", None),
        ("smokes=smoker", None),
        ("https://smoke:x@host/", "https://***:x@host/"),
        ("https://smoke@host/", "https://***@host/"),
        ("postgresql://u:smoke@host/", "postgresql://u:***@host/"),
        ("user=smoke dbname=x", "user=*** dbname=x"),
        ('{"user": "smoke", "a": 1}', '{"user": "***", "a": 1}'),
        ('{"username":"Smoke"}', '{"username":"***"}'),
        ("{'email': 'smoke'}", "{'email': '***'}"),
        ('{\\"password\\":\\"smoke\\"}', '{\\"password\\":\\"***\\"}'),
        ("password%3Dsmoke%26a", "password%3D***%26a"),
        ("Authorization: Bearer smoke", "Authorization: Bearer ***"),
        ('password authentication failed for user "smoke"', 'password authentication failed for user "***"'),
        ("login=%73moke&x", "login=***&x"),
    ],
)
def test_a_common_word_is_masked_only_where_it_stands_as_a_credential(text: str, masked: str | None) -> None:
    """The same for user names and for passwords that are ordinary words; the report's own words stay."""
    redact = Redactor()
    redact.add_standing(["smoke"])
    assert redact(text) == Redactor(["smoke"])(text) == (text if masked is None else masked)


@pytest.mark.parametrize(
    "secret", ["postgres", "smoke", "admin", "password", "Secret", "test", "abc", "1234", "----", "chatbots"]
)
def test_common_secrets_are_told(secret: str) -> None:
    """Those that would eat a report, and those that anybody would guess."""
    assert is_common(secret)


@pytest.mark.parametrize("secret", ["k3y9", "482913", "hunter2", "wqzxv", "sk_live_51Hx9aQ", "s3cr", "aB3$"])
def test_other_short_secrets_are_masked_anywhere(secret: str) -> None:
    """They stand in no report by chance."""
    assert Redactor([secret])(f"an id-{secret}-x") == "an id-***-x"


def test_a_number_within_a_number_is_another_one() -> None:
    """So that ids, times and counts stay readable."""
    assert Redactor(["482913"])("id 14829137, pin 482913, 482913.") == "id 14829137, pin ***, ***."
